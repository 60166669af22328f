"""From files that are ready to what is to be started: what an earlier try did is found, the rest is uploaded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import ImportIncompleteError, ResourceNotFoundError, WisdomError
from airflow_wisdom.importing.memory import Remembered
from airflow_wisdom.importing.submission import Standing, Submission, look_back

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.importing.memory import Memory
    from airflow_wisdom.importing.summary import Plan
    from airflow_wisdom.quick_response import ImportFile

log = logging.getLogger(__name__)


class Sender:
    """Uploads the files that have no import job yet, for one try of a task.

    :param hook: What AWS is reached with.
    :param memory: What the task remembers of earlier tries.
    :param knowledge_base_id: As for :class:`~airflow_wisdom.importing.submission.Submission`, like the next.
    :param external_source_configuration: See there.
    """

    def __init__(
        self,
        hook: WisdomHook,
        memory: Memory,
        *,
        knowledge_base_id: str,
        external_source_configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self._hook = hook
        self._memory = memory
        self._knowledge_base_id = knowledge_base_id
        self._external_source_configuration = external_source_configuration
        self._standings: dict[str, Standing] = {}
        self._is_first = True

    def look_back(self, marks: Sequence[str], *, is_first_try: bool) -> None:
        """Find the jobs that an earlier try started: by what is remembered, and else by their marks in the list.

        :param marks: The marks of all files.
        :param is_first_try: Whether Airflow counts this as the first try. It may run a first try twice.
        """
        has_begun_before = self._memory.begin()
        self._is_first = is_first_try and not has_begun_before
        if self._is_first:
            return
        self._standings = {mark: standing for mark in marks if (standing := self._remembered(mark))}
        missing = [mark for mark in marks if mark not in self._standings]
        if missing:
            self._standings |= look_back(self._hook.list_import_jobs(self._knowledge_base_id), missing)
        for standing in self._standings.values():
            if standing.job:
                log.info("Import job %s was started by an earlier try", standing.job.import_job_id)

    def send(self, plan: Plan, files: Iterable[ImportFile], metadata: Sequence[Mapping[str, str]]) -> list[Submission]:
        """Upload what has to be uploaded, and return what is to be started and waited for.

        :param plan: The plan of the import, which has the marks.
        :param files: The files.
        :param metadata: The metadata of each file's job.
        :raises ImportIncompleteError: A file could not be uploaded; no job was started.
        """
        submissions: list[Submission] = []
        for number, file in enumerate(files):
            try:
                submissions.append(self._submission(file, plan.files[number]["mark"], metadata[number]))
            except WisdomError as exc:
                raise self._not_uploaded(plan.place(number), submissions, exc) from exc
        return submissions

    def _remembered(self, mark: str) -> Standing | None:
        remembered = self._memory.recall(mark)
        if remembered is None or remembered.import_job_id is None:
            return None
        try:
            job = self._hook.get_import_job(self._knowledge_base_id, remembered.import_job_id)
        except ResourceNotFoundError:
            return None
        return Standing(None if job.has_failed else job, remembered.attempt + 1)

    def _submission(self, file: ImportFile, mark: str, metadata: Mapping[str, str]) -> Submission:
        standing = self._standings.get(mark, Standing())
        return Submission(
            knowledge_base_id=self._knowledge_base_id,
            upload_id=self._upload_id(file, mark, standing),
            mark=mark,
            attempt=standing.attempt,
            metadata=metadata,
            external_source_configuration=self._external_source_configuration,
            import_job_id=standing.job.import_job_id if standing.job else None,
        )

    def _upload_id(self, file: ImportFile, mark: str, standing: Standing) -> str:
        if standing.job and standing.job.upload_id:
            return standing.job.upload_id
        remembered = None if self._is_first else self._memory.recall(mark)
        if remembered and remembered.attempt == standing.attempt:
            # Uploaded and perhaps started, though no list shows it: asked in the very same words, AWS starts it once.
            return remembered.upload_id
        upload_id = self._hook.upload(self._knowledge_base_id, file.path, max_bytes=file.size)
        self._memory.remember(mark, Remembered(upload_id, standing.attempt))
        return upload_id

    def _not_uploaded(self, place: str, before: Sequence[Submission], error: WisdomError) -> ImportIncompleteError:
        running = [submission.import_job_id for submission in before if submission.import_job_id]
        jobs = f"Jobs of an earlier try go on: {', '.join(running)}" if running else "No job was started"
        return ImportIncompleteError(
            f"{place} could not be uploaded: {error}. "
            f"{len(before) - len(running)} files were uploaded before it. {jobs}. "
            "Another try of the task uploads what is missing, and starts the jobs",
            jobs=[],
            knowledge_base_id=self._knowledge_base_id,
        )
