"""The account of an import: each row ends in exactly one column, and the numbers add up. Pure: no Airflow, no boto3."""

from __future__ import annotations

import csv
import logging
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    FailedRecordsError,
    ImportIncompleteError,
    ImportJobTimeoutError,
    StorageError,
)
from airflow_wisdom.model.failed_records import read_failed_records
from airflow_wisdom.model.import_job import iso
from airflow_wisdom.redaction import cut, redact
from airflow_wisdom.rows.cells import IMPORT_JOB, safe
from airflow_wisdom.rows.keeping import keeping
from airflow_wisdom.values import counted, most_tolerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from airflow_wisdom.model.import_job import ImportJob, JobEnd
    from airflow_wisdom.runs.manifest import Manifest, Part

    Records = tuple[tuple[str, ...], Iterator[dict[str, str]]]

log = logging.getLogger(__name__)

LONGEST_CELL = 200
"""Characters of a cell that a sample shows."""

_LOOKED_AT = 10 * LONGEST_CELL
# Enough to find the signature of a presigned URL in what is shown.


class Columns(NamedTuple):
    """What became of the rows that are in import files: every row is in one of these.

    :param imported: Rows that are imported.
    :param refused: Rows that AWS refused.
    :param not_started: Rows whose import job was not started.
    :param unknown: Rows of which nobody can say what became.
    """

    imported: int
    refused: int
    not_started: int
    unknown: int


@dataclass(frozen=True)
class PartAccount:
    """What became of one file.

    :param place: Which part of the source it is, in words.
    :param part: The part.
    :param end: How its import job ended.
    :param refused: Records in AWS's report of those that it refused; None if that is not known.
    :param report_error: Why AWS's report could not be read, if it could not.
    """

    place: str
    part: Part
    end: JobEnd
    refused: int | None = None
    report_error: str | None = None

    @property
    def columns(self) -> Columns:
        """What became of its rows, as far as is known."""
        rows = self.part.rows
        if self.end.import_job_id is None:
            return Columns(0, 0, 0, rows) if self.end.may_have_started else Columns(0, 0, rows, 0)
        if self.refused is None or self.has_more_records_than_rows:
            return Columns(0, 0, 0, rows)
        rest = rows - self.refused
        # Whether a job that is not COMPLETE has imported the rest is not documented.
        return Columns(rest, self.refused, 0, 0) if self.end.is_complete else Columns(0, self.refused, 0, rest)

    @property
    def has_more_records_than_rows(self) -> bool:
        """Whether AWS reports more refused records than the file has rows, so that nobody knows of how many rows."""
        return self.refused is not None and self.refused > self.part.rows

    @property
    def imported(self) -> int | None:
        """Rows that are imported; None if that is not known."""
        return None if self.columns.unknown else self.columns.imported

    @property
    def rows_refused(self) -> int | None:
        """Rows that AWS refused; None if that is not known."""
        if self.end.import_job_id is None:
            return None if self.end.may_have_started else 0
        return None if self.has_more_records_than_rows else self.refused

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON primitives, for XCom."""
        error = self.end.error or self.report_error
        if not error and self.has_more_records_than_rows:
            error = f"AWS's report has {self.refused:,} refused records for {self.part.rows:,} rows"
        return {
            "importJobId": self.end.import_job_id,
            "status": self.end.status,
            "createdTime": iso(self.end.created_time),
            "lastModifiedTime": iso(self.end.last_modified_time),
            "durationSeconds": self.end.duration,
            "firstRow": self.part.first,
            "lastRow": self.part.last,
            **({"firstPart": self.part.first_in, "lastPart": self.part.last_in} if self.part.first_in else {}),
            "rowsSent": self.part.rows,
            "rowsImported": self.imported,
            "rowsRefused": self.rows_refused,
            "error": str(error) if error else None,
        }


@dataclass
class Account:
    """What became of every row of an import.

    :param manifest: What was to be imported.
    :param parts: What became of each file.
    :param records: The first of the records that AWS refused.
    :param records_refused: How many of them are known of.
    :param failed_records_path: Where all of them were written to, if anywhere.
    :param not_saved: Why they could not be written where they should be.
    :param jobs: The jobs that have ended, as far as they could be read; without URL, upload and metadata.
    :param is_given_up: Whether it ended before any job was started.
    :param was_sent: Whether anything was to be sent; if not, the rows were only judged.
    """

    manifest: Manifest
    parts: list[PartAccount]
    records: list[dict[str, str]] = field(default_factory=list)
    records_refused: int = 0
    failed_records_path: str | None = None
    not_saved: StorageError | None = None
    jobs: list[ImportJob] = field(default_factory=list)
    is_given_up: bool = False
    was_sent: bool = True

    def __str__(self) -> str:
        """Say in one line what became of the rows."""
        manifest, columns = self.manifest, self.columns
        if not self.was_sent:
            invalid = _share(manifest.rows_invalid, "invalid", manifest.invalid_rows_path)
            valid = f"{manifest.rows_valid:,} of {manifest.rows_read:,} rows are valid"
            return "; ".join(filter(None, (valid, invalid, "nothing was sent")))
        jobs = counted(sum(each.end.import_job_id is not None for each in self.parts), "job")
        seconds = self._duration()
        others = (
            _share(manifest.rows_invalid, "invalid", manifest.invalid_rows_path),
            _share(columns.refused, "refused", self.failed_records_path),
            _share(columns.not_started, "not started"),
            _share(columns.unknown, "unknown"),
        )
        done = f"Imported {columns.imported:,} of {manifest.rows_read:,} rows in {jobs}"
        done += f", {seconds:,.1f} s" if seconds is not None else ""
        return "; ".join(filter(None, (done, ", ".join(filter(None, others)))))

    def summary(self) -> dict[str, Any]:
        """Return what the import did, as JSON primitives for XCom.

        ``rowsRead`` is ``rowsInvalid`` + ``rowsOnlyChecked`` + ``rowsSent``; ``rowsSent`` is ``rowsImported`` +
        ``rowsRefused`` + ``rowsNotStarted`` + ``rowsUnknown``. Where rows are unknown, the numbers that they may belong
        to are None and no guess. ``durationSeconds`` is from the start of the first job to the end of the last.
        """
        manifest = self.manifest
        return {
            "knowledgeBaseId": manifest.knowledge_base_id,
            "status": self._status(),
            "rowsRead": manifest.rows_read,
            "rowsInvalid": manifest.rows_invalid,
            "rowsOnlyChecked": 0 if self.was_sent else manifest.rows_valid,
            **self._rows(),
            "durationSeconds": self._duration(),
            "rowsBlank": manifest.rows_blank,
            "cellsTrimmed": manifest.cells_trimmed,
            "cellsNull": manifest.cells_null,
            **manifest.doubts.summary(),
            "invalidRows": [mistake.to_dict() for mistake in manifest.mistakes],
            "invalidRowsPath": manifest.invalid_rows_path,
            "importJobs": [each.to_dict() for each in self.parts],
            "failedRecords": self.records,
            "failedRecordsPath": self.failed_records_path,
        }

    @property
    def columns(self) -> Columns:
        """What became of all rows that are in files."""
        return Columns(*map(sum, zip(*(each.columns for each in self.parts), strict=True))) if self.parts else _NO_ROWS

    def numbers(self) -> dict[str, int]:
        """Return the numbers of records by what became of them, as far as they are known.

        The names are those of :func:`~airflow_wisdom.assets.record_import`.
        """
        names = {"sent": "rowsSent", "imported": "rowsImported", "refused": "rowsRefused"}
        rows = self._rows()
        return {name: number for name, member in names.items() if (number := rows[member]) is not None}

    def _rows(self) -> dict[str, int | None]:
        columns = self.columns
        return {
            "rowsSent": sum(columns),
            "rowsImported": None if columns.unknown else columns.imported,
            "rowsRefused": None if None in [each.rows_refused for each in self.parts] else columns.refused,
            "rowsNotStarted": columns.not_started,
            "rowsUnknown": columns.unknown,
        }

    def judge(self, tolerated: str | int) -> None:
        """Accept the import, or raise why it is not acceptable.

        :param tolerated: ``fail``, ``warn``, ``ignore``, or a number of refused records.
        :raises ImportIncompleteError: Not every job is COMPLETE.
        :raises FailedRecordReportError: A report could not be read, and it matters.
        :raises FailedRecordsError: More records were refused than are tolerated.
        :raises StorageError: The refused records could not be written where they should be.
        """
        self._judge_jobs()
        most = most_tolerated(tolerated)
        unread = next((each for each in self.parts if each.report_error), None)
        if unread and most is not None:
            raise self._unread(unread)
        if self.records_refused and tolerated != "ignore":
            self._log_records()
        if most is not None and self.records_refused > most:
            raise self._too_many()
        if self.records_refused and tolerated != "ignore":
            log.warning("%s", self._refusals())
        if self.not_saved:
            raise self.not_saved

    def _status(self) -> str:
        if not self.was_sent:
            return "CHECKED"
        is_complete = not self.is_given_up and all(each.end.is_complete for each in self.parts)
        return "COMPLETE" if is_complete else "FAILED"

    def _judge_jobs(self) -> None:
        wrong = [each for each in self.parts if not each.end.is_complete]
        if not wrong:
            return
        done = f"{len(self.parts) - len(wrong)} of {len(self.parts)} import jobs are COMPLETE"
        why = "; ".join(f"{each.place}: {each.end.error}" for each in wrong)
        raise ImportIncompleteError(
            f"{done}. {why}. {_how_to_go_on(wrong)}",
            jobs=[each.to_dict() for each in self.parts],
            where=self._where(),
        )

    def _where(self, import_job_id: str | None = None) -> dict[str, str | None]:
        return {"knowledge_base_id": self.manifest.knowledge_base_id, "import_job_id": import_job_id}

    def _duration(self) -> float | None:
        began = [each.end.created_time for each in self.parts if each.end.created_time]
        ended = [each.end.last_modified_time for each in self.parts if each.end.last_modified_time]
        return round((max(ended) - min(began)).total_seconds(), 3) if began and ended else None

    def _log_records(self) -> None:
        for record in self.records:
            log.warning("Refused by AWS: %s", record)

    def _unread(self, part: PartAccount) -> FailedRecordReportError:
        return FailedRecordReportError(
            f"Every import job is COMPLETE, but of {part.place}: {part.report_error}",
            where=self._where(part.end.import_job_id),
        )

    def _refusals(self) -> str:
        """Say what AWS refused, as far as that is known."""
        rows = sum(self.columns)
        if any(each.has_more_records_than_rows for each in self.parts):
            records = f"{self.records_refused:,} refused records for {rows:,} rows"
            return f"AWS reports {records}, for a file more than it has rows; how many are imported is not known"
        return f"AWS refused {self.records_refused:,} of {rows:,} rows; the others are imported"

    def _too_many(self) -> FailedRecordsError:
        where = f"; all of them are in {self.failed_records_path}" if self.failed_records_path else ""
        return FailedRecordsError(
            f"{self._refusals()}{where}. Fix them and import them separately",
            records_refused=self.records_refused,
            failed_records=self.records,
            failed_records_path=self.failed_records_path,
            where=self._where(),
        )


_NO_ROWS = Columns(0, 0, 0, 0)


def _share(rows: int, what: str, path: str | None = None) -> str:
    if not rows:
        return ""
    return f"{rows:,} {what} -> {redact(path)}" if path else f"{rows:,} {what}"


def accounts_of(manifest: Manifest, ends: Sequence[JobEnd]) -> list[PartAccount]:
    """Return what became of each file, before any report is read.

    :param manifest: What was to be imported.
    :param ends: How the job of each file ended, in order.
    """
    pairs = enumerate(zip(manifest.parts, ends, strict=True))
    return [PartAccount(manifest.place(number), part, end) for number, (part, end) in pairs]


def _how_to_go_on(wrong: Iterable[PartAccount]) -> str:
    running = any(each.end.import_job_id and isinstance(each.end.error, ImportJobTimeoutError) for each in wrong)
    waits = "goes on waiting for the jobs that still run, and " if running else ""
    return f"Another try of the task {waits}starts only the files that have no job or whose job failed"


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
        :raises FailedRecordReportError: It is not CSV.
        """
        with _opened(path) as (_, records):
            shown = [_shortened(record) for record in islice(records, self._most - len(self.sample))]
            count = len(shown) + sum(1 for _ in records)
        # Only now: a report that is broken further down counts for nothing.
        self.sample += [{IMPORT_JOB: import_job_id, **record} for record in shown]
        self._reports.append((import_job_id, path))
        self.count += count
        return count

    def write(self, folder: Path) -> Path:
        """Write all records to a file, and return its path.

        It has the columns of every report, and before them the job that refused the record. Cells are safe to open in a
        spreadsheet. Where nothing was refused, it has its header alone.

        :param folder: Where the file is made.
        :raises StorageError: It cannot be written.
        """
        path = folder / "failed-records.csv"
        with keeping(), path.open("w", encoding="utf-8-sig", newline="") as file:
            columns = self._columns()
            writer = csv.writer(file)
            writer.writerow([IMPORT_JOB, *map(safe, columns)])
            for import_job_id, report in self._reports:
                with _opened(report) as (_, records):
                    writer.writerows(
                        [import_job_id, *(safe(record.get(column, "")) for column in columns)] for record in records
                    )
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
    return {
        redact(cut(column, _LOOKED_AT))[:LONGEST_CELL]: redact(cut(text, _LOOKED_AT))[:LONGEST_CELL]
        for column, text in record.items()
    }
