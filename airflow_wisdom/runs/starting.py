"""How an import job is started exactly once, whatever happens to who starts it.

A job is marked, in its metadata, with where it came from and what it imports. With the same mark in its client token,
a request that is repeated returns the job of the first one; and a later try finds the job by its mark. A job that
failed is started again, with the number of the attempt added to both.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from airflow_wisdom.exceptions import (
    ClientTokenUsedError,
    ConflictError,
    UnknownImportJobStatusError,
    WisdomError,
)
from airflow_wisdom.model.endings import has_ended
from airflow_wisdom.runs.limit import Limit, ask, patiently
from airflow_wisdom.runs.run import ALL_TRIES, MARK, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.calls import Calls
    from airflow_wisdom.model.import_job import ImportJob

T = TypeVar("T")

log = logging.getLogger(__name__)

LOOK_BACK_PAUSES = (0.0, 5.0, 5.0, 10.0, 10.0, 15.0, 15.0, 30.0, 30.0)
"""Seconds before each look at the list for a job whose token is used: the list may lag, how far is unverified."""

LAST_ATTEMPT = 20
"""Attempts after which something else than failed or deleted jobs has to be the reason that each token is used."""

MOST_PAGES = 100_000
"""Pages after which a list of import jobs is not read on: AWS keeps them all, but not ten millions."""

_MOST_DIGITS = 10

_DOING = "Still looking for import jobs, or starting one"

Step: TypeAlias = "float | Callable[[WisdomHook], Any]"
"""What a flow wants next: a pause of so many seconds, or a call of AWS."""

Flow: TypeAlias = "Generator[Step, Any, T]"
"""A course of steps that ends with a result."""


@dataclass(frozen=True)
class Submission:
    """What ``StartImportJob`` is asked for one file.

    :param knowledge_base_id: As for :meth:`WisdomHook.start_import_job()
        <airflow_wisdom.hooks.WisdomHook.start_import_job>`.
    :param upload_id: As for `start_import_job`.
    :param mark: What marks the job, see :meth:`Origin.mark() <airflow_wisdom.runs.run.Origin.mark>`.
    :param attempt: How many jobs of this mark there have been that are not to be waited for.
    :param series: Which tries of the task it is for. Default: those of a command.
    :param client_token: A client token of the user's own. Default: the mark.
    :param metadata: As for `start_import_job`; without the mark.
    :param import_job_type: As for `start_import_job`.
    :param external_source_configuration: As for `start_import_job`.
    :param import_job_id: Id of the job, where an earlier try started it; such a job is not started.
    :param may_exist: Whether an earlier try may have started a job from this very upload, which no list shows.
    :param left: As for :attr:`Part.left <airflow_wisdom.runs.manifest.Part.left>`: whoever finds the job has to know.
    """

    knowledge_base_id: str
    upload_id: str
    mark: str
    attempt: int = 0
    series: Series = ALL_TRIES
    client_token: str | None = None
    metadata: Mapping[str, str] | None = None
    import_job_type: str = "QUICK_RESPONSES"
    external_source_configuration: Mapping[str, Any] | None = None
    import_job_id: str | None = None
    may_exist: bool = False
    left: Sequence[int] | None = None

    @property
    def token(self) -> str:
        """The client token: the same whenever this is asked for again."""
        token = self.client_token or self.mark
        return f"{token}-{self.attempt}" if self.attempt else token

    @property
    def marked(self) -> str:
        """The value of :data:`~airflow_wisdom.runs.run.MARK` in the job's metadata."""
        return "/".join((self.mark, str(self.attempt), self.series.key, *map(str, self.left or ()))).rstrip("/")

    def has_just_started(self, job: ImportJob) -> bool:
        """Return whether a job is known to be of this very request: its upload is one that no earlier try knew.

        :param job: The job that AWS answered with, to a client token that may have been used before.
        """
        return job.upload_id == self.upload_id and not self.may_exist

    def start(self, hook: WisdomHook) -> ImportJob:
        """Ask AWS; parameters and errors are the hook's.

        :param hook: What AWS is reached with.
        """
        return hook.start_import_job(
            self.knowledge_base_id,
            self.upload_id,
            import_job_type=self.import_job_type,
            client_token=self.token,
            # Last, so that no metadata of the user's own can take the place of the mark.
            metadata={**(self.metadata or {}), MARK: self.marked},
            external_source_configuration=self.external_source_configuration,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON primitives, as a trigger takes them; :meth:`from_dict` reverses it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> Submission:
        """Return a submission that was handed to a trigger.

        :param parameters: What :meth:`to_dict` returned.
        """
        return cls(**{**parameters, "series": Series(**parameters["series"])})


@dataclass(frozen=True)
class Standing:
    """What there is of a mark in the list of import jobs.

    :param job: The job to wait for, or that is COMPLETE; None if there is none.
    :param attempt: Number of the next attempt, should one be needed.
    :param is_listed: Whether the list showed the attempts before; else they were deleted.
    """

    job: ImportJob | None = None
    attempt: int = 0
    is_listed: bool = True


class _Marks(NamedTuple):
    """What :attr:`Submission.marked` joins. Metadata can be written by anybody: it may be anything."""

    mark: str = ""
    attempt: str = ""
    series: str = ""
    rows: str = ""
    differing: str = ""

    @classmethod
    def of(cls, job: ImportJob) -> _Marks:
        """Return those of a job; what it does not have is empty."""
        return cls(*job.metadata.get(MARK, "").split("/", 4))


def mark_of(job: ImportJob) -> str:
    """Return the mark of a job, without the number of its attempt; empty for a job that has none.

    :param job: The import job.
    """
    return _Marks.of(job).mark


def left_of(job: ImportJob) -> tuple[int, int] | None:
    """Return which rows were left to a job, see :attr:`Part.left <airflow_wisdom.runs.manifest.Part.left>`.

    :param job: The import job.
    """
    *_, rows, differing = _Marks.of(job)
    is_told = all(number.isdecimal() and len(number) < _MOST_DIGITS for number in (rows, differing))
    return (int(rows), int(differing)) if is_told else None


class LookBack:
    """What became of earlier attempts, found out as the import jobs of a knowledge base are read.

    :param marks: The marks that are looked for.
    :param series: Which tries look: those of another, such as from before the task was cleared, have not done it.
    """

    def __init__(self, marks: Collection[str], series: Series) -> None:
        self.found: dict[str, Standing] = {}
        self._missing = set(marks)
        self._series = series

    @property
    def is_over(self) -> bool:
        """Whether every mark has a job, so that nothing is left to look for."""
        return not self._missing

    def note(self, jobs: Iterable[ImportJob]) -> LookBack:
        """Take note of some jobs, and return this; they are read only as far as needed.

        :param jobs: The import jobs.
        """
        for job in jobs:
            if self.is_over:
                break
            mark, attempt, *_ = _Marks.of(job)
            if mark in self._missing and attempt.isdecimal():
                self._note(mark, int(attempt), job)
        return self

    def _note(self, mark: str, attempt: int, job: ImportJob) -> None:
        before = self.found.get(mark, Standing())
        counts = is_adopted(job, self._series)
        is_own = counts and _Marks.of(job).series == self._series.key
        # Of those before a clear, the newest: the order of a list is not documented.
        is_best = is_own or (counts and _is_newer(job, before.job))
        self.found[mark] = Standing(job if is_best else before.job, max(before.attempt, attempt + 1))
        if is_own:
            self._missing.remove(mark)


def _is_newer(job: ImportJob, other: ImportJob | None) -> bool:
    if other is None or other.created_time is None:
        return True
    return job.created_time is not None and job.created_time > other.created_time


def is_adopted(job: ImportJob, series: Series) -> bool:
    """Return whether a job is waited for, or its end taken for the result: it may succeed, and is of these tries.

    :param job: A job that bears the mark.
    :param series: Which tries ask.
    """
    key = _Marks.of(job).series
    return not has_failed(job) and series.adopts(key, has_ended=has_ended(job), created=job.created_time)


def listed(
    knowledge_base_id: str, is_enough: Callable[[list[ImportJob]], bool] = lambda _: False
) -> Flow[list[ImportJob]]:
    """Read the list of a knowledge base's import jobs, a page a step: one that AWS throttles is read again, alone.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param is_enough: Called with the jobs of a page; returns whether the pages after it are not needed. Default: they
        are.
    :raises WisdomError: The list does not end.
    """
    jobs: list[ImportJob] = []
    token: str | None = None
    for _ in range(MOST_PAGES):
        page, token = yield partial(_page, knowledge_base_id, token)
        jobs += page
        if token is None or is_enough(page):
            return jobs
    raise WisdomError(f"The list of import jobs does not end after {MOST_PAGES:,} pages")


def _page(knowledge_base_id: str, token: str | None, hook: WisdomHook) -> tuple[list[ImportJob], str | None]:
    return hook.import_job_page(knowledge_base_id, token)


def finding(knowledge_base_id: str, mark: str, series: Series) -> Flow[Standing]:
    """Return where one mark stands in the list of a knowledge base's import jobs.

    :param knowledge_base_id: As for :func:`listed`.
    :param mark: The mark.
    :param series: As for :class:`LookBack`.
    """
    jobs = yield from listed(knowledge_base_id, lambda page: LookBack({mark}, series).note(page).is_over)
    return LookBack({mark}, series).note(jobs).found.get(mark, Standing())


def starting(submission: Submission, asked: Callable[[], object] = lambda: None) -> Flow[ImportJob]:
    """Start a job, or find the one that was started with the same mark, and return it.

    A flow without a network of its own: whoever drives it does what it yields, a pause or a call, and sends the answer
    or throws the error. The worker drives it with :func:`drive`, the triggerer with :func:`drive_in_loop`.

    :param submission: What is to be started.
    :param asked: Called before each request that may start the job. Default: nothing is called.
    :raises ClientTokenUsedError: The client token was used for another import.
    """
    for _ in range(LAST_ATTEMPT):
        job = yield from _start(submission, asked)
        if job is not None and (not has_failed(job) or submission.has_just_started(job)):
            return job
        # Hardly ever does a first try find its token used: the history is not searched before that happens.
        standing = yield from _after_used_token(submission)
        if (found := standing.job) is not None:
            # Whole, with what a list leaves out.
            whole: ImportJob = yield lambda hook: hook.get_import_job(found.knowledge_base_id, found.import_job_id)
            return whole
        if job is not None and job.upload_id == submission.upload_id and standing.is_listed:
            # The list did not show it when it was looked at before this began: it was started, and failed, since.
            return job
        # The list was just seen to show no such attempt: what comes of it is ours. Deleted jobs it does not show.
        may_exist = submission.may_exist and not standing.is_listed
        submission = replace(submission, attempt=standing.attempt, may_exist=may_exist)
        # No pause, but the place where a flow whose time is over ends: nothing new is started.
        yield 0.0
    raise _token_used(submission)


def _start(submission: Submission, asked: Callable[[], object]) -> Flow[ImportJob | None]:
    """Start a job, or get the one that the client token was used for; None if that is not one of this mark."""

    def start(hook: WisdomHook) -> ImportJob:
        asked()
        return submission.start(hook)

    try:
        job: ImportJob = yield start
    except ConflictError:
        return None
    return job if job.metadata.get(MARK) == submission.marked else None


def has_failed(job: ImportJob) -> bool:
    """Return whether a job can no longer succeed.

    One in a status that this version does not know has not: nothing is started in its place, and whoever waits for it
    fails with its status.

    :param job: The import job.
    """
    try:
        return job.has_failed
    except UnknownImportJobStatusError:
        return False


def _after_used_token(submission: Submission) -> Flow[Standing]:
    """Find the job that a token was used for, or the number of the next attempt."""
    for pause in LOOK_BACK_PAUSES:
        if pause:
            yield pause
        standing = yield from finding(submission.knowledge_base_id, submission.mark, submission.series)
        if standing.job or standing.attempt > submission.attempt:
            return standing
    if submission.client_token or submission.attempt >= LAST_ATTEMPT:
        raise _token_used(submission)
    # Its job was deleted.
    return Standing(None, submission.attempt + 1, is_listed=False)


def _token_used(submission: Submission) -> ClientTokenUsedError:
    return ClientTokenUsedError(
        f"The client token of attempt {submission.attempt} was used for an import that is not this task's",
        where={"knowledge_base_id": submission.knowledge_base_id},
    )


# The two drivers, side by side: in the worker's thread, and in the triggerer's event loop.


def drive(flow: Flow[T], hook: WisdomHook, limit: Limit) -> T:
    """Drive a flow in this thread and return its result; throttling and the like are waited out.

    :param flow: Such as :func:`starting`.
    :param hook: What calls go through.
    :param limit: Until when.
    :raises WisdomError: What the flow raises.
    """
    try:
        step = next(flow)
        while True:
            try:
                answer = _take(step, hook, limit)
            except WisdomError as exc:
                step = flow.throw(exc)
            else:
                step = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


def _take(step: Step, hook: WisdomHook, limit: Limit) -> Any:
    if isinstance(step, float):
        # Whoever has no time left asks once all the same, for there may be a job already; but does not go on.
        limit.check(None)
        time.sleep(min(step, limit.left()))
        return None

    def call() -> Any:
        # Its connection may be looked up for minutes, in which the task may be ended.
        hook.conn  # noqa: B018 - a cached property: the client is made here
        limit.check_stopped()
        return step(hook)

    return patiently(call, limit, _DOING)


async def drive_in_loop(flow: Flow[T], calls: Calls, limit: Limit) -> T:
    """Drive a flow in the running event loop, without blocking it, and return its result.

    :param flow: As for :func:`drive`.
    :param calls: What calls go through.
    :param limit: As for :func:`drive`.
    :raises WisdomError: As for :func:`drive`.
    """
    try:
        step = next(flow)
        while True:
            try:
                answer = await _take_in_loop(step, calls, limit)
            except WisdomError as exc:
                step = flow.throw(exc)
            else:
                step = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def _take_in_loop(step: Step, calls: Calls, limit: Limit) -> Any:
    if isinstance(step, float):
        await asyncio.sleep(min(step, limit.left()))
        return None
    return await ask(calls, step, limit, _DOING)
