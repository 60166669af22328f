"""Rows that a task is given: data, in which XComs are resolved, and no text is a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MappingView
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg
from airflow.sdk.definitions._internal.mixins import ResolveMixin

from airflow_wisdom.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable


class Given(ResolveMixin):
    """Rows as they were given, which Airflow resolves and does not render.

    Amazon Connect's own placeholders have double braces, too: rendered, ``{{ ds }}`` in a text would become a date, and
    a text could read connections. Airflow renders what is in lists and dicts, on several ways that differ between
    mapped and other tasks, and between its versions; what resolves itself it leaves alone on all of them.

    :param value: The rows, or what was given instead: mappings, lists, or XComArgs in place of them or of their values.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def iter_references(self) -> Iterator[Any]:
        """Yield the tasks whose XComs are in the rows, so that Airflow runs those first."""
        found: list[ResolveMixin] = []
        _replace(self.value, lambda item: found.append(item) if isinstance(item, ResolveMixin) else item)
        for item in found:
            yield from XComArg.iter_xcom_references(item)

    def resolve(self, context: Any, **_: Any) -> Given:
        """Return the rows with the XComs in place of what stood for them.

        :param context: The context of the task.
        """
        return Given(
            _replace(self.value, lambda item: item.resolve(context) if isinstance(item, ResolveMixin) else item)
        )

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, Given) else other))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        # The same in each parse, or the DAG would get a new version each time; the order of a set is not.
        return repr(_replace(self.value, lambda item: sorted(item, key=repr) if isinstance(item, _SETS) else item))


class GivenQuery(ResolveMixin):
    """A query as it was given, in which Airflow sees the XComs; the operator renders it, see its ``render_template``.

    Airflow looks for XComs in lists, in dicts and in what resolves itself, but not in other things with templates.

    :param value: The query, which has ``template_fields``.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def iter_references(self) -> Iterator[Any]:
        """Yield the tasks whose XComs are in the query, so that Airflow runs those first."""
        for name in self.value.template_fields:
            yield from XComArg.iter_xcom_references(getattr(self.value, name))

    def resolve(self, context: Any, **_: Any) -> Any:  # noqa: ARG002 - as Airflow calls it
        """Return a copy of the query: Airflow renders in place, and mapped tasks would share what becomes of it."""
        return copy(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


_SETS = (set, frozenset)


def given(source: Any) -> Any:
    """Return a source in the form in which Airflow leaves its texts alone.

    A list of paths stays as it is: those are templates.

    :param source: What a task was given: rows, or anything else.
    :raises SourceError: It can be gone through only once, or is a task or a function in place of what it returns.
    """
    for item in source if isinstance(source, (list, tuple)) else [source]:
        if hasattr(item, "task_id"):
            raise SourceError(f"source is the task {item.task_id}: pass its output, as in source=task.output")
        if callable(item):
            raise SourceError("source is a function: call it, and pass what it returns, as in source=rows()")
        if isinstance(item, (Iterator, MappingView)):
            raise SourceError(
                f"source is of type {type(item).__name__}, which gives the DAG a new version in each parse and can be "
                "read only once: pass a list, or let a task return the rows and pass its output"
            )
    if hasattr(source, "template_fields") and not isinstance(source, ResolveMixin):
        return GivenQuery(source)
    return Given(source) if _has_rows(source) else source


def _has_rows(source: Any) -> bool:
    if isinstance(source, (list, tuple)):
        return any(isinstance(item, (Mapping, list, tuple)) for item in source)
    return isinstance(source, Mapping)


def _replace(value: Any, replaced: Callable[[Any], Any]) -> Any:
    """Return a value with all that is in its lists and mappings replaced."""
    if isinstance(value, Mapping):
        return {name: _replace(item, replaced) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replace(item, replaced) for item in value]
    return replaced(value)
