"""The summary that every run pushes: one type with a version, whose members `docs/summary.md` lists. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom.redaction import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_wisdom.exceptions import WisdomError

VERSION = 1
"""Rises where a member goes or means something else. One that is added changes nothing for readers who ignore it."""

ERROR_KEY = "wisdom_error"
"""Key under which a task that fails stores why."""

LONGEST_ERROR = 200
"""Characters of a message that are kept there: the cause comes first."""

Kind = Literal["import", "sync", "export", "job"]


def summary_of(kind: Kind, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a run.

    :param kind: What kind of run it was.
    :param members: What became of it, JSON primitives.
    """
    return {"summaryVersion": VERSION, "summaryKind": kind, **members}


def error_of(error: WisdomError, *, with_message: bool = True) -> dict[str, Any]:
    """Return why a task failed, in short, as JSON primitives; presigned URLs are redacted.

    :param error: Why it failed.
    :param with_message: Whether its message is part of it, in which texts of rows may be. Default: it is.
    """
    message = cut(error.message, LONGEST_ERROR) if with_message else None
    return {"summaryVersion": VERSION, "type": type(error).__name__, "message": message}
