"""Who runs something, what is remembered of earlier tries, and until when it may take. Pure."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_wisdom.cadence import Patience, time_left
from airflow_wisdom.exceptions import ImportJobTimeoutError, WisdomError
from airflow_wisdom.model.knowledge_base import short_id
from airflow_wisdom.model.limits import MAX_METADATA_PAIRS, MAX_METADATA_VALUE
from airflow_wisdom.redaction import cut, redact
from airflow_wisdom.rows.keeping import keeping
from airflow_wisdom.runs.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.calls import Calls
    from airflow_wisdom.model.import_job import ImportJob

T = TypeVar("T")

log = logging.getLogger(__name__)

MARK = "airflow-import"
"""Key in an import job's metadata under which a task finds the job that an earlier try of it started."""

TASK = ("airflow-dag", "airflow-run", "airflow-task")
"""Keys in an import job's metadata that say, to whoever looks at it, who started the job."""

FILE = "airflow-file"
"""Key in an import job's metadata that says what the job imports."""

USERS_PAIRS = MAX_METADATA_PAIRS - len((MARK, FILE, *TASK))
"""Pairs of metadata that are left to the user, of those that AWS allows."""

COMMAND = "airflow-wisdom"
"""What stands in place of a task where the command line imports."""


@dataclass(frozen=True)
class Origin:
    """Who starts import jobs: a task instance, the same for each of its tries, or a command.

    :param identity: What it is and no other: DAG, run, task and map index.
    :param description: The metadata that say so to people.
    """

    identity: tuple[str | int, ...]
    description: Mapping[str, str]

    @classmethod
    def of_task(cls, ti: Any) -> Origin:
        """Return the origin of what a task instance starts.

        :param ti: Airflow's task instance.
        """
        task = ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
        description = dict(zip(TASK, (ti.dag_id, ti.run_id, task), strict=True))
        return cls((ti.dag_id, ti.run_id, ti.task_id, ti.map_index), description)

    @classmethod
    def of_command(cls, source: str, run_id: str = "") -> Origin:
        """Return the origin of what the command line starts: the same whenever the same file is imported again.

        :param source: Path or URI of the file.
        :param run_id: What distinguishes this run from others of the same file. Default: nothing does.
        """
        return cls((COMMAND, run_id), dict(zip(TASK[1:], (run_id, f"{COMMAND} import {source}"), strict=True)))

    def mark(self, knowledge_base_id: str, content: str) -> str:
        """Return what this origin and this content have, and no other.

        :param knowledge_base_id: Id or ARN of the knowledge base: either stands for the same.
        :param content: What distinguishes one import from another: a hash of the file, or its upload id.
        """
        name = [*self.identity, short_id(knowledge_base_id), content]
        return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(name)))

    def has_started(self, job: ImportJob) -> bool:
        """Return whether a job was started by this origin, in whichever of its tries.

        :param job: The import job.
        """
        return all(job.metadata.get(key) == value for key, value in self.describe("").items())

    def describe(self, file: str) -> dict[str, str]:
        """Return the metadata that say where a job comes from.

        :param file: What the job imports, in words.
        """
        pairs = {**self.description, FILE: file}
        return {
            key: redact(cut(value, MAX_METADATA_VALUE))[:MAX_METADATA_VALUE] for key, value in pairs.items() if value
        }


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
    """What a task instance remembers of each file, by mark.

    Airflow before 3.3 has no task state store, and then nothing is remembered. Nothing that is right depends on it: a
    job is also found by its mark in the list of jobs. But a list may lag behind, and the store does not.

    :param store: Airflow's task state store; None where there is none.
    """

    _BEGAN = "began"

    def __init__(self, store: Any = None) -> None:
        self._store = store

    def begin(self) -> bool:
        """Note that the task begins, and return whether it has begun before."""
        before = self._ask("get", self._BEGAN) is not None
        self._ask("set", self._BEGAN, True)
        return before

    def recall(self, mark: str) -> Remembered | None:
        """Return what is remembered under a mark; None if nothing is.

        :param mark: The mark of a file.
        """
        stored = self._ask("get", mark)
        return Remembered(**stored) if isinstance(stored, dict) else None

    def remember(self, mark: str, what: Remembered) -> None:
        """Remember something under a mark, in place of what was.

        :param mark: The mark of a file.
        :param what: What was done for it.
        """
        self._ask("set", mark, asdict(what))

    def forget(self, mark: str) -> None:
        """Forget what is remembered under a mark.

        :param mark: The mark of a file.
        """
        self._ask("delete", mark)

    def _ask(self, verb: str, *args: Any) -> Any:
        if self._store is None:
            return None
        try:
            return getattr(self._store, verb)(*args)
        except Exception as exc:  # noqa: BLE001 - Airflow's own errors differ, and no import is to fail for one
            log.warning("Airflow's task state store failed, relying on the list of import jobs: %r", exc)
            return None


class Limit:
    """Until when something may go on.

    :param deadline: POSIX time. Default: none.
    :param is_stopped: Returns whether the task was ended meanwhile. Default: it never is.
    :param what: What does not happen any more after that, in words.
    :param error: Makes the error that is raised then, from a message.
    """

    def __init__(
        self,
        deadline: float | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        *,
        what: str = "The import job was not started",
        error: Callable[[str], WisdomError] = ImportJobTimeoutError,
    ) -> None:
        self._deadline = deadline
        self._is_stopped = is_stopped
        self._what = what
        self._error = error

    def check(self, last: WisdomError | None) -> None:
        """Raise if nothing more may be done.

        :param last: Why it was not done before.
        :raises WisdomError: The time is over, or the task was ended.
        """
        if self.left() > 0 and not self._is_stopped():
            return
        why = "because the task was ended" if self._is_stopped() else "in time"
        cause = f": {last}" if last else ""
        raise self._error(f"{self._what} {why}{cause}")

    def left(self) -> float:
        """Return how many seconds are left."""
        return time_left(self._deadline, time.time())


async def ask(calls: Calls, function: Callable[[WisdomHook], T], limit: Limit, doing: str = "Asking AWS again") -> T:
    """Make one call in the running event loop; throttling and the like are waited out.

    :param calls: What makes the call.
    :param function: Called with the hook, in a worker thread.
    :param limit: Until when.
    :param doing: What goes on in spite of errors, for the log.
    :raises WisdomError: What the call raises, or that its time is over.
    """
    patience, last = Patience(log.warning, doing), None
    while True:
        limit.check(last)
        try:
            return await calls.ask(function)
        except WisdomError as exc:
            last, pause = exc, patience.endure(exc)
        await asyncio.sleep(min(pause, limit.left()))


class HasFolder:
    """What has a folder on this machine while it lasts, for its files; use it as a context manager."""

    _temporary: TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._temporary:
            self._temporary.cleanup()
            self._temporary = None

    @property
    def folder(self) -> Path:
        """The folder, made where it is needed first.

        :raises StorageError: It cannot be made.
        """
        if self._temporary is None:
            with keeping():
                # What a run did is worth more than what cannot be removed after it.
                self._temporary = TemporaryDirectory(prefix="airflow-wisdom-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)


@dataclass(frozen=True)
class Run:
    """The circumstances of a run: who does it, until when, what it remembers, and whom it notifies.

    :param origin: Who does it.
    :param deadline: POSIX time at which starting and waiting end.
    :param memory: What is remembered of earlier tries. Default: nothing.
    :param progress: Who is notified. Default: nobody.
    :param is_first_try: Whether this counts as the first try. Airflow may run a first try twice. Default: yes.
    """

    origin: Origin
    deadline: float
    memory: Memory = field(default_factory=Memory)
    progress: Progress = field(default_factory=Progress)
    is_first_try: bool = True
