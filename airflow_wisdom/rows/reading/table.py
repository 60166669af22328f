"""A source as rows: what every reader returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_wisdom.rows.cells import EXACT, NOTE, is_safe, unsafe
from airflow_wisdom.rows.mistake import Mistake, place, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_wisdom.rows.mistake import Doubt, Unit

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
    :param part: The file that it is in, where its source has several.
    """

    line: int
    values: Mapping[str, str]
    surplus: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    unit: Unit = "line"
    doubts: tuple[Doubt, ...] = ()
    is_exact: bool = False
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
        mistakes = tuple(replace(mistake, part=part) for mistake in self.mistakes)
        return self._replace(part=part, mistakes=mistakes, doubts=tuple(doubt.of_part(part) for doubt in self.doubts))

    def restored(self, marks: Mapping[str, str]) -> Row:
        """Return the row of a file of this package with its texts as they were before they became cells.

        :param marks: What the row has in the columns of :data:`~airflow_wisdom.rows.cells.RESERVED`; none in a file of
            anybody else's.
        """
        is_exact = any(marks.get(column) for column in EXACT)
        if not is_safe(marks):
            return self._replace(is_exact=is_exact)
        notes = tuple(
            self.mistake("is a note: write the text in its place", column, cell)
            for column, cell in self.values.items()
            if cell.startswith(NOTE)
        )
        return self._replace(
            values={column: unsafe(cell) for column, cell in self.values.items()},
            surplus=tuple(map(unsafe, self.surplus)),
            mistakes=self.mistakes + notes,
            is_exact=is_exact,
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A source as rows.

    :param columns: The columns of all rows; None if each row names its own.
    :param rows: The rows, to be gone through once. Raises :class:`~airflow_wisdom.exceptions.SourceFormatError`
        where the source cannot be read further.
    :param unit: What the places of rows and mistakes are counted in.
    :param delimiter: What separates the cells of a CSV; None for other sources.
    :param header: The cells of the header, as they are; empty for sources without one.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[Row]
    unit: Unit
    delimiter: str | None = None
    header: tuple[str, ...] = ()


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
