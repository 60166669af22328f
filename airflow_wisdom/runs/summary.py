"""The summary that every run pushes: one type with a version, whose members `docs/summary.md` lists. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
"""Rises where a member goes or means something else. One that is added changes nothing for readers who ignore it."""

Kind = Literal["import", "sync", "export", "job"]


def summary_of(kind: Kind, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of a run.

    :param kind: What kind of run it was.
    :param members: What became of it, JSON primitives.
    """
    return {"summaryVersion": VERSION, "summaryKind": kind, **members}
