"""Template fields of tasks: which there are, and what becomes of one that Airflow cannot fill in."""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, MappingView, ValuesView
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_wisdom.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_EXTRA = re.compile(r"\bconn\.(?P<conn_id>\w+)\.extra_dejson\.(?P<key>\w+)")
"""How templates read the extra of an Airflow connection."""


def templates_of(*kinds: Any) -> tuple[str, ...]:
    """Return the template fields of several bases of a task, each once: Airflow would render twice what is there twice.

    :param kinds: The bases.
    """
    return tuple(dict.fromkeys(name for kind in kinds for name in kind.template_fields))


def refuse_passing(name: str, value: Any) -> None:
    """Refuse what can be gone through only once, as a parameter or in one: its address would be in the DAG.

    :param name: Name of the parameter.
    :param value: Its value.
    :raises ParameterError: It is such a thing.
    """
    if value is None or isinstance(value, (str, int, float)):
        return
    items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    for item in (value, *items):
        if isinstance(item, (Iterator, MappingView)):
            raise ParameterError(
                f"{name} is or has a {type(item).__name__}, which gives the DAG a new version in each parse and can be "
                "read only once: pass a list"
            )


class Unrendered:
    """What takes the place of a template that could not be filled in, until the task begins and says so.

    Airflow would log some forty lines of its own and Jinja's code, in which the name of the missing connection is lost.

    :param template: The template.
    :param error: Why it could not be.
    """

    def __init__(self, template: str, error: Exception) -> None:
        self._template = template
        self._why = f"{error}" or repr(error)
        extra, kind = _EXTRA.search(template), type(error).__name__
        if kind == "TemplateNotFound":
            self._why = "there is no such file in the folder of the DAG"
        elif extra and kind == "UndefinedError" and f"{extra['key']!r}" in self._why:
            self._why = f"the extra of the Airflow connection {extra['conn_id']!r} has no {extra['key']!r}"

    def __str__(self) -> str:
        return f"the template {self._template!r:.200} could not be filled in: {self._why}"


def rendered(content: Any, render: Callable[[], Any]) -> Any:
    """Return what a template becomes, or what takes its place.

    :param content: The template, or what has templates in it.
    :param render: Renders it.
    """
    if not isinstance(content, str):
        return render()
    try:
        found = render()
    except (AirflowFailException, AirflowSkipException):
        raise
    except Exception as exc:  # noqa: BLE001 - a template may call anything
        return Unrendered(content, exc)
    # A native template, such as one that selects rows, becomes what can be read only once, of which no DAG knows.
    return [*found] if isinstance(found, (Iterator, KeysView, ValuesView, ItemsView)) else found


def unrendered_in(task: Any) -> dict[str, str]:
    """Return the template fields of a task that could not be filled in, and what is to be said of each.

    :param task: The task.
    """
    found = {name: next(_unrendered(getattr(task, name)), None) for name in task.template_fields}
    return {name: f"{name}: {what}" for name, what in found.items() if what}


def _unrendered(value: Any) -> Iterator[Unrendered]:
    parts: Iterable[Any] = ()
    if isinstance(value, Unrendered):
        yield value
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, (list, tuple, set)):
        parts = value
    else:
        names: Sequence[str] = getattr(value, "template_fields", ())
        parts = [getattr(value, name) for name in names]
    for part in parts:
        if not isinstance(part, str):
            yield from _unrendered(part)
