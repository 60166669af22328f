"""Files by path and by URI, written and read again: on this machine, in Amazon S3, and in any other object storage."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from airflow.sdk.io import attach
from fsspec import filesystem
from fsspec.implementations.memory import MemoryFileSystem
from rigs.disks import full_at
from rigs.imports import INVALID, ROWS, importing
from rigs.running import FakeTaskInstance, run

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


# Whole files, or none


def test_a_file_that_cannot_be_written_whole_is_not_written(tmp_path):
    """As on a disk that is full: what was there stays, and nothing is left beside it."""
    (tmp_path / "local").write_bytes(b"x" * 3 * PIECE)
    (tmp_path / "report.csv").write_text("yesterday's")
    for target in ("report.csv", "new.csv"):
        with full_at(PIECE), pytest.raises(StorageError, match=f"{target} cannot be written: .*File too large"):
            Storage().save(tmp_path / "local", str(tmp_path / target))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["local", "report.csv"]
    assert (tmp_path / "report.csv").read_text() == "yesterday's"


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_whoever_reads_the_old_file_reads_it_to_its_end(tmp_path, scheme):
    (tmp_path / "local").write_bytes(b"new")
    (tmp_path / "report.csv").write_bytes(b"old")
    with (tmp_path / "report.csv").open("rb") as file:
        Storage().save(tmp_path / "local", f"{scheme}{tmp_path}/report.csv")
        assert (file.read(), (tmp_path / "report.csv").read_bytes()) == (b"old", b"new")


class UnavailableError(Exception):
    """What a file system raises, as those of clouds do: no OSError."""


@pytest.mark.parametrize("place", ["memory://folder/report.csv", "s3://nosuch@bucket/report.csv"])
def test_whatever_keeps_a_report_from_its_place_the_summary_is_pushed(fake_wisdom, knowledge_base, place, monkeypatch):
    def put_file(*_, **__):
        raise UnavailableError("503 backend")

    attach("memory", fs=filesystem("memory"))
    monkeypatch.setattr(MemoryFileSystem, "put_file", put_file)
    ti = FakeTaskInstance()
    with pytest.raises(StorageError, match=r"report.csv cannot be written: (503|The Airflow connection 'nosuch')"):
        run(importing(knowledge_base, failed_records_path=place, on_failed_records="warn"), ti=ti)
    assert ti.xcoms["return_value"]["rowsImported"] == len(ROWS)


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "local").write_bytes(b"new")
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    Storage().save(tmp_path / "local", str(tmp_path / "link.csv"))
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"


def test_a_file_keeps_its_permissions_and_a_new_one_has_the_usual_ones(tmp_path):
    (tmp_path / "local").write_bytes(b"new")
    (tmp_path / "local").chmod(0o600)
    (tmp_path / "usual.csv").touch()
    (tmp_path / "old.csv").touch()
    (tmp_path / "old.csv").chmod(0o640)
    for name in ("old.csv", "new.csv"):
        Storage().save(tmp_path / "local", str(tmp_path / name))
    modes = {name: (tmp_path / name).stat().st_mode for name in ("old.csv", "new.csv", "usual.csv")}
    assert (modes["old.csv"] & 0o777, modes["new.csv"]) == (0o640, modes["usual.csv"])


def test_what_is_no_file_is_not_replaced(tmp_path):
    (tmp_path / "local").write_bytes(b"new")
    Storage().save(tmp_path / "local", "/dev/null")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(StorageError, match="Is a directory"):
        Storage().save(tmp_path / "local", str(tmp_path))


@pytest.mark.parametrize("uri", ["nosuch://place/file", "file:///proc/nosuch/file", "/proc/nosuch/file", "s3://bucket"])
def test_a_place_that_cannot_be_written_or_read_is_named(fake_wisdom, tmp_path, uri):
    (tmp_path / "local").write_bytes(b"x")
    with pytest.raises(StorageError, match=f"{uri} cannot be written"):
        Storage().save(tmp_path / "local", uri)
    with pytest.raises(SourceError, match=f"{uri} cannot be read"):
        read(uri)
