"""How fast things go: when a status changes, how many calls a second are served, by how much a view lags."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True)
class Pace:
    """How long a status lasts and which one comes next (None: what the service itself decides)."""

    after_calls: int = 0
    after_seconds: float = 0.0
    status: str | None = None


class Change:
    """A status that will not last: when it is over, `finish` gets the status that was chosen for then."""

    def __init__(self, pace: Pace, finish: Callable[[str | None], None]) -> None:
        self.pace = pace
        self.finish = finish
        self.calls = 0
        self.since = monotonic()

    def is_due(self) -> bool:
        waited = monotonic() - self.since
        return self.calls >= self.pace.after_calls and waited >= self.pace.after_seconds


class Allowance:
    """A token bucket that holds one second's worth."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.tokens = self.size = max(1.0, rate)
        self.stamp = monotonic()

    def take(self) -> bool:
        now = monotonic()
        self.tokens = min(self.size, self.tokens + (now - self.stamp) * self.rate)
        self.stamp = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def seconds_since(moment: float) -> float:
    """Count from a `moment()`."""
    return monotonic() - moment


def moment() -> float:
    """Now, by the clock of this module."""
    return monotonic()
