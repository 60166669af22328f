"""Those who follow all import jobs of a knowledge base, and the task that reads the list of them for all together."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_wisdom.cadence import Patience
from airflow_wisdom.hooks.calls import detached
from airflow_wisdom.model.endings import NEVER, OVERLAP, has_ended

if TYPE_CHECKING:
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.calls import Calls
    from airflow_wisdom.model.import_job import ImportJob

log = logging.getLogger(__name__)

WHOLE_EVERY = 600.0
"""Seconds after which the whole list is read again, although its beginning seems to be enough."""

CLIENT_FOR = 600.0
"""Seconds after which a new client is made, so that an Airflow connection that was changed is taken up.

Who follows may do so for months.
"""

FINAL_PAUSE = 60.0
"""Seconds for which AWS is left alone after an error that no waiting cures, but a user may."""

SHARE = 0.2
"""Share of the calls per second that reading one list may take, however long it is."""


@dataclass(frozen=True)
class Look:
    """What one look at the list of a knowledge base's import jobs showed.

    :param jobs: The jobs, in AWS's order, without their presigned URLs.
    :param whole: Whether these are all that there are; else, all that may have changed since the look before.
    """

    jobs: list[ImportJob]
    whole: bool


@dataclass(eq=False)
class Follower:
    """Somebody who follows the import jobs of a knowledge base.

    :param interval: Seconds between two looks, at most.
    """

    interval: float
    looks: asyncio.Queue[Look] = field(default_factory=asyncio.Queue)
    has_seen_all: bool = False


class History:
    """The followers of one knowledge base, and the task that reads its list of import jobs.

    AWS does not document the order of the list. Where a whole look finds it newest first, the following looks read only
    as far as something may have changed; where it does not, each reads all.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param calls: What makes the calls.
    """

    def __init__(self, knowledge_base_id: str, calls: Calls) -> None:
        self.id = knowledge_base_id
        self.followers: list[Follower] = []
        self._calls = calls
        doing = f"Import jobs of knowledge base {self.id} cannot be listed"
        self._patience = Patience(log, doing, lasting_pause=FINAL_PAUSE)
        self._changed = asyncio.Event()
        self._newest_first = False
        self._newest = NEVER
        self._running: set[str] = set()
        self._whole_at = 0.0
        self._client_until = self._now() + CLIENT_FOR
        self.task = detached(self._run())

    def add(self, follower: Follower) -> None:
        """Begin to notify a follower; the next look is for it, at once, and a whole one."""
        self.followers.append(follower)
        self._changed.set()

    async def _run(self) -> None:
        hook = None
        while True:
            try:
                if not self._patience.is_tried and self._now() >= self._client_until:
                    self._calls.forget_hook(hook)
                    self._client_until = self._now() + CLIENT_FOR
                hook = await self._calls.hook()
                pause = self._pause(await self._look(hook))
            except Exception as exc:  # noqa: BLE001 - nobody would come and start it again
                pause = self._trouble(exc, hook)
            await self._leave_alone(pause)

    async def _look(self, hook: WisdomHook) -> int:
        """Look once, notify the followers, and return how many calls it took."""
        self._changed.clear()
        everything = self._must_be_whole()
        followers = list(self.followers)
        pages = hook.import_job_pages(self.id)
        jobs: list[ImportJob] = []
        calls, last = 0, False
        while not last and (everything or not self._is_far_enough(jobs)):
            page = await self._calls.call(next, pages, None)
            calls, last = calls + 1, page is None
            jobs += page or []
        self._learn(jobs, whole=last)
        self._tell(followers, Look(jobs, whole=last))
        return calls

    def _must_be_whole(self) -> bool:
        newcomers = any(not follower.has_seen_all for follower in self.followers)
        return newcomers or not self._newest_first or self._now() >= self._whole_at

    def _is_far_enough(self, jobs: list[ImportJob]) -> bool:
        """Whether reading on can show nothing new: what comes is older than what may turn up late, and has ended."""
        if not jobs or self._running - {job.import_job_id for job in jobs}:
            return False
        return _created(jobs[-1]) < self._newest - OVERLAP

    def _learn(self, jobs: list[ImportJob], *, whole: bool) -> None:
        if self._patience.is_tried:
            log.info("The import jobs of knowledge base %s can be listed again", self.id)
        self._patience.succeeded()
        created = [_created(job) for job in jobs]
        self._newest = max([self._newest, *created])
        self._running = {job.import_job_id for job in jobs if not has_ended(job)}
        if whole:
            self._newest_first = created == sorted(created, reverse=True)
            self._whole_at = self._now() + WHOLE_EVERY

    def _tell(self, followers: list[Follower], look: Look) -> None:
        for follower in followers:
            if look.whole or follower.has_seen_all:
                follower.has_seen_all = True
                follower.looks.put_nowait(look)

    def _pause(self, calls: int) -> float:
        interval = min((follower.interval for follower in self.followers), default=0.0)
        return max(interval, calls / (self._calls.calls_per_second * SHARE))

    def _trouble(self, error: Exception, hook: WisdomHook | None) -> float:
        """Return for how long to leave AWS alone after an error."""
        if not getattr(error, "transient", False):
            # Once somebody has fixed the connection or the permissions, a new client knows.
            self._calls.forget_hook(hook)
        return self._patience.endure(error)

    async def _leave_alone(self, pause: float) -> None:
        """Wait, but not on while somebody new is to be notified; the budget is kept in any case."""
        if self._patience.is_tried:
            await asyncio.sleep(pause)
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), pause)
        if not self.followers:
            # `asyncio.wait_for` swallows a cancellation that comes in the moment its event is set.
            raise asyncio.CancelledError

    def _now(self) -> float:
        return self._calls.loop.time()


def _created(job: ImportJob) -> float:
    return job.created_time.timestamp() if job.created_time else NEVER
