"""Which rows of an import are already there, and need not be sent by a task that a user has cleared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_wisdom.model.quick_response import differences
from airflow_wisdom.rows.quick_responses import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_wisdom.model.quick_response import QuickResponse
    from airflow_wisdom.rows import ImportTemplate


class Presence:
    """What a knowledge base has, for rows to be looked up in.

    A row is there if a quick response has its name and every value that the row has, and its last change has succeeded.
    One that has its name and another value counts as differing: AWS would refuse the row, because names are unique.

    :param there: The quick responses of the knowledge base, whole.
    :param template: The header of the import files.
    :param routing_profiles: Name -> ARN of the routing profiles that are known.
    """

    def __init__(
        self, there: Iterable[QuickResponse], template: ImportTemplate, routing_profiles: Mapping[str, str]
    ) -> None:
        self._there = {item.name: item for item in there if item.is_settled}
        self._template = template
        self._routing_profiles = routing_profiles

    @property
    def arn(self) -> str | None:
        """ARN of the knowledge base, as far as it has something."""
        return next((item.knowledge_base_arn for item in self._there.values()), None)

    def notes(self, differing: list[bool], cells: Mapping[str, str]) -> bool:
        """Return whether the name of a row is taken, so that AWS would refuse it, and note whether it then differs.

        :param differing: Gets an entry for each row whose name is taken: whether it has other values.
        :param cells: Label -> cell of the row.
        """
        fields = self._template.fields
        values = said({fields[label]: cell for label, cell in cells.items() if label in fields}, self._routing_profiles)
        name = values.get("name")
        item = self._there.get(name) if isinstance(name, str) else None
        if item is None:
            return False
        differing.append(bool(differences(item.values, values)))
        return True
