"""The reports of the records that several import jobs refused, as one. Pure: no Airflow, no boto3."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import redact
from airflow_wisdom.import_job import read_failed_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Records = tuple[tuple[str, ...], Iterator[dict[str, str]]]

IMPORT_JOB = "_import_job_id"
"""The column that is added to AWS's own: which job refused the record."""

LONGEST_CELL = 200
"""Characters of a cell that a sample shows."""


class FailedRecordReports:
    """Counts and samples the failed records of several import jobs, and writes all of them as one CSV.

    The reports are files: only one record is in memory at a time, and the sample.

    :param sample: How many records to keep as a sample.
    """

    def __init__(self, sample: int) -> None:
        self.sample: list[dict[str, str]] = []
        self.count = 0
        self._most = sample
        self._reports: list[tuple[str, Path]] = []

    def add(self, import_job_id: str, path: Path) -> int:
        """Take a report along.

        :param import_job_id: The job that it is of.
        :param path: The report as AWS wrote it; it has to stay until :meth:`write`.
        :returns: How many records it has.
        :raises FailedRecordReportError: It is no CSV.
        """
        with _opened(path) as (_, records):
            shown = [_shortened(record) for record in islice(records, self._most - len(self.sample))]
            count = len(shown) + sum(1 for _ in records)
        # Only now: a report that is broken further down counts for nothing.
        self.sample += [{IMPORT_JOB: import_job_id, **record} for record in shown]
        self._reports.append((import_job_id, path))
        self.count += count
        return count

    def write(self) -> Path:
        """Write all records to a file beside the first report, and return its path.

        It has the columns of every report, and before them the job that refused the record.
        """
        path = self._reports[0][1].with_name("failed-records.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [IMPORT_JOB, *self._columns()], restval="")
            writer.writeheader()
            for import_job_id, report in self._reports:
                with _opened(report) as (_, records):
                    writer.writerows({IMPORT_JOB: import_job_id, **record} for record in records)
        return path

    def _columns(self) -> list[str]:
        columns: dict[str, None] = {}
        for _, report in self._reports:
            with _opened(report) as (own, records):
                columns |= dict.fromkeys(own)
                # A record longer than its header has a column without a name.
                columns |= dict.fromkeys(name for record in records for name in record)
        return list(columns)


@contextmanager
def _opened(path: Path) -> Iterator[Records]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        yield read_failed_records(file)


def _shortened(record: dict[str, str]) -> dict[str, str]:
    return {column: redact(text)[:LONGEST_CELL] for column, text in record.items()}
