"""The rows of a workbook of Excel."""

from __future__ import annotations

import re
import warnings
import zipfile
from datetime import datetime, time
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.mistake import Mistake, listing, shorten
from airflow_wisdom.rows.reading.binary import library, on_disk, readable
from airflow_wisdom.rows.reading.delimited import Columns
from airflow_wisdom.rows.reading.doubts import header_again, repeated
from airflow_wisdom.rows.reading.table import Row, Table, any_column, without_blank_end
from airflow_wisdom.rows.reading.text import empty
from airflow_wisdom.rows.reading.values import text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_wisdom.rows.reading.table import Knows

MAX_TEXTS = 200_000_000
"""Most bytes of the texts of a workbook, which have to be in memory together."""

_KIND = "Excel workbook"
_AT_ONCE = 1_000
_CHUNK = 1 << 20
_TEXTS = "xl/sharedStrings.xml"
_SHEETS = "xl/worksheets/"
# As many digits as Excel itself shows and keeps.
_DIGITS = 15
_ESCAPED = re.compile("_x(00[01][0-9A-Fa-f])_")

Cells = list[object]


class _Uncalculated:
    """What stands for the result of a formula that is not in the file."""


_UNCALCULATED = _Uncalculated()


def workbook_table(file: BinaryIO, sheet: str | None = None, knows: Knows = any_column) -> Table:
    """Return the rows of a workbook; the first row that has cells is its header.

    :param file: The file.
    :param sheet: As for :func:`~airflow_wisdom.rows.reading.read`.
    :param knows: As for :func:`~airflow_wisdom.rows.reading.read`.
    :raises SourceError: The library for it is missing.
    :raises SourceFormatError: It is no workbook, there is no such sheet, or its header has a column twice.
    """
    rows = cells_of(file, sheet)
    number, header = next(rows, (0, []))
    if not header:
        raise empty()
    columns = Columns([_text(cell)[0] for cell in header], knows, number)
    return Table(columns.own or None, (_row(number, columns, cells) for number, cells in rows), "row")


def _row(number: int, columns: Columns, cells: Cells) -> Row:
    texts = [_text(cell) for cell in cells]
    values = {name: texts[index][0] if index < len(texts) else "" for index, name in columns.kept}
    found = [(name, *texts[index]) for index, name in columns.kept if index < len(texts)]
    mistakes = [Mistake(number, name, shorten(text), problem, "row") for name, text, problem in found if problem]
    if repeated(values):
        mistakes.append(header_again(number, "row"))
    # In the first column, pandas numbers the rows.
    skipped = 1 if columns.has_index and isinstance(cells[0], (int, type(None))) else 0
    own = {index for index, name in enumerate(columns.names) if name}
    surplus = [text for index, (text, _) in enumerate(texts) if index not in own and index >= skipped]
    row = Row(number, values, without_blank_end(surplus), tuple(mistakes), "row")
    return row.restored(columns.marks([text for text, _ in texts])) if columns.is_marked else row


def _text(cell: object) -> tuple[str, str | None]:
    if cell is _UNCALCULATED:
        return "", "is a formula whose result is not in the file: open and save it in Excel"
    return text_of(cell)


def cells_of(file: BinaryIO, sheet: str | None = None) -> Iterator[tuple[int, Cells]]:
    """Yield the rows of a sheet of a workbook that have cells, with their numbers as Excel counts them.

    Dates that have no time of day are dates, whole numbers are whole, formulas are their results.

    :param file: The file.
    :param sheet: Name of the sheet. Default: the only one that has rows and is not hidden.
    :raises SourceError: The library for it is missing.
    :raises SourceFormatError: It is no workbook, there is no such sheet, or it is not clear which one to read.
    """
    openpyxl = library("openpyxl", f"an {_KIND}", "xlsx")
    file = on_disk(file)
    with readable(_KIND):
        has_formulas = _look_inside(file)
        with warnings.catch_warnings():
            # About what a workbook has besides its cells.
            warnings.simplefilter("ignore")
            books = [openpyxl.load_workbook(file, read_only=True, data_only=True)]
            if has_formulas:
                books.append(openpyxl.load_workbook(file, read_only=True))
        title = sheet or _only_sheet(books[0])
        if title not in books[0].sheetnames:
            found = listing(books[0].sheetnames)
            raise SourceFormatError(f"The workbook has no sheet {title!r:.50}; it has {found}")
        for number, rows in enumerate(zip_longest(*(_rows(book, title) for book in books), fillvalue=()), 1):
            cells = [_plain(*cell) for cell in zip_longest(*rows)]
            if any(cell is not None for cell in cells):
                yield number, cells


def _look_inside(file: BinaryIO) -> bool:
    """Return whether a workbook has formulas, and refuse what is none or needs too much memory."""
    with zipfile.ZipFile(file) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if "xl/workbook.xml" not in sizes:
            raise SourceFormatError("The file is no Excel workbook (.xlsx): save it as one, or as CSV in UTF-8")
        if sizes.get(_TEXTS, 0) > MAX_TEXTS:
            raise SourceFormatError(
                f"The workbook has more than {MAX_TEXTS:,} bytes of texts: save it as CSV in UTF-8, which has no limit"
            )
        sheets = [name for name in sizes if name.startswith(_SHEETS)]
        return any(_has_formula(archive, name) for name in sheets)


def _has_formula(archive: zipfile.ZipFile, name: str) -> bool:
    before = b""
    with archive.open(name) as sheet:
        while piece := sheet.read(_CHUNK):
            text = before + piece
            if b"<f>" in text or b"<f " in text:
                return True
            before = text[-2:]
    return False


def _only_sheet(book: Any) -> str:
    visible = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    filled = [title for title in visible if any(any(cell is not None for cell in row) for row in _rows(book, title))]
    if not filled:
        raise SourceFormatError("The workbook has no rows")
    if len(filled) > 1:
        raise SourceFormatError(
            f"The workbook has several sheets with rows: name the one to read, of {listing(filled)}"
        )
    return str(filled[0])


def _rows(book: Any, title: str) -> Iterator[tuple[object, ...]]:
    sheet = book[title]
    # Some writers name fewer cells than there are.
    sheet.reset_dimensions()
    return _quietly(sheet.iter_rows(values_only=True))


def _quietly(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Yield the same without warnings; in batches, since the filter of warnings is everybody's."""
    source = iter(rows)
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = list(islice(source, _AT_ONCE))
        if not batch:
            return
        yield from batch


def _plain(value: object, formula: object = None) -> object:
    """Return the value of a cell as the readers of all formats take it."""
    if value is None and formula is not None:
        return _UNCALCULATED
    if isinstance(value, str):
        # As Excel writes a carriage return, for example.
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date()
    if isinstance(value, float):
        rounded = float(f"{value:.{_DIGITS}g}")
        return int(rounded) if rounded.is_integer() else rounded
    return value
