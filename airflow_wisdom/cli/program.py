"""The program: its parser, and a command from its arguments to its exit code."""

from __future__ import annotations

import argparse
import textwrap
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_wisdom import __version__
from airflow_wisdom.cli.commands import COMMANDS
from airflow_wisdom.cli.exits import BUG, DONE, EXIT_CODES, INTERRUPTED, Failed, Failure, Interrupted
from airflow_wisdom.exceptions import WisdomError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_wisdom.cli.commands import Command
    from airflow_wisdom.cli.outcome import Outcome
    from airflow_wisdom.cli.screen import Screen

    Action = Callable[[argparse.Namespace, Screen], Outcome]

_WIDTH = 79
"""Characters of a line of the help that is not argparse's own."""

PROGRAM = "airflow-wisdom"

SUBJECT = "Quick responses of Amazon Connect Wisdom (Amazon Q in Connect)"
DESCRIPTION = f"{SUBJECT}: keep them in line with a file, import files, follow import jobs."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    :param argv: Its arguments. Default: those of the process.
    """
    args = make_parser().parse_args(argv)
    return run(args.command, args, f"{PROGRAM} {args.command.name}")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the program's arguments."""
    parser = argparse.ArgumentParser(
        PROGRAM, description=DESCRIPTION, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        _add(commands, command)
    return parser


def _add(commands: Any, command: Command) -> None:
    parser = commands.add_parser(
        command.name,
        help=command.help,
        usage=" ".join(["%(prog)s [options]", *command.arguments]),
        description=textwrap.fill(command.description, _WIDTH),
        epilog=f"{command.epilog}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # What a script abbreviates today may mean something else tomorrow.
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    for title, options in command.options.items():
        group = parser.add_argument_group(title)
        for option in options:
            group.add_argument(*option.flags, **option.how)


def run(command: Command, args: argparse.Namespace, name: str) -> int:
    """Run a command and return its exit code; an error is one line on stderr.

    :param command: The command.
    :param args: What it was given.
    :param name: What it is called in that line.
    """
    from airflow_wisdom.cli.screen import Screen

    screen = Screen.of_process(as_json=args.output == "json", quiet=args.quiet)
    failure = _failure(command, args, screen)
    if failure is None:
        return DONE
    screen.say(f"{name}: {failure}")
    return failure.code


def _failure(command: Command, args: argparse.Namespace, screen: Screen) -> Failure | None:
    """Run a command and show what it found; return why it failed, if it did."""
    try:
        outcome = _outcome(command, args, screen)
        screen.show(outcome)
    except KeyboardInterrupt as exc:
        what = f": {exc}" if isinstance(exc, Interrupted) else ""
        return Failure(f"interrupted{what}", INTERRUPTED)
    except Failed as exc:
        return exc.failure
    except WisdomError as exc:
        return _told(args, screen, Failure.of(exc))
    except Exception as exc:  # noqa: BLE001 - people get one line, whatever happened
        return _told(args, screen, Failure(f"unexpected: {exc!r}; --debug shows where", BUG))
    return outcome.failure


def _outcome(command: Command, args: argparse.Namespace, screen: Screen) -> Outcome:
    from airflow_wisdom.cli.surroundings import surroundings

    with surroundings(args, screen):
        module, _, function = command.action.partition(":")
        action: Action = getattr(import_module(module), function)
        return action(args, screen)


def _told(args: argparse.Namespace, screen: Screen, failure: Failure) -> Failure:
    if args.debug:
        for line in traceback.format_exc().splitlines():
            screen.say(line)
    return failure
