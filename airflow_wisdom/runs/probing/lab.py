"""Where a probe works: in a knowledge base, within bounds, and with a mark on all that it makes."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_wisdom.cadence import Budget, Patience
from airflow_wisdom.exceptions import ResourceNotFoundError, ThrottlingError, WisdomError
from airflow_wisdom.model.failed_records import FailedRecords
from airflow_wisdom.model.import_job import ImportJobStatus
from airflow_wisdom.model.quick_response import QuickResponseStatus
from airflow_wisdom.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.model.quick_response import QuickResponse, Value
    from airflow_wisdom.rows import ImportTemplate

T = TypeVar("T")

log = logging.getLogger(__name__)

TAG = "airflow-wisdom-probe"
"""Key of the tag of a probe's own knowledge base, and of its import jobs' metadata; its value is the probe's id."""

CALLS_PER_SECOND = 5.0
"""Half of what AWS allows an account and region, so that others get on."""

LONGEST_LOOK = 60.0
"""Seconds for which a probe waits for AWS to show something."""

BRIEF_LOOK = 15.0
"""Seconds for which it waits for what need not come."""

LONGEST_JOB = 180.0
"""Seconds for which it waits for an import job to end."""

WEATHER = 60.0
"""Seconds for which throttling and the like are waited out, for each call."""

UPLOAD_BYTES = 10_000_000
"""Largest file that is uploaded, in bytes."""


class CannotTell(Exception):  # noqa: N818 - it is an answer
    """The experiment says nothing, or cannot be made; the text says why."""


@dataclass(frozen=True)
class Bounds:
    """What a probe may take at most.

    :param calls: Calls of AWS's API, those that are sent again included. Uploads and downloads by presigned URLs come
        on top: at most one for each call.
    :param quick_responses: Quick responses that are made, in all.
    :param import_jobs: Import jobs that are started.
    :param seconds: How long it asks, in seconds.
    """

    calls: int = 1_000
    quick_responses: int = 250
    import_jobs: int = 20
    seconds: float = 1800.0


def prefix_of(run: str) -> str:
    """Return what the names of a probe's knowledge base and quick responses begin with.

    :param run: Id of the probe.
    """
    return f"wisdom-probe-{run}-"


def is_own(item: QuickResponse, run: str) -> bool:
    """Return whether a quick response is a probe's.

    :param item: The quick response.
    :param run: Id of the probe.
    """
    return item.name.strip().startswith(prefix_of(run))


@dataclass(frozen=True)
class Trial:
    """An import job of a probe that has ended, and what became of its rows.

    :param job: The job.
    :param imported: Key of a row -> the quick response that it has become, as a list shows it.
    :param columns: The columns of AWS's report of refused records.
    :param records: The refused records, by column.
    """

    job: ImportJob
    imported: Mapping[str, QuickResponse]
    columns: tuple[str, ...] = ()
    records: tuple[Mapping[str, str], ...] = ()


@dataclass
class Seen:
    """What a probe has seen on the way, for questions that ask for nothing of their own.

    :param jobs: The import jobs that were started, in order, as the first answer about each had it.
    :param statuses: Statuses of quick responses.
    """

    jobs: list[ImportJob] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)


class Caller:
    """Makes calls of AWS one after the other: no more of them in a second, and in all, than is allowed.

    :param hook: What makes them.
    :param calls: How many there may be, those that are sent again included.
    :param deadline: POSIX time after which none is made.
    """

    def __init__(self, hook: WisdomHook, calls: int, deadline: float) -> None:
        self.hook = hook
        self.made = 0
        self.throttled: list[str] = []
        self._most = calls
        self._deadline = deadline
        self._budget = Budget(CALLS_PER_SECOND)

    def __call__(self, function: Callable[[WisdomHook], T]) -> T:
        """Make a call; throttling and the like are waited out for a minute.

        :param function: Called with the hook; it makes one call of AWS's API.
        :raises CannotTell: No further call is allowed.
        :raises WisdomError: What the call raises.
        """
        patience = Patience(log, "The probe goes on", deadline=min(self._deadline, time.time() + WEATHER))
        while True:
            self._take_turn()
            try:
                return function(self.hook)
            except WisdomError as exc:
                self._note(exc)
                pause = patience.endure(exc, time.time())
            time.sleep(pause)

    def left(self) -> float:
        """Return how many seconds are left."""
        return self._deadline - time.time()

    def _take_turn(self) -> None:
        if self.made >= self._most:
            raise CannotTell(f"the probe has made its {counted(self._most, 'call')}")
        if self.left() <= 0:
            raise CannotTell("the time of the probe is over")
        time.sleep(self._budget.pause(time.time()))
        self._budget.spend(time.time())
        self.made += 1

    def _note(self, error: WisdomError) -> None:
        if isinstance(error, ThrottlingError):
            seen = f"{error.code}, HTTP status {error.http_status}"
            self.throttled += [seen] if seen not in self.throttled else []


class Lab:
    """What questions make and look at. Names, and keys of rows, are those after the probe's prefix.

    :param caller: What makes calls.
    :param knowledge_base_id: Id of the knowledge base.
    :param run: Id of the probe.
    :param bounds: What it may make.
    :param template: The header of import files.
    :param has_instance: Whether the knowledge base is known to be that of an Amazon Connect instance. Default: no.
    """

    def __init__(
        self,
        caller: Caller,
        knowledge_base_id: str,
        run: str,
        bounds: Bounds,
        template: ImportTemplate,
        *,
        has_instance: bool = False,
    ) -> None:
        self.call = caller
        self.kb = knowledge_base_id
        self.run = run
        self.template = template
        self.has_instance = has_instance
        self.seen = Seen()
        self._bounds = bounds
        self.made_items: list[str] = []
        self._items = 0
        self._starts = 0
        self._tokens = 0
        self._known: dict[Callable[[Lab], Any], Any] = {}

    # What questions share

    def once(self, experiment: Callable[[Lab], T]) -> T:
        """Make an experiment unless it was made before, and return its result.

        :param experiment: The experiment.
        :raises CannotTell: It failed, now or before.
        """
        if experiment not in self._known:
            try:
                self._known[experiment] = experiment(self)
            except (CannotTell, WisdomError) as exc:
                self._known[experiment] = CannotTell(str(exc))
        known = self._known[experiment]
        if isinstance(known, CannotTell):
            raise CannotTell(str(known))
        return known  # type: ignore[no-any-return]  # it came out of this experiment

    def until(
        self, look: Callable[[], T], is_good: Callable[[T], bool], seconds: float = LONGEST_LOOK
    ) -> tuple[T, float, bool]:
        """Look until something is there.

        :param look: Looks.
        :param is_good: Whether what it saw is what is waited for.
        :param seconds: For how long.
        :returns: What was seen last, after how many seconds, and whether it is good.
        """
        began, pause = time.time(), 0.5
        while True:
            # What the first look shows was there at once, however long the answer takes.
            waited = time.time() - began
            found = look()
            if is_good(found) or waited >= seconds:
                return found, waited, is_good(found)
            time.sleep(min(pause, seconds - waited))
            pause = min(2 * pause, 5.0)

    def name(self, key: str) -> str:
        """Return the name that stands for a key.

        :param key: The key.
        """
        return prefix_of(self.run) + key

    def key(self, item: QuickResponse) -> str:
        """Return the key that an item's name stands for, without spaces at its ends.

        :param item: The item.
        """
        return item.name.strip().removeprefix(prefix_of(self.run))

    def token(self) -> str:
        """Return a new client token."""
        self._tokens += 1
        return f"{TAG}-{self.run}-{self._tokens}"

    def may_make(self, items: int) -> None:
        """Count quick responses that are going to be made.

        :param items: How many.
        :raises CannotTell: They are too many.
        """
        if self._items + items > self._bounds.quick_responses:
            raise CannotTell(
                f"the probe may make {counted(self._bounds.quick_responses, 'quick response')}, and no more"
            )
        self._items += items

    # Quick responses

    def create(self, key: str, token: str | None = None, **values: Value) -> QuickResponse:
        """Create a quick response, and return AWS's first answer.

        :param key: Its key.
        :param token: Its client token. Default: a new one.
        :param values: Its fields; it has a short content by itself.
        """
        self.may_make(1)
        fields = {"name": self.name(key), "content": "Made by a probe.", **values}
        token = token or self.token()
        item = self.call(lambda hook: hook.create_quick_response(self.kb, fields, client_token=token))
        self.made_items.append(item.quick_response_id)
        return self._seen(item)

    def made(self, key: str, **values: Value) -> QuickResponse:
        """Create a quick response and wait until it is there.

        :param key: Its key.
        :param values: Its fields.
        :raises CannotTell: It does not get there.
        """
        return self.settled(self.create(key, None, **values))[0]

    def settled(self, item: QuickResponse) -> tuple[QuickResponse, float]:
        """Wait until the change of an item is over.

        :param item: AWS's answer to the change.
        :returns: The item as it is then, and how many seconds it took.
        :raises CannotTell: The change has failed, or goes on.
        """
        if item.is_settled:
            return item, 0.0
        found, waited, is_over = self.until(lambda: self.read(item), lambda seen: not seen.is_in_progress)
        if not is_over or not found.is_settled:
            raise CannotTell(f"a quick response is {found.status} after {waited:.0f} s")
        return found, waited

    def read(self, item: QuickResponse) -> QuickResponse:
        """Read an item.

        :param item: The item.
        """
        return self._seen(self.call(lambda hook: hook.get_quick_response(self.kb, item.quick_response_id)))

    def update(self, item: QuickResponse, **changes: Value) -> QuickResponse:
        """Change an item, and return AWS's first answer.

        :param item: The item.
        :param changes: Its new values.
        """
        which = item.quick_response_id
        return self._seen(self.call(lambda hook: hook.update_quick_response(self.kb, which, changes)))

    def delete(self, item: QuickResponse) -> None:
        """Delete an item.

        :param item: The item.
        """
        self.call(lambda hook: hook.delete_quick_response(self.kb, item.quick_response_id))

    def gone(self, item: QuickResponse) -> float:
        """Wait until nobody can read an item any more, and return how many seconds it took.

        :param item: The item, whose deletion was asked for.
        :raises CannotTell: Its deletion has failed, or goes on.
        """

        def look() -> QuickResponse | None:
            try:
                return self.read(item)
            except ResourceNotFoundError:
                return None

        failed = QuickResponseStatus.DELETE_FAILED.value
        found, waited, _ = self.until(look, lambda seen: seen is None or seen.is_gone or seen.status == failed)
        if found is not None and not found.is_gone:
            raise CannotTell(f"a quick response is {found.status} {waited:.0f} s after it was deleted")
        return waited

    def listed(self) -> dict[str, QuickResponse]:
        """Return the probe's own quick responses of the list, by key."""
        return self._own(lambda hook, token: hook.quick_response_page(self.kb, token))

    def searched(self) -> dict[str, QuickResponse]:
        """Return the probe's own quick responses that a search with an empty expression finds, by key."""
        return self._own(lambda hook, token: hook.search_page(self.kb, token))

    def _own(
        self, page: Callable[[WisdomHook, str | None], tuple[list[QuickResponse], str | None]]
    ) -> dict[str, QuickResponse]:
        found = pages(self.call, page)
        return {self.key(item): self._seen(item) for item in found if is_own(item, self.run)}

    def _seen(self, item: QuickResponse) -> QuickResponse:
        self.seen.statuses.add(item.status)
        return item

    # Import jobs

    def upload(self, content: bytes) -> str:
        """Upload an import file, and return its upload id.

        :param content: The file.
        """
        return self.call(lambda hook: hook.upload(self.kb, content, max_bytes=UPLOAD_BYTES))

    def start(self, upload_id: str, token: str | None = None) -> ImportJob:
        """Start an import job, and return AWS's first answer.

        :param upload_id: Its upload.
        :param token: Its client token. Default: a new one.
        """
        if self._starts >= self._bounds.import_jobs:
            raise CannotTell(f"the probe may start {counted(self._bounds.import_jobs, 'import job')}, and no more")
        self._starts += 1
        token = token or self.token()
        mark = {TAG: self.run}
        job = self.call(lambda hook: hook.start_import_job(self.kb, upload_id, client_token=token, metadata=mark))
        if job.import_job_id not in {each.import_job_id for each in self.seen.jobs}:
            self.seen.jobs.append(job)
        return job

    def job(self, job: ImportJob) -> ImportJob:
        """Read an import job.

        :param job: The job.
        """
        return self.call(lambda hook: hook.get_import_job(self.kb, job.import_job_id))

    def ended(self, job: ImportJob) -> ImportJob:
        """Wait until an import job runs no longer.

        :param job: The job.
        :raises CannotTell: It goes on.
        """
        running = ImportJobStatus.START_IN_PROGRESS.value
        found, waited, is_over = self.until(lambda: self.job(job), lambda seen: seen.status != running, LONGEST_JOB)
        if not is_over:
            raise CannotTell(f"an import job is still {running} after {waited:.0f} s")
        return found

    def listed_jobs(self) -> list[ImportJob]:
        """Return the probe's own import jobs, in the order of the list."""

        def page(hook: WisdomHook, token: str | None) -> tuple[list[ImportJob], str | None]:
            return hook.import_job_page(self.kb, token)

        return [job for job in pages(self.call, page) if job.metadata.get(TAG) == self.run]

    def tried(self, job: ImportJob, keys: Iterable[str]) -> Trial:
        """Wait for an import job, and see what became of its rows.

        :param job: The job.
        :param keys: Keys of its rows.
        """
        job, wanted = self.ended(job), set(keys)
        report = self.call(lambda hook: hook.failed_records(job)) if job.failed_record_report else FailedRecords()
        due = len(wanted) - len(report.records)
        found, _, _ = self.until(
            lambda: {key: item for key, item in self.listed().items() if key in wanted and not item.is_gone},
            lambda seen: len(seen) >= due,
            BRIEF_LOOK,
        )
        return Trial(job, found, report.columns, report.records)


def pages(call: Caller, page: Callable[[WisdomHook, str | None], tuple[list[T], str | None]]) -> list[T]:
    """Return everything that a list or a search has.

    :param call: What makes calls.
    :param page: Returns a page, and the token of the next one; None after the last.
    """
    found, token = call(lambda hook: page(hook, None))
    while token is not None:
        more, token = call(lambda hook, after=token: page(hook, after))  # type: ignore[misc]  # mypy infers no default
        found = [*found, *more]
    return found
