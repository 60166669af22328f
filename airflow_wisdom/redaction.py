"""What must never be shown: the query of a presigned URL, which grants whoever has it access. Pure.

Every function here takes time that is linear in the length of the text, whatever the text: it is often a user's.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "?<redacted>"
"""What stands in place of a query."""

LONGEST_MESSAGE = 20_000
"""Characters of a message that are kept: enough for a person, and little enough for a log and a database."""

# What is no part of a URL in a text: each word is looked at once, so that no text makes the search start over. Compiled
# when they are first needed: every parse of a DAG loads this module, and compiling them is a half of what that takes.
_WORD = r"[^\s\"'<>]+"
_UNBROKEN = r"\S+"
_QUERY = r"\?|%3F"
_SCHEME = r"https?://"

_marks = ["X-Amz-", "Signature"]
"""Regular expressions of what distinguishes the query of a presigned URL from others."""


def redact(text: str) -> str:
    """Return a text without the query of any presigned URL in it.

    :param text: The text.
    """
    return _pattern(_WORD).sub(_redact_word, text) if _pattern(_QUERY).search(text) else text


def redact_also(parameters: Iterable[str]) -> None:
    """Let :func:`redact` take URLs that have one of these query parameters for presigned, in this process.

    :param parameters: Their names, in upper or lower case.
    """
    names = "|".join(map(re.escape, parameters))
    # Behind the mark that begins a parameter, be it encoded as in a URL within a URL, or as in HTML.
    mark = rf"(?:(?<=[?&;])|(?<=%3F)|(?<=%26))(?:{names})(?:=|%3D)"
    if names and mark not in _marks:
        _marks.append(mark)


def redacted(value: Any) -> Any:
    """Return JSON primitives without the query of any presigned URL in them, keys of dicts included.

    :param value: Text, number, list or dict.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, (list, tuple)):
        return [redacted(item) for item in value]
    if isinstance(value, dict):
        return {redacted(name): redacted(item) for name, item in value.items()}
    return value


def without_queries(text: str) -> str:
    """Return a text without the query of any URL in it: for values of which not even the kind is known.

    :param text: The text.
    """
    return _pattern(_UNBROKEN).sub(_cut_query, text) if "?" in text else text


def cut(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Return the beginning of a text.

    :param text: The text.
    :param longest: How many characters of it are kept.
    """
    return text if len(text) <= longest else f"{text[:longest]} ..."


def _redact_word(found: re.Match[str]) -> str:
    word = found[0]
    query = _pattern(_QUERY).search(word)
    if query is None or not _pattern("|".join(_marks)).search(word, query.start()):
        return word
    return word[: query.start()] + REDACTED


def _cut_query(found: re.Match[str]) -> str:
    word = found[0]
    scheme = _pattern(_SCHEME).search(word)
    address, mark, _ = word[scheme.end() :].partition("?") if scheme else ("", "", "")
    return word[: scheme.end()] + address + REDACTED if scheme and mark else word


@cache
def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)
