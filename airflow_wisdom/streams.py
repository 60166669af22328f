"""Files that are read as they come, and must not change meanwhile; what goes wrong is an error of the source."""

from __future__ import annotations

import io
import os
import stat
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_wisdom.exceptions import SourceError
from airflow_wisdom.places import beside, briefly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PIECE = 1024 * 1024
"""Bytes that are asked of a file at once."""

_ENDLESS = "is not a regular file: it may never end. Save what it gives to a file"
_NOT_UNPACKED = frozenset({"br", "compress", "deflate"})
# What file systems call what says that a file is another one than before.
_SIGNS = frozenset({"size", "mtime", "etag", "lastmodified", "last_modified", "updated", "generation", "md5hash"})


class _Stream(io.RawIOBase):
    """Whatever has a `read`, as a raw file whose errors say which file it is."""

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._file.read(len(buffer))
        except Exception as exc:
            # Each file system has errors of its own.
            raise _unfit(self._name, f"cannot be read to its end: {exc}") from exc
        buffer[: len(piece)] = piece
        return len(piece)

    def seekable(self) -> bool:
        return bool(self._file.seekable()) if hasattr(self._file, "seekable") else False

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())


@contextmanager
def of_path(path: Path) -> Iterator[BinaryIO]:
    """Open a file on this machine.

    :param path: Where it is.
    :raises SourceError: It is a pipe or a device, which may never end, or it changes while it is read.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise _unfit(str(path), _ENDLESS)
    with path.open("rb", buffering=0) as file, _unchanged(str(path), _signs_of(file), lambda: _signs_of(file)):
        yield _buffered(file, str(path))


def _signs_of(file: io.FileIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


@contextmanager
def of_s3(client: Any, bucket: str, key: str) -> Iterator[BinaryIO]:
    """Open an object of Amazon S3; AWS operations ``GetObject`` and, once it is read, ``HeadObject``.

    :param client: boto3's client.
    :param bucket: The bucket.
    :param key: The key.
    :raises SourceError: It has a ``Content-Encoding`` that cannot be unpacked, or another object takes its place while
        it is read.
    """
    name = f"s3://{bucket}/{key}"
    found = client.get_object(Bucket=bucket, Key=key)
    with closing(found["Body"]) as body:
        encodings = {each.strip().lower() for each in (found.get("ContentEncoding") or "").split(",")}
        if encodings & _NOT_UNPACKED:
            raise _unfit(
                name,
                f"cannot be read: it has the Content-Encoding {found['ContentEncoding']}. Store it as it is, or "
                "compressed with gzip, bzip2 or Zstandard",
            )
        with _unchanged(name, found["ETag"], lambda: client.head_object(Bucket=bucket, Key=key)["ETag"]):
            yield _buffered(body, name)


@contextmanager
def of_object_storage(path: Any) -> Iterator[BinaryIO]:
    """Open a file of any other storage that Airflow reaches.

    :param path: Airflow's ``ObjectStoragePath``.
    :raises SourceError: It is a pipe or a device, or it changes while it is read.
    """
    name = str(path)
    if path.fs.info(path.path).get("type") == "other":
        raise _unfit(name, _ENDLESS)
    with path.open("rb") as file, _unchanged(name, _signs_in(path), lambda: _signs_in(path)):
        yield _buffered(file, name)


def _signs_in(path: Any) -> dict[str, Any]:
    path.fs.invalidate_cache()
    return {name: value for name, value in path.fs.info(path.path).items() if name.lower() in _SIGNS}


def _buffered(file: Any, name: str) -> BinaryIO:
    return io.BufferedReader(_Stream(file, name), PIECE)


@contextmanager
def _unchanged(name: str, before: Any, signs: Callable[[], Any]) -> Iterator[None]:
    """Refuse a file whose signs are others after the block than before, whatever the block made of it."""
    try:
        yield
    except SourceError as exc:
        if _differ(before, signs):
            raise _changed(name) from exc
        raise
    if _differ(before, signs):
        raise _changed(name)


def _differ(before: Any, signs: Callable[[], Any]) -> bool:
    try:
        return bool(signs() != before)
    except Exception:  # noqa: BLE001 - it is gone, or cannot be reached: nobody knows what was read
        return True


def _changed(name: str) -> SourceError:
    return _unfit(name, "was written while it was read, so that a part of it may be missing: wait until it is complete")


def _unfit(name: str, why: str) -> SourceError:
    """Return the error of a file; what is wrong with it comes before the whole of a long path."""
    return SourceError(f"{briefly(name)} {why}", where={"path": beside(name)})
