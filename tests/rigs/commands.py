"""A command of the command line that ran in the process of the test."""

from __future__ import annotations

import json


class Ran:
    """What a command in this process wrote, and its exit code."""

    def __init__(self, code, captured) -> None:
        self.code, self.out, self.err = code, captured.out, captured.err

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The line that says why it failed."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("airflow-wisdom")]
        return line
