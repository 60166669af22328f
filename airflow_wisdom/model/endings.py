"""Which import jobs have ended, each reported once, also after a restart. Pure: no Airflow, no boto3, no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import UnknownImportJobStatusError
from airflow_wisdom.model.import_job import ImportJobStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_wisdom.model.import_job import ImportJob

OVERLAP = 3600.0
"""Seconds by which a job may turn up in a list later than jobs that were created after it, and still be reported."""

NEVER = float("-inf")


class Endings:
    """Tells, from looks at a knowledge base's jobs, which of them have ended since, each one once.

    What it remembers stays small however long the history is: of the jobs that were created before a *floor*, which is
    :data:`OVERLAP` before the newest, the few that have not ended, and of the others those that have. Only times of
    AWS's clock are compared with each other.

    :param memory: What :meth:`memory` of an earlier one returned. Default: none, so that the first look is what
        everything later is compared with.
    :param since: POSIX time: without a memory, jobs that ended after it are reported by the first look. Default: none
        of them is.
    """

    def __init__(self, memory: Mapping[str, Any] | None = None, *, since: float = float("inf")) -> None:
        self.has_memory = memory is not None
        memory = memory or {}
        floor = memory.get("floor")
        self._floor: float = NEVER if floor is None else floor
        self._open: set[str] = set(memory.get("open", ()))
        self._over: dict[str, float] = dict(memory.get("over", {}))
        self._missing: set[str] = set()
        self._since = since

    def news(self, jobs: Iterable[ImportJob], *, whole: bool) -> list[ImportJob]:
        """Return the jobs that have ended and were not reported yet, in the order in which they ended.

        :param jobs: The jobs that a look showed.
        :param whole: Whether it showed all that there are. The first look has to be a whole one.
        """
        jobs = list({job.import_job_id: job for job in jobs}.values())
        fresh = [job for job in jobs if self._note(job)]
        if not self.has_memory:
            self.has_memory = True
            fresh = [job for job in fresh if _changed(job) >= self._since]
        if whole:
            self._forget_the_vanished({job.import_job_id for job in jobs})
        self._raise_floor(max(map(_created, jobs), default=NEVER))
        return sorted(fresh, key=_changed)

    def memory(self) -> dict[str, Any]:
        """Return what another one, made with it, goes on from: JSON primitives."""
        return {
            "floor": None if self._floor == NEVER else self._floor,
            "open": sorted(self._open),
            "over": dict(self._over),
        }

    def _note(self, job: ImportJob) -> bool:
        """Note how a job stands, and return whether its end is news."""
        name, created = job.import_job_id, _created(job)
        if not has_ended(job):
            if name not in self._over:
                self._open.add(name)
            return False
        known = name in self._over or (created < self._floor and name not in self._open)
        self._open.discard(name)
        # Also below the floor: the next look shows it again before the floor has passed it.
        self._over[name] = created
        return not known

    def _forget_the_vanished(self, listed: set[str]) -> None:
        # A job may slip through between two pages while the list changes: it takes two looks to be gone.
        missing = self._open - listed
        self._open -= missing & self._missing
        self._missing = missing

    def _raise_floor(self, newest: float) -> None:
        self._floor = max(self._floor, newest - OVERLAP)
        self._over = {name: created for name, created in self._over.items() if created >= self._floor}


def has_ended(job: ImportJob) -> bool:
    """Tell whether an import job has ended, well or not; in a status that this version does not know, it has not."""
    try:
        return not ImportJobStatus(job.status).is_running
    except UnknownImportJobStatusError:
        return False


def _created(job: ImportJob) -> float:
    return job.created_time.timestamp() if job.created_time else NEVER


def _changed(job: ImportJob) -> float:
    return job.last_modified_time.timestamp() if job.last_modified_time else NEVER
