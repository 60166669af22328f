"""SearchQuickResponses: which quick responses match an expression, and in which order."""

from collections.abc import Iterable
from typing import Any


def search(found: Iterable[dict[str, Any]], expression: dict[str, Any]) -> list[dict[str, Any]]:
    """Filter and sort quick responses, given as the members of an answer.

    CONTAINS_AND_PREFIX is taken for CONTAINS, fuzziness and priority have no effect: no algorithm is documented.
    """
    matching = [
        response
        for response in found
        if all(_queried(response, query) for query in expression.get("queries") or [])
        and all(_filtered(response, condition) for condition in expression.get("filters") or [])
    ]
    order = expression.get("orderOnField")
    if order:
        matching.sort(key=lambda response: _values(response, order["name"]))
        if order.get("order") == "DESC":
            matching.reverse()
    return matching


def _values(response: dict[str, Any], name: str) -> list[str]:
    if name == "content":
        return [text["content"] for text in response["contents"].values()]
    value = response.get(name)
    if value is None:
        return []
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _queried(response: dict[str, Any], query: dict[str, Any]) -> bool:
    return any(
        wanted.lower() in value.lower() for wanted in query["values"] for value in _values(response, query["name"])
    )


def _filtered(response: dict[str, Any], condition: dict[str, Any]) -> bool:
    values = _values(response, condition["name"])
    if not values:
        return bool(condition.get("includeNoExistence"))
    wanted = condition.get("values") or []
    if condition["operator"] == "PREFIX":
        return any(value.startswith(prefix) for value in values for prefix in wanted)
    return any(value in wanted for value in values)
