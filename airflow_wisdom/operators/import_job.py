"""Operators that start, read and delete import jobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import conf

from airflow_wisdom.exceptions import AccessDeniedError, ResourceNotFoundError
from airflow_wisdom.tasks import WisdomExistingJobTask, WisdomSingleJobTask, guarded
from airflow_wisdom.templates import templates_of
from airflow_wisdom.values import ONE_DAY, Readers, duration, optional, switch, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg
    from typing_extensions import Unpack

    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.parameters import ExistingJobParameters, ExistingSingleJobParameters, SingleJobParameters
    from airflow_wisdom.runs.single import SingleImport


class WisdomGetImportJobOperator(WisdomExistingJobTask, WisdomSingleJobTask):
    """Reads an import job and its report once, and pushes what they say to XCom; AWS operation ``GetImportJob``.

    The XCom is :meth:`ImportJob.to_dict() <airflow_wisdom.model.import_job.ImportJob.to_dict>` with ``rowsRefused``,
    ``failedRecords`` and ``failedRecordsPath``, which are None where they are not known. It is pushed also when the
    task then fails.

    :param require_complete: Whether the task fails unless the job is COMPLETE and refused no more records than
        `on_failed_records` tolerates. Default: yes; False pushes what there is, whatever the status.

    Which job, and how AWS is reached: as for :class:`~airflow_wisdom.tasks.WisdomExistingJobTask`. The rest: as for
    :class:`~airflow_wisdom.tasks.WisdomSingleJobTask`.

    :raises ParameterError: Parameters make no sense; nothing was sent.
    :raises ImportJobError: The job is not COMPLETE.
    :raises FailedRecordsError: AWS refused more records than are tolerated.
    :raises FailedRecordReportError: How many AWS refused is not known.
    :raises StorageError: The refused records cannot be written to where they should be.
    :raises ResourceNotFoundError: There is no such job.
    """

    template_fields: Sequence[str] = templates_of(WisdomExistingJobTask, WisdomSingleJobTask)

    readers: ClassVar[Readers] = {"require_complete": switch}

    def __init__(self, *, require_complete: bool | str = True, **kwargs: Unpack[ExistingSingleJobParameters]) -> None:
        super().__init__(**kwargs)
        self.require_complete: Any = require_complete

    @guarded
    def execute(self, context: Context) -> dict[str, Any]:
        """Read the job and its report, and return what they say."""
        job = self.hook.get_import_job(self.find_knowledge_base(), self.import_job_id)
        return self.conclude(context, job, is_judged=self.require_complete)


class WisdomStartImportJobOperator(WisdomSingleJobTask):
    """Starts an import job, waits for it if asked, and pushes its metadata to XCom; AWS operation ``StartImportJob``.

    A task that is tried again does not import again: it finds the job that it started, by a mark that it left in the
    job's metadata, and goes on waiting for that one. Only a job that failed, or that is deleted, is started again. A
    changed file is another import.

    The XCom is as for :class:`WisdomGetImportJobOperator`; the id alone is also pushed, under the key
    ``import_job_id``, as soon as it is known.

    :param upload_id: Id of a finished upload. Either this or `source` is needed.
    :param source: Path on the worker of a file to upload first.
    :param content_type: Media type of `source`. Default ``text/csv``, the only one for quick responses.
    :param max_bytes: Largest `source` that is uploaded, in bytes. Default: Airflow's option
        ``[wisdom] upload_max_bytes``, by itself 1,000,000.
    :param import_job_type: As for :meth:`WisdomHook.start_import_job()
        <airflow_wisdom.hooks.WisdomHook.start_import_job>`.
    :param client_token: Makes starting the job idempotent; after a job that failed, the next is started with a number
        added to it. Default: one that stays the same for all tries of the task.
    :param metadata: At most 5 pairs of text to keep with the job; the others say where it comes from. Default: none.
    :param external_source_configuration: As for :meth:`WisdomHook.start_import_job()
        <airflow_wisdom.hooks.WisdomHook.start_import_job>`.
    :param wait_for_completion: Whether the task ends only when the job is COMPLETE, and its report is read. Default:
        yes.
    :param deferrable: Whether to wait in the triggerer rather than in a worker. Default: Airflow's option
        ``[operators] default_deferrable``.
    :param poll_interval: Seconds, or a timedelta, between two looks. Default: intervals that grow with the job's age,
        see :class:`~airflow_wisdom.cadence.Cadence`.
    :param timeout: Seconds, or a timedelta, after which the task stops waiting and fails. Default: one day.
    :param delete_jobs_on_kill: Whether the job is deleted when a user ends the task while it waits, by marking it or,
        while a worker has it, clearing it; never when a worker or triggerer ends, or at a time-out. While deferred,
        this needs Airflow 3.3. What deleting does to a running job is not documented. Default: no, the job goes on and
        its id is logged.

    The rest: as for :class:`~airflow_wisdom.tasks.WisdomSingleJobTask`.

    :raises ParameterError: Neither or both of `upload_id` and `source` were given, or parameters make no sense.
    :raises SourceError: `source` cannot be read.
    :raises ClientTokenUsedError: `client_token` was used for another import.
    :raises ImportJobError: The job can no longer succeed, or did not end in time.
    :raises FailedRecordsError: AWS refused more records than are tolerated.
    :raises FailedRecordReportError: How many AWS refused is not known.
    :raises StorageError: The refused records cannot be written to where they should be.
    :raises UploadError: Amazon S3 did not take the file.
    :raises AwsError: AWS did not accept the job.
    """

    template_fields: Sequence[str] = (
        "upload_id",
        "source",
        "content_type",
        "import_job_type",
        "client_token",
        "metadata",
        "external_source_configuration",
        *WisdomSingleJobTask.template_fields,
    )

    readers: ClassVar[Readers] = {
        "max_bytes": optional(partial(whole_number, least=1)),
        "wait_for_completion": switch,
        "deferrable": switch,
        "poll_interval": optional(duration),
        "timeout": optional(duration, ONE_DAY),
        "delete_jobs_on_kill": switch,
    }

    def __init__(
        self,
        *,
        upload_id: str | XComArg | None = None,
        source: str | XComArg | None = None,
        content_type: Literal["text/csv"] | XComArg = "text/csv",
        max_bytes: int | str | None = None,
        import_job_type: Literal["QUICK_RESPONSES"] | XComArg = "QUICK_RESPONSES",
        client_token: str | XComArg | None = None,
        metadata: Mapping[str, str] | XComArg | None = None,
        external_source_configuration: Mapping[str, Any] | XComArg | None = None,
        wait_for_completion: bool | str = True,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | str | None = None,
        timeout: timedelta | float | str | None = ONE_DAY,
        delete_jobs_on_kill: bool | str = False,
        **kwargs: Unpack[SingleJobParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.upload_id = upload_id
        self.source: Any = source
        self.content_type = content_type
        self.max_bytes: Any = max_bytes
        self.import_job_type = import_job_type
        self.client_token = client_token
        self.metadata = metadata
        self.external_source_configuration = external_source_configuration
        self.wait_for_completion: Any = wait_for_completion
        self.deferrable: Any = deferrable
        self.poll_interval: Any = poll_interval
        self.timeout: Any = timeout
        self.delete_jobs_on_kill: Any = delete_jobs_on_kill
        self._ti: Any = None
        self._started: ImportJob | None = None
        self._job: ImportJob | None = None

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self._check_import]

    def _check_import(self) -> None:
        from airflow_wisdom.runs.single import SingleOptions

        SingleOptions.of(self)

    @guarded
    def execute(self, context: Context) -> dict[str, Any]:
        """Start the job, or find the one that an earlier try started, and wait for it if asked."""
        self._ti = context["ti"]
        deadline = self.ends_at(self.timeout)
        single = self._single(context, deadline)
        self._started = self._job = job = single.find_or_start()
        if self.ended.is_set():
            # When Airflow called `on_kill`, nobody knew of the job.
            self._leave(job)
            self.check_not_ended()
        context["ti"].xcom_push(key="import_job_id", value=job.import_job_id)
        self.link_to_instance(self.hook, job)
        if not self.wait_for_completion:
            return self._unread(job)
        if self.deferrable and single.look(job).is_running:
            self.check_not_ended()
            self._defer(job.import_job_id, deadline)
        return self._complete(single.wait(job, self.poll_interval), context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the trigger: read the report, and return the summary or raise what went wrong."""
        from airflow_wisdom.runs.single import ended_job, job_of

        self._job = seen = job_of(event)
        return self._complete(ended_job(self.hook, seen.knowledge_base_id, seen.import_job_id, event), context)

    def _single(self, context: Context, deadline: float) -> SingleImport:
        from airflow_wisdom.runs.single import SingleImport

        self.find_knowledge_base()
        return SingleImport.of(self, self.hook, context, deadline)

    def _unread(self, job: ImportJob) -> dict[str, Any]:
        from airflow_wisdom.runs.single import JobAccount

        return JobAccount(job).summary(include_urls=self.include_urls)

    def _defer(self, import_job_id: str, deadline: float) -> None:
        from airflow_wisdom.triggers import WisdomJobsCompleteTrigger

        trigger = WisdomJobsCompleteTrigger(
            knowledge_base_id=self.find_knowledge_base(),
            import_job_ids=[import_job_id],
            deadline=deadline,
            poll_interval=self.poll_interval,
            delete_jobs_on_kill=self.delete_jobs_on_kill,
            **self.aws.to_dict(),
        )
        self.say_deferred(import_job_id, deadline)
        self.defer_to(trigger, deadline)

    def _complete(self, job: ImportJob, context: Context) -> dict[str, Any]:
        self._job = job
        summary = self.conclude(context, job)
        self.record_import(context, [job], self._records)
        return summary

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - as above
        """Return where the records came from and went to, for OpenLineage's Airflow provider, which alone asks."""
        from airflow_wisdom.lineage import import_lineage

        return import_lineage([self.source] if self.source else [], [self._job] if self._job else [], self._records)

    def on_kill(self) -> None:
        """Send nothing more; delete the job, if a user ends the task and it was asked for, or else name it.

        Airflow calls this where a worker has the task, at times when it takes a deferred task that has just come back
        for a lost one.
        """
        super().on_kill()
        if self._job is None:
            self.log.warning("The task is ended: nothing more is sent")
        elif self._started is None:
            self.log.warning(
                "The task is ended while the report of import job %s, which is %s, is read; another try of the task "
                "finds the job",
                self._job.import_job_id,
                self._job.status,
            )
        else:
            self._leave(self._job)

    def _leave(self, job: ImportJob) -> None:
        """Delete a job of a task that is ended, if it is a user who ends it and that was asked for; else name it."""
        from airflow_wisdom.kills import is_ended_by_user

        if self.delete_jobs_on_kill and is_ended_by_user(self._ti):
            self.hook.try_to_delete_running_job(job.knowledge_base_id, job.import_job_id)
        else:
            self.log.warning(
                "The task is ended. Import job %s goes on; another try of the task finds it", job.import_job_id
            )


class WisdomDeleteImportJobOperator(WisdomExistingJobTask):
    """Deletes an import job; AWS operation ``DeleteImportJob``. A job that is already gone is a success.

    Where there is no such job, ``GetKnowledgeBase`` says whether there is such a knowledge base.

    The quick responses that the job created stay. What happens to a job that is still running is not documented.

    :param wait_for_completion: Whether the task ends only when the job is gone. Default: no.
    :param poll_interval: As for :class:`WisdomStartImportJobOperator`.
    :param timeout: As for :class:`WisdomStartImportJobOperator`.

    Which job, and how AWS is reached: as for :class:`~airflow_wisdom.tasks.WisdomExistingJobTask`.

    :raises ParameterError: Parameters make no sense; nothing was sent.
    :raises ResourceNotFoundError: There is no such knowledge base.
    :raises ImportJobError: The job could not be deleted, or was not gone in time.
    :raises AwsError: AWS did not accept the deletion.
    """

    readers: ClassVar[Readers] = {
        "wait_for_completion": switch,
        "poll_interval": optional(duration),
        "timeout": optional(duration, ONE_DAY),
    }

    def __init__(
        self,
        *,
        wait_for_completion: bool | str = False,
        poll_interval: timedelta | float | str | None = None,
        timeout: timedelta | float | str | None = ONE_DAY,
        **kwargs: Unpack[ExistingJobParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion: Any = wait_for_completion
        self.poll_interval: Any = poll_interval
        self.timeout: Any = timeout

    @guarded
    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Delete the job, and wait until it is gone if asked."""
        deadline = self.ends_at(self.timeout)
        knowledge_base_id = self.find_knowledge_base()
        # A connection may be looked up for minutes: the client is made before it is asked whether to go on.
        self.hook.conn  # noqa: B018 - a cached property
        self.check_not_ended()
        try:
            self.hook.delete_import_job(knowledge_base_id, self.import_job_id)
        except ResourceNotFoundError as exc:
            self._require_knowledge_base()
            self.log.info("Nothing to delete: %s", exc)
            return
        self.log.info("Import job %s is being deleted", self.import_job_id)
        if self.wait_for_completion:
            self.hook.wait_for_deletion(
                knowledge_base_id, self.import_job_id, deadline=deadline, poll_interval=self.poll_interval
            )

    def _require_knowledge_base(self) -> None:
        """Fail where it is not the job that is not there: AWS says the same of both."""
        try:
            self.hook.get_knowledge_base(self.find_knowledge_base())
        except AccessDeniedError as exc:
            self.log.warning("Whether the knowledge base is there is not known: %s", exc)
