"""Which format a file has, by its name or its first bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.reading.documents import is_lines, is_list

if TYPE_CHECKING:
    from collections.abc import Mapping

Format = Literal["csv", "json_lines", "json", "xlsx", "parquet"]

FORMATS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".parquet": "parquet",
}
"""Ending of a file's name -> what is in the file."""

# What follows the name is binary: a header of columns may begin with the name alone.
_PARQUET = b"PAR1\x15"
# Behind the 30 bytes that begin it, a ZIP archive has the name of its first file.
_WORKBOOK = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|xl/)", re.DOTALL)

COMPRESSED = (".gz", ".bz2", ".zst", ".zip")
"""Endings that may follow the one that says what is in the file."""

CERTAIN = 512
"""Bytes that are looked at to learn what a file is."""

_EXPORT = "export it as CSV in UTF-8"
_OTHERS: Mapping[bytes, str] = {
    b"\xd0\xcf\x11\xe0": f"an old Excel workbook or another Office document: {_EXPORT}",
    b"PAR1": 'Parquet: pass source_format="parquet"',
    b"ARROW1": f"Arrow or Feather: {_EXPORT}, or as JSON Lines",
    b"ORC": f"ORC: {_EXPORT}, or as JSON Lines",
    b"Obj\x01": f"Avro: {_EXPORT}, or as JSON Lines",
    b"SQLite format 3\0": f"an SQLite database: {_EXPORT}, or use an SqlSource",
    b"%PDF-": "a PDF document, and no table",
    b"{\\rtf": f"an RTF document: {_EXPORT}",
    b"\xfd7zXZ\0": "compressed with xz: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"Rar!\x1a\x07": "a RAR archive: unpack it first",
    b"\x04\x22\x4d\x18": "compressed with LZ4: unpack it first",
    b"version https://git-lfs.github.com/": "a pointer of Git LFS, and not the file itself: fetch that first",
}
# Behind the name and the rights of its first file.
_TAR, _TAR_AT = b"ustar", 257
_SHORT = 4
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x19]")
_PAGES = (b"<!doctype html", b"<html")


def format_of(name: str) -> Format | None:
    """Return what the ending of a name says is in the file; None if it says nothing.

    :param name: Name, path or URI of the file.
    """
    name = name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), None)


def of_binary(name: str, head: bytes) -> Format | None:
    """Return what is in a file that is no text; None if it is text.

    :param name: Name, path or URI of the file.
    :param head: The first bytes of the file.
    """
    kind = format_of(name)
    # A workbook is often called as if it were a CSV.
    if kind == "xlsx" or _WORKBOOK.match(head):
        return "xlsx"
    return "parquet" if kind == "parquet" or (kind is None and head.startswith(_PARQUET)) else None


def of_text(name: str, head: str) -> Format:
    """Return what is in a file of text: by its name, and where that does not say it, by its first characters.

    :param name: Name, path or URI of the file.
    :param head: The beginning of the file, without byte-order mark.
    """
    kind = format_of(name)
    if kind in {"csv", "json_lines"}:
        return kind
    is_object = head.lstrip().startswith("{")
    if kind == "json" or is_object or is_list(head):
        return "json_lines" if is_object and is_lines(head) else "json"
    return "csv"


def refuse_other_formats(head: bytes) -> None:
    """Refuse what is no text, or no table.

    :param head: The first bytes of the file.
    :raises SourceFormatError: It is of a format that has a name, which the message says.
    """
    for magic, problem in _OTHERS.items():
        # Whatever begins with the letters of a short one may be a header as well.
        if head.startswith(magic) and (len(magic) > _SHORT or _BINARY.search(head[:CERTAIN])):
            raise SourceFormatError(f"The file is {problem}")
    if head.startswith(_TAR, _TAR_AT):
        raise SourceFormatError("The file is a tar archive: unpack it first")
    if head[:CERTAIN].lstrip().lower().startswith(_PAGES):
        raise SourceFormatError("The file is an HTML page, and no table: was it a login or an error page?")
    if head[:CERTAIN].lstrip().startswith(b"<?xml"):
        raise SourceFormatError(f"The file is XML: {_EXPORT}")
