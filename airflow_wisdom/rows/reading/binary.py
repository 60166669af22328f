"""What the formats that are no text have in common: a library of their own, and a file in which one can go back."""

from __future__ import annotations

import io
import shutil
import tempfile
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_wisdom.exceptions import SourceError, SourceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator


def library(module: str, what: str, extra: str) -> Any:
    """Return a library that reads a format.

    :param module: Name of its module.
    :param what: What the format is called.
    :param extra: The extra of this package that installs it.
    :raises SourceError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as exc:
        install = f"pip install 'airflow-wisdom[{extra}]'"
        raise SourceError(f"The file is {what}, and the library for it is missing: {install}") from exc


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn whatever a library raises, for a block, into errors of this package; for a damaged file it may be anything.

    :param what: What the file is.
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as exc:
        raise SourceFormatError(f"The file is no {what}, or damaged: {str(exc) or type(exc).__name__}") from exc


def on_disk(stream: BinaryIO) -> BinaryIO:
    """Return a file in which one can go back: a copy in the temporary folder, as libraries of such formats need it.

    :param stream: The file, from where it stands.
    """
    return io.BufferedReader(_Copy(stream))


class _Copy(io.RawIOBase):
    """A copy of a stream, which is gone with the last reference to it, whether it was read or not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        shutil.copyfileobj(file, self._file)
        self._file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()
        super().close()
