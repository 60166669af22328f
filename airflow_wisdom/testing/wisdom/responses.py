"""Handles incoming wisdom requests, invokes methods, returns responses."""

from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from .core import URL_LIFETIME
from .dispatch import SteeredResponse
from .model import MODEL
from .resources import Content, ImportJob, Params, now


class WisdomResponse(SteeredResponse):
    """Handler for Wisdom requests and responses."""

    def __init__(self) -> None:
        super().__init__(MODEL)

    # What the operations share

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
        switches = self.backend.switches
        return ActionResult(
            {
                "uploadId": upload.id,
                "url": switches.upload_url or self._url("PUT", upload.key, lifetime=lifetime, headers=headers),
                "urlExpiry": now() + lifetime,
                "headersToInclude": {**headers, **switches.upload_headers},
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
        return ActionResult({"quickResponse": self.backend.create_quick_response(dict(self.params))})

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
