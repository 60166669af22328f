"""Who is notified of what a run does, as it does it: the log, or whoever asked for it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from typing import TYPE_CHECKING

from airflow_wisdom.cadence import FIRST_WORD
from airflow_wisdom.model.import_job import iso
from airflow_wisdom.redaction import redact
from airflow_wisdom.runs.manifest import differing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_wisdom.exceptions import WisdomError
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.rows.mistake import Doubts, Mistake
    from airflow_wisdom.runs.account import Account
    from airflow_wisdom.runs.changes import ChangeEnd
    from airflow_wisdom.runs.manifest import Manifest
    from airflow_wisdom.runs.plan import SyncPlan

log = logging.getLogger(__name__)

LINES_OF_A_PLAN = 60
"""Lines of a plan that go to the log."""


class Progress:
    """Is notified of what a run does, as it does it. This one ignores it all, and is what others derive from."""

    def planned(self, manifest: Manifest) -> None:
        """Take note that all rows are judged, and nothing was sent.

        :param manifest: What is going to be imported.
        """

    def rejected(self, source: str, mistakes: Sequence[Mistake]) -> None:
        """Take note of the first rows of a source that are invalid.

        :param source: What the source is called.
        :param mistakes: What is wrong with them, as far as it is shown.
        """

    def doubted(self, source: str, doubts: Doubts) -> None:
        """Take note of what in the valid rows of a source may be meant, or a mistake.

        :param source: What the source is called.
        :param doubts: What it is.
        """

    def left_empty(self, source: str, rows: int, cells: int) -> None:
        """Take note of what in a source means nothing.

        :param source: What the source is called.
        :param rows: Rows with nothing in them, which are left out.
        :param cells: Cells that are sent as empty, because of `null_values`.
        """

    def stocked(self, manifest: Manifest) -> None:
        """Take note of which rows are already there, as a task sees that a user has cleared.

        :param manifest: What is left to import.
        """

    def uploaded(self, number: int, total: int) -> None:
        """Take note that a file is uploaded.

        :param number: Its place among the files, from 1.
        :param total: How many files there are.
        """

    def found(self, job: ImportJob) -> None:
        """Take note that a job was started by an earlier try, and is not started again.

        :param job: The import job.
        """

    def deferred(self, manifest: Manifest, deadline: float) -> None:
        """Take note that the task defers: a trigger starts the jobs and waits for them.

        :param manifest: What is being imported.
        :param deadline: POSIX time at which starting and waiting end.
        """

    def started(self, import_job_id: str, place: str) -> None:
        """Take note that a job runs.

        :param import_job_id: Its id.
        :param place: Which part of the source it imports, in words.
        """

    def not_started(self, place: str, error: WisdomError) -> None:
        """Take note that a job could not be started.

        :param place: Which part of the source it was to import, in words.
        :param error: Why.
        """

    def advanced(self, ended: int, total: int, rows_ended: int, rows_total: int) -> None:
        """Take note of how far the jobs have got.

        :param ended: How many have ended, or could not be started.
        :param total: How many there are.
        :param rows_ended: How many rows are in the files of those that have ended.
        :param rows_total: How many rows are in all files; 0 where that is not known.
        """

    def waiting(self, what: str) -> None:
        """Take note that a wait goes on; the longer it takes, the rarer.

        :param what: What is waited for, and how far it has got, in words.
        """

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        """Take note that a job runs no longer.

        :param import_job_id: Its id.
        :param error: Why it is not COMPLETE; None if it is.
        """

    def let_go(self, import_job_id: str, error: WisdomError) -> None:
        """Take note that a job is no longer followed, although it is not known to have ended.

        :param import_job_id: Its id.
        :param error: Why.
        """

    def concluded(self, account: Account) -> None:
        """Take note that every row is accounted for, whether or not the account is then accepted.

        :param account: What became of the rows.
        """

    def compared(self, plan: SyncPlan) -> None:
        """Take note that the rows are compared with what there is, and nothing was written.

        :param plan: What is going to be changed.
        """

    def applied(self, end: ChangeEnd) -> None:
        """Take note that a change has ended, well or not.

        :param end: How it ended.
        """


class LogProgress(Progress):
    """Writes to the log what a run does: what operators and triggers have.

    :param sample: How many changes of a plan, and how many failures, may be shown.
    """

    def __init__(self, sample: int = LINES_OF_A_PLAN) -> None:
        self._sample = sample
        self._failures = 0

    def planned(self, manifest: Manifest) -> None:
        """Log each mistake that is shown, and a source without rows."""
        self.rejected(manifest.source, manifest.mistakes)
        self.doubted(manifest.source, manifest.doubts)
        self.left_empty(manifest.source, manifest.rows_blank, manifest.cells_null)
        if not manifest.parts and not manifest.rows_invalid:
            log.warning("%s has no rows: there is nothing to import", redact(manifest.source))

    def rejected(self, source: str, mistakes: Sequence[Mistake]) -> None:
        """Log each mistake that is shown."""
        for mistake in mistakes:
            log.warning("Invalid row of %s: %s", redact(source), mistake)

    def doubted(self, source: str, doubts: Doubts) -> None:
        """Log how much is doubtful, and what is shown of it."""
        for mistake in doubts.first:
            log.warning("Doubtful row of %s: %s", redact(source), mistake)
        if doubts.total:
            log.warning("%s has %s. See strict and on_placeholders", redact(source), doubts)

    def left_empty(self, source: str, rows: int, cells: int) -> None:
        """Log how much means nothing."""
        if rows:
            log.info("Rows of %s with nothing in them, which are left out: %s", redact(source), f"{rows:,}")
        if cells:
            log.info("Cells of %s that are sent as empty because of null_values: %s", redact(source), f"{cells:,}")

    def stocked(self, manifest: Manifest) -> None:
        """Log how many rows are not sent, and why."""
        if manifest.rows_present:
            log.info(
                "Rows of %s that are already there, and are not sent again: %s",
                redact(manifest.source),
                f"{manifest.rows_present:,}",
            )
        if manifest.rows_differing:
            log.warning("%s: %s", redact(manifest.source), differing(manifest.rows_differing))

    def compared(self, plan: SyncPlan) -> None:
        """Log the plan, and the first of its changes."""
        log.info("Plan for %s: %s; fingerprint %s", plan.source, plan, plan.short_fingerprint)
        for line in islice(
            (line for change in plan.changes[: self._sample] for line in change.lines()), LINES_OF_A_PLAN
        ):
            log.info("%s", line)
        for warning in plan.warnings[: self._sample]:
            log.warning("%s", warning)

    def applied(self, end: ChangeEnd) -> None:
        """Log a change that failed."""
        self._failures += end.error is not None
        if end.error and self._failures <= self._sample:
            log.warning('"%s" was not changed: %s', end.change.name, end.error)

    def found(self, job: ImportJob) -> None:
        """Log which job is not started again, and when it was started."""
        started = iso(job.created_time) or "at an unknown time"
        log.info("Import job %s was started by an earlier try, %s: it is %s", job.import_job_id, started, job.status)

    def deferred(self, manifest: Manifest, deadline: float) -> None:
        """Log how much is imported, and until when."""
        until = datetime.fromtimestamp(deadline, timezone.utc).isoformat(timespec="seconds")
        log.info("Deferred until %s at the latest: %s", until, manifest)

    def started(self, import_job_id: str, place: str) -> None:
        """Log which job runs."""
        log.info("Import job %s runs: %s", import_job_id, place)

    def not_started(self, place: str, error: WisdomError) -> None:
        """Log which file has no job, and why."""
        log.warning("No import job was started for %s: %s", place, error)

    def waiting(self, what: str) -> None:
        """Log how far it has got."""
        log.info("Still waiting: %s", what)

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        """Log how a job has ended."""
        log.info("Import job %s ended: %s", import_job_id, error or "COMPLETE")

    def let_go(self, import_job_id: str, error: WisdomError) -> None:
        """Log which job is no longer followed, and why."""
        log.warning("Import job %s is no longer followed: %s", import_job_id, error)

    def concluded(self, account: Account) -> None:
        """Log what became of the rows."""
        log.info("%s", account)


class Several(Progress):
    """Notifies several, each of everything.

    :param told: Who is notified, in this order.
    """

    def __init__(self, *told: Progress) -> None:
        self._told = told

    def planned(self, manifest: Manifest) -> None:
        """Pass it on."""
        for each in self._told:
            each.planned(manifest)

    def rejected(self, source: str, mistakes: Sequence[Mistake]) -> None:
        """Pass it on."""
        for each in self._told:
            each.rejected(source, mistakes)

    def doubted(self, source: str, doubts: Doubts) -> None:
        """Pass it on."""
        for each in self._told:
            each.doubted(source, doubts)

    def left_empty(self, source: str, rows: int, cells: int) -> None:
        """Pass it on."""
        for each in self._told:
            each.left_empty(source, rows, cells)

    def stocked(self, manifest: Manifest) -> None:
        """Pass it on."""
        for each in self._told:
            each.stocked(manifest)

    def uploaded(self, number: int, total: int) -> None:
        """Pass it on."""
        for each in self._told:
            each.uploaded(number, total)

    def found(self, job: ImportJob) -> None:
        """Pass it on."""
        for each in self._told:
            each.found(job)

    def deferred(self, manifest: Manifest, deadline: float) -> None:
        """Pass it on."""
        for each in self._told:
            each.deferred(manifest, deadline)

    def started(self, import_job_id: str, place: str) -> None:
        """Pass it on."""
        for each in self._told:
            each.started(import_job_id, place)

    def not_started(self, place: str, error: WisdomError) -> None:
        """Pass it on."""
        for each in self._told:
            each.not_started(place, error)

    def advanced(self, ended: int, total: int, rows_ended: int, rows_total: int) -> None:
        """Pass it on."""
        for each in self._told:
            each.advanced(ended, total, rows_ended, rows_total)

    def waiting(self, what: str) -> None:
        """Pass it on."""
        for each in self._told:
            each.waiting(what)

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        """Pass it on."""
        for each in self._told:
            each.ended(import_job_id, error)

    def let_go(self, import_job_id: str, error: WisdomError) -> None:
        """Pass it on."""
        for each in self._told:
            each.let_go(import_job_id, error)

    def concluded(self, account: Account) -> None:
        """Pass it on."""
        for each in self._told:
            each.concluded(account)

    def compared(self, plan: SyncPlan) -> None:
        """Pass it on."""
        for each in self._told:
            each.compared(plan)

    def applied(self, end: ChangeEnd) -> None:
        """Pass it on."""
        for each in self._told:
            each.applied(end)


@contextmanager
def now_and_then(say: Callable[[], None]) -> Iterator[None]:
    """Let something be said while a block waits in the running event loop: after a minute, two more, four more, ...

    :param say: What says it. It must not block.
    """
    loop = asyncio.get_running_loop()
    timer = loop.call_later(FIRST_WORD, lambda: again(FIRST_WORD))

    def again(pause: float) -> None:
        nonlocal timer
        say()
        timer = loop.call_later(pause, again, 2 * pause)

    try:
        yield
    finally:
        timer.cancel()


_make_progress: Callable[[int], Progress] = LogProgress


def task_progress(sample: int = LINES_OF_A_PLAN) -> Progress:
    """Return whom the tasks and triggers of this process notify: the log, or who asked for it by :func:`telling`.

    :param sample: How many changes of a plan, and how many failures, the log may show.
    """
    return _make_progress(sample)


@contextmanager
def telling(progress: Progress) -> Iterator[None]:
    """Let the tasks and triggers of this process notify somebody else than the log, for a block.

    :param progress: Who is notified.
    """
    global _make_progress  # noqa: PLW0603 - of the process: Airflow makes the tasks, and takes no parameters for them
    before, _make_progress = _make_progress, lambda _: progress
    try:
        yield
    finally:
        _make_progress = before
