"""The plan of a sync: which quick responses are created, updated and removed, and why. Pure: no Airflow, no boto3."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_wisdom.exceptions import PlanChangedError, UnsafePlanError
from airflow_wisdom.model.import_job import iso
from airflow_wisdom.model.quick_response import MARKDOWN, PLAIN, UNIQUE, UNREMOVABLE, differences
from airflow_wisdom.places import briefly
from airflow_wisdom.runs.approval import SHORT, fingerprint_of, unapproved
from airflow_wisdom.runs.changes import Change, Kind
from airflow_wisdom.values import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from airflow_wisdom.model.quick_response import QuickResponse, Value
    from airflow_wisdom.rows.quick_responses import Wanted

OWNER = "airflow-wisdom-owner"
"""Key of the tag that says which table a quick response belongs to."""

DEACTIVATED = "airflow-wisdom-deactivated"
"""Key of the tag of a quick response that was deactivated because it was missing from its table."""

KEYS = {"name": "name", "shortcut_key": "shortcutKey"}
"""What rows and quick responses are matched by, as users say it -> the field."""

CONTENT_FORMATS = {"markdown": MARKDOWN, "plain": PLAIN}


@dataclass(frozen=True)
class Protection:
    """Which plans are refused: as in octoDNS, a share of removals *and* a least number of them.

    :param enabled: Whether anything is refused. Default: yes.
    :param max_removal_share: Removals that are allowed, as a share of the quick responses in scope. Default 0.3.
    :param min_removals: Removals that are allowed whatever their share. Default 10.
    """

    enabled: bool = True
    max_removal_share: float = 0.3
    min_removals: int = 10


@dataclass(frozen=True)
class SyncPlan:
    """What a sync is going to do; nothing was written yet.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param source: What the source is called in messages.
    :param changes: What is to be done.
    :param unchanged: Rows whose quick response is as they want it.
    :param rows_read: Rows of the source.
    :param rows_invalid: Rows that have mistakes, and decide about nothing.
    :param in_scope: Quick responses that bear the tag of this table's owner.
    :param kept: Quick responses in scope that no row names, and that stay.
    :param unremovable: Places of rows that want a field empty that AWS cannot empty -> these fields.
    :param warnings: What is worth knowing besides.
    """

    knowledge_base_id: str
    source: str
    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    rows_read: int = 0
    rows_invalid: int = 0
    in_scope: int = 0
    kept: int = 0
    unremovable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> Counter[str]:
        """How many changes there are of each kind."""
        return Counter(change.kind for change in self.changes)

    @property
    def removals(self) -> int:
        """How many quick responses are removed or deactivated."""
        return self.counts["remove"] + self.counts["deactivate"]

    @cached_property
    def fingerprint(self) -> str:
        """What is the same for two plans that do the same to the same, and for no others; it names the parts, too."""
        return fingerprint_of(self.knowledge_base_id, self.changes)

    @property
    def short_fingerprint(self) -> str:
        """The beginning of the fingerprint, for people: 32 hexadecimal digits, which stand for the plan as a whole."""
        return self.fingerprint[:SHORT]

    def check(self, protection: Protection, *, on_unremovable: str = "warn", expected: str | None = None) -> None:
        """Refuse what is unsafe, or was not approved.

        :param protection: Which plans are refused.
        :param on_unremovable: ``warn`` (default), or ``fail`` where a field cannot be emptied.
        :param expected: Fingerprint of the plan that was approved. Default: none was needed.
        :raises PlanChangedError: The plan is neither the one that was approved nor a part of it.
        :raises UnsafePlanError: It removes too much, or from an empty source, or cannot empty a field.
        """
        # Of what was approved, an earlier try may have done a part, or all.
        new = unapproved(self.knowledge_base_id, self.changes, expected) if expected is not None else []
        if new:
            raise PlanChangedError(
                f"The plan is no longer the one that was approved; nothing was written. {len(new):,} of "
                f"{counted(len(self.changes), 'change')} were not approved. It is now: {self}",
                fingerprint=self.fingerprint,
                expected=str(expected),
                where=self._where(),
            )
        if on_unremovable == "fail" and self.unremovable:
            line, names = next(iter(self.unremovable.items()))
            raise self._unsafe(
                f"{len(self.unremovable):,} rows want a field empty that AWS cannot empty, the first of them {line}: "
                f"{', '.join(names)}",
                "leave it to on_unremovable='warn'",
            )
        if not protection.enabled or not self.removals:
            return
        if self.rows_read == 0:
            raise self._unsafe(
                f"There are no rows in {briefly(self.source)}, so that all {self.removals:,} would be removed"
            )
        allowed = max(float(protection.min_removals), protection.max_removal_share * self.in_scope)
        if self.removals > allowed:
            raise self._unsafe(
                f"{self.removals:,} of {self.in_scope:,} quick responses of this owner would be removed: "
                f"more than {protection.max_removal_share:.0%} and more than {protection.min_removals:,}"
            )

    def _unsafe(self, what: str, otherwise: str = "switch protection off for one run") -> UnsafePlanError:
        return UnsafePlanError(
            f"{what}; nothing was written. If that is meant, {otherwise}",
            removals=self.removals,
            in_scope=self.in_scope,
            where=self._where(),
        )

    def _where(self) -> dict[str, str | None]:
        return {"knowledge_base_id": self.knowledge_base_id}

    def __str__(self) -> str:
        counts = self.counts
        parts = [f"{counts[kind]:,} to {kind}" for kind in ("create", "update", "deactivate", "remove")]
        return f"{', '.join(parts)}, {self.unchanged:,} unchanged"

    def summary(self, sample: int) -> dict[str, Any]:
        """Return the plan in short, as JSON primitives for XCom.

        :param sample: How many changes to show.
        """
        counts = self.counts
        return {
            "fingerprint": self.fingerprint,
            "create": counts["create"],
            "update": counts["update"],
            "deactivate": counts["deactivate"],
            "remove": counts["remove"],
            "unchanged": self.unchanged,
            "kept": self.kept,
            "inScope": self.in_scope,
            "unremovable": len(self.unremovable),
            "changes": ["\n".join(change.lines()) for change in self.changes[:sample]],
        }


@dataclass(frozen=True)
class Intent:
    """What the table decides, and about what.

    :param key: What rows and quick responses are matched by: ``name`` or ``shortcut_key``.
    :param content_format: Format of what is created without a content type: ``markdown`` or ``plain``.
    :param owner: Whose quick responses these are: the value of a tag. Default: nobody's, so that none is removed.
    :param adopt: Whether quick responses that are matched and bear no owner get this one.
    :param on_missing: What happens to quick responses of the owner that no row names: ``keep``, ``deactivate`` or
        ``delete``.
    """

    key: str = "name"
    content_format: str = "markdown"
    owner: str | None = None
    adopt: bool = False
    on_missing: str = "keep"


class Comparison:
    """Compares the rows of a table with the quick responses that there are.

    :param there: Every quick response of the knowledge base, whole.
    :param intent: What the table decides.
    """

    def __init__(self, there: Sequence[QuickResponse], intent: Intent) -> None:
        self._intent = intent
        self._field = KEYS[intent.key]
        self._there = {item.quick_response_id: item for item in there}
        self._by_key: dict[Value, QuickResponse] = {}
        # One whose creation failed gives way to one that is there.
        for item in sorted(there, key=lambda item: not item.is_gone):
            if item.values.get(self._field):
                self._by_key[item.values[self._field]] = item

    def plan(self, rows: Iterable[Wanted], about: SyncPlan) -> SyncPlan:
        """Return what has to be done.

        :param rows: What the valid rows want.
        :param about: Of which rows and which knowledge base; a plan without changes.
        """
        changes: list[Change] = []
        named: set[str] = set()
        unremovable: dict[str, tuple[str, ...]] = {}
        warnings: list[str] = []
        unchanged = 0
        wanted_keys: set[Value] = set()
        for row in rows:
            wanted_keys.add(row.values.get("shortcutKey"))
            item = self._by_key.get(row.values.get(self._field))
            if item is not None:
                named.add(item.quick_response_id)
                unremovable.update(_unremovable(row, item))
            change = self._create(row, item) if item is None or item.is_gone else self._update(row, item)
            if change is None:
                unchanged += 1
            else:
                changes.append(change)
            warnings += _warnings(row, change)
        warnings += [f"{place}: AWS cannot empty {', '.join(names)}" for place, names in unremovable.items()]
        mine = [item for item in self._there.values() if self._is_mine(item) and not item.is_gone]
        missing = [item for item in mine if item.quick_response_id not in named]
        # An invalid row decides about nothing, and so it names nothing that could be missing.
        removed = (
            [] if about.rows_invalid else [change for item in missing if (change := self._remove(item, wanted_keys))]
        )
        return replace(
            about,
            changes=tuple(self._with_holders([*changes, *removed])),
            unchanged=unchanged,
            in_scope=len(mine),
            kept=len(missing) - len(removed),
            unremovable=unremovable,
            warnings=tuple(warnings),
        )

    def _is_mine(self, item: QuickResponse) -> bool:
        return self._intent.owner is not None and item.tags.get(OWNER) == self._intent.owner

    def _create(self, row: Wanted, failed: QuickResponse | None) -> Change:
        usual: dict[str, Value] = {"contentType": CONTENT_FORMATS[self._intent.content_format], "isActive": True}
        values = {name: value for name, value in {**usual, **row.values}.items() if value not in (None, ())}
        return Change(
            "create",
            str(row.values[self._field]),
            "its creation had failed" if failed else "there is none",
            row.line,
            row.unit,
            row.part,
            new=values,
            tags={OWNER: self._intent.owner} if self._intent.owner else {},
            replaces=failed.quick_response_id if failed else None,
        )

    def _update(self, row: Wanted, item: QuickResponse) -> Change | None:
        wanted = dict(row.values)
        for name in UNREMOVABLE:
            if name in wanted and not wanted[name]:
                del wanted[name]
        deactivated = self._is_mine(item) and DEACTIVATED in item.tags
        if deactivated and "isActive" not in wanted:
            wanted["isActive"] = True
        new = differences(item.values, wanted)
        adopts = bool(self._intent.adopt and self._intent.owner and OWNER not in item.tags)
        why = ["it differs"] if new else []
        if not item.is_settled:
            # Said again in full, so that it ends as the table says.
            new, why = {**wanted, **new}, [*why, f"its status is {item.status}"]
        why += ["it gets this owner"] * adopts + ["it is back in the table"] * deactivated
        if not why:
            return None
        return self._of(
            item,
            "update",
            "; ".join(why),
            line=row.line,
            unit=row.unit,
            part=row.part,
            new=new,
            tags={OWNER: str(self._intent.owner)} if adopts else {},
            untag=(DEACTIVATED,) if deactivated else (),
        )

    def _remove(self, item: QuickResponse, wanted_keys: Collection[Value]) -> Change | None:
        if self._intent.on_missing == "delete":
            return self._of(item, "remove", "the table no longer has it")
        if self._intent.on_missing == "keep":
            return None
        new = differences(item.values, {"isActive": False})
        if not item.is_settled:
            new["isActive"] = False
        if item.values.get("shortcutKey") in wanted_keys and item.values.get("shortcutKey"):
            # Nobody sees it any more, and a row wants its key.
            new["shortcutKey"] = None
        tags = {} if DEACTIVATED in item.tags or "isActive" not in new else {DEACTIVATED: "true"}
        return self._of(item, "deactivate", "the table no longer has it", new=new, tags=tags) if new else None

    def _of(self, item: QuickResponse, kind: Kind, why: str, **more: Any) -> Change:
        new = more.get("new", {})
        return Change(
            kind,
            str(item.values.get(self._field) or item.name),
            why,
            quick_response_id=item.quick_response_id,
            arn=item.arn,
            old={"name": item.name} | {name: item.values.get(name) for name in new},
            last_modified_by=item.last_modified_by,
            last_modified_time=iso(item.last_modified_time),
            by_hand=item.was_edited_by_hand,
            **more,
        )

    def _with_holders(self, changes: Sequence[Change]) -> Iterator[Change]:
        """Name who has a wanted name or shortcut key and keeps it: such a change cannot succeed."""
        leaving = {
            (change.quick_response_id, name)
            for change in changes
            for name in (UNIQUE if change.kind == "remove" else change.new)
        }
        holders = {
            (name, item.values[name]): item
            for item in self._there.values()
            for name in UNIQUE
            if item.values.get(name) and not item.is_gone and (item.quick_response_id, name) not in leaving
        }
        for change in changes:
            found = [holders[name, change.new[name]] for name in UNIQUE if (name, change.new.get(name)) in holders]
            others = [item for item in found if item.quick_response_id != change.quick_response_id]
            yield replace(change, held_by=others[0].name) if others else change


def _unremovable(row: Wanted, item: QuickResponse) -> dict[str, tuple[str, ...]]:
    names = tuple(sorted(name for name in UNREMOVABLE if name in row.values and not row.values[name]))
    stuck = tuple(name for name in names if item.values.get(name))
    return {row.place: stuck} if stuck else {}


def _warnings(row: Wanted, change: Change | None) -> list[str]:
    if change is None or change.kind != "create":
        return []
    channels = change.new.get("channels") or ()
    is_plain = change.new.get("contentType") == PLAIN
    if not (is_plain and isinstance(channels, tuple) and "Email" in channels):
        return []
    return [f"{row.place}: a plain quick response may not show where agents write e-mails; use markdown"]
