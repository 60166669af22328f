"""What can go wrong, as one tree.

::

    WisdomError
    ├── AwsError                          AWS answered with an error
    │   ├── AccessDeniedError             a permission is missing
    │   ├── InvalidCredentialsError       the credentials are expired, or not accepted at all
    │   ├── ConflictError
    │   ├── ResourceNotFoundError         no such knowledge base, or no such import job in it
    │   ├── ServiceQuotaExceededError
    │   ├── ValidationError
    │   └── ServiceUnavailableError       AWS has an error of its own; transient
    │       └── ThrottlingError           too many calls, of all clients of the account; transient
    ├── EndpointError                     AWS was not reached, or gave no sensible answer in time; transient
    ├── ClientConfigurationError          the request could not even be made: no region, no credentials, no trust
    ├── AirflowConnectionNotFoundError    the Airflow connection does not exist
    ├── ClientTokenUsedError              the client token was used for another import
    ├── OptionError                       an option of Airflow's configuration makes no sense
    ├── ParameterError                    parameters of a task make no sense; nothing was sent
    ├── UploadError                       Amazon S3 did not take the file
    │   ├── UploadUrlExpiredError
    │   └── UploadTooLargeError
    ├── FailedRecordReportError           the report of failed records could not be fetched
    ├── SourceError                       what is to be imported is not fit for it; nothing was sent
    │   ├── SourceFormatError             it cannot be read at all: no CSV, not UTF-8, no header
    │   ├── TemplateMismatchError         its columns are not those of the import file's template
    │   ├── InvalidRowsError              some of its rows are invalid
    │   └── ExtraCheckError               a check of the user's own failed itself
    ├── StorageError                      a file could not be written where the user asked
    ├── ImportIncompleteError             not every file of an import became a COMPLETE job
    ├── FailedRecordsError                AWS refused more records than are tolerated
    ├── PlanError                         a sync was not done as planned
    │   ├── UnsafePlanError               the plan removes too much; nothing was written
    │   ├── PlanChangedError              the plan is no longer the one that was approved; nothing was written
    │   └── SyncIncompleteError           not every quick response is as the table says
    ├── TaskEndedError                    the task was ended, or is not this try's any more; nothing more was sent
    ├── RunTimeoutError                   the time of a task was over before it was done
    └── ImportJobError
        ├── ImportJobFailedError          the job ended, or is about to end, without being COMPLETE
        ├── ImportJobTimeoutError         the deadline passed first
        └── UnknownImportJobStatusError   AWS reports a status that this version does not know

None of them derives from Airflow's own exceptions: Airflow turns those into *skipped* where a sensor has
``soft_fail``, and a failed import job must never look like a skipped one.

Every exception is its message and a few fields that are JSON primitives, so it survives both pickling and the way
through a trigger's event.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_wisdom.redaction import cut, redact, redacted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Where = Mapping[str, str | None] | None

__all__ = [
    "AccessDeniedError",
    "AirflowConnectionNotFoundError",
    "AwsError",
    "ClientConfigurationError",
    "ClientTokenUsedError",
    "ConflictError",
    "EndpointError",
    "ExtraCheckError",
    "FailedRecordReportError",
    "FailedRecordsError",
    "ImportIncompleteError",
    "ImportJobError",
    "ImportJobFailedError",
    "ImportJobTimeoutError",
    "InvalidCredentialsError",
    "InvalidRowsError",
    "OptionError",
    "ParameterError",
    "PlanChangedError",
    "PlanError",
    "ResourceNotFoundError",
    "RunTimeoutError",
    "ServiceQuotaExceededError",
    "ServiceUnavailableError",
    "SourceError",
    "SourceFormatError",
    "StorageError",
    "SyncIncompleteError",
    "TaskEndedError",
    "TemplateMismatchError",
    "ThrottlingError",
    "UnknownImportJobStatusError",
    "UnsafePlanError",
    "UploadError",
    "UploadTooLargeError",
    "UploadUrlExpiredError",
    "ValidationError",
    "WisdomError",
    "wisdom_error_of",
]

_LONGEST_HEADLINE = 100
"""Characters of a headline: the longest subject that Amazon SNS takes."""


class WisdomError(Exception):
    """Base of everything this package raises.

    :param message: What happened; presigned URLs in it are redacted, and what is beyond 20,000 characters is cut.
    :param where: What it is about, by name, such as ``{"knowledge_base_id": ..., "import_job_id": ...}``; None where
        that is not known. Default: nothing in particular.
    """

    transient: ClassVar[bool] = False
    """Whether waiting may help: throttling, 5xx, connection errors and time-outs."""

    retryable: bool = True
    """Whether another try of the task may end otherwise. Not so where the data are at fault: they are the same then."""

    def __init__(self, message: str, *, where: Where = None) -> None:
        self.message = redact(cut(message))
        self.where = {name: redact(str(value)) for name, value in (where or {}).items() if value is not None}
        super().__init__(self.message)

    def to_dict(self) -> dict[str, Any]:
        """Return the exception as JSON primitives, for a trigger's event; :func:`from_dict` reverses it."""
        return {"type": type(self).__name__, **self._fields()}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._fields())

    def _fields(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("__")}

    @property
    def headline(self) -> str:
        """What happened, on one line of at most 100 characters: the longest subject that Amazon SNS takes."""
        begins = f"{type(self).__name__}: {self.message[: 2 * _LONGEST_HEADLINE]}"
        return textwrap.shorten(begins, _LONGEST_HEADLINE, placeholder=" ...")

    def summary_fields(self) -> dict[str, str]:
        """Return what else is known, label -> text, for a message to people: nothing unknown and no secret is in it."""
        known = {_label(name): value for name, value in self.where.items()}
        return known | {name: str(value) for name, value in self._details().items() if value is not None}

    def __str__(self) -> str:
        known = ", ".join(f"{name} {value}" for name, value in WisdomError.summary_fields(self).items())
        return f"{self.message} ({known})" if known else self.message

    def _details(self) -> dict[str, Any]:
        return {}


class AwsError(WisdomError):
    """AWS answered with an error; this class itself stands for a code that has none of its own.

    :param code: AWS's error code, such as ``ResourceNotFoundException``.
    :param operation: The AWS operation that was called, such as ``GetImportJob``.
    :param request_id: AWS's id of the request, which its support asks for.
    :param http_status: HTTP status of the answer.
    :param sent_before: How often the same request had been sent before, without an answer or with another error.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        operation: str,
        request_id: str | None = None,
        http_status: int | None = None,
        sent_before: int = 0,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.sent_before = sent_before
        self.code = code
        self.operation = operation
        self.request_id = request_id
        self.http_status = http_status

    def summary_fields(self) -> dict[str, str]:
        """Return what else is known, as for every exception, with AWS's operation and error code."""
        return {**super().summary_fields(), "operation": self.operation, "error code": self.code}

    def __str__(self) -> str:
        return f"{self.operation}: {self.code}: {super().__str__()}"

    def _details(self) -> dict[str, Any]:
        return {"request": self.request_id}


class AccessDeniedError(AwsError):
    """The credentials lack the permission for the operation."""


class InvalidCredentialsError(AwsError):
    """The credentials are expired, or AWS does not accept them at all: no operation would succeed."""


class ConflictError(AwsError):
    """The request contradicts the state of the resource, or reuses a client token with other parameters.

    In a sync, a name or a shortcut key is taken, and the message says by which quick response.
    """


class ResourceNotFoundError(AwsError):
    """There is no such knowledge base, no such import job in it, or the instance has not exactly one knowledge base."""


class ServiceQuotaExceededError(AwsError):
    """A quota of the account, such as 1,000 quick responses in a knowledge base, is used up."""


class ValidationError(AwsError):
    """AWS, or botocore before it, does not accept a parameter."""


class ServiceUnavailableError(AwsError):
    """AWS, or Amazon S3 in an upload or a download, has an error of its own, or throttles the account."""

    transient = True


class ThrottlingError(ServiceUnavailableError):
    """AWS throttles the account: there are too many calls, of all its clients together."""


class EndpointError(WisdomError):
    """The endpoint could not be reached, did not answer in time, or gave an answer that makes no sense."""

    transient = True


class ClientConfigurationError(WisdomError):
    """No request could be made: no region, no credentials, or a certificate that is not trusted."""


class AirflowConnectionNotFoundError(WisdomError):
    """The Airflow connection does not exist.

    Other AWS hooks fall back to boto3's own credentials here; writing into another account's knowledge base because
    of a misspelt connection is not a risk worth taking.

    :param conn_id: Id of the missing Airflow connection.
    """

    def __init__(
        self,
        message: str,
        *,
        conn_id: str,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.conn_id = conn_id


class ClientTokenUsedError(WisdomError, ValueError):
    """The client token was used for an import that is not this task's: taking that one for this one would lose rows.

    Another try of the task would ask with the same token.
    """

    retryable = False


class OptionError(WisdomError):
    """An option in section ``[wisdom]`` of Airflow's configuration makes no sense.

    :param option: Its name.
    """

    def __init__(
        self,
        message: str,
        *,
        option: str,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.option = option


class ParameterError(WisdomError, ValueError):
    """Parameters make no sense: all that is wrong with them, found before anything was sent.

    :param problems: What is wrong, each with the name of its parameter. Default: what the message says.
    :param retryable: Whether another try may find other values. Default: no; it may where a template could not be
        filled in.
    """

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[str] = (),
        retryable: bool = False,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.problems = [redact(cut(problem)) for problem in problems] or [self.message]
        self.retryable = retryable


class UploadError(WisdomError):
    """Amazon S3 did not take the file, and would not take it later either; or the file is empty.

    :param http_status: HTTP status of the answer; None if nothing was sent.
    :param code: Amazon S3's error code, if it gave one.
    """

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        code: str | None = None,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.http_status = http_status
        self.code = code


class UploadUrlExpiredError(UploadError):
    """The presigned URL expired before the file was put to it, twice."""


class UploadTooLargeError(UploadError):
    """The file is larger than `max_bytes`; nothing was sent.

    :param max_bytes: The limit, in bytes.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        max_bytes: int,
        **upload: Any,
    ) -> None:
        super().__init__(message, **upload)
        self.max_bytes = max_bytes


class FailedRecordReportError(WisdomError):
    """The report of failed records could not be fetched or read.

    :param http_status: HTTP status of the answer; None if there was none.
    :param too_large: Whether the report is larger than was allowed.
    """

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        too_large: bool = False,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.http_status = http_status
        self.too_large = too_large


class SourceError(WisdomError):
    """What is to be imported is not fit for it, does not exist or cannot be read: found before anything was sent."""


class SourceFormatError(SourceError):
    """The source cannot be read as rows: no CSV, not UTF-8, no header, a line that is not a JSON object.

    :param line: The line of the file, or the number of the row, from 1; None if it is about the whole of it.
    :param unit: What `line` counts, ``line`` (default) or ``row``.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        line: int | None = None,
        unit: str = "line",
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.line = line
        self.unit = unit

    def _details(self) -> dict[str, Any]:
        return {self.unit: self.line}


class TemplateMismatchError(SourceError):
    """The columns of the source, or a mapping of them, do not fit the template; or the template itself is none.

    :param missing: Required labels of the template that no column of the source has.
    :param unknown: Columns of the source that the template does not have.
    """

    retryable = False

    def __init__(
        self, message: str, *, missing: list[str] | None = None, unknown: list[str] | None = None, where: Where = None
    ) -> None:
        super().__init__(message, where=where)
        self.missing = redacted(missing)
        self.unknown = redacted(unknown)


class InvalidRowsError(SourceError):
    """Rows of the source are invalid: found by the check, before anything was sent.

    :param rows_read: Rows of the source.
    :param rows_invalid: How many of them are not valid.
    :param mistakes: The first mistakes, each a dict of JSON primitives with ``line``, ``column``, ``value`` and
        ``reason``.
    :param invalid_rows_path: The file with all invalid rows and their reasons, if one was kept.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        rows_read: int,
        rows_invalid: int,
        mistakes: list[dict[str, Any]],
        invalid_rows_path: str | None = None,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.rows_read = rows_read
        self.rows_invalid = rows_invalid
        self.mistakes = redacted(mistakes)
        self.invalid_rows_path = redacted(invalid_rows_path)


class ExtraCheckError(SourceError):
    """A check of `extra_checks` raised an exception, or returned something else than a text or None; nothing was sent.

    :param check: Name of the check.
    :param line: The line of the file, or the number of the row, from 1.
    """

    def __init__(self, message: str, *, check: str, line: int, where: Where = None) -> None:
        super().__init__(message, where=where)
        self.check = check
        self.line = line


class ImportJobError(WisdomError):
    """An import job is not going to be COMPLETE, or not in time; this class itself: it was read while it still ran.

    :param status: The status last seen; None if the job was never seen.
    :param elapsed: Age of the job, or how long it was waited for where it was never seen, in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        status: str | None = None,
        elapsed: float | None = None,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.status = status
        self.elapsed = elapsed

    def _details(self) -> dict[str, Any]:
        elapsed = None if self.elapsed is None else f"{self.elapsed:.0f} s"
        return {"last status": self.status, "after": elapsed}


class ImportJobFailedError(ImportJobError):
    """The job is FAILED, or on its way to being deleted, or deleted.

    :param retryable: Whether another try may end otherwise: not so if AWS refused the records. Default: it may.
    """

    def __init__(self, message: str, *, retryable: bool = True, **job: Any) -> None:
        super().__init__(message, **job)
        self.retryable = retryable


class ImportJobTimeoutError(ImportJobError):
    """The deadline passed while the job was still running."""


class UnknownImportJobStatusError(ImportJobError, ValueError):
    """AWS reports a status that this version of the package does not know.

    It is taken neither for success nor for running: both would be a guess.
    """


class StorageError(WisdomError):
    """A file could not be written to where the user asked for it, or this machine cannot keep the files of the run."""


class ImportIncompleteError(WisdomError):
    """Not every file of an import became a COMPLETE job; the message says what was done, what was not, and what next.

    :param jobs: One dict for each file, as in the task's XCom.
    :param retryable: Whether another try may end otherwise: not so if AWS refused the records of each job that failed.
        Default: it may.
    """

    def __init__(
        self,
        message: str,
        *,
        jobs: list[dict[str, Any]],
        retryable: bool = True,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.jobs = redacted(jobs)
        self.retryable = retryable


class FailedRecordsError(WisdomError):
    """AWS refused more records than are tolerated; the others are imported.

    :param records_refused: How many were refused.
    :param failed_records: The first of them, by the columns of AWS's report.
    :param failed_records_path: Where all of them were written to, if anywhere.
    """

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        records_refused: int,
        failed_records: list[dict[str, str]],
        failed_records_path: str | None = None,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.records_refused = records_refused
        self.failed_records = redacted(failed_records)
        self.failed_records_path = redacted(failed_records_path)


class TaskEndedError(WisdomError):
    """The task was ended, or Airflow has given this try up, as after a long silence of its worker.

    Nothing more was sent.
    """


class RunTimeoutError(WisdomError):
    """The time of a task was over, or it was ended, before this was done."""


class PlanError(WisdomError):
    """A sync was not done as planned: the base of what it raises about its plan, never raised itself."""


class UnsafePlanError(PlanError):
    """The plan removes too much, or from an empty source, or a row wants a field empty that AWS cannot empty.

    Nothing was written.

    :param removals: Quick responses that would be removed or deactivated.
    :param in_scope: Quick responses that bear the owner's tag.
    """

    retryable = False

    def __init__(self, message: str, *, removals: int, in_scope: int, where: Where = None) -> None:
        super().__init__(message, where=where)
        self.removals = removals
        self.in_scope = in_scope


class PlanChangedError(PlanError):
    """The plan is neither the one that was approved nor a part of it; nothing was written.

    :param fingerprint: Fingerprint of the plan as it is now.
    :param expected: Fingerprint of the plan that was approved.
    """

    retryable = False

    def __init__(self, message: str, *, fingerprint: str, expected: str, where: Where = None) -> None:
        super().__init__(message, where=where)
        self.fingerprint = fingerprint
        self.expected = expected


class SyncIncompleteError(PlanError):
    """Not every quick response is as the table says, more than `on_failed_items` tolerates; what was changed stays so.

    :param failed: How many are not.
    :param failures: The first of them, each a dict with ``kind``, ``key``, ``line``, ``unit`` and ``error``.
    :param retryable: Whether another try may end otherwise: not so if AWS does not accept the rows, or what the table
        does not change has their names or shortcut keys. Default: it may.
    """

    def __init__(
        self,
        message: str,
        *,
        failed: int,
        failures: list[dict[str, Any]],
        retryable: bool = True,
        where: Where = None,
    ) -> None:
        super().__init__(message, where=where)
        self.failed = failed
        self.failures = redacted(failures)
        self.retryable = retryable


def from_dict(fields: dict[str, Any]) -> WisdomError:
    """Make the exception that :meth:`WisdomError.to_dict` described; an unknown type becomes a `WisdomError`."""
    kind = globals().get(str(fields.get("type")))
    if not (isinstance(kind, type) and issubclass(kind, WisdomError)):
        return WisdomError(str(fields.get("message")))
    try:
        return _rebuild(kind, {name: value for name, value in fields.items() if name != "type"})
    except TypeError:
        # Another version of this package, in the triggerer, knows other fields.
        return WisdomError(str(fields.get("message")))


def wisdom_error_of(exception: object) -> WisdomError:
    """Return what is known about a failure, whatever Airflow hands to a callback as ``context["exception"]``.

    :param exception: An exception of this package, or one of Airflow's that was raised because of one, or any other;
        or a text, or None, where no worker was left to say more.
    :returns: The exception of this package; where there is none, one that has the text alone.
    """
    cause = exception
    while isinstance(cause, BaseException):
        if isinstance(cause, WisdomError):
            return cause
        cause = cause.__cause__
    return WisdomError(str(exception or "The task failed, and Airflow does not say why"))


def _label(name: str) -> str:
    return name.removesuffix("_id").replace("_", " ")


def _rebuild(kind: type[WisdomError], fields: dict[str, Any]) -> WisdomError:
    return kind(**fields)
