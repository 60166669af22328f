"""Several import jobs at once: each started when there is room for it, all of them waited for together."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cadence import Backoff, Cadence, time_left
from airflow_wisdom.exceptions import ImportJobTimeoutError, WisdomError
from airflow_wisdom.importing.submission import MARK, look_back, starting
from airflow_wisdom.watcher import ImportJobWatcher, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.import_job import ImportJob
    from airflow_wisdom.importing.submission import Step, Submission
    from airflow_wisdom.watcher import Connects

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """What an import is doing right now, for whoever has to end it.

    :param marks: The marks of all files.
    :param running: Ids of the import jobs that are known to be running.
    :param ended: Ids of the import jobs that are known to have ended, well or not.
    :param stopped: Whether no further job is to be started.
    """

    marks: frozenset[str]
    running: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    stopped: bool = False

    @classmethod
    def of(cls, submissions: Iterable[Submission]) -> Progress:
        """Return the progress of an import that has not begun."""
        return cls(frozenset(submission.mark for submission in submissions))

    def __str__(self) -> str:
        """Say what was done, what was not, and how to go on."""
        running = f": {', '.join(sorted(self.running))}" if self.running else ""
        waiting = len(self.marks) - len(self.running) - len(self.ended)
        return (
            f"Of {len(self.marks)} import jobs {len(self.ended)} have ended, {len(self.running)} go on{running}, and "
            f"{waiting} were not started. Another try of the task finds those that were, and starts the others"
        )


def delete_running(hook: WisdomHook, knowledge_base_id: str, progress: Progress) -> None:
    """Delete the import jobs that run, as far as AWS lets us; for a task that a user ends.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param progress: Says which jobs run. The list of jobs is asked as well: one may have been started in this very
        moment, or by another triggerer.
    """
    running = set(progress.running)
    try:
        listed = look_back(hook.list_import_jobs(knowledge_base_id), progress.marks)
    except WisdomError as exc:
        log.warning("Import jobs that are not known to run can not be looked for: %s", exc)
    else:
        jobs = [standing.job for standing in listed.values() if standing.job]
        running |= {job.import_job_id for job in jobs if not job.is_complete()}
    for import_job_id in sorted(running):
        hook.try_to_delete_import_job(knowledge_base_id, import_job_id)


async def import_all(
    connection: Connects,
    submissions: Sequence[Submission],
    *,
    max_active: int,
    deadline: float | None = None,
    poll_interval: float | None = None,
    progress: Progress,
    started_before: bool = False,
    on_start: Callable[[Submission, str], None] = lambda _submission, _import_job_id: None,
) -> list[tuple[str | None, Outcome]]:
    """Start import jobs, in order and only so many at a time, and wait until all of them have ended.

    One that fails does not hold up the others. What is repeated, as by another triggerer after a restart, is started
    once all the same: see :mod:`airflow_wisdom.importing.submission`.

    :param connection: The AWS connection, whose watcher makes the calls.
    :param submissions: What to start; those with an `import_job_id` run already, and are only waited for.
    :param max_active: How many of the jobs run at the same time, at most.
    :param deadline: POSIX time at which starting and waiting end. Default: none.
    :param poll_interval: Seconds between two looks at a job. Default: intervals that grow with the job's age.
    :param progress: Kept up to date.
    :param started_before: Whether this may have begun before, long enough ago for AWS to have forgotten the client
        tokens: then the list of jobs is looked at first. Default: no.
    :param on_start: Called with a submission and the id of its job, as soon as it is known. Default: nothing is called.
    :returns: The id of each job and how it ended, in the order of `submissions`; no id for one that was not started.
    """
    room = asyncio.Semaphore(max_active)
    # One after the other, so that they start in order, and AWS is asked once at a time while it throttles.
    turn = asyncio.Lock()

    async def one(submission: Submission) -> tuple[str | None, Outcome]:
        async with room:
            import_job_id = submission.import_job_id
            try:
                if import_job_id is None:
                    async with turn:
                        import_job_id = (await _start(connection, submission, deadline, progress)).import_job_id
            except WisdomError as exc:
                return None, Outcome(None, exc)
            except Exception as exc:
                log.exception("An import job could not be started")
                return None, Outcome(None, WisdomError(f"The import job could not be started: {exc!r}"))
            log.info("Import job %s runs: %s", import_job_id, (submission.metadata or {}).get("airflow-file"))
            progress.running.add(import_job_id)
            on_start(submission, import_job_id)
            outcome = await ImportJobWatcher.wait_for(
                connection,
                submission.knowledge_base_id,
                import_job_id,
                deadline=deadline,
                cadence=Cadence.of(poll_interval),
            )
            if not isinstance(outcome.error, ImportJobTimeoutError):
                progress.running.discard(import_job_id)
                progress.ended.add(import_job_id)
                log.info("Import job %s runs no longer: %s", import_job_id, outcome.error or "COMPLETE")
            return import_job_id, outcome

    with ImportJobWatcher.kept(connection):
        if started_before:
            submissions = await _adopt(connection, submissions, deadline, progress)
        # What runs already takes its room first.
        order = sorted(range(len(submissions)), key=lambda number: submissions[number].import_job_id is None)
        results = dict(zip(order, await asyncio.gather(*(one(submissions[number]) for number in order)), strict=True))
        return [results[number] for number in range(len(submissions))]


async def _adopt(
    connection: Connects, submissions: Sequence[Submission], deadline: float | None, progress: Progress
) -> list[Submission]:
    """Give the submissions the jobs that were started for them, as far as the list shows any."""
    open_ones = {submission.marked for submission in submissions if submission.import_job_id is None}
    if not open_ones:
        return list(submissions)
    knowledge_base_id = submissions[0].knowledge_base_id

    def started(hook: WisdomHook) -> dict[str, str]:
        jobs = hook.list_import_jobs(knowledge_base_id)
        return {marked: job.import_job_id for job in jobs if (marked := job.metadata.get(MARK)) in open_ones}

    try:
        found = await _do(connection, started, submissions[0], deadline, progress)
    except WisdomError as exc:
        log.warning("Import jobs that run already can not be looked for: %s", exc)
        return list(submissions)
    return [replace(each, import_job_id=each.import_job_id or found.get(each.marked)) for each in submissions]


async def _start(connection: Connects, submission: Submission, deadline: float | None, progress: Progress) -> ImportJob:
    """Drive the flow that starts a job or finds it; throttling and the like are waited out until the deadline."""
    flow = starting(submission)
    answer: Any = None
    error: WisdomError | None = None
    while True:
        try:
            step = flow.throw(error) if error else flow.send(answer)
        except StopIteration as end:
            job: ImportJob = end.value
            return job
        answer, error = None, None
        try:
            answer = await _do(connection, step, submission, deadline, progress)
        except WisdomError as exc:
            error = exc


async def _do(
    connection: Connects, step: Step, submission: Submission, deadline: float | None, progress: Progress
) -> Any:
    if isinstance(step, float):
        await asyncio.sleep(step)
        return None
    backoff = Backoff()
    while time_left(deadline, time.time()) > 0 and not progress.stopped:
        try:
            return await ImportJobWatcher.ask(connection, step)
        except WisdomError as exc:
            if not exc.transient:
                raise
            if backoff.failures == 0:
                log.warning("Still trying to start an import job: %s", exc)
        await asyncio.sleep(min(backoff.failed(), time_left(deadline, time.time())))
    why = "because the task was ended" if progress.stopped else "in time"
    raise ImportJobTimeoutError(f"The import job was not started {why}", knowledge_base_id=submission.knowledge_base_id)
