"""Which format a file has, by its name or its first bytes."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["csv", "json_lines"]

FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json_lines",
}
"""Ending of a file's name -> what is in the file."""


def format_of(name: str) -> Format | None:
    """Return what the ending of a name says is in the file; None if it says nothing.

    :param name: Name, path or URI of the file.
    """
    return next((kind for ending, kind in FORMATS.items() if name.lower().endswith(ending)), None)


def by_content(first: bytes) -> Format:
    """Return what the first bytes of a file say is in it."""
    return "json_lines" if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else "csv"
