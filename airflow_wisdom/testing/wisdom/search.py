"""SearchQuickResponses: what it knows, what matches an expression, and in which order."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from .pace import moment, seconds_since

Params = dict[str, Any]
PRIORITIES = ("HIGH", "MEDIUM", "LOW")
# Of a query that names none: an assumption.
DEFAULT_PRIORITY = "MEDIUM"


class Index:
    """The quick responses as search knows them: up to date, or behind by so many writes or seconds."""

    def __init__(self) -> None:
        self._known: dict[str, Params] = {}
        self._late: deque[tuple[float, str, Params | None]] = deque()

    def write(self, item_id: str, shown: Params | None, lag: tuple[int, float]) -> None:
        """Learn what an item looks like from now on; None: it is gone."""
        self._late.append((moment(), item_id, shown))
        self._catch_up(*lag)

    def known(self, lag: tuple[int, float], misses: int) -> list[Params]:
        """What can be found, oldest first, without so many of the newest."""
        self._catch_up(*lag)
        found = list(self._known.values())
        return found[:-misses] if misses else found

    def _catch_up(self, writes: int, seconds: float) -> None:
        while len(self._late) > writes and seconds_since(self._late[0][0]) >= seconds:
            _, item_id, shown = self._late.popleft()
            if shown is None:
                self._known.pop(item_id, None)
            else:
                self._known[item_id] = shown


def search(found: Iterable[Params], expression: Params) -> list[Params]:
    """Filter and sort quick responses, given as the members of an answer.

    An item matches if any of the queries does, and comes before those that match queries of a lower priority;
    all filters have to match. CONTAINS_AND_PREFIX is taken for CONTAINS, and fuzziness has no effect: no
    algorithm is documented.
    """
    queries = expression.get("queries") or []
    filters = expression.get("filters") or []
    ranked = [
        (rank, response)
        for response in found
        if (rank := _rank(response, queries)) is not None
        and all(_filtered(response, condition) for condition in filters)
    ]
    ranked.sort(key=lambda pair: pair[0])
    matching = [response for _, response in ranked]
    order = expression.get("orderOnField")
    if order:
        matching.sort(key=lambda response: _values(response, order["name"]), reverse=order.get("order") == "DESC")
    return matching


def _rank(response: Params, queries: list[Params]) -> int | None:
    """The place of the highest priority among the queries that match; None: none of them does."""
    if not queries:
        return 0
    matched = [query.get("priority") or DEFAULT_PRIORITY for query in queries if _queried(response, query)]
    return min(map(PRIORITIES.index, matched), default=None)


def _values(response: Params, name: str) -> list[str]:
    if name == "content":
        return [text["content"] for text in response["contents"].values()]
    value = response.get(name)
    if value is None:
        return []
    if isinstance(value, bool):
        return [str(value).lower()]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _queried(response: Params, query: Params) -> bool:
    return any(
        wanted.lower() in value.lower() for wanted in query["values"] for value in _values(response, query["name"])
    )


def _filtered(response: Params, condition: Params) -> bool:
    values = _values(response, condition["name"])
    if not values:
        return bool(condition.get("includeNoExistence"))
    wanted = condition.get("values") or []
    if condition["operator"] == "PREFIX":
        return any(value.startswith(prefix) for value in values for prefix in wanted)
    return any(value in wanted for value in values)
