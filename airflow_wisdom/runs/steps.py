"""In which order changes are made, so that unique names and shortcut keys never clash. Pure: no Airflow, no boto3."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from airflow_wisdom.model.quick_response import UNIQUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_wisdom.model.quick_response import QuickResponse, Value, Values
    from airflow_wisdom.runs.changes import Change

Verb = Literal["delete", "tag", "untag", "update", "create"]

MOVING = "~moving "
"""What the name of a quick response begins with while its own goes to another: 32 characters, with those of its id."""

_ID_SHOWN = 24


@dataclass(eq=False)
class Step:
    """One call of AWS that makes a change, or a part of it.

    :param verb: Which call.
    :param change: The change that it is part of.
    :param quick_response_id: Id of the quick response; None for one that is created.
    :param values: Field -> value that is sent.
    :param needs: The steps that have to be done before.
    :param is_needed: Whether another step needs its quick response settled: a name may be taken until then.
    """

    verb: Verb
    change: Change
    quick_response_id: str | None = None
    values: Values = field(default_factory=dict)
    needs: list[Step] = field(default_factory=list)
    is_needed: bool = False

    def need(self, others: Iterable[Step]) -> None:
        """Let other steps be done first, and their quick responses settle.

        :param others: The steps.
        """
        for other in others:
            if other is not self and other not in self.needs:
                self.needs.append(other)
                other.is_needed = True


def steps_of(changes: Sequence[Change], there: Iterable[QuickResponse]) -> list[Step]:
    """Return the calls that make the changes, each after those that it depends on.

    Removals come first, then changes that free a name or a shortcut key which another change wants. Where changes wait
    for each other in a circle, one of them frees what it has in a step of its own: a shortcut key is taken away, a name
    becomes one that begins with :data:`MOVING`. Ids stay.

    :param changes: The changes of a plan that can be made.
    :param there: Every quick response of the knowledge base.
    """
    return list(_Order(changes, there).steps())


def moving_name(quick_response_id: str) -> str:
    """Return the name of a quick response while its own goes to another: it fits AWS's limit, and is nobody else's.

    :param quick_response_id: Id of the quick response.
    """
    return MOVING + quick_response_id.replace("-", "")[:_ID_SHOWN]


class _Order:
    def __init__(self, changes: Sequence[Change], there: Iterable[QuickResponse]) -> None:
        self._items = {item.quick_response_id: item for item in there}
        self._removals = [change for change in changes if change.kind == "remove"]
        self._updates = [change for change in changes if change.kind in ("update", "deactivate")]
        self._creations = [change for change in changes if change.kind == "create"]
        # Field and value -> the step after which nobody has it any more.
        self._freed: dict[tuple[str, Value], Step] = {}
        # Field and value -> the update that is going to give it up.
        self._held = {
            (name, self._value(change, name)): change
            for change in self._updates
            for name in UNIQUE
            if self._value(change, name) not in (None, change.new.get(name, self._value(change, name)))
        }

    def steps(self) -> Iterator[Step]:
        yield from self._remove()
        yield from self._update()
        for change in self._creations:
            yield from self._create(change)

    def _value(self, change: Change, name: str) -> Value:
        item = self._items.get(change.quick_response_id or "")
        return item.values.get(name) if item else None

    def _remove(self) -> Iterator[Step]:
        for change in self._removals:
            step = Step("delete", change, change.quick_response_id)
            for name in UNIQUE:
                self._freed[name, self._value(change, name)] = step
            yield step

    def _update(self) -> Iterator[Step]:
        waiting = {id(change): change for change in self._updates}
        while waiting:
            ready = [change for change in waiting.values() if self._waits_for(change) is None]
            if not ready:
                # All that is left waits in circles, or for one: a step out of the way lets the rest go on.
                yield self._step_aside(self._in_a_circle(next(iter(waiting.values()))), waiting.values())
            for change in ready:
                yield from self._one_update(change)
                del waiting[id(change)]

    def _waits_for(self, change: Change) -> Change | None:
        """Return who still has a name or shortcut key that a change wants."""
        holders = (self._held.get((name, value)) for name, value in change.new.items() if name in UNIQUE)
        return next((holder for holder in holders if holder is not None and holder is not change), None)

    def _in_a_circle(self, change: Change) -> Change:
        """Return a change that waits for itself in the end, from one that waits."""
        seen: set[int] = set()
        while id(change) not in seen:
            seen.add(id(change))
            change = self._waits_for(change) or change
        return change

    def _step_aside(self, change: Change, waiting: Iterable[Change]) -> Step:
        wanted = {(name, value) for other in waiting if other is not change for name, value in other.new.items()}
        mine = {name: value for (name, value), holder in self._held.items() if holder is change}
        mine = {name: value for name, value in mine.items() if (name, value) in wanted}
        aside: dict[str, Value] = {name: None for name in mine if name != "name"}
        if "name" in mine:
            aside["name"] = moving_name(str(change.quick_response_id))
        step = Step("update", change, change.quick_response_id, aside)
        self._free(mine, step)
        return step

    def _gives_up(self, change: Change) -> Mapping[str, Value]:
        """Return what a change still has, and is going to give up."""
        return {name: value for (name, value), holder in self._held.items() if holder is change}

    def _free(self, what: Mapping[str, Value], step: Step) -> None:
        for name, value in what.items():
            self._freed[name, value] = step
            self._held.pop((name, value), None)

    def _one_update(self, change: Change) -> Iterator[Step]:
        # In this order, so that one that was deactivated bears the tag that says so, wherever it is interrupted.
        before: list[Step] = []
        if change.tags:
            before = [Step("tag", change, change.quick_response_id, dict(change.tags))]
            yield from before
        if change.new:
            step = Step("update", change, change.quick_response_id, change.new, list(before))
            step.need(self._free_steps(change))
            # What it stepped aside for has to be done first, too.
            step.need(other for other in self._freed.values() if other.change is change)
            self._free(self._gives_up(change), step)
            before = [step]
            yield step
        if change.untag:
            yield Step("untag", change, change.quick_response_id, {}, before)

    def _create(self, change: Change) -> Iterator[Step]:
        step = Step("create", change, None, change.new)
        step.need(self._free_steps(change))
        if change.replaces:
            failed = Step("delete", change, change.replaces)
            step.need([failed])
            yield failed
        yield step

    def _free_steps(self, change: Change) -> list[Step]:
        wanted = [(name, value) for name, value in change.new.items() if name in UNIQUE and value]
        return [self._freed[each] for each in wanted if each in self._freed]
