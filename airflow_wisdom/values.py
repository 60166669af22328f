"""Parameters as templates, XComs and users write them: read in one way everywhere, and refused all at once. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

Reader = Callable[[str, Any], Any]
"""What reads a parameter: it gets name and value, and returns what the value means, or raises a ``ValueError``."""

Readers = Mapping[str, Reader]
"""Name of a parameter -> what reads it."""

ONE_DAY = 24 * 60 * 60.0
"""Seconds for which is waited where nobody says for how long."""

LONGEST = 100 * 365 * ONE_DAY
"""Seconds of the longest duration: beyond it, Airflow's dates end."""

_DIGITS = 19
"""Digits of a number that is not looked at further: Python refuses to read texts of thousands."""

_UNITS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}
"""Unit of a duration -> its seconds."""

_SWITCHES = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
"""The words that Airflow itself takes for a switch."""


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return a whole number that may have come as text or as a float out of a template.

    :param name: Name of the parameter, for the error.
    :param value: The number, such as ``3``, ``"3"``, ``"3_000"`` or ``3.0``.
    :param least: The smallest that is allowed.
    :param most: The largest that is allowed. Default: any.
    :raises ValueError: It is not a whole number, or not within these limits.
    """
    text = str(value).strip()
    whole = text.removesuffix(".0").replace("_", "")
    number = int(whole) if whole.isdecimal() and len(whole) < _DIGITS and not isinstance(value, bool) else None
    if number is None or number < least or (most is not None and number > most):
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be a whole number {allowed}, not {value!r:.100}")
    return number


def share(name: str, value: Any) -> float:
    """Return a share, which may have come as text.

    :param name: Name of the parameter, for the error.
    :param value: The share, such as ``0.3`` or ``"0.3"``.
    :raises ValueError: It is not a number from 0 to 1.
    """
    number = _float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, not {value!r:.100}")
    return number


def duration(name: str, value: Any) -> float:
    """Return a duration in seconds.

    :param name: Name of the parameter, for the error.
    :param value: Seconds, a timedelta, or either as text: ``"50"``, or a number with one of the units s, m, h and d.
    :raises ValueError: It is something else, not more than zero, or more than a hundred years.
    """
    unit = value.strip()[-1:] if isinstance(value, str) else ""
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif unit in _UNITS:
        seconds = _float(value.strip()[:-1]) * _UNITS[unit]
    else:
        seconds = _float(value)
    if not 0 < seconds <= LONGEST:
        raise ValueError(
            f"{name} must be more than 0 and at most 100 years: seconds, a timedelta, or a text such as 90m, "
            f"not {value!r:.100}"
        )
    return seconds


def switch(name: str, value: Any) -> bool:
    """Return whether something is switched on; the text ``"False"`` is not.

    :param name: Name of the parameter, for the error.
    :param value: ``True`` or ``False``, also as text or as 1 or 0.
    :raises ValueError: It is neither.
    """
    known = _SWITCHES.get(str(value).strip().lower())
    if known is None:
        raise ValueError(f"{name} must be True or False, not {value!r:.100}")
    return known


def one_of(name: str, value: Any, words: tuple[str, ...]) -> Any:
    """Return a word that means something.

    :param name: Name of the parameter, for the error.
    :param value: What was given.
    :param words: What it may be.
    :raises ValueError: It is not one of them.
    """
    if value not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, not {value!r:.100}")
    return value


def text(name: str, value: Any, most: int | None = None) -> Any:
    """Return a text that says something.

    :param name: Name of the parameter, for the error.
    :param value: The text.
    :param most: Characters of the longest that is allowed. Default: any.
    :raises ValueError: It is something else, empty or too long.
    """
    if not isinstance(value, str) or not value.strip() or (most is not None and len(value) > most):
        allowed = "a text that is not empty" if most is None else f"a text of 1 to {most:,} characters"
        raise ValueError(f"{name} must be {allowed}, not {value!r:.100}")
    return value


def connection_id(name: str, value: Any) -> Any:
    """Return the id of an Airflow connection.

    :param name: Name of the parameter, for the error.
    :param value: The id.
    :raises ValueError: It is something else, or empty, as where an XCom or a variable is: nobody means other
        credentials by that.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be the id of an Airflow connection, not {value!r:.100}")
    return value


def mapping(name: str, value: Any) -> Any:
    """Return a mapping.

    :param name: Name of the parameter, for the error.
    :param value: The mapping.
    :raises ValueError: It is something else, as where a template has made a text of it.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a dict, not {value!r:.100}")  # noqa: TRY004 - as for all parameters
    return value


def texts_by_text(name: str, value: Any) -> Any:
    """Return a mapping of texts to texts.

    :param name: Name of the parameter, for the error.
    :param value: The mapping.
    :raises ValueError: It is something else.
    """
    for key, item in mapping(name, value).items():
        if not (isinstance(key, str) and isinstance(item, str)):
            raise ValueError(f"{name} must map texts to texts, not {key!r:.100} to {item!r:.100}")  # noqa: TRY004 - as for all parameters
    return value


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


def optional(read: Reader, default: Any = None) -> Reader:
    """Return what reads a parameter that need not be given.

    :param read: What reads it where it is given.
    :param default: What stands for None.
    """
    return lambda name, value: default if value is None else read(name, value)


def _float(value: Any) -> float:
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


class Problems:
    """What is wrong with parameters, so that all of it can be said at once."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.retryable = False

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note what the block raises about a parameter, and go on after it."""
        try:
            yield
        except ParameterError as exc:
            self.found += [problem for problem in exc.problems if problem not in self.found]
        except ValueError as exc:
            self.found.append(str(exc))

    def read(self, readers: Readers, given: Any) -> dict[str, Any]:
        """Return what parameters mean, as far as they mean something.

        :param readers: Name -> what reads it.
        :param given: What has the values as attributes of these names.
        """
        values = {}
        for name, read in readers.items():
            with self.noting():
                values[name] = read(name, getattr(given, name))
        return values

    def check(self) -> None:
        """Raise if anything is wrong.

        :raises ParameterError: Something is.
        """
        if self.found:
            raise ParameterError("; ".join(self.found), problems=self.found, retryable=self.retryable)


def readers_of(kind: type) -> dict[str, Reader]:
    """Return what reads the parameters of a class, and of its bases: what each of them has in its ``readers``.

    :param kind: The class.
    """
    return {name: read for base in reversed(kind.__mro__) for name, read in vars(base).get("readers", {}).items()}


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
