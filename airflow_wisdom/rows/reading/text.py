"""The bytes of a file as lines of text."""

from __future__ import annotations

import codecs
import io
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from airflow_wisdom.exceptions import SourceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_LINE = 1_000_000
"""The longest line that is read, in characters: a file without line ends must not fill the memory."""

_CHUNK = 1 << 16
_OTHER_FORMATS = {
    b"\xff\xfe": "is encoded in UTF-16: save it as UTF-8",
    b"\xfe\xff": "is encoded in UTF-16: save it as UTF-8",
    b"PK\x03\x04": "is an Excel workbook or another ZIP archive: export it as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: export it as CSV in UTF-8",
    b"\x1f\x8b": "is compressed: unpack it first",
}


def begin(file: BinaryIO) -> tuple[bytes, Iterator[bytes]]:
    """Return the first chunk of the file, and all chunks."""
    chunks = iter(lambda: file.read(_CHUNK), b"")
    first = next(chunks, b"")
    for magic, problem in _OTHER_FORMATS.items():
        if first.startswith(magic):
            raise SourceFormatError(f"The file {problem}")
    return first, chain([first], chunks)


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines with their ends, of any of the three kinds, as the csv module wants them."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    before, rest = 0, ""
    for chunk in chain(chunks, [b""]):
        text = rest + _decode(decoder, chunk, before, rest)
        found = _split(text)
        # A "\r" at the end may be half of a "\r\n".
        rest = found.pop() if chunk and found and not found[-1].endswith("\n") else ""
        if len(rest) > MAX_LINE:
            raise SourceFormatError(f"A line is longer than {MAX_LINE:,} characters", line=before + len(found) + 1)
        yield from found
        before += len(found)


def _split(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, before: int, rest: str) -> str:
    """Decode a chunk; `before` lines and the text `rest` came before it."""
    try:
        text = decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError as error:
        read = error.object[: error.start].decode("utf-8", "replace")
        raise SourceFormatError(
            f"The file is not encoded in UTF-8: it has the byte 0x{error.object[error.start]:02X}. Save it as UTF-8",
            line=before + len(_split(f"{rest}{read}.")),
        ) from None
    if "\0" in text:
        raise SourceFormatError(
            "The file has a NUL byte: it is encoded in UTF-16, or no text at all. Save it as UTF-8",
            line=before + len(_split(f"{rest}{text.partition(chr(0))[0]}.")),
        )
    return text


class EmptyFileError(SourceFormatError):
    """There is nothing in a file."""


def empty() -> EmptyFileError:
    """Return the error of a source without anything in it."""
    return EmptyFileError("The file is empty")
