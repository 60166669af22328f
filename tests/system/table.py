"""What became of each fault, as a table: on the screen, and for the docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trial import Verdict

COLUMNS = {"lost": "lost", "doubled": "doubled", "stuck": "stuck", "leaked": "leaked", "wrong": "wrong colour"}


@dataclass
class Row:
    """What became of one fault.

    :param fault: Its name.
    :param times: How many runs it has happened to.
    :param verdicts: What became of each of them.
    :param known: Why it is known to fail; empty where it is not.
    :param broken: Why the scenario could not be played to its end.
    :param has_to_be_seen_in: The column that must not be 0, where the product was broken on purpose.
    """

    fault: str
    times: int
    verdicts: list[Verdict]
    known: str = ""
    broken: str = ""
    has_to_be_seen_in: str = ""

    def number(self, column: str) -> int:
        return sum(getattr(verdict, column) for verdict in self.verdicts)

    @property
    def notes(self) -> list[str]:
        return [note for verdict in self.verdicts for note in verdict.notes] + ([self.broken] if self.broken else [])

    @property
    def is_good(self) -> bool:
        return not self.broken and all(verdict.is_good for verdict in self.verdicts)

    @property
    def is_as_expected(self) -> bool:
        if self.has_to_be_seen_in:
            return bool(self.number(self.has_to_be_seen_in))
        return self.is_good or bool(self.known)

    def cells(self) -> list[str]:
        return [self.fault, str(self.times), *(str(self.number(column)) for column in COLUMNS)]


HEADER = ["fault", "times", *COLUMNS.values()]


def as_text(rows: list[Row]) -> str:
    """Return the table for the screen, with a word for each row that is not as it should be."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    words = ["", *(_word(row) for row in rows)]
    pairs = zip(lines, words, strict=True)
    return "\n".join(f"{_aligned(line, widths)}  {word}".rstrip() for line, word in pairs)


def as_markdown(rows: list[Row], before: str, order: Iterable[str]) -> str:
    """Return the table for the docs: what was measured now, and what is there of other faults.

    :param rows: What was measured now.
    :param before: The table that there is.
    :param order: All faults, in their order.
    """
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in before.splitlines()[2:]}
    lines |= {row.fault: _line(row.cells()) for row in rows}
    head = _line(HEADER), _line(["---", *["--:"] * (len(HEADER) - 1)])
    return "\n".join([*head, *(lines[fault] for fault in order if fault in lines)]) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _word(row: Row) -> str:
    if not row.is_as_expected:
        return "FAIL"
    return "" if row.is_good else "known" if row.known else "seen"


def _aligned(cells: list[str], widths: list[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])
