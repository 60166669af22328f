"""One import job of one file that is ready: found if an earlier try started it, or else started, and accounted for."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    ImportJobFailedError,
    SourceError,
    TaskEndedError,
    WisdomError,
)
from airflow_wisdom.model.import_job import ImportJob, ImportJobStatus, iso
from airflow_wisdom.model.limits import MAX_CLIENT_TOKEN, MAX_UPLOAD_ID
from airflow_wisdom.places import shown
from airflow_wisdom.redaction import redact
from airflow_wisdom.runs.limit import patiently
from airflow_wisdom.runs.options import Options, ReportOptions
from airflow_wisdom.runs.progress import task_progress
from airflow_wisdom.runs.reports import REPORT_PATIENCE, FailedRecordReports, RefusedRecords
from airflow_wisdom.runs.run import Memory, Origin, Remembered, Run, external_source, users_metadata
from airflow_wisdom.runs.sending import remembered_standing, usable
from airflow_wisdom.runs.starting import Standing, Submission, drive, finding, starting
from airflow_wisdom.runs.summary import summary_of
from airflow_wisdom.runs.waiting import REREAD_PATIENCE, ends_of, is_refused, may_have_started, reread
from airflow_wisdom.values import Readers, counted, most_tolerated, one_of, optional, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import timedelta

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.storage import Storage

T = TypeVar("T")

log = logging.getLogger(__name__)

PIECE = 1024 * 1024
"""Bytes of a file that are in memory at once while its hash is taken."""


def _path(name: str, value: Any) -> Any:
    if not (value is None or isinstance(value, (str, os.PathLike))):
        raise ValueError(f"{name} must be a path on the worker, not {value!r:.100}")
    if "://" in str(value):
        raise ValueError(
            f"{name} must be a path on the worker, not the URI {shown(str(value))!r}; "
            "WisdomImportQuickResponsesOperator reads URIs"
        )
    return value


@dataclass(frozen=True)
class SingleOptions(Options):
    """What a job is started with that can be wrong; what each option means says
    :class:`~airflow_wisdom.operators.WisdomStartImportJobOperator`, whose parameters they are.
    """  # noqa: D205 - one sentence

    readers: ClassVar[Readers] = {
        "upload_id": lambda name, value: text(name, value, MAX_UPLOAD_ID) if value not in (None, "") else None,
        "source": _path,
        "content_type": partial(one_of, words=("text/csv",)),
        "import_job_type": partial(one_of, words=("QUICK_RESPONSES",)),
        "client_token": optional(partial(text, most=MAX_CLIENT_TOKEN)),
        "metadata": users_metadata,
        "external_source_configuration": optional(external_source),
    }

    upload_id: str | None
    source: str | None
    content_type: str
    import_job_type: str
    client_token: str | None
    metadata: Mapping[str, str] | None
    external_source_configuration: Mapping[str, Any] | None

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong with options that make sense each for itself."""
        if bool(self.upload_id) == bool(self.source):
            yield "Exactly one of upload_id and source is needed"


@dataclass(frozen=True)
class SingleImport:
    """An import job of one file that is ready, or of an upload that is finished.

    :param hook: What AWS is reached with.
    :param run: Who imports, and until when.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param upload_id: Id of a finished upload. Either this or `source` is needed.
    :param source: Path of a file to upload first.
    :param content_type: Media type of `source`.
    :param max_bytes: Largest `source` that is uploaded, in bytes.
    :param import_job_type: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param client_token: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param metadata: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param external_source_configuration: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    """

    hook: WisdomHook
    run: Run
    knowledge_base_id: str
    upload_id: str | None
    source: str | None
    content_type: str
    max_bytes: int | None
    import_job_type: str
    client_token: str | None
    metadata: Mapping[str, str] | None
    external_source_configuration: Mapping[str, Any] | None

    @classmethod
    def of(cls, task: Any, hook: WisdomHook, context: Mapping[str, Any], deadline: float) -> SingleImport:
        """Return the import of a task, which has its parameters as attributes of the same names.

        :param task: The task.
        :param hook: What AWS is reached with.
        :param context: The context in which it runs.
        :param deadline: POSIX time at which starting ends.
        :raises ParameterError: Neither or both of `upload_id` and `source` were given, or `metadata` makes no sense.
        """
        SingleOptions.of(task)
        is_first_try = context["ti"].try_number == 1
        run = Run(
            Origin.of_task(task, context),
            deadline,
            Memory(context.get("task_state_store")),
            task_progress(),
            is_first_try=is_first_try,
            ended=task.ended,
        )
        own = [name for name in cls.__dataclass_fields__ if name not in ("hook", "run")]
        return cls(hook, run, **{name: getattr(task, name) for name in own})

    def find_or_start(self) -> ImportJob:
        """Return the job that an earlier try started, or upload and start one.

        :raises SourceError: `source` cannot be read.
        :raises ClientTokenUsedError: `client_token` was used for another import.
        :raises UploadError: Amazon S3 did not take the file.
        :raises AwsError: AWS did not accept the job.
        :raises TaskEndedError: Airflow has given this try up, and another one may be running.
        """
        mark = self.run.origin.mark(self.knowledge_base_id, self.upload_id or _sha256(Path(str(self.source))))
        has_begun_before = self.run.memory.begin()
        recalled, standing = None, Standing()
        if has_begun_before or not self.run.is_first_try:
            recalled = self.run.memory.recall(mark)
            standing = self._stands(mark, recalled)
        if (found := standing.job) is not None:
            self.run.progress.found(found)
            return self._patiently(lambda: self.hook.get_import_job(self.knowledge_base_id, found.import_job_id))
        submission = self._submission(mark, standing.attempt, usable(recalled, standing, self.run.origin.series))
        job = self._start(submission)
        self._keep(submission, job)
        return job

    def _stands(self, mark: str, recalled: Remembered | None) -> Standing:
        """Return where the file stands: by what is remembered, and else by the list of all jobs."""
        where = self.hook, self.knowledge_base_id
        return (recalled and remembered_standing(recalled, *where, self.run)) or self._find(mark)

    def _start(self, submission: Submission) -> ImportJob:
        asked: list[int] = []
        try:
            job = drive(starting(submission, lambda: asked.append(1)), self.hook, self.run.limit)
        except WisdomError as exc:
            if is_refused(exc) and not may_have_started(len(asked), exc):
                # AWS would start none from this upload later, either.
                self.run.memory.forget(submission.mark)
            raise
        if job.upload_id == submission.upload_id:
            log.info("Import job %s is started, %s", job.import_job_id, iso(job.created_time))
        else:
            self.run.progress.found(job)
        return job

    def _keep(self, submission: Submission, job: ImportJob) -> None:
        what = job.upload_id or submission.upload_id, submission.attempt, job.import_job_id, submission.series.key
        try:
            self.run.memory.remember(submission.mark, Remembered(*what))
        except TaskEndedError as exc:
            # The other try finds this job by its mark.
            log.warning("%s", exc)
            self.run.ended.set()

    def look(self, job: ImportJob) -> ImportJob:
        """Look once at a job that was just started or found: one that has ended already need not be waited for.

        :param job: The job.
        :returns: The job as it is now; as it was, where AWS does not say. Whoever waits is going to ask again.
        """
        try:
            return self.hook.get_import_job(self.knowledge_base_id, job.import_job_id)
        except WisdomError:
            return job

    def wait(self, job: ImportJob, poll_interval: timedelta | float | None) -> ImportJob:
        """Wait in this thread until a job has ended, well or not, and return it, read whole.

        :param job: The job.
        :param poll_interval: Seconds, or a timedelta, between two looks; None for intervals that grow.
        :raises ImportJobError: The job was deleted, or did not end in time.
        """
        which = (self.knowledge_base_id, job.import_job_id)
        try:
            return self.hook.wait_for_import_job(*which, deadline=self.run.deadline, poll_interval=poll_interval)
        except ImportJobFailedError as exc:
            return failed_job(self.hook, *which, exc)

    def _submission(self, mark: str, attempt: int, recalled: Remembered | None) -> Submission:
        upload_id = recalled.upload_id if recalled else self.upload_id or self._upload()
        # Also where nothing was uploaded: Airflow answers whether this is still the task's try.
        self.run.memory.remember(mark, Remembered(upload_id, attempt, series=self.run.origin.series.key))
        return Submission(
            knowledge_base_id=self.knowledge_base_id,
            upload_id=upload_id,
            mark=mark,
            attempt=attempt,
            series=self.run.origin.series,
            client_token=self.client_token,
            metadata={**self.run.origin.describe(str(self.source or "")), **(self.metadata or {})},
            import_job_type=self.import_job_type,
            external_source_configuration=self.external_source_configuration,
            may_exist=recalled is not None or (bool(self.upload_id) and not self.run.is_first_try),
        )

    def _find(self, mark: str) -> Standing:
        return drive(finding(self.knowledge_base_id, mark, self.run.origin.series), self.hook, self.run.limit)

    def _upload(self) -> str:
        limit = self.run.limit
        upload = partial(self.hook.upload, max_bytes=self.max_bytes, check=limit.check_stopped)
        return patiently(lambda: upload(self.knowledge_base_id, str(self.source), self.content_type), limit)

    def _patiently(self, ask: Callable[[], T]) -> T:
        return patiently(ask, self.run.limit)


def job_of(event: Mapping[str, Any]) -> ImportJob:
    """Return as much of the job as a trigger tells of it.

    :param event: Payload of the trigger's event.
    """
    (end,) = ends_of(event)
    return ImportJob(str(end.import_job_id), end.knowledge_base_id, str(end.status))


def ended_job(
    hook: WisdomHook, knowledge_base_id: str, import_job_id: str, event: Mapping[str, Any] | None
) -> ImportJob:
    """Return the job that a trigger has seen to its end, well or not, read whole.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_id: Id of the import job.
    :param event: Payload of the trigger's event; None where all that is known is that the job is COMPLETE.
    :raises ImportJobError: The job was deleted, or did not end in time.
    """
    (error,) = [end.error for end in ends_of(event)] if event else [None]
    if isinstance(error, ImportJobFailedError):
        return failed_job(hook, knowledge_base_id, import_job_id, error)
    if error:
        raise error
    return reread(hook, knowledge_base_id, import_job_id)


def failed_job(hook: WisdomHook, knowledge_base_id: str, import_job_id: str, error: ImportJobFailedError) -> ImportJob:
    """Return a job that is FAILED, read whole, because its report may say why.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_id: Id of the import job.
    :param error: What was seen of it.
    :raises ImportJobFailedError: The job is not FAILED but deleted, or AWS does not say more.
    """
    if error.status != ImportJobStatus.FAILED.value:
        raise error
    try:
        job = hook.read_import_job(knowledge_base_id, import_job_id, deadline=time.time() + REREAD_PATIENCE)
    except WisdomError as exc:
        raise error from exc
    if job.status != error.status:
        raise error
    return job


@dataclass(frozen=True)
class JobAccount:
    """What became of an import job, and of the records that it refused.

    :param job: The job, read whole.
    :param refused: The records that AWS refused; None where nobody knows.
    :param report_error: Why AWS's report could not be read, if it could not.
    """

    job: ImportJob
    refused: RefusedRecords | None = None
    report_error: str | None = None

    @classmethod
    def of(cls, hook: WisdomHook, job: ImportJob, options: ReportOptions, storage: Storage) -> JobAccount:
        """Fetch the report of a job, if it has one, and account for what it refused.

        :param hook: What AWS is reached with.
        :param job: The job, read whole just now, because the URL of its report expires.
        :param options: What is done about refused records.
        :param storage: What writes them where they are to be kept.
        """
        with FailedRecordReports(options.sample_size, options.max_report_bytes) as reports:
            try:
                known = reports.read(hook, job, time.time() + REPORT_PATIENCE)
            except WisdomError as exc:
                unknown = f"How many records were refused is not known: {exc}"
                log.warning("Import job %s: %s", job.import_job_id, unknown)
                return cls(job, report_error=unknown)
            return cls(job, known and reports.refused(storage, options.failed_records_path))

    def __str__(self) -> str:
        """Say in one line what became of it."""
        seconds = self.job.elapsed()
        age = "" if seconds is None or self.job.is_running else f", {seconds:,.1f} s"
        return f"Import job {self.job.import_job_id} is {self.job.status}{age}; {self._refusals()}"

    def summary(self, *, include_urls: bool = False) -> dict[str, Any]:
        """Return the job, and what it refused, as JSON primitives for XCom; what is not known is None and no guess.

        :param include_urls: As for :meth:`ImportJob.to_dict() <airflow_wisdom.model.import_job.ImportJob.to_dict>`.
        """
        refused = self.refused
        members = {
            **self.job.to_dict(include_urls=include_urls),
            "rowsRefused": refused and refused.count,
            "failedRecords": refused and refused.sample,
            "failedRecordsPath": refused and refused.path,
        }
        return summary_of("job", members)

    def numbers(self) -> dict[str, int]:
        """Return the numbers of records by what became of them, as far as they are known.

        The names are those of :func:`~airflow_wisdom.assets.record_import`.
        """
        return {"refused": self.refused.count} if self.refused else {}

    def judge(self, tolerated: str | int) -> None:
        """Accept the job, or raise why it is not acceptable.

        :param tolerated: ``fail``, ``warn``, ``ignore``, or a number of refused records.
        :raises ImportJobError: The job is not COMPLETE.
        :raises FailedRecordReportError: The report could not be read, and it matters.
        :raises FailedRecordsError: More records were refused than are tolerated.
        :raises StorageError: The refused records could not be written where they should be.
        """
        try:
            self.job.require_complete()
        except ImportJobFailedError as exc:
            raise self._explained(exc) from None
        if self.report_error and most_tolerated(tolerated) is not None:
            raise FailedRecordReportError(f"The import job is COMPLETE, but: {self.report_error}", where=self._where)
        if self.refused:
            what = f"AWS refused {counted(self.refused.count, 'record')} of import job {self.job.import_job_id}"
            self.refused.judge(tolerated, what, "the others are imported", self._where)

    def _explained(self, error: ImportJobFailedError) -> ImportJobFailedError:
        if not (self.refused and self.refused.count):
            return error
        self.refused.log()
        return ImportJobFailedError(
            f"Import job {self.job.import_job_id} is {self.job.status}: {self.refused.why}. Fix the records that AWS "
            "refused and import them separately: the same records would be refused again",
            where=self._where,
            status=error.status,
            elapsed=error.elapsed,
            retryable=False,
        )

    def _refusals(self) -> str:
        if self.refused is None:
            return self.report_error or "how many records were refused is not known"
        kept = f" -> {redact(self.refused.path)}" if self.refused.path else ""
        return f"{counted(self.refused.count, 'record')} refused{kept}"

    @property
    def _where(self) -> dict[str, str | None]:
        return {"knowledge_base_id": self.job.knowledge_base_id, "import_job_id": self.job.import_job_id}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except (OSError, ValueError) as exc:
        raise SourceError(f"The source {shown(str(path))} cannot be read: {exc}") from exc
    return digest.hexdigest()
