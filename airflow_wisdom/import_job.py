"""An import job as AWS describes it, and the one table of its statuses. Pure: no Airflow, no boto3."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from enum import Enum
from functools import cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    ImportJobError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    UnknownImportJobStatusError,
    redact,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


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
    metadata: Mapping[str, str] = field(default_factory=dict)
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
            secrets. Without them, ``hasFailedRecordReport`` still tells whether there is a report.
        :returns: The members that the job has; times are ISO 8601 in UTC.
        """
        members = {aws: getattr(self, python) for python, aws in _aws_names().items()}
        if not include_urls:
            del members["url"], members["failedRecordReport"], members["urlExpiry"]
        present = {aws: value for aws, value in members.items() if value is not None}
        present["hasFailedRecordReport"] = self.has_failed_record_report
        # What this version does not know may be a URL of a kind that it does not know either.
        unknown = _json_safe(dict(self.other), _as_it_is if include_urls else _without_queries)
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
                f"The import job did not complete: it is {status.value}", status=status.value, **self._where()
            )
        return status.is_success

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
            raise ImportJobError("The import job is still running", status=self.status, **self._where())

    def is_deleted(self) -> bool:
        """Tell whether a job whose deletion was asked for is gone.

        :raises ImportJobFailedError: The deletion failed.
        :raises UnknownImportJobStatusError: As for :meth:`is_complete`.
        """
        status = self._known_status()
        if status is ImportJobStatus.DELETE_FAILED:
            raise ImportJobFailedError("The import job could not be deleted", status=status.value, **self._where())
        return status is ImportJobStatus.DELETED

    def _known_status(self) -> ImportJobStatus:
        try:
            return ImportJobStatus(self.status)
        except UnknownImportJobStatusError as exc:
            raise UnknownImportJobStatusError(exc.message, status=self.status, **self._where()) from None

    def _where(self) -> dict[str, Any]:
        return {
            "knowledge_base_id": self.knowledge_base_id,
            "import_job_id": self.import_job_id,
            "elapsed": self.elapsed(),
        }


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
        knowledge_base_id=knowledge_base_id,
        import_job_id=import_job_id,
        status=job.status if job else None,
        elapsed=job.elapsed() if job else waited,
    )


@dataclass(frozen=True)
class FailedRecords:
    """The report of the records that an import job refused.

    AWS does not document the report's columns: they are kept as they come.

    :param columns: The report's header row.
    :param records: One dict a refused record, by column. A row longer than the header keeps what is over
        under the empty name, joined by commas; of two columns of one name, the second gets a number.
    """

    columns: tuple[str, ...] = ()
    records: tuple[dict[str, str], ...] = ()

    @classmethod
    def from_csv(cls, text: str) -> FailedRecords:
        """Read the report from the text of a CSV file.

        :raises FailedRecordReportError: It is no CSV.
        """
        columns, records = read_failed_records(io.StringIO(text, newline=""))
        return cls(columns=columns, records=tuple(records))

    def __len__(self) -> int:
        return len(self.records)


def read_failed_records(lines: Iterable[str]) -> tuple[tuple[str, ...], Iterator[dict[str, str]]]:
    """Read a report of failed records one record at a time.

    :param lines: The lines of the CSV file, with their line ends.
    :returns: The columns and the records, as :class:`FailedRecords` has them.
    :raises FailedRecordReportError: It is no CSV; also while the records are read.
    """
    rows = _rows(lines)
    columns = _distinct(next(rows, []))
    return columns, (_record(columns, row) for row in rows if row)


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines)
    except csv.Error as exc:
        raise FailedRecordReportError(f"The report of failed records is no CSV: {exc}") from exc


def _distinct(header: list[str]) -> tuple[str, ...]:
    columns: list[str] = []
    for name in header:
        count = sum(name == earlier for earlier in header[: len(columns)])
        columns.append(f"{name} ({count + 1})" if count else name)
    return tuple(columns)


def _record(columns: tuple[str, ...], row: list[str]) -> dict[str, str]:
    record = dict(zip_longest(columns, row[: len(columns)], fillvalue=""))
    return {**record, "": ",".join(row[len(columns) :])} if len(row) > len(columns) else record


@cache
def _aws_names() -> dict[str, str]:
    """Python name -> AWS name, of every field that is a member of AWS's type."""
    return {f.name: _camel(f.name) for f in fields(ImportJob) if f.name != "other"}


def _camel(snake: str) -> str:
    first, *rest = snake.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _json_safe(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat()
    if isinstance(value, dict):
        return {str(key): _json_safe(item, scrub) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_json_safe(item, scrub) for item in value]
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    # NaN, which JSON does not have, and whatever else AWS may send one day become text.
    return scrub(value if isinstance(value, str) else str(value))


def _as_it_is(text: str) -> str:
    return text


def _without_queries(text: str) -> str:
    return re.sub(r"(https?://[^\s?]+)\?\S*", r"\1?<redacted>", text)
