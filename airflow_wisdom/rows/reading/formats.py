"""Which format a file has, by its name or its first bytes."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Literal

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

# Behind the 30 bytes that begin it, a ZIP archive has the name of its first file.
_WORKBOOK = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|xl/)", re.DOTALL)


def format_of(name: str) -> Format | None:
    """Return what the ending of a name says is in the file; None if it says nothing.

    :param name: Name, path or URI of the file.
    """
    return next((kind for ending, kind in FORMATS.items() if name.lower().endswith(ending)), None)


def kind_of(name: str, head: bytes) -> Format:
    """Return what is in a file: by its name, and where that does not say it, by its first bytes.

    :param name: Name, path or URI of the file.
    :param head: The bytes.
    """
    kind = format_of(name) or by_content(head)
    return lines_or_document(head.decode("utf-8", "ignore")) if kind == "json" else kind


def by_content(head: bytes) -> Format:
    """Return what the first bytes of a file say is in it.

    :param head: The bytes; also of the name of the first file in a ZIP archive, if it is one.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if _WORKBOOK.match(head):
        return "xlsx"
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "ignore")
    if is_list(text):
        return "json"
    return lines_or_document(text) if text.lstrip().startswith("{") else "csv"


def lines_or_document(head: str) -> Format:
    """Return what is in a file of JSON.

    :param head: Its first characters.
    """
    return "json_lines" if head.lstrip().startswith("{") and is_lines(head) else "json"
