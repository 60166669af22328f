"""Rows of any source, one after the other: a CSV file, JSON Lines, or what an iterable in Python yields.

Nothing here holds more than a piece of the source. What makes the source unreadable as a whole raises; what is wrong
with one row stays with that row, so that all such rows can be reported at once.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from airflow_wisdom.rows.reading.binary import CHUNK, Pieces
from airflow_wisdom.rows.reading.delimited import csv_table
from airflow_wisdom.rows.reading.documents import json_table, refuse_other_shapes
from airflow_wisdom.rows.reading.formats import FORMATS, kind_of
from airflow_wisdom.rows.reading.objects import json_lines_table
from airflow_wisdom.rows.reading.parquet import parquet_table
from airflow_wisdom.rows.reading.text import begin, lines
from airflow_wisdom.rows.reading.workbook import workbook_table

if TYPE_CHECKING:
    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Table


def read(
    file: BinaryIO,
    *,
    format: Format | None = None,  # noqa: A002 - the word that users know from everywhere else
    name: str = "",
    delimiter: str | None = None,
    sheet: str | None = None,
    like: Table | None = None,
) -> Table:
    """Read a file whose kind its name says, or else its first bytes.

    :param file: The file, opened in binary mode. It is read once from where it stands, and never closed.
    :param format: ``csv``, ``json_lines``, ``json``, ``xlsx`` or ``parquet``. Default: by the ending of `name`
        (:data:`~airflow_wisdom.rows.reading.formats.FORMATS`), and for any other by the first bytes; also whether a
        file that ends in ``.json`` holds JSON Lines.
    :param name: Name or path of the file.
    :param delimiter: As for :func:`read_csv`.
    :param sheet: Name of the sheet of an Excel workbook. Default: the only one that has rows.
    :param like: The first part of the table of which the file is a further one: then a CSV may have no header.
    :raises SourceFormatError: As for :func:`read_csv` and :func:`read_json_lines`; or the file is not of the format.
    :raises SourceError: The library that reads the format is not installed.
    :raises ValueError: `format` is not one of its words, or `delimiter` not one character.
    """
    if format not in (None, *FORMATS.values()):
        raise ValueError(f"format must be one of {', '.join(dict.fromkeys(FORMATS.values()))}, not {format!r}")
    stream = io.BufferedReader(Pieces(file), CHUNK)
    head = stream.peek(CHUNK)
    kind = format or kind_of(name, head)
    if kind == "xlsx":
        return workbook_table(stream, sheet)
    if kind == "parquet":
        return parquet_table(stream)
    first, chunks = begin(stream)
    if kind == "csv":
        return csv_table(lines(chunks), delimiter, like)
    refuse_other_shapes(first.decode("utf-8", "ignore"))
    return json_table(lines(chunks)) if kind == "json" else json_lines_table(lines(chunks))


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
