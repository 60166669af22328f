"""The rows of a CSV."""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.mistake import listing
from airflow_wisdom.rows.reading.parts import goes_on
from airflow_wisdom.rows.reading.table import RESERVED, Row, Table
from airflow_wisdom.rows.reading.text import empty

if TYPE_CHECKING:
    from collections.abc import Iterator

DELIMITERS = (",", ";", "\t")
"""What may separate the cells of a CSV whose delimiter is not given."""

_QUOTED = re.compile('"[^"]*(?:"|$)')
_INVALID_ROWS = re.compile(f'"?{RESERVED[0]}"?([{"".join(DELIMITERS)}])')


def csv_table(lines: Iterator[str], delimiter: str | None, like: Table | None = None) -> Table:
    """Return the rows of the lines of a CSV; the parameters are those of :func:`~airflow_wisdom.rows.reading.read`."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n '):
        raise ValueError(f"delimiter must be one character, such as a comma, not {delimiter!r}")
    first = next(lines, None)
    if first is None:
        raise empty()
    if not first.strip():
        raise SourceFormatError("The first line is blank, but must be the header", line=1)
    reader = csv.reader(chain([first], lines), delimiter=delimiter or _delimiter(first), strict=True)
    records = _records(reader)
    line, header = next(records)
    if like and like.columns and goes_on(header, like.columns):
        records, header = chain([(line, header)], records), list(like.columns)
    columns = [label.strip() for label in header]
    own = tuple(column for column in columns if column not in RESERVED)
    _check_columns(columns, own)
    return Table(own, _csv_rows(records, columns), "line")


def _delimiter(line: str) -> str:
    """Return what divides the header line most, outside of quotes."""
    invalid_rows = _INVALID_ROWS.match(line)
    if invalid_rows:
        # Its other columns may have any name.
        return invalid_rows[1]
    return max(DELIMITERS, key=_QUOTED.sub("", line).count)


def _check_columns(columns: list[str], own: tuple[str, ...]) -> None:
    if "" in columns:
        raise SourceFormatError(f"Column {columns.index('') + 1} of the header has no name", line=1)
    if not own:
        raise SourceFormatError("The header has no columns", line=1)
    twice = [column for column, count in Counter(own).items() if count > 1]
    if twice:
        raise SourceFormatError(f"The header has a column twice: {listing(twice)}", line=1)


def _records(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is no blank line, with the line on which it begins."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise SourceFormatError(
                f"The row that begins here is no CSV: {error}. Is a quote not closed, or one in the text not doubled?",
                line=line,
            ) from None
        if cells is None:
            return
        if cells:
            yield line, cells


def _csv_rows(records: Iterator[tuple[int, list[str]]], columns: list[str]) -> Iterator[Row]:
    width = len(columns)
    reserved = [column for column in RESERVED if column in columns]
    for line, cells in records:
        surplus = tuple(cells[width:])
        # Missing cells at the end are empty; what is beyond them, `surplus` has.
        values = dict(zip(columns, chain(cells, repeat("", width - len(cells))), strict=False))
        for column in reserved:
            del values[column]
        yield Row(line, values, surplus)
