"""A sync of quick responses: a table is compared with what Amazon Connect has, changed, read again, accounted for."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_wisdom.exceptions import ParameterError, RunTimeoutError, StorageError, SyncIncompleteError, WisdomError
from airflow_wisdom.hooks.calls import Calls
from airflow_wisdom.hooks.connection import ReadyConnection
from airflow_wisdom.model.asset_events import event_extra
from airflow_wisdom.model.knowledge_base import arn_of
from airflow_wisdom.model.limits import MAX_TAG_VALUE
from airflow_wisdom.model.quick_response import differences
from airflow_wisdom.places import output
from airflow_wisdom.places import shown as place_shown
from airflow_wisdom.redaction import redact
from airflow_wisdom.rows.cells import safe
from airflow_wisdom.rows.keeping import keeping
from airflow_wisdom.rows.preparing import sift
from airflow_wisdom.rows.quick_responses import WORDS, wanted
from airflow_wisdom.rows.reading.formats import format_of
from airflow_wisdom.rows.reading.values import writable
from airflow_wisdom.runs.apply import Applier
from airflow_wisdom.runs.changes import shown
from airflow_wisdom.runs.counting import Counting
from airflow_wisdom.runs.folder import HasFolder
from airflow_wisdom.runs.inventory import Inventory, everything
from airflow_wisdom.runs.judging import judging
from airflow_wisdom.runs.limit import Limit
from airflow_wisdom.runs.manifest import invalid_rows
from airflow_wisdom.runs.options import RowOptions
from airflow_wisdom.runs.plan import CONTENT_FORMATS, KEYS, Comparison, Intent, Protection, SyncPlan
from airflow_wisdom.runs.progress import Several, task_progress
from airflow_wisdom.runs.remedies import first_steps, several
from airflow_wisdom.runs.run import Origin, Run
from airflow_wisdom.runs.summary import summary_of
from airflow_wisdom.values import (
    Readers,
    counted,
    most_tolerated,
    one_of,
    optional,
    share,
    switch,
    text,
    tolerated,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.quick_response import QuickResponse
    from airflow_wisdom.rows import ImportTemplate
    from airflow_wisdom.rows.preparing import Sifted
    from airflow_wisdom.rows.quick_responses import Wanted
    from airflow_wisdom.rows.reading.table import Row
    from airflow_wisdom.runs.changes import Change, ChangeEnd, Kind
    from airflow_wisdom.sources import Source
    from airflow_wisdom.storage import Storage

log = logging.getLogger(__name__)

PAGE = 100
"""Quick responses that a list or a search shows with one call."""

_DONE: Mapping[Kind, str] = {
    "create": "created",
    "update": "updated",
    "deactivate": "deactivated",
    "remove": "removed",
}
"""Kind of a change -> what it is called once it is made."""

PLAN_COLUMNS = ("kind", "key", "line", "unit", "field", "old", "new", "why", "lastModifiedBy", "lastModifiedTime")
"""Columns of a plan that is written as CSV: a row for each field that changes. What `line` counts, says `unit`."""


@dataclass(frozen=True)
class SyncOptions(RowOptions):
    """How a sync is done; what each option means says
    :class:`~airflow_wisdom.operators.WisdomSyncQuickResponsesOperator`, whose parameters they are.
    """  # noqa: D205 - one sentence

    words = WORDS

    readers: ClassVar[Readers] = {
        "key": partial(one_of, words=tuple(KEYS)),
        "content_format": partial(one_of, words=tuple(CONTENT_FORMATS)),
        "adopt": switch,
        "on_missing": partial(one_of, words=("keep", "deactivate", "delete")),
        "protection": switch,
        "max_removal_share": share,
        "min_removals": partial(whole_number, least=0),
        "on_unremovable": partial(one_of, words=("warn", "fail")),
        "on_failed_items": tolerated,
        "mode": partial(one_of, words=("apply", "plan")),
        "owner_tag": optional(partial(text, most=MAX_TAG_VALUE)),
        "expected_plan": optional(text),
        "plan_path": output,
    }

    key: Literal["name", "shortcut_key"] = "name"
    content_format: Literal["markdown", "plain"] = "markdown"
    owner_tag: str | None = None
    adopt: bool = False
    on_missing: Literal["keep", "deactivate", "delete"] = "keep"
    protection: bool = True
    max_removal_share: float = 0.3
    min_removals: int = 10
    on_unremovable: Literal["warn", "fail"] = "warn"
    on_failed_items: Literal["fail", "warn", "ignore"] | int = "fail"
    mode: Literal["apply", "plan"] = "apply"
    expected_plan: str | None = None
    plan_path: str | None = None

    @property
    def outputs(self) -> dict[str, str | None]:
        """The parameters that name a file which is written, and what they name."""
        return {**super().outputs, "plan_path": self.plan_path}

    def contradictions(self) -> Iterator[str]:
        """Yield what is wrong with options that make sense each for itself."""
        yield from super().contradictions()
        if not self.owner_tag and (self.on_missing in ("deactivate", "delete") or self.adopt is True):
            yield "owner_tag is needed where on_missing is not keep, or adopt is set: it marks your items"

    @property
    def intent(self) -> Intent:
        """What the table decides, and about what."""
        return Intent(self.key, self.content_format, self.owner_tag, self.adopt, self.on_missing)


@dataclass(frozen=True)
class Planned:
    """A plan, with what it was made from.

    :param plan: The plan; one without changes where nothing was compared.
    :param there: Every quick response of the knowledge base as it was.
    :param sifted: What became of the rows that were judged.
    :param invalid_rows_path: Where the invalid rows were written to, if anywhere.
    :param refusal: Why the rows were not compared with what there is. Default: they were.
    """

    plan: SyncPlan
    there: Sequence[QuickResponse]
    sifted: Sifted
    invalid_rows_path: str | None = None
    refusal: WisdomError | None = None


@dataclass(frozen=True)
class SyncAccount:
    """What became of every row and every quick response.

    :param planned: The plan, with what it was made from.
    :param ends: How each change ended; None where nothing was to be applied.
    :param sample: How many changes and failures are shown.
    :param plan_path: Where the whole plan was written to, if anywhere.
    :param is_refused: Whether the plan must not be applied.
    """

    planned: Planned
    ends: list[ChangeEnd] | None
    sample: int
    plan_path: str | None = None
    is_refused: bool = False

    def __str__(self) -> str:
        """Say in one line what became of the rows and the quick responses."""
        plan, path = self.planned.plan, self.planned.invalid_rows_path
        source, kept = redact(plan.source), f" -> {redact(path)}" if path else ""
        invalid = f"{plan.rows_invalid:,} invalid{kept}" if plan.rows_invalid else ""
        if self.ends is None:
            what = plan if self.planned.refusal is None else f"{plan.rows_read:,} rows were read, and not compared"
            return f"Nothing was written of {source}: {', '.join(filter(None, (str(what), invalid)))}"
        unknown = len(self.unknown)
        numbers = {**self.numbers, "failed": len(self.failed) - unknown, "unknown": unknown, "invalid": 0}
        done = [*(f"{number:,} {what}" for what, number in numbers.items() if number), *filter(None, [invalid])]
        return f"Synced {source}: {', '.join(done) or 'there was nothing to do'}"

    @property
    def arn(self) -> str | None:
        """ARN of the knowledge base, as far as it is known."""
        answers = (*self.planned.there, *(self.ends or ()))
        return arn_of(self.planned.plan.knowledge_base_id, (each.knowledge_base_arn for each in answers))

    @cached_property
    def failed(self) -> list[ChangeEnd]:
        """The changes that are not as wanted."""
        return [end for end in self.ends or () if end.error is not None]

    @property
    def status(self) -> str:
        """``PLANNED``, ``COMPLETE`` or ``FAILED``."""
        if self.failed or self.is_refused:
            return "FAILED"
        return "PLANNED" if self.ends is None else "COMPLETE"

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of rows and quick responses by what became of them, for asset events and lineage."""
        done = Counter(end.change.kind for end in self.ends or () if end.error is None)
        return {
            "created": done["create"],
            "updated": done["update"],
            "unchanged": self.planned.plan.unchanged,
            "invalid": self.planned.plan.rows_invalid,
            "failed": sum(end.change.line is not None and not end.is_unknown for end in self.failed),
            "deactivated": done["deactivate"],
            "removed": done["remove"],
        }

    @cached_property
    def unknown(self) -> list[ChangeEnd]:
        """The changes of which nobody knows what became: they count as failed when the sync is judged."""
        return [end for end in self.failed if end.is_unknown]

    def _done(self, kind: Kind) -> int | None:
        """Return how many changes of a kind were made; None if nobody knows what became of some of them."""
        return None if any(end.change.kind == kind for end in self.unknown) else self.numbers[_DONE[kind]]

    def summary(self) -> dict[str, Any]:
        """Return what the sync did, as JSON primitives for XCom.

        ``rowsRead`` is ``rowsInvalid`` + ``rowsUnchanged`` + ``rowsCreated`` + ``rowsUpdated`` + ``rowsFailed`` +
        ``rowsUnknown`` + ``rowsPlanned``; the last are those of a plan that was not applied. Where rows were not
        compared with what there is, ``rowsUnchanged``, ``rowsPlanned`` and ``plan`` are None. Where nobody knows what
        became of changes of a kind, the number of those that were made is None and no guess.
        """
        plan, numbers = self.planned.plan, self.numbers
        rows_unknown = sum(end.change.line is not None for end in self.unknown)
        planned = 0 if self.ends is not None else sum(change.line is not None for change in plan.changes)
        is_compared = self.planned.refusal is None
        members = {
            "knowledgeBaseId": plan.knowledge_base_id,
            "status": self.status,
            "rowsRead": plan.rows_read,
            "rowsInvalid": numbers["invalid"],
            "rowsUnchanged": numbers["unchanged"] if is_compared else None,
            "rowsCreated": self._done("create"),
            "rowsUpdated": self._done("update"),
            "rowsFailed": numbers["failed"],
            "rowsUnknown": rows_unknown,
            "rowsPlanned": planned if is_compared else None,
            "itemsDeactivated": self._done("deactivate"),
            "itemsRemoved": self._done("remove"),
            "itemsFailed": len(self.failed) - len(self.unknown) - numbers["failed"],
            "itemsUnknown": len(self.unknown) - rows_unknown,
            "isApplied": self.ends is not None,
            "plan": plan.summary(self.sample) if is_compared else None,
            "planPath": self.plan_path,
            "rowsBlank": self.planned.sifted.rows_blank,
            "cellsNull": self.planned.sifted.cells_null,
            "failures": [_failure(end) for end in self.failed[: self.sample]],
            **self.planned.sifted.doubts.summary(),
            "invalidRows": [mistake.to_dict() for mistake in self.planned.sifted.mistakes],
            "invalidRowsPath": self.planned.invalid_rows_path,
        }
        return summary_of("sync", members)

    def event(self) -> dict[str, Any]:
        """Return what an asset event says of the sync: a plan that was not applied has no numbers of what was done."""
        unknown = {_DONE[end.change.kind] for end in self.unknown}
        known = {name: number for name, number in self.numbers.items() if name not in unknown}
        records = None if self.ends is None else known
        return event_extra(self.planned.plan.knowledge_base_id, self.arn, self.status, records=records)

    def judge(self, tolerated_failures: str | int) -> None:
        """Accept the sync, or raise why it is not acceptable.

        :param tolerated_failures: ``fail``, ``warn``, ``ignore``, or a number of changes that may have failed.
        :raises SyncIncompleteError: More changes failed than are tolerated.
        """
        failed, most = self.failed, most_tolerated(tolerated_failures)
        if not failed:
            return
        plan = self.planned.plan
        number = f"{len(failed):,} of {counted(len(plan.changes), 'change')} failed"
        message = f"{number}{self._causes()}. {self.advice()}"
        if most is not None and len(failed) > most:
            raise SyncIncompleteError(
                message,
                failed=len(failed),
                failures=[_failure(end) for end in failed[: self.sample]],
                retryable=self.is_retryable,
                where={"knowledge_base_id": plan.knowledge_base_id, "source": place_shown(plan.source)},
            )
        if tolerated_failures != "ignore":
            log.warning("%s", message)

    def _causes(self) -> str:
        """Say why changes failed, the cause first: a list of failed tasks has room for no more."""
        kinds = [end.kind_of_failure for end in self.failed]
        if not self.sample:
            return several(kinds) or f": {kinds[0]}"
        first = sorted(self.failed, key=lambda end: end.is_consequence)[: self.sample]
        return f"{several(kinds)}: {'; '.join(f'{shown(end.change.name)}: {end.error}' for end in first)}"

    @property
    def is_retryable(self) -> bool:
        """Whether another try may end otherwise: not so if only other rows would help."""
        return not all(end.is_data_at_fault or end.is_consequence for end in self.failed)

    def advice(self, again: str = "Another try") -> str:
        """Return what to do about the changes that failed.

        :param again: What is done again, as the beginning of a sentence about it.
        """
        fix = "Correct these rows, or what has their names and keys: the same rows would fail again"
        if not self.is_retryable:
            return fix
        first = first_steps(end.error for end in self.failed if not end.is_data_at_fault)
        more = f". {fix}" if any(end.is_data_at_fault for end in self.failed) else ""
        return f"{first}{again} compares again, and does the rest{more}"


def _failure(end: ChangeEnd) -> dict[str, Any]:
    change = end.change
    place = {"line": change.line, "unit": change.unit, "part": change.part}
    return {"kind": change.kind, "key": change.key, **place, "error": str(end.error)}


class Sync(HasFolder):
    """A sync of quick responses, from rows to an account of each of them; use it as a context manager.

    :param hook: What AWS is reached with.
    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param options: How the sync is done.
    :param storage: What reads templates and writes reports.
    :param run: Who does it, until when, and who is notified.
    """

    def __init__(
        self, hook: WisdomHook, knowledge_base_id: str, options: SyncOptions, storage: Storage, run: Run
    ) -> None:
        self.options = options
        self._connection = ReadyConnection(hook)
        self._knowledge_base_id = knowledge_base_id
        self._storage = storage
        self._run = run
        self._plan_path: str | None = None

    def plan(self, source: Source, routing_profiles: Mapping[str, str] | None = None) -> Planned:
        """Judge every row, and compare the valid ones with what there is; nothing is written.

        Where invalid rows are not to be skipped, nothing is compared: :meth:`check` says why.

        :param source: Where the rows are.
        :param routing_profiles: Name -> ARN of the routing profiles that there are. Default: not known, so that rows
            must name them by ARN.
        :raises SourceError: The source cannot be read, or does not fit the template.
        :raises StorageError: A file cannot be written.
        :raises ValueError: Two parameters name the same file.
        """
        self.options.check_places(source)
        rows, sifted = self._judge(source, routing_profiles or {})
        self._run.progress.rejected(source.name, sifted.mistakes)
        self._run.progress.doubted(source.name, sifted.doubts)
        self._run.progress.left_empty(source.name, sifted.rows_blank, sifted.cells_null)
        about = SyncPlan(
            self._knowledge_base_id, source.name, rows_read=sifted.rows_read, rows_invalid=sifted.rows_invalid
        )
        # Also without invalid rows, so that none of an earlier run stay there.
        path, not_saved = self._storage.try_to_save(sifted.invalid_path, self.options.invalid_rows_path)
        refusal = self._refusal(sifted, source, path, not_saved)
        if refusal:
            return Planned(about, (), sifted, path, refusal)
        there = everything(self._connection, self._knowledge_base_id, self._limit("The knowledge base was not read"))
        plan = Comparison(there, self.options.intent).plan(rows, about)
        self._run.progress.compared(plan)
        return Planned(plan, there, sifted, path)

    def _refusal(self, sifted: Sifted, source: Source, path: str | None, not_saved: str | None) -> WisdomError | None:
        if sifted.rows_invalid and (self.options.on_invalid_rows == "fail" or not sifted.rows_valid):
            return invalid_rows(sifted, source.name, path, not_saved, self._knowledge_base_id)
        return StorageError(not_saved) if not_saved else None

    @classmethod
    def of_task(
        cls, task: Any, context: Mapping[str, Any], options: SyncOptions, storage: Storage, deadline: float
    ) -> Sync:
        """Return the sync of a task.

        :param task: The task, which has a hook, a knowledge base and perhaps an instance.
        :param context: The context in which it runs.
        :param options: How the sync is done.
        :param storage: What reads templates and writes reports.
        :param deadline: POSIX time at which it ends.
        """
        progress = Several(task_progress(options.sample_size), Counting.of_task(task, context))
        run = Run(Origin.of_task(task, context), deadline, progress=progress, ended=task.ended)
        return cls(task.hook, task.find_knowledge_base(), options, storage, run)

    def check(self, planned: Planned) -> None:
        """Write the plan where the user wants it, and refuse it if it is unsafe, or not what was approved.

        :param planned: What :meth:`plan` returned.
        :raises InvalidRowsError: There are invalid rows that are not to be skipped, or no others.
        :raises PlanError: The plan is unsafe, or another one was approved.
        :raises StorageError: The invalid rows or the plan cannot be written to where they should be.
        """
        options = self.options
        if planned.refusal:
            raise planned.refusal
        if options.plan_path:
            self._storage.save(write_plan(planned.plan, self.folder, options.plan_path), options.plan_path)
            self._plan_path = options.plan_path
        protection = Protection(options.protection, options.max_removal_share, options.min_removals)
        planned.plan.check(protection, on_unremovable=options.on_unremovable, expected=options.expected_plan)

    def apply(self, planned: Planned) -> list[ChangeEnd]:
        """Make the changes, wait until they have settled, and compare once more; return how each ended.

        :param planned: What :meth:`plan` returned.
        """
        return asyncio.run(self._apply(planned)) if planned.plan.changes else []

    def account(self, planned: Planned, ends: list[ChangeEnd] | None, *, is_refused: bool = False) -> SyncAccount:
        """Account for every row and every quick response.

        :param planned: What :meth:`plan` returned.
        :param ends: How each change ended; None if the plan was not applied.
        :param is_refused: Whether :meth:`check` refused it. Default: no.
        """
        return SyncAccount(planned, ends, self.options.sample_size, self._plan_path, is_refused)

    def _judge(self, source: Source, routing_profiles: Mapping[str, str]) -> tuple[list[Wanted], Sifted]:
        # The API takes ARNs alone: where no name is known, none will do.
        options, rows = self.options, []
        template = _with_key(options.template(self._storage), KEYS[options.key])
        with judging(source, template, options, routing_profiles) as (table, validator):

            def take(row: Row, cells: tuple[str, ...]) -> list[Any]:
                rows.append(wanted(row, validator.fields(cells), routing_profiles))
                return []

            sifted = sift(table, validator, self.folder, take, sample=options.sample_size)
            return rows, sifted

    def _limit(self, what: str) -> Limit:
        return Limit(self._run.deadline, self._run.ended.is_set, self._run.contact, what=what, error=RunTimeoutError)

    async def _apply(self, planned: Planned) -> list[ChangeEnd]:
        with Calls.of(self._connection).kept() as calls:
            limit = self._limit("The quick response was not changed")
            applier = Applier(calls, self._knowledge_base_id, limit, self._run.progress)
            ends = await applier.apply(planned.plan.changes, planned.there)
            try:
                await self._verify(ends, len(planned.there), Inventory(calls, self._knowledge_base_id, limit))
            except WisdomError as exc:
                # What was written is written: what became of it is not known.
                for end in [end for end in ends if end.error is None]:
                    end.lose(WisdomError(f"It was changed, but could not be read again: {exc}"))
            return ends

    async def _verify(self, ends: Sequence[ChangeEnd], there: int, inventory: Inventory) -> None:
        """Read again what was touched, once it has settled, and note what still differs."""
        touched = {end.quick_response_id: end for end in ends if end.quick_response_id and end.error is None}
        # As many calls as a list and a search of everything would take: then those show more.
        if len(touched) <= 2 * (1 + there // PAGE):
            found = await inventory.some(touched)
        else:
            found = {item.quick_response_id: item for item in await inventory.everything()}
        for quick_response_id, end in touched.items():
            end.error = _still_wrong(end.change, found.get(quick_response_id))


def _with_key(template: ImportTemplate, key: str) -> ImportTemplate:
    """Return the template with the key required: a row without it can be matched with nothing."""
    label = next((label for label, name in template.fields.items() if name == key), None)
    if label is None:
        raise ParameterError(f"The template has no column for {key}, by which rows are to be matched")
    return replace(template, required=template.required | {label})


def _still_wrong(change: Change, item: QuickResponse | None) -> WisdomError | None:
    """Return how a quick response differs from what was wanted, after all."""
    if change.kind == "remove":
        return None if item is None or item.is_gone else WisdomError(f"It is still there, in status {item.status}")
    if item is None:
        return WisdomError("It is gone: somebody else deleted it")
    if not item.is_settled:
        return WisdomError(f"Its status is {item.status}")
    still = differences(item.values, change.new)
    return WisdomError(f"It still differs in {', '.join(still)}: somebody else changed it") if still else None


def write_plan(plan: SyncPlan, folder: Path, name: str) -> Path:
    """Write a whole plan to a file, and return its path.

    :param plan: The plan.
    :param folder: Where the file is made.
    :param name: Path or URI that it is meant for: JSON Lines if it ends like that, else CSV, whose cells are safe to
        open in a spreadsheet.
    :raises StorageError: It cannot be written.
    """
    path = folder / "plan"
    with keeping():
        if format_of(name) == "json_lines":
            lines = (json.dumps(change.to_dict()) + "\n" for change in plan.changes)
            path.write_text("".join(lines), encoding="utf-8")
            return path
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(PLAN_COLUMNS)
            writer.writerows(row for change in plan.changes for row in _plan_rows(change))
    return path


def _plan_rows(change: Change) -> Iterator[list[Any]]:
    for name in change.new or {"": None}:
        old, new = (_cell(values.get(name)) for values in (change.old, change.new))
        yield [
            change.kind,
            safe(writable(change.key)),
            safe(f"{change.part}:{change.line}") if change.part else change.line or "",
            change.unit or "",
            name,
            safe(writable(old)),
            safe(writable(new)),
            safe(change.why),
            change.last_modified_by or "",
            change.last_modified_time or "",
        ]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ";".join(value) if isinstance(value, tuple) else str(value)
