"""The trigger that a deferred task leaves behind while import jobs run."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_wisdom import settings
from airflow_wisdom.exceptions import from_dict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from datetime import datetime

    from airflow_wisdom.importing.waiting import Progress
    from airflow_wisdom.watcher import AwsConnection, Outcome

TOKENS_ARE_FRESH = 300.0
"""Seconds for which AWS is trusted to remember a client token. For how long it really does is not documented."""

AIRFLOW_GRACE = timedelta(minutes=5)
"""How long after the deadline Airflow itself ends a deferred task, should no triggerer be running."""


class AwsTrigger(BaseTrigger):
    """Base of the triggers: how AWS is reached.

    :param aws_conn_id: As for :class:`~airflow_wisdom.hooks.WisdomHook`, like the next three.
    :param region_name: See there.
    :param verify: See there.
    :param service_name: See there.
    :param botocore_config: Parameters of ``botocore.config.Config``. Default: the connection's.
    """

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        service_name: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        # Decided here, where the task runs, so that the triggerer uses the same.
        self.service_name = service_name or settings.service_name()

    @classmethod
    def path(cls) -> str:
        """Return the path by which the triggerer finds this class."""
        return f"{cls.__module__}.{cls.__qualname__}"

    def aws_parameters(self) -> dict[str, Any]:
        """Return the parameters that this class adds."""
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": self.botocore_config,
            "service_name": self.service_name,
        }

    def connection(self) -> AwsConnection:
        """Return what this trigger shares a watcher by."""
        from airflow_wisdom.watcher import AwsConnection

        return AwsConnection.of(**self.aws_parameters())


class WisdomJobsCompleteTrigger(AwsTrigger):
    """Fires one event once every one of some import jobs has ended, or the deadline has passed.

    All triggers of one AWS connection share one watcher, so that thousands cost a triggerer little more than one.

    The event's payload is a dict of JSON primitives: ``status`` is ``success`` if every job is COMPLETE and else
    ``error``, ``message`` says it in words, and ``jobs`` is a list with, for each job, ``knowledgeBaseId``,
    ``importJobId``, the last seen ``status`` with ``createdTime`` and ``lastModifiedTime``, and ``error``: None, or
    what :func:`~airflow_wisdom.exceptions.from_dict` makes the exception from. It never holds a presigned URL.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_ids: Ids of the import jobs.
    :param deadline: POSIX time at which waiting ends, the same after a restart of the triggerer. Default: shortly
        before Airflow itself ends the deferral, if it does.
    :param poll_interval: Seconds between two looks at a job. Default: intervals that grow with the job's age, see
        :class:`~airflow_wisdom.cadence.Cadence`.
    :param delete_jobs_on_kill: Whether the jobs are deleted when a user ends the deferred task, by marking or clearing
        it; never when a triggerer restarts. Needs Airflow 3.3. What deleting does to a running job is not documented.
        Default: no.

    How AWS is reached: see :class:`AwsTrigger`.
    """

    def __init__(
        self,
        *,
        knowledge_base_id: str,
        import_job_ids: Sequence[str],
        deadline: float | None = None,
        poll_interval: float | None = None,
        delete_jobs_on_kill: bool = False,
        **aws: Any,
    ) -> None:
        super().__init__(**aws)
        self.knowledge_base_id = knowledge_base_id
        self.import_job_ids = list(import_job_ids)
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.delete_jobs_on_kill = delete_jobs_on_kill

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of this class and the parameters that make this trigger anew."""
        names = ("knowledge_base_id", "import_job_ids", "deadline", "poll_interval", "delete_jobs_on_kill")
        return self.path(), {**{name: getattr(self, name) for name in names}, **self.aws_parameters()}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the event."""
        if not self.import_job_ids:
            raise ValueError("There is no import job to wait for: import_job_ids is empty")
        if len(self.import_job_ids) == 1:
            # As nearly every trigger does: thousands of them are spared a task each.
            outcomes = [await self._wait(self.import_job_ids[0])]
        else:
            outcomes = await asyncio.gather(*map(self._wait, self.import_job_ids))
        yield self._event(outcomes)

    async def on_kill(self) -> None:
        """Delete the jobs, if that was asked for, or else say which they are.

        Airflow calls this when a user ends the deferred task.
        """
        if not self.delete_jobs_on_kill:
            self.log.warning("The task is ended. %s", self._where_it_stands())
            return
        from asgiref.sync import sync_to_async

        await sync_to_async(self._delete, thread_sensitive=False)()

    def _where_it_stands(self) -> str:
        return f"The import jobs that it waited for go on: {', '.join(self.import_job_ids)}"

    def _delete(self) -> None:
        hook = self.connection().make_hook()
        for import_job_id in self.import_job_ids:
            hook.try_to_delete_import_job(self.knowledge_base_id, import_job_id)

    def _wait(self, import_job_id: str, *, whole: bool = False) -> Coroutine[Any, Any, Outcome]:
        from airflow_wisdom.cadence import Cadence
        from airflow_wisdom.watcher import ImportJobWatcher

        return ImportJobWatcher.wait_for(
            self.connection(),
            self.knowledge_base_id,
            import_job_id,
            deadline=self._deadline(),
            cadence=Cadence.of(self.poll_interval),
            whole=whole,
        )

    def _deadline(self) -> float | None:
        # The triggerer sets it, from the database: it stays the same when another triggerer takes over.
        timeout_after: datetime | None = getattr(self, "timeout_after", None)
        if self.deadline is not None or timeout_after is None:
            return self.deadline
        return (timeout_after - AIRFLOW_GRACE).timestamp()

    def _event(self, outcomes: list[Outcome]) -> TriggerEvent:
        return _event(
            [
                outcome.to_dict(self.knowledge_base_id, import_job_id)
                for import_job_id, outcome in zip(self.import_job_ids, outcomes, strict=True)
            ]
        )


class WisdomJobSensorTrigger(WisdomJobsCompleteTrigger):
    """The trigger of a sensor that begins in the triggerer, without a worker, and may end there too.

    Airflow renders what is a template field of the sensor and, under the same name, a parameter of the trigger.

    :param import_job_id: Id of the import job.
    :param include_urls: As for :class:`~airflow_wisdom.sensors.WisdomImportJobSensor`.
    :param end_from_trigger: Whether a complete job ends the task here: its metadata goes to XCom from the triggerer.
        Anything but a complete job is left to a worker, which knows how to fail or skip.

    The rest: see :class:`WisdomJobsCompleteTrigger`.
    """

    def __init__(
        self, *, import_job_id: str, include_urls: bool = False, end_from_trigger: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(import_job_ids=[import_job_id], **kwargs)
        self.import_job_id = import_job_id
        self.include_urls = include_urls
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of this class and the parameters that make this trigger anew."""
        path, kwargs = super().serialize()
        del kwargs["import_job_ids"]
        own = {name: getattr(self, name) for name in ("import_job_id", "include_urls", "end_from_trigger")}
        return path, {**kwargs, **own}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the event, or what ends the task."""
        # Airflow renders the attribute after the trigger is made.
        self.import_job_ids = [self.import_job_id]
        outcome = await self._wait(self.import_job_id, whole=self.end_from_trigger)
        if self.end_from_trigger and outcome.job and not outcome.error:
            from asgiref.sync import sync_to_async

            metadata = outcome.job.to_dict(include_urls=self.include_urls)
            await sync_to_async(self._push, thread_sensitive=False)(metadata)
            yield TaskSuccessEvent()
        else:
            yield self._event([outcome])

    def _push(self, metadata: dict[str, Any]) -> None:
        """Push to XCom as a worker does; the event's own `xcoms` would arrive encoded twice (seen on Airflow 3.3)."""
        from airflow.sdk.execution_time.xcom import XCom

        ti: Any = self.task_instance
        XCom.set(
            key="return_value",
            value=metadata,
            dag_id=ti.dag_id,
            task_id=ti.task_id,
            run_id=ti.run_id,
            map_index=ti.map_index,
        )


class WisdomRunImportTrigger(WisdomJobsCompleteTrigger):
    """Starts the import jobs of several files, only so many at a time, and fires one event once all have ended.

    A job is started once, also where a triggerer is restarted and begins this anew: see
    :mod:`airflow_wisdom.importing.submission`. In the event, a job that was never started has no ``importJobId``.

    :param submissions: What to start, each :meth:`Submission.to_dict()
        <airflow_wisdom.importing.submission.Submission.to_dict>`.
    :param max_active_jobs: How many of the jobs run at the same time, at most.
    :param plan: What the task has to know once more when it comes back; it is ``plan`` of the event. What a deferral
        keeps for the task by itself is lost in ``dag.test()`` (seen on Airflow 3.0 to 3.3).
    :param submitted_at: POSIX time at which `submissions` were made. A trigger that begins much later has most likely
        begun before.

    The rest: see :class:`WisdomJobsCompleteTrigger`.
    """

    def __init__(
        self,
        *,
        submissions: list[dict[str, Any]],
        max_active_jobs: int,
        plan: dict[str, Any],
        submitted_at: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(import_job_ids=[], **kwargs)
        self.submissions = submissions
        self.max_active_jobs = max_active_jobs
        self.plan = plan
        self.submitted_at = submitted_at
        self._progress: Progress | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of this class and the parameters that make this trigger anew."""
        path, kwargs = super().serialize()
        del kwargs["import_job_ids"]
        own = {name: getattr(self, name) for name in ("submissions", "max_active_jobs", "plan", "submitted_at")}
        return path, {**kwargs, **own}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Start and wait, and yield the event."""
        from airflow_wisdom.importing.submission import Submission
        from airflow_wisdom.importing.waiting import Progress, import_all

        submissions = [Submission(**submission) for submission in self.submissions]
        self._progress = Progress.of(submissions)
        results = await import_all(
            self.connection(),
            submissions,
            max_active=self.max_active_jobs,
            deadline=self._deadline(),
            poll_interval=self.poll_interval,
            progress=self._progress,
            started_before=time.time() - self.submitted_at > TOKENS_ARE_FRESH,
        )
        yield _event([outcome.to_dict(self.knowledge_base_id, job_id) for job_id, outcome in results], plan=self.plan)

    async def on_kill(self) -> None:
        """Start no further job, and delete those that run, if that was asked for, or else say which they are."""
        if self._progress:
            self._progress.stopped = True
        await super().on_kill()

    def _delete(self) -> None:
        from airflow_wisdom.importing.submission import Submission
        from airflow_wisdom.importing.waiting import Progress, delete_running

        progress = self._progress or Progress.of(Submission(**submission) for submission in self.submissions)
        delete_running(self.connection().make_hook(), self.knowledge_base_id, progress)

    def _where_it_stands(self) -> str:
        return str(self._progress or "This triggerer had not begun with it")


def _event(jobs: list[dict[str, Any]], **further: Any) -> TriggerEvent:
    errors = [str(from_dict(job["error"])) for job in jobs if job["error"]]
    return TriggerEvent(
        {
            "status": "error" if errors else "success",
            "message": "; ".join(errors) or f"Complete: {', '.join(job['importJobId'] for job in jobs)}",
            "jobs": jobs,
            **further,
        }
    )
