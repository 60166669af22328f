"""What is wrong with a row, in words for the person who has to fix it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_wisdom.places import briefly
from airflow_wisdom.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    :param name: The name in the row, shortened as `value`; None where it is not known.
    """

    line: int
    column: str | None
    value: str
    reason: str
    unit: Unit = "line"
    part: str | None = None
    name: str | None = None

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


DoubtKind = Literal["short_rows", "cells_of_many_lines", "byte_order_marks", "garbled_texts", "doubtful_placeholders"]

DOUBTS: tuple[DoubtKind, ...] = get_args(DoubtKind)
"""What may be meant, or a mistake: rows without their last cells; cells of many lines, or of lines that look like rows;
byte-order marks in the middle of a file, which are removed; texts that look as if they were read in a wrong encoding;
placeholders that Amazon Connect would not fill in."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about a row that may be meant, or a mistake.

    :param kind: What it is counted as, one of :data:`DOUBTS`.
    :param mistake: What it is, should it be one.
    """

    kind: DoubtKind
    mistake: Mistake

    def of_part(self, part: str) -> Doubt:
        """Return the doubt about a row of a part of its source.

        :param part: The part.
        """
        return replace(self, mistake=replace(self.mistake, part=part))


@dataclass(frozen=True, slots=True)
class Doubts:
    """How much of the valid rows of a source is doubtful.

    :param counts: How often each kind was met; of :data:`DOUBTS`, those that were.
    :param first: The first of them, in words.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    first: tuple[Mistake, ...] = ()

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> Doubts:
        """Make them from what :meth:`to_dict` returned.

        :param members: The JSON primitives.
        """
        return cls(dict(members["counts"]), tuple(Mistake(**each) for each in members["first"]))

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON primitives."""
        return {"counts": dict(self.counts), "first": [each.to_dict() for each in self.first]}

    def summary(self) -> dict[str, Any]:
        """Return them as members of a summary, under names such as AWS uses."""
        counts = {_camel_case(kind): self.counts.get(kind, 0) for kind in DOUBTS}
        return {**counts, "doubtfulRows": [each.to_dict() for each in self.first]}

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        """Say how many there are of each kind."""
        found = (f"{self.counts[kind]:,} {kind.replace('_', ' ')}" for kind in DOUBTS if self.counts.get(kind))
        return ", ".join(found)


def place(line: int, unit: str, part: str | None = None) -> str:
    """Return where a row is, in words.

    :param line: Where it begins in its file, or in its source.
    :param unit: What `line` counts.
    :param part: The file that it is in, where its source has several.
    """
    return f"{briefly(part)}, {unit} {line}" if part else f"{unit} {line}"


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


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
