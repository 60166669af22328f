"""The header row of the import file: which labels it has, and what each of them means."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from airflow_wisdom.exceptions import TemplateMismatchError
from airflow_wisdom.rows.mistake import listing
from airflow_wisdom.rows.reading import read_csv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LABELS: Mapping[str, str] = MappingProxyType(
    {
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
)
"""Label -> field of the default template. The fields are members of AWS's ``CreateQuickResponse``.

An assumption but for Name, Shortcut key and Routing Profile, the labels that AWS's guides mention: the whole header
row is published nowhere.
"""

Field = Literal[
    "name",
    "description",
    "content",
    "contentType",
    "shortcutKey",
    "channels",
    "language",
    "isActive",
    "routingProfiles",
]
"""The fields that a label can mean, for type checkers."""

FIELDS = frozenset(LABELS.values())
"""The fields that a label can mean."""

ALWAYS_REQUIRED = frozenset({"name", "content"})
"""The fields that ``CreateQuickResponse`` requires, whatever the template marks."""

_LONGEST_LABEL = 1_000
"""Characters of a label that are looked at: no label of AWS's is as long, and a cell of a file may be of any length."""

_REQUIRED = re.compile(r"\*? ?required ?(?:field)?", re.IGNORECASE)


@dataclass(frozen=True)
class ImportTemplate:
    """The header row that AWS expects.

    :param columns: The labels in AWS's order, without marks.
    :param required: The labels under which every row needs a value.
    :param fields: Label -> the field that it means. What stands under other labels is passed on as it comes.
    """

    columns: tuple[str, ...]
    required: frozenset[str]
    fields: Mapping[str, str]

    @classmethod
    def of(cls, columns: Iterable[str], *, fields: Mapping[str, str] | None = None) -> ImportTemplate:
        """Make the template from a list of labels.

        A label marked as in AWS's own file, ``Name <*Required field>``, is the label ``Name``, which is required.
        Labels that mean name or content are required with or without a mark.

        :param columns: The labels in AWS's order.
        :param fields: Label -> field, for labels that do not say it themselves. Default: a label means what it means
            in :data:`LABELS`, whatever its case and spacing, or the field that it names.
        :raises TemplateMismatchError: There are no labels, one is empty or occurs twice, or `fields` names a label
            or a field that does not exist, or one field twice.
        """
        marked = [str(label).strip() for label in columns]
        labels = tuple(unmarked(label) for label in marked)
        _check_labels(labels)
        meanings = _meanings(labels, fields or {})
        required = {label for label, original in zip(labels, marked, strict=True) if label != original}
        required |= {label for label, field in meanings.items() if field in ALWAYS_REQUIRED}
        return cls(labels, frozenset(required), meanings)

    @classmethod
    def from_csv(cls, data: bytes, *, fields: Mapping[str, str] | None = None) -> ImportTemplate:
        """Make the template from the file that the Amazon Connect admin site offers for download.

        :param data: The file: a CSV, of which the header row counts.
        :param fields: As for :meth:`of`.
        :raises SourceFormatError: It is no CSV in UTF-8, or a label is empty or occurs twice.
        :raises TemplateMismatchError: As for :meth:`of`.
        """
        return cls.of(read_csv(io.BytesIO(data)).columns or (), fields=fields)


def unmarked(label: str) -> str:
    """Return a label without the mark for required columns, such as ``<*Required field>``.

    :param label: The label.
    """
    stripped = label.strip()
    before, opening, mark = stripped[-_LONGEST_LABEL:].rpartition("<")
    if not opening or not mark.endswith(">") or not _REQUIRED.fullmatch(" ".join(mark[:-1].split())):
        return stripped
    return (stripped[:-_LONGEST_LABEL] + before).strip()


def fold(label: str) -> str:
    """Return what two spellings of a label have in common: letters without case, spaces, hyphens and underscores.

    :param label: The label; what is beyond 1,000 characters is not looked at.
    """
    return re.sub(r"[\s_-]+", "", label[:_LONGEST_LABEL]).casefold()


def _check_labels(labels: tuple[str, ...]) -> None:
    if not labels:
        raise TemplateMismatchError("The template has no columns")
    if "" in labels:
        raise TemplateMismatchError(f"Column {labels.index('') + 1} of the template has no label")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise TemplateMismatchError(f"The template has a label twice: {listing(twice)}")


def _meanings(labels: tuple[str, ...], told: Mapping[str, str]) -> Mapping[str, str]:
    """Label -> field: what we are told goes first, and no two labels mean the same field."""
    unknown = [label for label in told if label not in labels]
    unknown += [field for field in told.values() if field not in FIELDS]
    if unknown:
        raise TemplateMismatchError(f"Neither a label of the template nor a field: {listing(unknown)}")
    if len(set(told.values())) < len(told):
        raise TemplateMismatchError("Two labels of the template are said to mean the same field")
    meanings = dict(told)
    for label in labels:
        field = _FOLDED.get(fold(label))
        if field and label not in meanings and field not in meanings.values():
            meanings[label] = field
    return MappingProxyType(meanings)


_FOLDED = {fold(name): field for label, field in LABELS.items() for name in (label, field)}

DEFAULT_TEMPLATE = ImportTemplate.of(LABELS)
"""The template that is assumed where none is given; see :data:`LABELS`."""
