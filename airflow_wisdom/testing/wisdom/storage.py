"""PUT and GET of presigned URLs, with S3's errors."""

from typing import Any

from moto.core.common_types import TYPE_RESPONSE

from .core import URL_LIFETIME
from .dispatch import Answer, serve, xml_error
from .exceptions import RawError
from .models import WisdomBackend, wisdom_backends
from .presign import expired, verify
from .resources import StoredObject, now


def stored_object(request: Any, full_url: str, headers: Any) -> TYPE_RESPONSE:  # noqa: ARG001  # moto's signature
    is_put = request.method == "PUT"
    try:
        if is_put:
            _check_length(request)
        backend, key = _place(request)
    except RawError as error:
        return xml_error(error)

    def work() -> Answer:
        verb = _put if is_put else _get
        return verb(backend, key, request, full_url), None

    return serve(backend, "PutObject" if is_put else "GetObject", request, work, xml_error)


def _check_length(request: Any) -> None:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        message = "A header you provided implies functionality that is not implemented"
        raise RawError("NotImplemented", message, 501, Header="Transfer-Encoding")
    if "Content-Length" not in request.headers:
        raise RawError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)


def _put(backend: WisdomBackend, key: str, request: Any, url: str) -> TYPE_RESPONSE:
    if backend.switches.take_expiry():
        raise expired(int(URL_LIFETIME.total_seconds()), now())
    verify("PUT", url, request.headers)
    if key not in backend.upload_keys:  # signed before a reset
        raise RawError("NoSuchBucket", "The specified bucket does not exist", 404)
    stored = StoredObject(request.data, request.headers.get("Content-Type", ""))
    backend.objects[key] = stored
    return 200, {"ETag": stored.etag}, ""


def _get(backend: WisdomBackend, key: str, request: Any, url: str) -> TYPE_RESPONSE:
    verify(request.method, url, request.headers)
    stored = backend.objects.get(key)
    if stored is None:
        raise RawError("NoSuchKey", "The specified key does not exist.", 404)
    return 200, {"ETag": stored.etag, "Content-Type": stored.content_type}, stored.body


def _place(request: Any) -> tuple[WisdomBackend, str]:
    key = request.path.lstrip("/")
    area, account_id, *_ = key.split("/")
    try:
        return wisdom_backends[account_id][area.removeprefix("wisdom_")], key
    except KeyError:
        raise RawError("AccessDenied", "Access Denied", 403) from None
