"""The watcher itself: whom it has, and when it ends."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from airflow_wisdom.cadence import GROWING, Cadence, time_left
from airflow_wisdom.hooks.calls import Calls
from airflow_wisdom.watcher.history import Follower, History
from airflow_wisdom.watcher.waits import GRACE, Outcome, Wait, Waits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow_wisdom.exceptions import WisdomError
    from airflow_wisdom.hooks.connection import Connects
    from airflow_wisdom.watcher.history import Look

LONGEST_GRACE = 240.0
"""Seconds after its deadline at which a wait ends even though its last look has not had its turn in the budget.

Airflow itself ends the deferral a minute later.
"""


class ImportJobWatcher:
    """Looks at import jobs on behalf of everybody who waits for them over one AWS connection.

    It lives while somebody waits or follows: :meth:`wait_for` or :meth:`follow` makes it, and its last caller to leave
    ends it. Each event loop has watchers of its own.

    :param calls: The calls of the AWS connection, which it keeps open.
    """

    _watchers: ClassVar[dict[Calls, ImportJobWatcher]] = {}

    def __init__(self, calls: Calls) -> None:
        calls.enter()
        self._calls = calls
        self._loop = calls.loop
        self._knowledge_bases: dict[str, Waits] = {}
        self._histories: dict[str, History] = {}
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def _of(cls, connection: Connects) -> ImportJobWatcher:
        """Return the watcher of `connection` in the running event loop."""
        for ended in [calls for calls in cls._watchers if calls.loop.is_closed()]:
            del cls._watchers[ended]
        calls = Calls.of(connection)
        if calls not in cls._watchers:
            cls._watchers[calls] = cls(calls)
        return cls._watchers[calls]

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
        # Nothing is awaited between these two, so that the watcher cannot close in between.
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

        The first is a whole one. No error ends it: they are logged, one line for each streak, and AWS is asked again.

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

    def fail_all(self, error: WisdomError) -> None:
        """End every wait of this connection with `error`."""
        for knowledge_base in self._knowledge_bases.values():
            knowledge_base.fail_all(error)

    def add(self, knowledge_base_id: str, wait: Wait) -> None:
        """Begin to look at the job that is waited for."""
        if knowledge_base_id not in self._knowledge_bases:
            self._knowledge_bases[knowledge_base_id] = Waits(knowledge_base_id, self._calls, self.fail_all)
        self._knowledge_bases[knowledge_base_id].add(wait)
        self._watch_deadline(wait.deadline + GRACE)

    def remove(self, knowledge_base_id: str, wait: Wait) -> None:
        """Forget a wait, and all that was there for it alone."""
        if self._loop.is_closed():
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
            history = self._histories[knowledge_base_id] = History(knowledge_base_id, self._calls)
        history.add(follower)

    def remove_follower(self, knowledge_base_id: str, follower: Follower) -> None:
        """Forget a follower, and all that was there for it alone."""
        if self._loop.is_closed():
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
        self._timer = self._loop.call_at(late, self._end_late_waits)

    def _end_late_waits(self) -> None:
        self._timer = None
        now = self._loop.time()
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
        if self._knowledge_bases or self._histories:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._watchers.pop(self._calls, None) is self:
            self._calls.leave()
