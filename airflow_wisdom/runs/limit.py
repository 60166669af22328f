"""Until when a run may go on, and how AWS is asked while it may: time, the end of the task, and a first answer."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NoReturn, TypeVar

from airflow_wisdom.cadence import Patience, time_left
from airflow_wisdom.exceptions import AwsError, EndpointError, ImportJobTimeoutError, WisdomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.hooks.calls import Calls

T = TypeVar("T")

log = logging.getLogger(__name__)

FIRST_CONTACT = 300.0
"""Seconds within which AWS has to answer a run once, whatever its deadline."""


class Contact:
    """Whether AWS has answered yet: until it has, patience is a matter of minutes.

    An endpoint that nobody answers, as behind a firewall or with a name that is misspelt, is not bad weather. The
    clock begins with the first call that failed: before it, a run may have read a large source for an hour.
    """

    def __init__(self) -> None:
        self._failed_since: float | None = None
        self._is_made = False

    def note(self, error: WisdomError | None = None) -> None:
        """Note how a call ended.

        :param error: What it raised; an error that AWS answers with is an answer. Default: nothing.
        """
        if not isinstance(error, EndpointError):
            self._is_made = True
        elif self._failed_since is None:
            self._failed_since = time.time()

    @property
    def is_late(self) -> bool:
        """Whether AWS should have answered by now."""
        began = self._failed_since
        return not self._is_made and began is not None and time.time() - began > FIRST_CONTACT


class Limit:
    """Until when something may go on.

    :param deadline: POSIX time. Default: none.
    :param is_stopped: Returns whether the task was ended meanwhile. Default: it never is.
    :param contact: Whether AWS has answered yet. Default: it is not asked for the first time.
    :param what: What does not happen any more after that, in words.
    :param error: Makes the error that is raised then, from a message.
    """

    def __init__(
        self,
        deadline: float | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        contact: Contact | None = None,
        *,
        what: str = "The import job was not started",
        error: Callable[[str], WisdomError] = ImportJobTimeoutError,
    ) -> None:
        self._deadline = deadline
        self._is_stopped = is_stopped
        self._contact = contact
        self._what = what
        self._error = error

    def check(self, last: WisdomError | None) -> None:
        """Raise if nothing more may be done.

        :param last: Why it was not done before.
        :raises WisdomError: The time is over, the task was ended, or AWS was never reached.
        """
        if self.left() <= 0 or self._is_stopped() or self._is_without_contact:
            self.give_up(last)

    def check_stopped(self) -> None:
        """Raise if the task was ended; time may be over.

        :raises WisdomError: It was.
        """
        if self._is_stopped():
            self.give_up(None)

    def give_up(self, last: Exception | None) -> NoReturn:
        """Raise that nothing more is done.

        :param last: As for :meth:`check`.
        :raises WisdomError: As for :meth:`check`.
        """
        cause = f": {last}" if last else ""
        raise self._error(f"{self._what} {self._why()}{cause}")

    def _why(self) -> str:
        if self._is_stopped():
            return "because the task was ended"
        if self._is_without_contact:
            return f"because AWS did not answer once within {FIRST_CONTACT:.0f} s: check endpoint, region and network"
        return "in time"

    @property
    def _is_without_contact(self) -> bool:
        return self._contact is not None and self._contact.is_late

    def note(self, error: WisdomError | None = None) -> None:
        """Note how a call ended.

        :param error: As for :meth:`Contact.note`.
        """
        if self._contact:
            self._contact.note(error)

    def left(self) -> float:
        """Return how many seconds are left."""
        return time_left(self._deadline, time.time())

    def patience(self, doing: str) -> Patience:
        """Return what waits out throttling and the like, for as long as this allows.

        :param doing: What goes on in spite of errors, for the log.
        """
        return Patience(log, doing, deadline=self._deadline, give_up=self.give_up)


def may_be_done(asked: int, error: WisdomError) -> bool:
    """Return whether AWS may have done what it was asked for although there is no answer that says so.

    :param asked: How often it was asked.
    :param error: What was raised last.
    """
    # A refusal is no answer to the requests before it.
    is_refused = isinstance(error, AwsError) and not error.transient and not error.sent_before
    return asked > (1 if is_refused else 0)


# One call, waited for by each kind of caller: in the running event loop, and in this thread.


async def ask(calls: Calls, function: Callable[[WisdomHook], T], limit: Limit, doing: str = "Asking AWS again") -> T:
    """Make one call in the running event loop; throttling and the like are waited out.

    :param calls: What makes the call.
    :param function: Called with the hook, in a worker thread.
    :param limit: Until when.
    :param doing: What goes on in spite of errors, for the log.
    :raises WisdomError: What the call raises, or that its time is over.
    """

    def once_it_is_its_turn(hook: WisdomHook) -> T:
        # The task may have been ended while this waited for the budget, or for the client.
        limit.check_stopped()
        return function(hook)

    patience, last = limit.patience(doing), None
    while True:
        limit.check(last)
        try:
            answer = await calls.ask(once_it_is_its_turn)
        except WisdomError as exc:
            limit.note(exc)
            last, pause = exc, patience.endure(exc, time.time())
        else:
            limit.note()
            return answer
        await asyncio.sleep(pause)


def patiently(function: Callable[[], T], limit: Limit, doing: str = "Asking AWS again") -> T:
    """Make one call in this thread, once even if no time is left, but not if the task was ended.

    Throttling and the like are waited out.

    :param function: What makes the call.
    :param limit: As for :func:`ask`.
    :param doing: As for :func:`ask`.
    :raises WisdomError: As for :func:`ask`.
    """
    patience = limit.patience(doing)
    while True:
        limit.check_stopped()
        try:
            answer = function()
        except WisdomError as exc:
            limit.note(exc)
            last, pause = exc, patience.endure(exc, time.time())
        else:
            limit.note()
            return answer
        time.sleep(pause)
        limit.check(last)
