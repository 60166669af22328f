"""The hook's verbs for knowledge bases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_wisdom.model.knowledge_base import QUICK_RESPONSES, KnowledgeBaseData

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager


class KnowledgeBaseVerbs:
    """Verbs for knowledge bases, over the client of the hook that has them."""

    def _calling(self, operation: str, request: Mapping[str, Any]) -> AbstractContextManager[Any]:
        """Yield the boto3 client for a call, and turn what it raises into this package's tree; the hook does."""
        raise NotImplementedError

    def get_knowledge_base(self, knowledge_base_id: str) -> KnowledgeBaseData:
        """Return a knowledge base; AWS operation ``GetKnowledgeBase``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :raises ResourceNotFoundError: It does not exist.
        """
        request = {"knowledgeBaseId": knowledge_base_id}
        with self._calling("get_knowledge_base", request) as client:
            return KnowledgeBaseData.from_response(client.get_knowledge_base(**request)["knowledgeBase"])

    def knowledge_base_page(self, next_token: str | None = None) -> tuple[list[KnowledgeBaseData], str | None]:
        """Return one page of the list of knowledge bases and what leads to the next; ``ListKnowledgeBases``.

        :param next_token: What the page before returned. Default: the first page.
        :returns: At most 100 knowledge bases, and the token of the next page; None after the last.
        """
        request = {"maxResults": 100, **({"nextToken": next_token} if next_token else {})}
        with self._calling("list_knowledge_bases", {}) as client:
            answer = client.list_knowledge_bases(**request)
            found = [KnowledgeBaseData.from_response(summary) for summary in answer["knowledgeBaseSummaries"]]
            return found, answer.get("nextToken")

    def create_knowledge_base(
        self,
        name: str,
        *,
        knowledge_base_type: str = QUICK_RESPONSES,
        tags: Mapping[str, str] | None = None,
        client_token: str | None = None,
    ) -> KnowledgeBaseData:
        """Create a knowledge base and return it; AWS operation ``CreateKnowledgeBase``.

        :param name: Its name.
        :param knowledge_base_type: AWS type ``KnowledgeBaseType``. Default ``QUICK_RESPONSES``.
        :param tags: Tags. Default: none.
        :param client_token: Makes the request idempotent. Default: a new token each time.
        :raises ConflictError: The name is taken.
        :raises ServiceQuotaExceededError: The account has no room for another one.
        """
        request: dict[str, Any] = {"name": name, "knowledgeBaseType": knowledge_base_type}
        request |= {"tags": dict(tags)} if tags else {}
        request |= {"clientToken": client_token} if client_token else {}
        with self._calling("create_knowledge_base", {}) as client:
            return KnowledgeBaseData.from_response(client.create_knowledge_base(**request)["knowledgeBase"])

    def delete_knowledge_base(self, knowledge_base_id: str) -> None:
        """Delete a knowledge base and its import history, for good; AWS operation ``DeleteKnowledgeBase``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :raises ResourceNotFoundError: It does not exist, or no longer.
        """
        request = {"knowledgeBaseId": knowledge_base_id}
        with self._calling("delete_knowledge_base", request) as client:
            client.delete_knowledge_base(**request)
