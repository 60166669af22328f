"""Sphinx extension: the page of an operator has each of its parameters in full, also those that its bases document.

In the source each is written once, and whatever else has it says *as for* the class or method that explains it.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FORMS = ("airflow_wisdom.operators", "airflow_wisdom.sensors", "airflow_wisdom.transfers")
"""Modules whose public classes have pages of their own."""

_FIELD = re.compile(r":(param|raises) (\w+): (.*?)(?=\n:|\n\n|\Z)", re.DOTALL)
_AS_FOR = re.compile(r"As for (?::\w+:`(?:[^`<]*<)?~?([\w.]+)>?`|`(\w+)`)[;.:]?\s*(.*)", re.DOTALL)
_POINTER = re.compile(r"\w[^:.]*: as for (:class:`|``Base)")


def is_form(obj: Any) -> bool:
    """Return whether a class is one that users put into DAGs."""
    return any(obj is getattr(import_module(name), obj.__name__, None) for name in FORMS)


def parameters(kind: type) -> dict[str, str]:
    """Return the parameters of an operator, its own first, and what each means, in full."""
    return {name: _in_full(name, text) for name, text in _fields(kind, "param")}


def errors(kind: type) -> list[tuple[str, str]]:
    """Return the errors of an operator, and when it raises each."""
    return list(dict(_fields(kind, "raises")).items())


def lines(kind: type) -> list[str]:
    """Return the docstring of an operator with all of its parameters and errors."""
    paragraphs = [text for text in inspect.getdoc(kind).split("\n\n") if not re.match(r":(param|raises)", text)]  # type: ignore[union-attr]
    told = [text for text in paragraphs if not _POINTER.match(text)]
    base = "BaseSensorOperator" if "Sensor" in kind.__name__ else "BaseOperator"
    told.append("\n".join(f":param {name}: {_one_line(text)}" for name, text in parameters(kind).items()))
    told.append(f":param kwargs: Any parameter of Airflow's ``{base}``.")
    told.append("\n".join(f":raises {name}: {_one_line(text)}" for name, text in errors(kind)))
    return "\n\n".join(told).split("\n")


def _fields(kind: type, field: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a class and its bases in this package, each once."""
    seen = set()
    for base in kind.__mro__:
        if not base.__module__.startswith("airflow_wisdom."):
            continue
        for what, name, text in _FIELD.findall(inspect.getdoc(base) or ""):
            if what == field and name not in seen:
                seen.add(name)
                yield name, text


def _in_full(name: str, text: str) -> str:
    """Return what a parameter means, also where another class or method explains it."""
    pointer = _AS_FOR.match(text)
    if not pointer:
        return text
    target, method, more = pointer.groups()
    explained = _named(target or f"airflow_wisdom.hooks.WisdomHook.{method}")
    (there,) = [said for what, own, said in _FIELD.findall(inspect.getdoc(explained) or "") if own == name]
    return f"{_in_full(name, there)} {more[:1].upper()}{more[1:]}".strip()


def _named(path: str) -> Any:
    """Return the class or method of a path."""
    module, *names = (path if "." in path else f"airflow_wisdom.operators.{path}").split(".")
    found: Any = import_module(module)
    for name in names:
        module = f"{module}.{name}"
        found = getattr(found, name) if hasattr(found, name) else import_module(module)
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())


def docstring(_app: Any, what: str, _name: str, obj: Any, _options: Any, said: list[str]) -> None:
    """Show the parameters of an operator in full."""
    if what == "class" and is_form(obj):
        said[:] = [*lines(obj), ""]


def setup(app: Any) -> dict[str, Any]:
    """Connect the above."""
    # Whose event this is about.
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", docstring)
    return {"parallel_read_safe": True}


def undocumented(kind: type) -> Iterable[str]:
    """Return the parameters of an operator that nothing explains."""
    return set(inspect.signature(kind).parameters) - {"kwargs"} - set(parameters(kind))
