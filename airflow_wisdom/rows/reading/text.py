"""The bytes of a file as lines of text."""

from __future__ import annotations

import codecs
import io
from itertools import chain
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.reading.packed import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE = 1_000_000
"""The longest line that is read, in characters: a file without line ends must not fill the memory."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte-order mark -> encoding. The first that fits: that of UTF-16 is half of one of UTF-32."""

_TRY = 'Save it as UTF-8, or pass its encoding, such as encoding="cp1252", which Excel on Windows writes'
# They escape what no file of text has, halves of surrogate pairs too, or stand for nothing.
_NO_FILES = frozenset({"utf-7", "unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"})
# What a name stands for in a file without byte-order mark.
_PLAIN = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


def check_encoding(encoding: str) -> None:
    """Refuse an encoding that there is not.

    :param encoding: Its name, as Python knows it.
    :raises ValueError: It is the name of none, or of one that no file has.
    """
    try:
        known = _name(encoding) not in _NO_FILES and isinstance(b"a".decode(encoding, "replace"), str)
    except (LookupError, UnicodeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"encoding must be one that Python knows, such as cp1252 or utf-16, not {encoding!r:.100}")


def encoding_of(head: bytes, given: str | None) -> tuple[int, str]:
    """Return how long the byte-order mark of a file is, and which encoding the file has.

    :param head: The first bytes of the file.
    :param given: The encoding that a user names; a byte-order mark takes precedence, as it does in browsers.
    """
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return len(mark), encoding
    name = _name(given or "utf-8")
    return 0, _PLAIN.get(name, name)


def _name(encoding: str) -> str:
    return codecs.lookup(encoding).name.replace("_", "-")


def beginning(head: bytes, given: str | None) -> str:
    """Return the first characters of a file.

    :param head: Its first bytes.
    :param given: As for :func:`encoding_of`.
    """
    mark, encoding = encoding_of(head, given)
    return head[mark:].decode(encoding, "ignore")


def pieces(stream: io.BufferedReader, encoding: str | None = None) -> Iterator[str]:
    """Yield the text of a file, in pieces.

    :param stream: The file.
    :param encoding: As for :func:`encoding_of`.
    :raises SourceFormatError: The file is of another encoding.
    """
    decoder, lines = _Decoder(stream, encoding), 0
    for chunk in chain(iter(lambda: stream.read(CHUNK), b""), [b""]):
        text = decoder.decode(chunk, lines, "")
        lines += text.count("\n")
        yield text


def chunks_of_lines(stream: io.BufferedReader, encoding: str | None = None) -> Iterator[list[str]]:
    """Yield the lines with their ends, of any of the three kinds, as the csv module wants them, in chunks.

    Ctrl-Z at the end of a file, by which DOS ended it, ends the last line.

    :param stream: The file.
    :param encoding: As for :func:`encoding_of`.
    :raises SourceFormatError: A line is too long, or the file is of another encoding.
    """
    decoder = _Decoder(stream, encoding)
    before, rest = 0, ""
    for chunk in chain(iter(lambda: stream.read(CHUNK), b""), [b""]):
        text = rest + decoder.decode(chunk, before, rest)
        if not chunk and text.endswith("\x1a"):
            text = text.rstrip("\x1a") + "\n"
        found = _split(text)
        # A "\r" at the end may be half of a "\r\n".
        rest = found.pop() if chunk and found and not found[-1].endswith("\n") else ""
        if len(rest) > MAX_LINE:
            raise SourceFormatError(f"A line is longer than {MAX_LINE:,} characters", line=before + len(found) + 1)
        if found:
            yield found
        before += len(found)


class EmptyFileError(SourceFormatError):
    """There is nothing in a file."""


def empty() -> EmptyFileError:
    """Return the error of a source without anything in it."""
    return EmptyFileError("The file is empty")


def _split(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


class _Decoder:
    """Decodes a file in pieces, and says where and why that is not possible."""

    def __init__(self, stream: io.BufferedReader, given: str | None) -> None:
        self._read, self._encoding = encoding_of(stream.peek(CHUNK), given)
        stream.read(self._read)
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self._utf_8 = codecs.getincrementaldecoder("utf-8")() if _is_of_single_bytes(self._encoding) else None
        self._has_others = False

    def decode(self, chunk: bytes, before: int, rest: str) -> str:
        """Decode a chunk, the last of which is empty; `before` lines and the text `rest` came before it."""
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            read = error.object[: error.start].decode(self._encoding, "replace")
            line, place = before + len(_split(f"{rest}{read}.")), self._read - pending + error.start + 1
            raise SourceFormatError(self._problem(error, chunk, place), line=line) from None
        if "\0" in text:
            line = before + len(_split(f"{rest}{text.partition(chr(0))[0]}."))
            raise SourceFormatError(self._binary(chunk), line=line)
        self._read += len(chunk)
        self._watch(chunk)
        return text

    def _problem(self, error: UnicodeDecodeError, chunk: bytes, place: int) -> str:
        if b"\0" in chunk and self._encoding == "utf-8":
            return self._binary(chunk)
        name = self._encoding.upper()
        byte = f"byte 0x{error.object[error.start]:02X}, byte {place:,} of the file"
        if not chunk:
            return f"The file ends in the middle of a character of {name} ({byte}): is it still being written? {_TRY}"
        other = "Leave encoding out for UTF-8, or pass another"
        return f"The file is not encoded in {name}: it has the {byte}. {_TRY if name == 'UTF-8' else other}"

    def _binary(self, chunk: bytes) -> str:
        order = "le" if chunk.find(b"\0") % 2 else "be"
        return (
            "The file has a NUL byte: it is encoded in UTF-16 without byte-order mark, or no text at all. Save it as "
            f'UTF-8, or pass encoding="utf-16-{order}"'
        )

    def _watch(self, chunk: bytes) -> None:
        """Refuse UTF-8 that is read as an encoding in which any bytes are text, though a wrong one."""
        if self._utf_8 is None:
            return
        try:
            self._has_others |= not self._utf_8.decode(chunk, final=not chunk).isascii()
        except UnicodeDecodeError:
            self._utf_8 = None
            return
        if not chunk and self._has_others:
            raise SourceFormatError(
                f"The file is encoded in UTF-8, and would be garbled if read as {self._encoding}: leave encoding out"
            )


def _is_of_single_bytes(encoding: str) -> bool:
    return len(bytes(range(256)).decode(encoding, "replace")) == 256 and encoding != "utf-8"  # noqa: PLR2004 - one each
