"""Texts that somebody, on the way here, has read or written in a wrong encoding. Pure."""

from __future__ import annotations

import re

# How UTF-8 looks that was read as Latin-1 or, as the second half of each has it, as Windows-1252.
_LETTER = "[\xc2\xc3][\xa0-\xbf\x80-\x9f\u0160\u0152\u017d\u0161\u0153\u017e\u0178\u0192]"
_QUOTE = "\xe2[\x80\u20ac]"
_EMOJI = "\xf0[\x9f\u0178]"
_KANA = "\xe3[\x80-\x83\u20ac\u201a\u0192]"
# Other pairs are left out, since texts have them: a letter, a space that does not break, and a French quotation mark.
_GARBLED = re.compile(f"{_LETTER}|{_QUOTE}|{_EMOJI}|{_KANA}")
_LOST = "\N{REPLACEMENT CHARACTER}"


def problem(text: str) -> str | None:
    """Return what gives a text away, as the rest of a sentence about it; None if nothing does.

    :param text: The text. It is gone through once.
    """
    if text.isascii():
        # As most are, and that is known without a look at its characters.
        return None
    if _LOST in text:
        return f'has "{_LOST}", where a character was lost: save it again in its source, as UTF-8'
    found = _GARBLED.search(text)
    return f'has "{found[0]}": was UTF-8 read in another encoding before it was saved?' if found else None
