"""What quick responses a knowledge base has, read with as few calls as can be."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_wisdom.cadence import Cadence
from airflow_wisdom.exceptions import ResourceNotFoundError, WisdomError
from airflow_wisdom.hooks.calls import Calls
from airflow_wisdom.runs.limit import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.connection import Connects
    from airflow_wisdom.model.quick_response import QuickResponse
    from airflow_wisdom.runs.limit import Limit

    Page = tuple[list[QuickResponse], str | None]

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Calls that are under way or wait for their turn at once."""

MOST_PAGES = 1_000
"""Pages after which a list is not read on: AWS allows 1,000 quick responses, or more on request; not 100,000."""

MOST_LOOKS = 10_000
"""Looks at changes in progress after which they are taken as they are."""


def everything(
    connection: Connects, knowledge_base_id: str, limit: Limit, patience: float = math.inf
) -> list[QuickResponse]:
    """Return every quick response of a knowledge base, whole, once none is being changed any more.

    :param connection: How AWS is reached.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param limit: Until when.
    :param patience: As for :class:`Inventory`.
    """

    async def read() -> list[QuickResponse]:
        with Calls.of(connection).kept() as calls:
            return await Inventory(calls, knowledge_base_id, limit, patience).everything()

    return asyncio.run(read())


class Inventory:
    """Reads the quick responses of one knowledge base.

    A list shows which there are, with status and time; a search shows their values. Only where a search lacks one, or
    shows another time than the list, is it read alone.

    :param calls: What makes the calls.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param limit: Until when.
    :param patience: Seconds after which what is still being changed is taken as it is. Default: it is waited for.
    """

    def __init__(self, calls: Calls, knowledge_base_id: str, limit: Limit, patience: float = math.inf) -> None:
        self._calls = calls
        self._id = knowledge_base_id
        self._limit = limit
        self._patient_until = time.time() + patience
        self._cadence = Cadence(floor=0.5, ceiling=10.0)

    async def everything(self) -> list[QuickResponse]:
        """Return every quick response, whole, once none is being changed any more."""
        found, listed = await asyncio.gather(self._searched(), self._settled_list())
        return await self._whole(listed, found)

    async def some(self, ids: Iterable[str]) -> dict[str, QuickResponse]:
        """Return some quick responses, whole, once they are not being changed; those that are gone are left out.

        :param ids: Their ids.
        """
        room = asyncio.Semaphore(AT_ONCE)

        async def one(quick_response_id: str) -> QuickResponse | None:
            async with room:
                return await self._settled(quick_response_id)

        found = await asyncio.gather(*map(one, ids))
        return {item.quick_response_id: item for item in found if item is not None}

    async def _searched(self) -> dict[str, QuickResponse]:
        found = await self._pages(lambda hook, token: hook.search_page(self._id, token))
        return {item.quick_response_id: item for item in found}

    async def _settled_list(self) -> list[QuickResponse]:
        for look in range(MOST_LOOKS):
            listed = await self._pages(lambda hook, token: hook.quick_response_page(self._id, token))
            if not any(item.is_in_progress for item in listed) or self._is_out_of_patience:
                return listed
            if look == 0:
                log.info("Quick responses are being changed; waiting until they are not")
            await self._pause(look)
        return listed

    async def _whole(self, listed: list[QuickResponse], found: dict[str, QuickResponse]) -> list[QuickResponse]:
        known, unknown = [], []
        for item in listed:
            shown = found.get(item.quick_response_id)
            is_fresh = shown is not None and shown.last_modified_time == item.last_modified_time
            if shown is not None and is_fresh and shown.status == item.status:
                # A tag changes no time, and the list shows it at once.
                known.append(replace(shown, tags=item.tags))
            else:
                unknown.append(item.quick_response_id)
        return [*known, *(await self.some(unknown)).values()]

    async def _settled(self, quick_response_id: str) -> QuickResponse | None:
        def read(hook: WisdomHook) -> QuickResponse | None:
            try:
                return hook.get_quick_response(self._id, quick_response_id)
            except ResourceNotFoundError:
                return None

        for look in range(MOST_LOOKS):
            item = await ask(self._calls, read, self._limit)
            if item is None or not item.is_in_progress or self._is_out_of_patience:
                return item
            await self._pause(look)
        return item

    @property
    def _is_out_of_patience(self) -> bool:
        return time.time() >= self._patient_until

    async def _pause(self, look: int) -> None:
        self._limit.check(None)
        # The longer it takes, the rarer the looks.
        await asyncio.sleep(min(self._cadence.interval(2.0 * look), self._limit.left()))

    async def _pages(self, page: Callable[[WisdomHook, str | None], Page]) -> list[QuickResponse]:
        found: list[QuickResponse] = []
        token: str | None = None
        for _ in range(MOST_PAGES):
            some, token = await ask(self._calls, lambda hook, token=token: page(hook, token), self._limit)  # type: ignore[misc]
            found += some
            if token is None:
                return found
        raise WisdomError(f"The list of quick responses does not end after {MOST_PAGES:,} pages")
