"""Files that are parts of one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.mistake import listing

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from airflow_wisdom.rows.reading.table import Table


def goes_on(cells: Sequence[str], columns: Sequence[str]) -> bool:
    """Return whether the first row of a further part is one of its rows, as it has no header of its own.

    :param cells: The first row.
    :param columns: The columns of the first part. If at least half of them are in the row, it is a header.
    """
    known = {_folded(column) for column in columns}
    return 2 * len(known.intersection(map(_folded, cells))) < len(known)


def check_part(part: Table, first: Table) -> None:
    """Refuse a part that is not of the same table.

    :param part: The part.
    :param first: The first part.
    :raises SourceFormatError: It is of another kind, or has other columns.
    """
    if (part.columns is None, part.unit) != (first.columns is None, first.unit):
        raise SourceFormatError("The file is of another format than the first part")
    problems = _differences(part.columns or (), first.columns or ())
    if problems:
        raise SourceFormatError(f"The file has not the columns of the first part: {problems}")


def _differences(columns: Collection[str], expected: Collection[str]) -> str:
    own, theirs = set(map(_folded, columns)), set(map(_folded, expected))
    missing = [column for column in expected if _folded(column) not in own]
    more = [column for column in columns if _folded(column) not in theirs]
    return "; ".join([f"it lacks {listing(missing)}"] * bool(missing) + [f"it also has {listing(more)}"] * bool(more))


def _folded(label: str) -> str:
    return label.strip().lstrip("\ufeff").casefold()
