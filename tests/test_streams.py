"""Files that cannot be read to their end, never end, or change while they are read."""

from __future__ import annotations

import errno
import io
import os
import uuid
from pathlib import Path

import pytest
from airflow.sdk.io import attach
from fsspec import filesystem
from rigs.imports import importing
from rigs.running import run

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.rows import read
from airflow_wisdom.sources import FileSource
from airflow_wisdom.storage import Storage


class Place:
    """Somewhere a file can be, to be written and to be read."""

    def __init__(self, uri, write):
        self.uri, self.write = uri, write


@pytest.fixture(params=["path", "file", "s3", "memory"])
def place(request, tmp_path):
    if request.param in ("path", "file"):
        prefix = "file://" if request.param == "file" else ""
        return Place(f"{prefix}{tmp_path / 'a.csv'}", (tmp_path / "a.csv").write_bytes)
    if request.param == "s3":
        s3 = request.getfixturevalue("fake_wisdom").client("s3")
        s3.create_bucket(Bucket="bucket")
        return Place("s3://bucket/a.csv", lambda data: s3.put_object(Bucket="bucket", Key="a.csv", Body=data))
    fs = filesystem("memory")
    attach("memory", fs=fs)
    path = f"/{uuid.uuid4()}/a.csv"
    return Place(f"memory:/{path}", lambda data: fs.pipe_file(path, data))


GOOD = b"Name,Content\nHello,Good morning\nBye,So long\n"


def test_a_file_that_stays_as_it_is_is_read(place):
    place.write(GOOD)
    with FileSource(place.uri, Storage()).open() as table:
        assert [row.values["Name"] for row in table.rows] == ["Hello", "Bye"]


@pytest.mark.parametrize("becomes", [GOOD + b"Thanks,You are welcome\n", GOOD.replace(b"long", b"looong"), b""])
def test_a_file_that_changes_while_it_is_read_is_refused(place, becomes):
    place.write(GOOD)
    with (  # noqa: PT012 - it changes within
        pytest.raises(SourceError, match="was written while it was read") as raised,
        FileSource(place.uri, Storage()).open() as table,
    ):
        next(table.rows)
        place.write(becomes)
        list(table.rows)
    # How many slashes a scheme without hosts has, differs between versions of Airflow.
    assert place.uri.rpartition("//")[2].lstrip("/") in str(raised.value)


def test_an_object_that_is_gone_before_it_is_read_may_not_be_what_was_meant(fake_wisdom):
    s3 = fake_wisdom.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a.csv", Body=GOOD)
    with pytest.raises(SourceError, match="was written while it was read"), Storage().open("s3://bucket/a.csv"):
        s3.delete_object(Bucket="bucket", Key="a.csv")


def test_a_file_that_is_replaced_as_a_whole_was_read_as_it_was(tmp_path):
    """As writers do who know that somebody may be reading."""
    path, other = tmp_path / "a.csv", tmp_path / "other"
    path.write_bytes(GOOD)
    other.write_bytes(b"Name,Content\n")
    with FileSource(str(path), Storage()).open() as table:
        next(table.rows)
        other.replace(path)
        assert [row.values["Name"] for row in table.rows] == ["Bye"]


def test_a_file_that_ends_in_half_a_row_while_it_grows_is_said_to_grow(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"Name,Content\nHello,Good morning\nBye")
    with (  # noqa: PT012 - it changes within
        pytest.raises(SourceError, match="was written while") as raised,
        FileSource(str(path), Storage()).open() as table,
    ):
        os.utime(path, (0, 0))
        list(table.rows)
    assert isinstance(raised.value.__cause__, SourceFormatError)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: Path(path).symlink_to("/dev/zero")])
@pytest.mark.parametrize("prefix", ["", "file://"])
def test_what_may_never_end_is_not_opened(tmp_path, make, prefix):
    make(tmp_path / "a.csv")
    with pytest.raises(SourceError, match="not a regular file"):
        next(FileSource(f"{prefix}{tmp_path / 'a.csv'}", Storage()).open().__enter__().rows)


def test_no_task_hangs_on_a_pipe(fake_wisdom, knowledge_base, tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(SourceError, match="not a regular file"):
        run(importing(knowledge_base, str(tmp_path / "a.csv")))


class Broken(io.BytesIO):
    """A file of which the disk gives the beginning, and then an error."""

    def __init__(self, error):
        super().__init__(b"Name,Content\n" + b"Hello,Good morning\n" * 100)
        self.error = error

    def read(self, size=-1):
        piece = super().read(min(size, 1000))
        if not piece:
            raise self.error
        return piece


def test_an_error_of_the_disk_is_one_of_the_source():
    with pytest.raises(SourceError, match="cannot be read to its end") as raised:
        list(read(Broken(OSError(errno.EIO, "Input/output error"))).rows)
    assert isinstance(raised.value.__cause__, OSError)


class BrokenFileSystem(type(filesystem("memory"))):
    """A storage whose connection breaks off, with an error of its own."""

    def _open(self, *args, **kwargs):
        return Broken(RuntimeError("connection lost"))


def test_an_error_of_a_storage_says_which_file():
    filesystem("memory").pipe_file("/broken.csv", b"")
    attach("memory", conn_id="broken", fs=BrokenFileSystem())
    source = FileSource("memory:///broken.csv", Storage(conn_id="broken"))
    lost = pytest.raises(SourceError, match=r"broken\.csv cannot be read to its end: connection lost")
    with lost, source.open() as table:
        list(table.rows)


def test_an_error_of_somebody_else_is_not_blamed_on_the_file(tmp_path):
    """As of the disk to which import files are written, while the source is read."""
    (tmp_path / "a.csv").write_bytes(GOOD)
    with pytest.raises(OSError, match="No space left"), FileSource(str(tmp_path / "a.csv"), Storage()).open():
        raise OSError(errno.ENOSPC, "No space left")


@pytest.mark.parametrize("encoding", ["br", "gzip, br", "deflate"])
def test_what_amazon_s3_cannot_unpack_is_refused(fake_wisdom, encoding):
    s3 = fake_wisdom.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a.csv", Body=b"\x8b", ContentEncoding=encoding)
    with (
        pytest.raises(SourceError, match=f"Content-Encoding {encoding}"),
        FileSource("s3://bucket/a.csv", Storage()).open(),
    ):
        pass
