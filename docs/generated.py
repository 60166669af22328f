"""A Sphinx extension: what the code says about options, exceptions and lower bounds, as parts of pages.

Each directive writes Markdown, which the page that holds it goes on to parse: its links are those of the page.
"""

from __future__ import annotations

import inspect
import re
from importlib.metadata import requires
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

from airflow_wisdom import exceptions
from airflow_wisdom.exceptions import WisdomError
from airflow_wisdom.provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

SECTION = "wisdom"
_ADVICE = re.compile(r"^(\w+)\n: (.*?)(?=^\w+\n: |\Z)", re.MULTILINE | re.DOTALL)


class _Written(Directive):
    """Parses what :meth:`lines` yields in the place of the directive."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the nodes."""
        holder = nodes.container()
        self.state.nested_parse(StringList([*self.lines()], self.state_machine.document["source"]), 0, holder)
        return holder.children

    def lines(self) -> Iterator[str]:
        """Yield lines of Markdown."""
        raise NotImplementedError


class Options(_Written):
    """Every option in section ``[wisdom]`` of Airflow's configuration."""

    def lines(self) -> Iterator[str]:
        """Yield a definition for each."""
        for name, option in get_provider_info()["config"][SECTION]["options"].items():
            default = f"default `{option['default']}`" if option["default"] else "empty by default"
            yield from (f"`{name}`", f": *{option['type']}, {default}, for example `{option['example']}`.*", "")
            yield from (f"  {option['description']}", "")


class ExceptionTree(_Written):
    """Every exception below the one that it extends."""

    def lines(self) -> Iterator[str]:
        """Yield a list of lists."""
        yield from self._below(WisdomError, "")

    def _below(self, kind: type[WisdomError], indent: str) -> Iterator[str]:
        yield f"{indent}- {{py:exc}}`~airflow_wisdom.exceptions.{kind.__name__}`"
        for child in kind.__subclasses__():
            if child.__module__ == exceptions.__name__:
                yield from self._below(child, f"{indent}  ")


class Exceptions(_Written):
    """Every exception: what it means, from its docstring, and what to do, from the content of the directive."""

    def lines(self) -> Iterator[str]:
        """Yield a definition for each, in the order of the page."""
        advice = dict(_ADVICE.findall("\n".join(self.content) + "\n"))
        kinds = all_exceptions()
        if advice.keys() != kinds.keys():
            raise self.error(f"Not each exception once: {sorted(advice.keys() ^ kinds.keys())}")
        for name, what_to_do in advice.items():
            yield from (f"{{py:exc}}`~airflow_wisdom.exceptions.{name}`", f": {meaning(kinds[name])}", "")
            yield from (f"  *What to do:* {what_to_do.strip()}", "")


class LowerBounds(_Written):
    """What the package needs, and from which version on."""

    def lines(self) -> Iterator[str]:
        """Yield a table."""
        yield from ("| package | lowest version |", "|---|---|")
        for name, version in lower_bounds().items():
            yield f"| `{name}` | {version} |"


def all_exceptions() -> dict[str, type[WisdomError]]:
    """Return every exception but the base, by name."""
    kinds = {
        name: kind for name, kind in inspect.getmembers(exceptions, inspect.isclass) if issubclass(kind, WisdomError)
    }
    return {name: kind for name, kind in kinds.items() if kind is not WisdomError}


def meaning(kind: type[WisdomError]) -> str:
    """Return a docstring up to its parameters, as Markdown on one line."""
    told = inspect.cleandoc(kind.__doc__ or "").partition("\n\n:param")[0]
    return " ".join(told.replace("``", "`").split())


def lower_bounds() -> dict[str, str]:
    """Return the lowest version of each package that is always installed."""
    needed = [line for line in requires("airflow-wisdom") or [] if "extra ==" not in line]
    return dict(sorted(re.match(r"([\w.-]+)\s*>=\s*([\d.]+)", line).groups() for line in needed))  # type: ignore[union-attr]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("options", Options)
    app.add_directive("exceptions", Exceptions)
    app.add_directive("exception-tree", ExceptionTree)
    app.add_directive("lower-bounds", LowerBounds)
    return {"parallel_read_safe": True}
