"""What is wrong with a row, in words for the person who has to fix it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

Unit = Literal["line", "row"]
"""What the places in a source are counted in: lines of a file, or rows that a task or a database gave."""

_SHOWN = 40
_LISTED = 15
# Enough to find the signature of a presigned URL in what is shown, and little enough for any regular expression.
_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with one row.

    :param line: Where the row begins in its source, from 1.
    :param column: The source's own name of the column; None where the whole row is concerned.
    :param value: The value, shortened to 40 characters and without secrets; empty where there is none.
    :param reason: What is wrong, as the rest of a sentence about the value.
    :param unit: Whether `line` counts the lines of a file (default) or rows.
    :param part: The file that the row is in, where its source has several.
    """

    line: int
    column: str | None
    value: str
    reason: str
    unit: Unit = "line"
    part: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the mistake as JSON primitives."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{', '.join([place(self.line, self.unit, self.part), *self._where()])}: {self.reason}"

    @property
    def what(self) -> str:
        """The mistake without its place in the source."""
        where = ", ".join(self._where())
        return f"{where}: {self.reason}" if where else self.reason

    def _where(self) -> list[str]:
        column = [f'column "{self.column}"'] if self.column is not None else []
        return [*column, f'"{self.value}"'] if self.value else column


def place(line: int, unit: str, part: str | None = None) -> str:
    """Return where a row is, in words.

    :param line: Where it begins in its file, or in its source.
    :param unit: What `line` counts.
    :param part: The file that it is in, where its source has several.
    """
    return f"{part}, {unit} {line}" if part else f"{unit} {line}"


def shorten(text: str) -> str:
    """Return `text` fit for a message: at most about 40 characters, control characters escaped, no presigned URL."""
    looked_at = redact(text[:_LOOKED_AT])
    shown = looked_at[:_SHOWN]
    if not shown.isprintable():
        shown = "".join(map(_visible, shown))
    return shown if len(looked_at) <= _SHOWN and len(text) <= _LOOKED_AT else f"{shown}..."


def listing(names: Sequence[str], quote: str = '"') -> str:
    """Return names as a list in a sentence, the first of them only if there are many."""
    shown = ", ".join(f"{quote}{shorten(name)}{quote}" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED:,} more"


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
