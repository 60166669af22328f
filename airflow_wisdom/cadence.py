"""When to look, when to pause, when to give up. Pure: no Airflow, no boto3, no clock."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

_DOUBLINGS = 64
"""How often a pause is doubled at most: far more often than it takes to reach any ceiling."""


@dataclass(frozen=True)
class Cadence:
    """How long to leave an import job alone between two looks.

    The intervals grow with the job's age, so that the delay in noticing its end is at most `ratio` of its duration,
    or `floor`, and never more than `ceiling`: a short job is noticed at once, a long one costs few calls.

    :param floor: Shortest interval, in seconds.
    :param ceiling: Longest interval, in seconds.
    :param ratio: Interval as a share of the job's age.
    :param jitter: Greatest share by which an interval is shortened at random, so that jobs that started together
        are not looked at together for ever.
    """

    floor: float = 1.0
    ceiling: float = 60.0
    ratio: float = 0.1
    jitter: float = 0.1

    @classmethod
    def of(cls, poll_interval: float | None) -> Cadence:
        """Return the cadence that a user asked for.

        :param poll_interval: One fixed interval, in seconds; None for intervals that grow.
        :raises ValueError: The interval is not more than zero.
        """
        if poll_interval is None:
            return GROWING
        if not poll_interval > 0:
            raise ValueError(f"poll_interval must be more than 0 seconds, not {poll_interval}")
        return cls(floor=poll_interval, ceiling=poll_interval, jitter=0.0)

    def interval(self, age: float) -> float:
        """Return how many seconds to wait until the next look.

        :param age: Age of the job, in seconds; anything below zero counts as zero.
        """
        longest = min(self.ceiling, max(self.floor, self.ratio * age))
        return longest * (1.0 - self.jitter * random.random())


FIRST_WORD = 60.0
"""Seconds after which a wait says for the first time that it goes on."""


class Milestones:
    """When a wait says that it goes on: after a minute, and from then on each time that it has taken twice as long."""

    def __init__(self) -> None:
        self._next = FIRST_WORD

    def is_due(self, waited: float) -> bool:
        """Return whether to say so now.

        :param waited: Seconds since the wait began.
        """
        if waited < self._next:
            return False
        self._next = 2 * waited
        return True


GROWING = Cadence()
"""The cadence of those who ask for none."""


def time_left(deadline: float | None, now: float) -> float:
    """Return the seconds until `deadline`, at least zero; infinite if there is none.

    :param deadline: POSIX time at which waiting ends, or None.
    :param now: POSIX time now.
    """
    return float("inf") if deadline is None else max(0.0, deadline - now)


class Budget:
    """Spaces out calls, so that no more than so many start within any second.

    :param calls_per_second: The rate that is kept, more than zero.
    :raises ValueError: It is not.
    """

    def __init__(self, calls_per_second: float) -> None:
        if not calls_per_second > 0:
            raise ValueError(f"calls_per_second must be more than 0, not {calls_per_second}")
        self._spacing = 1.0 / calls_per_second
        self._free_at = 0.0

    def pause(self, now: float) -> float:
        """Return how many seconds from `now` it is until a call may start."""
        return max(0.0, self._free_at - now)

    def spend(self, now: float) -> None:
        """Note that a call starts."""
        self._free_at = now + self._spacing

    def hold(self, until: float) -> None:
        """Let no further call start before `until`."""
        self._free_at = max(self._free_at, until)


class Backoff:
    """How long to leave AWS alone while it does not answer: doubling from `first`, up to `ceiling`.

    :param first: Seconds after the first failure.
    :param ceiling: Longest pause, in seconds.
    """

    def __init__(self, first: float = 1.0, ceiling: float = 30.0) -> None:
        self._first = first
        self._ceiling = ceiling
        self.failures = 0

    def failed(self) -> float:
        """Count a failure and return the pause after it, in seconds; half of it is left to chance."""
        # No float holds two to the power of 1,024.
        longest = min(self._ceiling, self._first * 2.0 ** min(self.failures, _DOUBLINGS))
        self.failures += 1
        return longest * (0.5 + 0.5 * random.random())

    def succeeded(self) -> None:
        """Begin again with the first pause."""
        self.failures = 0


class Log(Protocol):
    """As much of a logger as is used here: Airflow's tasks have others than Python's."""

    def warning(self, event: str, /, *args: Any) -> Any:
        """Log what passes."""

    def error(self, event: str, /, *args: Any, exc_info: Any) -> Any:
        """Log what lasts."""


class Patience:
    """What to do about an error of a call that may be made again: whether, after which pause, and whether to say so.

    Throttling, 5xx, connection errors and time-outs are weather: they are waited out, with one line of log for each
    streak. Everything else is final. A loop that asks AWS again is bound by this::

        while True:
            try:
                return ask()
            except WisdomError as exc:
                time.sleep(patience.endure(exc, time.time()))

    A streak of failures ends at the deadline: by the clock, or once its pauses add up to the time that was left, should
    the clock stand still or be set back. So the number of calls is bound by what fits in, and by nothing else.

    :param log: Where each streak is told, at its beginning.
    :param doing: What goes on in spite of the error, as the beginning of that line.
    :param deadline: POSIX time at which patience ends. Default: never, as where somebody else sees to an end.
    :param give_up: Called with the last error at the deadline; has to raise. Default: raises that error.
    :param lasting_pause: Seconds to leave AWS alone after an error that no waiting cures, but a person may. Default:
        such an error is raised.
    """

    def __init__(
        self,
        log: Log,
        doing: str,
        *,
        deadline: float | None = None,
        give_up: Callable[[Exception], NoReturn] | None = None,
        lasting_pause: float | None = None,
    ) -> None:
        self._log = log
        self._doing = doing
        self._deadline = deadline
        self._give_up = give_up or _raise
        self._lasting_pause = lasting_pause
        self._backoff = Backoff()
        self._left = math.inf
        self._told: set[Hashable] = set()
        self._told_to_last: set[type[Exception]] = set()

    @property
    def is_tried(self) -> bool:
        """Whether the last call failed."""
        return self._backoff.failures > 0

    def endure(
        self, error: Exception, now: float = 0.0, *, pause: float | None = None, about: Hashable = None
    ) -> float:
        """Return for how many seconds to leave AWS alone before it is asked again.

        :param error: What the call raised.
        :param now: POSIX time now; needed where there is a deadline.
        :param pause: The pause of the caller's own, where it has one. Default: pauses that grow up to half a minute.
        :param about: What the call was about, where one patience serves several: each has streaks of its own.
        :raises Exception: `error`, if it is final, or what giving up raises.
        """
        transient = getattr(error, "transient", False)
        lasting = None if transient else self._lasting_pause
        if lasting is None and not transient:
            raise error
        self._left = min(self._left, time_left(self._deadline, now))
        if self._left <= 0:
            self._give_up(error)
        self._tell(error, about, lasts=not transient)
        grown = self._backoff.failed()
        granted = min(lasting or pause or grown, self._left)
        self._left -= granted
        return granted

    def _tell(self, error: Exception, about: Hashable, *, lasts: bool) -> None:
        # What only a person can cure is told once a streak, too, but in the middle of bad weather as well.
        if lasts and type(error) not in self._told_to_last:
            self._told_to_last.add(type(error))
            # The traceback is for what nobody thought of.
            unexpected = None if hasattr(error, "transient") else error
            self._log.error("%s: %s", self._doing, error, exc_info=unexpected)
        elif not lasts and about not in self._told and not self.is_tried:
            self._told.add(about)
            self._log.warning("%s: %s", self._doing, error)

    def succeeded(self, about: Hashable = None) -> None:
        """Note that a call has succeeded, so that the streak is over.

        :param about: As for :meth:`endure`.
        """
        self._backoff.succeeded()
        self._left = math.inf
        self._told_to_last.clear()
        self.forget(about)

    def forget(self, about: Hashable) -> None:
        """Forget the streak of something that is not asked for any more.

        :param about: As for :meth:`endure`.
        """
        self._told.discard(about)


def _raise(error: Exception) -> NoReturn:
    raise error


def pages_to_walk(pages: Iterable[int]) -> int:
    """Return how many pages of a list to read when looking for jobs, so that the fewest calls are needed.

    Reading `n` pages shows all jobs on them for `n` calls; each job further down costs a call of its own.

    :param pages: For each job, the page that it is expected on, counted from 1.
    :returns: Number of pages; 0 if a call for each job is cheaper, or as cheap.
    """
    ordered = sorted(pages)
    best, fewest = 0, len(ordered)
    for found, page in enumerate(ordered, 1):
        calls = page + len(ordered) - found
        if calls < fewest:
            best, fewest = page, calls
    return best
