"""Who runs something, until when, what is remembered of earlier tries, and who is told."""

from __future__ import annotations

import hashlib
import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from threading import Event
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import TaskEndedError
from airflow_wisdom.model.knowledge_base import short_id
from airflow_wisdom.model.limits import MAX_METADATA_PAIRS, MAX_METADATA_VALUE
from airflow_wisdom.redaction import cut, redact
from airflow_wisdom.runs.limit import Contact, Limit
from airflow_wisdom.runs.progress import Progress
from airflow_wisdom.values import mapping, texts_by_text

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_wisdom.model.import_job import ImportJob

log = logging.getLogger(__name__)

MARK = "airflow-import"
"""Key in an import job's metadata under which a task finds the job that an earlier try of it started."""

TASK = ("airflow-dag", "airflow-run", "airflow-task")
"""Keys in an import job's metadata that say, to whoever looks at it, who started the job."""

FILE = "airflow-file"
"""Key in an import job's metadata that says what the job imports."""

OURS = frozenset((MARK, FILE, *TASK))
"""Keys in an import job's metadata that are not the user's."""

_SERIES_LENGTH = 12

CLOCKS = 900.0
"""Seconds by which AWS's clock and Airflow's may differ."""

USERS_PAIRS = MAX_METADATA_PAIRS - len(OURS)
"""Pairs of metadata that are left to the user, of those that AWS allows."""

COMMAND = "airflow-wisdom"
"""What stands in place of a task where the command line imports."""


def users_metadata(name: str, value: Any) -> Any:
    """Return the metadata that a user wants to keep with a job.

    :param name: Name of the parameter, for the error.
    :param value: Key -> value, texts; None for none.
    :raises ValueError: It is something else, there are too many, or a key is one by which jobs are found again.
    """
    pairs = texts_by_text(name, value) if value is not None else {}
    if len(pairs) > USERS_PAIRS:
        raise ValueError(f"{name} may have {USERS_PAIRS} pairs, not {len(pairs)}")
    for key, text in pairs.items():
        if not (key and text) or max(len(key), len(text)) > MAX_METADATA_VALUE:
            raise ValueError(
                f"{name} must have keys and values of 1 to {MAX_METADATA_VALUE:,} characters, not {key!r:.100}: "
                f"{text!r:.100}"
            )
        if key in OURS:
            raise ValueError(f"{name} must not have the key {key}, by which a job says where it comes from")
    return value


def external_source(name: str, value: Any) -> Any:
    """Return the configuration of an external source, as far as botocore's model knows it.

    :param name: Name of the parameter, for the error.
    :param value: AWS type ``ExternalSourceConfiguration``.
    :raises ValueError: It is something else.
    """
    # Imported here because boto3 takes a while to load, and few imports have such a source.
    from airflow_wisdom.hooks.models import wrong_external_source

    if wrong := wrong_external_source(mapping(name, value)):
        raise ValueError(f"{name} must be AWS's ExternalSourceConfiguration: {wrong}")
    return value


@dataclass(frozen=True)
class Series:
    """The tries of a task since its run began, or since a user cleared it: only those do what one of them left undone.

    A retry continues, a user who clears a task wants it to be done again; and a run that was deleted and made again has
    the name of the old one, but did none of its work.

    :param key: What the jobs of this series bear, and no others. Default: empty, as for a command, which is cleared by
        nobody.
    :param is_cleared: Whether a user has cleared the task. Default: no.
    :param run_after: POSIX time before which the run cannot have begun, which stays the same when a user clears it.
        Default: not known.
    """

    key: str = ""
    is_cleared: bool = False
    run_after: float | None = None

    @classmethod
    def of_task(cls, task: Any, context: Mapping[str, Any]) -> Series:
        """Return the series that a try of a task belongs to.

        :param task: The task, whose retries count where the context names no other.
        :param context: The context in which it runs.
        """
        ti, dag_run = context["ti"], context.get("dag_run")
        # Where another task calls this one, as a `@task` may, it is that one which Airflow tries again.
        retries = (context.get("task") or task).retries or 0
        # Airflow raises `max_tries` when a user clears a task, by the tries that there have been; the task runner
        # uses it in the same way. Whoever calls a task without Airflow's runner has neither this nor a run.
        first_try = getattr(ti, "max_tries", 0) - retries + 1
        first_try = min(max(first_try, 1), ti.try_number)
        began = getattr(dag_run, "start_date", None)
        key = hashlib.sha256(f"{began.timestamp() if began else ''}/{first_try}".encode()).hexdigest()
        run_after = getattr(dag_run, "run_after", None)
        return cls(key[:_SERIES_LENGTH], first_try > 1, run_after.timestamp() if run_after else None)

    def adopts(self, key: str, *, has_ended: bool, created: datetime | None = None) -> bool:
        """Return whether a job is waited for, or its end taken for the result, and no other is started.

        :param key: The key of the series that it bears.
        :param has_ended: Whether it has ended.
        :param created: When it was started. Default: not known.
        """
        return key == self.key or (self.is_cleared and not has_ended and not self._is_of_older_run(created))

    def _is_of_older_run(self, created: datetime | None) -> bool:
        """Return whether a job is of a run that was deleted and had the same name, as far as clocks tell."""
        if created is None or self.run_after is None:
            return False
        return created.timestamp() < self.run_after - CLOCKS


ALL_TRIES = Series()
"""The series of a command, and of whatever else is tried again but never cleared."""


@dataclass(frozen=True)
class Origin:
    """Who starts import jobs: a task instance, the same for each of its tries, or a command.

    :param identity: What it is and no other: DAG, run, task and map index.
    :param description: The metadata that say so to people.
    :param series: Which of its tries belong together. Default: all of them.
    """

    identity: tuple[str | int, ...]
    description: Mapping[str, str]
    series: Series = ALL_TRIES

    @classmethod
    def of_task(cls, task: Any, context: Mapping[str, Any]) -> Origin:
        """Return the origin of what a task instance starts.

        :param task: The task.
        :param context: The context in which it runs.
        """
        ti = context["ti"]
        name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]"
        description = dict(zip(TASK, (ti.dag_id, ti.run_id, name), strict=True))
        return cls((ti.dag_id, ti.run_id, ti.task_id, ti.map_index), description, Series.of_task(task, context))

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
    :param series: Key of the :class:`Series` that the attempt belonged to.
    :param left: Which rows of the file are in the upload, see :attr:`Part.left
        <airflow_wisdom.runs.manifest.Part.left>`.
    """

    upload_id: str
    attempt: int = 0
    import_job_id: str | None = None
    series: str = ""
    left: Sequence[int] | None = None

    @classmethod
    def from_stored(cls, stored: Any) -> Remembered:
        """Make one from what was stored, perhaps by another version of this package: further members do not count.

        :param stored: What the store has.
        :raises ValueError: It is something else.
        """
        members = stored if isinstance(stored, dict) else {}
        what = {each.name: members[each.name] for each in fields(cls) if each.name in members}
        upload_id, attempt, job_id = (what.get(name) for name in ("upload_id", "attempt", "import_job_id"))
        texts = isinstance(upload_id, str) and isinstance(job_id, str | None)
        left = what.get("left")
        numbers = left is None or (isinstance(left, list) and [type(each) for each in left] == [int, int])
        if not texts or not isinstance(attempt, int) or not numbers:
            raise ValueError(f"not a record of an upload: {stored!r:.200}")
        return cls(**what)


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
        if stored is None:
            return None
        try:
            return Remembered.from_stored(stored)
        except ValueError as exc:
            # A job that was started is found in the list, and else by its client token: nothing is imported twice.
            log.warning(
                "Airflow's task state store has what nobody can read, relying on the list of import jobs: %s", exc
            )
            return None

    def remember(self, mark: str, what: Remembered) -> None:
        """Remember something under a mark, in place of what was.

        :param mark: The mark of a file.
        :param what: What was done for it.
        :raises TaskEndedError: Airflow does not know this try any more: another one may be running.
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
        except Exception as exc:
            if verb == "set" and _is_not_found(exc):
                raise TaskEndedError(
                    "Airflow no longer knows this try of the task, so another one may be running; nothing more is sent"
                ) from exc
            log.warning("Airflow's task state store failed, relying on the list of import jobs: %r", exc)
            return None


def _is_not_found(error: Exception) -> bool:
    """Return whether Airflow's API server answered that it does not have the task instance that asks."""
    detail = getattr(getattr(error, "error", None), "detail", None)
    return isinstance(detail, Mapping) and detail.get("status_code") == HTTPStatus.NOT_FOUND


@dataclass(frozen=True)
class Run:
    """The circumstances of a run: who does it, until when, what it remembers, and whom it notifies.

    :param origin: Who does it.
    :param deadline: POSIX time at which starting and waiting end.
    :param memory: What is remembered of earlier tries. Default: nothing.
    :param progress: Who is notified. Default: nobody.
    :param is_first_try: Whether this counts as the first try. Airflow may run a first try twice. Default: yes.
    :param ended: Set from another thread or a signal handler when the task is ended: from then on, nothing is sent.
    :param contact: Whether AWS has answered yet.
    """

    origin: Origin
    deadline: float
    memory: Memory = field(default_factory=Memory)
    progress: Progress = field(default_factory=Progress)
    is_first_try: bool = True
    ended: Event = field(default_factory=Event)
    contact: Contact = field(default_factory=Contact)

    @property
    def limit(self) -> Limit:
        """Until when starting and waiting may go on."""
        return Limit(self.deadline, self.ended.is_set, self.contact)
