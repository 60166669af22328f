"""Errors in words: which kinds there are, each named first and briefly, and what to do before another try. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from airflow_wisdom.exceptions import (
    AccessDeniedError,
    AirflowConnectionNotFoundError,
    AwsError,
    ClientConfigurationError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    InvalidCredentialsError,
    ResourceNotFoundError,
    ServiceQuotaExceededError,
    UnknownImportJobStatusError,
    ValidationError,
    WisdomError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_REMEDIES: tuple[tuple[type[WisdomError], str], ...] = (
    (AccessDeniedError, "grant the permission for {operation}"),
    (InvalidCredentialsError, "renew the credentials"),
    (ServiceQuotaExceededError, "make room in the knowledge base, or have the quota raised"),
    (ValidationError, "correct what AWS does not accept"),
    (ClientConfigurationError, "correct region, credentials or certificates of the AWS connection"),
    (AirflowConnectionNotFoundError, "create the Airflow connection"),
    (UnknownImportJobStatusError, "see whether a newer version of this package knows the status"),
)
"""What is to be done about an error that passes neither with time nor with other rows."""

_OF_THE_KNOWLEDGE_BASE = frozenset({"StartContentUpload", "StartImportJob"})
"""Operations that find nothing only if there is no such knowledge base."""


def brief(error: WisdomError | None) -> str:
    """Return which kind of error it is, in a few words; the same for all of one kind.

    :param error: The error; None for one that is not known.
    """
    if isinstance(error, AwsError):
        return error.code
    if isinstance(error, ImportJobTimeoutError):
        return "not in time"
    if isinstance(error, (ImportJobFailedError, UnknownImportJobStatusError)):
        return str(error.status or "failed")
    return "other errors" if error is None or type(error) is WisdomError else type(error).__name__


def in_short(error: WisdomError | None) -> str:
    """Return what happened, without what it is about and without AWS's id of the request.

    :param error: The error; None for one that is not known.
    """
    if error is None:
        return "why is not known"
    message = error.message.rstrip(".")
    return f"{error.operation}: {error.code}: {message}" if isinstance(error, AwsError) else message


def several(kinds: Iterable[str]) -> str:
    """Return how often there is each kind, in brackets for a headline; nothing if there is only one.

    :param kinds: The kind of each case, in words.
    """
    counts = Counter(kinds)
    listed = ", ".join(f"{number:,} {kind}" for kind, number in counts.items())
    return f" ({listed})" if len(counts) > 1 else ""


def first_steps(errors: Iterable[WisdomError | None]) -> str:
    """Return what is to be done before another try, as a sentence with a space behind it; nothing if that is nothing.

    :param errors: Why it did not end well.
    """
    steps = list(dict.fromkeys(step for error in errors if error and (step := _remedy(error))))
    return f"First {', and '.join(steps)}. " if steps else ""


def _remedy(error: WisdomError) -> str | None:
    operation = error.operation if isinstance(error, AwsError) else ""
    if isinstance(error, ResourceNotFoundError):
        return "correct knowledge_base_id" if operation in _OF_THE_KNOWLEDGE_BASE else None
    found = next((remedy for kind, remedy in _REMEDIES if isinstance(error, kind)), None)
    return found.format(operation=operation) if found else None
