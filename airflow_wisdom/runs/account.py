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
from airflow_wisdom.values import counted, most_tolerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from airflow_wisdom.model.import_job import ImportJob, JobEnd
    from airflow_wisdom.runs.manifest import Manifest, Part

    Records = tuple[tuple[str, ...], Iterator[dict[str, str]]]

log = logging.getLogger(__name__)

IMPORT_JOB = "_import_job_id"
"""The column that is added to AWS's own: which job refused the record."""

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
    :param refused: Records that AWS refused; None if that is not known.
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
            return Columns(0, 0, rows, 0)
        if self.refused is None:
            return Columns(0, 0, 0, rows)
        refused = min(self.refused, rows)
        # Whether a job that is not COMPLETE has imported the rest is not documented.
        return (
            Columns(rows - refused, refused, 0, 0) if self.end.is_complete else Columns(0, refused, 0, rows - refused)
        )

    @property
    def imported(self) -> int | None:
        """Rows that are imported; None if that is not known."""
        return None if self.columns.unknown else self.columns.imported

    @property
    def rows_refused(self) -> int | None:
        """Rows that AWS refused; None if that is not known."""
        is_known = self.refused is not None or self.end.import_job_id is None
        return self.columns.refused if is_known else None

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON primitives, for XCom."""
        error = self.end.error
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
            "error": str(error) if error else self.report_error,
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
    :param jobs: The jobs that have ended, as far as they could be read.
    """

    manifest: Manifest
    parts: list[PartAccount]
    records: list[dict[str, str]] = field(default_factory=list)
    records_refused: int = 0
    failed_records_path: str | None = None
    not_saved: StorageError | None = None
    jobs: list[ImportJob] = field(default_factory=list)

    def __str__(self) -> str:
        """Say in one line what became of the rows."""
        manifest, columns = self.manifest, self.columns
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

        ``rowsRead`` is ``rowsInvalid`` + ``rowsSent``; ``rowsSent`` is ``rowsImported`` + ``rowsRefused`` +
        ``rowsNotStarted`` + ``rowsUnknown``. Where rows are unknown, the numbers that they may belong to are None and
        no guess. ``durationSeconds`` is from the start of the first job to the end of the last.
        """
        manifest, columns = self.manifest, self.columns
        return {
            "knowledgeBaseId": manifest.knowledge_base_id,
            "status": "COMPLETE" if all(each.end.is_complete for each in self.parts) else "FAILED",
            "rowsRead": manifest.rows_read,
            "rowsInvalid": manifest.rows_invalid,
            "rowsSent": sum(columns),
            "rowsImported": None if columns.unknown else columns.imported,
            "rowsRefused": None if None in [each.rows_refused for each in self.parts] else columns.refused,
            "rowsNotStarted": columns.not_started,
            "rowsUnknown": columns.unknown,
            "durationSeconds": self._duration(),
            "cellsTrimmed": manifest.cells_trimmed,
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
        summary = self.summary()
        return {name: summary[member] for name, member in names.items() if summary[member] is not None}

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
        message = f"AWS refused {self.records_refused:,} of {sum(self.columns):,} rows"
        if self.records_refused and tolerated != "ignore":
            self._log_records()
        if most is not None and self.records_refused > most:
            raise self._too_many(message)
        if self.records_refused and tolerated != "ignore":
            log.warning("%s; the others are imported", message)
        if self.not_saved:
            raise self.not_saved

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

    def _too_many(self, message: str) -> FailedRecordsError:
        where = f"; all of them are in {self.failed_records_path}" if self.failed_records_path else ""
        return FailedRecordsError(
            f"{message}; the others are imported{where}. Fix them and import them separately",
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
    return {
        redact(cut(column, _LOOKED_AT))[:LONGEST_CELL]: redact(cut(text, _LOOKED_AT))[:LONGEST_CELL]
        for column, text in record.items()
    }
