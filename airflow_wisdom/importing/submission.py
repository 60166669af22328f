"""How an import job is started exactly once, whatever happens to the task that starts it. Pure: no Airflow, no boto3.

A job is marked, in its metadata, with where it came from and what it imports. With the same mark in its client token,
a request that is repeated returns the job of the first one; and a later try of the task finds the job by its mark.
A job that failed is started anew, with the number of the attempt added to both.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_wisdom.exceptions import ClientTokenUsedError, ConflictError, WisdomError, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.import_job import ImportJob

MARK = "airflow-import"
"""Key in an import job's metadata under which a task finds the job that an earlier try of it started."""

ORIGIN = ("airflow-dag", "airflow-run", "airflow-task", "airflow-file")
"""Keys in an import job's metadata that say, to whoever looks at it, where the job came from."""

USERS_PAIRS = 10 - len((MARK, *ORIGIN))
"""Pairs of metadata that AWS leaves to the user, of the 10 that it allows."""

LONGEST_VALUE = 4096
"""Longest value in an import job's metadata, in characters; AWS type ``ContentMetadata``."""

LOOKS_BACK = 3
SECONDS_BETWEEN_LOOKS_BACK = 5.0
LAST_ATTEMPT = 20
"""Attempts after which something else than deleted jobs has to be the reason that each token is used."""

Step: TypeAlias = "float | Callable[[WisdomHook], Any]"
"""What a flow wants next: a pause of so many seconds, or a call of AWS."""


@dataclass(frozen=True)
class Origin:
    """The task instance that starts import jobs; the same for each of its tries."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, ti: Any) -> Origin:
        """Return the origin of what a task instance starts."""
        return cls(ti.dag_id, ti.run_id, ti.task_id, ti.map_index)

    def mark(self, knowledge_base_id: str, content: str) -> str:
        """Return what this task instance and this content have, and no other.

        :param knowledge_base_id: Id or ARN of the knowledge base.
        :param content: What tells one import from another: a hash of the file, or its upload id.
        """
        # An ARN ends in the id: either names the same knowledge base.
        short = knowledge_base_id.rpartition("/")[2]
        name = [self.dag_id, self.run_id, self.task_id, self.map_index, short, content]
        return str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(name)))

    def has_started(self, job: ImportJob) -> bool:
        """Tell whether a job was started by this task instance, in whichever of its tries."""
        return all(job.metadata.get(key) == value for key, value in self.describe("").items())

    def describe(self, file: str) -> dict[str, str]:
        """Return the metadata that say where a job comes from.

        :param file: What the job imports, in words.
        """
        task = self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"
        values = (self.dag_id, self.run_id, task, redact(file))
        return {key: value[:LONGEST_VALUE] for key, value in zip(ORIGIN, values, strict=True) if value}


@dataclass(frozen=True)
class Submission:
    """What ``StartImportJob`` is asked for one file.

    :param knowledge_base_id: As for :meth:`WisdomHook.start_import_job()
        <airflow_wisdom.hooks.WisdomHook.start_import_job>`, like the other names that stand there.
    :param upload_id: See there.
    :param mark: What marks the job, see :meth:`Origin.mark`.
    :param attempt: How many jobs of this mark have failed or were deleted.
    :param client_token: A client token of the user's own. Default: the mark.
    :param metadata: See there; without the mark.
    :param import_job_type: See there.
    :param external_source_configuration: See there.
    :param import_job_id: Id of the job, where an earlier try started it; such a job is not started.
    """

    knowledge_base_id: str
    upload_id: str
    mark: str
    attempt: int = 0
    client_token: str | None = None
    metadata: Mapping[str, str] | None = None
    import_job_type: str = "QUICK_RESPONSES"
    external_source_configuration: Mapping[str, Any] | None = None
    import_job_id: str | None = None

    @property
    def token(self) -> str:
        """The client token: the same whenever this is asked for again."""
        token = self.client_token or self.mark
        return f"{token}-{self.attempt}" if self.attempt else token

    @property
    def marked(self) -> str:
        """The value of :data:`MARK` in the job's metadata."""
        return f"{self.mark}/{self.attempt}"

    def start(self, hook: WisdomHook) -> ImportJob:
        """Ask AWS; parameters and errors are the hook's."""
        return hook.start_import_job(
            self.knowledge_base_id,
            self.upload_id,
            import_job_type=self.import_job_type,
            client_token=self.token,
            metadata={**(self.metadata or {}), MARK: self.marked},
            external_source_configuration=self.external_source_configuration,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON primitives, as a trigger takes them."""
        return asdict(self)


@dataclass(frozen=True)
class Standing:
    """What there is of a mark in the list of import jobs.

    :param job: The job to wait for, or that is COMPLETE; None if there is none.
    :param attempt: Number of the next attempt, should one be needed.
    """

    job: ImportJob | None = None
    attempt: int = 0


def mark_of(job: ImportJob) -> str:
    """Return the mark of a job, without the number of its attempt; empty for a job that has none."""
    return job.metadata.get(MARK, "").partition("/")[0]


def look_back(jobs: Iterable[ImportJob], marks: Collection[str]) -> dict[str, Standing]:
    """Return what became of earlier attempts.

    :param jobs: The import jobs of the knowledge base; read only as far as needed.
    :param marks: The marks that are looked for.
    :returns: For each mark that was found, where it stands.
    """
    found: dict[str, Standing] = {}
    missing = set(marks)
    for job in jobs:
        if not missing:
            break
        mark, _, attempt = job.metadata.get(MARK, "").partition("/")
        if mark in missing:
            following = max(found.get(mark, Standing()).attempt, int(attempt) + 1)
            found[mark] = Standing(None if job.has_failed else job, following)
            if not job.has_failed:
                missing.remove(mark)
    return found


def starting(submission: Submission) -> Generator[Step, Any, ImportJob]:
    """Start a job, or find the one that was started with the same mark, and return it.

    A flow without a clock or a network of its own: whoever drives it does what it yields, a pause or a call, and
    sends the answer or throws the error. The worker drives it with :func:`drive`, the triggerer without blocking.

    :raises ClientTokenUsedError: The client token was used for another import.
    """
    while True:
        job = yield from _start(submission)
        if job is not None:
            return job
        # Hardly ever does a first try find its token used: the history is not searched before that happens.
        standing = yield from _after_used_token(submission)
        if (found := standing.job) is not None:
            # Whole, with what a list leaves out.
            whole: ImportJob = yield lambda hook: hook.get_import_job(found.knowledge_base_id, found.import_job_id)
            return whole
        submission = replace(submission, attempt=standing.attempt)


def _start(submission: Submission) -> Generator[Step, Any, ImportJob | None]:
    """Start a job; None if the client token turns out to be used for one that is not to be waited for."""
    try:
        job: ImportJob = yield submission.start
    except ConflictError:
        return None
    # To a used token AWS may also answer with the job that was started with it.
    return None if job.has_failed or job.metadata.get(MARK) != submission.marked else job


def _after_used_token(submission: Submission) -> Generator[Step, Any, Standing]:
    """Find the job that a token was used for, or the number of the next attempt."""
    for look in range(LOOKS_BACK):
        if look:
            # The list may not show yet what was started a moment ago.
            yield SECONDS_BETWEEN_LOOKS_BACK
        standing: Standing = yield lambda hook: find(hook, submission.knowledge_base_id, submission.mark)
        if standing.job or standing.attempt > submission.attempt:
            return standing
    if submission.client_token or submission.attempt >= LAST_ATTEMPT:
        raise ClientTokenUsedError(
            f"The client token of attempt {submission.attempt} was used for an import that is not this task's",
            knowledge_base_id=submission.knowledge_base_id,
        )
    # Its job was deleted.
    return Standing(None, submission.attempt + 1)


def find(hook: WisdomHook, knowledge_base_id: str, mark: str) -> Standing:
    """Return where one mark stands in the list of a knowledge base's import jobs."""
    return look_back(hook.list_import_jobs(knowledge_base_id), {mark}).get(mark, Standing())


def drive(flow: Generator[Step, Any, ImportJob], hook: WisdomHook, sleep: Callable[[float], None]) -> ImportJob:
    """Drive a flow in this thread and return its result.

    :param flow: Such as :func:`starting`.
    :param hook: What calls go through.
    :param sleep: What pauses.
    """
    answer: Any = None
    error: WisdomError | None = None
    while True:
        try:
            step = flow.throw(error) if error else flow.send(answer)
        except StopIteration as end:
            job: ImportJob = end.value
            return job
        answer, error = None, None
        try:
            if isinstance(step, float):
                sleep(step)
            else:
                answer = step(hook)
        except WisdomError as exc:
            error = exc
