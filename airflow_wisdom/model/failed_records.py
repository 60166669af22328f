"""The report of the records that AWS refused: a CSV whose columns it does not document. Pure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import FailedRecordReportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


__all__ = [
    "FailedRecords",
]

REASON_WORDS = ("error", "reason", "message")
"""Words by which the column with the reason is known, in upper or lower case: AWS does not document its name."""

NAME = "name"
"""The column by which people know a record, in upper or lower case."""


@dataclass(frozen=True)
class FailedRecords:
    """The report of the records that an import job refused.

    AWS does not document the report's columns: they are kept as they come.

    :param columns: The report's header row.
    :param records: One dict a refused record, by column. A row longer than the header keeps what is over
        under the empty name, joined by commas; of two columns of one name, the second gets a number.
    """

    columns: tuple[str, ...] = ()
    records: tuple[dict[str, str], ...] = ()

    @classmethod
    def from_csv(cls, text: str) -> FailedRecords:
        """Read the report from the text of a CSV file.

        :param text: The text.
        :raises FailedRecordReportError: It is not CSV.
        """
        columns, records = read_failed_records(io.StringIO(text, newline=""))
        return cls(columns=columns, records=tuple(records))

    def __len__(self) -> int:
        return len(self.records)


def read_failed_records(lines: Iterable[str]) -> tuple[tuple[str, ...], Iterator[dict[str, str]]]:
    """Read a report of failed records one record at a time.

    :param lines: The lines of the CSV file, with their line ends.
    :returns: The columns and the records, as :class:`FailedRecords` has them.
    :raises FailedRecordReportError: It is not CSV; also while the records are read.
    """
    rows = _rows(lines)
    columns = _distinct(next(rows, []))
    return columns, (_record(columns, row) for row in rows if row)


def reason_column(columns: Iterable[str]) -> str | None:
    """Return the column of a report that says why a record was refused; None if none looks like it.

    It is the one whose name has the most of :data:`REASON_WORDS`, so that a message is preferred to a code; of several
    the last, because the first are those of the file that was sent.

    :param columns: The columns of the report.
    """
    found = [(sum(word in name.casefold() for word in REASON_WORDS), place, name) for place, name in enumerate(columns)]
    words, _, column = max(found, default=(0, 0, ""))
    return column if words else None


def reason_of(record: Mapping[str, str]) -> str:
    """Return why a record was refused: what its reason column says, and where there is none, all that is known of it.

    :param record: The record, by column.
    """
    column = reason_column(record)
    return (_line(record[column]) if column is not None else "") or _listed(record, record)


def named(record: Mapping[str, str]) -> dict[str, str]:
    """Return a record with its name and the reason first.

    :param record: The record, by column.
    """
    name = next((column for column in record if column.strip().casefold() == NAME), None)
    first = dict.fromkeys(column for column in (name, reason_column(record)) if column is not None)
    return {column: record[column] for column in (*first, *(column for column in record if column not in first))}


def in_words(record: Mapping[str, str]) -> str:
    """Return a record as one line for people: its name, why it was refused, and then the rest.

    :param record: The record, by column.
    """
    reason = reason_column(record)
    known = [column for column in named(record) if column == reason or column.strip().casefold() == NAME]
    head = ": ".join(_line(record[column]) for column in known if record[column])
    rest = _listed(record, [column for column in record if column not in known])
    return f"{head} ({rest})" if head and rest else head or rest


def _listed(record: Mapping[str, str], columns: Iterable[str]) -> str:
    return ", ".join(f"{column or 'further cells'}: {_line(record[column])}" for column in columns if record[column])


def _line(cell: str) -> str:
    return " ".join(cell.split())


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines)
    except csv.Error as exc:
        raise FailedRecordReportError(f"The report of failed records is not CSV: {exc}") from exc


def _distinct(header: list[str]) -> tuple[str, ...]:
    seen: Counter[str] = Counter()
    columns: list[str] = []
    for name in header:
        seen[name] += 1
        columns.append(f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return tuple(columns)


def _record(columns: tuple[str, ...], row: list[str]) -> dict[str, str]:
    record = dict(zip_longest(columns, row[: len(columns)], fillvalue=""))
    return {**record, "": ",".join(row[len(columns) :])} if len(row) > len(columns) else record
