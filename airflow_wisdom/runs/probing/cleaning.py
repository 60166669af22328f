"""Removing what a probe has made: what bears its mark, and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import ConflictError, ResourceNotFoundError, WisdomError
from airflow_wisdom.runs.probing.lab import TAG, CannotTell, is_own, pages, prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.runs.probing.lab import Caller

CALLS = 2_000
"""Calls that cleaning up may make, beside those of the questions."""

SECONDS = 900.0
"""How long it may take."""

_PAUSES = (0.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before each round: what is in progress can only be removed once it is not, and is gone only later."""

_BASE = "knowledge base"

_LOOKS = 3
"""How often a knowledge base is looked for whose id nobody knows."""

_GONE = ("DELETED", "DELETE_IN_PROGRESS")
"""Statuses of a knowledge base and of import jobs that need nothing more."""


@dataclass(frozen=True)
class Place:
    """Where a probe has worked.

    :param run: Id of the probe.
    :param knowledge_base_id: Id of the knowledge base; None where it is not known, as when the answer was lost.
    :param is_own: Whether the probe has made it, so that it is removed as well.
    """

    run: str
    knowledge_base_id: str | None
    is_own: bool


def find(call: Caller, run: str) -> str | None:
    """Return the id of the knowledge base that a probe has made, by name and tag; None if there is none.

    :param call: What makes calls.
    :param run: Id of the probe.
    """
    listed = pages(call, lambda hook, token: hook.knowledge_base_page(token))
    named = [each.knowledge_base_id for each in listed if each.name == f"{prefix_of(run)}base"]
    return next((each for each in named if _is_tagged(call, each, run)), None)


def _is_tagged(call: Caller, base: str, run: str) -> bool:
    try:
        return call(lambda hook: hook.get_knowledge_base(base)).tags.get(TAG) == run
    except ResourceNotFoundError:
        # The list lags behind.
        return False


class Cleaner:
    """Removes what a probe has made: round after round, until a round finds nothing of it.

    :param call: What makes calls.
    :param place: Where.
    :param items: Ids of quick responses that were made, as far as they are known: a list may lag behind.
    :param jobs: Ids of import jobs that were started, likewise.
    """

    def __init__(self, call: Caller, place: Place, items: Iterable[str] = (), jobs: Iterable[str] = ()) -> None:
        self._call = call
        self._place = place
        self._known_items = set(items)
        self._known_jobs = set(jobs)
        self._goes_on = False
        self._looks = 1
        self.has_found = False
        """Whether there was anything to remove."""
        self.left = [self._everything("the clean-up did not get so far")]

    def clean(self) -> list[str]:
        """Remove it all, and return what is left, in words; empty if nothing is."""
        for pause in _PAUSES:
            time.sleep(pause)
            self._goes_on = False
            try:
                self.left = self._round()
            except (CannotTell, WisdomError) as exc:
                self.left = [self._everything(exc)]
                self._goes_on = getattr(exc, "transient", False)
            if not self._goes_on:
                break
        if self.left and self._place.is_own and self._place.knowledge_base_id:
            self._try_base_alone(self._place.knowledge_base_id)
        return self.left

    def _everything(self, why: object) -> str:
        return f"whatever is named {prefix_of(self._place.run)}*: {why}"

    def _round(self) -> list[str]:
        """Ask for the removal of what there is; return what there was, with the reasons why it may still be there."""
        base = self._place.knowledge_base_id
        if base is None:
            found = find(self._call, self._place.run)
            if found is None:
                # A list may lag behind, and the answer of its creation was lost.
                self._goes_on, self._looks = self._looks < _LOOKS, self._looks + 1
                return []
            base = found
        try:
            left = [*self._remove_items(base), *self._remove_jobs(base)]
        except ResourceNotFoundError:
            return []
        return left if left or not self._place.is_own else self._remove_base(base)

    def _remove_items(self, base: str) -> list[str]:
        listed = pages(self._call, lambda hook, token: hook.quick_response_page(base, token))
        mine = {item.quick_response_id for item in listed if is_own(item, self._place.run) and not item.is_gone}
        found, self._known_items = mine | self._known_items, set()
        return [self._removed(f"quick response {which}", partial(_delete_item, base, which)) for which in sorted(found)]

    def _remove_jobs(self, base: str) -> list[str]:
        def page(hook: WisdomHook, token: str | None) -> tuple[list[ImportJob], str | None]:
            return hook.import_job_page(base, token)

        mine = [job for job in pages(self._call, page) if job.metadata.get(TAG) == self._place.run]
        over = {job.import_job_id for job in mine if job.status in _GONE}
        found = ({job.import_job_id for job in mine} | self._known_jobs) - over
        self._known_jobs = set()
        return [self._removed(f"import job {which}", partial(_delete_job, base, which)) for which in sorted(found)]

    def _remove_base(self, base: str) -> list[str]:
        """Remove the knowledge base, unless it is going already."""
        try:
            status = self._call(lambda hook: hook.get_knowledge_base(base)).status
        except ResourceNotFoundError:
            return []
        if status in _GONE:
            return []
        return [self._removed(f"{_BASE} {base}", lambda hook: hook.delete_knowledge_base(base))]

    def _try_base_alone(self, base: str) -> None:
        """Remove the knowledge base with what is left in it."""
        others = [each for each in self.left if not each.startswith(_BASE)]
        try:
            still = self._remove_base(base) and self._remove_base(base)
        except (CannotTell, WisdomError):
            return
        self.left = [*still, *others] if still else []

    def _removed(self, what: str, function: Callable[[WisdomHook], None]) -> str:
        """Ask for the removal of something, and return in words what it is, and whether AWS objects."""
        self.has_found = True
        try:
            self._call(function)
        except ResourceNotFoundError:
            # One that was just made may show later, and one that is listed may be gone already.
            self._goes_on = True
            return f"{what}: AWS does not find it"
        except WisdomError as exc:
            # What is in progress, import jobs above all, can be removed once it is not.
            self._goes_on = self._goes_on or exc.transient or isinstance(exc, ConflictError)
            return f"{what}: {exc}"
        self._goes_on = True
        return f"{what}: its removal goes on"


def _delete_item(base: str, item: str, hook: WisdomHook) -> None:
    hook.delete_quick_response(base, item)


def _delete_job(base: str, job: str, hook: WisdomHook) -> None:
    hook.delete_import_job(base, job)
