"""What operators and sensors have in common: the AWS parameters, the hook, and the way into and out of a deferral.

The modules that a DAG imports are imported anew in every parse of it, so here, in `sensors` and in `operators`
whatever is needed only where a task runs is imported there: boto3 above all, but also the trigger.
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_wisdom.exceptions import EndpointError, ImportJobTimeoutError, from_dict
from airflow_wisdom.links import XCOM_KEY, WisdomConsoleLink, console_url, instance_arn_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context
    from airflow.triggers.base import BaseTrigger

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.import_job import ImportJob

ONE_DAY = 24 * 60 * 60.0
"""Seconds for which an operator waits unless told otherwise."""

REREAD_PATIENCE = 300.0
"""Seconds for which a complete job is asked for anew while AWS does not answer."""

ANSWER_OF_AIRFLOW = 3.0
"""Seconds for which a task that is being killed asks Airflow who kills it; Airflow kills it hard after five."""

BY_USER = frozenset({"failed", "success", "skipped", "restarting"})
"""States of a task that still runs and that a user has marked or cleared.

It is Airflow itself that makes it ``up_for_retry``, ``scheduled`` or ``queued``, if it has not heard of the worker for
long.
"""

CLIENT_DEFAULTS = {"connect_timeout": 10, "read_timeout": 15, "retries": {"total_max_attempts": 3}}
"""botocore's own settings let one call that nobody answers take five minutes, past any deadline."""


class WisdomTask(BaseOperator):
    """Base of the operators and sensors of this package: how AWS is reached.

    :param aws_conn_id: Airflow connection that holds the AWS credentials. Default ``aws_default``; None stands for
        boto3's own credential chain. A connection that does not exist is an error.
    :param region_name: AWS region. Default: the connection's.
    :param verify: Whether to verify TLS certificates, or the path of a CA bundle. Default: the connection's.
    :param botocore_config: Parameters of ``botocore.config.Config`` as a dict. Default: the connection's.
    :param service_name: Name of the boto3 client, ``wisdom`` or ``qconnect``: one service, two names. Default:
        Airflow's option ``[wisdom] service_name``, by itself ``wisdom``.
    """

    template_fields: Sequence[str] = (
        "aws_conn_id",
        "region_name",
        "verify",
        "botocore_config",
        "service_name",
    )
    operator_extra_links = (WisdomConsoleLink(),)

    console_url: str | None = None
    """Address of Amazon Connect in the AWS console, once it is known."""

    is_resumed = False
    """Whether the task has come back from a deferral."""

    _context: Context | None = None

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        service_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self.service_name = service_name

    @cached_property
    def hook(self) -> WisdomHook:
        """The hook, made where the task runs."""
        from airflow_wisdom.hooks import WisdomHook

        hook = WisdomHook(
            self.aws_conn_id,
            self.region_name,
            self.verify,
            self.botocore_config,
            service_name=self.service_name,
            client_defaults=CLIENT_DEFAULTS,
        )
        self._link_to_console(hook)
        return hook

    def pre_execute(self, context: Context) -> None:
        """Remember the context, for the link to the AWS console."""
        self._context = context

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from a deferral."""
        self.is_resumed = True
        return super().resume_execution(next_method, next_kwargs, context)

    def link_to_instance(self, job: ImportJob) -> None:
        """Let the link to the AWS console lead to the Amazon Connect instance that an import job names, if it does.

        :param job: The import job.
        """
        instance_arn = instance_arn_of(job)
        if instance_arn:
            self._link_to_console(self.hook, instance_arn)

    def _link_to_console(self, hook: WisdomHook, instance_arn: str | None = None) -> None:
        """Store the link as soon as there is a client, which is before the task waits. No link is worth failing."""
        if self._context is None or not self.do_xcom_push:
            return
        try:
            # The client that the task works with is made here if it was not yet; AWS is not called.
            where = hook.conn.meta
            address = console_url(where.partition, where.region_name, instance_arn)
            if address and address != self.console_url:
                self._context["ti"].xcom_push(XCOM_KEY, address)
                self.console_url = address
        except Exception as exc:  # noqa: BLE001 - what the task itself needs, it asks for again
            self.log.debug("There is no link to the AWS console: %r", exc)

    def aws_parameters(self) -> dict[str, Any]:
        """Return the parameters that this class adds, for the trigger: the deferred half uses the same."""
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": self.botocore_config,
            "service_name": self.service_name,
        }

    def defer_until_complete(
        self,
        knowledge_base_id: str,
        import_job_id: str,
        *,
        deadline: float,
        poll_interval: float | None,
        delete_jobs_on_kill: bool = False,
    ) -> None:
        """Defer the task until the import job has ended; it comes back in ``execute_complete``.

        :param knowledge_base_id: Id or ARN of the knowledge base.
        :param import_job_id: Id of the import job.
        :param deadline: POSIX time at which waiting ends.
        :param poll_interval: Seconds between two looks. Default: see
            :class:`~airflow_wisdom.triggers.WisdomJobsCompleteTrigger`.
        :param delete_jobs_on_kill: See there.
        """
        from airflow_wisdom.triggers import WisdomJobsCompleteTrigger

        self.defer_to(
            WisdomJobsCompleteTrigger(
                knowledge_base_id=knowledge_base_id,
                import_job_ids=[import_job_id],
                deadline=deadline,
                poll_interval=poll_interval,
                delete_jobs_on_kill=delete_jobs_on_kill,
                **self.aws_parameters(),
            ),
            deadline,
        )

    def defer_to(self, trigger: BaseTrigger, deadline: float) -> None:
        """Defer the task to a trigger; it comes back in ``execute_complete``.

        :param trigger: The trigger, which ends by itself at the deadline.
        :param deadline: POSIX time; a while after it Airflow ends the deferral, should no triggerer be running.
        """
        from airflow_wisdom.triggers import AIRFLOW_GRACE

        left = timedelta(seconds=max(0.0, deadline - time.time()))
        self.defer(trigger=trigger, method_name="execute_complete", timeout=left + AIRFLOW_GRACE)

    def record_import(self, context: Context, *jobs: ImportJob, **records: int) -> None:
        """Say in the task's asset events what it imported, once it has succeeded in that.

        :param context: The task's context.
        :param jobs: As for :func:`~airflow_wisdom.assets.record_import`, like the next.
        :param records: See there.
        """
        if self.outlets:
            from airflow_wisdom.assets import record_import

            record_import(context, self.outlets, jobs, records)

    def raise_for(self, event: dict[str, Any]) -> None:
        """Raise what ended the wait, exactly as it would have been raised without deferral, if it did not end well.

        :param event: Payload of the event of a :class:`~airflow_wisdom.triggers.WisdomJobsCompleteTrigger`.
        :raises WisdomError: What the event reports.
        """
        for job in event["jobs"]:
            if job["error"]:
                raise from_dict(job["error"])

    def reread(self, knowledge_base_id: str, import_job_id: str) -> ImportJob:
        """Return an import job that is known to be COMPLETE, read whole; throttling and the like are waited out.

        :param knowledge_base_id: Id or ARN of the knowledge base.
        :param import_job_id: Id of the import job.
        :raises EndpointError: AWS did not answer for five minutes.
        """
        deadline = time.time() + REREAD_PATIENCE
        try:
            job = self.hook.wait_for_import_job(knowledge_base_id, import_job_id, deadline=deadline)
        except ImportJobTimeoutError as exc:
            # Not the job is late: no sensor must skip it.
            raise EndpointError(
                "The import job is COMPLETE, but AWS did not answer when it was read once more",
                knowledge_base_id=knowledge_base_id,
                import_job_id=import_job_id,
            ) from exc
        self.link_to_instance(job)
        return job


class WisdomExistingJobTask(WisdomTask):
    """Base of the tasks that are about one import job that is already there.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_id: Id of the import job.

    How AWS is reached: see :class:`WisdomTask`.
    """

    template_fields: Sequence[str] = ("knowledge_base_id", "import_job_id", *WisdomTask.template_fields)

    def __init__(self, *, knowledge_base_id: str, import_job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.knowledge_base_id = knowledge_base_id
        self.import_job_id = import_job_id


def check_interval(poll_interval: float | None) -> None:
    """Refuse an interval that makes no sense before anything is done.

    :raises ValueError: It is not more than zero.
    """
    if poll_interval is not None and not poll_interval > 0:
        raise ValueError(f"The interval between two looks must be more than 0 seconds, not {poll_interval}")


def seconds(duration: timedelta | float) -> float:
    """Return a duration in seconds."""
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def is_ended_by_user(ti: Any) -> bool:
    """Tell whether it is a user who ends a running task; otherwise it is the worker, a time-out, or Airflow itself.

    :param ti: The task instance, which Airflow is asked for the state of; without an answer, nobody is blamed.
    """
    from threading import Thread

    answer: list[Any] = []

    def ask() -> None:
        where = {"task_ids": [ti.task_id], "run_ids": [ti.run_id], "map_index": ti.map_index}
        answer.append(ti.get_task_states(dag_id=ti.dag_id, **where))

    # The signal may have come while this very thread was talking to Airflow, which would then never answer.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_OF_AIRFLOW)
    states = {state for tasks in answer for states in tasks.values() for state in states.values()}
    return bool(states & BY_USER)
