"""The triggers that a deferred task leaves behind while import jobs run: siblings over one base."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from airflow_wisdom.triggers.base import JobsTrigger
from airflow_wisdom.values import switch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from contextlib import AbstractContextManager

    from airflow_wisdom.model.import_job import ImportJob, JobEnd
    from airflow_wisdom.runs.progress import Progress
    from airflow_wisdom.runs.waiting import ImportJobs
    from airflow_wisdom.watcher import Outcome

TOKENS_ARE_FRESH = 300.0
"""Seconds for which AWS is trusted to remember a client token. For how long it really does is not documented."""


class WisdomJobsCompleteTrigger(JobsTrigger):
    """Fires one event once every one of some import jobs has ended, or the deadline has passed.

    All triggers of one AWS connection share one watcher, so that thousands cost a triggerer little more than one.

    The event's payload is a dict of JSON primitives: ``status`` is ``success`` if every job is COMPLETE and else
    ``error``, ``message`` says it in words, and ``jobs`` is a list with, for each job, ``knowledgeBaseId``,
    ``importJobId``, the last seen ``status`` with ``createdTime`` and ``lastModifiedTime``, and ``error``: None, or
    what :func:`~airflow_wisdom.exceptions.from_dict` makes the exception from. It never holds a presigned URL.

    :param import_job_ids: Ids of the import jobs.

    The rest: as for :class:`~airflow_wisdom.triggers.base.JobsTrigger`.
    """

    def __init__(self, *, import_job_ids: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.import_job_ids = list(import_job_ids)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the event."""
        if not self.import_job_ids:
            raise ValueError("There is no import job to wait for: import_job_ids is empty")
        with _heard(self.import_job_ids):
            if len(self.import_job_ids) == 1:
                # As nearly every trigger does: thousands of them are spared a task each.
                outcomes = [await _wait(self, self.import_job_ids[0])]
            else:
                outcomes = await asyncio.gather(*(_wait(self, import_job_id) for import_job_id in self.import_job_ids))
        ends = [
            _end_of(self, import_job_id, outcome)
            for import_job_id, outcome in zip(self.import_job_ids, outcomes, strict=True)
        ]
        yield _event(ends)

    def where_it_stands(self) -> str:
        """Say which jobs go on."""
        return f"The import jobs that it waited for go on: {', '.join(self.import_job_ids)}"

    def delete_jobs(self) -> None:
        """Delete the jobs, as far as AWS lets us."""
        _delete(self, self.import_job_ids)


class WisdomJobSensorTrigger(JobsTrigger):
    """The trigger of a sensor that begins in the triggerer, without a worker, and may end there too.

    Airflow renders what is a template field of the sensor and, under the same name, a parameter of the trigger.

    :param import_job_id: Id of the import job.
    :param include_urls: As for :class:`~airflow_wisdom.sensors.WisdomImportJobSensor`.
    :param end_from_trigger: Whether a complete job that refused nothing ends the task here: what it did goes to XCom
        from the triggerer. Anything else is left to a worker, which reads the report, and knows how to fail or skip.

    The rest: as for :class:`~airflow_wisdom.triggers.base.JobsTrigger`.
    """

    def __init__(
        self, *, import_job_id: str, include_urls: bool = False, end_from_trigger: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.import_job_id = import_job_id
        self.include_urls = switch("include_urls", include_urls)
        self.end_from_trigger = switch("end_from_trigger", end_from_trigger)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the event, or what ends the task."""
        with _heard([self.import_job_id]):
            outcome = await _wait(self, self.import_job_id, whole=self.end_from_trigger)
        if self.end_from_trigger and outcome.job and not outcome.error and not outcome.job.has_failed_record_report:
            await self._push(outcome.job)
            yield TaskSuccessEvent()
        else:
            yield _event([_end_of(self, self.import_job_id, outcome)])

    def where_it_stands(self) -> str:
        """Say which job goes on."""
        return f"The import jobs that it waited for go on: {self.import_job_id}"

    def delete_jobs(self) -> None:
        """Delete the job, as far as AWS lets us."""
        _delete(self, [self.import_job_id])

    async def _push(self, job: ImportJob) -> None:
        from airflow_wisdom.runs.reports import RefusedRecords
        from airflow_wisdom.runs.single import JobAccount

        summary = JobAccount(job, RefusedRecords()).summary(include_urls=self.include_urls)
        await self.push("return_value", summary)


class WisdomRunImportTrigger(JobsTrigger):
    """Starts the import jobs of several files, only so many at a time, and fires one event once all have ended.

    A job is started once, also where a triggerer is restarted and begins this again: see
    :mod:`airflow_wisdom.runs.starting`. In the event, a job that was never started has no ``importJobId``.

    :param submissions: What to start, each :meth:`Submission.to_dict()
        <airflow_wisdom.runs.starting.Submission.to_dict>`.
    :param max_active_jobs: How many of the jobs run at the same time, at most.
    :param manifest: What the task has to know again when it comes back, :meth:`Manifest.to_dict()
        <airflow_wisdom.runs.manifest.Manifest.to_dict>`; it is ``manifest`` of the event. What a deferral keeps for
        the task by itself is lost in ``dag.test()`` (seen on Airflow 3.0 to 3.3).
    :param submitted_at: POSIX time at which `submissions` were made. A trigger that begins much later has most likely
        begun before.
    :param push_progress: Whether how far it has got is pushed to XCom now and then. Default: no.

    The rest: as for :class:`~airflow_wisdom.triggers.base.JobsTrigger`.
    """

    def __init__(
        self,
        *,
        submissions: list[dict[str, Any]],
        max_active_jobs: int,
        manifest: dict[str, Any],
        submitted_at: float,
        push_progress: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.submissions = submissions
        self.max_active_jobs = max_active_jobs
        self.manifest = manifest
        self.submitted_at = submitted_at
        self.push_progress = push_progress
        self._pushes: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._jobs: ImportJobs | None = None

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Start and wait, and yield the event."""
        self._jobs = self._import_jobs()
        started_before = time.time() - self.submitted_at > TOKENS_ARE_FRESH
        yield _event(await self._jobs.run(started_before=started_before), manifest=self.manifest)

    async def on_kill(self) -> None:
        """Start no further job, and delete those that run, if that was asked for, or else say which they are."""
        if self._jobs:
            self._jobs.ended.set()
        await super().on_kill()

    def where_it_stands(self) -> str:
        """Say which jobs go on."""
        return str(self._jobs.under_way if self._jobs else "This triggerer had not begun with it")

    def delete_jobs(self) -> None:
        """Delete the jobs that run, as far as AWS lets us."""
        from airflow_wisdom.runs.waiting import delete_running

        jobs = self._jobs or self._import_jobs()
        delete_running(self.connection().make_hook(), self.knowledge_base_id, jobs.under_way)

    def _import_jobs(self) -> ImportJobs:
        from airflow_wisdom.runs.manifest import Manifest
        from airflow_wisdom.runs.starting import Submission
        from airflow_wisdom.runs.waiting import ImportJobs

        return ImportJobs(
            self.connection(),
            [Submission.from_dict(submission) for submission in self.submissions],
            max_active=self.max_active_jobs,
            deadline=self.ends_at(),
            poll_interval=self.poll_interval,
            progress=self._progress(),
            rows=Manifest.from_dict(self.manifest).rows_by_mark(),
        )

    def _progress(self) -> Progress:
        from airflow_wisdom.runs.counting import Counting
        from airflow_wisdom.runs.progress import Several, task_progress

        counting = [Counting(self.knowledge_base_id, self._report)] if self.push_progress else []
        return Several(task_progress(), *counting)

    def _report(self, members: dict[str, Any]) -> None:
        """Push how far it has got; the event loop goes on meanwhile."""
        pushed = asyncio.get_running_loop().create_task(self._push_progress(members))
        # The loop itself remembers no task.
        self._pushes.add(pushed)
        pushed.add_done_callback(self._pushes.discard)

    async def _push_progress(self, members: dict[str, Any]) -> None:
        from airflow_wisdom.runs.counting import XCOM_KEY

        try:
            # One after the other: of two at once, the older might be the one that stays.
            async with self._turn:
                await self.push(XCOM_KEY, members)
        except Exception as exc:  # noqa: BLE001 - an import is worth more than a look at it
            self.log.debug("How far the import has got is not pushed: %r", exc)


def _heard(import_job_ids: Sequence[str]) -> AbstractContextManager[None]:
    """Let it be said now and then that jobs are still waited for."""
    from airflow_wisdom.runs.progress import now_and_then, task_progress

    return now_and_then(partial(task_progress().waiting, f"import job {', '.join(import_job_ids)} has not ended"))


def _wait(trigger: JobsTrigger, import_job_id: str, *, whole: bool = False) -> Coroutine[Any, Any, Outcome]:
    from airflow_wisdom.cadence import Cadence
    from airflow_wisdom.watcher import ImportJobWatcher

    return ImportJobWatcher.wait_for(
        trigger.connection(),
        trigger.knowledge_base_id,
        import_job_id,
        deadline=trigger.ends_at(),
        cadence=Cadence.of(trigger.poll_interval),
        whole=whole,
    )


def _end_of(trigger: JobsTrigger, import_job_id: str, outcome: Outcome) -> JobEnd:
    from airflow_wisdom.model.import_job import JobEnd

    return JobEnd.of(trigger.knowledge_base_id, import_job_id, outcome.job, outcome.error)


def _delete(trigger: JobsTrigger, import_job_ids: Sequence[str]) -> None:
    hook = trigger.connection().make_hook()
    for import_job_id in import_job_ids:
        hook.try_to_delete_running_job(trigger.knowledge_base_id, import_job_id)


def _event(ends: Sequence[JobEnd], **further: Any) -> TriggerEvent:
    errors = [str(end.error) for end in ends if end.error]
    return TriggerEvent(
        {
            "status": "error" if errors else "success",
            "message": "; ".join(errors) or f"Complete: {', '.join(str(end.import_job_id) for end in ends)}",
            "jobs": [end.to_dict() for end in ends],
            **further,
        }
    )
