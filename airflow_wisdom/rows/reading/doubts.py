"""What gives away that rows are not what their file was meant to say: seams of joined files, swallowed rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_wisdom.rows.mistake import Doubt, Mistake, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_wisdom.rows.mistake import Unit

MANY_LINES = 20
"""Lines of a cell beyond which it is doubtful."""

_DASHES = re.compile(r":?-{2,}:?")
# A single cell may be called like its column.
_LEAST = 2
# With one, it could be any text with a number such as 1,200.
_LEAST_DELIMITERS = 2


def folded(text: str) -> str:
    """Return what two spellings of a label in a header have in common.

    :param text: The label, or a cell that may be one.
    """
    return text.strip().casefold()


def repeated(values: Mapping[str, str]) -> list[bool]:
    """Return, if a row is a header once more, whether each of its cells stands in its own column; else nothing.

    :param values: Column -> value.
    """
    labels, found, places = {folded(column) for column in values}, set(), []
    for column, value in values.items():
        cell = folded(value)
        if cell and cell not in labels:
            # Almost every row ends here, at its first cell.
            return []
        if cell:
            found.add(cell)
            places.append(cell == folded(column))
    return places if len(found) == len(places) >= _LEAST else []


def header_again(line: int, unit: Unit) -> Mistake:
    """Return the mistake of a row that repeats the header.

    :param line: Where the row begins.
    :param unit: What `line` counts.
    """
    return Mistake(line, None, "", "repeats the header: were files joined here?", unit)


def is_ruled(cells: Iterable[str]) -> bool:
    """Return whether a row is a line of dashes, as command lines of databases and Markdown draw it below a header.

    :param cells: Its cells.
    """
    texts = [cell.strip() for cell in cells if cell.strip()]
    return bool(texts) and all(map(_DASHES.fullmatch, texts))


def ruled(line: int) -> Mistake:
    """Return the mistake of a row that is a line of dashes.

    :param line: Where it is.
    """
    return Mistake(line, None, "", "is a line of dashes, as it is drawn below a header: delete it")


def short(line: int, cells: int, columns: int) -> Doubt:
    """Return the doubt about a row whose last cells are missing.

    :param line: Where the row begins.
    :param cells: How many cells it has.
    :param columns: How many it should have.
    """
    return Doubt("short_rows", Mistake(line, None, "", f"has {cells} of {columns} cells"))


def marked(line: int) -> Doubt:
    """Return the doubt about a row behind a byte-order mark.

    :param line: Where the row begins.
    """
    reason = "stood behind a byte-order mark, which is left out: were files joined here?"
    return Doubt("byte_order_marks", Mistake(line, None, "", reason))


@dataclass(frozen=True, slots=True)
class Tall:
    """Judges cells of several lines, such as two stray quotes make of whole rows.

    :param width: How many columns there are.
    :param delimiter: What separates cells.
    """

    width: int
    delimiter: str

    def judge(self, line: int, column: str, cells: Sequence[str], index: int) -> Mistake | Doubt | None:
        """Return what is wrong with a cell, or may be.

        :param line: Where its row begins.
        :param column: Its column.
        :param cells: The cells of the row.
        :param index: Which of them it is.
        """
        text = cells[index]
        if text.count(self.delimiter) == text.count(f"{self.delimiter} ") and text.count("\n") < MANY_LINES:
            # No line of it can be a row. Most texts of several lines are like that.
            return None
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        found = [_cells(each, self.delimiter) for each in lines]
        if _is_swallowed(found, self.width - index, self.width - len(cells) + index + 1, self.width):
            reason = (
                f"has {len(lines)} lines that look like rows of their own: is there a quote too many before and after "
                "them? If they are meant, put blanks behind the delimiters"
            )
            return Mistake(line, column, shorten(text), reason)
        if len(lines) > MANY_LINES or (self.width > 1 and self.width in found[1:]):
            return Doubt("cells_of_many_lines", Mistake(line, column, shorten(text), f"has {len(lines)} lines"))
        return None


def _is_swallowed(found: Sequence[int | None], first: int, last: int, width: int) -> bool:
    """Return whether the lines of a cell fit together as rows: the end of one, whole ones, the beginning of another."""
    wanted = [first, *[width] * (len(found) - 2), last]
    fit = all(cells in (0, want) for cells, want in zip(found, wanted, strict=True)) and found[0] and found[-1]
    return bool(fit) and sum(cells - 1 for cells in found if cells) >= _LEAST_DELIMITERS


def _cells(line: str, delimiter: str) -> int | None:
    """Return how many cells a line has if it is a row; 0 if it is blank, None if it reads like a sentence."""
    if not line.strip():
        return 0
    first, *others = line.split(delimiter)
    is_sentence = any(cell[:1].isspace() for cell in others) or not first.strip()
    return None if is_sentence else 1 + len(others)
