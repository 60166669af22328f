"""An import job as AWS describes it, and the one table of its statuses. Pure: no Airflow, no boto3."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_wisdom.exceptions import (
    ImportJobError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    UnknownImportJobStatusError,
    WisdomError,
    from_dict,
)
from airflow_wisdom.model.knowledge_base import is_id
from airflow_wisdom.redaction import redact, without_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


__all__ = [
    "ImportJob",
    "ImportJobStatus",
]


class ImportJobStatus(str, Enum):
    """Status of an import job; AWS type ``ImportJobStatus`` in the answer of ``GetImportJob``.

    Made from AWS's word: ``ImportJobStatus("COMPLETE")``. A word that is not in the table raises
    :class:`~airflow_wisdom.exceptions.UnknownImportJobStatusError`, which names it.
    """

    START_IN_PROGRESS = "START_IN_PROGRESS"
    FAILED = "FAILED"
    COMPLETE = "COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETED = "DELETED"

    @property
    def is_running(self) -> bool:
        """Whether the import is still going on, so that waiting makes sense."""
        return self is ImportJobStatus.START_IN_PROGRESS

    @property
    def is_success(self) -> bool:
        """Whether the import succeeded, completely or with some records refused."""
        return self is ImportJobStatus.COMPLETE

    @property
    def is_failure(self) -> bool:
        """Whether the import can no longer succeed: it failed, or the job is being or has been deleted."""
        return not self.is_running and not self.is_success

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise UnknownImportJobStatusError(f"Unknown import job status {value!r}", status=str(value))


@dataclass(frozen=True, slots=True)
class ImportJob:
    """An import job; AWS type ``ImportJobData``, or ``ImportJobSummary`` where it comes from a list.

    The fields are AWS's members in snake case. Two of them, `url` and `failed_record_report`, are presigned URLs:
    whoever holds them holds the data. They are in no representation of the job unless asked for by name.

    `status` is AWS's word as it came, so that a job in a status of the future can still be listed and shown;
    :meth:`is_complete` judges it. `other` holds the members that this version does not know, under AWS's names.
    """

    import_job_id: str
    knowledge_base_id: str
    status: str
    knowledge_base_arn: str | None = None
    import_job_type: str | None = None
    upload_id: str | None = field(default=None, repr=False)
    created_time: datetime | None = None
    last_modified_time: datetime | None = None
    url: str | None = field(default=None, repr=False)
    url_expiry: datetime | None = None
    failed_record_report: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)
    external_source_configuration: Mapping[str, Any] | None = None
    other: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_response(cls, response: Mapping[str, Any]) -> ImportJob:
        """Make an import job from AWS's answer.

        :param response: The member ``importJob`` of an answer, or one of ``importJobSummaries``.
        :returns: The job; members that a summary lacks are None.
        """
        names = _aws_names()
        known = {python: response[aws] for python, aws in names.items() if response.get(aws) is not None}
        other = {aws: value for aws, value in response.items() if aws not in names.values()}
        return cls(**{**known, "status": str(known["status"])}, other=other)

    @property
    def has_failed_record_report(self) -> bool:
        """Whether AWS wrote a report of records it refused; never so for a job that comes from a list."""
        return self.failed_record_report is not None

    def to_dict(self, *, include_urls: bool = False) -> dict[str, Any]:
        """Return the job as a small dict of JSON primitives under AWS's own member names, fit for XCom.

        :param include_urls: Whether to include the presigned ``url`` and ``failedRecordReport``, which are
            secrets. Without them, ``hasFailedRecordReport`` still says whether there is a report.
        :returns: The members that the job has; times are ISO 8601 in UTC.
        """
        members = {aws: getattr(self, python) for python, aws in _aws_names().items()}
        if not include_urls:
            del members["url"], members["failedRecordReport"], members["urlExpiry"]
        present = {aws: value for aws, value in members.items() if value is not None}
        present["hasFailedRecordReport"] = self.has_failed_record_report
        # What this version does not know may be a URL of a kind that it does not know either.
        unknown = _json_safe(dict(self.other), _as_it_is if include_urls else without_queries)
        known = _json_safe(present, _as_it_is if include_urls else redact)
        return {**unknown, **known}

    def elapsed(self, now: float | None = None) -> float | None:
        """Return the age of the job in seconds, up to its last change if it is no longer running.

        :param now: POSIX time now. Default: the clock's.
        """
        if self.created_time is None:
            return None
        ended = self.last_modified_time if self.status != ImportJobStatus.START_IN_PROGRESS else None
        until = ended.timestamp() if ended else time.time() if now is None else now
        return max(0.0, until - self.created_time.timestamp())

    def is_complete(self) -> bool:
        """Tell whether the job succeeded: True if it is COMPLETE, False while it is running.

        :raises ImportJobFailedError: The job can no longer succeed.
        :raises UnknownImportJobStatusError: AWS reports a status that this version does not know.
        """
        status = self._known_status()
        if status.is_failure:
            raise ImportJobFailedError(
                f"The import job did not complete: it is {status.value}", status=status.value, **self._about()
            )
        return status.is_success

    @property
    def is_running(self) -> bool:
        """Whether the import is still going on, so that waiting makes sense.

        :raises UnknownImportJobStatusError: As for :meth:`is_complete`.
        """
        return self._known_status().is_running

    @property
    def has_failed(self) -> bool:
        """Whether the job can no longer succeed.

        :raises UnknownImportJobStatusError: As for :meth:`is_complete`.
        """
        return self._known_status().is_failure

    def require_complete(self) -> None:
        """Accept a job that is COMPLETE, and no other.

        :raises ImportJobFailedError: As for :meth:`is_complete`.
        :raises UnknownImportJobStatusError: As for :meth:`is_complete`.
        :raises ImportJobError: The job is still running.
        """
        if not self.is_complete():
            raise ImportJobError("The import job is still running", status=self.status, **self._about())

    def is_deleted(self) -> bool:
        """Tell whether a job whose deletion was asked for is gone.

        :raises ImportJobFailedError: The deletion failed.
        :raises UnknownImportJobStatusError: As for :meth:`is_complete`.
        """
        status = self._known_status()
        if status is ImportJobStatus.DELETE_FAILED:
            raise ImportJobFailedError("The import job could not be deleted", status=status.value, **self._about())
        return status is ImportJobStatus.DELETED

    def _known_status(self) -> ImportJobStatus:
        try:
            return ImportJobStatus(self.status)
        except UnknownImportJobStatusError as exc:
            raise UnknownImportJobStatusError(exc.message, status=self.status, **self._about()) from None

    def _about(self) -> dict[str, Any]:
        where = {"knowledge_base_id": self.knowledge_base_id, "import_job_id": self.import_job_id}
        return {"where": where, "elapsed": self.elapsed()}


def check_job_id(name: str, value: Any) -> None:
    """Refuse what is not the id of an import job, such as the empty text of an XCom that is not there.

    :param name: Name of the parameter, for the error.
    :param value: What was given.
    :raises ValueError: It is something else.
    """
    if not (isinstance(value, str) and is_id(value)):
        raise ValueError(
            f"{name} must be the id of the import job (01234567-89ab-cdef-0123-456789abcdef), as the XCom of the task "
            f"that starts it has it, not {value!r:.200}"
        )


def timed_out(
    knowledge_base_id: str, import_job_id: str, job: ImportJob | None, *, waited: float | None = None
) -> ImportJobTimeoutError:
    """Return the error for a job that did not end before its deadline.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_id: Id of the import job.
    :param job: The job as last seen; None if it never was.
    :param waited: Seconds of the wait, which stand in for the age of a job that was never seen.
    """
    return ImportJobTimeoutError(
        "The import job did not end in time",
        where={"knowledge_base_id": knowledge_base_id, "import_job_id": import_job_id},
        status=job.status if job else None,
        elapsed=job.elapsed() if job else waited,
    )


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the import job of a file ended, or why there is none: what travels from a wait to who accounts for it.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_id: Id of the import job; None if it was never started.
    :param status: AWS's word as last seen; None if the job was never seen.
    :param created_time: When the job was started, as far as is known.
    :param last_modified_time: When the job was last seen to change, as far as is known.
    :param error: Why the job is not COMPLETE; None if it is.
    :param may_have_started: Whether there may be a job although its id is not known, as after an answer that was lost.
    """

    knowledge_base_id: str
    import_job_id: str | None
    status: str | None = None
    created_time: datetime | None = None
    last_modified_time: datetime | None = None
    error: WisdomError | None = None
    may_have_started: bool = False

    @classmethod
    def of(
        cls, knowledge_base_id: str, import_job_id: str | None, job: ImportJob | None, error: WisdomError | None
    ) -> JobEnd:
        """Return the end of a wait.

        :param knowledge_base_id: Id or ARN of the knowledge base, as it was asked for.
        :param import_job_id: Id of the import job; None if it was never started.
        :param job: The job as last seen; None if it never was.
        :param error: Why it did not end well; None if the job is COMPLETE.
        """
        if job is None:
            return cls(knowledge_base_id, import_job_id, error=error)
        return cls(knowledge_base_id, import_job_id, job.status, job.created_time, job.last_modified_time, error)

    @classmethod
    def from_dict(cls, members: Mapping[str, Any]) -> JobEnd:
        """Make one from what :meth:`to_dict` returned.

        :param members: One of ``jobs`` in the event of a trigger.
        """
        return cls(
            members["knowledgeBaseId"],
            members["importJobId"],
            members["status"],
            _time(members["createdTime"]),
            _time(members["lastModifiedTime"]),
            from_dict(members["error"]) if members["error"] else None,
            bool(members.get("mayHaveStarted")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the end as JSON primitives, for an event, under AWS's own member names."""
        return {
            "knowledgeBaseId": self.knowledge_base_id,
            "importJobId": self.import_job_id,
            "status": self.status,
            "createdTime": iso(self.created_time),
            "lastModifiedTime": iso(self.last_modified_time),
            "error": self.error.to_dict() if self.error else None,
            "mayHaveStarted": self.may_have_started,
        }

    @property
    def has_ended(self) -> bool:
        """Whether the job is known to have ended, well or not, so that there may be a report."""
        return self.status in {ImportJobStatus.COMPLETE.value, ImportJobStatus.FAILED.value}

    @property
    def is_complete(self) -> bool:
        """Whether the job is COMPLETE."""
        return self.error is None

    @property
    def duration(self) -> float | None:
        """Seconds from the job's start to its last change; None if they are not known."""
        if self.created_time is None or self.last_modified_time is None:
            return None
        return round((self.last_modified_time - self.created_time).total_seconds(), 3)


def iso(time_: datetime | None) -> str | None:
    """Return a time as ISO 8601 in UTC; None for None.

    :param time_: An aware time.
    """
    return time_.astimezone(timezone.utc).isoformat() if time_ else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@cache
def _aws_names() -> dict[str, str]:
    """Python name -> AWS name, of every field that is a member of AWS's type."""
    return {f.name: _camel(f.name) for f in fields(ImportJob) if f.name != "other"}


def _camel(snake: str) -> str:
    first, *rest = snake.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _json_safe(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {scrub(str(key)): _json_safe(item, scrub) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_json_safe(item, scrub) for item in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    # NaN, which JSON does not have, and whatever else AWS may send one day become text.
    return scrub(value if isinstance(value, str) else str(value))


def _as_it_is(text: str) -> str:
    return text
