"""Which writes somebody has approved: a plan as a whole, and each part of it. Pure: no Airflow, no boto3.

A try that is killed leaves the rest of its plan to the next one, which has no memory of it: no store is there on every
Airflow, nor on the command line. So it is the fingerprint that tells: it names each single thing that the plan writes,
and a later plan is approved if it writes nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from airflow_wisdom.model.knowledge_base import short_id
from airflow_wisdom.model.quick_response import UNIQUE, differences
from airflow_wisdom.runs.steps import moving_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_wisdom.runs.changes import Change

SHORT = 32
"""Characters of a fingerprint that stand for the whole plan; the names of its parts follow after a dot."""

_PART = 16
# Characters of a name: 96 bits, for which nobody finds another change within a lifetime.


def fingerprint_of(knowledge_base_id: str, changes: Sequence[Change]) -> str:
    """Return what two plans have in common that write the same to the same, and no others.

    :param knowledge_base_id: Id or ARN of the knowledge base: either stands for the same.
    :param changes: The changes of the plan.
    :returns: :data:`SHORT` hexadecimal digits, a dot, and 16 characters for each part of the plan.
    """
    parts = _names(knowledge_base_id, _all_parts(changes))
    also = _names(knowledge_base_id, _left_by_steps_aside(changes))
    return f"{_whole(parts)}.{''.join(sorted(parts | also))}"


def unapproved(knowledge_base_id: str, changes: Sequence[Change], approved: str) -> list[Change]:
    """Return the changes that are neither the plan that was approved nor a part of it.

    :param knowledge_base_id: As for :func:`fingerprint_of`.
    :param changes: The changes of the plan as it is now.
    :param approved: The fingerprint of the plan that was approved; its first :data:`SHORT` characters approve that plan
        as a whole, and no part of it.
    """
    whole, _, names = approved.partition(".")
    if whole == _whole(_names(knowledge_base_id, _all_parts(changes))):
        return []
    known = {names[n : n + _PART] for n in range(0, len(names), _PART)}
    return [change for change in changes if not _names(knowledge_base_id, _parts(change)) <= known]


def _all_parts(changes: Iterable[Change]) -> Iterator[list[Any]]:
    for change in changes:
        yield from _parts(change)


def _parts(change: Change) -> Iterator[list[Any]]:
    """Yield each single thing that a change writes."""
    if change.kind == "create":
        yield ["create", change.new, change.tags]
        return
    which = change.quick_response_id
    # Who it is is told by its id. Of what a row names, the name may be that of a step aside.
    yield [change.kind, which] if change.kind == "update" else [change.kind, which, change.old.get("name")]
    # What is said again although AWS has it already, after an update that failed, changes nothing.
    for name, value in differences(change.old, change.new).items():
        yield ["field", which, name, change.old.get(name), value]
    yield from (["tag", which, key, value] for key, value in change.tags.items())
    yield from (["untag", which, key] for key in change.untag)


def _left_by_steps_aside(changes: Iterable[Change]) -> Iterator[list[Any]]:
    """Yield the updates that are left where a try ended while a quick response stood aside for another."""
    moves = [
        (change, name, value)
        for change in changes
        if change.kind == "update"
        for name, value in differences(change.old, change.new).items()
        if name in UNIQUE
    ]
    wanted = {(name, value) for _, name, value in moves}
    for change, name, value in moves:
        if (name, change.old.get(name)) in wanted:
            aside = moving_name(str(change.quick_response_id)) if name == "name" else None
            yield ["field", change.quick_response_id, name, aside, value]


def _names(knowledge_base_id: str, parts: Iterable[list[Any]]) -> set[str]:
    return {_name([short_id(knowledge_base_id), *part]) for part in parts}


def _name(part: list[Any]) -> str:
    digest = hashlib.sha256(json.dumps(part, sort_keys=True, default=dict).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_PART]


def _whole(parts: Iterable[str]) -> str:
    return hashlib.sha256("".join(sorted(parts)).encode()).hexdigest()[:SHORT]
