"""Quick responses as rows of a file, in the form in which they are read again. Pure: no Airflow, no boto3."""

from __future__ import annotations

import codecs
import csv
import io
import json
from typing import TYPE_CHECKING

from airflow_wisdom.model.quick_response import MARKDOWN, PLAIN
from airflow_wisdom.rows.cells import EXPORT, safe
from airflow_wisdom.rows.keeping import keeping
from airflow_wisdom.rows.reading.values import ITEM_SEPARATOR, writable
from airflow_wisdom.rows.template import LABELS
from airflow_wisdom.rows.validation import split_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from airflow_wisdom.model.quick_response import Value, Values
    from airflow_wisdom.rows.reading.formats import Format

_SHORT = {PLAIN: "plain", MARKDOWN: "markdown"}


def row_of(values: Values, profile_names: Mapping[str, str]) -> dict[str, Value]:
    """Return a quick response as a row: each label of the default template, and its value.

    :param values: Field -> value.
    :param profile_names: ARN -> name of the routing profiles that are written by name; others keep their ARN.
    """
    return {label: _shown(name, values.get(name), profile_names) for label, name in LABELS.items()}


def _shown(name: str, value: Value, profile_names: Mapping[str, str]) -> Value:
    if name == "contentType":
        return _SHORT.get(str(value), value)
    if name == "routingProfiles" and isinstance(value, tuple):
        return tuple(sorted(profile_names.get(arn, arn) for arn in value))
    return value


def readable_names(routing_profiles: Mapping[str, str]) -> dict[str, str]:
    """Return ARN -> name of the routing profiles whose names, in a cell of several, are read as they are.

    :param routing_profiles: Name -> ARN.
    """
    arns = set(routing_profiles.values())
    return {
        arn: name
        for name, arn in routing_profiles.items()
        if name and name not in arns and split_items(name) == [name] and writable(name) == name
    }


def write_rows(rows: Iterable[Mapping[str, Value]], path: Path, kind: Format) -> None:
    """Write rows to a file.

    A CSV has commas, lines that end in CR LF, and a byte-order mark, without which Excel takes UTF-8 for something
    else, and saves what it took it for. A cell that begins like a formula has an apostrophe before it. What no CSV can
    hold, NUL and halves of surrogate pairs, is escaped. JSON Lines have lists, true and false, and null for what is
    empty. Both have the column ``_export``, by which each text is read again as it is.

    :param rows: What :func:`row_of` returned.
    :param path: The file.
    :param kind: ``csv``, ``json_lines``, or ``json``, which is the same where there are rows.
    :raises StorageError: It cannot be written.
    """
    with keeping():
        path.write_bytes(_csv(rows) if kind == "csv" else _json_lines(rows, kind))


def _csv(rows: Iterable[Mapping[str, Value]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*LABELS, EXPORT])
    writer.writerows([*(safe(cell_of(row[label])) for label in LABELS), "1"] for row in rows)
    return codecs.BOM_UTF8 + text.getvalue().encode()


def cell_of(value: Value) -> str:
    """Return a value as the cell of a CSV.

    :param value: The value.
    """
    if isinstance(value, bool):
        return "Yes" if value else "No"
    text = ITEM_SEPARATOR.join(value) if isinstance(value, tuple) else value or ""
    return writable(text)


def _json_lines(rows: Iterable[Mapping[str, Value]], kind: str) -> bytes:
    exact = {EXPORT: True}
    lines = [json.dumps({label: row[label] for label in LABELS} | exact, ensure_ascii=False) for row in rows]
    # Half of a surrogate pair has no bytes, but in JSON the escape that Python writes for it. A file without any
    # line would be refused as empty, but no rows are rows enough; in what is called JSON, an empty list.
    lines = lines or (["[]"] if kind == "json" else [])
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
