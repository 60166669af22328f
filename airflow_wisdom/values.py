"""Numbers and durations as templates, XComs and users write them, read in one way everywhere, and in words. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

ONE_DAY = 24 * 60 * 60.0
"""Seconds for which is waited where nobody says for how long."""

_DIGITS = 19
"""Digits of a number that is not looked at further: Python refuses to read texts of thousands."""


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return a whole number that may have come as text or as a float out of a template.

    :param name: Name of the parameter, for the error.
    :param value: The number, such as ``3``, ``"3"`` or ``3.0``.
    :param least: The smallest that is allowed.
    :param most: The largest that is allowed. Default: any.
    :raises ValueError: It is not a whole number, or not within these limits.
    """
    text = str(value).strip()
    whole = text.removesuffix(".0")
    number = int(whole) if whole.isdecimal() and len(whole) < _DIGITS and not isinstance(value, bool) else None
    if number is None or number < least or (most is not None and number > most):
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {allowed}, not {value!r:.100}")
    return number


def seconds(duration: timedelta | float) -> float:
    """Return a duration in seconds.

    :param duration: Seconds, or a timedelta.
    """
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def check_interval(poll_interval: float | None) -> None:
    """Refuse an interval that makes no sense before anything is done.

    :param poll_interval: Seconds between two looks; None for intervals that grow.
    :raises ValueError: It is not more than zero.
    """
    if poll_interval is not None and not poll_interval > 0:
        raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval!r}")


def must_be_one_of(name: str, value: object, words: tuple[str | None, ...]) -> None:
    """Refuse a word that means nothing.

    :param name: Name of the parameter.
    :param value: What was given.
    :param words: What it may be; None where it need not be given.
    :raises ValueError: It is not one of them.
    """
    if value not in words:
        raise ValueError(f"{name} must be one of {', '.join(filter(None, words))}, not {value!r:.100}")


def tolerated(name: str, value: Any) -> Any:
    """Return how many failures are tolerated: a word, or a number.

    :param name: Name of the parameter.
    :param value: ``fail``, ``warn``, ``ignore``, or a number, also as text.
    :raises ValueError: It is neither.
    """
    if value in ("fail", "warn", "ignore"):
        return value
    try:
        return whole_number(name, value, 0)
    except ValueError:
        raise ValueError(f"{name} must be fail, warn, ignore or a whole number, not {value!r:.100}") from None


def most_tolerated(tolerated: str | int) -> int | None:
    """Return how many failures are tolerated, as a number; None for any number.

    :param tolerated: What :func:`tolerated` returned.
    """
    words = {"fail": 0, "warn": None, "ignore": None}
    return words[str(tolerated)] if tolerated in words else int(tolerated)


def counted(number: int, noun: str) -> str:
    """Return a number of things in words, such as ``1 file`` or ``1,200 files``.

    :param number: How many there are.
    :param noun: What each is called; its plural ends in s.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
