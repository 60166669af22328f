"""Pages of a list. The size of a page nobody asked for is an assumption."""

import base64
import binascii
from collections.abc import Iterable
from itertools import islice
from typing import TypeVar

from .exceptions import ValidationException

DEFAULT_SIZE = 50
T = TypeVar("T")


def page(items: Iterable[tuple[int, T]], max_results: int | None, next_token: str | None) -> tuple[list[T], str | None]:
    """Cut one page out of `items`, pairs of a rising position and a thing.

    The token holds the last position shown, so whoever deletes what was shown misses nothing that comes next.
    """
    last = None if next_token is None else _decode(next_token)
    rest = (item for item in items if last is None or item[0] > last)
    size = max_results or DEFAULT_SIZE
    shown = list(islice(rest, size))
    more = next(rest, None) is not None
    return [thing for _, thing in shown], _encode(shown[-1][0]) if more else None


def _encode(position: int) -> str:
    return base64.urlsafe_b64encode(f"after:{position}".encode()).decode()


def _decode(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("after:"))
    except (binascii.Error, ValueError):
        raise ValidationException("The nextToken is not valid.") from None
