"""The rows of a CSV."""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.cells import RESERVED, is_marked, unsafe
from airflow_wisdom.rows.mistake import Doubt, Mistake, listing
from airflow_wisdom.rows.reading.dialect import Feed, Lookahead, dialect_of
from airflow_wisdom.rows.reading.doubts import Tall, folded, header_again, is_ruled, marked, repeated, ruled, short
from airflow_wisdom.rows.reading.parts import goes_on
from airflow_wisdom.rows.reading.table import Row, Table, any_column, without_blank_end

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_wisdom.rows.reading.table import Knows

# What pandas calls a column without a name.
_UNNAMED = re.compile(r"(?:Unnamed: \d+(?:[._]\w+)*)?")
_INDEX = "(no name)"
_LINE_ENDS = ("\n", "\r")
# How a line of dashes begins.
_RULED = ("--", ":-")
_NOTHING: tuple[Any, ...] = ()


def csv_table(
    chunks: Iterator[list[str]], delimiter: str | None = None, knows: Knows = any_column, like: Table | None = None
) -> Table:
    """Return the rows of the lines of a CSV.

    :param chunks: The lines, in chunks.
    :param delimiter: As for :func:`~airflow_wisdom.rows.reading.read_csv`.
    :param knows: As for :func:`~airflow_wisdom.rows.reading.read`.
    :param like: As for :func:`~airflow_wisdom.rows.reading.read`.
    :raises SourceFormatError: There is no header, or it has a column twice that is needed.
    """
    ahead = Lookahead(chunks)
    dialect = dialect_of(ahead, delimiter or (like.delimiter if like else None), knows)
    feed = Feed(ahead.rest(), dialect.delimiter, dialect.before)
    records = _records(feed)
    line, spans, cells = next(records, (feed.line, 1, [""]))
    header = tuple(cells)
    if like and like.header and goes_on(cells, like.header):
        header, records = like.header, chain([(line, spans, cells)], records)
    elif line > dialect.before + 1 or not "".join(cells).strip():
        raise SourceFormatError("The first line is blank, but must be the header", line=dialect.before + 1)
    columns = Columns(header, knows, line)
    if not columns.own:
        return Table(None, _no_rows(records), "line", dialect.delimiter, header)
    rows = _Rows(feed, columns, Tall(columns.width, dialect.delimiter)).read(records)
    return Table(columns.own, rows, "line", dialect.delimiter, header)


def _records(feed: Feed) -> Iterator[tuple[int, int, list[str]]]:
    try:
        yield from feed
    except csv.Error as error:
        raise SourceFormatError(
            f"The row that begins here is no CSV: {error}. Is a quote not closed, or one in the text not doubled?",
            line=feed.line,
        ) from None


def _no_rows(records: Iterator[tuple[int, int, list[str]]]) -> Iterator[Row]:
    """Yield nothing: a report of no rows may have no columns of theirs."""
    for line, _, cells in records:
        if "".join(cells).strip():
            raise SourceFormatError("The header has no columns but those that are dropped", line=line)
    yield from ()


class Columns:
    """The header of a CSV.

    :param cells: Its cells.
    :param knows: Tells which columns may be needed.
    :param line: Where it is.
    """

    def __init__(self, cells: Iterable[str], knows: Knows, line: int) -> None:
        labels = [cell.strip().strip("\ufeff").strip() for cell in cells]
        self.is_marked = is_marked(labels)
        """Whether the file is one of this package."""
        if self.is_marked:
            labels = list(map(unsafe, labels))
        self.names = ["" if _UNNAMED.fullmatch(label) else label for label in labels]
        """The name of each column; empty for those that have none, as a spreadsheet leaves behind its last column."""
        self.has_index = not self.names[0]
        """Whether the first column may be the index that pandas writes there."""
        self._tell_apart(knows, line)
        named = [(index, name) for index, name in enumerate(self.names) if name]
        self.kept = [(index, name) for index, name in named if name not in RESERVED]
        """The columns of the rows, with their places."""
        self._marks = [(index, name) for index, name in named if name in RESERVED]
        self.own = tuple(name for _, name in self.kept)
        if not (self.own or self.is_marked):
            raise SourceFormatError("The header has no columns", line=line)
        self.width = named[-1][0] + 1
        """How many cells a row needs."""
        self.is_plain = len(self.kept) == len(self.names)
        """Whether every column is one of the rows."""

    def marks(self, cells: Sequence[str]) -> dict[str, str]:
        """Return what a row has in the columns that files of this package have of their own.

        :param cells: The cells of the row.
        """
        return {name: cells[index] if index < len(cells) else "" for index, name in self._marks}

    def _tell_apart(self, knows: Knows, line: int) -> None:
        counts = Counter(name for name in self.names if name and name not in RESERVED)
        needed = [name for name, count in counts.items() if count > 1 and knows(name)]
        if needed:
            raise SourceFormatError(f"The header has a column twice: {listing(needed)}", line=line)
        for index, name in enumerate(self.names):
            if counts[name] > 1 and name in self.names[:index]:
                self.names[index] = f"{name} (column {index + 1})"


class _Rows:
    """The rows of a CSV behind its header."""

    def __init__(self, feed: Feed, columns: Columns, tall: Tall) -> None:
        self._feed = feed
        self._columns = columns
        self._tall = tall
        # Folded as `repeated` does it, which takes its time.
        self._labels = frozenset(map(folded, columns.own))

    def read(self, records: Iterator[tuple[int, int, list[str]]]) -> Iterator[Row]:
        """Yield the rows of the records behind the header."""
        columns, own, feed, labels = self._columns, self._columns.own, self._feed, self._labels
        first, width = columns.kept[0][0], len(columns.names) if columns.is_plain else None
        for line, spans, cells in records:
            if len(cells) == width:
                values, surplus, doubts = dict(zip(own, cells, strict=True)), _NOTHING, _NOTHING
            else:
                values, surplus, doubts = self._fitted(line, cells)
            mistakes: tuple[Mistake, ...] = _NOTHING
            if spans > 1 or feed.marked:
                mistakes, found = self._doubtful(line, cells)
                doubts += found
            text = cells[first].strip() if first < len(cells) else ""
            if text.casefold() in labels:
                mistakes += self._repeated(line, values)
            elif text[:2] in _RULED and is_ruled(cells):
                mistakes += (ruled(line),)
            row = Row(line, values, surplus, mistakes, "line", doubts)
            yield row.restored(columns.marks(cells)) if columns.is_marked else row

    def _fitted(self, line: int, cells: list[str]) -> tuple[dict[str, str], tuple[str, ...], tuple[Doubt, ...]]:
        columns, names = self._columns, self._columns.names
        # A spreadsheet leaves blank rows behind its last one: nothing in them can be torn.
        is_short = len(cells) < columns.width and "".join(cells).strip()
        doubts = self._short(line, len(cells)) if is_short else _NOTHING
        surplus = [cell for index, cell in enumerate(cells) if not (index < len(names) and names[index])]
        values = {name: cells[index] if index < len(cells) else "" for index, name in columns.kept}
        if columns.has_index:
            self._take_index(cells[0], values, surplus)
        return values, without_blank_end(surplus), doubts

    def _short(self, line: int, cells: int) -> tuple[Doubt, ...]:
        width = self._columns.width
        if not self._feed.last.endswith(_LINE_ENDS):
            raise SourceFormatError(
                f"The last row has {cells} of {width} cells and no line end: is the file still being written? Wait "
                "until it is complete; if it is, end its last line",
                line=line,
            )
        return (short(line, cells, width),)

    def _take_index(self, cell: str, values: dict[str, str], surplus: list[str]) -> None:
        """Leave out the number that pandas gives a row; anything else is a value that no column asks for."""
        del surplus[0]
        if cell.strip() and not cell.strip().isdecimal():
            values[_INDEX] = cell

    def _doubtful(self, line: int, cells: list[str]) -> tuple[tuple[Mistake, ...], tuple[Doubt, ...]]:
        found = [
            self._tall.judge(line, name, cells, index)
            for index, name in self._columns.kept
            if index < len(cells) and ("\n" in cells[index] or "\r" in cells[index])
        ]
        if self._feed.marked == line:
            found.append(marked(line))
        mistakes = tuple(each for each in found if isinstance(each, Mistake))
        return mistakes, tuple(each for each in found if isinstance(each, Doubt))

    def _repeated(self, line: int, values: dict[str, str]) -> tuple[Mistake, ...]:
        places = repeated(values)
        if not all(places):
            raise SourceFormatError(
                "The row repeats the header in another order, so that the rows after it would get into wrong columns: "
                "join only files with equal headers",
                line=line,
            )
        return (header_again(line, "line"),) if places else ()
