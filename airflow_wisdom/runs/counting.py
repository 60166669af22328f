"""How far a run has got, counted for whoever looks at it while it runs, such as the page in Airflow's UI."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from airflow_wisdom.model.knowledge_base import short_id
from airflow_wisdom.runs.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_wisdom.exceptions import WisdomError
    from airflow_wisdom.runs.changes import ChangeEnd
    from airflow_wisdom.runs.plan import SyncPlan

log = logging.getLogger(__name__)

XCOM_KEY = "wisdom_progress"
"""Key under which it is stored while a task runs."""

PAUSE = 5.0
"""Seconds between two reports, at least, unless much has happened meanwhile."""

REPORTS = 20
"""Reports of a run that are made however fast it is: nobody makes up for one that is left out."""


class Counting(Progress):
    """Counts import jobs or changes as they end, and reports the numbers: the first and the last, and some between.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param report: Called with the numbers, JSON primitives. Whatever it raises is not worth failing for.
    """

    def __init__(self, knowledge_base_id: str, report: Callable[[dict[str, Any]], object]) -> None:
        self._report = report
        self._members: dict[str, Any] = {"knowledgeBaseId": short_id(knowledge_base_id), "failed": 0}
        self._told = 0
        self._next = 0.0

    @classmethod
    def of_task(cls, task: Any, context: Mapping[str, Any]) -> Progress:
        """Return what pushes the numbers of a task to XCom; what ignores them, if it is to push none.

        :param task: The task, which has a knowledge base and perhaps an instance.
        :param context: The context in which it runs.
        """
        if not task.do_xcom_push:
            return Progress()
        return cls(task.find_knowledge_base(), lambda members: context["ti"].xcom_push(key=XCOM_KEY, value=members))

    def advanced(self, ended: int, total: int, rows_ended: int, rows_total: int) -> None:
        """Report how far the import jobs have got."""
        rows = {"rowsTotal": rows_total, "rowsEnded": rows_ended} if rows_total else {}
        self._count("jobs", ended, total, **rows)

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:  # noqa: ARG002 - as it is called
        """Count a job that failed."""
        self._members["failed"] += error is not None

    def not_started(self, place: str, error: WisdomError) -> None:  # noqa: ARG002 - as it is called
        """Count a job that could not be started."""
        self._members["failed"] += 1

    def compared(self, plan: SyncPlan) -> None:
        """Report how much there is to do."""
        self._count("changes", 0, len(plan.changes))

    def applied(self, end: ChangeEnd) -> None:
        """Count a change that has ended."""
        self._members["failed"] += end.error is not None
        self._count("changes", self._members["ended"] + 1, self._members["total"])

    def _count(self, unit: str, ended: int, total: int, **rows: int) -> None:
        self._members |= {"unit": unit, "ended": ended, "total": total, **rows}
        now = time.monotonic()
        if 0 < ended < total and now < self._next and ended - self._told < total / REPORTS:
            return
        self._told, self._next = ended, now + PAUSE
        try:
            self._report(dict(self._members))
        except Exception as exc:  # noqa: BLE001 - a run is worth more than a look at it
            log.debug("How far the run has got is not reported: %r", exc)
