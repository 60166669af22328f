"""What a task remembers from one try to the next, where Airflow can remember anything. Pure: no Airflow, no boto3."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


BEGAN = "began"
"""Key under which a task remembers that it has begun before; the other keys are marks."""


@dataclass(frozen=True)
class Remembered:
    """What an earlier try did for one file.

    :param upload_id: Id of its upload.
    :param attempt: Number of the attempt that the upload was for.
    :param import_job_id: Id of its import job, where it was known to be started.
    """

    upload_id: str
    attempt: int = 0
    import_job_id: str | None = None


class Memory:
    """What a task instance remembers of each file: Airflow's task state store, by mark.

    Airflow before 3.3 has no such store, and then nothing is remembered. Nothing that is right depends on it: a job is
    also found by its mark in the list of jobs. But a list may lag behind, and the store does not.

    :param context: The context of the running task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store = context.get("task_state_store")

    def begin(self) -> bool:
        """Note that the task begins, and tell whether it has begun before."""
        if self._store is None:
            return False
        before = self._store.get(BEGAN) is not None
        self._store.set(BEGAN, True)
        return before

    def recall(self, mark: str) -> Remembered | None:
        """Return what is remembered under a mark; None if nothing is."""
        stored = self._store.get(mark) if self._store is not None else None
        return Remembered(**stored) if isinstance(stored, dict) else None

    def remember(self, mark: str, what: Remembered) -> None:
        """Remember something under a mark, in place of what was."""
        if self._store is not None:
            self._store.set(mark, asdict(what))

    def forget(self, mark: str) -> None:
        """Forget what is remembered under a mark."""
        if self._store is not None:
            self._store.delete(mark)
