"""The bytes of a file, unpacked where its content says that it is compressed."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import re
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.rows.mistake import listing
from airflow_wisdom.rows.reading.binary import on_disk

if TYPE_CHECKING:
    from collections.abc import Callable

    Failed = Callable[[BaseException], SourceError]

CHUNK = 1 << 16
"""Bytes that are read, and unpacked, at once."""

MOST_LAYERS = 2
"""How often a file may be compressed: once by who made it, and once by what stored it."""

_OFFICE = frozenset({"[Content_Types].xml", "mimetype", "Index/Document.iwa"})
"""What is in the archives that the documents of Microsoft, of LibreOffice, and of Apple are."""

_ZSTD_LIBRARIES = ("compression.zstd", "backports.zstd")


class _Pieces(io.RawIOBase):
    """Whatever has a `read`, as a raw file that fills its buffer, since one look has to show how a file begins."""

    def __init__(self, file: Any, error: type[Exception], failed: Failed) -> None:
        self._file = file
        self._error = error
        self._failed = failed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = 0
        while size < len(buffer):
            try:
                piece = self._file.read(len(buffer) - size)
            except SourceError:
                raise
            except self._error as exc:
                raise self._failed(exc) from exc
            if not piece:
                break
            buffer[size : size + len(piece)] = piece
            size += len(piece)
        return size


def opened(file: BinaryIO) -> io.BufferedReader:
    """Return a file as one that can be peeked into, and whose errors are those of this package.

    :param file: The file, opened in binary mode; it is never closed.
    """
    failed = lambda exc: SourceError(f"The file cannot be read to its end: {exc}")  # noqa: E731 - a name says which
    return io.BufferedReader(_Pieces(file, OSError, failed), CHUNK)


def unpacked(stream: io.BufferedReader) -> io.BufferedReader:
    """Return the bytes of a file, unpacked as they are read, if its first bytes say that it is compressed.

    :param stream: What :func:`opened` returned.
    :raises SourceFormatError: It is an archive that cannot be unpacked; later, while it is read: it is damaged.
    """
    for _ in range(MOST_LAYERS + 1):
        head = stream.peek(CHUNK)
        unpack = next((unpack for magic, unpack in _UNPACK.items() if magic.match(head)), None)
        if unpack is None:
            return stream
        stream = unpack(stream)
    raise SourceFormatError(f"The file is compressed more than {MOST_LAYERS} times: unpack it first")


def _unpacked(name: str, file: Any) -> io.BufferedReader:
    failed = lambda exc: SourceFormatError(f"The {name} file is damaged, or not complete: {exc}")  # noqa: E731 - as above
    # Of a damaged file the libraries raise whatever comes first.
    return io.BufferedReader(_Pieces(file, Exception, failed), CHUNK)


def _gzip(stream: io.BufferedReader) -> io.BufferedReader:
    return _unpacked("gzip", gzip.GzipFile(fileobj=stream))


def _bzip2(stream: io.BufferedReader) -> io.BufferedReader:
    return _unpacked("bzip2", bz2.BZ2File(stream))


def _zstd(stream: io.BufferedReader) -> io.BufferedReader:
    return _unpacked("Zstandard", _zstd_library().ZstdFile(stream))


def _zstd_library() -> Any:
    for name in _ZSTD_LIBRARIES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise SourceFormatError(
        "The file is compressed with Zstandard, and the library for it is missing: install airflow-wisdom[zstd], or "
        "unpack the file first"
    )


def _zip(stream: io.BufferedReader) -> io.BufferedReader:
    """Return the one file in a ZIP archive, from a copy on disk: its directory is at its end, and it may be large."""
    copy = on_disk(stream)
    try:
        archive = zipfile.ZipFile(copy)
        return _unpacked("ZIP", archive.open(_one_file(archive)))
    except SourceError:
        raise
    except Exception as exc:
        raise SourceFormatError(f"The ZIP archive cannot be unpacked: {exc}") from exc


def _one_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    names = archive.namelist()
    if not _OFFICE.isdisjoint(names):
        raise SourceFormatError("The file is an Excel workbook or another Office document: export it as CSV in UTF-8")
    files = [each for each in archive.infolist() if not each.is_dir() and not _is_hidden(each.filename)]
    if len(files) != 1:
        found = f": {listing([each.filename for each in files])}" if files else ""
        raise SourceFormatError(f"The ZIP archive must hold one file, not {len(files):,}{found}")
    return files[0]


def _is_hidden(name: str) -> bool:
    """Return whether nobody has put a file into an archive on purpose, such as what macOS adds of its own."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


_UNPACK: dict[re.Pattern[bytes], Callable[[io.BufferedReader], io.BufferedReader]] = {
    re.compile(rb"\x1f\x8b\x08"): _gzip,
    re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"): _bzip2,
    re.compile(rb"\x28\xb5\x2f\xfd"): _zstd,
    re.compile(rb"PK(?:\x03\x04|\x05\x06)"): _zip,
}
