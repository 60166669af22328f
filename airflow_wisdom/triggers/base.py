"""What the triggers have in common: how AWS is reached, until when they wait, what a user's end of the task does."""

from __future__ import annotations

import inspect
import time
from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.values import duration, optional, switch

if TYPE_CHECKING:
    from datetime import datetime

AIRFLOW_GRACE = timedelta(minutes=5)
"""How long after the deadline Airflow itself ends a deferred task, should no triggerer be running."""


class AwsTrigger(BaseTrigger):
    """Base of the triggers: how AWS is reached.

    :param aws: The parameters of :class:`~airflow_wisdom.hooks.connection.AwsConnection`, by name.
    """

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, Any] | None
    service_name: str

    def __init__(self, **aws: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # The client is decided here, where the task runs, so that the triggerer uses the same. Attributes, because
        # Airflow renders those that are template fields of a sensor.
        for name, value in AwsConnection(**aws).settled().to_dict().items():
            setattr(self, name, value)

    @classmethod
    def path(cls) -> str:
        """Return the path by which the triggerer finds this class."""
        # The public one: a deferred task outlives an upgrade that moves a file.
        package = __package__ or ""
        return f"{package if cls.__module__.startswith(package) else cls.__module__}.{cls.__qualname__}"

    def connection(self) -> AwsConnection:
        """Return what this trigger shares its client and its watcher by."""
        return AwsConnection.of(self)

    async def push(self, key: str, value: Any) -> None:
        """Push to XCom as a worker does; an event's own `xcoms` would arrive encoded twice (seen on Airflow 3.3).

        :param key: The key.
        :param value: JSON primitives.
        """
        from airflow.sdk.execution_time.xcom import XCom
        from asgiref.sync import sync_to_async

        ti: Any = self.task_instance
        await sync_to_async(XCom.set, thread_sensitive=False)(
            key=key, value=value, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index
        )

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of this class and the parameters that make this trigger again."""
        signatures = (inspect.signature(base.__init__) for base in type(self).__mro__ if issubclass(base, AwsTrigger))
        own = {
            name: getattr(self, name)
            for signature in signatures
            for name, parameter in signature.parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        return self.path(), {**own, **self.connection().to_dict()}


class JobsTrigger(AwsTrigger):
    """Base of the triggers that wait for import jobs: until when, how often, and what a user's end of the task does.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param deadline: POSIX time at which waiting ends, the same after a restart of the triggerer. Default: shortly
        before Airflow itself ends the deferral, if it does.
    :param grace: Seconds by which Airflow ends the deferral later than the wait should end, where no deadline is given.
        Default 300.
    :param poll_interval: Seconds, or a timedelta, between two looks at a job. Default: intervals that grow with the
        job's age, see :class:`~airflow_wisdom.cadence.Cadence`.
    :param delete_jobs_on_kill: Whether the jobs are deleted when a user ends the deferred task by marking it; not when
        a user clears it, for the next try waits for them, and never when a triggerer restarts. Needs Airflow 3.3. What
        deleting does to a running job is not documented. Default: no.

    How AWS is reached: as for :class:`AwsTrigger`.
    """

    def __init__(
        self,
        *,
        knowledge_base_id: str,
        deadline: float | None = None,
        grace: float = AIRFLOW_GRACE.total_seconds(),
        poll_interval: timedelta | float | None = None,
        delete_jobs_on_kill: bool = False,
        **aws: Any,
    ) -> None:
        super().__init__(**aws)
        self.knowledge_base_id = knowledge_base_id
        self.deadline = deadline
        self.grace = grace
        self.poll_interval = optional(duration)("poll_interval", poll_interval)
        self.delete_jobs_on_kill = switch("delete_jobs_on_kill", delete_jobs_on_kill)

    def ends_at(self) -> float | None:
        """Return the POSIX time at which waiting ends; None if it does not."""
        # The triggerer sets it, from the database: it stays the same when another triggerer takes over.
        timeout_after: datetime | None = getattr(self, "timeout_after", None)
        if self.deadline is not None or timeout_after is None:
            return self.deadline
        return timeout_after.timestamp() - self.grace

    async def on_kill(self) -> None:
        """Delete the jobs, if that was asked for, or else say which they are.

        Airflow calls this when a user ends the deferred task, but not only then.
        """
        from airflow_wisdom.kills import BY_USER, DEFERRED, states_of

        states = await states_of(getattr(self, "task_instance", None))
        if DEFERRED in states:
            self.log.info("Another triggerer waits for this task by now")
        elif not states & BY_USER:
            # Most likely cleared, or tried again after an error: either way, the next try waits for the jobs.
            state = ", ".join(map(str, states)) or "not known"
            self.log.warning(
                "Airflow does not say that a user has marked the task: its state is %s. %s",
                state,
                self.where_it_stands(),
            )
        elif self.delete_jobs_on_kill and not self._is_late():
            from asgiref.sync import sync_to_async

            await sync_to_async(self.delete_jobs, thread_sensitive=False)()
        else:
            self.log.warning("The task is ended. %s", self.where_it_stands())

    def _is_late(self) -> bool:
        """Return whether it may have been the deadline that ended the wait, in another triggerer."""
        ends_at = self.ends_at()
        return ends_at is not None and time.time() > ends_at

    @abstractmethod
    def where_it_stands(self) -> str:
        """Say which jobs go on."""

    @abstractmethod
    def delete_jobs(self) -> None:
        """Delete the jobs that run; called in a worker thread."""
