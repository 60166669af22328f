"""Where a command writes: what it found to stdout, everything else to stderr. Only a terminal makes it load rich."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from airflow_wisdom.cli.progress import PlainProgress, RichProgress, SilentProgress
from airflow_wisdom.cli.text import visible, write_plain, write_rich

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from rich.console import Console

    from airflow_wisdom.cli.outcome import Outcome, Sheet
    from airflow_wisdom.cli.progress import CommandProgress


class Screen:
    """The two streams of a command.

    :param out: Where what a command found goes.
    :param err: Where progress, warnings and errors go.
    :param as_json: Whether what it found is shown as JSON. Default: as tables.
    :param quiet: Whether progress is not shown. Default: it is.
    """

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool = False, quiet: bool = False) -> None:
        self._out = out
        self._err = err
        self._as_json = as_json
        self._quiet = quiet
        self._console = console_of(err) if err.isatty() else None

    @classmethod
    def of_process(cls, *, as_json: bool, quiet: bool) -> Screen:
        """Return the screen of this process; parameters as for the class."""
        return cls(sys.stdout, sys.stderr, as_json=as_json, quiet=quiet)

    def say(self, line: str) -> None:
        """Write a line to stderr, above the progress if there is any.

        :param line: The line.
        """
        if self._console:
            self._console.print(visible(line), markup=False, highlight=False)
            return
        with _perhaps_broken(self._err):
            self._err.write(f"{visible(line)}\n")
            self._err.flush()

    def progress(self, doing: str) -> AbstractContextManager[CommandProgress]:
        """Return who is told by a run, for a block: bars on a terminal, else lines, or nothing if that is asked for.

        :param doing: What goes on at first.
        """
        if self._quiet:
            return SilentProgress()
        return RichProgress(self._console, doing) if self._console else PlainProgress(self.say, doing)

    @contextmanager
    def waiting(self, doing: str) -> Iterator[None]:
        """Show that something goes on, for a block.

        :param doing: What.
        """
        with self.progress(doing):
            yield

    @property
    def can_ask(self) -> bool:
        """Whether somebody is there to answer a question."""
        return self._console is not None and sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask for a yes, and return whether it was given.

        :param question: The question.
        """
        self._err.write(f"{visible(question)} [y/N] ")
        self._err.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def preview(self, sheets: Sequence[Sheet]) -> None:
        """Write to the terminal what a question is about.

        :param sheets: What there is to be seen.
        """
        if self._console:
            write_rich(sheets, self._console)

    def show(self, outcome: Outcome) -> None:
        """Write to stdout what a command found.

        :param outcome: What it found.
        """
        with _perhaps_broken(self._out):
            self._write(outcome)
            self._out.flush()

    def _write(self, outcome: Outcome) -> None:
        if self._as_json:
            in_ascii = "utf" not in (self._out.encoding or "").lower()
            self._out.write(json.dumps(outcome.document, indent=2, ensure_ascii=in_ascii) + "\n")
        elif self._out.isatty():
            write_rich(outcome.sheets, console_of(self._out))
        else:
            write_plain(outcome.sheets, self._out)


@contextmanager
def _perhaps_broken(stream: TextIO) -> Iterator[None]:
    """Write to a stream that nobody may read any more: that changes nothing about what a command does, and did."""
    try:
        yield
    except BrokenPipeError:
        # What is left in the stream would fail once more as Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def console_of(stream: TextIO) -> Console:
    """Return rich's console for a terminal; it keeps to ``NO_COLOR``, ``COLUMNS`` and ``TERM``.

    :param stream: The terminal.
    """
    from rich.console import Console

    return Console(file=stream)
