"""The operator that imports quick responses from any source, whole and once."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import conf

from airflow_wisdom import settings
from airflow_wisdom.exceptions import InvalidRowsError, SourceError, StorageError, WisdomError
from airflow_wisdom.tasks import ONE_DAY, WisdomTask, check_interval, is_ended_by_user, seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from airflow_wisdom.import_job import ImportJob
    from airflow_wisdom.importing.submission import Submission
    from airflow_wisdom.importing.summary import Plan
    from airflow_wisdom.importing.waiting import Progress
    from airflow_wisdom.rows import ImportFile, ImportTemplate, Prepared, Table
    from airflow_wisdom.storage import Storage


class WisdomRowsTask(WisdomTask):
    """Base of the tasks that import quick responses: rows in, import jobs out, and an account of each row.

    All rows are judged before anything is sent. The valid ones are written to files of at most 100 rows, in order; each
    file is uploaded and gets an import job of its own, only so many of which run at a time; all are waited for by one
    deferral. The reports of the records that AWS refused are fetched, counted and written to where you say.

    A task that is tried again does not import again: it finds the jobs that it started, waits for them, and starts
    only the files that have no job, or whose job failed. A file whose rows have changed is another import.

    The XCom is one summary: ``status``, ``rowsRead`` (= ``rowsInvalid`` + ``rowsSent``), ``rowsSent`` (=
    ``rowsImported`` + ``rowsRefused``), ``durationSeconds``, ``importJobs`` with the same for each job, samples
    ``invalidRows`` and ``failedRecords``, and where all of these were written to. It is pushed also when the task then
    fails.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_template: The header that AWS expects: path or URI of the template file downloaded from Amazon
        Connect, a list of labels, or a dict of label to the field that it means (None: no known one). Default:
        Airflow's option ``[wisdom] import_template``, by itself an assumption:
        :data:`~airflow_wisdom.rows.template.DEFAULT_TEMPLATE`.
    :param column_mapping: Own column -> label of the template, for columns that have another name. Default: a column is
        its label, whatever its case and spacing.
    :param extra_columns: What to do about columns that the template does not have: ``fail`` (default) or ``ignore``.
    :param spaces: What to do about spaces at the ends of a cell, other than of content and description: ``trim``
        (default) them, or make the row ``invalid``.
    :param allowed_values: Field -> allowed values, or None for any; takes precedence over
        :data:`~airflow_wisdom.rows.validation.ALLOWED`. Default: nothing does.
    :param on_invalid_rows: What to do if rows have mistakes: ``fail`` (default) before anything is sent, or ``skip``
        them. If no row is valid, the task fails in any case.
    :param invalid_rows_path: Path or URI of a CSV to write those rows to, with their mistakes, ready to be mended and
        imported. Default: they are not written.
    :param on_failed_records: What to do if AWS refuses records: ``fail`` (default), ``warn``, ``ignore``, or the
        number that is tolerated. A job that is FAILED fails the task in any case.
    :param failed_records_path: Path or URI of a CSV to write all of them to, by the columns of AWS's reports. Default:
        they are not written.
    :param storage_conn_id: Airflow connection for URIs. Default: for Amazon S3 `aws_conn_id`, for others none.
    :param max_rows_per_file: Rows of a file, 1 to 100. Default: 100, which is what AWS allows.
    :param max_active_jobs: How many jobs run at the same time, at most. Default: Airflow's option ``[wisdom]
        max_active_import_jobs``, by itself 3.
    :param max_bytes: Largest file that is uploaded, in bytes. Default: Airflow's option ``[wisdom] upload_max_bytes``,
        by itself 1,000,000.
    :param max_report_bytes: Largest report of failed records that is fetched, in bytes. Default 10,000,000.
    :param sample_size: How many invalid rows and failed records go to log, XCom and exceptions; 0 for none, as their
        texts may not be everybody's. Default: Airflow's option ``[wisdom] sample_size``, by itself 20.
    :param metadata: At most 5 pairs of text to keep with each job; the others say where it comes from. Default: none.
    :param external_source_configuration: As for :class:`~airflow_wisdom.operators.WisdomStartImportJobOperator`, like
        the next four.
    :param deferrable: See there.
    :param poll_interval: See there.
    :param timeout: See there.
    :param delete_jobs_on_kill: See there; it is the jobs that run.

    How AWS is reached: see :class:`~airflow_wisdom.tasks.WisdomTask`.

    :raises SourceError: The source can not be read, does not fit the template, or has invalid rows.
    :raises ImportIncompleteError: A file could not be uploaded, or not every job became COMPLETE in time.
    :raises FailedRecordsError: AWS refused more records than are tolerated.
    :raises FailedRecordReportError: How many AWS refused can not be told.
    :raises StorageError: A file can not be written to where it should be.
    :raises ValueError: A parameter makes no sense.
    """

    template_fields: Sequence[str] = (
        "knowledge_base_id",
        "import_template",
        "column_mapping",
        "extra_columns",
        "spaces",
        "allowed_values",
        "on_invalid_rows",
        "invalid_rows_path",
        "on_failed_records",
        "failed_records_path",
        "storage_conn_id",
        "max_rows_per_file",
        "max_active_jobs",
        "metadata",
        "external_source_configuration",
        *WisdomTask.template_fields,
    )

    def __init__(
        self,
        *,
        knowledge_base_id: str,
        import_template: str | Sequence[str] | Mapping[str, str | None] | None = None,
        column_mapping: Mapping[str, str] | None = None,
        extra_columns: Literal["fail", "ignore"] = "fail",
        spaces: Literal["trim", "invalid"] = "trim",
        allowed_values: Mapping[str, Collection[str] | None] | None = None,
        on_invalid_rows: Literal["fail", "skip"] = "fail",
        invalid_rows_path: str | None = None,
        on_failed_records: Literal["fail", "warn", "ignore"] | int = "fail",
        failed_records_path: str | None = None,
        storage_conn_id: str | None = None,
        max_rows_per_file: int = 100,
        max_active_jobs: int | None = None,
        max_bytes: int | None = None,
        max_report_bytes: int = 10_000_000,
        sample_size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        external_source_configuration: Mapping[str, Any] | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        timeout: timedelta | float = ONE_DAY,
        delete_jobs_on_kill: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.knowledge_base_id = knowledge_base_id
        self.import_template = import_template
        self.column_mapping = column_mapping
        self.extra_columns = extra_columns
        self.spaces = spaces
        self.allowed_values = allowed_values
        self.on_invalid_rows = on_invalid_rows
        self.invalid_rows_path = invalid_rows_path
        self.on_failed_records = on_failed_records
        self.failed_records_path = failed_records_path
        self.storage_conn_id = storage_conn_id
        self.max_rows_per_file = max_rows_per_file
        self.max_active_jobs = max_active_jobs
        self.max_bytes = max_bytes
        self.max_report_bytes = max_report_bytes
        self.sample_size = sample_size
        self.metadata = metadata
        self.external_source_configuration = external_source_configuration
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.delete_jobs_on_kill = delete_jobs_on_kill
        self._ti: Any = None
        self._progress: Progress | None = None
        self._jobs: list[ImportJob] = []
        self._records: dict[str, int] = {}

    @abstractmethod
    def table(self) -> AbstractContextManager[Table]:
        """Open the source and return its rows."""

    @abstractmethod
    def source_name(self) -> str:
        """Return what the source is called in messages and in the metadata of the jobs."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Judge and send the rows, and wait for the jobs, here or in the triggerer."""
        self._check_parameters()
        self._ti = context["ti"]
        deadline = time.time() + seconds(self.timeout)
        with TemporaryDirectory(prefix="airflow-wisdom-") as folder:
            prepared, unit = self._prepare(Path(folder))
            self._settle_invalid_rows(prepared)
            plan, submissions = self._submit(context, prepared, unit, deadline)
        if submissions and self.deferrable:
            self._defer(plan, submissions, deadline)
        return self._conclude(context, plan, self._run(context, submissions, deadline))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Take over from the trigger: fetch the reports, and return the summary or raise what went wrong."""
        from airflow_wisdom.importing.summary import Plan

        return self._conclude(context, Plan(**event["plan"]), event["jobs"])

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from the deferral; where it was Airflow that ended it, say where the import stands."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except WisdomError:
            raise
        except Exception:
            self._say_what_was_started(context)
            raise

    def _say_what_was_started(self, context: Context) -> None:
        from airflow_wisdom.importing.submission import Origin

        origin = Origin.of(context["ti"])
        try:
            jobs = [job for job in self.hook.list_import_jobs(self.knowledge_base_id) if origin.has_started(job)]
        except WisdomError as exc:
            self.log.warning("Which import jobs were started is not known: %s", exc)
            return
        started = ", ".join(f"{job.import_job_id} ({job.status})" for job in jobs) or "none"
        self.log.warning(
            "The wait was ended before the import was. Import jobs of this task: %s. Those that run go on; another try "
            "of the task finds them, and starts the files that have no job or whose job failed",
            started,
        )

    def on_kill(self) -> None:
        """Delete the jobs that run, if a user ends the task and it was asked for; else say where the import stands.

        Airflow calls this where a worker waits: when a user ends the task, at an ``execution_timeout``, and when the
        worker is stopped.
        """
        if self._progress is None:
            return
        from airflow_wisdom.importing.waiting import delete_running

        self._progress.stopped = True
        if self.delete_jobs_on_kill and is_ended_by_user(self._ti):
            delete_running(self.hook, self.knowledge_base_id, self._progress)
        else:
            # Named, because nothing else may say after this which they are.
            self.log.warning("The task is ended. %s", self._progress)

    # Before anything is sent

    def _check_parameters(self) -> None:
        from airflow_wisdom.importing.submission import USERS_PAIRS

        check_interval(self.poll_interval)
        if self.on_invalid_rows not in ("fail", "skip"):
            raise ValueError(f"on_invalid_rows has to be 'fail' or 'skip', not {self.on_invalid_rows!r}")
        tolerated = self.on_failed_records
        if tolerated not in ("fail", "warn", "ignore") and not str(tolerated).removesuffix(".0").isdecimal():
            raise ValueError(f"on_failed_records has to be 'fail', 'warn', 'ignore' or a number, not {tolerated!r}")
        if not self.knowledge_base_id:
            raise ValueError("knowledge_base_id is needed")
        for name, least in (("max_rows_per_file", 1), ("max_active_jobs", 1), ("sample_size", 0)):
            _check_number(name, getattr(self, name), least)
        if len(self.metadata or {}) > USERS_PAIRS:
            raise ValueError(f"metadata may have {USERS_PAIRS} pairs, not {len(self.metadata or {})}")

    def _sample_size(self) -> int:
        return settings.sample_size() if self.sample_size is None else int(float(self.sample_size))

    def _storage(self) -> Storage:
        from airflow_wisdom.storage import Storage

        return Storage(self.storage_conn_id, self.aws_conn_id, self.verify)

    def _prepare(self, folder: Path) -> tuple[Prepared, str]:
        """Read the source and write what is valid into files in `folder`, and what is not into another."""
        from airflow_wisdom.rows import Rules, Validator, field_limits, prepare

        rules = Rules(
            limits=field_limits(self.hook.quick_response_lengths()),
            spaces=self.spaces,
            extra_columns=self.extra_columns,
            allowed=self.allowed_values or {},
        )
        template = self._import_template()
        with self.table() as table, Validator(template, rules, self.column_mapping) as validator:
            prepared = prepare(
                table,
                validator,
                folder,
                max_rows=int(float(self.max_rows_per_file)),
                max_bytes=settings.upload_max_bytes() if self.max_bytes is None else self.max_bytes,
                sample=self._sample_size(),
            )
            return prepared, table.unit

    def _import_template(self) -> ImportTemplate:
        from airflow_wisdom.rows import DEFAULT_TEMPLATE, ImportTemplate
        from airflow_wisdom.rows.template import unmarked

        given = settings.import_template() if self.import_template is None else self.import_template
        if given is None:
            return DEFAULT_TEMPLATE
        if isinstance(given, str):
            with self._storage().open(given) as file:
                return ImportTemplate.from_csv(file.read())
        if not isinstance(given, Mapping):
            return ImportTemplate.of(given)
        return ImportTemplate.of(given, fields={unmarked(label): field for label, field in given.items() if field})

    def _settle_invalid_rows(self, prepared: Prepared) -> None:
        if prepared.invalid_path is None:
            return
        for mistake in prepared.mistakes:
            self.log.warning("Invalid row of %s: %s", self.source_name(), mistake)
        not_saved = self._save_invalid_rows(prepared.invalid_path)
        count = f"{prepared.rows_invalid:,} of {prepared.rows_read:,} rows of {self.source_name()} are not valid"
        if self.on_invalid_rows == "skip" and prepared.files:
            self.log.warning("%s and are skipped", count)
            if not_saved:
                # Nothing was sent yet: what is skipped is not to be lost.
                raise not_saved
            return
        shown = "; ".join(map(str, prepared.mistakes)) or "their mistakes are not shown"
        more = prepared.mistakes_total - len(prepared.mistakes)
        rest = f"; and {more:,} more mistakes" if more else ""
        where = f". All of them are in {self.invalid_rows_path}" if self.invalid_rows_path else ""
        where = f". {not_saved}" if not_saved else where
        raise InvalidRowsError(
            f"{count}; nothing was sent: {shown}{rest}{where}",
            rows_read=prepared.rows_read,
            rows_invalid=prepared.rows_invalid,
            mistakes=[mistake.to_dict() for mistake in prepared.mistakes],
            invalid_rows_path=None if not_saved else self.invalid_rows_path,
            knowledge_base_id=self.knowledge_base_id,
        )

    def _save_invalid_rows(self, path: Path) -> StorageError | None:
        """Write the invalid rows where the user asked for them; what went wrong is returned: there is more to tell."""
        try:
            if self.invalid_rows_path:
                self._storage().save(path, self.invalid_rows_path)
        except StorageError as exc:
            return exc
        return None

    # Sending

    def _submit(
        self, context: Context, prepared: Prepared, unit: str, deadline: float
    ) -> tuple[Plan, list[Submission]]:
        """Upload every file that has no job yet, and return what is to be started and waited for."""
        from airflow_wisdom.importing.memory import Memory
        from airflow_wisdom.importing.sending import Sender
        from airflow_wisdom.importing.submission import Origin
        from airflow_wisdom.importing.summary import Plan

        origin = Origin.of(context["ti"])
        marks = [origin.mark(self.knowledge_base_id, content) for content in _distinct_contents(prepared.files)]
        plan = Plan.of(prepared, marks, unit, self.invalid_rows_path)
        sender = Sender(
            self.hook,
            Memory(context),
            origin,
            deadline=deadline,
            knowledge_base_id=self.knowledge_base_id,
            external_source_configuration=self.external_source_configuration,
        )
        sender.look_back(marks, is_first_try=context["ti"].try_number == 1)
        name = self.source_name()
        metadata = [
            {**origin.describe(f"{name}, {plan.place(number)}"), **(self.metadata or {})}
            for number in range(len(marks))
        ]
        if not marks:
            self.log.warning("%s has no rows: there is nothing to import", name)
        return plan, sender.send(plan, prepared.files, metadata)

    # Waiting

    def _max_active(self) -> int:
        return settings.max_active_import_jobs() if self.max_active_jobs is None else int(float(self.max_active_jobs))

    def _defer(self, plan: Plan, submissions: Sequence[Submission], deadline: float) -> None:
        from airflow_wisdom.triggers import WisdomRunImportTrigger

        self.defer_to(
            WisdomRunImportTrigger(
                knowledge_base_id=self.knowledge_base_id,
                submissions=[submission.to_dict() for submission in submissions],
                max_active_jobs=self._max_active(),
                plan=plan.to_dict(),
                submitted_at=time.time(),
                deadline=deadline,
                poll_interval=self.poll_interval,
                delete_jobs_on_kill=self.delete_jobs_on_kill,
                **self.aws_parameters(),
            ),
            deadline,
        )

    def _run(self, context: Context, submissions: Sequence[Submission], deadline: float) -> list[dict[str, Any]]:
        """Start the jobs and wait for them in this process; return what the trigger's event would say of each."""
        import asyncio

        from airflow_wisdom.importing.memory import Memory, Remembered
        from airflow_wisdom.importing.waiting import Progress, import_all
        from airflow_wisdom.watcher import ReadyConnection

        memory = Memory(context)
        self._progress = Progress.of(submissions)

        def on_start(submission: Submission, import_job_id: str) -> None:
            memory.remember(submission.mark, Remembered(submission.upload_id, submission.attempt, import_job_id))

        results = asyncio.run(
            import_all(
                ReadyConnection(self.hook),
                submissions,
                max_active=self._max_active(),
                deadline=deadline,
                poll_interval=self.poll_interval,
                progress=self._progress,
                on_start=on_start,
            )
        )
        self._progress = None
        return [outcome.to_dict(self.knowledge_base_id, import_job_id) for import_job_id, outcome in results]

    # Afterwards

    def _conclude(self, context: Context, plan: Plan, ended: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Fetch the reports, push the summary, and raise what went wrong, or return the summary."""
        from airflow_wisdom.importing.accounting import Accountant
        from airflow_wisdom.importing.memory import Memory
        from airflow_wisdom.importing.summary import records_of

        accountant = Accountant(
            self.hook, plan, ended, knowledge_base_id=self.knowledge_base_id, sample=self._sample_size()
        )
        accountant.forget_useless_uploads(Memory(context))
        with TemporaryDirectory(prefix="airflow-wisdom-") as folder:
            accountant.read_reports(Path(folder), self.max_report_bytes)
            if self.failed_records_path:
                accountant.save_failed_records(self._storage(), self.failed_records_path)
        summary = accountant.summary()
        if self.do_xcom_push:
            # Also for a task that fails next: who is alarmed wants to know.
            context["ti"].xcom_push(key="return_value", value=summary)
        self._jobs, self._records = accountant.jobs, records_of(summary)
        for job in self._jobs[:1]:
            self.link_to_instance(job)
        accountant.judge(self.on_failed_records)
        self.record_import(context, *self._jobs, **self._records)
        return summary

    def lineage_inputs(self) -> Sequence[Any]:
        """Return where the rows come from, as :func:`~airflow_wisdom.lineage.import_lineage` takes it."""
        return []

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - as it asks
        """Return where the rows came from and went to, for OpenLineage's Airflow provider, which alone asks."""
        from airflow_wisdom.lineage import import_lineage

        return import_lineage(self.lineage_inputs(), self._jobs, self._records)


def _check_number(name: str, value: Any, least: int) -> None:
    """Refuse what is no whole number, also as a text out of a template; None stands for a default."""
    text = str(value).removesuffix(".0")
    if value is not None and not (text.isdecimal() and int(text) >= least):
        raise ValueError(f"{name} has to be a number, at least {least}, not {value!r}")


def _distinct_contents(files: Iterable[ImportFile]) -> Iterator[str]:
    """Yield what tells each file from the others, the same for every try: its hash, and which of equal ones it is."""
    seen: Counter[str] = Counter()
    for file in files:
        yield f"{file.sha256}#{seen[file.sha256]}" if seen[file.sha256] else file.sha256
        seen[file.sha256] += 1


class WisdomImportQuickResponsesOperator(WisdomRowsTask):
    """Imports quick responses from a file or from rows, however many; AWS operation ``StartImportJob`` for each file.

    :param source: A path on the worker, an ``s3://`` URI (streamed through Airflow's S3 hook), any other URI that
        Airflow's object storage understands, or the rows themselves: a list of dicts, also from XCom. Rows are no
        templates: what stands in double braces in them is Amazon Connect's.
    :param source_format: ``csv`` (comma, semicolon or tab; UTF-8) or ``json_lines``. Default: what the file's name
        says, and else its first bytes.

    The rest: see :class:`~airflow_wisdom.operators.quick_responses.WisdomRowsTask`.
    """

    template_fields: Sequence[str] = ("source", "source_format", *WisdomRowsTask.template_fields)

    def __init__(
        self,
        *,
        source: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
        source_format: Literal["csv", "json_lines"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.source_format = source_format

    @contextmanager
    def table(self) -> Iterator[Table]:
        """Open the source and return its rows."""
        from airflow_wisdom.rows import read, read_rows

        if self._path:
            with self._storage().open(self._path) as file:
                yield read(file, format=self.source_format, name=self._path)
        elif isinstance(self.source, Iterable) and not isinstance(self.source, (str, bytes, Mapping)):
            yield read_rows(self.source)
        else:
            kind = type(self.source).__name__
            raise SourceError(f"The source has to be a path, a URI or a list of rows, not {kind}: {self.source!r:.40}")

    @property
    def _path(self) -> str | None:
        return os.fspath(self.source) if isinstance(self.source, (str, os.PathLike)) else None

    def source_name(self) -> str:
        """Return the path or URI of the source."""
        return self._path or "the rows given"

    def lineage_inputs(self) -> Sequence[Any]:
        """Return the path or URI of the source, if it has one."""
        return [self._path] if self._path else []

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render the templates; rows are none: Amazon Connect's own placeholders have double braces, too."""
        rows = self.source if isinstance(self.source, (list, tuple)) else None
        if rows is not None:
            self.source = ""
        super().render_template_fields(context, jinja_env)
        if rows is not None:
            self.source = rows
