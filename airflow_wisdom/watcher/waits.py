"""Those who wait for import jobs of one knowledge base, and the task that looks at the jobs for them."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_wisdom.cadence import Cadence, Patience, pages_to_walk
from airflow_wisdom.exceptions import (
    AirflowConnectionNotFoundError,
    ClientConfigurationError,
    EndpointError,
    InvalidCredentialsError,
    ResourceNotFoundError,
    WisdomError,
)
from airflow_wisdom.hooks.calls import detached
from airflow_wisdom.model.import_job import ImportJob, ImportJobStatus, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.calls import Calls

T = TypeVar("T")

log = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds after its deadline at which a wait ends even though AWS has not answered its last look."""

GETS_PER_ROUND = 10
"""GetImportJob calls after which it is considered again whether a list is cheaper by now."""

EARLY = 0.2
"""Share of its interval by which a look at a job may be early, to go along with a look at others."""

LIST_FAILURES = 3
"""Failures of a list in a row after which each job is looked at alone."""

SURPRISES = 4
"""Failures in a row that nobody thought of, after which a knowledge base's waits end."""

FINAL_FOR_ALL = (AirflowConnectionNotFoundError, ClientConfigurationError, InvalidCredentialsError)
"""What ends every wait of a connection: no call over it can succeed."""


@dataclass(frozen=True)
class Outcome:
    """How a wait ended.

    :param job: The job as last seen, without its presigned URLs where a list showed it; None if it never was.
    :param error: Why it did not end well; None if the job is COMPLETE.
    """

    job: ImportJob | None
    error: WisdomError | None


@dataclass(eq=False, slots=True)
class Wait:
    """Somebody waiting for an import job. Times are those of the event loop, which no change of the clock moves.

    `page` is the page of the list that shows the job, as far as is known; `due` is when to look again, `welcome` when
    a look that others need anyway may show this job as well.
    """

    import_job_id: str
    began: float
    deadline: float
    cadence: Cadence
    future: asyncio.Future[Outcome]
    due: float
    welcome: float
    whole: bool
    page: int | None = None
    job: ImportJob | None = None

    @property
    def is_over(self) -> bool:
        """Whether the caller knows, or has left."""
        return self.future.done()

    @property
    def ends_whole(self) -> bool:
        """Whether the job is known to be complete, and only has to be read once more."""
        return self.whole and self.job is not None and self.job.status == ImportJobStatus.COMPLETE

    def see(self, job: ImportJob) -> None:
        """Note how the job stands."""
        before = self.job
        # What did not change is kept: replacing thousands of objects at each look makes the garbage collector work.
        if before is None or before.status != job.status or (before.url is None) is not (job.url is None):
            self.job = job

    def end(self, error: WisdomError | None = None) -> None:
        """Tell the caller, unless it has left."""
        if not self.is_over:
            self.future.set_result(Outcome(self.job, error))

    def time_out(self, knowledge_base_id: str, now: float) -> None:
        """Tell the caller that the deadline has passed."""
        if self.ends_whole:
            self.end()
        else:
            self.end(timed_out(knowledge_base_id, self.import_job_id, self.job, waited=now - self.began))


class Waits:
    """The waits for the import jobs of one knowledge base, and the task that looks at them.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param calls: What makes the calls.
    :param end_all: Ends every wait of the connection with an error that no call over it can escape.
    """

    def __init__(self, knowledge_base_id: str, calls: Calls, end_all: Callable[[WisdomError], None]) -> None:
        self.id = knowledge_base_id
        self.waits: dict[str, list[Wait]] = {}
        self._calls = calls
        self._end_all = end_all
        self._patience = Patience(log, f"Still waiting for import jobs of knowledge base {self.id}")
        self._surprises = 0
        self._may_list = True
        self._list_failures = 0
        self._newcomers_page = 1
        self._hook: WisdomHook | None = None
        self._call_started: float | None = None
        self._changed = asyncio.Event()
        self.task = detached(self._run())
        self.task.add_done_callback(self._died)

    def add(self, wait: Wait) -> None:
        """Begin to look at the job that is waited for."""
        self.waits.setdefault(wait.import_job_id, []).append(wait)
        self._changed.set()

    def remove(self, wait: Wait) -> None:
        """Forget a wait."""
        others = self.waits[wait.import_job_id]
        others.remove(wait)
        if not others:
            del self.waits[wait.import_job_id]
            self._patience.forget(wait.import_job_id)

    def fail_all(self, error: WisdomError) -> None:
        """End every wait with `error`."""
        for import_job_id in self.waits:
            self._fail(import_job_id, error)

    def _died(self, task: asyncio.Task[None]) -> None:
        """Hand over what no handler caught, as Airflow's time-out of a task, which is raised wherever it hits."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            for wait in list(self.pending()):
                wait.future.set_exception(error)

    async def _run(self) -> None:
        while True:
            try:
                await self._until_due()
                await self._look()
            except WisdomError as exc:
                await self._endure(exc)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the others go on waiting
                await self._surprise(exc)

    async def _endure(self, error: WisdomError) -> None:
        """Leave AWS alone for a while, have the client renewed, or end every wait, as the error demands.

        Weather ends no wait: that is for the deadline of each.
        """
        import_job_id = error.where.get("import_job_id")
        try:
            pause = self._patience.endure(error, about=import_job_id if import_job_id in self.waits else None)
        except WisdomError:
            if not self._may_try_again(error):
                self._end_all(error)
        else:
            await asyncio.sleep(pause)

    def _may_try_again(self, error: WisdomError) -> bool:
        if self._hook is None or not isinstance(error, InvalidCredentialsError):
            return False
        return self._calls.renew_hook(self._hook)

    async def _until_due(self) -> None:
        while (pause := self._next_due() - self._now()) > 0:
            if not self.waits:
                # `asyncio.wait_for` swallows a cancellation that comes in the moment its event is set.
                raise asyncio.CancelledError
            self._changed.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if pause == float("inf") else pause)

    def _now(self) -> float:
        return self._calls.loop.time()

    def _next_due(self) -> float:
        return min((wait.due for wait in self.pending()), default=float("inf"))

    def pending(self) -> Iterable[Wait]:
        """Return the waits that go on."""
        return (wait for waits in self.waits.values() for wait in waits if not wait.is_over)

    async def _look(self) -> None:
        """Look once at the jobs that are due, and on the way at those that are almost so."""
        self._hook = hook = await self._calls.hook()
        now = self._now()
        welcome = [wait for wait in self.pending() if wait.welcome <= now and not wait.ends_whole]
        pages = self._pages_to_walk(welcome)
        if pages:
            await self._walk(hook, {wait.import_job_id for wait in welcome}, pages)
        due = sorted((wait for wait in self.pending() if wait.due <= now), key=attrgetter("due"))
        for import_job_id in list(dict.fromkeys(wait.import_job_id for wait in due))[:GETS_PER_ROUND]:
            await self._get(hook, import_job_id)

    def _pages_to_walk(self, waits: list[Wait]) -> int:
        if not self._may_list or self._list_failures >= LIST_FAILURES:
            return 0
        return pages_to_walk(wait.page or self._newcomers_page for wait in waits)

    async def _walk(self, hook: WisdomHook, unseen: set[str], planned: int) -> None:
        """Read pages of the list until all `unseen` jobs are seen.

        The order of the list is not documented, so that a job may turn up on any page. Reading on beyond `planned`
        pages is worthwhile as long as it took fewer calls than a look at each missing job would.
        """
        pages = hook.import_job_pages(self.id)
        walked = 0
        while unseen and walked < max(planned, len(unseen)):
            page = await self._next_page(pages)
            if page is None:
                return
            walked += 1
            for job in page:
                unseen.discard(job.import_job_id)
                self._seen(job.import_job_id, job, walked)
        for import_job_id in unseen:
            for wait in self.waits.get(import_job_id, ()):
                wait.page = 2 * walked

    async def _next_page(self, pages: Iterator[list[ImportJob]]) -> list[ImportJob] | None:
        """Return the next page of a list; None after the last one, or if it turns out that there is no list for us."""
        try:
            page: list[ImportJob] | None = await self._call(next, pages, None)
        except FINAL_FOR_ALL:
            raise
        except ResourceNotFoundError as exc:
            # It is the knowledge base that is missing, and every job with it.
            self.fail_all(exc)
            return None
        except WisdomError as exc:
            self._list_failures += 1
            if exc.transient:
                raise
            log.warning("Import jobs cannot be listed, looking at each alone: %s", exc)
            self._may_list = False
            return None
        self._list_failures = 0
        self._succeeded(None)
        return page

    async def _get(self, hook: WisdomHook, import_job_id: str) -> None:
        try:
            job = await self._call(hook.get_import_job, self.id, import_job_id)
        except FINAL_FOR_ALL:
            raise
        except WisdomError as exc:
            if exc.transient:
                self._put_off(import_job_id)
                raise
            self._fail(import_job_id, exc)
        else:
            # Where a list fails and a single job does not, the list gets one try in each round.
            self._list_failures = min(self._list_failures, LIST_FAILURES - 1)
            self._succeeded(import_job_id)
            self._seen(import_job_id, job)

    async def _call(self, function: Callable[..., T], *args: Any) -> T:
        try:
            return await self._calls.call(function, *args, started=self._note_call)
        finally:
            self._call_started = None

    def _note_call(self) -> None:
        self._call_started = self._now()

    def is_stuck(self) -> bool:
        """Whether AWS does not answer, so that waiting longer for a look at an overdue job is of no use."""
        hangs = self._call_started is not None and self._now() - self._call_started >= GRACE
        return hangs or self._patience.is_tried

    def _put_off(self, import_job_id: str) -> None:
        """Let the others go first: an answer that never comes for one job must not keep them waiting."""
        now = self._now()
        for wait in self._waiting_for(import_job_id):
            wait.due = min(wait.deadline, now + wait.cadence.interval(now - wait.began))

    def _seen(self, import_job_id: str, job: ImportJob, page: int | None = None) -> None:
        """Tell everybody who waits for a job, or note when to look again.

        :param import_job_id: Its id as it was asked for.
        :param page: The page of the list that showed it; None if it was read alone.
        """
        waits = self._waiting_for(import_job_id)
        for wait in waits:
            wait.see(job)
            self._note_page(wait, page)
        try:
            complete = job.is_complete()
        except WisdomError as exc:
            self._fail(import_job_id, exc)
            return
        for wait in waits:
            if not complete:
                self._look_again(wait, job)
            elif wait.whole and page is not None:
                wait.due = self._now()
            else:
                wait.end()

    def _look_again(self, wait: Wait, job: ImportJob) -> None:
        now = self._now()
        if now >= wait.deadline:
            wait.time_out(self.id, now)
            return
        age = job.elapsed(time.time()) or now - wait.began
        interval = wait.cadence.interval(age)
        wait.due = min(wait.deadline, now + interval)
        wait.welcome = now + (1.0 - EARLY) * interval

    def _note_page(self, wait: Wait, page: int | None) -> None:
        if page is not None:
            if wait.page is None:
                self._newcomers_page = page
            wait.page = page

    def _fail(self, import_job_id: str, error: WisdomError) -> None:
        for wait in self._waiting_for(import_job_id):
            wait.end(error)

    def _waiting_for(self, import_job_id: str) -> list[Wait]:
        return [wait for wait in self.waits.get(import_job_id, ()) if not wait.is_over]

    def _succeeded(self, import_job_id: str | None) -> None:
        self._patience.succeeded(import_job_id)
        self._surprises = 0

    async def _surprise(self, error: Exception) -> None:
        """Try again after what nobody thought of, but not for ever: a bug ends in the open."""
        log.error("Looking at import jobs of knowledge base %s failed", self.id, exc_info=error)
        if self._surprises == SURPRISES:
            self.fail_all(WisdomError(f"The watcher failed: {error!r}", where={"knowledge_base_id": self.id}))
            return
        self._surprises += 1
        unexpected = EndpointError(f"Looking at import jobs failed: {error!r}")
        await asyncio.sleep(self._patience.endure(unexpected))
