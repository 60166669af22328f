"""The calls of one AWS connection in one event loop: one client, worker threads, one budget, renewed credentials."""

from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from airflow_wisdom import settings
from airflow_wisdom.cadence import Backoff, Budget
from airflow_wisdom.exceptions import InvalidCredentialsError, ThrottlingError
from airflow_wisdom.hooks.connection import THREADS, spare_the_collector

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.connection import Connects

T = TypeVar("T")


class Calls:
    """Makes calls of AWS for everybody who needs the same AWS connection in the same event loop.

    They are made in worker threads, so that neither loading the service model, nor credentials, nor TLS, nor a slow
    answer ever holds the event loop; and no more start within a second than AWS is to be asked for, because it counts
    the calls of the whole account and region together. It lives while somebody keeps it open.

    :param connection: The AWS connection.
    :param calls_per_second: Calls a second at most, whoever asks.
    """

    _all: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connects, Calls]]] = WeakKeyDictionary()

    def __init__(self, connection: Connects, calls_per_second: float) -> None:
        spare_the_collector("Airflow")
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self.calls_per_second = calls_per_second
        self.budget = Budget(calls_per_second)
        self._throttled = Backoff()
        self._bursts = 0
        self._turn = asyncio.Lock()
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="wisdom-calls")
        self._hook: asyncio.Task[WisdomHook] | None = None
        self._hook_has_worked = False
        self._users = 0

    @classmethod
    def of(cls, connection: Connects) -> Calls:
        """Return the calls of a connection in the running event loop.

        :param connection: The AWS connection.
        """
        for loop in [loop for loop in cls._all if loop.is_closed()]:
            del cls._all[loop]
        calls = cls._all.setdefault(asyncio.get_running_loop(), {})
        if connection not in calls:
            calls[connection] = cls(connection, settings.calls_per_second())
        return calls[connection]

    @contextmanager
    def kept(self) -> Iterator[Calls]:
        """Keep the client and the budget for a block."""
        self.enter()
        try:
            yield self
        finally:
            self.leave()

    def enter(self) -> None:
        """Keep the client and the budget until :meth:`leave` is called once more."""
        self._users += 1

    def leave(self) -> None:
        """Let go of the client and the budget, unless somebody else keeps them."""
        self._users -= 1
        if self._users or self.loop.is_closed():
            return
        if self._hook is not None:
            self._hook.cancel()
        self._executor.shutdown(wait=False)
        others = self._all.get(self.loop, {})
        if others.get(self.connection) is self:
            del others[self.connection]

    async def ask(self, function: Callable[[WisdomHook], T]) -> T:
        """Make one call; where AWS refuses credentials that have worked before, once more with renewed ones.

        :param function: Called with the hook, in a worker thread.
        :raises WisdomError: What the call raises.
        """
        with self.kept():
            hook = await self.hook()
            try:
                return await self.call(function, hook)
            except InvalidCredentialsError:
                if not self.renew_hook(hook):
                    raise
            return await self.call(function, await self.hook())

    async def call(self, function: Callable[..., T], *args: Any, started: Callable[[], None] | None = None) -> T:
        """Run a function in a worker thread, once the budget allows.

        :param function: What makes one call of AWS.
        :param args: Its arguments.
        :param started: Called when the call starts. Default: nothing is called.
        """
        await self._wait_for_turn()
        if started:
            started()
        bursts_before = self._bursts
        try:
            result = await self._in_thread(function, *args)
        except ThrottlingError:
            if bursts_before == self._bursts:
                self._hold()
            raise
        if bursts_before == self._bursts:
            self._throttled.succeeded()
        self._hook_has_worked = True
        return result

    def _hold(self) -> None:
        """Leave AWS alone for a while, whoever asks: the quota is one for all, and nobody else would fare better.

        Calls that are under way now tell nothing about whether it was long enough: theirs is the same burst.
        """
        self._bursts += 1
        self.budget.hold(self.loop.time() + self._throttled.failed())

    async def hook(self) -> WisdomHook:
        """Return the hook that all calls go through, made on first use."""
        if self._hook is None or (self._hook.done() and self._hook.exception() is not None):
            self._hook = detached(self._in_thread(self.connection.make_hook))
        return await asyncio.shield(self._hook)

    def renew_hook(self, failed: WisdomHook) -> bool:
        """Have a hook made again whose credentials AWS refuses; return False if it is new already.

        Somebody may have changed the Airflow connection since it was read, as when keys are rotated.

        :param failed: The hook.
        """
        if self._made_hook() is failed:
            if not self._hook_has_worked:
                return False
            self._drop_hook()
        return True

    def forget_hook(self, hook: WisdomHook | None) -> None:
        """Have a new hook made for the next call, unless there is another one already.

        :param hook: The hook; None where none could be made.
        """
        if hook is not None and self._made_hook() is hook:
            self._drop_hook()

    def _drop_hook(self) -> None:
        self._hook, self._hook_has_worked = None, False

    def _made_hook(self) -> WisdomHook | None:
        made = self._hook is not None and self._hook.done() and self._hook.exception() is None
        return self._hook.result() if self._hook is not None and made else None

    async def _wait_for_turn(self) -> None:
        # One after the other, and by the clock when it is one's turn: calls that a busy event loop has kept waiting
        # do not start all at once.
        async with self._turn:
            while pause := self.budget.pause(self.loop.time()):  # noqa: ASYNC110 - it is time that is waited for
                await asyncio.sleep(pause)
            self.budget.spend(self.loop.time())

    async def _in_thread(self, function: Callable[..., T], *args: Any) -> T:
        # Through asgiref, because the triggerer answers a connection look-up from no other thread.
        in_thread = sync_to_async(function, thread_sensitive=False, executor=self._executor)
        return await in_thread(*args)


def detached(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task in a context of its own: what it logs does not belong to the trigger that happens to start it.

    :param coroutine: What the task does.
    """
    return contextvars.Context().run(asyncio.get_running_loop().create_task, coroutine)
