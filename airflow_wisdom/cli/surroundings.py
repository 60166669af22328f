"""What a command needs of its process while it runs: environment, streams, log, signals. All of it is put back."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping

    from airflow_wisdom.cli.screen import Screen

OURS = logging.getLogger("airflow_wisdom")

IN_TABLES = "airflow_wisdom.runs.reports"
"""The logger whose lines are in the tables of a command already."""


@contextmanager
def surroundings(args: Namespace, screen: Screen) -> Iterator[None]:
    """Set up the process for a command, for a block.

    :param args: What the command was given.
    :param screen: Where it writes.
    """
    with ExitStack() as stack:
        stack.enter_context(_environment(environment_of(args)))
        # Airflow logs to stdout, where nothing but data is to be: to that of the moment, or to that when it was loaded.
        out = sys.stdout
        stack.enter_context(redirect_stdout(sys.stderr))
        stack.enter_context(_loaded_log(out, sys.stderr))
        stack.enter_context(_log(screen, logging.INFO if args.debug else logging.WARNING))
        stack.enter_context(_signals())
        yield


def environment_of(args: Namespace) -> dict[str, str]:
    """Return the environment variables that a command runs with.

    The endpoint is named by botocore's own variables for single services. So it needs no place in an AWS connection,
    whose fields travel to the triggerer, and files on Amazon S3 are still read from there.

    :param args: What the command was given.
    """
    made = {"AIRFLOW__LOGGING__LOG_FORMAT": "%(message)s", "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"}
    if args.debug:
        made = {}
    made = {name: value for name, value in made.items() if name not in os.environ}
    if getattr(args, "endpoint_url", None):
        made |= {f"AWS_ENDPOINT_URL_{name}": args.endpoint_url for name in ("WISDOM", "QCONNECT")}
        # A private endpoint serves Wisdom alone: who has one says where Amazon Connect is.
        made["AWS_ENDPOINT_URL_CONNECT"] = os.environ.get("AWS_ENDPOINT_URL_CONNECT", args.endpoint_url)
        made["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    if getattr(args, "conn_id", None):
        # As Airflow's own commands do that look up a connection: else its database is not asked.
        made["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    return made


@contextmanager
def _environment(made: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in made}
    os.environ.update(made)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _ToScreen(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != IN_TABLES:
            self._screen.say(record.getMessage())


@contextmanager
def _log(screen: Screen, level: int) -> Iterator[None]:
    """Let the lines that this package logs go to the screen, rather than to wherever Airflow sends them."""
    before, handler = (OURS.level, OURS.propagate), _ToScreen(screen)
    OURS.addHandler(handler)
    OURS.setLevel(level)
    OURS.propagate = False
    try:
        yield
    finally:
        OURS.removeHandler(handler)
        OURS.setLevel(before[0])
        OURS.propagate = before[1]


@contextmanager
def _loaded_log(out: TextIO, err: TextIO) -> Iterator[None]:
    """Let what is logged to one stream go to another."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    moved = [handler for handler in handlers if handler.stream is out]
    for handler in moved:
        handler.setStream(err)
    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(out)


@contextmanager
def _signals() -> Iterator[None]:
    """Be interrupted by SIGTERM as by Ctrl-C, also where a shell has started us in the background."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Through SIGINT, which an event loop knows how to end by.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
