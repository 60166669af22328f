"""Rows of any source, one after the other: a CSV file, JSON Lines, or what an iterable in Python yields.

Nothing here holds more than a piece of the source. What makes the source unreadable as a whole raises; what is wrong
with one row stays with that row, so that all such rows can be reported at once.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from airflow_wisdom.rows.reading.delimited import csv_table
from airflow_wisdom.rows.reading.dialect import check_delimiter
from airflow_wisdom.rows.reading.documents import json_table, refuse_other_shapes
from airflow_wisdom.rows.reading.formats import FORMATS, of_binary, of_text, refuse_other_formats
from airflow_wisdom.rows.reading.objects import json_lines_table
from airflow_wisdom.rows.reading.packed import CHUNK, opened, unpacked
from airflow_wisdom.rows.reading.parquet import parquet_table
from airflow_wisdom.rows.reading.table import any_column
from airflow_wisdom.rows.reading.text import beginning, check_encoding, chunks_of_lines, pieces
from airflow_wisdom.rows.reading.workbook import workbook_table

if TYPE_CHECKING:
    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Knows, Table


def read(
    file: BinaryIO,
    *,
    format: Format | None = None,  # noqa: A002 - the word that users know from everywhere else
    name: str = "",
    delimiter: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    knows: Knows = any_column,
    like: Table | None = None,
) -> Table:
    """Read a file whose kind its name says, or else its first bytes.

    A file that is compressed with gzip, bzip2 or Zstandard, or the one file in a ZIP archive, is unpacked as it is
    read; its content says whether it is, and not its name.

    :param file: The file, opened in binary mode. It is read once from where it stands, and never closed.
    :param format: ``csv``, ``json_lines``, ``json``, ``xlsx`` or ``parquet``. Default: by the ending of `name`
        (:data:`~airflow_wisdom.rows.reading.formats.FORMATS`), and for any other by the first bytes; also whether a
        file that ends in ``.json`` holds JSON Lines.
    :param name: Name or path of the file.
    :param delimiter: The character between the cells of a CSV. Default: what a first line ``sep=`` says, and else
        comma, semicolon, tab or pipe, by which of them the header has the most columns that are known.
    :param encoding: Name of the encoding. Default: UTF-8; a byte-order mark takes precedence.
    :param sheet: Name of the sheet of an Excel workbook. Default: the only one that has rows.
    :param knows: Tells whether a column may be needed, such as the method of a
        :class:`~airflow_wisdom.rows.validation.Validator`; only others may occur twice. Default: any may.
    :param like: The first part of the table of which the file is a further one: then a CSV may have no header.
    :raises SourceFormatError: The file is empty, of another format or another encoding, damaged, or its header is
        missing or has a column twice; later, while the rows are read: the same for the rest of the file.
    :raises SourceError: The file cannot be read to its end, or the library for its format is not installed.
    :raises ValueError: `format` or `encoding` is not one of its words, or `delimiter` not one character.
    """
    if format not in (None, *FORMATS.values()):
        raise ValueError(f"format must be one of {', '.join(dict.fromkeys(FORMATS.values()))}, not {format!r}")
    delimiter = check_delimiter(delimiter) if delimiter is not None else None
    if encoding is not None:
        check_encoding(encoding)
    stream = opened(file)
    kind = format or of_binary(name, stream.peek(CHUNK))
    if kind == "xlsx":
        return workbook_table(stream, sheet, knows)
    if kind == "parquet":
        return parquet_table(stream)
    stream = unpacked(stream)
    head = stream.peek(CHUNK)
    refuse_other_formats(head)
    text = beginning(head, encoding)
    kind = kind or of_text(name, text)
    if kind == "csv":
        return csv_table(chunks_of_lines(stream, encoding), delimiter, knows, like)
    refuse_other_shapes(text)
    if kind == "json":
        return json_table(pieces(stream, encoding))
    return json_lines_table(chain.from_iterable(chunks_of_lines(stream, encoding)))


def read_csv(file: BinaryIO, *, delimiter: str | None = None) -> Table:
    """Read a CSV whose first line is the header.

    :param file: As for :func:`read`.
    :param delimiter: As for :func:`read`.
    :raises SourceFormatError: As for :func:`read`.
    :raises ValueError: `delimiter` is not one character, or one that cannot separate cells.
    """
    return read(file, format="csv", delimiter=delimiter)


def read_json_lines(file: BinaryIO) -> Table:
    """Read JSON Lines: one object on each line, whose keys are the columns.

    Numbers keep the form they have in the file, but whole ones have no fraction and no exponent. Other values are read
    as for :func:`~airflow_wisdom.rows.reading.objects.read_rows`.

    :param file: As for :func:`read`.
    :raises SourceFormatError: As for :func:`read`, or a line is no object.
    """
    return read(file, format="json_lines")
