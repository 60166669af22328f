"""The watcher itself: whom it has, what all of them share, and when it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from airflow_wisdom import settings
from airflow_wisdom.cadence import GROWING, Budget, Cadence, time_left
from airflow_wisdom.exceptions import InvalidCredentialsError
from airflow_wisdom.watcher.connection import THREADS, spare_the_collector
from airflow_wisdom.watcher.history import Follower, History
from airflow_wisdom.watcher.waits import GRACE, Outcome, Wait, Waits, detached

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from contextlib import AbstractContextManager

    from airflow_wisdom.exceptions import WisdomError
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.watcher.connection import Connects
    from airflow_wisdom.watcher.history import Look


T = TypeVar("T")

log = logging.getLogger(__name__)

LONGEST_GRACE = 240.0
"""Seconds after its deadline at which a wait ends even though its last look has not had its turn in the budget.

Airflow itself ends the deferral a minute later.
"""


class ImportJobWatcher:
    """Looks at import jobs on behalf of everybody who waits for them over one AWS connection.

    It lives while somebody waits or follows: :meth:`wait_for` or :meth:`follow` makes it, and its last caller to leave
    ends it. Each event loop has watchers of its own.

    :param connection: The AWS connection.
    :param calls_per_second: Calls a second at most, whatever the number of jobs.
    """

    _watchers: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connects, ImportJobWatcher]]] = (
        WeakKeyDictionary()
    )

    def __init__(self, connection: Connects, calls_per_second: float) -> None:
        spare_the_collector("Airflow")
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.calls_per_second = calls_per_second
        self.budget = Budget(calls_per_second)
        self._turn = asyncio.Lock()
        self._knowledge_bases: dict[str, Waits] = {}
        self._histories: dict[str, History] = {}
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
        wait = Wait(
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
    async def follow(
        cls, connection: Connects, knowledge_base_id: str, *, interval: float
    ) -> AsyncGenerator[Look, None]:
        """Yield look after look at all import jobs of a knowledge base, for ever; AWS operation ``ListImportJobs``.

        The first is a whole one. No error ends it: they are logged, one line for each streak, and AWS is asked anew.

        :param connection: The AWS connection.
        :param knowledge_base_id: Id or ARN of the knowledge base.
        :param interval: Seconds between two looks. All who follow a knowledge base share them: the shortest interval
            counts. A list of many pages is read less often, so that it takes a fifth of the budget at most.
        """
        follower = Follower(interval)
        watcher = cls._of(connection)
        watcher.add_follower(knowledge_base_id, follower)
        try:
            while True:
                yield await follower.looks.get()
        finally:
            watcher.remove_follower(knowledge_base_id, follower)

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
        with self._open():
            hook = await self.hook()
            try:
                return await self.call(function, hook, started=lambda: None)
            except InvalidCredentialsError:
                if not self.renew_hook(hook):
                    raise
            return await self.call(function, await self.hook(), started=lambda: None)

    @classmethod
    def kept(cls, connection: Connects) -> AbstractContextManager[None]:
        """Keep the watcher of `connection` in the running event loop, with its client and its budget, for a block."""
        return cls._of(connection)._open()  # noqa: SLF001 - of the same class

    @contextmanager
    def _open(self) -> Iterator[None]:
        self._guests += 1
        try:
            yield
        finally:
            self._guests -= 1
            self._close_if_unused()

    def renew_hook(self, failed: WisdomHook) -> bool:
        """Have a hook made anew whose credentials AWS refuses; False if it is new already.

        Somebody may have changed the Airflow connection since it was read, as when keys are rotated.
        """
        if self._made_hook() is failed:
            if not self._hook_has_worked:
                return False
            self._hook, self._hook_has_worked = None, False
        return True

    def forget_hook(self, hook: WisdomHook | None) -> None:
        """Have a new hook made for the next call, unless it is another than `hook` already."""
        if hook is not None and self._made_hook() is hook:
            self._hook, self._hook_has_worked = None, False

    def _made_hook(self) -> WisdomHook | None:
        made = self._hook is not None and self._hook.done() and self._hook.exception() is None
        return self._hook.result() if self._hook is not None and made else None

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
            self._hook = detached(self._in_thread(self.connection.make_hook))
        return await asyncio.shield(self._hook)

    def fail_all(self, error: WisdomError) -> None:
        """End every wait of this connection with `error`."""
        for knowledge_base in self._knowledge_bases.values():
            knowledge_base.fail_all(error)

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        # Through asgiref, because the triggerer answers a connection look-up from no other thread.
        in_thread = sync_to_async(function, thread_sensitive=False, executor=self._executor)
        return await in_thread(*args)

    def add(self, knowledge_base_id: str, wait: Wait) -> None:
        """Begin to look at the job that is waited for."""
        knowledge_base = self._knowledge_bases.get(knowledge_base_id)
        if knowledge_base is None:
            knowledge_base = self._knowledge_bases[knowledge_base_id] = Waits(knowledge_base_id, self)
        knowledge_base.add(wait)
        self._watch_deadline(wait.deadline + GRACE)

    def remove(self, knowledge_base_id: str, wait: Wait) -> None:
        """Forget a wait, and all that was there for it alone."""
        if self.loop.is_closed():
            return
        knowledge_base = self._knowledge_bases[knowledge_base_id]
        knowledge_base.remove(wait)
        if not knowledge_base.waits:
            knowledge_base.task.cancel()
            del self._knowledge_bases[knowledge_base_id]
        self._close_if_unused()

    def add_follower(self, knowledge_base_id: str, follower: Follower) -> None:
        """Begin to look at all jobs of a knowledge base, or tell one more of it."""
        history = self._histories.get(knowledge_base_id)
        if history is None:
            history = self._histories[knowledge_base_id] = History(knowledge_base_id, self)
        history.add(follower)

    def remove_follower(self, knowledge_base_id: str, follower: Follower) -> None:
        """Forget a follower, and all that was there for it alone."""
        if self.loop.is_closed():
            return
        history = self._histories[knowledge_base_id]
        history.followers.remove(follower)
        if not history.followers:
            history.task.cancel()
            del self._histories[knowledge_base_id]
        self._close_if_unused()

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

    def _close_if_unused(self) -> None:
        if self._knowledge_bases or self._histories or self._guests:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._hook is not None:
            self._hook.cancel()
        self._executor.shutdown(wait=False)
        watchers = self._watchers.get(self.loop, {})
        if watchers.get(self.connection) is self:
            del watchers[self.connection]
