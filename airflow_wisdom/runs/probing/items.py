"""What a probe asks about quick responses, and about whatever else a sync meets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from uuid import uuid4

from airflow_wisdom.exceptions import AwsError
from airflow_wisdom.model.knowledge_base import Arn
from airflow_wisdom.model.quick_response import MARKDOWN, PLAIN
from airflow_wisdom.runs.probing.answers import Answer, listing
from airflow_wisdom.runs.probing.lab import LONGEST_LOOK, CannotTell

if TYPE_CHECKING:
    from airflow_wisdom.model.quick_response import QuickResponse
    from airflow_wisdom.runs.probing.lab import Lab

_DESCRIPTION = 255
"""AWS's limit of characters of a description."""

TEXTS = {
    "lf": "Line one\nline two",
    "crlf": "Line one\r\nline two",
    "ends": "  Spaces at the ends  ",
    "nfd": "Cafe\u0301",
    "emoji": "Thumbs up \U0001f44d\U0001f3fd",
}
"""What a service might change about a text."""

# Search and list


def search_finds_all(lab: Lab) -> Answer:
    """Find out whether a search with an empty expression returns every quick response, also inactive ones."""
    activity = {"all-1": True, "all-2": False, "all-3": False, "all-4": True}
    for key, is_active in activity.items():
        lab.made(key, isActive=is_active)
    found, waited, _ = lab.until(lab.searched, lambda seen: activity.keys() <= seen.keys())
    lacking = [key for key in activity if key not in found]
    if not lacking:
        return Answer(f"yes, {_seconds(waited)}; pages beyond the first were not tried")
    if lacking == [key for key, is_active in activity.items() if not is_active]:
        return Answer(f"no: inactive ones are not found within {waited:.0f} s", switch="search_hides_inactive(True)")
    return Answer(
        f"no: the newest {len(lacking)} of {len(activity)} are not found within {waited:.0f} s"
        if lacking == list(activity)[-len(lacking) :]
        else f"no: {len(lacking)} of {len(activity)} are not found within {waited:.0f} s",
        switch=f"stale_search(missing={len(lacking)})",
    )


def search_lag(lab: Lab) -> Answer:
    """Find out how soon a search shows a change."""
    item = lab.made("search", isActive=True)
    lab.settled(lab.update(item, content="Changed by a probe."))

    def is_shown(seen: dict[str, QuickResponse]) -> bool:
        return "search" in seen and seen["search"].values["content"] == "Changed by a probe."

    _, waited, is_there = lab.until(lab.searched, is_shown)
    return _lag("search", waited, is_there, f"stale_search(seconds={math.ceil(waited)})", "stale_search()")


def list_shows(lab: Lab) -> Answer:
    """Find out how soon the list shows a change."""
    item = lab.made("list")
    _, created, is_there = lab.until(lab.listed, lambda seen: "list" in seen)
    if not is_there:
        raise CannotTell(f"the list did not show a new quick response within {LONGEST_LOOK:.0f} s")
    lab.settled(lab.update(item, description="Changed by a probe."))
    _, updated, is_there = lab.until(
        lab.listed, lambda seen: "list" in seen and seen["list"].values["description"] == "Changed by a probe."
    )
    answer = _lag("list", updated, is_there, "", "")
    return Answer(f"a new one: {_seconds(created)}. A change: {answer.text}")


def _lag(what: str, waited: float, is_there: bool, late: str, at_once: str) -> Answer:
    if not is_there:
        raise CannotTell(f"the {what} did not show the change within {LONGEST_LOOK:.0f} s")
    return Answer(_seconds(waited), switch=late if waited else at_once)


def _seconds(waited: float) -> str:
    """Return a time to the half second: a look takes a while itself."""
    return f"within {math.ceil(2 * waited) / 2:.1f} s" if round(waited, 1) > 0 else "at once"


def time_stamps(lab: Lab) -> Answer:
    """Find out whether the time stamps of the list and of the search are equal for the same state."""
    item = lab.read(lab.made("stamps", isActive=True))
    found, _, is_there = lab.until(lab.searched, lambda seen: "stamps" in seen)
    if not is_there:
        raise CannotTell(f"the search did not find the quick response within {LONGEST_LOOK:.0f} s")
    listed, _, is_there = lab.until(lab.listed, lambda seen: "stamps" in seen)
    if not is_there:
        raise CannotTell(f"the list did not show the quick response within {LONGEST_LOOK:.0f} s")
    times = {found["stamps"].last_modified_time, listed["stamps"].last_modified_time, item.last_modified_time}
    return Answer("yes, and those of GetQuickResponse, too" if len(times) == 1 else "no")


def tag_time(lab: Lab) -> Answer:
    """Find out whether TagResource changes lastModifiedTime."""
    before = lab.read(lab.made("tagged"))
    lab.call(lambda hook: hook.tag_resource(before.arn, {"airflow-wisdom-probe": lab.run}))
    after, _, is_there = lab.until(lambda: lab.read(before), lambda seen: "airflow-wisdom-probe" in seen.tags)
    if not is_there:
        raise CannotTell(f"the tag did not show within {LONGEST_LOOK:.0f} s")
    return Answer("no" if after.last_modified_time == before.last_modified_time else "yes")


# Changes


def change_time(lab: Lab) -> Answer:
    """Find out how long creating, updating and deleting take."""
    item, creating = lab.settled(lab.create("pace"))
    _, updating = lab.settled(lab.update(item, content="Changed by a probe."))
    lab.delete(item)
    deleting = lab.gone(item)
    times = {"creating": creating, "updating": updating, "deleting": deleting}
    longest = max(times.values())
    shown = [f"{what}: {_seconds(taken)}" for what, taken in times.items()]
    switch = f"quick_response_changes(after_seconds={math.ceil(longest)})" if longest else "quick_response_changes()"
    return Answer(listing(shown), "timeout" if longest else "", switch)


def statuses(lab: Lab) -> Answer:
    """Find out which statuses quick responses have had."""
    if not lab.seen.statuses:
        lab.once(change_time)
    return Answer(f"seen: {listing(sorted(lab.seen.statuses))}; failures cannot be brought about")


def reused_create_token(lab: Lab) -> Answer:
    """Find out what CreateQuickResponse answers to a clientToken whose quick response was deleted."""
    token = lab.token()
    item, _ = lab.settled(lab.create("again", token))
    lab.delete(item)
    lab.gone(item)
    try:
        second = lab.create("again", token)
    except AwsError as exc:
        switch = 'reused_create_token("conflict")' if exc.code == "ConflictException" else ""
        return Answer(exc.code, switch=switch)
    if second.quick_response_id == item.quick_response_id:
        return Answer("the deleted one once more", switch='reused_create_token("first")')
    return Answer("another one", switch='reused_create_token("new")')


def names_in_use(lab: Lab) -> Answer:
    """Find out whether the name of a quick response that is being deleted or renamed is still taken."""
    renamed = lab.made("renamed")
    lab.update(renamed, name=lab.name("new name"))
    after_renaming = _created(lab, "renamed")
    deleted = lab.made("deleted")
    lab.delete(deleted)
    after_deletion = _created(lab, "deleted")
    taken = "free at once" not in (after_renaming, after_deletion)
    return Answer(
        f"renamed: {after_renaming}; deleted: {after_deletion}",
        switch="quick_response_changes(after_seconds=5)" if taken else "quick_response_changes()",
    )


def _created(lab: Lab, key: str) -> str:
    try:
        lab.create(key)
    except AwsError as exc:
        return f"taken ({exc.code})" if exc.code == "ConflictException" else exc.code
    return "free at once"


# Values


def name_case(lab: Lab) -> Answer:
    """Find out whether names are unique regardless of case."""
    lab.made("Case")
    if "ConflictException" in _created(lab, "Case"):
        lower = _created(lab, "case")
        same = "ConflictException" in lower
        verdict = "yes" if same else "no: two names may differ in case alone" if lower == "free at once" else lower
        return Answer(f"{verdict}; other knowledge bases were not tried")
    raise CannotTell("AWS takes the same name twice")


def characters(lab: Lab) -> Answer:
    """Find out whether AWS counts characters as code points, UTF-16 units or bytes."""
    if not _is_refused(lab, "long", "x" * (_DESCRIPTION + 1)):
        raise CannotTell(f"AWS takes a description of {_DESCRIPTION + 1} characters, so that nothing shows")
    if not _is_refused(lab, "astral", "\U0001f600" * (_DESCRIPTION - 1)):
        return Answer("code points")
    if not _is_refused(lab, "accents", "\u00e9" * (_DESCRIPTION - 1)):
        return Answer("UTF-16 units", "Rules(limits=)")
    return Answer("bytes", "Rules(limits=)")


def _is_refused(lab: Lab, key: str, description: str) -> bool:
    try:
        lab.create(key, description=description)
    except AwsError as exc:
        if exc.code == "ValidationException":
            return True
        raise
    return False


def stored_texts(lab: Lab) -> Answer:
    """Find out whether AWS stores texts as they were sent."""
    changed = []
    for kind, content_type in {"markdown": MARKDOWN, "plain": PLAIN}.items():
        for what, text in TEXTS.items():
            item = lab.made(f"{kind[:5]}-{what}", content=text, contentType=content_type)
            stored = lab.read(item).values["content"]
            changed += [f"{kind} {what}: {text!a} becomes {stored!a}"] if stored != text else []
    return Answer(f"no: {listing(changed)}" if changed else "yes: line breaks, spaces, and forms of Unicode")


def routing_profiles(lab: Lab) -> Answer:
    """Find out whether AWS checks that the ARN of a routing profile exists."""
    where = Arn.parse(lab.made("before").arn)
    nowhere = where._replace(service="connect", resource=f"instance/{uuid4()}/routing-profile/{uuid4()}")
    try:
        lab.create("nowhere", routingProfiles=(str(nowhere),))
    except AwsError as exc:
        if exc.code in ("AccessDeniedException", "UnauthorizedException"):
            raise CannotTell(f"{exc.code}: the permissions for routing profiles are missing") from exc
        return Answer(f"yes: {exc.code}", switch="check_routing_profiles(True)")
    if not lab.has_instance:
        raise CannotTell(
            "AWS takes one that does not exist, but the knowledge base may have no instance: --instance-id"
        )
    return Answer("no", "instance_id", "check_routing_profiles(False)")


def throttling(lab: Lab) -> Answer:
    """Find out what throttling has looked like."""
    if not lab.call.throttled:
        raise CannotTell("AWS did not throttle the probe, which leaves half of the calls to others")
    return Answer(listing(lab.call.throttled), "[wisdom] calls_per_second", "throttle()")
