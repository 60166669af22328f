"""Valid rows into import files of at most 100 rows; invalid rows, with their reasons, into a file to be fixed."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import tempfile
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from airflow_wisdom.model.limits import MAX_FILE_BYTES, MAX_FILE_ROWS, SAMPLE_SIZE
from airflow_wisdom.redaction import cut
from airflow_wisdom.rows.cells import EXPORT, LINE, LONGEST_CELL, NOTE, REASON, note, safe
from airflow_wisdom.rows.keeping import keeping
from airflow_wisdom.rows.mistake import Doubts, Mistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from typing_extensions import Self

    from airflow_wisdom.rows.reading.table import Row, Table
    from airflow_wisdom.rows.validation import Validator

INVALID_ROWS = "invalid-rows.csv"
"""Name of the file with the invalid rows."""

# A cell that no CSV reader takes would make the whole file unreadable.
_MOST_REASONS = 50


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that is ready to be uploaded: CSV with commas, in UTF-8 without byte-order mark, lines ending in CR LF.

    :param number: Its place among the files of the source, from 1.
    :param path: Where it is.
    :param rows: How many rows it has, without the header.
    :param size: Its size in bytes.
    :param sha256: SHA-256 of its bytes, in hexadecimal.
    :param first_line: Where its first row stands in the source.
    :param last_line: Where its last row stands in the source.
    :param first_part: The part of the source that its first row is in, where there are several.
    :param last_part: The part of the source that its last row is in, where there are several.
    """

    number: int
    path: Path
    rows: int
    size: int
    sha256: str
    first_line: int
    last_line: int
    first_part: str | None = None
    last_part: str | None = None


@dataclass(frozen=True, slots=True)
class Sifted:
    """What became of the rows of a source that were judged.

    :param rows_read: Rows of the source.
    :param rows_invalid: Rows that have mistakes.
    :param mistakes_total: Mistakes of all rows.
    :param mistakes: The first of them.
    :param invalid_path: The file of invalid rows; if there are none, it has its header alone.
    :param doubts: What of the valid rows may be meant, or a mistake.
    :param rows_blank: Rows that have nothing in them, and are not among those that were read.
    :param cells_null: Cells of rows without mistakes that mean nothing, and are empty therefore.
    :param cells_trimmed: Cells of rows without mistakes whose spaces were trimmed.
    """

    rows_read: int
    rows_invalid: int
    mistakes_total: int
    mistakes: tuple[Mistake, ...]
    invalid_path: Path
    doubts: Doubts = field(default_factory=Doubts)
    rows_blank: int = 0
    cells_null: int = 0
    cells_trimmed: int = 0

    @property
    def rows_valid(self) -> int:
        """Rows that have no mistakes."""
        return self.rows_read - self.rows_invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Sifted):
    """What became of the rows of a source whose valid ones are in import files.

    :param files: The import files, in the order of the source.
    """

    files: tuple[ImportFile, ...]


def prepare(
    table: Table,
    validator: Validator,
    folder: Path,
    *,
    max_rows: int = MAX_FILE_ROWS,
    max_bytes: int = MAX_FILE_BYTES,
    sample: int = SAMPLE_SIZE,
) -> Prepared:
    """Write the rows of a source into import files and, as far as they are invalid, into a file of their own.

    Memory holds one row, one import file, and a small record of each file that is written. The file of invalid rows
    has the columns ``_line`` and ``_reason``, then those of the source, with the values as they came; once fixed, it
    can be read as a source itself. A value that was not read as it was meant is a note there, which stays a mistake
    until somebody writes the value in its place. A row with nothing in it is left out.

    :param table: The source.
    :param validator: What judges the rows; to be closed by who made it.
    :param folder: An empty folder for the files, which exists.
    :param max_rows: Most rows of a file, 1 to 100. Default 100.
    :param max_bytes: Most bytes of a file. Default 1,000,000. A row that needs more for itself alone is invalid.
    :param sample: How many mistakes, and how many doubts, to return. Default 20.
    :raises ValueError: `max_rows` is not within its limits.
    :raises TemplateMismatchError: The columns of the source do not fit the template.
    :raises SourceFormatError: The source cannot be read to its end. The files in `folder` are of no use then.
    :raises ExtraCheckError: A check of the user's own failed itself.
    :raises StorageError: The files cannot be written.
    """
    if not 1 <= max_rows <= MAX_FILE_ROWS:
        raise ValueError(f"max_rows must be from 1 to {MAX_FILE_ROWS}, not {max_rows}")
    files = _ImportFiles(folder, validator.template.columns, max_rows, max_bytes)
    sifted = sift(table, validator, folder, files.add, sample=sample)
    files.finish()
    return Prepared(**{each.name: getattr(sifted, each.name) for each in fields(sifted)}, files=tuple(files.files))


def sift(
    table: Table,
    validator: Validator,
    folder: Path,
    take: Callable[[Row, tuple[str, ...]], list[Mistake]],
    *,
    sample: int = SAMPLE_SIZE,
) -> Sifted:
    """Judge the rows of a source: hand on what is valid, and write what is not into a file that says why.

    :param table: The source.
    :param validator: What judges the rows; to be closed by who made it.
    :param folder: An empty folder for the file, which exists.
    :param take: Called with each valid row and its cells; returns why it cannot be taken, if so.
    :param sample: How many mistakes, and how many doubts, to return. Default 20.
    :raises TemplateMismatchError: The columns of the source do not fit the template.
    :raises SourceFormatError: The source cannot be read to its end.
    :raises ExtraCheckError: A check of the user's own failed itself.
    :raises StorageError: The file cannot be written.
    """
    validator.check_columns(table.columns, table.delimiter)
    count, total, blank = 0, 0, 0
    mistakes: list[Mistake] = []
    doubts: Counter[str] = Counter()
    doubtful: list[Mistake] = []
    invalid = _InvalidRows(folder, table, validator.template.columns)
    with invalid:
        for row in table.rows:
            if validator.is_blank(row):
                blank += 1
                continue
            count += 1
            cells, found = validator.check(row)
            if cells is not None:
                found = take(row, cells)
            if found:
                invalid.add(row, found)
                total += len(found)
                mistakes += validator.named(row, found[: max(0, sample - len(mistakes))])
            elif row.doubts or validator.doubts:
                found_doubts = [*row.doubts, *validator.doubts]
                doubts.update(doubt.kind for doubt in found_doubts)
                shown = [doubt.mistake for doubt in found_doubts][: max(0, sample - len(doubtful))]
                doubtful += validator.named(row, shown)
    return Sifted(
        rows_read=count,
        rows_invalid=invalid.count,
        mistakes_total=total,
        mistakes=tuple(mistakes),
        invalid_path=invalid.path,
        doubts=Doubts(doubts, tuple(doubtful)),
        rows_blank=blank,
        cells_null=validator.nulls,
        cells_trimmed=validator.trimmed,
    )


def without(file: ImportFile, is_left_out: Callable[[dict[str, str]], bool]) -> ImportFile:
    """Take rows out of an import file, and return what is left, which has the place of the whole.

    :param file: The file, which is replaced.
    :param is_left_out: Called with each row, its cells by label; returns whether to take it out.
    :raises StorageError: The file cannot be written.
    """
    lines = _Lines()
    with keeping():
        with file.path.open(encoding="utf-8", newline="") as opened:
            header, *rows = csv.reader(opened)
        left = [row for row in rows if not is_left_out(dict(zip(header, row, strict=True)))]
        data = b"".join(map(lines.of, [header, *left]))
        file.path.write_bytes(data)
    return replace(file, rows=len(left), size=len(data), sha256=hashlib.sha256(data).hexdigest())


class _Lines:
    """Turns cells into a line of CSV, to be weighed before it goes anywhere."""

    def __init__(self) -> None:
        self._writer = csv.writer(self, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
        self._line = ""

    def write(self, line: str) -> None:
        """Take the line from the csv module, as a file would."""
        self._line = line

    def of(self, cells: Iterable[object]) -> bytes:
        """Return the line of these cells."""
        self._writer.writerow(cells)
        return self._line.encode()


class _ImportFiles:
    """The import files of a source; the one that is not full yet is in memory."""

    def __init__(self, folder: Path, header: tuple[str, ...], max_rows: int, max_bytes: int) -> None:
        self.files: list[ImportFile] = []
        self._folder = folder
        self._lines = _Lines()
        self._header = self._lines.of(header)
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._first: Row | None = None
        self._last: Row | None = None
        self._begin()

    def add(self, row: Row, cells: tuple[str, ...]) -> list[Mistake]:
        """Add a row; return why not, if it fits into no file."""
        line = self._lines.of(cells)
        alone = len(self._header) + len(line)
        if alone > self._max_bytes:
            reason = f"needs a file of {alone:,} bytes, at most {self._max_bytes:,} are allowed"
            return [row.mistake(reason)]
        if len(self._rows) == self._max_rows or self._size + len(line) > self._max_bytes:
            self.finish()
        self._first = self._first or row
        self._last = row
        self._rows.append(line)
        self._size += len(line)
        return []

    def finish(self) -> None:
        """Write the file that is in memory, if it has rows."""
        first, last = self._first, self._last
        if first is None or last is None:
            return
        number = len(self.files) + 1
        path = self._folder / f"quick-responses-{number:04}.csv"
        data = b"".join([self._header, *self._rows])
        with keeping():
            path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        places = (first.line, last.line, first.part, last.part)
        self.files.append(ImportFile(number, path, len(self._rows), len(data), digest, *places))
        self._begin()

    def _begin(self) -> None:
        self._rows: list[bytes] = []
        self._size = len(self._header)
        self._first = self._last = None


class _InvalidRows:
    """The invalid rows of a source, as a file that people open, fix and import; without rows it has its header alone.

    Which columns the file needs is known only after the last row, if each row names its own: until then the rows wait
    in a file of JSON Lines.

    :param folder: Where the file is made.
    :param table: The source.
    :param usual: The columns of a file whose source has not even one row to name some.
    """

    def __init__(self, folder: Path, table: Table, usual: tuple[str, ...]) -> None:
        self.count = 0
        self.path = folder / INVALID_ROWS
        # A CSV has nothing but texts, and whatever is wrong with one, it was read as it is.
        self._are_texts = table.delimiter is not None
        self._columns = dict.fromkeys(table.columns or ())
        self._usual = usual
        self._has_exact = False
        with keeping():
            self._waiting = tempfile.TemporaryFile("w+", encoding="utf-8", dir=folder)  # noqa: SIM115 - __exit__ closes it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        with keeping(), self._waiting:
            if kind is None:
                self._write()

    def add(self, row: Row, mistakes: list[Mistake]) -> None:
        """Keep a row and what is wrong with it."""
        self.count += 1
        self._columns.update(dict.fromkeys(row.values))
        self._has_exact = self._has_exact or row.is_exact
        reasons = "; ".join(mistake.what for mistake in mistakes[:_MOST_REASONS])
        problems = {mistake.column: mistake.reason for mistake in row.mistakes}
        cells = {column: self._cell(text, problems.get(column)) for column, text in row.values.items()}
        where = safe(f"{row.part}:{row.line}") if row.part else row.line
        waiting = [where, safe(cut(reasons, LONGEST_CELL // 2)), row.is_exact, cells, [*map(safe, row.surplus)]]
        with keeping():
            self._waiting.write(json.dumps(waiting) + "\n")

    def _cell(self, text: str, problem: str | None) -> str:
        """Return the cell for a value, and for what was wrong with it when it was read."""
        if problem is None or (self._are_texts and not text.startswith(NOTE)):
            return safe(text)
        # What was read is not what was meant, and must not be valid the next time.
        return note(problem, text)

    def _write(self) -> None:
        lines = _Lines()
        columns = list(self._columns or self._usual)
        marks = [LINE, REASON, EXPORT] if self._has_exact else [LINE, REASON]
        self._waiting.seek(0)
        with self.path.open("wb") as file:
            # Without a byte-order mark Excel takes UTF-8 for something else, and saves what it took it for.
            file.write(codecs.BOM_UTF8 + lines.of([*marks, *map(safe, columns)]))
            for line, reasons, is_exact, texts, surplus in map(json.loads, self._waiting):
                own = [line, reasons, "1" if is_exact else ""][: len(marks)]
                file.write(lines.of([*own, *(texts.get(column, "") for column in columns), *surplus]))
