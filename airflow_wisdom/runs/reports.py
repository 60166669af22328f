"""AWS's reports of the records that it refused: fetched, counted by reason, gathered in one file, and judged."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import FailedRecordReportError, FailedRecordsError, StorageError
from airflow_wisdom.model.failed_records import in_words, named, read_failed_records, reason_of
from airflow_wisdom.model.import_job import ImportJobStatus
from airflow_wisdom.model.limits import MAX_REPORT_BYTES
from airflow_wisdom.redaction import cut, redact
from airflow_wisdom.rows.cells import IMPORT_JOB, safe
from airflow_wisdom.rows.keeping import keeping
from airflow_wisdom.runs.folder import HasFolder
from airflow_wisdom.runs.limit import Limit, patiently
from airflow_wisdom.values import counted, most_tolerated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.storage import Storage

    Records = tuple[tuple[str, ...], Iterator[dict[str, str]]]

log = logging.getLogger(__name__)

LONGEST_CELL = 200
"""Characters of a cell that a sample shows."""

REPORT_PATIENCE = 300.0
"""Seconds for which the jobs that have ended are asked for their reports while AWS does not answer."""

REASONS_SHOWN = 3
"""Reasons that a message names: the most frequent ones."""

_LOOKED_AT = 10 * LONGEST_CELL
# Enough to find the signature of a presigned URL in what is shown.


@dataclass(frozen=True)
class RefusedRecords:
    """The records that AWS refused, of one import job or of several.

    :param count: How many there are.
    :param reasons: Why they were refused: reason -> number of records. Empty where texts are not to be shown.
    :param sample: The first of them, each with its name and the reason first.
    :param path: Where all of them were written to, if anywhere.
    :param not_saved: Why they could not be written where they should be.
    """

    count: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    sample: list[dict[str, str]] = field(default_factory=list)
    path: str | None = None
    not_saved: StorageError | None = None

    @property
    def why(self) -> str:
        """The most frequent reasons in words, each with the number of records that were refused for it."""
        if not self.reasons:
            return f"the reasons are not shown ({counted(self.count, 'refused record')})"
        shown = Counter(self.reasons).most_common(REASONS_SHOWN)
        told = [f"{reason} ({number:,} of {counted(self.count, 'refused record')})" for reason, number in shown]
        more = len(self.reasons) - len(shown)
        return "; ".join([*told, f"and {counted(more, 'other reason')}"] if more else told)

    def log(self) -> None:
        """Log those of the sample, each with its name and the reason first."""
        for record in self.sample:
            log.warning("Refused by AWS: %s", in_words(record))

    def judge(self, tolerated: str | int, what: str, rest: str, where: Mapping[str, str | None]) -> None:
        """Accept that they were refused, by jobs that are all COMPLETE, or raise why it is not acceptable.

        :param tolerated: ``fail``, ``warn``, ``ignore``, or a number of refused records.
        :param what: How many records were refused, in words.
        :param rest: What became of the others, in words.
        :param where: What it is about, as for every exception.
        :raises FailedRecordsError: More were refused than are tolerated.
        :raises StorageError: They could not be written where they should be.
        """
        most = most_tolerated(tolerated)
        if self.count and tolerated != "ignore":
            self.log()
        if most is not None and self.count > most:
            raise self._too_many(f"{what}: {self.why}; {rest}", where)
        if self.count and tolerated != "ignore":
            log.warning("%s: %s; %s", what, self.why, rest)
        if self.not_saved:
            raise self.not_saved

    def _too_many(self, message: str, where: Mapping[str, str | None]) -> FailedRecordsError:
        kept = f"; all of them are in {self.path}" if self.path else ""
        return FailedRecordsError(
            f"{message}{kept}. Fix them and import them separately: another try would be refused the same records",
            records_refused=self.count,
            failed_records=self.sample,
            failed_records_path=self.path,
            where=where,
        )


def merged(reasons: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the reasons of several jobs as those of one.

    :param reasons: For each job, reason -> number of records.
    """
    total: Counter[str] = Counter()
    for each in reasons:
        total.update(each)
    return dict(total)


class FailedRecordReports(HasFolder):
    """Counts and samples the failed records of several import jobs, and writes all of them as one CSV.

    The reports are files while this lasts, a context manager: only one record is in memory at a time, and the sample.

    :param sample: How many records to keep as a sample; with 0, no reason is kept either.
    :param max_bytes: Largest report that is fetched, in bytes. Default 10,000,000.
    """

    def __init__(self, sample: int, max_bytes: int = MAX_REPORT_BYTES) -> None:
        self._sample: list[dict[str, str]] = []
        self._count = 0
        self._reasons: list[Mapping[str, int]] = []
        self._most = sample
        self._max_bytes = max_bytes
        self._reports: list[tuple[str, Path]] = []

    def read(self, hook: WisdomHook, job: ImportJob, deadline: float) -> RefusedRecords | None:
        """Fetch the report of a job right after the job was read, because its URL expires, and take it along.

        :param hook: What AWS is reached with.
        :param job: The job, read whole.
        :param deadline: POSIX time until which it is asked for while the network or Amazon S3 does not answer.
        :returns: How many records it refused, and why; None if nobody knows.
        :raises FailedRecordReportError: The report could not be fetched.
        :raises StorageError: There is no room for it on this machine.
        """
        if not job.has_failed_record_report:
            # Then a job that is COMPLETE refused nothing, and one that FAILED keeps it to itself.
            return RefusedRecords() if job.status == ImportJobStatus.COMPLETE.value else None
        with keeping():
            return self.add(job.import_job_id, self._fetched(hook, job, deadline))

    def add(self, import_job_id: str, path: Path) -> RefusedRecords:
        """Take a report along.

        :param import_job_id: The job that it is of.
        :param path: The report as AWS wrote it; it has to stay until :meth:`refused`.
        :returns: How many records it has, and why they were refused.
        :raises FailedRecordReportError: It is not CSV.
        """
        room, shown, count, reasons = self._most - len(self._sample), [], 0, Counter[str]()
        with _opened(path) as (_, records):
            for count, record in enumerate(records, 1):
                short = _shortened(record)
                reasons[reason_of(short)[:LONGEST_CELL]] += bool(self._most)
                if count <= room:
                    shown.append({**named(short), IMPORT_JOB: import_job_id})
        # Only now: a report that is broken further down counts for nothing.
        self._sample += shown
        self._reasons.append(+reasons)
        self._reports.append((import_job_id, path))
        self._count += count
        return RefusedRecords(count, self._reasons[-1])

    def refused(self, storage: Storage, uri: str | None) -> RefusedRecords:
        """Return all records of all reports, and write them where they are to be kept.

        Also where nothing was refused, so that none of an earlier run stay there.

        :param storage: What writes them.
        :param uri: Path or URI of a CSV; None to keep them nowhere.
        """
        path, not_saved = self._saved(storage, uri) if uri else (None, None)
        return RefusedRecords(self._count, merged(self._reasons), self._sample, path, not_saved)

    def _saved(self, storage: Storage, uri: str) -> tuple[str | None, StorageError | None]:
        """Write the CSV; what went wrong is returned, because there is more to say first."""
        try:
            storage.save(self.write(), uri)
        except StorageError as exc:
            error = exc
        else:
            return uri, None
        log.error("%s", error)
        return None, error

    def write(self) -> Path:
        """Write all records to a file, and return its path.

        It has the columns of every report, and before them the job that refused the record. Cells are safe to open in a
        spreadsheet. Where nothing was refused, it has its header alone.

        :raises StorageError: It cannot be written.
        """
        with keeping():
            path = self.folder / "failed-records.csv"
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                self._write(csv.writer(file))
        return path

    def _write(self, writer: Any) -> None:
        columns = self._columns()
        writer.writerow([IMPORT_JOB, *map(safe, columns)])
        for import_job_id, report in self._reports:
            with _opened(report) as (_, records):
                writer.writerows(
                    [import_job_id, *(safe(record.get(column, "")) for column in columns)] for record in records
                )

    def _fetched(self, hook: WisdomHook, job: ImportJob, deadline: float) -> Path:
        path = self.folder / f"{job.import_job_id}.csv"

        def download() -> None:
            with path.open("w+b") as file:
                hook.download_failed_records(job, file, max_bytes=self._max_bytes)

        what = "The report of failed records was not fetched"
        patiently(download, Limit(deadline, what=what, error=FailedRecordReportError))
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
