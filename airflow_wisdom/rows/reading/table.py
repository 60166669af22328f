"""A source as rows: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_wisdom.rows.mistake import Mistake, place, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_wisdom.rows.mistake import Unit

RESERVED = ("_line", "_reason")
"""Columns that the file of invalid rows has of its own; dropped on reading, so that a fixed one can be imported."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source.

    :param line: The line of the file on which the row begins, or the number of the row, from 1.
    :param values: Column -> value; empty text where there is none.
    :param surplus: Cells beyond the last column of the header.
    :param mistakes: What was found wrong while reading: values that have no text form, columns given twice.
    :param unit: What `line` counts.
    :param part: The file that it is in, where its source has several.
    """

    line: int
    values: Mapping[str, str]
    surplus: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    unit: Unit = "line"
    part: str | None = None

    @property
    def place(self) -> str:
        """Where the row is, in words."""
        return place(self.line, self.unit, self.part)

    def mistake(self, reason: str, column: str | None = None, value: str = "") -> Mistake:
        """Return something that is wrong with the row.

        :param reason: As for :class:`~airflow_wisdom.rows.mistake.Mistake`.
        :param column: As for :class:`~airflow_wisdom.rows.mistake.Mistake`. Default: it is about the whole row.
        :param value: The value, as it is. Default: none.
        """
        return Mistake(self.line, column, shorten(value), reason, self.unit, self.part)

    def of_part(self, part: str) -> Row:
        """Return the row as one of a part of its source.

        :param part: The part.
        """
        return replace(self, part=part, mistakes=tuple(replace(mistake, part=part) for mistake in self.mistakes))


@dataclass(frozen=True, slots=True)
class Table:
    """A source as rows.

    :param columns: The columns of all rows; None if each row names its own.
    :param rows: The rows, to be gone through once. Raises :class:`~airflow_wisdom.exceptions.SourceFormatError`
        where the source cannot be read further.
    :param unit: What the places of rows and mistakes are counted in.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[Row]
    unit: Unit
