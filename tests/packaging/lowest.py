"""Prints the lowest version of each package that `pyproject.toml` allows: `make constraints` pins them."""

from __future__ import annotations

import re
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
BOUND = re.compile(r'"([\w.-]+)(?:\[\w+\])?>=([\d.]+)')


def lowest(pyproject: str) -> dict[str, str]:
    """Return name -> version of whatever a user installs, extras included.

    :param pyproject: The text of the file.
    """
    project = pyproject.partition("[project]")[2].partition("[dependency-groups]")[0]
    return dict(BOUND.findall(project))


if __name__ == "__main__":
    print("\n".join(f"{name}=={version}" for name, version in lowest(PYPROJECT.read_text()).items()))  # noqa: T201
