"""Contents: documents of knowledge bases that hold no quick responses."""

from typing import Any

from moto.moto_api._internal import mock_random

from .core import Core, Page, find, in_order
from .exceptions import ConflictException, PreconditionFailedException
from .pages import page
from .resources import Content, Params, changed


class Contents(Core):
    """The part of the backend that keeps contents."""

    def create_content(self, params: Params) -> Content:
        kb = self.get_knowledge_base(params["knowledgeBaseId"], "CUSTOM", "EXTERNAL", "MANAGED")

        def make() -> Content:
            self._check_quota("contents", len(kb.contents))
            if any(content.name == params["name"] for content in kb.contents.values()):
                raise ConflictException("A content with this name already exists.")
            self._check_tags(params)
            made = Content(self, kb, params, self._uploaded(kb, params["uploadId"]))
            kb.contents[made.id] = made
            kb.touch()
            return made

        return self._once("CreateContent", kb.id, params, make)

    def get_content(self, kb_id: str, content_id: str) -> Content:
        return find(self.get_knowledge_base(kb_id).contents, content_id, "content")

    def list_contents(self, kb_id: str, **which: Any) -> Page[Content]:
        return page(in_order(self.get_knowledge_base(kb_id).contents), **which)

    def update_content(self, params: Params) -> Content:
        found = self.get_content(params["knowledgeBaseId"], params["contentId"])
        if params.get("revisionId") not in (None, found.revision):
            raise PreconditionFailedException("The revisionId is not the one of the content's latest revision.")
        if params.get("uploadId"):
            found.upload = self._uploaded(found.kb, params["uploadId"])
        found.params = changed(found.params, params, "knowledgeBaseId", "contentId", "revisionId", "uploadId")
        found.revision = str(mock_random.uuid4())
        found.kb.touch()
        return found

    def delete_content(self, kb_id: str, content_id: str) -> None:
        found = self.get_content(kb_id, content_id)
        del found.kb.contents[found.id]
        found.kb.touch()
