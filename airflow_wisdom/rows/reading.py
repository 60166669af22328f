"""Rows of any source, one after the other: a CSV file, JSON Lines, or what an iterable in Python yields.

Nothing here holds more than a piece of the source. What makes the source unreadable as a whole raises; what is wrong
with one row stays with that row, so that all such rows can be reported at once.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
import reprlib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, BinaryIO, Literal
from uuid import UUID

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.mistake import Mistake, Unit, listing, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Format = Literal["csv", "json_lines"]

RESERVED = ("_line", "_reason")
"""Columns that the file of invalid rows has of its own; dropped on reading, so that a fixed one can be imported."""

ITEM_SEPARATOR = ";"
"""What the items of a list are joined with. How AWS separates them in a cell is unverified."""

DELIMITERS = (",", ";", "\t")
"""What may separate the cells of a CSV whose delimiter is not given."""

FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json_lines",
}
"""Ending of a file's name -> what is in the file."""

MAX_LINE = 1_000_000
"""The longest line that is read, in characters: a file without line ends must not fill the memory."""

_CHUNK = 1 << 16
_OTHER_FORMATS = {
    b"\xff\xfe": "is encoded in UTF-16: save it as UTF-8",
    b"\xfe\xff": "is encoded in UTF-16: save it as UTF-8",
    b"PK\x03\x04": "is an Excel workbook or another ZIP archive: export it as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook: export it as CSV in UTF-8",
    b"\x1f\x8b": "is compressed: unpack it first",
}
# JSON can escape what UTF-8 has no bytes for, and NUL, which no CSV can hold.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_QUOTED = re.compile('"[^"]*(?:"|$)')
_INVALID_ROWS = re.compile(f'"?{RESERVED[0]}"?([{"".join(DELIMITERS)}])')
_WANTED = "JSON Lines has one object on each line"
_NO_NAME = "(no name)"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source.

    :param line: The line of the file on which the row begins, or the number of the row, from 1.
    :param values: Column -> value; empty text where there is none.
    :param surplus: Cells beyond the last column of the header.
    :param mistakes: What was found wrong while reading: values that have no text form, columns given twice.
    :param unit: What `line` counts.
    """

    line: int
    values: Mapping[str, str]
    surplus: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    unit: Unit = "line"


@dataclass(frozen=True, slots=True)
class Table:
    """A source as rows.

    :param columns: The columns of all rows; None if each row names its own.
    :param rows: The rows, to be gone through once. Raises :class:`~airflow_wisdom.exceptions.SourceFormatError`
        where the source cannot be read further.
    :param unit: What the places of rows and mistakes are counted in.
    """

    columns: tuple[str, ...] | None
    rows: Iterator[Row]
    unit: Unit


def read(
    file: BinaryIO,
    *,
    format: Format | None = None,  # noqa: A002 - the word that users know from everywhere else
    name: str = "",
    delimiter: str | None = None,
) -> Table:
    """Read a file whose kind its name says, or else its first bytes.

    :param file: The file, opened in binary mode. It is read once from where it stands, and never closed.
    :param format: ``csv`` or ``json_lines``. Default: by the ending of `name` (:data:`FORMATS`); for any
        other, JSON Lines if the file begins with ``{``, and CSV otherwise.
    :param name: Name or path of the file.
    :param delimiter: As for :func:`read_csv`.
    :raises SourceFormatError: As for :func:`read_csv` and :func:`read_json_lines`.
    :raises ValueError: `format` is not one of its words, or `delimiter` not one character.
    """
    if format not in (None, *FORMATS.values()):
        raise ValueError(f"format must be one of csv, json_lines, not {format!r}")
    first, chunks = _begin(file)
    if (format or format_of(name) or _by_content(first)) == "csv":
        return _csv_table(_lines(chunks), delimiter)
    return _json_lines_table(_lines(chunks))


def read_csv(file: BinaryIO, *, delimiter: str | None = None) -> Table:
    """Read a CSV in UTF-8, with or without byte-order mark, whose first line is the header.

    :param file: As for :func:`read`.
    :param delimiter: The character between cells. Default: comma, semicolon or tab, by the header line.
    :raises SourceFormatError: The file is empty or not UTF-8, the header is missing, has an empty cell or a column
        twice, or the CSV is broken; later, while the rows are read, the same for the rest of the file.
    :raises ValueError: `delimiter` is not one character, or one that cannot separate cells.
    """
    return _csv_table(_lines(_begin(file)[1]), delimiter)


def read_json_lines(file: BinaryIO) -> Table:
    """Read JSON Lines in UTF-8: one object on each line, whose keys are the columns.

    Numbers keep the form they have in the file. Other values are read as for :func:`read_rows`.

    :param file: As for :func:`read`.
    :raises SourceFormatError: The file is empty or not UTF-8; later, while the rows are read: a line is no object.
    """
    return _json_lines_table(_lines(_begin(file)[1]))


def read_rows(rows: Iterable[Mapping[str, object]]) -> Table:
    """Read rows that Python gives: a list from XCom, or a generator of a database's rows.

    None becomes empty text, bool ``Yes`` or ``No``, a date or time ISO 8601, a list, tuple or set its items joined
    with ``;`` (a set in sorted order). Text, numbers and UUIDs stay what they are. Anything else is a mistake of its
    row.

    :param rows: Mappings of column to value; gone through once.
    :raises SourceFormatError: While the rows are read: one is no mapping.
    """
    return Table(None, _mapped_rows(rows), "row")


def format_of(name: str) -> Format | None:
    """Return what the ending of a name says is in the file; None if it says nothing.

    :param name: Name, path or URI of the file.
    """
    return next((kind for ending, kind in FORMATS.items() if name.lower().endswith(ending)), None)


def _by_content(first: bytes) -> Format:
    return "json_lines" if first.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else "csv"


# Bytes to lines


def _begin(file: BinaryIO) -> tuple[bytes, Iterator[bytes]]:
    """Return the first chunk of the file, and all chunks."""
    chunks = iter(lambda: file.read(_CHUNK), b"")
    first = next(chunks, b"")
    for magic, problem in _OTHER_FORMATS.items():
        if first.startswith(magic):
            raise SourceFormatError(f"The file {problem}")
    return first, chain([first], chunks)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines with their ends, of any of the three kinds, as the csv module wants them."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    before, rest = 0, ""
    for chunk in chain(chunks, [b""]):
        text = rest + _decode(decoder, chunk, before, rest)
        lines = _split(text)
        # A "\r" at the end may be half of a "\r\n".
        rest = lines.pop() if chunk and lines and not lines[-1].endswith("\n") else ""
        if len(rest) > MAX_LINE:
            raise SourceFormatError(f"A line is longer than {MAX_LINE:,} characters", line=before + len(lines) + 1)
        yield from lines
        before += len(lines)


def _split(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, before: int, rest: str) -> str:
    """Decode a chunk; `before` lines and the text `rest` came before it."""
    try:
        text = decoder.decode(chunk, final=not chunk)
    except UnicodeDecodeError as error:
        read = error.object[: error.start].decode("utf-8", "replace")
        raise SourceFormatError(
            f"The file is not encoded in UTF-8: it has the byte 0x{error.object[error.start]:02X}. Save it as UTF-8",
            line=before + len(_split(f"{rest}{read}.")),
        ) from None
    if "\0" in text:
        raise SourceFormatError(
            "The file has a NUL byte: it is encoded in UTF-16, or no text at all. Save it as UTF-8",
            line=before + len(_split(f"{rest}{text.partition(chr(0))[0]}.")),
        )
    return text


def _empty() -> SourceFormatError:
    return SourceFormatError("The file is empty")


# CSV


def _csv_table(lines: Iterator[str], delimiter: str | None) -> Table:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n '):
        raise ValueError(f"delimiter must be one character, such as a comma, not {delimiter!r}")
    first = next(lines, None)
    if first is None:
        raise _empty()
    if not first.strip():
        raise SourceFormatError("The first line is blank, but must be the header", line=1)
    reader = csv.reader(chain([first], lines), delimiter=delimiter or _delimiter(first), strict=True)
    records = _records(reader)
    _, header = next(records)
    columns = [label.strip() for label in header]
    own = tuple(column for column in columns if column not in RESERVED)
    _check_columns(columns, own)
    return Table(own, _csv_rows(records, columns), "line")


def _delimiter(line: str) -> str:
    """Return what divides the header line most, outside of quotes."""
    invalid_rows = _INVALID_ROWS.match(line)
    if invalid_rows:
        # Its other columns may have any name.
        return invalid_rows[1]
    return max(DELIMITERS, key=_QUOTED.sub("", line).count)


def _check_columns(columns: list[str], own: tuple[str, ...]) -> None:
    if "" in columns:
        raise SourceFormatError(f"Column {columns.index('') + 1} of the header has no name", line=1)
    if not own:
        raise SourceFormatError("The header has no columns", line=1)
    twice = [column for column, count in Counter(own).items() if count > 1]
    if twice:
        raise SourceFormatError(f"The header has a column twice: {listing(twice)}", line=1)


def _records(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is no blank line, with the line on which it begins."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise SourceFormatError(
                f"The row that begins here is no CSV: {error}. Is a quote not closed, or one in the text not doubled?",
                line=line,
            ) from None
        if cells is None:
            return
        if cells:
            yield line, cells


def _csv_rows(records: Iterator[tuple[int, list[str]]], columns: list[str]) -> Iterator[Row]:
    width = len(columns)
    reserved = [column for column in RESERVED if column in columns]
    for line, cells in records:
        surplus = tuple(cells[width:])
        # Missing cells at the end are empty; what is beyond them, `surplus` has.
        values = dict(zip(columns, chain(cells, repeat("", width - len(cells))), strict=False))
        for column in reserved:
            del values[column]
        yield Row(line, values, surplus)


# JSON Lines and mappings


class _Object(dict[str, object]):
    """A JSON object that remembers keys which occur twice."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


# Numbers as text: "1.10" stays what it is, and no number is too long.
_JSON = json.JSONDecoder(object_pairs_hook=_Object, parse_float=str, parse_int=str, parse_constant=_no_number)


def _json_lines_table(lines: Iterator[str]) -> Table:
    first = next(lines, None)
    if first is None:
        raise _empty()
    return Table(None, _json_rows(chain([first], lines)), "line")


def _json_rows(lines: Iterable[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.isspace():
            yield _row(number, "line", _object(line, number).pairs)


def _object(line: str, number: int) -> _Object:
    try:
        found = _JSON.decode(line)
    except (ValueError, RecursionError) as error:
        # Its message quotes nothing of the line, which may be a secret.
        problem = getattr(error, "msg", None) or "its nesting is too deep, or a number in it is none"
        raise SourceFormatError(f"The line is no JSON: {problem}. {_WANTED}", line=number) from None
    if not isinstance(found, _Object):
        raise SourceFormatError(f"The line is no JSON object. {_WANTED}", line=number)
    return found


def _mapped_rows(rows: Iterable[Mapping[str, object]]) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        try:
            pairs = row.items()
        except AttributeError:
            raise SourceFormatError(
                f"The row is of type {type(row).__name__}, but must map columns to values", line=number, unit="row"
            ) from None
        yield _row(number, "row", pairs)


def _row(number: int, unit: Unit, pairs: Iterable[tuple[object, object]]) -> Row:
    values: dict[str, str] = {}
    mistakes = []
    for key, value in pairs:
        column = _column(key)
        if column in RESERVED:
            continue
        text, problem = _text(value)
        if column in values:
            problem = problem or "is given twice"
        if problem:
            mistakes.append(Mistake(number, column, shorten(text), problem, unit))
        values[column] = text
    return Row(number, values, (), tuple(mistakes), unit)


def _column(key: object) -> str:
    if type(key) is not str:
        key = str(key)
    if not (key.isascii() and key.isprintable()):
        key = writable(key)
    return key.strip() or _NO_NAME


def _text(value: object) -> tuple[str, str | None]:
    """Return the text form of a value, and what is wrong with it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return _joined(value)
    text = _plain(value)
    if text is None:
        return _shown(value), f"is of type {_kind(value)}, which has no text form here"
    if (not text.isascii() or "\0" in text) and _UNWRITABLE.search(text):
        return writable(text), "has a NUL character or half of a surrogate pair, which no CSV in UTF-8 can hold"
    return text, None


def _plain(value: object) -> str | None:
    """Return the text form of what is no list; None if it has none."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, (str, UUID)) else None


def _number(value: float | Decimal) -> str | None:
    """Return the text form of a number; NaN has none, by which databases and data frames mean a missing value."""
    try:
        return str(value) if math.isfinite(value) else None
    except (ValueError, OverflowError):
        # Longer than Python turns into text, or into a float to look at.
        return None


def _joined(items: Iterable[object]) -> tuple[str, str | None]:
    texts = [_text(item) for item in items if not isinstance(item, (list, tuple, set, frozenset))]
    problems = [problem for _, problem in texts if problem]
    if isinstance(items, (list, tuple)) and len(texts) < len(items):
        problems.append("is a list of lists")
    if any(ITEM_SEPARATOR in text for text, _ in texts):
        problems.append(f'has an item with a "{ITEM_SEPARATOR}", which separates items')
    ordered = [text for text, _ in texts]
    if isinstance(items, (set, frozenset)):
        ordered.sort()
    return ITEM_SEPARATOR.join(ordered), problems[0] if problems else None


def _kind(value: object) -> str:
    if isinstance(value, _Object):
        return "object"
    unwritable = isinstance(value, (int, float, Decimal))
    return f"{type(value).__name__} (not finite, or too long)" if unwritable else type(value).__name__


def _shown(value: object) -> str:
    """Return something of a value that has no text form, so that a person finds it again."""
    try:
        return writable(reprlib.repr(value))
    except Exception:  # noqa: BLE001 - a value of any kind may raise anything
        return type(value).__name__


def writable(text: str) -> str:
    """Return a text that any CSV in UTF-8 can hold: with NUL and halves of surrogate pairs escaped.

    :param text: The text.
    """
    return _UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
