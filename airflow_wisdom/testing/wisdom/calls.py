"""The calls of a test's client: counted, recorded, and refused, delayed or garbled where the test says so."""

import json
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from .arguments import Code, Count, ErrorStatus, Pause, Rate, Times, Word
from .exceptions import RawError
from .model import OPERATIONS
from .pace import Allowance

# As many calls as a test may want to look back at; a server that runs for days must not keep them all.
LONGEST_HISTORY = 10_000
# Requests to presigned URLs reach S3, not the service.
STORAGE_OPERATIONS = ("PutObject", "GetObject")
ANY = "*"
# All other operations of an account and region share one allowance; these have their own, twice as large.
OWN_ALLOWANCE = {"DeleteQuickResponse": 2.0, "SearchQuickResponses": 2.0}
# Amazon Connect's own quotas, in calls per second, whatever the rate of the service.
CONNECT_ALLOWANCE = {"ListRoutingProfiles": 2.0, "ListIntegrationAssociations": 25.0}
# What is recorded of a call whose connection was closed instead of an answer.
NO_ANSWER = "ConnectionClosed"


@dataclass
class Fault:
    operation: str
    code: str
    http_status: int
    times: int
    message: str
    after: int
    after_effect: bool
    lost: bool

    def matches(self, operation: str) -> bool:
        return self.operation in (ANY, operation)

    def error(self) -> RawError:
        return RawError(NO_ANSWER if self.lost else self.code, self.message, self.http_status)


@dataclass
class Nonsense:
    operation: str
    body: str
    times: int


@dataclass(frozen=True)
class Record:
    operation: str
    error: str | None
    effect: bool


class Calls:
    """The books of all calls, and what a test scripted for those to come."""

    verbs = ("calls", "clear_faults", "fault", "history", "latency", "nonsense", "throttle")

    def __init__(self) -> None:
        self.pause = 0.0
        self._counts: Counter[str] = Counter()
        self._history: deque[Record] = deque(maxlen=LONGEST_HISTORY)
        self._faults: list[Fault] = []
        self._nonsense: list[Nonsense] = []
        self._tps: float | None = None
        self._throttle_status = 429
        self._allowances: dict[str, Allowance] = {}

    # What a test says and asks

    def throttle(self, tps: Rate | None = 10.0, http_status: ErrorStatus = 429) -> None:
        self._tps = tps
        self._throttle_status = http_status
        self._allowances.clear()

    def fault(
        self,
        operation: Word,
        *,
        code: Code = "InternalServerException",
        http_status: ErrorStatus = 400,
        times: Times = 1,
        message: str = "Scripted.",
        after: Count = 0,
        after_effect: bool = False,
        lost: bool = False,
    ) -> None:
        _check_operation(operation, ANY, *STORAGE_OPERATIONS)
        self._faults.append(Fault(operation, code, http_status, times, message, after, after_effect, lost))

    def clear_faults(self) -> None:
        self._faults.clear()
        self._nonsense.clear()

    def nonsense(self, operation: Word, body: Any, times: Times = 1) -> None:
        _check_operation(operation)
        self._nonsense.append(Nonsense(operation, body if isinstance(body, str) else json.dumps(body), times))

    def latency(self, seconds: Pause) -> None:
        self.pause = seconds

    def calls(self) -> dict[str, int]:
        return dict(self._counts)

    def history(self) -> list[dict[str, Any]]:
        return [dict(vars(record)) for record in self._history]

    # What happens to a call

    def open(self, operation: str) -> Fault | None:
        """Count the call, and take the fault that is scripted for it, if there is one."""
        self._counts[operation] += 1
        taken = None
        for fault in [fault for fault in self._faults if fault.matches(operation)]:
            if fault.after:
                fault.after -= 1
            elif taken is None:
                taken = fault
                self._use_up(fault)
        return taken

    def close(self, operation: str, error: str | None, *, effect: bool) -> None:
        self._history.append(Record(operation, error, effect))

    def take_allowance(self, operation: str) -> None:
        """Raise unless the call is within its allowance."""
        if self._tps is None or operation in STORAGE_OPERATIONS:
            return
        own = operation in OWN_ALLOWANCE or operation in CONNECT_ALLOWANCE
        rate = CONNECT_ALLOWANCE.get(operation) or self._tps * OWN_ALLOWANCE.get(operation, 1.0)
        if not self._allowances.setdefault(operation if own else "shared", Allowance(rate)).take():
            raise RawError("ThrottlingException", "Rate exceeded", self._throttle_status)

    def take_nonsense(self, operation: str) -> str | None:
        """The body that is to replace the one of this answer."""
        for nonsense in self._nonsense:
            if nonsense.operation == operation:
                nonsense.times -= 1
                if nonsense.times < 1:
                    self._nonsense.remove(nonsense)
                return nonsense.body
        return None

    def _use_up(self, fault: Fault) -> None:
        fault.times -= 1
        if fault.times < 1:
            self._faults.remove(fault)


def _check_operation(operation: str, *others: str) -> None:
    if operation not in OPERATIONS and operation not in others:
        raise ValueError(f"no such operation: {operation}")
