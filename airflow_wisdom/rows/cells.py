"""Texts as cells of files that people open in a spreadsheet, and back. Pure.

A cell that begins like a formula would run as one, so an apostrophe goes before it, as OWASP recommends; a spreadsheet
shows and keeps it. Files with such cells bear a mark, a column of their own, and only in those is the apostrophe taken
away again, whatever format somebody has saved them in: a text in a user's own file is never changed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LINE, REASON = "_line", "_reason"
"""Columns of the file of invalid rows: where a row stood in its source, and what is wrong with it."""

EXPORT = "_export"
"""Column of an export: not empty where each text of the row is exactly the one that Amazon Connect has; true where none
was made safe, as in JSON Lines."""

IMPORT_JOB = "_import_job_id"
"""Column of the file of failed records: which import job refused the record, whose texts are those that were sent."""

EXACT = (EXPORT, IMPORT_JOB)
"""Columns that say, where they are not empty, that the texts of a row stand for nothing but themselves."""

RESERVED = (LINE, REASON, *EXACT)
"""Columns that files of this package have of their own; dropped on reading, so that these can be imported."""

LONGEST_CELL = 32_767
"""Characters of a cell that a spreadsheet takes: longer ones are cut or torn by Excel, and refused by Python's csv."""

NOTE = "<replace: "
"""What a cell begins with that could not be written as it was. Read again it is a mistake, until somebody fixes it."""

_LEFT = 1_000
# True, as texts of it are spelt in a CSV and by the readers of this package.
_TRUE = frozenset({"true", "yes"})
_BEGINS = f"[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]|{NOTE}"
_UNSAFE = re.compile(f"'*(?:{_BEGINS})")
_SAFE = re.compile(f"'+(?:{_BEGINS})")


def safe(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula; :func:`unsafe` reverses it.

    :param text: The text; beyond 32,767 characters, a note and its beginning stand in its place.
    """
    if len(text) >= LONGEST_CELL:
        return note(f"has {len(text):,} characters, and this is how it begins", text[:_LEFT])
    # What looks like a cell that was made safe is made safe, too, or it would lose an apostrophe of its own.
    return f"'{text}" if _UNSAFE.match(text) else text


def unsafe(cell: str) -> str:
    """Return the text of a cell that :func:`safe` made.

    :param cell: The cell.
    """
    return cell[1:] if _SAFE.match(cell) else cell


def note(reason: str, shown: str) -> str:
    """Return the cell for a value that cannot be written as it was.

    :param reason: Why, as the rest of a sentence about the value.
    :param shown: What can be shown of it. One that is a note already stays as it is.
    """
    return shown if shown.startswith(NOTE) else f"{NOTE}{reason}> {shown}"[: LONGEST_CELL - 1]


def is_marked(columns: Collection[str]) -> bool:
    """Return whether a file is one of this package's.

    :param columns: The columns of its header.
    """
    return any(mark in columns for mark in RESERVED)


def is_safe(marks: Mapping[str, str]) -> bool:
    """Return whether the texts of a row were made safe.

    :param marks: What the row has in the columns of :data:`RESERVED`.
    """
    is_export_alone = marks.keys() == {EXPORT}
    return bool(marks) and not (is_export_alone and marks[EXPORT].casefold() in _TRUE)
