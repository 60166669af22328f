"""Who is told by a run on the command line: a terminal by bars, whatever else reads stderr by lines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_wisdom.model.import_job import ImportJobStatus
from airflow_wisdom.runs.progress import Progress
from airflow_wisdom.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress as Bars
    from typing_extensions import Self

    from airflow_wisdom.exceptions import WisdomError
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.runs.changes import ChangeEnd
    from airflow_wisdom.runs.manifest import Manifest
    from airflow_wisdom.runs.plan import SyncPlan


RUNNING = ImportJobStatus.START_IN_PROGRESS.value


class CommandProgress(Progress):
    """Remembers which jobs run or have ended, for whoever interrupts the command; a context manager."""

    def __init__(self) -> None:
        self.jobs: dict[str, str] = {}
        self._found = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        """End what is shown."""

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal alone, for a block."""
        yield

    def say(self, line: str) -> None:
        """Show a line.

        :param line: The line.
        """

    def found(self, job: ImportJob) -> None:
        """Count the jobs that are not started again."""
        self.jobs[job.import_job_id] = job.status
        self._found += 1

    def started(self, import_job_id: str, place: str) -> None:  # noqa: ARG002 - for those that show it
        """Remember that a job runs."""
        self.jobs.setdefault(import_job_id, RUNNING)

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        """Remember how a job has ended."""
        self.jobs[import_job_id] = str(getattr(error, "status", None) or "FAILED") if error else "COMPLETE"

    def is_over(self, import_job_id: str) -> bool:
        """Return whether a job is known to run no longer.

        :param import_job_id: Its id.
        """
        return self.jobs.get(import_job_id, RUNNING) != RUNNING

    def say_what_is_planned(self, manifest: Manifest) -> None:
        """Say how many rows there are, and where they go.

        :param manifest: What is going to be imported.
        """
        valid = manifest.rows_read - manifest.rows_invalid
        self.say(
            f"{counted(manifest.rows_read, 'row')} of {manifest.source}: {valid:,} valid in "
            f"{counted(len(manifest.parts), 'file')}, {manifest.rows_invalid:,} invalid"
        )

    def say_what_differs(self, plan: SyncPlan) -> None:
        """Say what a plan changes.

        :param plan: The plan.
        """
        self.say(f"{counted(plan.rows_read, 'row')} of {plan.source}: {plan}")

    def say_what_was_found(self, total: int) -> None:
        """Say that jobs of an earlier run are taken over, if there are any.

        :param total: How many files there are.
        """
        if self._found:
            self.say(
                f"An earlier run started the import jobs of {self._found:,} of {counted(total, 'file')}: they are not "
                "started again (--again starts all of them)"
            )


class SilentProgress(CommandProgress):
    """Shows nothing."""


class PlainProgress(CommandProgress):
    """Writes a line for each thing that happens.

    :param say: What writes a line.
    :param doing: What goes on at first.
    """

    def __init__(self, say: Callable[[str], None], doing: str) -> None:
        super().__init__()
        self._say = say
        self._doing = doing

    def __enter__(self) -> Self:
        self.say(f"{self._doing} ...")
        return self

    def say(self, line: str) -> None:
        """Write a line."""
        self._say(line)

    def planned(self, manifest: Manifest) -> None:
        """Say how many rows there are."""
        self.say_what_is_planned(manifest)

    def uploaded(self, number: int, total: int) -> None:
        """Say that all files are ready, once they are."""
        if number == 1:
            self.say_what_was_found(total)
        if number == total:
            self.say(f"Ready: {counted(total, 'file')}")

    def started(self, import_job_id: str, place: str) -> None:
        """Say which job runs, and what it imports."""
        super().started(import_job_id, place)
        if not self.is_over(import_job_id):
            self.say(f"Import job {import_job_id} runs: {place}")

    def compared(self, plan: SyncPlan) -> None:
        """Say what a plan changes."""
        self.say_what_differs(plan)

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        """Say how a job has ended, unless it had before."""
        was_over = self.is_over(import_job_id)
        super().ended(import_job_id, error)
        if not was_over:
            self.say(f"Import job {import_job_id} is {self.jobs[import_job_id]}")

    def not_started(self, place: str, error: WisdomError) -> None:
        """Say which file has no job, and why."""
        self.say(f"No import job was started for {place}: {error}")

    def let_go(self, import_job_id: str, error: WisdomError) -> None:
        """Say which job is no longer followed, and why."""
        self.say(f"Import job {import_job_id} is no longer followed: {error}")


class RichProgress(CommandProgress):
    """Shows a bar on a terminal, which is gone when the block ends.

    :param console: The terminal.
    :param doing: What goes on at first.
    """

    def __init__(self, console: Console, doing: str) -> None:
        super().__init__()
        self._console = console
        self._bars = _bars(console)
        self._bar = self._bars.add_task(doing, total=None)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bars.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar away, for a block."""
        self._bars.stop()
        yield
        self._bars.start()

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        self._console.print(line, markup=False, highlight=False)

    def planned(self, manifest: Manifest) -> None:
        """Say how many rows there are, and begin to count the files that are uploaded."""
        self.say_what_is_planned(manifest)
        self._bars.update(self._bar, description="Uploading files", total=len(manifest.parts), completed=0)

    def uploaded(self, number: int, total: int) -> None:
        """Move the bar on; when all files are there, begin to count the jobs that have ended."""
        if number == 1:
            self.say_what_was_found(total)
        self._bars.update(self._bar, completed=number)
        if number == total:
            self._bars.update(self._bar, description="Import jobs", total=total, completed=0)

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        """Move the bar on."""
        super().ended(import_job_id, error)
        self._bars.advance(self._bar)

    def compared(self, plan: SyncPlan) -> None:
        """Say what a plan changes, and begin to count the changes that were made."""
        self.say_what_differs(plan)
        self._bars.update(self._bar, description="Applying changes", total=len(plan.changes), completed=0)

    def applied(self, end: ChangeEnd) -> None:  # noqa: ARG002 - how it ended is in the account
        """Move the bar on."""
        self._bars.advance(self._bar)


def _bars(console: Console) -> Bars:
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichBars

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return RichBars(*columns, console=console, transient=True)
