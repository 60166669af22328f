"""Files by path and by URI, written and read again: on this machine, in Amazon S3, and in any other object storage."""

from __future__ import annotations

import uuid

import pytest
from airflow.sdk.io import attach
from fsspec import filesystem
from rigs.imports import INVALID, ROWS, importing
from rigs.running import run

from airflow_wisdom.exceptions import SourceError, StorageError
from airflow_wisdom.storage import Storage
from airflow_wisdom.streams import PIECE


@pytest.fixture(params=["path", "s3", "file", "memory"])
def folder(request, tmp_path):
    """A folder that does not exist yet, in each kind of place."""
    if request.param == "s3":
        fake = request.getfixturevalue("fake_wisdom")
        fake.client("s3").create_bucket(Bucket="bucket")
        return "s3://bucket/new"
    if request.param == "memory":
        attach("memory", fs=filesystem("memory"))
        return f"memory://{uuid.uuid4()}/new"
    return f"{'file://' if request.param == 'file' else ''}{tmp_path}/new"


def read(uri):
    with Storage().open(uri) as file:
        return file.read()


def test_what_is_written_anywhere_can_be_read_there(folder, tmp_path):
    local = tmp_path / "local"
    for content in (b"x" * (3 * PIECE + 1), b"shorter, and in its place"):
        local.write_bytes(content)
        Storage().save(local, f"{folder}/deep/er/report.csv")
        assert read(f"{folder}/deep/er/report.csv") == content


def test_an_import_reads_from_and_writes_to_any_place(folder, fake_wisdom, knowledge_base):
    """Invalid rows, fixed and imported; refused records, read again."""
    invalid, failed = f"{folder}/invalid.csv", f"{folder}/failed.csv"
    run(importing(knowledge_base, [*ROWS[:3], *INVALID], on_invalid_rows="skip", invalid_rows_path=invalid))
    text = read(invalid).decode()
    assert (text.count("\n"), "kkkkkkkkkkk" in text) == (4, True)
    run(importing(knowledge_base, ROWS[2:5], failed_records_path=failed, on_failed_records="warn"))
    assert b"Answer 3" in read(failed)
    assert b"Answer 4" not in read(failed)


@pytest.mark.parametrize("uri", ["nosuch://place/file", "file:///proc/nosuch/file", "/proc/nosuch/file", "s3://bucket"])
def test_a_place_that_cannot_be_written_or_read_is_named(fake_wisdom, tmp_path, uri):
    (tmp_path / "local").write_bytes(b"x")
    with pytest.raises(StorageError, match=f"{uri} cannot be written"):
        Storage().save(tmp_path / "local", uri)
    with pytest.raises(SourceError, match=f"{uri} cannot be read"):
        read(uri)
