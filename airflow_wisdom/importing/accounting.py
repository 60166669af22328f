"""After the jobs have ended: which rows AWS took, which it refused, and whether that will do."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import FailedRecordReportError, FailedRecordsError, StorageError, WisdomError
from airflow_wisdom.import_job import ImportJobStatus
from airflow_wisdom.importing.reports import FailedRecordReports
from airflow_wisdom.importing.summary import incomplete, results_of, summarize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.import_job import ImportJob
    from airflow_wisdom.importing.memory import Memory
    from airflow_wisdom.importing.summary import FileResult, Plan
    from airflow_wisdom.storage import Storage

log = logging.getLogger(__name__)

PATIENCE = 300.0
"""Seconds for which the jobs that have ended are asked for their reports while AWS does not answer."""


class Accountant:
    """Accounts for each row that was sent.

    :param hook: What AWS is reached with.
    :param plan: What was to be imported.
    :param ended: How each file's job ended, as in the event of a
        :class:`~airflow_wisdom.triggers.WisdomRunImportTrigger`.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param sample: How many failed records are shown.
    """

    def __init__(
        self,
        hook: WisdomHook,
        plan: Plan,
        ended: Sequence[Mapping[str, Any]],
        *,
        knowledge_base_id: str,
        sample: int,
    ) -> None:
        self.results = results_of(plan, ended)
        self.jobs: list[ImportJob] = []
        """The jobs that have ended, as far as they could be read."""
        self._hook = hook
        self._plan = plan
        self._knowledge_base_id = knowledge_base_id
        self._reports = FailedRecordReports(sample)
        self._saved: str | None = None
        self._not_saved: StorageError | None = None

    def forget_useless_uploads(self, memory: Memory) -> None:
        """Where AWS would start no job from an upload later either, let the next try upload anew."""
        for file, result in zip(self._plan.files, self.results, strict=True):
            if result.import_job_id is None and result.error and not result.error.transient:
                memory.forget(file["mark"])

    def read_reports(self, folder: Path, max_bytes: int) -> None:
        """Fetch the reports of all jobs that have ended, each right after its URL was asked for.

        :param folder: Where to keep them; has to stay until :meth:`save_failed_records`.
        :param max_bytes: Largest report, in bytes.
        """
        deadline = time.time() + PATIENCE
        for result in self.results:
            if result.import_job_id is None or not result.has_ended:
                continue
            try:
                path = folder / f"{result.import_job_id}.csv"
                result.failed = self._read_report(result, path, max_bytes, deadline)
            except WisdomError as exc:
                result.report_error = f"How many records were refused is not known: {exc}"
                log.warning("%s: %s", result.place, result.report_error)

    def save_failed_records(self, storage: Storage, uri: str) -> None:
        """Write all failed records where the user asked for them, if there are any; :meth:`judge` tells if it failed.

        :param storage: What writes.
        :param uri: Path or URI.
        """
        if not self._reports.count:
            return
        try:
            storage.save(self._reports.write(), uri)
            self._saved = uri
        except StorageError as exc:
            # There is an account to give first; `judge` raises it, unless there is something worse.
            self._not_saved = exc
            log.error("%s", exc)  # noqa: TRY400 - the text says it all

    def summary(self) -> dict[str, Any]:
        """Return what the import did, for XCom."""
        return {
            **summarize(self._knowledge_base_id, self._plan, self.results),
            "failedRecords": self._reports.sample,
            "failedRecordsPath": self._saved,
        }

    def judge(self, tolerated: str | int) -> None:
        """Accept the import, or raise why it is not acceptable.

        :param tolerated: ``fail``, ``warn``, ``ignore``, or a number of failed records.
        :raises ImportIncompleteError: Not every job is COMPLETE.
        :raises FailedRecordReportError: A report could not be read, and it matters.
        :raises FailedRecordsError: More records failed than are tolerated.
        :raises StorageError: The failed records could not be written where they should be.
        """
        if error := incomplete(self._knowledge_base_id, self.results):
            raise error
        most = None if tolerated in {"warn", "ignore"} else 0 if tolerated == "fail" else int(float(tolerated))
        unread = next((result for result in self.results if result.report_error), None)
        if unread and most is not None:
            raise self._unread(unread)
        count = self._reports.count
        message = f"AWS refused {count:,} of {sum(result.rows for result in self.results):,} rows"
        if most is not None and count > most:
            raise self._too_many(message)
        if count and tolerated != "ignore":
            self._log_failed_records()
            log.warning("%s; the others are imported", message)
        if self._not_saved:
            raise self._not_saved

    def _read_report(self, result: FileResult, path: Path, max_bytes: int, deadline: float) -> int | None:
        job_id = str(result.import_job_id)
        job = self._hook.read_import_job(self._knowledge_base_id, job_id, deadline=deadline)
        self.jobs.append(job)
        if not job.has_failed_record_report:
            # Then a job that is COMPLETE refused nothing, and one that FAILED keeps it to itself.
            return 0 if result.ended["status"] == ImportJobStatus.COMPLETE else None
        with path.open("w+b") as file:
            self._hook.download_failed_records(job, file, max_bytes=max_bytes)
        return self._reports.add(job_id, path)

    def _log_failed_records(self) -> None:
        for record in self._reports.sample:
            log.warning("Refused by AWS: %s", record)

    def _unread(self, result: FileResult) -> FailedRecordReportError:
        return FailedRecordReportError(
            f"Every import job is COMPLETE, but of {result.place}: {result.report_error}",
            knowledge_base_id=self._knowledge_base_id,
            import_job_id=result.import_job_id,
        )

    def _too_many(self, message: str) -> FailedRecordsError:
        self._log_failed_records()
        where = f"; all of them are in {self._saved}" if self._saved else ""
        return FailedRecordsError(
            f"{message}; the others are imported{where}. Mend them and import them in a file of their own",
            records_refused=self._reports.count,
            failed_records=self._reports.sample,
            failed_records_path=self._saved,
            knowledge_base_id=self._knowledge_base_id,
        )
