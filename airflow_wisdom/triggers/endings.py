"""The trigger that reports every import job of a knowledge base that ends, for schedules that wait for events."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import deque
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_wisdom.exceptions import EndpointError
from airflow_wisdom.triggers.base import AwsTrigger
from airflow_wisdom.values import duration

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
    from datetime import timedelta

    from airflow_wisdom.model.endings import Endings
    from airflow_wisdom.model.import_job import ImportJob

log = logging.getLogger(__name__)

SETTLING = 3.0
"""Seconds after an event until it counts as reported: by then Airflow has written it to its database.

Before, a trigger that is stopped reports it again. The other way round, it might never be reported.
"""

KEPT = 3600.0
"""Seconds for which a triggerer remembers what a trigger that was stopped had reported."""

RESTARTS, WITHIN = 3, 600.0
"""So many restarts within so many seconds are more than people cause."""


@dataclass
class Past:
    """What the triggers of the same parameters have reported in this triggerer: the one that runs, those before it.

    :param memory: What the next one goes on from; None as long as nothing is known.
    """

    memory: dict[str, Any] | None = None
    running: int = 0
    left_at: float = 0.0
    warned_at: float = float("-inf")
    starts: deque[float] = field(default_factory=lambda: deque(maxlen=RESTARTS + 1))

    @contextmanager
    def continued(self, clock: Callable[[], float]) -> Iterator[None]:
        """Note that a trigger runs as long as the block lasts.

        :param clock: Where the seconds come from.
        """
        self.starts.append(clock())
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self.left_at = clock()

    def is_over(self, now: float) -> bool:
        """Return whether the last trigger was stopped so long ago that the next one begins from scratch.

        :param now: Seconds.
        """
        return not self.running and now - self.left_at > KEPT

    def is_restless(self, now: float) -> bool:
        """Return whether triggers are started again and again, unless that was said not long ago.

        :param now: Seconds.
        """
        is_restless = len(self.starts) > RESTARTS and now - self.starts[0] <= WITHIN
        if not is_restless or now - self.warned_at < KEPT:
            return False
        self.warned_at = now
        return True


class WisdomEndingsTrigger(AwsTrigger, BaseEventTrigger):
    """Fires an event for each import job of a knowledge base that ends, whoever started it; for an ``AssetWatcher``.

    It never ends, and no error ends it: what AWS refuses is logged, and asked for again. All that watch a knowledge
    base over one AWS connection share their calls, with those who wait for single jobs there as well.

    Each ending is reported once. Airflow may stop the trigger and start it again at any time, as where another DAG file
    names the asset without its watchers: another trigger of the same parameters in the same triggerer goes on where it
    was, for an hour. On Airflow 3.3, what was reported is also kept in the state store of the asset, so that a restart
    of the triggerer loses none, however long it takes. Before 3.3, and where one trigger watches several assets, each
    start of the triggerer begins from scratch, see `catch_up`. An ending that was reported less than :data:`SETTLING`
    seconds before the trigger was stopped is reported again, as Airflow may have dropped the event.

    The event's payload is a dict of JSON primitives, never with a presigned URL, which
    :func:`~airflow_wisdom.assets.imports_of` reads.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param statuses: Which endings are reported, in AWS's words, such as ``["COMPLETE"]``. Default: every one. A job
        that is deleted while it runs ends as well, and so does one that was deleted before its end was seen.
    :param catch_up: Seconds, or a timedelta: where nothing is known of earlier, how long ago jobs may have ended to be
        reported. More than the longest pause of the triggerer loses no ending on Airflow before 3.3 either, but reports
        some again after a restart. Default 0: only what ends from then on.
    :param poll_interval: Seconds, or a timedelta, between two looks at the list of jobs, at most. Default 10.

    How AWS is reached: as for :class:`~airflow_wisdom.triggers.base.AwsTrigger`.

    :raises ValueError: There is no such status of a job that has ended, a duration is too short, or there is no
        `knowledge_base_id`.
    """

    _pasts: ClassVar[dict[tuple[asyncio.AbstractEventLoop, str], Past]] = {}

    def __init__(
        self,
        *,
        knowledge_base_id: str,
        statuses: Sequence[str] | None = None,
        catch_up: timedelta | float = 0.0,
        poll_interval: timedelta | float = 10.0,
        **aws: Any,
    ) -> None:
        super().__init__(**aws)
        self.knowledge_base_id = knowledge_base_id
        self.statuses = None if statuses is None else sorted(statuses)
        self.catch_up = duration("catch_up", catch_up) if catch_up else 0.0
        self.poll_interval = duration("poll_interval", poll_interval)
        self._check()

    def _check(self) -> None:
        # Here, unlike in operators: nothing is a template, and the triggerer would start what is wrong again and again.
        if not self.knowledge_base_id:
            raise ValueError("knowledge_base_id is needed")
        if self.statuses is not None:
            self._check_statuses(self.statuses)

    @staticmethod
    def _check_statuses(statuses: list[str]) -> None:
        from airflow_wisdom.model.import_job import ImportJobStatus

        known = {status.value for status in ImportJobStatus if not status.is_running}
        if not (statuses and known.issuperset(statuses)):
            raise ValueError(f"statuses must be some of {', '.join(sorted(known))}, not {statuses}")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch, and yield an event for each ending."""
        loop = asyncio.get_running_loop()
        past = self._past(loop)
        with past.continued(loop.time):
            if past.is_restless(loop.time()):
                self._say_restless()
            async with aclosing(self._watch(past)) as events:
                async for event in events:
                    yield event

    def _past(self, loop: asyncio.AbstractEventLoop) -> Past:
        """Return what triggers of the same parameters have reported in this event loop, which is the triggerer's."""
        pasts, now = WisdomEndingsTrigger._pasts, loop.time()
        for key in [key for key, past in pasts.items() if key[0].is_closed() or (key[0] is loop and past.is_over(now))]:
            del pasts[key]
        return pasts.setdefault((loop, json.dumps(self.serialize(), sort_keys=True)), Past())

    def _say_restless(self) -> None:
        log.warning(
            "Airflow has stopped and started the watcher of knowledge base %s %d times within %d minutes. It does so "
            "where another DAG file names the asset without its watchers: create the asset in one module and import it "
            "from there, or name it by Asset.ref(uri=...)",
            self.knowledge_base_id,
            RESTARTS,
            WITHIN / 60,
        )

    async def _watch(self, past: Past) -> AsyncGenerator[TriggerEvent, None]:
        from airflow_wisdom.watcher import ImportJobWatcher

        endings = await self._recall(past)
        saving: set[asyncio.Task[None]] = set()
        follow = ImportJobWatcher.follow(self.connection(), self.knowledge_base_id, interval=self.poll_interval)
        async with aclosing(follow) as looks:
            try:
                async for look in looks:
                    begins = not endings.has_memory
                    news = [job for job in endings.news(look.jobs, whole=look.whole) if self._is_wanted(job)]
                    for job in news:
                        yield self._event(job)
                    if news or begins:
                        self._remember_soon(past, endings.memory(), saving, after=SETTLING if news else 0.0)
            finally:
                for task in saving:
                    task.cancel()

    def _is_wanted(self, job: ImportJob) -> bool:
        return self.statuses is None or job.status in self.statuses

    @staticmethod
    def _event(job: ImportJob) -> TriggerEvent:
        from airflow_wisdom.model.asset_events import LISTED, event_extra, job_members

        about = (job.knowledge_base_id, job.knowledge_base_arn, job.status)
        return TriggerEvent(event_extra(*about, [job_members(job, LISTED)]))

    async def _recall(self, past: Past) -> Endings:
        """Return what was reported before, from the state store of the asset or this triggerer, or a beginning."""
        from airflow_wisdom.cadence import Patience
        from airflow_wisdom.model.endings import Endings

        patience = Patience(log, "The asset's state cannot be read, trying again")
        while True:
            try:
                stored = await self._stored("get")
                # Whatever else is there, nobody has reported anything by it.
                return Endings(stored if isinstance(stored, dict) else past.memory, since=self._since())
            except Exception as exc:  # noqa: BLE001 - beginning without what is there would lose endings
                pause = patience.endure(EndpointError(repr(exc)))
            await asyncio.sleep(pause)

    def _since(self) -> float:
        # Without catching up no clock is asked: the triggerer's may differ from AWS's.
        return time.time() - self.catch_up if self.catch_up else float("inf")

    def _remember_soon(
        self, past: Past, memory: dict[str, Any], saving: set[asyncio.Task[None]], *, after: float
    ) -> None:
        # Not in line: jobs that end meanwhile are not to wait.
        task = asyncio.create_task(self._remember(past, memory, after))
        saving.add(task)
        task.add_done_callback(saving.discard)

    async def _remember(self, past: Past, memory: dict[str, Any], after: float) -> None:
        await asyncio.sleep(after)
        past.memory = memory
        try:
            await self._stored("set", memory)
        except Exception as exc:  # noqa: BLE001 - the next ending is another chance
            log.warning("The asset's state cannot be written; a restart may report some endings again: %r", exc)

    async def _stored(self, verb: str, *value: Any) -> Any:
        """Read or write this trigger's entry in the state store of its asset; None where there is no store."""
        store = getattr(self, "asset_state_store", None)
        if store is None:
            return None
        from asgiref.sync import sync_to_async

        # Airflow 3.3.0 and 3.3.1 have only the methods that block.
        method: Callable[..., Any] = getattr(store, f"a{verb}", None) or sync_to_async(
            getattr(store, verb), thread_sensitive=False
        )
        try:
            return await method(self._key(), *value)
        except ValueError as exc:
            log.warning("Endings are not remembered over a restart: %s", exc)
            self.asset_state_store = None
            return None

    def _key(self) -> str:
        from airflow_wisdom.model.knowledge_base import short_id

        # An ARN ends in the id: either names the same knowledge base.
        identity = [short_id(self.knowledge_base_id), self.statuses]
        return f"airflow_wisdom.endings.{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}"
