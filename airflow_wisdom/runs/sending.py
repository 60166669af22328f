"""From files that are ready to what is to be started: what an earlier try did is found, the rest is uploaded."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import ImportIncompleteError, ResourceNotFoundError, TaskEndedError, WisdomError
from airflow_wisdom.model.endings import has_ended
from airflow_wisdom.runs.limit import patiently
from airflow_wisdom.runs.remedies import first_steps
from airflow_wisdom.runs.run import Remembered
from airflow_wisdom.runs.starting import LookBack, Standing, Submission, drive, is_adopted, left_of, listed, mark_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.rows.preparing import ImportFile
    from airflow_wisdom.runs.manifest import Manifest, Part
    from airflow_wisdom.runs.run import Run, Series

log = logging.getLogger(__name__)


class Sender:
    """Uploads the files that have no import job yet, for one try of a run.

    :param hook: What AWS is reached with.
    :param run: Who imports, until when, and what is remembered.
    :param knowledge_base_id: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    :param external_source_configuration: As for :class:`~airflow_wisdom.runs.starting.Submission`.
    """

    def __init__(
        self,
        hook: WisdomHook,
        run: Run,
        *,
        knowledge_base_id: str,
        external_source_configuration: Mapping[str, Any] | None = None,
    ) -> None:
        self._hook = hook
        self._run = run
        self._knowledge_base_id = knowledge_base_id
        self._external_source_configuration = external_source_configuration
        self._has_looked_back = False
        self._standings: dict[str, Standing] = {}
        self._recalled: dict[str, Remembered] = {}

    def look_back(self, marks: Sequence[str]) -> dict[str, ImportJob]:
        """Find the jobs that an earlier try started: by what is remembered, and else by their marks in the list.

        :param marks: The marks of all files.
        :returns: Mark -> job, of the files that have one.
        """
        has_begun_before = self._run.memory.begin()
        if self._run.is_first_try and not has_begun_before:
            return {}
        self._has_looked_back = True
        self._recalled = {mark: recalled for mark in marks if (recalled := self._run.memory.recall(mark))}
        self._standings = {
            mark: standing for mark, recalled in self._recalled.items() if (standing := self._remembered(recalled))
        }
        missing = [mark for mark in marks if mark not in self._standings]
        if missing:
            self._standings |= self._listed(missing, marks)
        found = {mark: standing.job for mark, standing in self._standings.items() if standing.job}
        for job in found.values():
            self._run.progress.found(job)
        return found

    def may_have_started(self, mark: str) -> bool:
        """Return whether an earlier try may have started a job for a file of which it has left no trace.

        The list of jobs may lag behind.

        :param mark: The mark of the file.
        """
        return self._has_looked_back and mark not in self._standings

    def as_begun(self, part: Part) -> Part | None:
        """Return the part of a file as an earlier try has begun with it: which rows are sent is decided; else None.

        :param part: The part, with all its rows.
        """
        standing = self._standings.get(part.mark, Standing())
        if standing.job:
            return part.leaving(left_of(standing.job))
        remembered = self._usable(part.mark, standing)
        return part.leaving(remembered.left) if remembered else None

    def send(
        self, manifest: Manifest, files: Sequence[ImportFile], metadata: Sequence[Mapping[str, str]]
    ) -> list[Submission]:
        """Upload what has to be uploaded, and return what is to be started and waited for.

        :param manifest: What is to be imported, with the mark of each file.
        :param files: The files, also those that have no rows left to send.
        :param metadata: The metadata of each file's job.
        :raises ImportIncompleteError: A file could not be uploaded; no job was started.
        """
        submissions: list[Submission] = []
        for number in manifest.to_send:
            try:
                submissions.append(self._submission(files[number], manifest.parts[number], metadata[number]))
            except TaskEndedError:
                raise
            except WisdomError as exc:
                raise self._not_uploaded(manifest.place(number), submissions, exc) from exc
            self._run.progress.uploaded(len(submissions), len(manifest.to_send))
        return submissions

    def _listed(self, missing: Collection[str], marks: Collection[str]) -> dict[str, Standing]:
        jobs = drive(listed(self._knowledge_base_id), self._hook, self._run.limit)
        for job in jobs:
            of_other_rows = mark_of(job) not in marks and self._run.origin.has_started(job)
            if of_other_rows and not has_ended(job):
                log.warning("Import job %s goes on: an earlier try started it with other rows", job.import_job_id)
        return LookBack(missing, self._run.origin.series).note(jobs).found

    def _remembered(self, remembered: Remembered) -> Standing | None:
        return remembered_standing(remembered, self._hook, self._knowledge_base_id, self._run)

    def _submission(self, file: ImportFile, part: Part, metadata: Mapping[str, str]) -> Submission:
        standing = self._standings.get(part.mark, Standing())
        upload_id, is_new = self._upload_id(file, part, standing)
        return Submission(
            knowledge_base_id=self._knowledge_base_id,
            upload_id=upload_id,
            mark=part.mark,
            attempt=standing.attempt,
            series=self._run.origin.series,
            metadata=metadata,
            external_source_configuration=self._external_source_configuration,
            import_job_id=standing.job.import_job_id if standing.job else None,
            may_exist=not is_new,
            left=part.left,
        )

    def _usable(self, mark: str, standing: Standing) -> Remembered | None:
        """Return an upload that is to be imported, and perhaps is, though no list shows it; None if there is none."""
        return usable(self._recalled.get(mark), standing, self._run.origin.series)

    def _upload_id(self, file: ImportFile, part: Part, standing: Standing) -> tuple[str, bool]:
        """Return the id of the upload to import, and whether it was made just now."""
        if standing.job and standing.job.upload_id:
            return standing.job.upload_id, False
        if remembered := self._usable(part.mark, standing):
            # Asked in the very same words, AWS starts it once.
            return remembered.upload_id, False
        limit = self._run.limit
        upload = partial(
            self._hook.upload, self._knowledge_base_id, file.path, max_bytes=file.size, check=limit.check_stopped
        )
        upload_id = patiently(upload, limit)
        series = self._run.origin.series.key
        what = Remembered(upload_id, standing.attempt, series=series, left=part.left)
        self._run.memory.remember(part.mark, what)
        return upload_id, True

    def _not_uploaded(self, place: str, before: Sequence[Submission], error: WisdomError) -> ImportIncompleteError:
        jobs = [standing.job for standing in self._standings.values() if standing.job]
        earlier = ", ".join(f"{job.import_job_id} ({job.status})" for job in jobs)
        uploaded = sum(submission.import_job_id is None for submission in before)
        return ImportIncompleteError(
            f"A file could not be uploaded: {error}. {first_steps([error])}Another try of the task uploads what is "
            f"missing, and starts the jobs. It is {place}. Files uploaded before it: {uploaded}; no job was started. "
            f"Jobs of an earlier try: {earlier or 'none'}",
            jobs=[],
            retryable=error.retryable,
            where={"knowledge_base_id": self._knowledge_base_id},
        )


def remembered_standing(remembered: Remembered, hook: WisdomHook, knowledge_base_id: str, run: Run) -> Standing | None:
    """Return where a file stands by the job that an earlier try remembered; None if it knew of none that is there.

    :param remembered: What an earlier try did for the file.
    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param run: Who asks, and until when.
    """
    job_id = remembered.import_job_id
    if job_id is None:
        return None
    try:
        job = patiently(lambda: hook.get_import_job(knowledge_base_id, job_id), run.limit)
    except ResourceNotFoundError:
        return None
    return Standing(job if is_adopted(job, run.origin.series) else None, remembered.attempt + 1)


def usable(remembered: Remembered | None, standing: Standing, series: Series) -> Remembered | None:
    """Return an upload that is to be imported, and perhaps is, though no list shows it; None if there is none.

    :param remembered: What an earlier try did for the file, if that is known.
    :param standing: Where the file stands.
    :param series: Which tries ask.
    """
    is_usable = remembered and remembered.attempt == standing.attempt and remembered.series == series.key
    return remembered if is_usable else None
