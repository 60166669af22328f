"""An import of quick responses: any source is judged, sent in files, imported by jobs, and accounted for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_wisdom.exceptions import AccessDeniedError, RunTimeoutError, TaskEndedError, WisdomError
from airflow_wisdom.hooks.connection import ReadyConnection
from airflow_wisdom.model.import_job import ImportJobStatus, JobEnd
from airflow_wisdom.model.limits import MAX_FILE_BYTES, MAX_FILE_ROWS
from airflow_wisdom.rows import DEFAULT_TEMPLATE, prepare
from airflow_wisdom.rows.preparing import without
from airflow_wisdom.runs.account import Account, accounts_of
from airflow_wisdom.runs.counting import Counting
from airflow_wisdom.runs.folder import HasFolder
from airflow_wisdom.runs.inventory import everything
from airflow_wisdom.runs.judging import judging
from airflow_wisdom.runs.limit import Limit
from airflow_wisdom.runs.manifest import Manifest, Part
from airflow_wisdom.runs.options import ReportOptions, RowOptions
from airflow_wisdom.runs.presence import Presence
from airflow_wisdom.runs.progress import Several, task_progress
from airflow_wisdom.runs.reports import REPORT_PATIENCE, FailedRecordReports
from airflow_wisdom.runs.run import Memory, Origin, Remembered, Run, external_source, users_metadata
from airflow_wisdom.runs.sending import Sender
from airflow_wisdom.runs.starting import left_of, mark_of
from airflow_wisdom.runs.waiting import ImportJobs, delete_running, ends_of, is_refused
from airflow_wisdom.values import Readers, duration, one_of, optional, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.rows import ImportTemplate
    from airflow_wisdom.rows.preparing import ImportFile, Prepared
    from airflow_wisdom.runs.account import PartAccount
    from airflow_wisdom.runs.starting import Submission
    from airflow_wisdom.sources import Source
    from airflow_wisdom.storage import Storage

log = logging.getLogger(__name__)

OTHERS_PATIENCE = 120.0
"""Seconds for which a cleared import waits for changes that others make to quick responses; then AWS decides."""


@dataclass(frozen=True)
class ImportOptions(RowOptions, ReportOptions):
    """How an import is done; what each option means says
    :class:`~airflow_wisdom.operators.quick_responses.WisdomImportTask`, whose parameters they are.
    """  # noqa: D205 - one sentence

    readers: ClassVar[Readers] = {
        "max_rows_per_file": partial(whole_number, least=1, most=MAX_FILE_ROWS),
        "max_active_jobs": partial(whole_number, least=1),
        "max_bytes": partial(whole_number, least=1),
        "metadata": users_metadata,
        "external_source_configuration": optional(external_source),
        "poll_interval": optional(duration),
        "mode": partial(one_of, words=("import", "check")),
    }

    max_rows_per_file: int = MAX_FILE_ROWS
    max_active_jobs: int = 1
    max_bytes: int = MAX_FILE_BYTES
    metadata: Mapping[str, str] | None = None
    external_source_configuration: Mapping[str, Any] | None = None
    poll_interval: float | None = None
    mode: Literal["import", "check"] = "import"

    @property
    def outputs(self) -> dict[str, str | None]:
        """The parameters that name a file which is written, and what they name."""
        return {**super().outputs, "failed_records_path": self.failed_records_path}


class Import(HasFolder):
    """An import of quick responses, from rows to an account of each of them; use it as a context manager.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param options: How the import is done.
    :param storage: What reads templates and writes reports.
    :param run: Who imports, until when, what is remembered, and who is notified.
    """

    def __init__(
        self, hook: WisdomHook, knowledge_base_id: str, options: ImportOptions, storage: Storage, run: Run
    ) -> None:
        self._hook = hook
        self._knowledge_base_id = knowledge_base_id
        self.options = options
        self._storage = storage
        self._run = run
        self._files: list[ImportFile] = []
        self._template = DEFAULT_TEMPLATE
        self._routing_profiles: Mapping[str, str] = {}
        self._arn: str | None = None
        self._sender = Sender(
            hook,
            run,
            knowledge_base_id=knowledge_base_id,
            external_source_configuration=options.external_source_configuration,
        )
        self._found: Mapping[str, ImportJob] = {}
        self._rows: Mapping[str, int] = {}
        self._jobs: ImportJobs | None = None

    @classmethod
    def of_task(
        cls, task: Any, context: Mapping[str, Any], options: ImportOptions, storage: Storage, deadline: float
    ) -> Import:
        """Return the import of a task, with what its tries have in common.

        :param task: The task, which has a hook and the id of a knowledge base.
        :param context: The context in which it runs.
        :param options: How the import is done.
        :param storage: What reads templates and writes reports.
        :param deadline: POSIX time at which starting and waiting end.
        """
        ti = context["ti"]
        run = Run(
            Origin.of_task(task, context),
            deadline,
            Memory(context.get("task_state_store")),
            Several(task_progress(), Counting.of_task(task, context)),
            is_first_try=ti.try_number == 1,
            ended=task.ended,
        )
        return cls(task.hook, task.find_knowledge_base(), options, storage, run)

    def plan(self, source: Source, routing_profiles: Mapping[str, str] | None = None) -> Manifest:
        """Judge every row, and write import files; nothing is sent.

        :param source: Where the rows are.
        :param routing_profiles: Name -> ARN of the routing profiles that there are. Default: not known, so that any
            name will do.
        :raises SourceError: The source cannot be read, or does not fit the template.
        :raises StorageError: This machine cannot keep the import files.
        :raises ValueError: Two parameters name the same file.
        """
        options = self.options
        options.check_places(source)
        self._template, self._routing_profiles = options.template(self._storage), routing_profiles or {}
        judged = judge(source, self._template, options, self.folder, routing_profiles)
        prepared = judged.prepared
        self._files = list(prepared.files)
        # Also without invalid rows, so that none of an earlier run stay there.
        path, not_saved = self._storage.try_to_save(prepared.invalid_path, options.invalid_rows_path)
        manifest = Manifest(
            knowledge_base_id=self._knowledge_base_id,
            source=source.name,
            unit=judged.unit,
            rows_read=prepared.rows_read,
            rows_invalid=prepared.rows_invalid,
            cells_trimmed=prepared.cells_trimmed,
            mistakes_total=prepared.mistakes_total,
            mistakes=prepared.mistakes,
            invalid_rows_path=path,
            not_saved=not_saved,
            doubts=prepared.doubts,
            parts=tuple(self._part(file, content) for file, content in _distinct_contents(self._files)),
            rows_blank=prepared.rows_blank,
            cells_null=prepared.cells_null,
        )
        self._run.progress.planned(manifest)
        return manifest

    def take_stock(self, manifest: Manifest) -> Manifest:
        """Find the jobs that earlier tries started and, if a user has cleared the task, leave out rows that are there.

        :param manifest: What :meth:`plan` returned.
        :returns: What is left to import; nothing was sent.
        """
        self._found = self._sender.look_back([part.mark for part in manifest.parts])
        if self._run.origin.series.is_cleared:
            manifest = self._left_of(manifest)
        self._rows = manifest.rows_by_mark()
        return manifest

    def send(self, manifest: Manifest) -> list[Submission]:
        """Upload every file that has no job yet, and return what is to be started and waited for.

        :param manifest: What :meth:`take_stock` returned.
        :raises ImportIncompleteError: A file could not be uploaded; no job was started.
        """
        metadata = [self._metadata(manifest, number) for number in range(len(manifest.parts))]
        return self._sender.send(manifest, self._files, metadata)

    def given_up(self, manifest: Manifest) -> Account:
        """Account for an import that ended before this try has started a job: what became of earlier ones is not known.

        :param manifest: What was to be imported.
        """
        ends = [self._given_up(manifest.parts[number].mark) for number in manifest.to_send]
        account = Account(manifest, accounts_of(manifest, ends), is_given_up=True)
        self._run.progress.concluded(account)
        return account

    def _given_up(self, mark: str) -> JobEnd:
        error, job = WisdomError("Nothing was sent"), self._found.get(mark)
        if job:
            return JobEnd.of(self._knowledge_base_id, job.import_job_id, job, error)
        is_unknown = self._sender.may_have_started(mark)
        return JobEnd(self._knowledge_base_id, None, error=error, may_have_started=is_unknown)

    def look(self, submissions: Sequence[Submission]) -> list[JobEnd]:
        """Look once at jobs that earlier tries started: if all files have one and all are COMPLETE, nothing is left.

        :param submissions: What :meth:`send` returned.
        :returns: How each ended; none if there is something to wait for, or AWS does not say.
        """
        ends: list[JobEnd] = []
        known = [submission.import_job_id for submission in submissions]
        for import_job_id in known if all(known) else ():
            try:
                job = self._hook.get_import_job(self._knowledge_base_id, str(import_job_id))
            except WisdomError:
                return []
            if job.status != ImportJobStatus.COMPLETE.value:
                return []
            ends.append(JobEnd.of(self._knowledge_base_id, import_job_id, job, None))
        return ends

    def hand_over(self, manifest: Manifest, submissions: Sequence[Submission]) -> dict[str, Any]:
        """Leave it to a trigger to start the jobs and wait for them, and return the parameters that it needs for that.

        :param manifest: What :meth:`take_stock` returned.
        :param submissions: What :meth:`send` returned.
        """
        self._run.limit.check_stopped()
        self._run.progress.deferred(manifest, self._run.deadline)
        return {
            "knowledge_base_id": self._knowledge_base_id,
            "submissions": [submission.to_dict() for submission in submissions],
            "max_active_jobs": self.options.max_active_jobs,
            "manifest": manifest.to_dict(),
            "submitted_at": time.time(),
            "deadline": self._run.deadline,
            "poll_interval": self.options.poll_interval,
        }

    def wait(self, submissions: Sequence[Submission]) -> list[JobEnd]:
        """Start the jobs and wait for them in this thread; return how each ended.

        :param submissions: What :meth:`send` returned.
        """
        self._jobs = ImportJobs(
            ReadyConnection(self._hook),
            submissions,
            max_active=self.options.max_active_jobs,
            deadline=self._run.deadline,
            poll_interval=self.options.poll_interval,
            progress=self._run.progress,
            on_start=self._remember,
            rows=self._rows,
            ended=self._run.ended,
        )
        ends = asyncio.run(self._jobs.run())
        # Only now: where an error ends the wait, Airflow asks next what goes on.
        self._jobs = None
        return ends

    def account_of_check(self, manifest: Manifest) -> Account:
        """Account for every row of an import of which nothing is sent.

        :param manifest: What :meth:`plan` returned.
        """
        account = Account(manifest, [], was_sent=False)
        self._run.progress.concluded(account)
        return account

    def account(self, manifest: Manifest, ends: Sequence[JobEnd]) -> Account:
        """Fetch the reports of all jobs that have ended, and account for every row; whatever happens to a report.

        :param manifest: What was to be imported.
        :param ends: How the job of each file ended, in order.
        """
        account = Account(manifest, accounts_of(manifest, ends), known_arn=self._arn)
        self._remember_ends(account)
        deadline = time.time() + REPORT_PATIENCE
        with FailedRecordReports(self.options.sample_size, self.options.max_report_bytes) as reports:
            account.parts = [self._with_report(each, account, reports, deadline) for each in account.parts]
            account.refused = reports.refused(self._storage, self.options.failed_records_path)
        self._run.progress.concluded(account)
        return account

    def leave(self, *, delete: Callable[[], bool]) -> None:
        """Say where things stand, for a task that was ended, and delete the jobs that run if that is wanted.

        :param delete: Tells whether the jobs that run are to be deleted; else it is logged which they are.
        """
        if self._jobs is None:
            log.warning("The task is ended: nothing more is sent")
            return
        if delete():
            delete_running(self._hook, self._knowledge_base_id, self._jobs.under_way)
        else:
            # Named, because nothing else may say after this which they are.
            log.warning("The task is ended. %s", self._jobs.under_way)

    def say_what_was_started(self) -> None:
        """Log which jobs were started, as after a wait that was ended from outside."""
        try:
            jobs = [job for job in self._hook.list_import_jobs(self._knowledge_base_id) if self._has_started(job)]
        except WisdomError as exc:
            log.warning("Which import jobs were started is not known: %s", exc)
            return
        started = ", ".join(f"{job.import_job_id} ({job.status})" for job in jobs) or "none"
        log.warning(
            "The wait was ended before the import was. Import jobs of this task: %s. Those that run go on; another try "
            "of the task finds them, and starts the files that have no job or whose job failed",
            started,
        )

    def _has_started(self, job: ImportJob) -> bool:
        return self._run.origin.has_started(job)

    def _left_of(self, manifest: Manifest) -> Manifest:
        """Leave out the rows that are there, of files that no earlier try has begun with."""
        begun = [self._sender.as_begun(part) for part in manifest.parts]
        presence = None if all(begun) else self._presence()
        if presence:
            for number in [number for number, part in enumerate(begun) if part is None]:
                differing: list[bool] = []
                self._files[number] = without(self._files[number], partial(presence.notes, differing))
                begun[number] = manifest.parts[number].leaving((self._files[number].rows, sum(differing)))
        parts = tuple(known or part for known, part in zip(begun, manifest.parts, strict=True))
        manifest = replace(manifest, parts=parts)
        self._run.progress.stocked(manifest)
        return manifest

    def _presence(self) -> Presence | None:
        """Read what there is; None if rows cannot be compared, so that all are sent, and AWS refuses what is there."""
        if "name" not in self._template.fields.values():
            log.warning(
                "No column of the import template means a name, by which rows are found: every row is sent again, and "
                "AWS refuses those that are already there"
            )
            return None
        try:
            there = everything(ReadyConnection(self._hook), self._knowledge_base_id, self._limit(), OTHERS_PATIENCE)
        except AccessDeniedError as exc:
            log.warning(
                "What the knowledge base has cannot be read: every row is sent again, and AWS refuses those that are "
                "already there. Allow wisdom:ListQuickResponses, wisdom:SearchQuickResponses and "
                "wisdom:GetQuickResponse. %s",
                exc,
            )
            return None
        presence = Presence(there, self._template, self._routing_profiles)
        self._arn = presence.arn
        return presence

    def _limit(self) -> Limit:
        run, what = self._run, "What the knowledge base has was not read"
        return Limit(run.deadline, run.ended.is_set, run.contact, what=what, error=RunTimeoutError)

    def _part(self, file: ImportFile, content: str) -> Part:
        mark = self._run.origin.mark(self._knowledge_base_id, content)
        return Part(file.rows, file.first_line, file.last_line, mark, file.first_part, file.last_part)

    def _metadata(self, manifest: Manifest, number: int) -> dict[str, str]:
        described = self._run.origin.describe(f"{manifest.source}, {manifest.place(number)}")
        return {**described, **(self.options.metadata or {})}

    def _remember(self, submission: Submission, import_job_id: str) -> None:
        job = import_job_id, submission.series.key, submission.left
        self._keep(submission.mark, Remembered(submission.upload_id, submission.attempt, *job))

    def _keep(self, mark: str, what: Remembered) -> None:
        try:
            self._run.memory.remember(mark, what)
        except TaskEndedError as exc:
            # The other try finds this job by its mark.
            log.warning("%s", exc)
            self._run.ended.set()

    def _remember_ends(self, account: Account) -> None:
        """Remember which jobs a trigger started, and forget the uploads from which AWS would start none later either.

        A trigger has no store. Many tasks that are cleared at once would each read the whole list of jobs.
        """
        for each in account.parts:
            import_job_id, error, mark = each.end.import_job_id, each.end.error, each.part.mark
            if import_job_id is None and is_refused(error) and not each.end.may_have_started:
                self._run.memory.forget(mark)
            recalled = self._run.memory.recall(mark) if import_job_id else None
            if recalled and recalled.import_job_id is None:
                self._keep(mark, replace(recalled, import_job_id=import_job_id))

    def _with_report(
        self, each: PartAccount, account: Account, reports: FailedRecordReports, deadline: float
    ) -> PartAccount:
        if each.end.import_job_id is None or not each.end.has_ended:
            return each
        try:
            job = self._hook.read_import_job(self._knowledge_base_id, str(each.end.import_job_id), deadline=deadline)
            each = _with_rows_of(job, each)
            # There may be thousands of jobs, and who notes what was imported needs neither URLs, uploads nor metadata.
            account.jobs.append(replace(job, url=None, upload_id=None, metadata={}))
            refused = reports.read(self._hook, job, deadline)
        except WisdomError as exc:
            unknown = replace(each, report_error=f"How many records were refused is not known: {exc}")
            log.warning("%s: %s", each.place, unknown.report_error)
            return unknown
        return replace(each, refused=refused.count, reasons=refused.reasons) if refused else each


def _with_rows_of(job: ImportJob, account: PartAccount) -> PartAccount:
    """Return the account of a file with the rows that its job has: a trigger may have found one of an earlier try."""
    is_ours = mark_of(job) == account.part.mark
    return replace(account, part=account.part.leaving(left_of(job))) if is_ours else account


def told_by(event: Mapping[str, Any]) -> tuple[Manifest, list[JobEnd]]:
    """Return what was to be imported and how each job ended, as a trigger reports it.

    :param event: Payload of the event of a :class:`~airflow_wisdom.triggers.WisdomRunImportTrigger`.
    """
    return Manifest.from_dict(event["manifest"]), ends_of(event)


@dataclass(frozen=True)
class Judged:
    """What became of the rows of a source, before anything is sent.

    :param prepared: The import files, the invalid rows, and the numbers of both.
    :param unit: What places in the source are counted in.
    """

    prepared: Prepared
    unit: Literal["line", "row"]


def judge(
    source: Source,
    template: ImportTemplate,
    options: ImportOptions,
    folder: Path,
    routing_profiles: Mapping[str, str] | None = None,
) -> Judged:
    """Judge every row of a source, and write what is valid into import files; AWS is not needed for that.

    :param source: Where the rows are.
    :param template: The header that AWS expects.
    :param options: How the rows are judged.
    :param folder: An empty folder for the files.
    :param routing_profiles: As for :meth:`Import.plan`.
    :raises SourceError: The source cannot be read, or does not fit the template.
    :raises StorageError: This machine cannot keep the import files.
    """
    with judging(source, template, options, routing_profiles) as (table, validator):
        prepared = prepare(
            table,
            validator,
            folder,
            max_rows=options.max_rows_per_file,
            max_bytes=options.max_bytes,
            sample=options.sample_size,
        )
        return Judged(prepared, table.unit)


def _distinct_contents(files: Iterable[ImportFile]) -> Iterator[tuple[ImportFile, str]]:
    """Yield each file with what is its own, the same for every try: its hash, and which of equal ones it is."""
    seen: Counter[str] = Counter()
    for file in files:
        yield file, f"{file.sha256}#{seen[file.sha256]}" if seen[file.sha256] else file.sha256
        seen[file.sha256] += 1
