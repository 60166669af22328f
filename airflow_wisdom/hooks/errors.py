"""What AWS and botocore raise, as the exceptions of this package."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, as every name here
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    PaginationError,
    ParamValidationError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from airflow_wisdom import exceptions
from airflow_wisdom.exceptions import (
    AwsError,
    ClientConfigurationError,
    EndpointError,
    ResourceNotFoundError,
    ValidationError,
    WisdomError,
)
from airflow_wisdom.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ERRORS_BY_CODE: Mapping[str, type[AwsError]] = {
    "AccessDenied": exceptions.AccessDeniedError,
    "AccessDeniedException": exceptions.AccessDeniedError,
    **dict.fromkeys(
        (
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        exceptions.InvalidCredentialsError,
    ),
    "UnauthorizedException": exceptions.AccessDeniedError,
    "ConflictException": exceptions.ConflictError,
    "ResourceNotFoundException": ResourceNotFoundError,
    "ServiceQuotaExceededException": exceptions.ServiceQuotaExceededError,
    "ValidationException": ValidationError,
    **dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "InternalServerException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ),
        exceptions.ServiceUnavailableError,
    ),
    **dict.fromkeys(
        (
            "LimitExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "Throttling",
            "ThrottledException",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        exceptions.ThrottlingError,
    ),
}


_ERRORS_BY_STATUS: Mapping[int | None, type[AwsError]] = {
    **dict.fromkeys((408, 500, 502, 503, 504), exceptions.ServiceUnavailableError),
    429: exceptions.ThrottlingError,
}
"""For an answer whose code is unknown, as that of a gateway in between."""

_PASSING = (
    ConnectionError,
    HTTPClientError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    PaginationError,
)
"""What botocore raises that may be over in a minute."""


_NONSENSE = (ResponseParserError, ArithmeticError, AttributeError, KeyError, OSError, TypeError, ValueError)
"""What an answer of the wrong form causes."""


@contextmanager
def translated(operation: str, where: Mapping[str, str | None]) -> Iterator[None]:
    """Turn what a call raises into this package's tree; AWS's errors are distinguished by their code.

    :param operation: The AWS operation that is called, such as ``GetImportJob``.
    :param where: What the call is about, as the exceptions have it.
    :raises WisdomError: In place of what botocore raised.
    """
    try:
        yield
    except WisdomError:
        raise
    except (BotoCoreError, ClientError) as exc:
        raise wisdom_error(exc, operation, where) from cause_of(exc)
    except _NONSENSE as exc:
        raise EndpointError(f"{operation}: the answer makes no sense: {exc!r}", where=where) from cause_of(exc)


def cause_of(exc: Exception) -> Exception | None:
    """Return `exc` to be shown as the cause of an error, unless there is a presigned URL in what would be shown."""
    shown: BaseException | None = exc
    while shown is not None:
        if redact(str(shown)) != str(shown):
            return None
        shown = shown.__cause__ or shown.__context__
    return exc


def wisdom_error(exc: BotoCoreError | ClientError, operation: str, where: Mapping[str, str | None]) -> WisdomError:
    """Return the exception of this package for one of botocore's.

    :param exc: Botocore's.
    :param operation: As for :func:`translated`.
    :param where: As for :func:`translated`.
    """
    if isinstance(exc, ClientError):
        return _aws_error(exc, where)
    if isinstance(exc, ParamValidationError):
        return ValidationError(str(exc), code="ParamValidation", operation=operation, where=where)
    # A certificate that is not trusted stays so, however long one waits.
    passing = isinstance(exc, _PASSING) and not isinstance(exc, SSLError)
    kind = EndpointError if passing else ClientConfigurationError
    return kind(f"{operation}: {exc}", where=where)


def _aws_error(exc: ClientError, where: Mapping[str, str | None]) -> AwsError:
    error = exc.response.get("Error", {})
    answer = exc.response.get("ResponseMetadata", {})
    code, status = error.get("Code", "Unknown"), answer.get("HTTPStatusCode")
    return kind_of(code, status)(
        error.get("Message") or "no message",
        code=code,
        operation=exc.operation_name,
        request_id=answer.get("RequestId"),
        http_status=status,
        sent_before=answer.get("RetryAttempts", 0),
        where=where,
    )


def kind_of(code: str | None, http_status: int | None) -> type[AwsError]:
    """Return the class of an error that AWS answers with: by its code, or by the HTTP status where that is unknown.

    :param code: AWS's error code; None if there is none.
    :param http_status: HTTP status of the answer.
    """
    return _ERRORS_BY_CODE.get(code or "") or _ERRORS_BY_STATUS.get(http_status, AwsError)
