"""Makes the changes of a plan: several calls at once, each after those that it depends on."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import (
    AccessDeniedError,
    ConflictError,
    ResourceNotFoundError,
    ServiceQuotaExceededError,
    WisdomError,
)
from airflow_wisdom.model.quick_response import differences
from airflow_wisdom.runs.changes import Change, ChangeEnd, shown
from airflow_wisdom.runs.inventory import AT_ONCE, Inventory
from airflow_wisdom.runs.limit import ask
from airflow_wisdom.runs.progress import now_and_then
from airflow_wisdom.runs.steps import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.calls import Calls
    from airflow_wisdom.model.quick_response import QuickResponse
    from airflow_wisdom.runs.limit import Limit
    from airflow_wisdom.runs.progress import Progress
    from airflow_wisdom.runs.steps import Step

log = logging.getLogger(__name__)


class Applier:
    """Makes the changes of a plan.

    :param calls: What makes the calls.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param limit: Until when.
    :param progress: Who is notified.
    """

    def __init__(self, calls: Calls, knowledge_base_id: str, limit: Limit, progress: Progress) -> None:
        self._calls = calls
        self._id = knowledge_base_id
        self._limit = limit
        self._progress = progress
        self._inventory = Inventory(calls, knowledge_base_id, limit)
        self._stopped_by: WisdomError | None = None
        self._is_full: ServiceQuotaExceededError | None = None
        self._failed: set[Step] = set()
        self._created = 0

    async def apply(self, changes: Sequence[Change], there: Iterable[QuickResponse]) -> list[ChangeEnd]:
        """Make the changes, and return how each ended, in order.

        :param changes: The changes.
        :param there: Every quick response of the knowledge base.
        """
        ends = {id(change): ChangeEnd(change, change.quick_response_id, _blocked(change)) for change in changes}
        possible = [change for change in changes if change.held_by is None]
        for change in changes:
            if change.held_by is not None:
                self._progress.applied(ends[id(change)])
        steps = steps_of(possible, there)
        # Each of an event loop's own.
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        left = Counter(id(step.change) for step in steps)
        for step in steps:
            self._tasks[id(step)] = asyncio.create_task(self._told(step, ends[id(step.change)], left))
        with now_and_then(lambda: self._progress.waiting(_so_far(left))):
            await asyncio.gather(*self._tasks.values())
        for end in ends.values():
            if isinstance(end.error, ServiceQuotaExceededError):
                end.error = self._full(end.error)
        return list(ends.values())

    def _full(self, error: ServiceQuotaExceededError) -> ServiceQuotaExceededError:
        """Say how many fitted: that is known only now."""
        return ServiceQuotaExceededError(
            f"The knowledge base is full: {self._created:,} new quick responses fitted. {error.message}",
            code=error.code,
            operation=error.operation,
            request_id=error.request_id,
            http_status=error.http_status,
            where=error.where,
        )

    async def _told(self, step: Step, end: ChangeEnd, left: Counter[int]) -> None:
        await self._one(step, end)
        left[id(step.change)] -= 1
        if not left[id(step.change)]:
            self._progress.applied(end)

    async def _one(self, step: Step, end: ChangeEnd) -> None:
        for need in step.needs:
            await self._tasks[id(need)]
        async with self._room:
            try:
                # Of the steps before, AWS has answered all.
                end.asked = 0
                self._check(step, end)
                await self._do(step, end)
                await self._settle(step, end)
            except WisdomError as exc:
                self._failed.add(step)
                end.fail(exc)
                if isinstance(exc, AccessDeniedError):
                    # No other call would fare better.
                    self._stopped_by = exc

    async def _settle(self, step: Step, end: ChangeEnd) -> None:
        """Wait until others can have the name that a change has freed: it is taken while the change is in progress."""
        if not (step.is_needed and step.quick_response_id):
            return
        try:
            await self._inventory.some([step.quick_response_id])
        except WisdomError as exc:
            end.lose(exc)
            raise

    def _check(self, step: Step, end: ChangeEnd) -> None:
        if end.error is not None:
            raise end.error
        if self._stopped_by is not None:
            end.is_consequence = True
            raise WisdomError(f"Not tried, because of an error before: {self._stopped_by}")
        if self._is_full is not None and step.verb == "create":
            raise self._is_full
        failed = next((need for need in step.needs if need in self._failed), None)
        if failed is not None:
            end.is_consequence = True
            raise WisdomError(f"Not tried, because {shown(failed.change.name)} could not be changed before")

    async def _do(self, step: Step, end: ChangeEnd) -> None:
        if step.verb == "create":
            await self._create(step, end)
        elif step.verb == "update":
            await self._update(step, end)
        elif step.verb == "delete":
            await self._delete(step, end)
        else:
            await self._tag(step, end)

    async def _create(self, step: Step, end: ChangeEnd) -> None:
        # The same for each time that this is sent, another for each plan: what was deleted is created again.
        token = str(uuid.uuid4())

        def create(hook: WisdomHook) -> QuickResponse:
            end.asked += 1
            return hook.create_quick_response(self._id, step.values, tags=step.change.tags, client_token=token)

        try:
            made = await ask(self._calls, create, self._limit, "Creating a quick response again")
            self._created += 1
        except ConflictError as exc:
            holder = await self._holder_as_wanted(step, exc)
            if holder is None:
                raise
            made = holder
        except ServiceQuotaExceededError as exc:
            # No other one would fit, either.
            self._is_full = exc
            raise
        end.quick_response_id, end.knowledge_base_arn = made.quick_response_id, made.knowledge_base_arn

    async def _update(self, step: Step, end: ChangeEnd) -> None:
        def update(hook: WisdomHook) -> QuickResponse:
            end.asked += 1
            return hook.update_quick_response(self._id, str(step.quick_response_id), step.values)

        try:
            await ask(self._calls, update, self._limit, "Updating a quick response again")
        except ConflictError as exc:
            end.refused(exc)
            if await self._holder_as_wanted(step, exc) is None:
                # Somebody else was changing it, and no longer is.
                await ask(self._calls, update, self._limit)

    async def _delete(self, step: Step, end: ChangeEnd) -> None:
        def delete(hook: WisdomHook) -> None:
            end.asked += 1
            hook.delete_quick_response(self._id, str(step.quick_response_id))

        try:
            await ask(self._calls, delete, self._limit, "Deleting a quick response again")
        except ResourceNotFoundError:
            log.info("Quick response %s is gone already", step.quick_response_id)
        except ConflictError as exc:
            end.refused(exc)
            # It is being changed: perhaps deleted, by a call whose answer was lost.
            if await self._inventory.some([str(step.quick_response_id)]):
                await ask(self._calls, delete, self._limit)

    async def _tag(self, step: Step, end: ChangeEnd) -> None:
        arn = str(step.change.arn)

        def tag(hook: WisdomHook) -> None:
            end.asked += 1
            if step.verb == "tag":
                hook.tag_resource(arn, step.change.tags)
            else:
                hook.untag_resource(arn, step.change.untag)

        await ask(self._calls, tag, self._limit, "Tagging a quick response again")

    async def _holder_as_wanted(self, step: Step, error: ConflictError) -> QuickResponse | None:
        """Return who has the name or shortcut key and is as wanted already; None if nobody has them.

        :raises ConflictError: It is not as wanted: this says who it is.
        """
        wanted = step.values
        for item in await self._inventory.everything():
            taken = [name for name in ("name", "shortcutKey") if wanted.get(name) and item.values[name] == wanted[name]]
            if not taken or item.is_gone:
                continue
            if not differences(item.values, {**step.change.new, **wanted}):
                log.info('"%s" is as wanted already: somebody else has made it so', item.name)
                return item
            if item.quick_response_id != step.quick_response_id:
                raise ConflictError(
                    f"{' and '.join(taken)} of {shown(step.change.name)} belong to {shown(item.name)}: {error.message}",
                    code=error.code,
                    operation=error.operation,
                    where={"knowledge_base_id": self._id, "quick_response_id": item.quick_response_id},
                ) from error
        return None


def _so_far(left: Mapping[int, int]) -> str:
    done = sum(not steps for steps in left.values())
    return f"{done:,} of {len(left):,} changes are made"


def _blocked(change: Change) -> WisdomError | None:
    if change.held_by is None:
        return None
    return WisdomError(
        f"Its name or shortcut key belongs to {shown(change.held_by)}, which the table does not change; rename one of "
        "them"
    )
