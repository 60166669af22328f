"""A source as rows: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_wisdom.rows.mistake import Doubt, Mistake, Unit

    Knows = Callable[[str], bool]


class Row(NamedTuple):
    """One row of a source; a tuple, since that is made twice as fast, and there are many.

    :param line: The line of the file on which the row begins, or the number of the row, from 1.
    :param values: Column -> value; empty text where there is none.
    :param surplus: Cells that belong to no column, beyond the last one or under no name; the last is not empty.
    :param mistakes: What was found wrong while reading: values that have no text form, columns given twice.
    :param unit: What `line` counts.
    :param doubts: What was found that may be meant, or a mistake.
    :param is_exact: Whether its texts stand for nothing but themselves, as in an export, where ``NULL`` is a text.
    """

    line: int
    values: Mapping[str, str]
    surplus: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    unit: Unit = "line"
    doubts: tuple[Doubt, ...] = ()
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A source as rows.

    :param columns: The columns of all rows; None if each row names its own.
    :param rows: The rows, to be gone through once. Raises :class:`~airflow_wisdom.exceptions.SourceFormatError`
        where the source cannot be read further.
    :param unit: What the places of rows and mistakes are counted in.
    :param delimiter: What separates the cells of a CSV; None for other sources.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[Row]
    unit: Unit
    delimiter: str | None = None


def without_blank_end(cells: list[str]) -> tuple[str, ...]:
    """Return the cells that belong to no column, as far as there is something in them.

    :param cells: The cells.
    """
    while cells and not cells[-1].strip():
        cells.pop()
    return tuple(cells)


def any_column(column: str) -> bool:  # noqa: ARG001 - whichever it is
    """Return whether a column may be needed where nobody knows the template: any may.

    :param column: Its name.
    """
    return True
