"""Ways to break the product on purpose, each of which the rig has to notice."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "airflow_wisdom"


@dataclass(frozen=True)
class Mutation:
    """A change of one line.

    :param file: The file, below the package.
    :param old: What is there, once.
    :param new: What takes its place.
    :param scenario: Who has to notice.
    :param column: In which column of the table.
    """

    file: str
    old: str
    new: str
    scenario: str
    column: str

    def apply(self, folder: Path) -> None:
        """Put a copy of the package that is broken into an empty folder."""
        shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
        path = folder / PACKAGE.name / self.file
        path.write_text(self.broken())

    def broken(self) -> str:
        """Return what the file is with the change."""
        text = (PACKAGE / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has {self.old!r} {text.count(self.old)} times")
        return text.replace(self.old, self.new)


MUTATIONS = {
    "another client token for each request": Mutation(
        "runs/starting.py",
        "token = self.client_token or self.mark",
        'token = __import__("uuid").uuid4().hex',
        "answers lost after their effect",
        "doubled",
    ),
    "a job that has failed taken for a complete one": Mutation(
        "runs/account.py",
        "wrong = [each for each in self.parts if not each.is_done]",
        "wrong = []",
        "jobs deleted by somebody else",
        "lost",
    ),
    "refused rows counted as imported": Mutation(
        "runs/account.py",
        "Columns(rest, self.refused, 0, 0) if self.end.is_complete",
        "Columns(rows, 0, 0, 0) if self.end.is_complete",
        "upload URL expired",
        "lost",
    ),
    "presigned URLs not redacted": Mutation(
        "redaction.py",
        "return _pattern(_WORD).sub(_redact_word, text) if _pattern(_QUERY).search(text) else text",
        "return text",
        "upload goes nowhere",
        "leaked",
    ),
    "a task that is ended and goes on": Mutation(
        "tasks.py",
        "        self.ended.set()",
        "        pass",
        "marked failed during the upload",
        "doubled",
    ),
    "passing errors taken for final ones": Mutation(
        "cadence.py",
        'transient = getattr(error, "transient", False)',
        "transient = False",
        "starts refused with 5xx, without retries",
        "wrong",
    ),
}
