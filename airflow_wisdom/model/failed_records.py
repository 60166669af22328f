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
    from collections.abc import Iterable, Iterator


__all__ = [
    "FailedRecords",
]


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
