"""What a test can choose about the service; on the backend, so that moto's reset takes every choice back.

A behaviour that AWS does not document is a switch here, with the likelier answer as its default.
"""

from collections import Counter
from typing import Literal

from .arguments import Code, Count, Seconds, Times, Word
from .imports import HEADER
from .pace import Pace

# Service quotas of Amazon Connect, and the one of the Wisdom admin guide (rows of an import file).
QUOTAS = {
    "knowledge_bases": 10,
    "quick_responses": 1000,
    "contents": 5000,
    "document_bytes": 5 * 1024 * 1024,
    "import_rows": 100,
    "routing_profiles": 40,
    "tags": 50,
}
Verb = Literal["create", "update", "delete"]
UnknownKnowledgeBase = Literal["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]


class Switches:
    """Most public methods are one switch each, which `WisdomBackend.control` turns by name."""

    verbs = (
        "check_routing_profiles",
        "deletions",
        "expire_uploads",
        "fail_quick_responses",
        "header",
        "import_jobs",
        "lagging_list",
        "list_of_unknown_knowledge_base",
        "list_order",
        "mark_signatures",
        "partly_failed",
        "quick_response_changes",
        "quotas",
        "reused_client_token",
        "reused_create_token",
        "routing_profiles",
        "search_hides_inactive",
        "stale_search",
        "upload_target",
    )

    def __init__(self) -> None:
        self.import_pace = Pace()
        self.answered: str | None = None
        self.delete_pace = Pace()
        self.partial_status = "COMPLETE"
        self.reused_token = "conflict"
        self.reused_create = "first"
        self.newest_first = False
        self.list_lag = Pace()
        self.unknown_in_list: str = "ValidationException"
        self.columns = dict(HEADER)
        self.known_routing_profiles: frozenset[str] | None = None
        self.checks_routing_profiles = True
        self.limits = dict(QUOTAS)
        self.expired_uploads = 0
        self.upload_url: str | None = None
        self.upload_headers: dict[str, str] = {}
        self.signature_mark: str | None = None
        self.response_pace: Pace | None = None
        self.failures: Counter[str] = Counter()
        self.search_lag: tuple[int, float] = (0, 0.0)
        self.search_misses = 0
        self.hides_inactive = False

    # Import jobs

    def import_jobs(
        self,
        after_calls: Count | None = None,
        after_seconds: Seconds | None = None,
        status: Word | None = None,
        answered: Word | None = None,
    ) -> None:
        _one_measure("an import job ends", after_calls, after_seconds)
        if answered is not None and (after_calls, after_seconds, status) != (None, None, None):
            raise ValueError("a job that StartImportJob answers as ended has no pace and no other end")
        self.import_pace = Pace(after_calls or 0, after_seconds or 0.0, status)
        self.answered = answered

    def deletions(self, after_calls: Count = 0, status: Word | None = None) -> None:
        self.delete_pace = Pace(after_calls, status=status)

    def partly_failed(self, status: Word) -> None:
        self.partial_status = status

    def reused_client_token(self, answer: Literal["conflict", "first"]) -> None:
        self.reused_token = answer

    def list_order(self, order: Literal["oldest_first", "newest_first"]) -> None:
        self.newest_first = order == "newest_first"

    def lagging_list(self, calls: Count | None = None, seconds: Seconds | None = None) -> None:
        _one_measure("a job is missing from lists", calls, seconds)
        self.list_lag = Pace(calls or 0, seconds or 0.0)

    def list_of_unknown_knowledge_base(self, code: UnknownKnowledgeBase) -> None:
        self.unknown_in_list = code

    # Import files

    def header(self, columns: dict[str, str]) -> None:
        unknown = set(columns.values()) - set(HEADER.values())
        if unknown:
            raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
        self.columns = dict(columns)

    def routing_profiles(self, names: list[str] | None) -> None:
        self.known_routing_profiles = None if names is None else frozenset(names)

    # Uploads

    def expire_uploads(self, times: Count = 1) -> None:
        self.expired_uploads = times

    def upload_target(self, url: Word | None, headers: dict[str, str] | None = None) -> None:
        self.upload_url = url
        self.upload_headers = dict(headers or {})

    def mark_signatures(self, mark: Code | None) -> None:
        if mark is not None and not mark.isalnum():
            raise ValueError(f"a mark must be letters and digits only, which no encoding changes, not {mark!r}")
        self.signature_mark = mark

    # Quick responses

    def quick_response_changes(self, after_calls: Count | None = None, after_seconds: Seconds | None = None) -> None:
        _one_measure("a change ends", after_calls, after_seconds)
        slow = (after_calls, after_seconds) != (None, None)
        self.response_pace = Pace(after_calls or 0, after_seconds or 0.0) if slow else None

    def fail_quick_responses(self, change: Verb, times: Times = 1) -> None:
        self.failures[change.upper()] = times

    def reused_create_token(self, answer: Literal["first", "conflict", "new"]) -> None:
        self.reused_create = answer

    def check_routing_profiles(self, enabled: bool) -> None:
        self.checks_routing_profiles = enabled

    def stale_search(self, seconds: Seconds | None = None, writes: Count | None = None, missing: Count = 0) -> None:
        _one_measure("search lags", writes, seconds)
        self.search_lag = (writes or 0, seconds or 0.0)
        self.search_misses = missing

    def search_hides_inactive(self, enabled: bool) -> None:
        self.hides_inactive = enabled

    def quotas(self, **limits: Count) -> None:
        unknown = set(limits) - set(QUOTAS)
        if unknown:
            raise ValueError(f"no such quota: {', '.join(sorted(unknown))}")
        self.limits.update(limits)

    # What the service asks

    def take_expiry(self) -> bool:
        """Whether this upload is one of those that come too late."""
        if self.expired_uploads < 1:
            return False
        self.expired_uploads -= 1
        return True

    def take_failure(self, verb: str) -> bool:
        """Whether this change of a quick response is one of those that fail."""
        if self.failures[verb] < 1:
            return False
        self.failures[verb] -= 1
        return True


def _one_measure(what: str, calls: int | None, seconds: float | None) -> None:
    if calls is not None and seconds is not None:
        raise ValueError(f"{what} by a number or by seconds, not both")
