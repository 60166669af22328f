"""Judged rows as quick responses: what each row wants AWS to have. Pure: no Airflow, no boto3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_wisdom.model.knowledge_base import is_arn
from airflow_wisdom.model.quick_response import CONTENT_TYPES, LISTS
from airflow_wisdom.rows.mistake import place
from airflow_wisdom.rows.validation import YES_AND_NO, split_items

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from airflow_wisdom.model.quick_response import Value, Values
    from airflow_wisdom.rows.mistake import Unit
    from airflow_wisdom.rows.reading.table import Row

TRUE = frozenset({"true", "yes", "y", "1"})
"""Words for an active quick response, in any case."""

WORDS: Mapping[str, Collection[str]] = {"isActive": YES_AND_NO, "contentType": frozenset(CONTENT_TYPES)}
"""Field -> the words, in any case, that can be turned into what the API takes: a boolean, and AWS's own long names."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one row wants.

    :param line: Where the row begins in its source, from 1.
    :param values: Field -> value, of the fields that the row has a column for; routing profiles are ARNs.
    :param unit: What `line` counts.
    :param part: The file that the row is in, where its source has several.
    """

    line: int
    values: Values
    unit: Unit = "line"
    part: str | None = None

    @property
    def place(self) -> str:
        """Where the row is, in words."""
        return place(self.line, self.unit, self.part)


def wanted(row: Row, cells: Mapping[str, str], routing_profiles: Mapping[str, str]) -> Wanted:
    """Return what a row wants.

    :param row: The row.
    :param cells: Field -> cell of a row that is valid.
    :param routing_profiles: Name -> ARN of the routing profiles that there are; an ARN stands for itself.
    """
    values = {name: _value(name, cell, routing_profiles) for name, cell in cells.items()}
    # There is no quick response without a content type, or that is neither active nor inactive: nothing is asked for.
    asked = {name: value for name, value in values.items() if value is not None or name not in _ALWAYS}
    return Wanted(row.line, asked, row.unit, row.part)


def said(cells: Mapping[str, str], routing_profiles: Mapping[str, str]) -> dict[str, Value]:
    """Return what a row of an import file says of a quick response: what it leaves empty is for AWS to decide.

    Words that only AWS may understand, and names of routing profiles that are not known, say nothing that could be
    compared.

    :param cells: Field -> cell of a row that is valid.
    :param routing_profiles: Name -> ARN of the routing profiles that are known; an ARN stands for itself.
    """
    return {
        name: _value(name, cell, routing_profiles)
        for name, cell in cells.items()
        if cell and _is_understood(name, cell, routing_profiles)
    }


def _is_understood(name: str, cell: str, routing_profiles: Mapping[str, str]) -> bool:
    if name == "routingProfiles":
        return all(item in routing_profiles or is_arn(item) for item in split_items(cell))
    return name not in WORDS or cell.lower() in WORDS[name]


_ALWAYS = frozenset({"contentType", "isActive"})


def _value(name: str, cell: str, routing_profiles: Mapping[str, str]) -> Value:
    if not cell:
        return () if name in LISTS else None
    if name == "isActive":
        return cell.lower() in TRUE
    if name == "contentType":
        return CONTENT_TYPES[cell.lower()]
    if name == "routingProfiles":
        return tuple(sorted({routing_profiles.get(item, item) for item in split_items(cell)}))
    return tuple(sorted(set(split_items(cell)))) if name in LISTS else cell
