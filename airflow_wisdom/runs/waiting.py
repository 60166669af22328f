"""Several import jobs at once: each started when there is room for it, all of them waited for together."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cadence import Cadence
from airflow_wisdom.exceptions import AwsError, ClientTokenUsedError, EndpointError, ImportJobTimeoutError, WisdomError
from airflow_wisdom.hooks.calls import Calls
from airflow_wisdom.model.endings import has_ended
from airflow_wisdom.model.import_job import ImportJobStatus, JobEnd
from airflow_wisdom.runs.limit import Limit, may_be_done
from airflow_wisdom.runs.progress import Progress, now_and_then
from airflow_wisdom.runs.run import ALL_TRIES, FILE, MARK, Series
from airflow_wisdom.runs.starting import LookBack, drive_in_loop, listed, starting
from airflow_wisdom.watcher import ImportJobWatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.connection import Connects
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.runs.starting import Submission

log = logging.getLogger(__name__)

REREAD_PATIENCE = 300.0
"""Seconds for which a complete job is asked for again while AWS does not answer."""


@dataclass
class UnderWay:
    """Which jobs of an import run right now, for whoever has to end it.

    :param marks: The marks of all files.
    :param series: Which tries of the task they are for.
    :param running: Ids of the import jobs that are known to be running.
    :param ended: Ids of the import jobs that are known to have ended, well or not.
    :param rows: How many rows the file of each mark has, as far as that is known.
    :param rows_ended: How many rows are in files whose jobs have ended.
    :param not_started: How many jobs could not be started.
    """

    marks: frozenset[str]
    series: Series = ALL_TRIES
    running: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    rows: Mapping[str, int] = field(default_factory=dict)
    rows_ended: int = 0
    not_started: int = 0

    @classmethod
    def of(cls, submissions: Sequence[Submission], rows: Mapping[str, int]) -> UnderWay:
        """Return the state of an import that has not begun.

        :param submissions: What is to be started.
        :param rows: How many rows the file of each mark has.
        """
        marks = frozenset(submission.mark for submission in submissions)
        return cls(marks, next((submission.series for submission in submissions), ALL_TRIES), rows=rows)

    @property
    def so_far(self) -> str:
        """How far it has got, in words."""
        total = sum(self.rows.values())
        rows = f"; {self.rows_ended:,} of {total:,} rows are through" if total else ""
        return f"{len(self.ended)} of {len(self.marks)} import jobs have ended, {len(self.running)} run{rows}"

    def __str__(self) -> str:
        """Say what was done, what was not, and how to go on."""
        running = f": {', '.join(sorted(self.running))}" if self.running else ""
        waiting = len(self.marks) - len(self.running) - len(self.ended)
        return (
            f"Of {len(self.marks)} import jobs {len(self.ended)} have ended, {len(self.running)} go on{running}, and "
            f"{waiting} were not started. Another try of the task finds those that were, and starts the others"
        )


def delete_running(hook: WisdomHook, knowledge_base_id: str, under_way: UnderWay) -> None:
    """Delete the import jobs that run, as far as AWS lets us; for a task that a user ends.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param under_way: Says which jobs run. The list of jobs is asked as well: one may have been started in this very
        moment, or by another triggerer.
    """
    # First those that are known: a list may be long, and Airflow soon kills a worker hard.
    known = set(under_way.running)
    for import_job_id in sorted(known):
        hook.try_to_delete_running_job(knowledge_base_id, import_job_id)
    try:
        look = LookBack(under_way.marks, under_way.series).note(hook.list_import_jobs(knowledge_base_id))
    except WisdomError as exc:
        log.warning("Import jobs that are not known to run cannot be looked for: %s", exc)
    else:
        jobs = [standing.job for standing in look.found.values() if standing.job]
        # By AWS's word: one in a status that this version does not know may run as well.
        others = {job.import_job_id for job in jobs if job.status != ImportJobStatus.COMPLETE.value} - known
        for import_job_id in sorted(others):
            hook.try_to_delete_running_job(knowledge_base_id, import_job_id)


class ImportJobs:
    """Starts import jobs, in order and only so many at a time, and waits until all of them have ended.

    One that fails does not hold up the others. What is repeated, as by another triggerer after a restart, is started
    once all the same: see :mod:`airflow_wisdom.runs.starting`.

    :param connection: The AWS connection, whose calls and watcher are used.
    :param submissions: What to start; those with an `import_job_id` run already, and are only waited for.
    :param max_active: How many of the jobs run at the same time, at most.
    :param deadline: POSIX time at which starting and waiting end. Default: none.
    :param poll_interval: Seconds between two looks at a job. Default: intervals that grow with the job's age.
    :param progress: Who is notified. Default: nobody.
    :param on_start: Called with a submission and the id of its job, as soon as it is known. Default: nothing is called.
    :param rows: How many rows the file of each mark has, for whoever is notified. Default: not known.
    :param ended: Set when the task is ended: from then on, no further job is started. Default: one of its own.
    """

    def __init__(
        self,
        connection: Connects,
        submissions: Sequence[Submission],
        *,
        max_active: int,
        deadline: float | None = None,
        poll_interval: float | None = None,
        progress: Progress | None = None,
        on_start: Callable[[Submission, str], None] = lambda _submission, _import_job_id: None,
        rows: Mapping[str, int] | None = None,
        ended: Event | None = None,
    ) -> None:
        self.ended = ended or Event()
        self.under_way = UnderWay.of(submissions, rows or {})
        self._connection = connection
        self._submissions = submissions
        self._max_active = max_active
        self._deadline = deadline
        self._poll_interval = poll_interval
        self._progress = progress or Progress()
        self._on_start = on_start
        self._limit = Limit(deadline, self.ended.is_set)

    async def run(self, *, started_before: bool = False) -> list[JobEnd]:
        """Start and wait, and return how each job ended, in the order of the submissions.

        :param started_before: Whether this may have begun before, long enough ago for AWS to have forgotten the client
            tokens: then the list of jobs is looked at first. Default: no.
        """
        # Of this event loop. One after the other, so that they start in order, and AWS is asked once at a time while it
        # throttles.
        self._turn = asyncio.Lock()
        progress, under_way = self._progress, self.under_way
        self._say_how_far()
        with Calls.of(self._connection).kept() as calls, now_and_then(lambda: progress.waiting(under_way.so_far)):
            submissions = await self._adopt(calls) if started_before else self._submissions
            # What runs already takes its room first.
            order = sorted(range(len(submissions)), key=lambda number: submissions[number].import_job_id is None)
            ends: dict[int, JobEnd] = {}
            left = iter(order)

            async def one_after_the_other() -> None:
                for number in left:
                    ends[number] = await self._one(calls, submissions[number])

            # Not a task for each job, of which there may be thousands: only so many run at a time.
            await asyncio.gather(*(one_after_the_other() for _ in range(min(self._max_active, len(order)))))
        return [ends[number] for number in range(len(submissions))]

    async def _one(self, calls: Calls, submission: Submission) -> JobEnd:
        import_job_id, place = submission.import_job_id, (submission.metadata or {}).get(FILE, "")
        asked: list[int] = []
        try:
            import_job_id = import_job_id or await self._start(calls, submission, lambda: asked.append(1))
        except WisdomError as exc:
            self.under_way.not_started += 1
            self._progress.not_started(place, exc)
            self._say_how_far()
            unknown = may_have_started(len(asked), exc)
            return JobEnd(submission.knowledge_base_id, None, error=exc, may_have_started=unknown)
        self.under_way.running.add(import_job_id)
        self._progress.started(import_job_id, place)
        self._on_start(submission, import_job_id)
        return await self._wait(submission, import_job_id)

    async def _start(self, calls: Calls, submission: Submission, asked: Callable[[], object]) -> str:
        where = {"knowledge_base_id": submission.knowledge_base_id}
        async with self._turn:
            try:
                return (await drive_in_loop(starting(submission, asked), calls, self._limit)).import_job_id
            except ImportJobTimeoutError as exc:
                raise ImportJobTimeoutError(exc.message, where=where) from exc
            except WisdomError:
                raise
            except Exception as exc:
                log.exception("An import job could not be started")
                raise WisdomError(f"The import job could not be started: {exc!r}", where=where) from exc

    async def _wait(self, submission: Submission, import_job_id: str) -> JobEnd:
        outcome = await ImportJobWatcher.wait_for(
            self._connection,
            submission.knowledge_base_id,
            import_job_id,
            deadline=self._deadline,
            cadence=Cadence.of(self._poll_interval),
        )
        # Of one that can no longer be asked for, nobody knows that it has ended.
        if outcome.job is not None and has_ended(outcome.job):
            self.under_way.running.discard(import_job_id)
            self.under_way.ended.add(import_job_id)
            self.under_way.rows_ended += self.under_way.rows.get(submission.mark, 0)
            self._progress.ended(import_job_id, outcome.error)
            self._say_how_far()
        elif outcome.error is not None:
            self._progress.let_go(import_job_id, outcome.error)
        return JobEnd.of(submission.knowledge_base_id, import_job_id, outcome.job, outcome.error)

    def _say_how_far(self) -> None:
        so_far = self.under_way
        ended, rows = len(so_far.ended) + so_far.not_started, sum(so_far.rows.values())
        self._progress.advanced(ended, len(so_far.marks), so_far.rows_ended, rows)

    async def _adopt(self, calls: Calls) -> list[Submission]:
        """Give the submissions the jobs that were started for them, as far as the list shows any."""
        open_ones = {each.marked for each in self._submissions if each.import_job_id is None}
        if not open_ones:
            return list(self._submissions)
        knowledge_base_id = self._submissions[0].knowledge_base_id
        try:
            jobs = await drive_in_loop(listed(knowledge_base_id), calls, self._limit)
        except WisdomError as exc:
            log.warning("Import jobs that run already cannot be looked for: %s", exc)
            return list(self._submissions)
        found = {marked: job.import_job_id for job in jobs if (marked := job.metadata.get(MARK)) in open_ones}
        return [replace(each, import_job_id=each.import_job_id or found.get(each.marked)) for each in self._submissions]


def may_have_started(asked: int, error: WisdomError) -> bool:
    """Return whether a job may have been started although there is no answer that says so.

    :param asked: How often AWS was asked to start it.
    :param error: What was raised last.
    """
    return not isinstance(error, ClientTokenUsedError) and may_be_done(asked, error)


def is_refused(error: WisdomError | None) -> bool:
    """Return whether AWS has said no, and will again: neither that it is busy, nor that time was over before it said.

    :param error: Why no job was started; None if one was.
    """
    return isinstance(error, (AwsError, ClientTokenUsedError)) and not error.transient


def ends_of(event: Mapping[str, Any]) -> list[JobEnd]:
    """Return how the jobs ended that a trigger reports.

    :param event: Payload of the event of one of :mod:`airflow_wisdom.triggers`.
    """
    return [JobEnd.from_dict(job) for job in event["jobs"]]


def reread(hook: WisdomHook, knowledge_base_id: str, import_job_id: str) -> ImportJob:
    """Return an import job that is known to be COMPLETE, read whole; throttling and the like are waited out.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_id: Id of the import job.
    :raises EndpointError: AWS did not answer for five minutes.
    """
    deadline = time.time() + REREAD_PATIENCE
    try:
        return hook.wait_for_import_job(knowledge_base_id, import_job_id, deadline=deadline)
    except ImportJobTimeoutError as exc:
        # It is not the job that is late: no sensor must skip it.
        raise EndpointError(
            "The import job is COMPLETE, but AWS did not answer when it was read again",
            where={"knowledge_base_id": knowledge_base_id, "import_job_id": import_job_id},
        ) from exc
