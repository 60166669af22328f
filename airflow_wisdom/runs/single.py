"""One import job of one file that is ready: found if an earlier try started it, else uploaded and started."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_wisdom.model.import_job import ImportJob
from airflow_wisdom.runs.progress import task_progress
from airflow_wisdom.runs.run import Origin, Run, patiently
from airflow_wisdom.runs.starting import Standing, Submission, drive, find, starting
from airflow_wisdom.runs.waiting import ends_of, raise_for, reread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_wisdom.hooks import WisdomHook

T = TypeVar("T")

log = logging.getLogger(__name__)

PIECE = 1024 * 1024
"""Bytes of a file that are in memory at once while its hash is taken."""


@dataclass(frozen=True)
class SingleImport:
    """An import job of one file that is ready, or of an upload that is finished.

    :param hook: What AWS is reached with.
    :param run: Who imports, and until when.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param upload_id: Id of a finished upload. Either this or `source` is needed.
    :param source: Path of a file to upload first.
    :param content_type: Media type of `source`.
    :param max_bytes: Largest `source` that is uploaded, in bytes.
    :param import_job_type: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param client_token: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param metadata: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param external_source_configuration: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    """

    hook: WisdomHook
    run: Run
    knowledge_base_id: str
    upload_id: str | None
    source: str | None
    content_type: str
    max_bytes: int | None
    import_job_type: str
    client_token: str | None
    metadata: Mapping[str, str] | None
    external_source_configuration: Mapping[str, Any] | None

    @classmethod
    def of(cls, task: Any, hook: WisdomHook, context: Mapping[str, Any], deadline: float) -> SingleImport:
        """Return the import of a task, which has its parameters as attributes of the same names.

        :param task: The task.
        :param hook: What AWS is reached with.
        :param context: The context in which it runs.
        :param deadline: POSIX time at which starting ends.
        :raises ValueError: Neither or both of `upload_id` and `source` were given.
        """
        if bool(task.upload_id) == bool(task.source):
            raise ValueError("Exactly one of upload_id and source is needed")
        is_first_try = context["ti"].try_number == 1
        run = Run(Origin.of_task(task, context), deadline, progress=task_progress(), is_first_try=is_first_try)
        own = [name for name in cls.__dataclass_fields__ if name not in ("hook", "run")]
        return cls(hook, run, **{name: getattr(task, name) for name in own})

    def find_or_start(self) -> ImportJob:
        """Return the job that an earlier try started, or upload and start one.

        :raises ClientTokenUsedError: `client_token` was used for another import.
        :raises UploadError: Amazon S3 did not take the file.
        :raises AwsError: AWS did not accept the job.
        """
        mark = self.run.origin.mark(self.knowledge_base_id, self.upload_id or _sha256(Path(str(self.source))))
        standing = Standing() if self.run.is_first_try else self._patiently(lambda: self._find(mark))
        if (found := standing.job) is not None:
            self.run.progress.found(found)
            return self._patiently(lambda: self.hook.get_import_job(self.knowledge_base_id, found.import_job_id))
        job = drive(starting(self._submission(mark, standing.attempt)), self.hook, self.run.limit)
        log.info("Import job %s is started", job.import_job_id)
        return job

    def conclude(self, event: Mapping[str, Any]) -> ImportJob:
        """Return the complete job that a trigger reports, read whole.

        :param event: Payload of the trigger's event.
        :raises ImportJobError: The job can no longer succeed, or did not end in time.
        """
        (end,) = ends = ends_of(event)
        raise_for(ends)
        return reread(self.hook, end.knowledge_base_id, str(end.import_job_id))

    def _submission(self, mark: str, attempt: int) -> Submission:
        return Submission(
            knowledge_base_id=self.knowledge_base_id,
            upload_id=self.upload_id or self._upload(),
            mark=mark,
            attempt=attempt,
            series=self.run.origin.series,
            client_token=self.client_token,
            metadata={**self.run.origin.describe(str(self.source or "")), **(self.metadata or {})},
            import_job_type=self.import_job_type,
            external_source_configuration=self.external_source_configuration,
            may_exist=bool(self.upload_id) and not self.run.is_first_try,
        )

    def _find(self, mark: str) -> Standing:
        return find(self.hook, self.knowledge_base_id, mark, self.run.origin.series)

    def _upload(self) -> str:
        limit = self.run.limit
        upload = partial(self.hook.upload, max_bytes=self.max_bytes, check=limit.check_stopped)
        return patiently(lambda: upload(self.knowledge_base_id, str(self.source), self.content_type), limit)

    def _patiently(self, ask: Callable[[], T]) -> T:
        return patiently(ask, self.run.limit)


def job_of(event: Mapping[str, Any]) -> ImportJob:
    """Return as much of the job as a trigger tells of it.

    :param event: Payload of the trigger's event.
    """
    (end,) = ends_of(event)
    return ImportJob(str(end.import_job_id), end.knowledge_base_id, str(end.status))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()
