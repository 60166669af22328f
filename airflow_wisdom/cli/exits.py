"""How a command ends: its exit code, and the one line that says why. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_wisdom.exceptions import (
    AccessDeniedError,
    AirflowConnectionNotFoundError,
    ClientConfigurationError,
    ConflictError,
    EndpointError,
    FailedRecordsError,
    ImportJobError,
    ImportJobTimeoutError,
    InvalidCredentialsError,
    OptionError,
    PlanError,
    ResourceNotFoundError,
    RunTimeoutError,
    ServiceUnavailableError,
    SourceError,
    StorageError,
    UploadTooLargeError,
    ValidationError,
    WisdomError,
)

DONE, DATA, USAGE, AWS, TIMED_OUT, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 70, 130

EXIT_CODES = """\
exit codes:
  0    done
  1    rows are invalid, AWS refused records, an import job or a change failed,
       or a plan was refused
  2    wrong usage, or a file cannot be read or written
  3    AWS or the connection: access, credentials, endpoint, not found
  4    not done in time
  70   an error of this program
  130  interrupted, or a plan was not agreed to"""

_HINTS: dict[type[WisdomError], str] = {
    AccessDeniedError: "The credentials need the permission for this operation",
    ClientConfigurationError: "Check region and credentials: --region, AWS_DEFAULT_REGION, AWS_PROFILE, --conn-id",
    EndpointError: "Check the network, --region and --endpoint-url",
    InvalidCredentialsError: "Renew the credentials, or take others: AWS_PROFILE, or --conn-id",
    ResourceNotFoundError: "Check the ids and --region",
    ValidationError: "Check the ids",
    ServiceUnavailableError: "Try again later",
}
"""What to do about an error, as far as a command line can tell."""

_DATA = (SourceError, FailedRecordsError, ImportJobError, PlanError, ConflictError, UploadTooLargeError)
_LIBRARIES_OF_AWS = ("boto3", "botocore", "s3transfer")


class Interrupted(KeyboardInterrupt):
    """A command was interrupted while it did something that goes on without it; the text says what."""


@dataclass(frozen=True)
class Failure:
    """Why a command did not do what it was asked for.

    :param message: The reason, for a person, in one line.
    :param code: The exit code.
    """

    message: str
    code: int

    @classmethod
    def of(cls, error: WisdomError) -> Failure:
        """Return the failure that an exception of this package stands for.

        :param error: The exception.
        """
        return cls(" ".join(_message(error).split()), code_of(error))

    def __str__(self) -> str:
        return self.message if self.code == INTERRUPTED else f"error: {self.message}"


class Failed(Exception):  # noqa: N818 - it is no error of this package's tree
    """A command ends here.

    :param failure: Why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class UsageError(Failed):
    """A command was asked for something that makes no sense.

    :param message: What.
    """

    def __init__(self, message: str) -> None:
        super().__init__(Failure(message, USAGE))


def code_of(error: BaseException | None) -> int:
    """Return the exit code for what stopped a command.

    :param error: An exception of this package, or what caused it; None for an unknown cause.
    """
    if isinstance(error, (ImportJobTimeoutError, RunTimeoutError)):
        return TIMED_OUT
    if isinstance(error, OptionError):
        return USAGE
    if error is not None and type(error) in (SourceError, StorageError):
        return AWS if type(error.__cause__).__module__.startswith(_LIBRARIES_OF_AWS) else USAGE
    return DATA if isinstance(error, _DATA) else AWS


def worst(codes: set[int]) -> int:
    """Return the exit code for several reasons at once: the one that has to be dealt with first.

    :param codes: The exit codes for each.
    """
    return next(code for code in (AWS, TIMED_OUT, DATA, DONE) if code in {*codes, DONE})


def _message(error: WisdomError) -> str:
    if isinstance(error, AirflowConnectionNotFoundError):
        return f"Airflow connection {error.conn_id!r} does not exist; leave --conn-id out for boto3's own credentials"
    if isinstance(error, FailedRecordsError):
        return error.message
    hint = next((hint for kind, hint in _HINTS.items() if isinstance(error, kind)), None)
    return f"{str(error).rstrip('.')}. {hint}" if hint else str(error)
