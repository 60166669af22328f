"""The text form of a value that Python or JSON gives."""

from __future__ import annotations

import math
import re
import reprlib
from datetime import date, time
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable

ITEM_SEPARATOR = ";"
"""What the items of a list are joined with. How AWS separates them in a cell is unverified."""

_MISSING = frozenset({"NAType", "NaTType"})
"""Types of pandas by which it means a missing value."""

_LONGEST_WHOLE = 400
"""Digits of a number that is written out: all that a float can have."""

# JSON can escape what UTF-8 has no bytes for, and NUL, which no CSV can hold.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")


class JsonObject(dict[str, object]):
    """A JSON object that remembers keys which occur twice."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def text_of(value: object) -> tuple[str, str | None]:
    """Return the text form of a value, and what is wrong with it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return _joined(value)
    text = _plain(value)
    if text is None:
        return _shown(value), f"is of type {_kind(value)}, which has no text form here"
    if (not text.isascii() or "\0" in text) and _UNWRITABLE.search(text):
        return writable(text), "has a NUL character or half of a surrogate pair, which no CSV in UTF-8 can hold"
    return text, None


def _plain(value: object) -> str | None:
    """Return the text form of what is no list; None if it has none."""
    if type(value) is str:
        return value
    if value is None or type(value).__name__ in _MISSING:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, (Real, Decimal)):
        return _number(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, (str, UUID)) else None


def _number(value: Any) -> str | None:
    """Return the text form of a number; empty for NaN, by which databases and data frames mean a missing value."""
    try:
        if not math.isfinite(value):
            return "" if math.isnan(value) else None
        # A column of whole numbers with a gap is one of floats to data frames: 101.0, or 1e+16.
        return str(int(value)) if value == int(value) else str(value)
    except (ValueError, OverflowError):
        # Longer than Python turns into text, or into a float to look at.
        return None


def json_number(text: str) -> str:
    """Return a number of JSON that has a fraction or an exponent: as it stands there, but for one that is whole.

    :param text: The number as it stands in the file.
    """
    if len(text) > _LONGEST_WHOLE:
        return text
    number = Decimal(text)
    is_whole = number.adjusted() <= _LONGEST_WHOLE and number == number.to_integral_value()
    return str(int(number)) if is_whole else text


def _joined(items: Iterable[object]) -> tuple[str, str | None]:
    texts = [text_of(item) for item in items if not isinstance(item, (list, tuple, set, frozenset))]
    problems = [problem for _, problem in texts if problem]
    if isinstance(items, (list, tuple)) and len(texts) < len(items):
        problems.append("is a list of lists")
    if any(ITEM_SEPARATOR in text for text, _ in texts):
        problems.append(f'has an item with a "{ITEM_SEPARATOR}", which separates items')
    ordered = [text for text, _ in texts]
    if isinstance(items, (set, frozenset)):
        ordered.sort()
    return ITEM_SEPARATOR.join(ordered), problems[0] if problems else None


def _kind(value: object) -> str:
    if isinstance(value, JsonObject):
        return "object"
    unwritable = isinstance(value, (Real, Decimal))
    return f"{type(value).__name__} (not finite, or too long)" if unwritable else type(value).__name__


def _shown(value: object) -> str:
    """Return something of a value that has no text form, so that a person finds it again."""
    try:
        return writable(reprlib.repr(value))
    except Exception:  # noqa: BLE001 - a value of any kind may raise anything
        return type(value).__name__


def writable(text: str) -> str:
    """Return a text that any CSV in UTF-8 can hold: with NUL and halves of surrogate pairs escaped.

    :param text: The text.
    """
    return _UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
