"""Sheets as text: tables that fit a terminal, and plain lines with tabs for whatever reads a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import Console
    from rich.table import Table

    from airflow_wisdom.cli.outcome import Column, Sheet

_GAP = 2
_NARROWEST_TEXT = 12
"""Characters that a column of text needs at least to be readable."""

_STYLES = {"COMPLETE": "green", "START_IN_PROGRESS": "yellow", "valid": "green", "+": "green", "~": "yellow"}
"""How a status, or the sign of a change, is shown; every other one is shown as a failure."""


def visible(text: str) -> str:
    """Return a text without control characters, which would steer the terminal.

    :param text: The text.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def cell(value: Any, unknown: str = "") -> str:
    """Return what is shown of a value.

    :param value: The value.
    :param unknown: What is shown of None. Default: nothing.
    """
    if value is None:
        return unknown
    return visible(str(value))


def write_plain(sheets: Sequence[Sheet], file: TextIO) -> None:
    """Write sheets as lines whose cells are separated by tabs, and an empty line between two sheets.

    :param sheets: The sheets.
    :param file: Where to.
    """
    file.write("\n".join("".join(f"{line}\n" for line in _plain_lines(sheet)) for sheet in _filled(sheets)))


def _filled(sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return the sheets that are shown: what a command is about always, the rest if it has rows."""
    return [sheet for sheet in sheets if sheet.rows or not sheet.title]


def _plain_lines(sheet: Sheet) -> list[str]:
    header = [[column.title for column in sheet.columns]] if sheet.has_header else []
    return ["\t".join(map(cell, row)) for row in [*header, *sheet.rows]]


def write_rich(sheets: Sequence[Sheet], console: Console) -> None:
    """Write sheets as tables that fit the terminal.

    :param sheets: The sheets.
    :param console: The terminal.
    """
    for number, sheet in enumerate(_filled(sheets)):
        if number:
            console.print()
        if sheet.title:
            console.print(sheet.title, style="bold", markup=False, highlight=False)
        console.print(_table(sheet, console.width))


def _table(sheet: Sheet, width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    shown = shown_columns(sheet, width)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), show_header=sheet.has_header, header_style="dim")
    for number in shown:
        column = sheet.columns[number]
        table.add_column(
            Text(column.title),
            justify="right" if column.kind == "number" else "left",
            no_wrap=column.kind != "text",
            overflow="fold",
        )
    for row in sheet.rows:
        table.add_row(*(Text(cell(row[number], "?"), _style(sheet.columns[number], row[number])) for number in shown))
    return table


def _style(column: Column, value: Any) -> str:
    return _STYLES.get(str(value), "red") if column.kind == "status" else ""


def shown_columns(sheet: Sheet, width: int) -> list[int]:
    """Return the numbers of the columns that a terminal has room for: optional ones go first, the last of them first.

    :param sheet: The sheet.
    :param width: Columns of the terminal.
    """
    needed = [_needed(sheet, number) for number in range(len(sheet.columns))]
    shown = list(range(len(sheet.columns)))
    for number in reversed(range(len(sheet.columns))):
        if sum(needed[each] + _GAP for each in shown) <= width:
            break
        if sheet.columns[number].optional:
            shown.remove(number)
    return shown


def _needed(sheet: Sheet, number: int) -> int:
    column = sheet.columns[number]
    title = len(column.title) if sheet.has_header else 0
    longest = max((len(cell(row[number], "?")) for row in sheet.rows), default=0)
    return max(title, min(longest, _NARROWEST_TEXT) if column.kind == "text" else longest)
