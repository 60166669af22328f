"""Exceptions raised by the wisdom service.

The HTTP status of a `ServiceException` comes from botocore's model.
"""

from moto.core.exceptions import ServiceException


class AccessDeniedException(ServiceException):
    code = "AccessDeniedException"


class ValidationException(ServiceException):
    code = "ValidationException"


class ResourceNotFoundException(ServiceException):
    code = "ResourceNotFoundException"


class ConflictException(ServiceException):
    code = "ConflictException"


class PreconditionFailedException(ServiceException):
    code = "PreconditionFailedException"


class ServiceQuotaExceededException(ServiceException):
    code = "ServiceQuotaExceededException"


class TooManyTagsException(ServiceException):
    code = "TooManyTagsException"


class RawError(Exception):
    """An error whose code and HTTP status are free, where a `ServiceException` is bound to the model."""

    def __init__(self, code: str, message: str, http_status: int, **details: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http_status = http_status
        self.details = details


class SerializationError(RawError):
    """What AWS answers before it looks at a rule: the request is not of the types that the model declares."""

    def __init__(self, message: str) -> None:
        super().__init__("SerializationException", message, 400)
