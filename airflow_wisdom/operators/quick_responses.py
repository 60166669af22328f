"""The operator that imports quick responses from any source, whole and once: a form that fills in an import."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.providers.common.compat.sdk import conf

from airflow_wisdom import settings
from airflow_wisdom.exceptions import TaskEndedError, WisdomError
from airflow_wisdom.model.limits import MAX_FILE_ROWS
from airflow_wisdom.operators.rows import WisdomRowsTask, WisdomSourceTask
from airflow_wisdom.tasks import FinalError, WisdomReportTask, guarded
from airflow_wisdom.templates import templates_of
from airflow_wisdom.values import Readers, switch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg
    from typing_extensions import Unpack

    from airflow_wisdom.model.import_job import ImportJob, JobEnd
    from airflow_wisdom.parameters import ImportSourceParameters
    from airflow_wisdom.runs.imports import Import, ImportOptions
    from airflow_wisdom.runs.manifest import Manifest
    from airflow_wisdom.runs.starting import Submission


class WisdomImportTask(WisdomRowsTask, WisdomReportTask):
    """Base of the tasks that import quick responses: rows in, import jobs out, and an account of each row.

    All rows are judged before anything is sent. The valid ones are written to files of at most 100 rows, in order; each
    file is uploaded and gets an import job of its own, only so many of which run at a time; all are waited for by one
    deferral. The reports of the records that AWS refused are fetched, counted and written to where you say.

    A task that is tried again does not import again: it finds the jobs that it started, waits for them, and starts
    only the files that have no job, or whose job failed. A file whose rows have changed is another import. A task that
    a user clears compares its rows with what the knowledge base has, and imports those that are not there.

    The XCom is one summary: ``status``, ``rowsRead`` (= ``rowsInvalid`` + ``rowsOnlyChecked`` + ``rowsPresent`` +
    ``rowsDiffering`` + ``rowsSent``), ``rowsSent`` (= ``rowsImported`` + ``rowsRefused`` + ``rowsNotStarted`` +
    ``rowsUnknown``), ``durationSeconds``, ``importJobs`` with the same for each job, samples ``invalidRows``,
    ``doubtfulRows`` and ``failedRecords``, and where all of these were written to. It is pushed also when the task then
    fails because of its rows, files or jobs.

    :param mode: ``import`` (default), or ``check`` to judge the rows, report what is wrong with them, and send nothing.
    :param max_rows_per_file: Rows of a file, 1 to 100. Default: 100, which is what AWS allows.
    :param max_active_jobs: How many jobs run at the same time, at most. Default: Airflow's option ``[wisdom]
        max_active_import_jobs``, by itself 3.
    :param max_bytes: Largest file that is uploaded, in bytes. Default: Airflow's option ``[wisdom] upload_max_bytes``,
        by itself 1,000,000.
    :param metadata: At most 5 pairs of text to keep with each job; the others say where it comes from. Default: none.
    :param external_source_configuration: As for :class:`~airflow_wisdom.operators.WisdomStartImportJobOperator`.
    :param deferrable: As for :class:`~airflow_wisdom.operators.WisdomStartImportJobOperator`.
    :param poll_interval: As for :class:`~airflow_wisdom.operators.WisdomStartImportJobOperator`.
    :param delete_jobs_on_kill: As for :class:`~airflow_wisdom.operators.WisdomStartImportJobOperator`; here it is
        all jobs that run.

    How rows are judged: as for :class:`~airflow_wisdom.operators.rows.WisdomRowsTask`. What is done about refused
    records: as for :class:`~airflow_wisdom.tasks.WisdomReportTask`.

    :raises SourceError: The source cannot be read, does not fit the template, or has invalid rows.
    :raises ImportIncompleteError: A file could not be uploaded, or not every job became COMPLETE in time.
    :raises RunTimeoutError: A cleared task could not read in time what the knowledge base has.
    :raises FailedRecordsError: AWS refused more records than are tolerated.
    :raises FailedRecordReportError: How many AWS refused is not known.
    :raises StorageError: A file cannot be written to where it should be.
    :raises ParameterError: Parameters make no sense; nothing was sent.
    """

    template_fields: Sequence[str] = (
        "mode",
        "max_rows_per_file",
        "max_active_jobs",
        "metadata",
        "external_source_configuration",
        *templates_of(WisdomRowsTask, WisdomReportTask),
    )

    readers: ClassVar[Readers] = {"deferrable": switch, "delete_jobs_on_kill": switch}

    def __init__(
        self,
        *,
        mode: Literal["import", "check"] | XComArg = "import",
        max_rows_per_file: int | str | XComArg = MAX_FILE_ROWS,
        max_active_jobs: int | str | XComArg | None = None,
        max_bytes: int | str | None = None,
        metadata: Mapping[str, str] | XComArg | None = None,
        external_source_configuration: Mapping[str, Any] | XComArg | None = None,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: timedelta | float | str | None = None,
        delete_jobs_on_kill: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.max_rows_per_file = max_rows_per_file
        self.max_active_jobs = max_active_jobs
        self.max_bytes: Any = max_bytes
        self.metadata = metadata
        self.external_source_configuration = external_source_configuration
        self.deferrable: Any = deferrable
        self.poll_interval: Any = poll_interval
        self.delete_jobs_on_kill: Any = delete_jobs_on_kill
        self._ti: Any = None
        self._import: Import | None = None
        self._ends: Sequence[JobEnd] = ()
        self._jobs: list[ImportJob] = []
        self._records: dict[str, int] = {}
        self._arn: str | None = None

    @guarded
    def execute(self, context: Context) -> dict[str, Any]:
        """Judge and send the rows, and wait for the jobs, here or in the triggerer."""
        deadline = self.ends_at(self.timeout)
        with self._new_import(context, deadline) as run:
            manifest = run.plan(self.rows(), self.routing_profiles())
            if self.mode == "check":
                return self._conclude_check(context, run, manifest)
            manifest, submissions = self._sent(context, run, manifest)
            ends = run.look(submissions) if self.deferrable else []
            if submissions and self.deferrable and not ends:
                self._defer(run.hand_over(manifest, submissions), deadline)
            return self._conclude(context, run, manifest, ends or run.wait(submissions))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the trigger: fetch the reports, and return the summary or raise what went wrong."""
        from airflow_wisdom.runs.imports import told_by

        manifest, self._ends = told_by(event)
        # Looking it up once more could fail, and nobody would hear what was imported.
        self.knowledge_base_id = manifest.knowledge_base_id
        return self._conclude(context, self._new_import(context, time.time()), manifest, self._ends)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from the deferral; where it was Airflow that ended it, say where the import stands."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except (WisdomError, FinalError):
            raise
        except Exception:
            self._new_import(context, time.time()).say_what_was_started()
            raise

    def on_kill(self) -> None:
        """Delete the jobs that run, if a user ends the task and it was asked for; else say where the import stands.

        Airflow calls this where a worker has the task: when a user ends it, at an ``execution_timeout``, and when the
        worker is stopped; and at times when it takes a deferred task that has just come back for a lost one.
        """
        from airflow_wisdom.kills import is_ended_by_user

        super().on_kill()
        if self._ends:
            complete = sum(end.is_complete for end in self._ends)
            self.log.warning(
                "The task is ended while reports are read. Of %d import jobs %d are COMPLETE; another try of the task "
                "finds them, and imports nothing twice",
                len(self._ends),
                complete,
            )
        elif self._import:
            self._import.leave(delete=lambda: self.delete_jobs_on_kill and is_ended_by_user(self._ti))
        else:
            self.log.warning("The task is ended: nothing more is sent")

    def _sent(self, context: Context, run: Import, manifest: Manifest) -> tuple[Manifest, list[Submission]]:
        """Send what is left to import; where nothing can be started, the summary is pushed all the same."""
        try:
            manifest.check(self.on_invalid_rows)
            manifest = run.take_stock(manifest)
            return manifest, run.send(manifest)
        except TaskEndedError:
            # Another try has the task: the result is that one's.
            raise
        except WisdomError:
            self.push_summary(context, run.given_up(manifest).summary())
            raise

    def _new_import(self, context: Context, deadline: float) -> Import:
        from airflow_wisdom.runs.imports import Import

        self._ti = context["ti"]
        self.find_knowledge_base()
        self._import = Import.of_task(self, context, self.row_options(), self.storage(), deadline)
        return self._import

    def row_options(self) -> ImportOptions:
        """Return how the rows are judged, and what is done with them."""
        from airflow_wisdom.runs.imports import ImportOptions

        return ImportOptions.of(
            self,
            import_template=settings.import_template(),
            max_active_jobs=settings.max_active_import_jobs(),
            max_bytes=settings.upload_max_bytes(),
            sample_size=settings.sample_size(),
        )

    def _defer(self, parameters: dict[str, Any], deadline: float) -> None:
        from airflow_wisdom.triggers import WisdomRunImportTrigger

        trigger = WisdomRunImportTrigger(
            **parameters,
            delete_jobs_on_kill=self.delete_jobs_on_kill,
            push_progress=self.do_xcom_push,
            **self.aws.to_dict(),
        )
        self.defer_to(trigger, deadline)

    def _conclude_check(self, context: Context, run: Import, manifest: Manifest) -> dict[str, Any]:
        """Push the summary, and raise if rows are invalid, or return the summary; nothing was sent."""
        # Airflow makes an event of each outlet of a task that succeeds, but nothing has come into the knowledge base.
        self.outlets = []
        summary = run.account_of_check(manifest).summary()
        self.push_summary(context, summary)
        manifest.check(self.on_invalid_rows)
        return summary

    def _conclude(self, context: Context, run: Import, manifest: Manifest, ends: Sequence[JobEnd]) -> dict[str, Any]:
        """Fetch the reports, push the summary, and raise what went wrong, or return the summary."""
        self._ends = ends
        account = run.account(manifest, ends)
        self._jobs, self._records, summary = account.jobs, account.numbers(), account.summary()
        self.push_summary(context, summary)
        for job in self._jobs[:1]:
            self.link_to_instance(self.hook, job)
        account.judge(run.options.on_failed_records)
        self._arn = account.arn
        self.record_import(context, self._jobs, self._records, self._arn)
        return summary

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - as it asks
        """Return where the rows came from and went to, for OpenLineage's Airflow provider, which alone asks."""
        from airflow_wisdom.lineage import import_lineage

        return import_lineage(self.lineage_inputs(), self._jobs, self._records, self._arn)


class WisdomImportQuickResponsesOperator(WisdomSourceTask, WisdomImportTask):
    """Imports quick responses from a file or from rows, however many; AWS operation ``StartImportJob`` for each file.

    Where the rows are: as for :class:`~airflow_wisdom.operators.rows.WisdomSourceTask`. The rest: as for
    :class:`~airflow_wisdom.operators.quick_responses.WisdomImportTask`.
    """

    template_fields: Sequence[str] = templates_of(WisdomSourceTask, WisdomImportTask)

    def __init__(self, **kwargs: Unpack[ImportSourceParameters]) -> None:
        super().__init__(**kwargs)
