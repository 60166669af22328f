"""How every call is served: counted, refused or garbled as the test chose, checked, answered, recorded."""

import json
import socket
from collections.abc import Callable
from time import sleep
from typing import Any, NoReturn
from xml.sax.saxutils import escape

from botocore.exceptions import ConnectionClosedError
from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.moto_api._internal import mock_random
from moto.sts.models import sts_backends

from .exceptions import RawError, SerializationError
from .model import operation_model
from .models import WisdomBackend, wisdom_backends
from .parsing import read_request
from .validation import validate_input

# Whatever else an operation is called, it only looks.
WRITES = ("Create", "Delete", "Put", "Start", "Tag", "Untag", "Update")
# What a form sends is read by werkzeug, and is never JSON.
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
# A status, headers and a body; and the code of the error that they tell.
Answer = tuple[TYPE_RESPONSE, str | None]


def serve(
    backend: WisdomBackend,
    operation: str,
    request: Any,
    work: Callable[[], Answer],
    shape_error: Callable[[RawError], TYPE_RESPONSE],
) -> TYPE_RESPONSE:
    """Answer one call; the pause and the closed connection are outside of the lock."""
    with backend.lock:
        fault = backend.book.open(operation)
        backend.had_effect = False
        try:
            if fault and not fault.after_effect:
                raise fault.error()
            backend.book.take_allowance(operation)
            answer, error = _work(backend, operation, work)
            if fault:
                raise fault.error()
            answer = _garbled(answer, backend.book.take_nonsense(operation))
        except RawError as raised:
            answer, error = shape_error(raised), raised.code
        backend.book.close(operation, error, effect=backend.had_effect)
        pause = backend.book.pause
    if pause:
        sleep(pause)
    if fault and fault.lost:
        _hang_up(request, operation)
    return answer


def _work(backend: WisdomBackend, operation: str, work: Callable[[], Answer]) -> Answer:
    backend.had_effect = operation.startswith(WRITES)
    try:
        answer, error = work()
    except RawError:
        backend.had_effect = False
        raise
    if error:
        backend.had_effect = False
    return answer, error


def _garbled(answer: TYPE_RESPONSE, nonsense: str | None) -> TYPE_RESPONSE:
    if nonsense is None:
        return answer
    return 200, {"Content-Type": "application/json"}, nonsense.encode(errors="replace")


def _hang_up(request: Any, operation: str) -> NoReturn:
    """Close the connection without an answer, or raise what the client would make of that."""
    if request.from_wsgi_server:
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError(f"{operation} gets no answer")
    if operation in ("PutObject", "GetObject"):
        import requests

        raise requests.ConnectionError(f"{operation} gets no answer")
    raise ConnectionClosedError(endpoint_url=request.url)


class SteeredResponse(BaseResponse):
    """What the handlers of both services have in common."""

    use_raw_body = True
    broken_rule = "ValidationException"

    def __init__(self, service_name: str) -> None:
        super().__init__(service_name=service_name)
        self.automated_parameter_parsing = True
        self.allow_request_decompression = False
        self.error: str | None = None

    @property
    def backend(self) -> WisdomBackend:
        try:
            return wisdom_backends[self.current_account][self.region]
        except KeyError:
            raise RawError("UnknownRegionException", f"There is no region {self.region}.", 400) from None

    def _dispatch(self, request: Any, full_url: str | None = None, headers: Any = None) -> TYPE_RESPONSE:
        if request.mimetype in FORMS:
            return json_error(SerializationError(f"A body of type {request.mimetype} is not JSON."))
        return super()._dispatch(request, full_url, headers)

    def parse_parameters(self, request: Any) -> None:
        """Leave it to `_answer`: a call is counted before it is looked at."""

    def _get_action(self) -> str:
        # Neither a parameter nor a header called Action decides here.
        return self._get_action_from_method_and_request_uri(self.normalized_request)

    def call_action(self) -> TYPE_RESPONSE:
        operation = self._get_action()
        # 501, not the 500 that moto's server makes of a NotImplementedError: boto3 would retry that one.
        if not operation or not hasattr(type(self), camelcase_to_underscores(operation)):
            what = operation or f"{self.method} {self.path}"
            return json_error(RawError("NotImplementedException", f"This fake service does not implement {what}.", 501))
        try:
            backend = self.backend
        except RawError as error:
            return json_error(error)
        return serve(backend, operation, self.normalized_request, self._answer, json_error)

    def _answer(self) -> Answer:
        model = operation_model(self._get_action(), self.boto3_service_name)
        self.params = read_request(model.input_shape, self.normalized_request, self.uri_match)
        validate_input(model, self.params, self.broken_rule)
        self.backend.caller = self._caller()
        return super().call_action(), self.error

    def serialized(self, action_result: ActionResult) -> TYPE_RESPONSE:
        if isinstance(action_result.result, ServiceException):
            self.error = action_result.result.code
        return super().serialized(action_result)

    def _caller(self) -> str:
        """The ARN of whoever signed, which STS knows."""
        sts = sts_backends[self.current_account][self.partition]
        _, arn, _ = sts.get_caller_identity(self.access_key, self.region)
        return arn

    def _param(self, name: str) -> Any:
        return self._get_param(name)


def json_error(error: RawError) -> TYPE_RESPONSE:
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": error.code,
        "x-amzn-RequestId": str(mock_random.uuid4()),
    }
    return error.http_status, headers, json.dumps({"__type": error.code, "message": error.message})


def xml_error(error: RawError) -> TYPE_RESPONSE:
    parts = {"Code": error.code, "Message": error.message, **error.details}
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    headers = {"Content-Type": "application/xml"}
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>'
    return error.http_status, headers, xml.encode(errors="replace")
