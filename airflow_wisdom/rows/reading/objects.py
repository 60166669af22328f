"""The rows of JSON Lines, and those that Python gives."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.cells import RESERVED, is_safe, unsafe
from airflow_wisdom.rows.mistake import Mistake, Unit, shorten
from airflow_wisdom.rows.reading.doubts import header_again, repeated
from airflow_wisdom.rows.reading.table import Row, Table, without_blank_end
from airflow_wisdom.rows.reading.text import empty
from airflow_wisdom.rows.reading.values import JsonObject, json_number, text_of, writable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_WANTED = "JSON Lines has one object on each line"
_NO_NAME = "(no name)"


def read_rows(rows: Iterable[Mapping[str, object]]) -> Table:
    """Read rows that Python gives: a list from XCom, or a generator of a database's rows.

    None, NaN and pandas' missing values become empty text, bool ``Yes`` or ``No``, a date or time ISO 8601, a list,
    tuple or set its items joined with ``;`` (a set in sorted order). A whole number has no fraction and no exponent,
    also as a float: ``101``. Text, other numbers and UUIDs stay what they are. Anything else is a mistake of its row.

    :param rows: Mappings of column to value; gone through once.
    :raises SourceFormatError: While the rows are read: one is no mapping.
    """
    return Table(None, _mapped_rows(rows), "row")


# Numbers as text: "1.10" stays what it is, and no number is too long.
JSON = json.JSONDecoder(object_pairs_hook=JsonObject, parse_float=json_number, parse_int=str, parse_constant=float)


def json_lines_table(lines: Iterator[str]) -> Table:
    """Return the rows of the lines of JSON Lines."""
    first = next(lines, None)
    if first is None:
        raise empty()
    return Table(None, _json_rows(chain([first], lines)), "line")


def _json_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.isspace():
            yield row_of(number, "line", _object(line, number).pairs)


def _object(line: str, number: int) -> JsonObject:
    try:
        found = JSON.decode(line)
    except (ValueError, RecursionError) as error:
        # Its message quotes nothing of the line, which may be a secret.
        problem = getattr(error, "msg", None) or "its nesting is too deep, or a number in it is none"
        raise SourceFormatError(f"The line is no JSON: {problem}. {_WANTED}", line=number) from None
    if not isinstance(found, JsonObject):
        raise SourceFormatError(f"The line is no JSON object. {_WANTED}", line=number)
    return found


def _mapped_rows(rows: Iterable[Mapping[str, object]]) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        try:
            pairs = row.items()
        except AttributeError:
            raise SourceFormatError(
                f"The row is of type {type(row).__name__}, but must map columns to values", line=number, unit="row"
            ) from None
        yield row_of(number, "row", pairs)


def row_of(number: int, unit: Unit, pairs: Iterable[tuple[object, object]]) -> Row:
    """Return the row of an object.

    :param number: Where it is.
    :param unit: What `number` counts.
    :param pairs: Its keys and values.
    """
    values: dict[str, str] = {}
    mistakes = []
    surplus: tuple[str, ...] = ()
    marks: dict[str, str] = {}
    for key, value in pairs:
        if key is None:
            surplus = _surplus(value)
            continue
        column = column_of(key)
        if column in RESERVED:
            marks[column] = "" if value is False else text_of(value)[0]
            continue
        text, problem = text_of(value)
        if column in values:
            problem = problem or "is given twice"
        if problem:
            mistakes.append(Mistake(number, column, shorten(text), problem, unit))
        values[column] = text
    if repeated(values):
        mistakes.append(header_again(number, unit))
    if is_safe(marks):
        values = {unsafe(column): text for column, text in values.items()}
        mistakes = [replace(each, column=unsafe(each.column)) if each.column else each for each in mistakes]
    row = Row(number, values, surplus, tuple(mistakes), unit)
    return row.restored(marks) if marks else row


def _surplus(cells: object) -> tuple[str, ...]:
    """Return what stands under None, where ``csv.DictReader`` puts the cells for which there is no column."""
    return without_blank_end([text_of(cell)[0] for cell in (cells if isinstance(cells, (list, tuple)) else [cells])])


def column_of(key: object) -> str:
    """Return what a column is called whose name is any value.

    :param key: The value.
    """
    if type(key) is not str:
        key = str(key)
    if not (key.isascii() and key.isprintable()):
        key = writable(key)
    return key.strip() or _NO_NAME
