"""What is written on a command line, read for argparse; what makes no sense is refused before anything begins."""

from __future__ import annotations

from argparse import ArgumentTypeError
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_wisdom import values
from airflow_wisdom.model.knowledge_base import is_id
from airflow_wisdom.rows.reading.dialect import check_delimiter
from airflow_wisdom.rows.reading.text import check_encoding

if TYPE_CHECKING:
    from collections.abc import Callable


def duration(text: str) -> float:
    """Return a duration in seconds.

    :param text: Seconds, or a number with one of the units s, m, h and d.
    :raises ArgumentTypeError: It is neither, or not more than zero.
    """
    try:
        return values.duration("it", text)
    except ValueError:
        raise ArgumentTypeError(f"must be seconds, or a number with s, m, h or d, such as 90m, not {text!r}") from None


def mapping(text: str) -> tuple[str, str]:
    """Return a column and its label.

    :param text: Both, with an equals sign between them.
    :raises ArgumentTypeError: One of them is missing.
    """
    column, _, label = text.rpartition("=")
    if not (column.strip() and label.strip()):
        raise ArgumentTypeError(f"must be COLUMN=LABEL, not {text!r}")
    return column.strip(), label.strip()


def delimiter(text: str) -> str:
    """Return what separates the cells of a CSV.

    :param text: The character, or a word for it.
    :raises ArgumentTypeError: It is neither.
    """
    try:
        return check_delimiter(text)
    except ValueError as exc:
        raise ArgumentTypeError(str(exc)) from None


def encoding(text: str) -> str:
    """Return the name of an encoding.

    :param text: The name.
    :raises ArgumentTypeError: There is no encoding of that name.
    """
    try:
        check_encoding(text)
    except ValueError as exc:
        raise ArgumentTypeError(str(exc)) from None
    return text


def function(text: str) -> Callable[..., Any]:
    """Return a function by its name.

    :param text: Module and function, with a colon between them; the module is found as by ``import``.
    :raises ArgumentTypeError: There is no such function.
    """
    module, _, name = text.partition(":")
    try:
        found = getattr(import_module(module), name)
    except Exception as exc:  # noqa: BLE001 - a module of the user's may raise anything
        raise ArgumentTypeError(f"must be MODULE:FUNCTION, which can be imported, not {text!r}: {exc}") from None
    if not callable(found):
        raise ArgumentTypeError(f"must be a function, not {text!r}")
    return found  # type: ignore[no-any-return]


def job_id(text: str) -> str:
    """Return the id of an import job.

    :param text: The id.
    :raises ArgumentTypeError: It is something else.
    """
    if not is_id(text):
        raise ArgumentTypeError(f"must be an id such as 01234567-89ab-cdef-0123-456789abcdef, not {text!r:.200}")
    return text


def at_least(least: int) -> Callable[[str], int]:
    """Return what reads a whole number.

    :param least: The smallest that is allowed.
    """

    def read(text: str) -> int:
        try:
            return values.whole_number("it", text, least)
        except ValueError:
            raise ArgumentTypeError(f"must be a whole number, at least {least}, not {text!r}") from None

    return read


def share(text: str) -> float:
    """Return a share.

    :param text: A number from 0 to 1.
    :raises ArgumentTypeError: It is none.
    """
    try:
        return values.share("it", text)
    except ValueError:
        raise ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}") from None


def tolerated(text: str) -> str | int:
    """Return what is to be done about refused records or failed changes: a word, or the number that is tolerated.

    :param text: The word or the number.
    :raises ArgumentTypeError: It is neither.
    """
    try:
        return values.tolerated("it", text)  # type: ignore[no-any-return]
    except ValueError:
        raise ArgumentTypeError(f"must be fail, warn, ignore or a whole number, not {text!r}") from None
