"""The hook's verbs for quick responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_wisdom.model.quick_response import QuickResponse, create_request, update_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from airflow_wisdom.model.quick_response import Values


class QuickResponseVerbs:
    """Verbs for the quick responses of a knowledge base, over the client of the hook that has them."""

    def _calling(self, operation: str, request: Mapping[str, Any]) -> AbstractContextManager[Any]:
        """Yield the boto3 client for a call, and turn what it raises into this package's tree; the hook does."""
        raise NotImplementedError

    def list_quick_responses(self, knowledge_base_id: str) -> Iterator[QuickResponse]:
        """Yield every quick response of a knowledge base, 100 a call; AWS operation ``ListQuickResponses``.

        A list shows neither content, shortcut key, language nor routing profiles.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        """
        token = None
        while True:
            page, token = self.quick_response_page(knowledge_base_id, token)
            yield from page
            if token is None:
                return

    def quick_response_page(
        self, knowledge_base_id: str, next_token: str | None = None
    ) -> tuple[list[QuickResponse], str | None]:
        """Return one page of the list of quick responses and what leads to the next; ``ListQuickResponses``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param next_token: What the page before returned. Default: the first page.
        :returns: At most 100 quick responses, and the token of the next page; None after the last.
        """
        request = {"knowledgeBaseId": knowledge_base_id, "maxResults": 100, "nextToken": next_token}
        with self._calling("list_quick_responses", request) as client:
            answer = client.list_quick_responses(**without_none(request))
            found = [QuickResponse.from_response(summary) for summary in answer["quickResponseSummaries"]]
            return found, answer.get("nextToken")

    def search_quick_responses(
        self, knowledge_base_id: str, expression: Mapping[str, Any] | None = None
    ) -> Iterator[QuickResponse]:
        """Yield the quick responses that an expression finds, whole, 100 a call; ``SearchQuickResponses``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param expression: AWS type ``QuickResponseSearchExpression``. Default: an empty one. Whether that finds
            everything is not documented.
        """
        token = None
        while True:
            page, token = self.search_page(knowledge_base_id, token, expression)
            yield from page
            if token is None:
                return

    def search_page(
        self, knowledge_base_id: str, next_token: str | None = None, expression: Mapping[str, Any] | None = None
    ) -> tuple[list[QuickResponse], str | None]:
        """Return one page of a search and what leads to the next; AWS operation ``SearchQuickResponses``.

        Attributes are never passed: AWS would fill in the placeholders of the texts.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param next_token: As for :meth:`quick_response_page`.
        :param expression: As for :meth:`search_quick_responses`.
        """
        which = {"knowledgeBaseId": knowledge_base_id, "maxResults": 100, "nextToken": next_token}
        request = {**without_none(which), "searchExpression": dict(expression or {})}
        with self._calling("search_quick_responses", request) as client:
            answer = client.search_quick_responses(**request)
            return [QuickResponse.from_response(each) for each in answer["results"]], answer.get("nextToken")

    def get_quick_response(self, knowledge_base_id: str, quick_response_id: str) -> QuickResponse:
        """Return a quick response; AWS operation ``GetQuickResponse``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param quick_response_id: Id of the quick response.
        :raises ResourceNotFoundError: It does not exist.
        """
        request = {"knowledgeBaseId": knowledge_base_id, "quickResponseId": quick_response_id}
        with self._calling("get_quick_response", request) as client:
            return QuickResponse.from_response(client.get_quick_response(**request)["quickResponse"])

    def create_quick_response(
        self,
        knowledge_base_id: str,
        values: Values,
        *,
        tags: Mapping[str, str] | None = None,
        client_token: str | None = None,
    ) -> QuickResponse:
        """Create a quick response and return it; AWS operation ``CreateQuickResponse``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param values: Field -> value, such as ``{"name": "Hello", "content": "Good morning!"}``; the fields are those
            of :data:`~airflow_wisdom.model.quick_response.FIELDS`, routing profiles as ARNs.
        :param tags: Tags. Default: none.
        :param client_token: Makes the request idempotent. Default: a new token each time.
        :raises ConflictError: The name or the shortcut key is taken.
        :raises ServiceQuotaExceededError: The knowledge base is full.
        """
        request = {
            "knowledgeBaseId": knowledge_base_id,
            **create_request(values),
            "tags": dict(tags) if tags else None,
            "clientToken": client_token,
        }
        with self._calling("create_quick_response", request) as client:
            return QuickResponse.from_response(client.create_quick_response(**without_none(request))["quickResponse"])

    def update_quick_response(self, knowledge_base_id: str, quick_response_id: str, changes: Values) -> QuickResponse:
        """Change some fields of a quick response and return it; AWS operation ``UpdateQuickResponse``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param quick_response_id: As for :meth:`get_quick_response`.
        :param changes: Field -> new value; None takes a description, a shortcut key or the routing profiles away. What
            is not named stays.
        :raises ConflictError: The name or the shortcut key is taken, or another change is in progress.
        :raises ResourceNotFoundError: It does not exist.
        """
        request = {
            "knowledgeBaseId": knowledge_base_id,
            "quickResponseId": quick_response_id,
            **update_request(changes),
        }
        with self._calling("update_quick_response", request) as client:
            return QuickResponse.from_response(client.update_quick_response(**request)["quickResponse"])

    def delete_quick_response(self, knowledge_base_id: str, quick_response_id: str) -> None:
        """Delete a quick response, for good; AWS operation ``DeleteQuickResponse``.

        :param knowledge_base_id: As for :meth:`~airflow_wisdom.hooks.WisdomHook.get_import_job`.
        :param quick_response_id: As for :meth:`get_quick_response`.
        :raises ResourceNotFoundError: It does not exist, or no longer.
        """
        request = {"knowledgeBaseId": knowledge_base_id, "quickResponseId": quick_response_id}
        with self._calling("delete_quick_response", request) as client:
            client.delete_quick_response(**request)

    def tag_resource(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add tags to a knowledge base or a quick response; AWS operation ``TagResource``.

        :param arn: ARN of the resource.
        :param tags: The tags; others stay.
        :raises ResourceNotFoundError: It does not exist.
        """
        with self._calling("tag_resource", {}) as client:
            client.tag_resource(resourceArn=arn, tags=dict(tags))

    def untag_resource(self, arn: str, keys: Sequence[str]) -> None:
        """Take tags away from a knowledge base or a quick response; AWS operation ``UntagResource``.

        :param arn: ARN of the resource.
        :param keys: Keys of the tags.
        :raises ResourceNotFoundError: It does not exist.
        """
        with self._calling("untag_resource", {}) as client:
            client.untag_resource(resourceArn=arn, tagKeys=list(keys))


def without_none(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a request that are there.

    :param request: Member -> value; None stands for no member.
    """
    return {name: value for name, value in request.items() if value is not None}
