"""One watcher for all that wait for import jobs over one AWS connection in one event loop.

A trigger asks for its job and awaits it. The watcher makes the calls: with one boto3 client, in worker threads, so that
neither loading the service model, nor credentials, nor TLS, nor a slow answer ever holds the event loop.

For each knowledge base one task looks at the jobs that are due, through ListImportJobs where that needs fewer calls
than a GetImportJob each. All of them together keep to one budget of calls per second, because AWS counts the calls of
the whole account and region together.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import logging
import time
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from airflow_wisdom import settings
from airflow_wisdom.cadence import GROWING, Backoff, Budget, Cadence, pages_to_walk, time_left
from airflow_wisdom.exceptions import (
    AirflowConnectionNotFoundError,
    ClientConfigurationError,
    EndpointError,
    InvalidCredentialsError,
    ResourceNotFoundError,
    ThrottlingError,
    WisdomError,
)
from airflow_wisdom.import_job import ImportJob, ImportJobStatus, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

    from airflow_wisdom.hooks import WisdomHook

T = TypeVar("T")

log = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds after its deadline at which a wait ends even though AWS has not answered its last look."""

LONGEST_GRACE = 240.0
"""Seconds after its deadline at which a wait ends even though its last look has not had its turn in the budget.

Airflow itself ends the deferral a minute later.
"""

GETS_PER_ROUND = 10
"""GetImportJob calls after which it is considered anew whether a list is cheaper by now."""

EARLY = 0.2
"""Share of its interval by which a look at a job may be early, to go along with a look at others."""

LIST_FAILURES = 3
"""Failures of a list in a row after which each job is looked at alone."""

SURPRISES = 4
"""Failures in a row that nobody thought of, after which a knowledge base's waits end."""

THREADS = 4
"""Calls under way at once: one knowledge base with slow answers does not hold up the others."""

FINAL_FOR_ALL = (AirflowConnectionNotFoundError, ClientConfigurationError, InvalidCredentialsError)
"""What ends every wait of a connection: no call over it can succeed."""

_CLIENT_DEFAULTS = {
    # botocore's own attempts would go past the budget; the watcher tries again anyway.
    "retries": {"total_max_attempts": 1},
    "connect_timeout": 10,
    "read_timeout": 10,
    "max_pool_connections": THREADS,
}


class Connects(Hashable, Protocol):
    """What a watcher needs of an AWS connection. Two that are equal share a watcher."""

    def make_hook(self) -> WisdomHook:
        """Return a hook whose client is ready; called in a worker thread."""
        ...


@dataclass(frozen=True, eq=False)
class ReadyConnection:
    """The AWS connection of a hook that is there already, as in a worker.

    :param hook: The hook.
    """

    hook: WisdomHook

    def make_hook(self) -> WisdomHook:
        """Return the hook."""
        return self.hook


@dataclass(frozen=True)
class AwsConnection:
    """What makes two triggers share a watcher: everything that their client is made of.

    The parameters are those of :class:`~airflow_wisdom.hooks.WisdomHook`, but `botocore_config` is JSON, so that a
    connection can be a key.
    """

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: str
    service_name: str

    @classmethod
    def of(cls, *, botocore_config: dict[str, Any] | None, **parameters: Any) -> AwsConnection:
        """Return the connection for the parameters of a trigger: one object for all that are the same."""
        return _connection(botocore_config=json.dumps(botocore_config, sort_keys=True), **parameters)

    def make_hook(self) -> WisdomHook:
        """Return a hook whose client is ready. This takes long: not for an event loop's own thread."""
        try:
            hook = self._hook()
            hook.conn  # noqa: B018 - a cached property: the client is made here, in this thread
        except WisdomError:
            raise
        except Exception as exc:
            # Airflow's API server or secrets backend may just be starting again.
            raise EndpointError(f"The AWS connection could not be looked up: {exc!r}") from exc
        _spare_the_collector("boto3, and the client")
        return hook

    def _hook(self) -> WisdomHook:
        # Imported here because boto3 and the amazon provider take most of a second to import.
        from airflow_wisdom.hooks import WisdomHook

        return WisdomHook(
            self.aws_conn_id,
            self.region_name,
            self.verify,
            json.loads(self.botocore_config),
            service_name=self.service_name,
            client_defaults=_CLIENT_DEFAULTS,
        )


_connection = lru_cache(maxsize=256)(AwsConnection)


@dataclass(frozen=True)
class Outcome:
    """How a wait ended.

    :param job: The job as last seen, without its presigned URLs where a list showed it; None if it never was.
    :param error: Why it did not end well; None if the job is COMPLETE.
    """

    job: ImportJob | None
    error: WisdomError | None

    def to_dict(self, knowledge_base_id: str, import_job_id: str | None) -> dict[str, Any]:
        """Return the outcome as JSON primitives, for an event.

        :param knowledge_base_id: Id or ARN of the knowledge base.
        :param import_job_id: Id of the import job; None if it was never started.
        """
        seen = self.job.to_dict() if self.job else {}
        return {
            "knowledgeBaseId": knowledge_base_id,
            "importJobId": import_job_id,
            "status": seen.get("status"),
            "createdTime": seen.get("createdTime"),
            "lastModifiedTime": seen.get("lastModifiedTime"),
            "error": self.error.to_dict() if self.error else None,
        }


@dataclass(eq=False, slots=True)
class _Wait:
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
        return self.future.done()

    @property
    def ends_whole(self) -> bool:
        """Whether the job is known to be complete, and only has to be read once more."""
        return self.whole and self.job is not None and self.job.status == ImportJobStatus.COMPLETE

    def see(self, job: ImportJob) -> None:
        before = self.job
        # What did not change is kept: replacing thousands of objects at each look makes the garbage collector work.
        if before is None or before.status != job.status or (before.url is None) is not (job.url is None):
            self.job = job

    def end(self, error: WisdomError | None = None) -> None:
        if not self.is_over:
            self.future.set_result(Outcome(self.job, error))

    def time_out(self, knowledge_base_id: str, now: float) -> None:
        if self.ends_whole:
            self.end()
        else:
            self.end(timed_out(knowledge_base_id, self.import_job_id, self.job, waited=now - self.began))


class ImportJobWatcher:
    """Looks at import jobs on behalf of everybody who waits for them over one AWS connection.

    It lives while somebody waits: :meth:`wait_for` makes it, and its last caller to leave ends it. Each event loop has
    watchers of its own.

    :param connection: The AWS connection.
    :param calls_per_second: Calls a second at most, whatever the number of jobs.
    """

    _watchers: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connects, ImportJobWatcher]]] = (
        WeakKeyDictionary()
    )

    def __init__(self, connection: Connects, calls_per_second: float) -> None:
        _spare_the_collector("Airflow")
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.budget = Budget(calls_per_second)
        self._turn = asyncio.Lock()
        self._knowledge_bases: dict[str, _KnowledgeBase] = {}
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="import-job-watcher")
        self._hook: asyncio.Task[WisdomHook] | None = None
        self._hook_has_worked = False
        self._timer: asyncio.TimerHandle | None = None
        self._guests = 0

    @classmethod
    def _of(cls, connection: Connects) -> ImportJobWatcher:
        """Return the watcher of `connection` in the running event loop."""
        for loop in [loop for loop in cls._watchers if loop.is_closed()]:
            del cls._watchers[loop]
        watchers = cls._watchers.setdefault(asyncio.get_running_loop(), {})
        if connection not in watchers:
            watchers[connection] = cls(connection, settings.calls_per_second())
        return watchers[connection]

    @classmethod
    async def wait_for(
        cls,
        connection: Connects,
        knowledge_base_id: str,
        import_job_id: str,
        *,
        deadline: float | None = None,
        cadence: Cadence | None = None,
        whole: bool = False,
    ) -> Outcome:
        """Wait until an import job has ended, with the watcher of `connection` in the running event loop.

        The other parameters are those of :meth:`~airflow_wisdom.hooks.WisdomHook.wait_for_import_job`; what that
        raises, this returns.

        :param whole: Whether a complete job is read once more alone, where a list showed it without all its members.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        left = time_left(deadline, time.time())
        wait = _Wait(
            import_job_id=import_job_id,
            began=now,
            deadline=now + left,
            cadence=cadence or GROWING,
            future=loop.create_future(),
            due=now,
            welcome=now,
            whole=whole,
        )
        # Nothing is awaited between these two, so that the watcher can not close in between.
        watcher = cls._of(connection)
        watcher.add(knowledge_base_id, wait)
        try:
            return await wait.future
        finally:
            watcher.remove(knowledge_base_id, wait)

    @classmethod
    async def ask(cls, connection: Connects, function: Callable[[WisdomHook], T]) -> T:
        """Call AWS once, with the watcher of `connection` in the running event loop: its client, and its budget.

        :param connection: The AWS connection.
        :param function: Called with the hook, in a worker thread.
        :raises WisdomError: What the call raises.
        """
        return await cls._of(connection).serve(function)

    async def serve(self, function: Callable[[WisdomHook], T]) -> T:
        """Do what :meth:`ask` asks for, and stay open meanwhile."""
        self._guests += 1
        try:
            return await self.call(function, await self.hook(), started=lambda: None)
        finally:
            self._guests -= 1
            self._close_if_idle()

    def renew_hook(self, failed: WisdomHook) -> bool:
        """Have a hook made anew whose credentials AWS refuses; False if it is new already.

        Somebody may have changed the Airflow connection since it was read, as when keys are rotated.
        """
        if self._hook is not None and self._hook.done() and self._hook.result() is failed:
            if not self._hook_has_worked:
                return False
            self._hook, self._hook_has_worked = None, False
        return True

    async def call(self, function: Callable[..., T], *args: Any, started: Callable[[], None]) -> T:
        """Run `function` in a worker thread, once the budget allows.

        :param started: Called when it does.
        """
        # One after the other, and by the clock when it is one's turn: calls that a busy event loop has kept waiting
        # do not start all at once.
        async with self._turn:
            while pause := self.budget.pause(self.loop.time()):  # noqa: ASYNC110 - it is time that is waited for
                await asyncio.sleep(pause)
            self.budget.spend(self.loop.time())
        started()
        result = await self._in_thread(function, *args)
        self._hook_has_worked = True
        return result

    async def hook(self) -> WisdomHook:
        """Return the hook that all calls go through, made on first use."""
        if self._hook is None or (self._hook.done() and self._hook.exception() is not None):
            self._hook = _detached(self._in_thread(self.connection.make_hook))
        return await asyncio.shield(self._hook)

    def fail_all(self, error: WisdomError) -> None:
        """End every wait of this connection with `error`."""
        for knowledge_base in self._knowledge_bases.values():
            knowledge_base.fail_all(error)

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        # Through asgiref, because the triggerer answers a connection look-up from no other thread.
        in_thread = sync_to_async(function, thread_sensitive=False, executor=self._executor)
        return await in_thread(*args)

    def add(self, knowledge_base_id: str, wait: _Wait) -> None:
        """Begin to look at the job that is waited for."""
        knowledge_base = self._knowledge_bases.get(knowledge_base_id)
        if knowledge_base is None:
            knowledge_base = self._knowledge_bases[knowledge_base_id] = _KnowledgeBase(knowledge_base_id, self)
        knowledge_base.add(wait)
        self._watch_deadline(wait.deadline + GRACE)

    def remove(self, knowledge_base_id: str, wait: _Wait) -> None:
        """Forget a wait, and all that was there for it alone."""
        if self.loop.is_closed():
            return
        knowledge_base = self._knowledge_bases[knowledge_base_id]
        knowledge_base.remove(wait)
        if not knowledge_base.waits:
            knowledge_base.task.cancel()
            del self._knowledge_bases[knowledge_base_id]
        self._close_if_idle()

    def _watch_deadline(self, late: float) -> None:
        """See to it that waits end at `late` even if an answer is still outstanding then.

        One timer does for all: with one each, thousands of waits would make the garbage collector work.
        """
        if late == float("inf") or (self._timer is not None and self._timer.when() <= late):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(late, self._end_late_waits)

    def _end_late_waits(self) -> None:
        self._timer = None
        now = self.loop.time()
        for knowledge_base in self._knowledge_bases.values():
            stuck = knowledge_base.is_stuck()
            for wait in list(knowledge_base.pending()):
                late = wait.deadline + GRACE
                if late > now:
                    self._watch_deadline(late)
                elif stuck or now >= max(wait.deadline, wait.began) + LONGEST_GRACE:
                    wait.time_out(knowledge_base.id, now)
                else:
                    # Its last look is only waiting for its turn.
                    self._watch_deadline(now + GRACE)

    def _close_if_idle(self) -> None:
        if not self._knowledge_bases and not self._guests and not self.loop.is_closed():
            self._close()

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._hook is not None:
            self._hook.cancel()
        self._executor.shutdown(wait=False)
        watchers = self._watchers.get(self.loop, {})
        if watchers.get(self.connection) is self:
            del watchers[self.connection]


class _KnowledgeBase:
    """The waits for the import jobs of one knowledge base, and the task that looks at them."""

    def __init__(self, knowledge_base_id: str, watcher: ImportJobWatcher) -> None:
        self.id = knowledge_base_id
        self.waits: dict[str, list[_Wait]] = {}
        self._watcher = watcher
        self._backoff = Backoff()
        self._may_list = True
        self._list_failures = 0
        self._newcomers_page = 1
        self._in_trouble: set[str | None] = set()
        self._hook: WisdomHook | None = None
        self._call_started: float | None = None
        self._changed = asyncio.Event()
        self.task = _detached(self._run())

    def add(self, wait: _Wait) -> None:
        self.waits.setdefault(wait.import_job_id, []).append(wait)
        self._changed.set()

    def remove(self, wait: _Wait) -> None:
        others = self.waits[wait.import_job_id]
        others.remove(wait)
        if not others:
            del self.waits[wait.import_job_id]

    def fail_all(self, error: WisdomError) -> None:
        for import_job_id in self.waits:
            self._fail(import_job_id, error)

    async def _run(self) -> None:
        while True:
            try:
                await self._until_due()
                await self._look()
            except WisdomError as exc:
                if exc.transient:
                    await self._wait_out(exc)
                elif not self._may_try_again(exc):
                    self._watcher.fail_all(exc)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the others go on waiting
                await self._surprise(exc)

    def _may_try_again(self, error: WisdomError) -> bool:
        if self._hook is None or not isinstance(error, InvalidCredentialsError):
            return False
        return self._watcher.renew_hook(self._hook)

    async def _until_due(self) -> None:
        while (pause := self._next_due() - self._now()) > 0:
            if not self.waits:
                # `asyncio.wait_for` swallows a cancellation that comes in the moment its event is set.
                raise asyncio.CancelledError
            self._changed.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if pause == float("inf") else pause)

    def _now(self) -> float:
        return self._watcher.loop.time()

    def _next_due(self) -> float:
        return min((wait.due for wait in self.pending()), default=float("inf"))

    def pending(self) -> Iterable[_Wait]:
        return (wait for waits in self.waits.values() for wait in waits if not wait.is_over)

    async def _look(self) -> None:
        """Look once at the jobs that are due, and on the way at those that are almost so."""
        self._hook = hook = await self._watcher.hook()
        now = self._now()
        welcome = [wait for wait in self.pending() if wait.welcome <= now and not wait.ends_whole]
        pages = self._pages_to_walk(welcome)
        if pages:
            await self._walk(hook, {wait.import_job_id for wait in welcome}, pages)
        due = sorted((wait for wait in self.pending() if wait.due <= now), key=attrgetter("due"))
        for import_job_id in list(dict.fromkeys(wait.import_job_id for wait in due))[:GETS_PER_ROUND]:
            await self._get(hook, import_job_id)

    def _pages_to_walk(self, waits: list[_Wait]) -> int:
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
            log.warning("Import jobs can not be listed, looking at each alone: %s", exc)
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
            return await self._watcher.call(function, *args, started=self._note_call)
        finally:
            self._call_started = None

    def _note_call(self) -> None:
        self._call_started = self._now()

    def is_stuck(self) -> bool:
        """Whether AWS does not answer, so that waiting longer for a look at an overdue job is of no use."""
        hangs = self._call_started is not None and self._now() - self._call_started >= GRACE
        return hangs or self._backoff.failures > 0

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

    def _look_again(self, wait: _Wait, job: ImportJob) -> None:
        now = self._now()
        if now >= wait.deadline:
            wait.time_out(self.id, now)
            return
        age = job.elapsed(time.time()) or now - wait.began
        interval = wait.cadence.interval(age)
        wait.due = min(wait.deadline, now + interval)
        wait.welcome = now + (1.0 - EARLY) * interval

    def _note_page(self, wait: _Wait, page: int | None) -> None:
        if page is not None:
            if wait.page is None:
                self._newcomers_page = page
            wait.page = page

    def _fail(self, import_job_id: str, error: WisdomError) -> None:
        for wait in self._waiting_for(import_job_id):
            wait.end(error)

    def _waiting_for(self, import_job_id: str) -> list[_Wait]:
        return [wait for wait in self.waits.get(import_job_id, ()) if not wait.is_over]

    def _succeeded(self, import_job_id: str | None) -> None:
        self._backoff.succeeded()
        self._in_trouble.discard(import_job_id)

    async def _wait_out(self, error: Exception) -> None:
        """Leave AWS alone for a while; one line of log for each streak, of the list or of a single job."""
        import_job_id = getattr(error, "import_job_id", None)
        if import_job_id not in self._in_trouble and self._backoff.failures == 0:
            log.warning("Still waiting for import jobs of knowledge base %s: %s", self.id, error)
        self._in_trouble.add(import_job_id)
        pause = self._backoff.failed()
        if isinstance(error, ThrottlingError):
            # The quota is one for all.
            self._watcher.budget.hold(self._now() + pause)
        await asyncio.sleep(pause)

    async def _surprise(self, error: Exception) -> None:
        """Try again after what nobody thought of, but not for ever: a bug ends in the open."""
        log.error("Looking at import jobs of knowledge base %s failed", self.id, exc_info=error)
        if self._backoff.failures < SURPRISES:
            await self._wait_out(error)
        else:
            self.fail_all(WisdomError(f"The watcher failed: {error!r}", knowledge_base_id=self.id))


@cache
def _spare_the_collector(_loaded: str) -> None:
    """Take what the process has loaded by now out of the garbage collector's sight, once after each thing loaded.

    Airflow and boto3 are some 200,000 objects that stay for good. Looking through them takes the collector 0.1 s or
    more, in which no thread and no trigger gets on, and it does so whenever many triggers have come or gone.
    """
    if settings.gc_freeze():
        gc.freeze()


def _detached(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task in a context of its own: what it logs does not belong to the trigger that happens to start it."""
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)
