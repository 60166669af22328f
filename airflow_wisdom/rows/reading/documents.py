"""The rows of a JSON document: a list of objects, or objects one after the other, on as many lines as they like."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.mistake import shorten
from airflow_wisdom.rows.reading.objects import JSON, row_of
from airflow_wisdom.rows.reading.table import Table
from airflow_wisdom.rows.reading.text import MAX_LINE, empty
from airflow_wisdom.rows.reading.values import JsonObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_wisdom.rows.reading.table import Row

_BLANK = " \t\r\n"
_WANTED = 'It must be a list of objects, as pandas\' to_json(orient="records") writes it'
# As much as the end of a piece can cut in half: -Infinity, or an escape of two halves.
_CUT = 16
_KEY = r'"(?:[^"\\]|\\.)*"\s*:\s*'
_ORIENTATIONS = (
    ("split", re.compile(r'\{\s*"(?:columns|index)"\s*:\s*\[')),
    ("table", re.compile(r'\{\s*"schema"\s*:\s*\{')),
    ("columns", re.compile(rf'\{{\s*{_KEY}\{{\s*"\d+"\s*:')),
    ("index", re.compile(r'\{\s*"\d+"\s*:\s*\{')),
)
_WRAPPED = re.compile(rf"\{{\s*({_KEY})\[\s*\{{")
_LIST = re.compile(r"\[\s*[\[{\]]")


def is_list(head: str) -> bool:
    """Return whether a file whose beginning this is holds a list of objects, or of lists.

    :param head: The first characters of the file.
    """
    return _LIST.match(head.lstrip()) is not None


def is_lines(head: str) -> bool:
    """Return whether a file that begins with an object has the whole of it on its first line.

    :param head: The first characters of the file, but not all of them, unless it is short.
    """
    first, end, _ = head.lstrip().partition("\n")
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        # An object that opens a line and does not go on there is not one of JSON Lines.
        return not end
    return True


def refuse_other_shapes(head: str) -> None:
    """Refuse a document that is one object with all rows in it.

    :param head: The first characters of the file.
    :raises SourceFormatError: It is; the message says which shape it must have.
    """
    text = head.lstrip()
    for orientation, beginning in _ORIENTATIONS:
        if beginning.match(text):
            raise SourceFormatError(
                f'The file is one object, as pandas writes it with orient="{orientation}". {_WANTED}'
            )
    wrapped = _WRAPPED.match(text)
    if wrapped:
        raise _wrapped(wrapped[1].strip(": \t\r\n").strip('"'))
    if text.startswith("{"):
        _refuse_columns(text)


def _refuse_columns(text: str) -> None:
    try:
        first, _ = JSON.raw_decode(text)
    except (ValueError, RecursionError):
        # It goes on, or is no JSON at all, which its reader says better.
        return
    lists = {key: value for key, value in first.items() if isinstance(value, list)}
    for key, value in lists.items():
        if value and isinstance(value[0], JsonObject):
            raise _wrapped(key)
    if len(lists) == len(first) > 1:
        raise SourceFormatError(f"The file is one object, which has a list for each column. {_WANTED}")


def _wrapped(key: str) -> SourceFormatError:
    return SourceFormatError(
        f'The file is one object, whose rows are in its member "{shorten(key)}". {_WANTED}: that list alone'
    )


def json_table(pieces: Iterator[str]) -> Table:
    """Return the rows of a JSON document.

    :param pieces: The text of the file, in pieces.
    :raises SourceFormatError: The file is empty; while the rows are read: it is no JSON, or an item is no object.
    """
    text = _Text(pieces)
    if not text.next():
        raise empty()
    return Table(None, _rows(text), "row")


def _rows(text: _Text) -> Iterator[Row]:
    items = _items(text) if text.next() == "[" else _sequence(text)
    for number, item in enumerate(items, 1):
        if not isinstance(item, JsonObject):
            problem = _LIST_ITEM if isinstance(item, list) else "is no object"
            raise SourceFormatError(f"The item {problem}. {_WANTED}", line=number)
        yield row_of(number, "row", item.pairs)


_LIST_ITEM = 'is a list, which has no names of columns, as pandas writes it with orient="values"'


def _items(text: _Text) -> Iterator[object]:
    """Yield the items of the list that begins here and is all of the text."""
    text.skip()
    number = 0
    if text.next() != "]":
        yield text.value(number := 1)
        while text.next() == ",":
            text.skip()
            yield text.value(number := number + 1)
    if text.next() != "]":
        problem = "is cut off" if not text.next() else "is no JSON: a comma or its end was expected"
        raise SourceFormatError(f"The list {problem} behind this item", line=number)
    text.skip()
    if text.next():
        raise SourceFormatError("There is something behind the end of the list, behind this item", line=number)


def _sequence(text: _Text) -> Iterator[object]:
    number = 0
    while text.next():
        yield text.value(number := number + 1)


class _Text:
    """The text of a file, of which no more is kept than a value needs."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._text = ""
        self._at = 0

    def next(self) -> str:
        """Return the next character that is not blank; nothing at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._grow():
                return ""

    def skip(self) -> None:
        """Go on behind the next character."""
        self._at += 1

    def value(self, number: int) -> object:
        """Return the value that begins here.

        :param number: Which one it is, for messages.
        """
        self.next()
        while True:
            found = self._decoded(number)
            if found is not None:
                value, self._at = found
                return value
            if len(self._text) - self._at > MAX_LINE:
                raise SourceFormatError(f"The item is longer than {MAX_LINE:,} characters", line=number)
            if not self._grow():
                raise SourceFormatError("The item is no JSON: it is cut off", line=number)

    def _decoded(self, number: int) -> tuple[object, int] | None:
        """Return the value and where it ends; None if the text may go on with it."""
        try:
            value, end = JSON.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            if error.pos < len(self._text) - _CUT and not error.msg.startswith("Unterminated string"):
                raise SourceFormatError(f"The item is no JSON: {error.msg}", line=number) from None
            return None
        except (ValueError, RecursionError):
            problem = "its nesting is too deep, or a number in it is none"
            raise SourceFormatError(f"The item is no JSON: {problem}", line=number) from None
        # A number may go on.
        return (value, end) if end < len(self._text) or self._text[-1] in '}]"' else None

    def _grow(self) -> bool:
        """Read more, as much as is kept, so that a long value is not looked at too often; False at the end."""
        kept = [self._text[self._at :]]
        wanted = max(1, len(kept[0]))
        self._at = 0
        while wanted > 0:
            piece = next(self._pieces, None)
            if piece is None:
                break
            kept.append(piece)
            wanted -= len(piece)
        self._text = "".join(kept)
        return len(kept) > 1
