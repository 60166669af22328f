"""The quick-response import file: a CSV in, one quick response per row, a report of the rows that failed out.

AWS publishes neither the whole header nor the layout of the report. What is assumed here: `HEADER` beyond the
labels Name, Shortcut key and Routing Profile, `SEPARATOR`, `TRUE` and `FALSE`, `REPORT_COLUMN`, and that one
unknown or missing column fails the whole file.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .exceptions import ValidationException

HEADER = {
    "Name": "name",
    "Description": "description",
    "Content": "content",
    "Content type": "contentType",
    "Shortcut key": "shortcutKey",
    "Channels": "channels",
    "Language": "language",
    "Is active": "isActive",
    "Routing Profile": "routingProfiles",
}
REQUIRED = ("name", "content")
SEPARATOR = re.compile(r"[;,|]")
TRUE = ("true", "yes", "y", "1")
FALSE = ("false", "no", "n", "0")
REPORT_COLUMN = "Error"

PLAIN = "application/x.quickresponse;format=plain"
MARKDOWN = "application/x.quickresponse;format=markdown"
CONTENT_TYPES = {"plain": PLAIN, "markdown": MARKDOWN, PLAIN: PLAIN, MARKDOWN: MARKDOWN}


class BadFileError(Exception):
    """No row of the file can be imported."""


@dataclass(frozen=True)
class ImportFile:
    header: list[str]
    rows: list[list[str]]


def read(body: bytes, columns: Mapping[str, str], most_rows: int) -> ImportFile:
    """Parse the file and check what concerns it as a whole; `columns` gives the field of each label."""
    try:
        header, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError:
        raise BadFileError("The file is not encoded in UTF-8.") from None
    except (csv.Error, ValueError) as error:
        raise BadFileError(f"The file is not a CSV with a header row: {error}") from None
    file = ImportFile(header, [row for row in rows if row])
    _check_header(header, columns)
    if not file.rows:
        raise BadFileError("The file has no quick responses.")
    if len(file.rows) > most_rows:
        raise BadFileError(f"The file has {len(file.rows)} quick responses, {most_rows} are allowed.")
    return file


def _check_header(header: list[str], columns: Mapping[str, str]) -> None:
    unknown = [label for label in header if label not in columns]
    if unknown:
        raise BadFileError(f"Unknown columns: {', '.join(unknown)}.")
    present = set(header)
    missing = [label for label, field in columns.items() if field in REQUIRED and label not in present]
    if missing:
        raise BadFileError(f"Missing columns: {', '.join(missing)}.")
    if len(present) < len(header):
        raise BadFileError("A column occurs twice.")


def to_params(header: list[str], row: list[str], columns: Mapping[str, str]) -> dict[str, Any]:
    """What CreateQuickResponse would be called with for this row."""
    if len(row) != len(header):
        raise ValidationException(f"The row has {len(row)} columns, the header has {len(header)}.")
    cells = {columns[label]: cell for label, cell in zip(header, row, strict=True) if cell != ""}
    for name, cell in cells.items():
        if name not in ("content", "description") and cell != cell.strip():
            raise ValidationException(f"Leading or trailing spaces in {name}.")
    params = {name: _CONVERT.get(name, str)(cell) for name, cell in cells.items()}
    if "routingProfiles" in params:
        profiles = params.pop("routingProfiles")
        params["groupingConfiguration"] = {"criteria": "RoutingProfileArn", "values": profiles}
    return params


def _list(cell: str) -> list[str]:
    return [item.strip() for item in SEPARATOR.split(cell)]


def _bool(cell: str) -> bool:
    if cell.lower() not in TRUE + FALSE:
        raise ValidationException(f"{cell!r} must be yes or no.")
    return cell.lower() in TRUE


def _content_type(cell: str) -> str:
    if cell.lower() not in CONTENT_TYPES:
        raise ValidationException(f"{cell!r} is not a content type of a quick response.")
    return CONTENT_TYPES[cell.lower()]


def _content(cell: str) -> dict[str, str]:
    return {"content": cell}


_CONVERT: dict[str, Any] = {
    "content": _content,
    "contentType": _content_type,
    "channels": _list,
    "routingProfiles": _list,
    "isActive": _bool,
}


def explain(path: str, rule: str, columns: Mapping[str, str]) -> str:
    """Say in the words of the file which rule of the service model a row breaks."""
    field = path.partition(".")[0]
    labels = [label for label, name in columns.items() if name == field]
    return f"{labels[0] if labels else field} must {rule}."


def report(header: Iterable[str], failed: Iterable[tuple[list[str], str]]) -> bytes:
    """The failed-record report: the rows as they were sent, each with its reason in one more column."""
    header = list(header)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*header, REPORT_COLUMN])
    for row, reason in failed:
        cells = [*row, *[""] * len(header)][: len(header)]
        writer.writerow([*cells, reason])
    return out.getvalue().encode()
