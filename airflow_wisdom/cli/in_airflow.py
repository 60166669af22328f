"""The same commands as ``airflow wisdom ...``, for Airflow 3.2 and newer, which take commands of providers."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cli.commands import COMMANDS
from airflow_wisdom.cli.exits import EXIT_CODES
from airflow_wisdom.cli.program import DESCRIPTION, SUBJECT, run

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_wisdom.cli.commands import Command


def commands() -> list[Any]:
    """Return the commands as Airflow takes them; it asks whenever any of its own commands is run."""
    from airflow.cli.cli_config import GroupCommand

    actions = tuple(map(_action, COMMANDS))
    return [GroupCommand("wisdom", SUBJECT, actions, DESCRIPTION, EXIT_CODES)]


def _action(command: Command) -> Any:
    from airflow.cli.cli_config import ActionCommand, Arg

    options = [option for group in command.options.values() for option in group]
    return ActionCommand(
        name=command.name,
        help=command.help,
        func=partial(_run, command),
        args=tuple(Arg(option.flags, **option.how) for option in options),
        description=command.description,
        epilog=f"{command.epilog}\n\n{EXIT_CODES}",
    )


def _run(command: Command, args: Namespace) -> None:
    sys.exit(run(command, args, f"airflow wisdom {command.name}"))
