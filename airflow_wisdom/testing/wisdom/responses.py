"""Handles incoming wisdom requests, invokes methods, returns responses."""

import json
from datetime import timedelta
from typing import Any
from xml.sax.saxutils import escape

from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.moto_api._internal import mock_random

from .exceptions import RawError
from .models import (
    MODEL,
    URL_LIFETIME,
    Content,
    ImportJob,
    Params,
    StoredObject,
    WisdomBackend,
    now,
    wisdom_backends,
)
from .presign import expired, verify
from .validation import validate_input


class WisdomResponse(BaseResponse):
    """Handler for Wisdom requests and responses."""

    def __init__(self) -> None:
        super().__init__(service_name=MODEL)
        self.automated_parameter_parsing = True

    @property
    def backend(self) -> WisdomBackend:
        try:
            return wisdom_backends[self.current_account][self.region]
        except KeyError:
            raise RawError("UnknownRegionException", f"There is no region {self.region}.", 400) from None

    def call_action(self) -> TYPE_RESPONSE:
        try:
            backend = self.backend
            with backend.lock:
                return self._answer(backend)
        except RawError as error:
            return _json_error(error)

    def _answer(self, backend: WisdomBackend) -> TYPE_RESPONSE:
        operation = self._get_action()
        # 501, not the 500 that moto's server makes of a NotImplementedError: boto3 would retry that one.
        if not operation or not hasattr(type(self), camelcase_to_underscores(operation)):
            what = operation or f"{self.method} {self.path}"
            raise RawError("NotImplementedException", f"This fake service does not implement {what}.", 501)
        backend.switches.before(operation)
        try:
            validate_input(get_service_model(MODEL).operation_model(operation), self.params)
        except ServiceException as error:
            return self.serialized(ActionResult(error))
        return super().call_action()

    # What the operations share

    def _param(self, name: str) -> Any:
        return self._get_param(name)

    @property
    def _kb_id(self) -> str:
        return str(self._get_param("knowledgeBaseId"))

    def _which(self) -> Params:
        return {"max_results": self._get_param("maxResults"), "next_token": self._get_param("nextToken")}

    def _url(self, method: str, key: str, **how: Any) -> str:
        served = self.is_werkzeug_request
        endpoint = f"{self.parsed_url.scheme}://{self.parsed_url.netloc}" if served else None
        return self.backend.object_url(method, key, endpoint, **how)

    # Knowledge bases

    def create_knowledge_base(self) -> ActionResult:
        return ActionResult({"knowledgeBase": self.backend.create_knowledge_base(dict(self.params)).to_dict()})

    def get_knowledge_base(self) -> ActionResult:
        return ActionResult({"knowledgeBase": self.backend.get_knowledge_base(self._kb_id).to_dict()})

    def list_knowledge_bases(self) -> ActionResult:
        shown, token = self.backend.list_knowledge_bases(**self._which())
        return ActionResult({"knowledgeBaseSummaries": [kb.to_dict() for kb in shown], "nextToken": token})

    def delete_knowledge_base(self) -> ActionResult:
        self.backend.delete_knowledge_base(self._kb_id)
        return EmptyResult()

    # Uploads and import jobs

    def start_content_upload(self) -> ActionResult:
        upload = self.backend.start_content_upload(self._kb_id, self._param("contentType"))
        minutes = self._param("presignedUrlTimeToLive")
        lifetime = timedelta(minutes=minutes) if minutes else URL_LIFETIME
        headers = {"Content-Type": upload.content_type}
        return ActionResult(
            {
                "uploadId": upload.id,
                "url": self._url("PUT", upload.key, lifetime=lifetime, headers=headers),
                "urlExpiry": now() + lifetime,
                "headersToInclude": headers,
            }
        )

    def start_import_job(self) -> ActionResult:
        return self._import_job(self.backend.start_import_job(dict(self.params)))

    def get_import_job(self) -> ActionResult:
        return self._import_job(self.backend.get_import_job(self._kb_id, self._param("importJobId")))

    def _import_job(self, job: ImportJob) -> ActionResult:
        shown = {**job.to_dict(), "url": self._url("GET", job.upload.key), "urlExpiry": now() + URL_LIFETIME}
        if job.report_key:
            shown["failedRecordReport"] = self._url("GET", job.report_key)
        return ActionResult({"importJob": shown})

    def list_import_jobs(self) -> ActionResult:
        shown, token = self.backend.list_import_jobs(self._kb_id, **self._which())
        return ActionResult({"importJobSummaries": [job.to_dict() for job in shown], "nextToken": token})

    def delete_import_job(self) -> ActionResult:
        self.backend.delete_import_job(self._kb_id, self._param("importJobId"))
        return EmptyResult()

    # Quick responses

    def create_quick_response(self) -> ActionResult:
        return ActionResult({"quickResponse": self.backend.create_quick_response(dict(self.params)).to_dict()})

    def get_quick_response(self) -> ActionResult:
        found = self.backend.get_quick_response(self._kb_id, self._param("quickResponseId"))
        return ActionResult({"quickResponse": found.to_dict()})

    def update_quick_response(self) -> ActionResult:
        return ActionResult({"quickResponse": self.backend.update_quick_response(dict(self.params)).to_dict()})

    def delete_quick_response(self) -> ActionResult:
        self.backend.delete_quick_response(self._kb_id, self._param("quickResponseId"))
        return EmptyResult()

    def list_quick_responses(self) -> ActionResult:
        shown, token = self.backend.list_quick_responses(self._kb_id, **self._which())
        return ActionResult({"quickResponseSummaries": [one.to_dict() for one in shown], "nextToken": token})

    def search_quick_responses(self) -> ActionResult:
        expression = self._param("searchExpression")
        found, token = self.backend.search_quick_responses(self._kb_id, expression, **self._which())
        return ActionResult({"results": found, "nextToken": token})

    # Contents

    def create_content(self) -> ActionResult:
        return self._content(self.backend.create_content(dict(self.params)))

    def get_content(self) -> ActionResult:
        return self._content(self.backend.get_content(self._kb_id, self._param("contentId")))

    def get_content_summary(self) -> ActionResult:
        found = self.backend.get_content(self._kb_id, self._param("contentId"))
        return ActionResult({"contentSummary": found.to_dict()})

    def update_content(self) -> ActionResult:
        return self._content(self.backend.update_content(dict(self.params)))

    def _content(self, content: Content) -> ActionResult:
        url = self._url("GET", content.upload.key)
        return ActionResult({"content": {**content.to_dict(), "url": url, "urlExpiry": now() + URL_LIFETIME}})

    def list_contents(self) -> ActionResult:
        shown, token = self.backend.list_contents(self._kb_id, **self._which())
        return ActionResult({"contentSummaries": [content.to_dict() for content in shown], "nextToken": token})

    def delete_content(self) -> ActionResult:
        self.backend.delete_content(self._kb_id, self._param("contentId"))
        return EmptyResult()

    # Tags

    def tag_resource(self) -> ActionResult:
        self.backend.tag_resource(self._param("resourceArn"), self._param("tags"))
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        self.backend.untag_resource(self._param("resourceArn"), self._param("tagKeys"))
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"tags": self.backend.list_tags_for_resource(self._param("resourceArn"))})


def control(request: Any, full_url: str, headers: Any) -> TYPE_RESPONSE:  # noqa: ARG001  # moto's signature
    """POST {"account_id": ..., "switch": "throttle", "arguments": {...}}: not AWS's, the test's."""
    asked = json.loads(request.data)
    region = request.path.split("/")[1].removeprefix("wisdom_")
    json_type = {"Content-Type": "application/json"}
    try:
        answer = wisdom_backends[asked["account_id"]][region].control(asked["switch"], asked["arguments"])
    except (KeyError, TypeError, ValueError) as error:
        return 400, json_type, json.dumps({"message": str(error)})
    return 200, json_type, json.dumps(answer)


def stored_object(request: Any, full_url: str, headers: Any) -> TYPE_RESPONSE:  # noqa: ARG001  # moto's signature
    """PUT or GET a presigned URL, with S3's errors."""
    try:
        if request.method == "PUT":
            return _put(request, full_url)
        return _get(request, full_url)
    except RawError as error:
        return _xml_error(error)


def _put(request: Any, url: str) -> TYPE_RESPONSE:
    if request.headers.get("Transfer-Encoding", "").lower() == "chunked":
        message = "A header you provided implies functionality that is not implemented"
        raise RawError("NotImplemented", message, 501, Header="Transfer-Encoding")
    if "Content-Length" not in request.headers:
        raise RawError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    backend, key = _place(request)
    with backend.lock:
        backend.switches.before("PutObject")
        if backend.switches.take_expiry():
            raise expired(int(URL_LIFETIME.total_seconds()), now())
        verify("PUT", url, request.headers)
        if key not in backend.upload_keys:  # signed before a reset
            raise RawError("NoSuchBucket", "The specified bucket does not exist", 404)
        stored = StoredObject(request.data, request.headers["Content-Type"])
        backend.objects[key] = stored
    return 200, {"ETag": stored.etag}, ""


def _get(request: Any, url: str) -> TYPE_RESPONSE:
    backend, key = _place(request)
    with backend.lock:
        backend.switches.before("GetObject")
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


def _json_error(error: RawError) -> TYPE_RESPONSE:
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": error.code,
        "x-amzn-RequestId": str(mock_random.uuid4()),
    }
    return error.http_status, headers, json.dumps({"__type": error.code, "message": error.message})


def _xml_error(error: RawError) -> TYPE_RESPONSE:
    parts = {"Code": error.code, "Message": error.message, **error.details}
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    headers = {"Content-Type": "application/xml"}
    return error.http_status, headers, f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{body}</Error>'
