"""What operators and sensors have in common: parameters that are read first, the AWS connection, deferral.

The modules that a DAG imports are imported again in every parse of it, so here, in `sensors` and in `operators`
whatever is needed only where a task runs is imported there: boto3 above all, but also the run and the trigger.
"""

from __future__ import annotations

import inspect
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial, wraps
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator

from airflow_wisdom import settings
from airflow_wisdom.exceptions import ParameterError, TaskEndedError, WisdomError
from airflow_wisdom.hooks.connection import AWS_PARAMETERS, AwsConnection
from airflow_wisdom.links import LinksToConsole
from airflow_wisdom.model.limits import MAX_REPORT_BYTES
from airflow_wisdom.templates import refuse_passing, rendered, unrendered_in
from airflow_wisdom.values import (
    ONE_DAY,
    Problems,
    Readers,
    connection_id,
    duration,
    mapping,
    one_of,
    optional,
    readers_of,
    switch,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.sdk import Context, XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial
    from airflow.triggers.base import BaseTrigger

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.runs.options import ReportOptions
    from airflow_wisdom.storage import Storage

T = TypeVar("T")


class FinalError(AirflowFailException):
    """What fails a task at once, though it may have retries left: an error of this package that no retry can cure."""

    @property
    def headline(self) -> str:
        """As for :class:`~airflow_wisdom.exceptions.WisdomError`, for the templates of notifiers."""
        return self.__cause__.headline if isinstance(self.__cause__, WisdomError) else str(self)


@contextmanager
def _without_vain_retries(task: WisdomTask, context: Context) -> Iterator[None]:
    try:
        yield
    except WisdomError as exc:
        task.push_error(context, exc)
        is_of_data = not isinstance(exc, ParameterError)
        if exc.retryable or (is_of_data and getattr(task, "retry_data_errors", False)):
            raise
        raise FinalError(str(exc)) from exc


def guarded(execute: Callable[[Any, Context], T]) -> Callable[[Any, Context], T]:
    """Let a task read its parameters first, and fail at once where no retry can help; for ``execute`` of a task.

    This is the edge to Airflow, which retries after every exception that is not one of its own.

    :param execute: The method.
    """

    @wraps(execute)
    def executed(self: Any, context: Context) -> T:
        with _without_vain_retries(self, context):
            self.settle(context)
            return execute(self, context)

    return executed


def _verify(_name: str, value: Any) -> Any:
    # Other texts are paths.
    return switch("verify", value) if str(value).lower() in ("true", "false") else value


def _botocore_config(name: str, value: Any) -> Any:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    parameters = mapping(name, value)
    try:
        Config(**parameters)
    except (AttributeError, TypeError, ValueError, BotoCoreError) as exc:
        raise ValueError(f"{name} must have parameters of botocore.config.Config: {exc}") from None
    return value


class _WholeSignature:
    """The signature of a task with what its bases add to it, for ``help()``: Python itself shows ``**kwargs`` for that.

    Airflow looks at each constructor by itself, and not at this.
    """

    def __get__(self, _task: object, kind: type[WisdomTask]) -> inspect.Signature:
        makers = [base.__init__ for base in kind.__mro__ if issubclass(base, WisdomTask) and "__init__" in vars(base)]
        every = [each for maker in makers for each in inspect.signature(maker).parameters.values()]
        own = {each.name: each for each in reversed(every) if each.kind is each.KEYWORD_ONLY}
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, annotation="Any")
        return inspect.Signature([*reversed(own.values()), rest], return_annotation="None")


class WisdomTask(LinksToConsole, BaseOperator):
    """Base of the operators and sensors of this package: how AWS is reached.

    :param aws_conn_id: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param region_name: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param verify: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param botocore_config: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param service_name: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    """

    template_fields: Sequence[str] = AWS_PARAMETERS

    # A copy of a task is made by Airflow alone, and of the same try.
    shallow_copy_attrs: Sequence[str] = ("_ended",)

    _has_begun = False

    __signature__ = _WholeSignature()

    readers: ClassVar[Readers] = {
        "aws_conn_id": optional(connection_id),
        "region_name": lambda name, value: text(name, value) if value not in (None, "") else None,
        "verify": _verify,
        "botocore_config": optional(_botocore_config),
        "service_name": lambda name, value: one_of(name, value, settings.SERVICE_NAMES) if value else None,
    }
    """Parameter -> what reads it when the task begins, for those that a class adds and no run reads."""

    def __init__(
        self,
        *,
        aws_conn_id: str | XComArg | None = "aws_default",
        region_name: str | XComArg | None = None,
        verify: bool | str | XComArg | None = None,
        botocore_config: dict[str, Any] | XComArg | None = None,
        service_name: Literal["wisdom", "qconnect"] | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # What a template has become by the time the task runs, no type can say.
        self.aws_conn_id: Any = aws_conn_id
        self.region_name = region_name
        self.verify: Any = verify
        self.botocore_config = botocore_config
        self.service_name = service_name

    def __setattr__(self, name: str, value: Any) -> None:
        # Here, where each parameter of each class passes.
        if name in self.template_fields or name == "extra_checks":
            refuse_passing(name, value)
        super().__setattr__(name, value)

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return what is to be expanded, as for any operator of Airflow.

        :param kwargs: Parameters of the operator.
        :raises SourceError: The source can be gone through only once, or is a task in place of what it returns.
        :raises ParameterError: Another parameter can be gone through only once.
        """
        for name in {*cls.template_fields, "extra_checks"} & kwargs.keys():
            refuse_passing(name, kwargs[name])
        return super().partial(**kwargs)

    @property
    def aws(self) -> AwsConnection:
        """How AWS is reached; the deferred half of the task uses the same."""
        return AwsConnection.of(self)

    @cached_property
    def hook(self) -> WisdomHook:
        """The hook, made where the task runs."""
        hook = self.aws.hook()
        self.link_to_console(hook)
        return hook

    @property
    def ended(self) -> Event:
        """Set once this try of the task is ended: from then on, nothing is sent. Every run of the task gets it."""
        # At once, for a signal may come at any moment, and not in the constructor, because parsing a DAG copies tasks.
        event: Event = vars(self).setdefault("_ended", Event())
        return event

    def on_kill(self) -> None:
        """Send nothing more.

        Airflow calls this where a worker has the task, from a signal handler, at any moment from before `execute` on:
        when a user ends it, at an ``execution_timeout``, and when the worker is stopped. `execute` goes on meanwhile.
        """
        self.ended.set()

    def check_not_ended(self) -> None:
        """Go on only if the task was not ended meanwhile.

        :raises TaskEndedError: It was.
        """
        if self.ended.is_set():
            raise TaskEndedError("Nothing more was sent because the task was ended")

    def settle(self, context: Context) -> None:
        """Let every parameter be what it means, such as the number ``50`` for the text ``"50"``.

        :param context: The task's context.
        :raises ParameterError: Parameters make no sense: it says so of all of them, before anything is sent.
        """
        if self._has_begun:
            # The try before had the same task, as in `dag.test()`.
            self._ended = Event()
        self._has_begun = True
        problems = Problems()
        for name, value in problems.read(readers_of(type(self)), self).items():
            setattr(self, name, value)
        for check in self.checks():
            with problems.noting():
                check()
        if self._is_called_by_another(context):
            problems.found += [
                f"{name} must be False where another task calls this one: Airflow would defer that"
                for name in ("deferrable", "start_from_trigger")
                if getattr(self, name, False) is True
            ]
        if missing := unrendered_in(self):
            # What else there is to say of them comes from what stands in for them.
            told = [problem for problem in problems.found if problem.partition(" ")[0] not in missing]
            problems.found, problems.retryable = [*missing.values(), *told], True
        problems.check()

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return []

    def _is_called_by_another(self, context: Context) -> bool:
        running: Any = context.get("task", self)
        kind = getattr(running, "operator_class", None)
        return not issubclass(kind if isinstance(kind, type) else type(running), type(self))

    def render_template(self, content: Any, *args: Any, **kwargs: Any) -> Any:
        """Render a template as Airflow does; one that cannot be is no error until the task begins, see `settle`."""
        return rendered(content, partial(super().render_template, content, *args, **kwargs))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from a deferral, and fail at once where no retry can help."""
        with _without_vain_retries(self, context):
            self.settle(context)
            return super().resume_execution(next_method, next_kwargs, context)

    def ends_at(self, timeout: timedelta | float | None) -> float:
        """Return the POSIX time at which the task stops waiting: the earliest of all limits, however it waits.

        Airflow applies an ``execution_timeout`` only while a worker has the task, and not while it is deferred.

        :param timeout: The task's own limit: seconds, or a timedelta; None for one day.
        """
        # With 0, a sensor looks once.
        limits = [ONE_DAY if timeout is None else duration("timeout", timeout) if timeout else 0.0]
        if self.execution_timeout is not None:
            limits.append(self.execution_timeout.total_seconds())
        return time.time() + min(limits)

    def defer_to(self, trigger: BaseTrigger, deadline: float) -> None:
        """Defer the task to a trigger; it comes back in ``execute_complete``.

        :param trigger: The trigger, which ends by itself at the deadline.
        :param deadline: POSIX time; a while after it Airflow ends the deferral, should no triggerer be running.
        """
        from airflow_wisdom.triggers.base import AIRFLOW_GRACE

        left = timedelta(seconds=max(0.0, deadline - time.time()))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + AIRFLOW_GRACE)

    def push_summary(self, context: Context, summary: dict[str, Any]) -> None:
        """Push the task's summary as its result, also if the task fails next: whoever is alarmed wants to know.

        :param context: The task's context.
        :param summary: JSON primitives.
        """
        if self.do_xcom_push:
            context["ti"].xcom_push(key="return_value", value=summary)

    def push_error(self, context: Context, error: WisdomError) -> None:
        """Push why the task fails, for those who read no log; not if it is not this try's task any more.

        :param context: The task's context.
        :param error: Why it fails.
        """
        from airflow_wisdom.runs.summary import ERROR_KEY, error_of

        if not self.do_xcom_push or self.ended.is_set() or isinstance(error, TaskEndedError):
            return
        try:
            context["ti"].xcom_push(key=ERROR_KEY, value=error_of(error, with_message=self._may_show_texts()))
        except Exception as exc:  # noqa: BLE001 - whatever Airflow says, it is the error that matters
            self.log.debug("The error could not be pushed: %r", exc)

    def _may_show_texts(self) -> bool:
        """Return whether texts of rows, which a message may have in it, may be seen outside the log."""
        try:
            size = getattr(self, "sample_size", None)
            return (settings.sample_size() if size is None else int(size)) > 0
        except (TypeError, ValueError, WisdomError):
            return False

    def record_import(
        self, context: Context, jobs: Sequence[ImportJob], records: Mapping[str, int], arn: str | None = None
    ) -> None:
        """Say in the task's asset events what it imported, once it has succeeded in that.

        :param context: The task's context.
        :param jobs: As for :func:`~airflow_wisdom.assets.record_import`.
        :param records: As for :func:`~airflow_wisdom.assets.record_import`.
        :param arn: As for :func:`~airflow_wisdom.assets.record_import`.
        """
        if self.outlets:
            from airflow_wisdom.assets import record_import

            record_import(context, self.outlets, jobs, records, arn)


class WisdomKnowledgeBaseTask(WisdomTask):
    """Base of the tasks that are about a knowledge base: which one it is.

    :param knowledge_base_id: Id or ARN of the knowledge base. Default: that of `instance_id`; where neither is given,
        what the extra of the Airflow connection names under these two keys.
    :param instance_id: Id or ARN of the Amazon Connect instance that the knowledge base serves, by which the knowledge
        base and routing profiles are found; AWS operations ``ListIntegrationAssociations`` and ``ListRoutingProfiles``.
        Default: not known.

    How AWS is reached: as for :class:`WisdomTask`.
    """

    template_fields: Sequence[str] = ("knowledge_base_id", "instance_id", *WisdomTask.template_fields)

    def __init__(
        self,
        *,
        knowledge_base_id: str | XComArg | None = None,
        instance_id: str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.knowledge_base_id: Any = knowledge_base_id
        self.instance_id: Any = instance_id

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self._check_ids]

    def _check_ids(self) -> None:
        from airflow_wisdom.model.knowledge_base import check_id

        problems = Problems()
        for name, resource in (("knowledge_base_id", "knowledge-base"), ("instance_id", "instance")):
            if getattr(self, name):
                with problems.noting():
                    check_id(name, str(getattr(self, name)), resource)
        problems.check()

    def find_knowledge_base(self) -> str:
        """Return the id or ARN of the knowledge base: as given, or that of the Amazon Connect instance.

        :raises ParameterError: Neither the parameters nor the Airflow connection name one of them.
        :raises ResourceNotFoundError: There is no such instance, or it has no knowledge base of quick responses.
        :raises TaskEndedError: The task was ended while it was looked up.
        """
        if not (self.knowledge_base_id or self.instance_id):
            self.knowledge_base_id, self.instance_id = self.hook.named_in_connection()
            self.check_not_ended()
            self._check_ids()
        if not (self.knowledge_base_id or self.instance_id):
            needed = (
                "knowledge_base_id or instance_id is needed, as a parameter or in the extra of the Airflow connection"
            )
            raise ParameterError(needed)
        if not self.knowledge_base_id:
            self.knowledge_base_id = self.hook.find_knowledge_base(str(self.instance_id))
            self.check_not_ended()
        return str(self.knowledge_base_id)

    def routing_profiles(self) -> dict[str, str] | None:
        """Return the routing profiles of the Amazon Connect instance, name -> ARN; None if no instance is named.

        :raises ResourceNotFoundError: There is no such instance.
        :raises TaskEndedError: The task was ended while they were looked up.
        """
        if not self.instance_id:
            return None
        found = self.hook.routing_profiles(self.instance_id)
        self.check_not_ended()
        return found


class WisdomStorageTask(WisdomKnowledgeBaseTask):
    """Base of the tasks that read or write files.

    :param storage_conn_id: Airflow connection for URIs. Default: `aws_conn_id` for Amazon S3, and for others the
        connection that the URI names, or none.
    :param sample_size: How many rows, changes and failures go to log, XCom and exceptions; 0 for none, as their texts
        may not be everybody's. Default: Airflow's option ``[wisdom] sample_size``, by itself 20.
    :param retry_data_errors: Whether Airflow retries the task also where the data are at fault, so that only other data
        would help: for a file that somebody may replace between two tries. Default: no, the task fails at once.

    Which knowledge base: as for :class:`WisdomKnowledgeBaseTask`.
    """

    template_fields: Sequence[str] = ("storage_conn_id", *WisdomKnowledgeBaseTask.template_fields)

    readers: ClassVar[Readers] = {"storage_conn_id": optional(connection_id), "retry_data_errors": switch}

    def __init__(
        self,
        *,
        storage_conn_id: str | XComArg | None = None,
        sample_size: int | str | None = None,
        retry_data_errors: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.storage_conn_id: Any = storage_conn_id
        self.sample_size: Any = sample_size
        self.retry_data_errors: Any = retry_data_errors

    def storage(self) -> Storage:
        """Return what reads and writes files."""
        from airflow_wisdom.storage import Storage

        return Storage(self.storage_conn_id, self.aws_conn_id, self.verify)


class WisdomReportTask(WisdomStorageTask):
    """Base of the tasks that read the reports of the records that AWS refused.

    :param on_failed_records: What to do if AWS refuses records: ``fail`` (default), ``warn``, ``ignore``, or the
        number that is tolerated. A job that is FAILED fails the task in any case.
    :param failed_records_path: Path or URI of a CSV to write all of them to, by the columns of AWS's reports. If there
        are none, it has its header alone. Default: they are not written.
    :param max_report_bytes: Largest report of failed records that is fetched, in bytes. Default 10,000,000.

    Which knowledge base, and how files are reached: as for :class:`WisdomStorageTask`.
    """

    template_fields: Sequence[str] = ("on_failed_records", "failed_records_path", *WisdomStorageTask.template_fields)

    def __init__(
        self,
        *,
        on_failed_records: Literal["fail", "warn", "ignore"] | int | XComArg = "fail",
        failed_records_path: str | XComArg | None = None,
        max_report_bytes: int | str = MAX_REPORT_BYTES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.on_failed_records = on_failed_records
        self.failed_records_path = failed_records_path
        self.max_report_bytes: Any = max_report_bytes


class WisdomSingleJobTask(WisdomReportTask):
    """Base of the tasks that see one import job to its end: what it refused, and what is told of it.

    :param include_urls: Whether the XCom includes the presigned ``url`` and ``failedRecordReport``, which are secrets.
        Default: no.

    What is done about refused records: as for :class:`WisdomReportTask`.
    """

    readers: ClassVar[Readers] = {"include_urls": switch}

    def __init__(self, *, include_urls: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.include_urls: Any = include_urls
        self._records: dict[str, int] = {}

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self.report_options]

    def report_options(self) -> ReportOptions:
        """Return what is done about refused records.

        :raises ParameterError: Parameters make no sense; nothing was sent.
        """
        from airflow_wisdom.runs.options import ReportOptions

        return ReportOptions.of(self, sample_size=settings.sample_size())

    def conclude(self, context: Context, job: ImportJob, *, is_judged: bool = True) -> dict[str, Any]:
        """Fetch the report of a job, push the summary, and raise what went wrong, or return the summary.

        :param context: The task's context.
        :param job: The job, read whole just now.
        :param is_judged: Whether a job that is not COMPLETE, and records that AWS refused, may fail the task. Default:
            they may.
        """
        from airflow_wisdom.runs.single import JobAccount

        options = self.report_options()
        account = JobAccount.of(self.hook, job, options, self.storage())
        self._records, summary = account.numbers(), account.summary(include_urls=self.include_urls)
        self.link_to_instance(self.hook, job)
        self.log.info("%s", account)
        self.push_summary(context, summary)
        if is_judged:
            account.judge(options.on_failed_records)
        return summary

    def say_deferred(self, import_job_id: str, deadline: float) -> None:
        """Log what the task waits for elsewhere, and until when.

        :param import_job_id: Id of the import job.
        :param deadline: POSIX time at which waiting ends.
        """
        until = datetime.fromtimestamp(deadline, timezone.utc).isoformat(timespec="seconds")
        self.log.info("Deferred until %s at the latest: import job %s", until, import_job_id)


class WisdomExistingJobTask(WisdomKnowledgeBaseTask):
    """Base of the tasks that are about one import job that is already there.

    :param import_job_id: Id of the import job.

    Which knowledge base: as for :class:`WisdomKnowledgeBaseTask`.
    """

    template_fields: Sequence[str] = ("import_job_id", *WisdomKnowledgeBaseTask.template_fields)

    def __init__(self, *, import_job_id: str | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.import_job_id: Any = import_job_id

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self._check_job_id]

    def _check_job_id(self) -> None:
        from airflow_wisdom.model.import_job import check_job_id

        check_job_id("import_job_id", self.import_job_id)
