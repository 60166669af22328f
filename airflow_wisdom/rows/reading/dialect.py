"""How a CSV is written: what is between its cells, where its header ends, and what is no part of its rows."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from airflow_wisdom.rows.cells import RESERVED
from airflow_wisdom.rows.reading.text import empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_wisdom.rows.reading.table import Knows

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
"""What may separate the cells of a CSV whose delimiter is not given, and what it is called."""

SPELT = {"\\t": "\t", "tab": "\t"}
"""How a delimiter may be given that is hard to type."""

MAX_RECORD = 1_000_000
"""The longest row that is read, in characters: one with a quote that is never closed must not fill the memory."""

_NO_DELIMITERS = '"\r\n '
_SEPARATOR = re.compile(r'"?sep=(?P<delimiter>[^" \r\n])"?\s*', re.IGNORECASE)
# What joins files, or ends them, and is no text.
_MARKS = "\ufeff\x1a"
_BYTE_ORDER_MARK = "\ufeff"
# Where a quote is left over, a quoted label was divided.
_LABEL = re.compile(r'[^"\w]*\w[^"]*\Z')
_LOOSE = re.compile('[ \t]+"')


def check_delimiter(delimiter: Any) -> str:
    """Return a delimiter as the character that it is.

    :param delimiter: The character, or a word of :data:`SPELT`.
    :raises ValueError: It is not one character, or one that cannot separate cells.
    """
    character = SPELT.get(delimiter, delimiter) if isinstance(delimiter, str) else ""
    if len(character) != 1 or character in _NO_DELIMITERS:
        raise ValueError(f"delimiter must be one character, such as a comma, or tab, not {delimiter!r:.100}")
    return character


class _TooLongError(csv.Error):
    """A row is longer than any that is meant."""


class Feed:
    """The rows of a CSV as the csv module reads them, and what it does not tell of the one that it has read last.

    Byte-order marks and Ctrl-Z before a row, as joined files have them, are no text of it; neither are blanks between a
    delimiter and a quoted cell. Lines come in chunks, since hardly any of them has to be looked at for itself; from the
    first on that has such blanks, each has.

    :param chunks: The lines.
    :param delimiter: What separates the cells.
    :param skipped: How many lines of the file are before them.
    """

    def __init__(self, chunks: Iterator[list[str]], delimiter: str, skipped: int = 0) -> None:
        self.line = skipped + 1
        """The first line of the row."""
        self.marked = 0
        """The first line of the last row that stood behind a byte-order mark."""
        self.last = ""
        """The last line of the chunk."""
        self._chunks = chunks
        self._delimiter = delimiter
        self._skipped = skipped
        self._kept: list[str] = []
        self._kept_from = self.line
        self._lines = self._whole_chunks()
        self._is_careful = False
        self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
        blanks, end = ("[ ]*" if delimiter == "\t" else "[ \t]*"), f"(?:{re.escape(delimiter)}|[\r\n]|\\Z)"
        text = '[^"]*(?:""[^"]*)*'
        self._quoted = re.compile(f'{blanks}(?P<cell>"{text}(?:"(?!")(?={blanks}{end})|\\Z)){blanks}')
        self._closed = re.compile(f'(?P<cell>{text}"(?!")){blanks}(?={end})')
        self._to_next = re.compile(f"[^{re.escape(delimiter)}]*{end}")

    def __iter__(self) -> Iterator[tuple[int, int, list[str]]]:
        """Yield each row that is no blank line: its first line, how many lines it has, and its cells.

        :raises csv.Error: It is no CSV; `line` says where.
        """
        while True:
            self.line = line = self._skipped + self._reader.line_num + 1
            cells = self._next()
            if cells is None:
                return
            if cells:
                yield line, self._skipped + self._reader.line_num + 1 - line, cells

    def _next(self) -> list[str] | None:
        """Return the next row, empty for a blank line; None if there is no other."""
        try:
            cells = next(self._reader, None)
            if self._is_careful or not cells or not _is_loose(cells):
                return cells
        except csv.Error as error:
            if self._is_careful or isinstance(error, _TooLongError):
                raise
        self._be_careful()
        return next(self._reader, None)

    def _be_careful(self) -> None:
        """Go back to the beginning of the row, and look at each line from there on."""
        read = self._kept[self.line - self._kept_from : self._skipped + self._reader.line_num + 1 - self._kept_from]
        self._is_careful, self._skipped = True, self.line - 1
        self._reader = csv.reader(
            map(self._tightened, chain(read, self._lines)), delimiter=self._delimiter, strict=True
        )

    def _whole_chunks(self) -> Iterator[str]:
        number, size = self.line, 0
        for chunk in self._chunks:
            text = "".join(chunk)
            if self.line >= number:
                self._kept, self._kept_from, size = chunk, number, 0
            else:
                self._kept, self._kept_from = self._kept[self.line - self._kept_from :] + chunk, self.line
                size += len(text)
            if size > MAX_RECORD:
                raise _TooLongError(f"it is longer than {MAX_RECORD:,} characters")
            self.last = chunk[-1]
            number += len(chunk)
            yield from map(self._unmarked, chunk) if any(mark in text for mark in _MARKS) else chunk

    def _is_at_row(self) -> bool:
        return self._skipped + self._reader.line_num + 1 == self.line

    def _unmarked(self, line: str) -> str:
        if line[0] not in _MARKS or not self._is_at_row():
            return line
        rest = line.lstrip(_MARKS)
        self.marked = self.line if _BYTE_ORDER_MARK in line[: len(line) - len(rest)] else 0
        return rest

    def _tightened(self, line: str) -> str:
        """Return a line without the blanks between its delimiters and its quoted cells."""
        line = self._unmarked(line)
        return "".join(self._pieces(line, begins=self._is_at_row())) if '"' in line else line

    def _pieces(self, line: str, *, begins: bool) -> Iterator[str]:
        at, cell = 0, (self._quoted if begins else self._closed)
        while at < len(line):
            found = cell.match(line, at)
            if found:
                yield found["cell"]
                at = found.end()
            elif cell is self._closed:
                # The whole line is within a cell, or ends one in a way that the csv module refuses.
                yield line
                return
            following = self._to_next.match(line, at)
            end = following.end() if following else len(line)
            yield line[at:end]
            at, cell = max(end, at + 1), self._quoted


def _is_loose(cells: list[str]) -> bool:
    """Return whether there are blanks before the quote of a cell; almost every row has no quote at all."""
    return '"' in "".join(cells) and any(map(_LOOSE.match, cells))


class Lookahead:
    """Chunks of lines that can be gone through again.

    :param chunks: The lines.
    """

    def __init__(self, chunks: Iterator[list[str]]) -> None:
        self._chunks = chunks
        self._seen: list[list[str]] = []

    def again(self) -> Iterator[list[str]]:
        """Yield the chunks from the first on, once more."""
        number = 0
        while number < len(self._seen) or self._look():
            yield self._seen[number]
            number += 1

    def rest(self) -> Iterator[list[str]]:
        """Return all chunks from the first on, for the last time."""
        return chain(self._seen, self._chunks)

    def skip_line(self) -> None:
        """Leave out the first line."""
        del self._seen[0][0]
        self._seen = [chunk for chunk in self._seen if chunk]

    def _look(self) -> bool:
        found = list(islice(self._chunks, 1))
        self._seen += found
        return bool(found)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is written.

    :param delimiter: What separates its cells.
    :param before: How many lines are before the header.
    """

    delimiter: str
    before: int = 0


def dialect_of(ahead: Lookahead, delimiter: str | None, knows: Knows) -> Dialect:
    """Find out how a CSV is written, from its header.

    :param ahead: Its lines, of which those before the header are skipped.
    :param delimiter: What separates its cells. Default: what the line ``sep=`` says, and else that of
        :data:`DELIMITERS` by which the header has the most labels that are known, and the most cells.
    :param knows: Tells whether a label is known.
    :raises SourceFormatError: There is no header.
    """
    first = next(ahead.again(), None)
    if first is None:
        raise empty()
    told = _SEPARATOR.fullmatch(first[0])
    if told:
        ahead.skip_line()
        return Dialect(delimiter or told["delimiter"], 1)
    return Dialect(delimiter or max(DELIMITERS, key=lambda each: _fit(ahead, each, knows)))


def _fit(ahead: Lookahead, delimiter: str, knows: Knows) -> tuple[bool, int, int, int]:
    """Return how well a header is divided by a delimiter."""
    try:
        _, _, labels = next(iter(Feed(ahead.again(), delimiter)), (0, 0, []))
    except csv.Error:
        return False, -1, 0, 0
    known = sum(_LABEL.match(label) is not None and knows(label.strip()) for label in labels)
    # A blank begins what follows a comma in a sentence, more often than a label.
    tight = sum(not label[:1].isspace() for label in labels)
    # The other columns of a file of invalid rows or failed records may have any name.
    return labels[0] in RESERVED if labels else False, known, tight, len(labels)
