"""What a task remembers from one try to the next, where Airflow can remember anything. Pure: no Airflow, no boto3."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


log = logging.getLogger(__name__)

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
        before = self._ask("get", BEGAN) is not None
        self._ask("set", BEGAN, True)
        return before

    def recall(self, mark: str) -> Remembered | None:
        """Return what is remembered under a mark; None if nothing is."""
        stored = self._ask("get", mark)
        return Remembered(**stored) if isinstance(stored, dict) else None

    def remember(self, mark: str, what: Remembered) -> None:
        """Remember something under a mark, in place of what was."""
        self._ask("set", mark, asdict(what))

    def forget(self, mark: str) -> None:
        """Forget what is remembered under a mark."""
        self._ask("delete", mark)

    def _ask(self, verb: str, *args: Any) -> Any:
        if self._store is None:
            return None
        try:
            return getattr(self._store, verb)(*args)
        except Exception as exc:  # noqa: BLE001 - Airflow's own errors differ, and no import is to fail for one
            log.warning("Airflow's task state store failed, the list of import jobs has to do: %r", exc)
            return None
