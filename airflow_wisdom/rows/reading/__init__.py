"""Rows of any source, one after the other: a CSV file, JSON Lines, or what an iterable in Python yields.

Nothing here holds more than a piece of the source. What makes the source unreadable as a whole raises; what is wrong
with one row stays with that row, so that all such rows can be reported at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from airflow_wisdom.rows.reading.delimited import csv_table
from airflow_wisdom.rows.reading.formats import FORMATS, by_content, format_of
from airflow_wisdom.rows.reading.objects import json_lines_table
from airflow_wisdom.rows.reading.text import begin, lines

if TYPE_CHECKING:
    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Table


def read(
    file: BinaryIO,
    *,
    format: Format | None = None,  # noqa: A002 - the word that users know from everywhere else
    name: str = "",
    delimiter: str | None = None,
) -> Table:
    """Read a file whose kind its name says, or else its first bytes.

    :param file: The file, opened in binary mode. It is read once from where it stands, and never closed.
    :param format: ``csv`` or ``json_lines``. Default: by the ending of `name`
        (:data:`~airflow_wisdom.rows.reading.formats.FORMATS`); for any other, JSON Lines if the file begins with
        ``{``, and CSV otherwise.
    :param name: Name or path of the file.
    :param delimiter: As for :func:`read_csv`.
    :raises SourceFormatError: As for :func:`read_csv` and :func:`read_json_lines`.
    :raises ValueError: `format` is not one of its words, or `delimiter` not one character.
    """
    if format not in (None, *FORMATS.values()):
        raise ValueError(f"format must be one of csv, json_lines, not {format!r}")
    first, chunks = begin(file)
    if (format or format_of(name) or by_content(first)) == "csv":
        return csv_table(lines(chunks), delimiter)
    return json_lines_table(lines(chunks))


def read_csv(file: BinaryIO, *, delimiter: str | None = None) -> Table:
    """Read a CSV in UTF-8, with or without byte-order mark, whose first line is the header.

    :param file: As for :func:`read`.
    :param delimiter: The character between cells. Default: comma, semicolon or tab, by the header line.
    :raises SourceFormatError: The file is empty or not UTF-8, the header is missing, has an empty cell or a column
        twice, or the CSV is broken; later, while the rows are read, the same for the rest of the file.
    :raises ValueError: `delimiter` is not one character, or one that cannot separate cells.
    """
    return csv_table(lines(begin(file)[1]), delimiter)


def read_json_lines(file: BinaryIO) -> Table:
    """Read JSON Lines in UTF-8: one object on each line, whose keys are the columns.

    Numbers keep the form they have in the file. Other values are read as for
    :func:`~airflow_wisdom.rows.reading.objects.read_rows`.

    :param file: As for :func:`read`.
    :raises SourceFormatError: The file is empty or not UTF-8; later, while the rows are read: a line is no object.
    """
    return json_lines_table(lines(begin(file)[1]))
