"""Placeholders in texts, such as ``{{Attributes.Customer}}``, and what is wrong with them. Pure.

AWS's guide has Handlebars syntax, user-defined contact attributes, and always the prefix ``Attributes.``. What does not
look like that, an agent would send to a customer as it is.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from airflow_wisdom.rows.mistake import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "Attributes."
"""What the name in a placeholder begins with."""

_LOOKALIKES = "\uff5b\uff5d\ufe5b\ufe5c\u2774\u2775\u2983\u2984"
# One class of characters: an alternation is tried at each of them, and takes eight times as long.
_BRACES = re.compile(rf"([{{}}{_LOOKALIKES}])\1*")
_MOST_PROBLEMS = 5
_SHOWN = 40


def problems(text: str) -> list[str]:
    """Return what is wrong with the placeholders of a text, each thing once, as the rest of a sentence about it.

    :param text: The text. It is gone through once, however many braces it has.
    """
    return list(dict.fromkeys(islice(_problems(text), _MOST_PROBLEMS)))


def _problems(text: str) -> Iterator[str]:
    opened: int | None = None
    for found in _BRACES.finditer(text):
        braces, begin = found[0], found.start()
        inside = None if opened is None else text[opened:begin]
        if braces[0] in _LOOKALIKES:
            yield f'has "{shorten(braces)}", which is no brace: a placeholder is written "{{{{{PREFIX}...}}}}"'
        elif len(braces) > len("{{"):
            yield f'has "{shorten(braces)}": a placeholder has two braces on each side'
            opened = None
        elif braces == "{{":
            yield from _unclosed(inside)
            opened = found.end()
        elif braces == "}}":
            yield from ['has "}}" without "{{" before it'] if inside is None else _name(inside)
            opened = None
        elif braces == "}":
            yield from _unclosed(inside)
            opened = None
        elif text.startswith(PREFIX, found.end()):
            yield f'has "{{{PREFIX}" with one brace: a placeholder has two on each side'
    yield from _unclosed(None if opened is None else text[opened:])


def _unclosed(inside: str | None) -> Iterator[str]:
    if inside is not None:
        yield f'has "{{{{{shorten(inside[:_SHOWN])}" without "}}}}" after it'


def _name(inside: str) -> Iterator[str]:
    """Yield what is wrong with what is between two pairs of braces."""
    name = inside.strip()
    shown = f'has the placeholder "{{{{{shorten(name)}}}}}"'
    if not name.startswith(PREFIX):
        yield f'{shown} without the prefix "{PREFIX}"'
    elif name == PREFIX:
        yield f"{shown}, which names no attribute"
    elif not name.isprintable() or "{" in name:
        yield f"{shown} with a line break or a brace in its name"
