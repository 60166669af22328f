"""A Sphinx extension: tables and names in code that fit a phone.

A table becomes a list there (`_static/custom.css`): each cell says the heading of its column, and no word is broken for
want of room. A name in code stays in one piece wherever it fits into the width of a phone.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.writers.html5 import HTML5Translator

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LONGEST_NAME = 40
"""Characters in code that fit beside each other into the width of a phone."""


class Translator(HTML5Translator):
    """Writes HTML with the heading of its column in each cell."""

    def visit_entry(self, node: nodes.Element) -> None:
        """Begin a cell."""
        begun = len(self.body)
        super().visit_entry(node)
        if label := heading(node):
            self.body[begun] = self.body[begun].replace(">", f' data-label="{escape(label)}">', 1)

    def visit_literal(self, node: nodes.Element) -> None:
        """Begin a name in code."""
        if len(node.astext()) <= LONGEST_NAME:
            node["classes"].append("whole")
        super().visit_literal(node)


def heading(cell: nodes.Element) -> str:
    """Return the heading above a cell; none above the first one of a row, which is a heading itself."""
    row = cell.parent
    table = row.parent.parent
    heads = [part for part in table.children if isinstance(part, nodes.thead)]
    place = row.index(cell)
    if not heads or row.parent in heads or place == 0:
        return ""
    return str(heads[0].children[0].children[place].astext())


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the translator."""
    app.set_translator("html", Translator)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
