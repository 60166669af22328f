"""A source as rows: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_wisdom.rows.mistake import Mistake, Unit

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
    """

    line: int
    values: Mapping[str, str]
    surplus: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    unit: Unit = "line"


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
