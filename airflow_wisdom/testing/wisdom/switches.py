"""What a test can choose about the service; on the backend, so that moto's reset takes every choice back.

A behaviour that AWS does not document is a switch here, with the likelier answer as its default.
"""

from collections import Counter
from dataclasses import dataclass

from .exceptions import RawError
from .imports import HEADER
from .pace import Allowance, Pace

# Service quotas of Amazon Connect, and the one of the Wisdom admin guide (rows of an import file).
QUOTAS = {
    "knowledge_bases": 10,
    "quick_responses": 1000,
    "contents": 5000,
    "document_bytes": 5 * 1024 * 1024,
    "import_rows": 100,
    "tags": 50,
}
# All other operations of an account and region share one allowance; these two have their own, twice as large.
OWN_ALLOWANCE = {"DeleteQuickResponse": 2.0, "SearchQuickResponses": 2.0}
# Requests to presigned URLs reach S3, not the service.
STORAGE_OPERATIONS = ("PutObject", "GetObject")


@dataclass
class Fault:
    operation: str
    code: str
    http_status: int
    times: int
    message: str


class Switches:
    """Most public methods are one switch each, which `WisdomBackend.control` turns by name."""

    def __init__(self) -> None:
        self.import_pace = Pace()
        self.delete_pace = Pace()
        self.partial_status = "COMPLETE"
        self.reused_token = "conflict"
        self.newest_first = False
        self.columns = dict(HEADER)
        self.known_routing_profiles: frozenset[str] | None = None
        self.limits = dict(QUOTAS)
        self.expired_uploads = 0
        self.signature_mark: str | None = None
        self._calls: Counter[str] = Counter()
        self._faults: list[Fault] = []
        self._tps: float | None = None
        self._throttle_status = 429
        self._allowances: dict[str, Allowance] = {}

    def import_jobs(
        self, after_calls: int | None = None, after_seconds: float | None = None, status: str | None = None
    ) -> None:
        if after_calls is not None and after_seconds is not None:
            raise ValueError("an import job ends after calls or after seconds, not both")
        self.import_pace = Pace(after_calls or 0, after_seconds or 0.0, status)

    def deletions(self, after_calls: int = 0, status: str | None = None) -> None:
        self.delete_pace = Pace(after_calls, status=status)

    def partly_failed(self, status: str) -> None:
        self.partial_status = status

    def reused_client_token(self, answer: str) -> None:
        self.reused_token = _one_of(answer, "conflict", "first")

    def list_order(self, order: str) -> None:
        self.newest_first = _one_of(order, "oldest_first", "newest_first") == "newest_first"

    def header(self, columns: dict[str, str]) -> None:
        unknown = set(columns.values()) - set(HEADER.values())
        if unknown:
            raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
        self.columns = dict(columns)

    def routing_profiles(self, names: list[str] | None) -> None:
        self.known_routing_profiles = None if names is None else frozenset(names)

    def quotas(self, **limits: int) -> None:
        unknown = set(limits) - set(QUOTAS)
        if unknown:
            raise ValueError(f"no such quota: {', '.join(sorted(unknown))}")
        self.limits.update(limits)

    def throttle(self, tps: float | None = 10.0, http_status: int = 429) -> None:
        self._tps = tps
        self._throttle_status = http_status
        self._allowances.clear()

    def fault(
        self, operation: str, code: str, http_status: int = 400, times: int = 1, message: str = "Scripted."
    ) -> None:
        self._faults.append(Fault(operation, code, http_status, times, message))

    def expire_uploads(self, times: int = 1) -> None:
        self.expired_uploads = times

    def mark_signatures(self, mark: str | None) -> None:
        if mark is not None and not (mark.isascii() and mark.isalnum()):
            raise ValueError(f"a mark that no encoding changes has letters and digits only, unlike {mark!r}")
        self.signature_mark = mark

    def calls(self) -> dict[str, int]:
        return dict(self._calls)

    def before(self, operation: str) -> None:
        """Count the call, then refuse it if a fault or the throttle says so."""
        self._calls[operation] += 1
        for fault in self._faults:
            if fault.operation == operation:
                self._use_up(fault)
                raise RawError(fault.code, fault.message, fault.http_status)
        if self._tps is not None and operation not in STORAGE_OPERATIONS:
            self._take(operation, self._tps)

    def take_expiry(self) -> bool:
        """Whether this upload is one of those that come too late."""
        if self.expired_uploads < 1:
            return False
        self.expired_uploads -= 1
        return True

    def _use_up(self, fault: Fault) -> None:
        fault.times -= 1
        if fault.times < 1:
            self._faults.remove(fault)

    def _take(self, operation: str, tps: float) -> None:
        name = operation if operation in OWN_ALLOWANCE else "shared"
        allowance = self._allowances.setdefault(name, Allowance(tps * OWN_ALLOWANCE.get(operation, 1.0)))
        if not allowance.take():
            raise RawError("ThrottlingException", "Rate exceeded", self._throttle_status)


def _one_of(value: str, *allowed: str) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
    return value
