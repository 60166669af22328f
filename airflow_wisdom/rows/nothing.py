"""What exporters write where there is nothing, and spreadsheets where there is an error. Pure."""

from __future__ import annotations

import re

NULL_VALUES = (
    "\\N",
    "NULL",
    "null",
    "None",
    "nan",
    "NaN",
    "NaT",
    "<NA>",
    "#N/A",
    "#NV",
    "#N/D",
    "<null>",
    "(null)",
    "[NULL]",
)
"""Cells that mean nothing, by default: as a whole, and in just this spelling.

So databases (``\\N``, ``NULL``), Python and pandas (``None``, ``nan``, ``NaT``, ``<NA>``), spreadsheets (``#N/A``, in
other languages ``#NV`` or ``#N/D``) and database tools (``<null>``, ``(null)``, ``[NULL]``) write a missing value. What
people write themselves, such as ``N/A``, ``NA``, ``none`` or ``-``, is a text.
"""

_ERROR = re.compile(
    r"#(?:REF|VALUE|DIV/0|NUM|NULL|SPILL|CALC|FIELD|BLOCKED|CONNECT|UNKNOWN|PYTHON|EXTERNAL|BUSY|ERROR)!"
    # As Excel has them in German, French, Spanish, Italian and Portuguese.
    r"|#(?:BEZUG|WERT|ZAHL|VALEUR|NOMBRE|NUL|VALOR|RIF|VALORE|NULLO|N\u00daM|NULO)!"
    r"|#\u00a1(?:REF|VALOR|DIV/0|NUM|NULO)!"
    r"|#(?:NAME|NOM|NOME|\u00bfNOMBRE)\?|#GETTING_DATA|Err:[0-9]{3}"
)
_LONGEST_ERROR = 16


def is_error(text: str) -> bool:
    """Return whether a cell is an error value of a spreadsheet, whose formula found nothing to show.

    :param text: The cell, without spaces at its ends.
    """
    return len(text) <= _LONGEST_ERROR and text[:1] in ("#", "E") and _ERROR.fullmatch(text) is not None
