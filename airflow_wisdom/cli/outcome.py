"""What a command has to show: one document for scripts, and the same as sheets for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom.runs.reports import IMPORT_JOB

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_wisdom.cli.exits import Failure
    from airflow_wisdom.rows.mistake import Mistake


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    :param title: Its heading.
    :param kind: ``text`` (default), which is broken where the terminal is narrow; ``id`` and ``status``, which never
        are; or ``number``.
    :param optional: Whether a narrow terminal may do without it. Default: no.
    """

    title: str
    kind: Literal["text", "id", "status", "number"] = "text"
    optional: bool = False


@dataclass(frozen=True)
class Sheet:
    """A table.

    :param title: What it is about; empty for the first of a command.
    :param columns: Its columns.
    :param rows: The cells, row by row; None for what is not known.
    :param has_header: Whether the columns' titles are shown. Default: yes.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    has_header: bool = True


@dataclass(frozen=True)
class Outcome:
    """What a command found or did.

    :param document: JSON primitives.
    :param sheets: The same for people.
    :param failure: Why it is not what was asked for. Default: it is.
    """

    document: Any
    sheets: Sequence[Sheet]
    failure: Failure | None = None


def facts(**members: Any) -> Sheet:
    """Return a sheet of single facts; those that are None are left out.

    :param members: What is known, by its name in snake case.
    """
    rows = [(name.replace("_", " ").capitalize(), value) for name, value in members.items() if value is not None]
    return Sheet("", (Column("", "id"), Column("")), rows, has_header=False)


def records(title: str, found: Sequence[Mapping[str, str]], known: Collection[str]) -> Sheet:
    """Return a sheet of records that AWS refused: what names each of them, and what AWS added to what it was sent.

    AWS does not document the columns of its reports. Where it added none, all of them are shown.

    :param title: What they are.
    :param found: The records, by column.
    :param known: The columns of what was sent.
    """
    columns = list(dict.fromkeys(name for record in found for name in record))
    own = [name for name in columns if name in known]
    added = [name for name in columns if name not in known]
    shown = [*own[:1], *added] if added else own
    titles = [Column(name) for name in shown if name != IMPORT_JOB]
    rows = [[record.get(column.title, "") for column in titles] for record in found]
    if IMPORT_JOB not in shown:
        return Sheet(title, tuple(titles), rows)
    rows = [[*row, record[IMPORT_JOB]] for row, record in zip(rows, found, strict=True)]
    return Sheet(title, (*titles, Column("Import job", "id", optional=True)), rows)


def mistakes(title: str, found: Sequence[Mistake], total: int) -> Sheet:
    """Return a sheet of what is wrong with cells.

    :param title: What is wrong with them, in general.
    :param found: The mistakes that are shown.
    :param total: How many there are.
    """
    columns = (Column("Line", "number"), Column("Column"), Column("Value", optional=True), Column("Reason"))
    rows = [(each.line, each.column, each.value, each.reason) for each in found]
    return Sheet(titled(title, len(rows), total), columns, rows)


def invalid_rows(found: Sequence[Mistake], total: int) -> Sheet:
    """Return a sheet of what is wrong with invalid rows.

    :param found: The mistakes that are shown.
    :param total: How many there are.
    """
    return mistakes("Invalid, found by the check", found, total)


def titled(what: str, shown: int, total: int) -> str:
    """Return the title of a sheet that may not show everything.

    :param what: What it shows.
    :param shown: How many of them.
    :param total: How many there are.
    """
    return f"{what}: {total:,}" if shown == total else f"{what}: the first {shown:,} of {total:,}"
