"""Rows that a task is given: data, in which XComs are resolved, and no text is a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg
from airflow.sdk.definitions._internal.mixins import ResolveMixin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class GivenRows(ResolveMixin, Sequence[Any]):
    """Rows as they were given, which Airflow resolves and does not render.

    Amazon Connect's own placeholders have double braces, too: rendered, ``{{ ds }}`` in a text would become a date, and
    a text could read connections. Airflow renders what is in lists and dicts, on several ways that differ between
    mapped and other tasks; what resolves itself it leaves alone on all of them.

    :param rows: The rows: mappings, lists, or XComArgs that stand for them or for values in them.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def iter_references(self) -> Iterator[Any]:
        """Yield the tasks whose XComs are in the rows, so that Airflow runs those first."""
        yield from XComArg.iter_xcom_references(list(self._rows))

    def resolve(self, context: Any, **_: Any) -> GivenRows:
        """Return the rows with the XComs in place of what stood for them.

        :param context: The context of the task.
        """
        return GivenRows(_resolved(list(self._rows), context))

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return list(self) == (list(other) if isinstance(other, (GivenRows, list, tuple)) else other)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        # The same in each parse, or the DAG would get a new version each time.
        return repr(list(self._rows))


def given(source: Any) -> Any:
    """Return a source in the form in which Airflow leaves its texts alone.

    :param source: What a task was given: rows, or anything else.
    """
    return GivenRows(source) if isinstance(source, (list, tuple)) else source


def _resolved(value: Any, context: Any) -> Any:
    if isinstance(value, ResolveMixin):
        return value.resolve(context)
    if isinstance(value, Mapping):
        return {name: _resolved(item, context) for name, item in value.items()}
    return _resolved_items(value, context) if isinstance(value, (list, tuple)) else value


def _resolved_items(items: Iterable[Any], context: Any) -> list[Any]:
    return [_resolved(item, context) for item in items]
