"""The commands that compare and copy quick responses: ``plan``, ``sync`` and ``export``."""

from __future__ import annotations

import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cli.exits import INTERRUPTED, Failed, Failure, Interrupted, UsageError, code_of, worst
from airflow_wisdom.cli.outcome import Column, Outcome, Sheet, doubtful_rows, facts, invalid_rows, mistakes, titled
from airflow_wisdom.cli.service import file_source, reach, routing_profiles
from airflow_wisdom.exceptions import PlanError, WisdomError
from airflow_wisdom.places import shown as place_shown
from airflow_wisdom.runs.changes import SIGNS, shown
from airflow_wisdom.runs.export import Export, ExportOptions
from airflow_wisdom.runs.run import Origin, Run
from airflow_wisdom.runs.sync import Sync, SyncOptions
from airflow_wisdom.sources import name_of
from airflow_wisdom.storage import Storage
from airflow_wisdom.values import counted

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_wisdom.cli.progress import CommandProgress
    from airflow_wisdom.cli.screen import Screen
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.rows.preparing import Sifted
    from airflow_wisdom.runs.changes import Change, ChangeEnd
    from airflow_wisdom.runs.sync import Planned, SyncAccount
    from airflow_wisdom.sources import FileSource

_CHANGES = (
    Column("", "status"),
    Column("Name"),
    Column("Field", "id"),
    Column("Now"),
    Column("Then"),
    Column("Line", "number", optional=True),
    Column("Why", optional=True),
)
_FAILURES = (Column("", "status"), Column("Name"), Column("Line", "number", optional=True), Column("Error"))
_AGAIN = "Run the same command again: it"


def plan(args: Namespace, screen: Screen) -> Outcome:
    """Show what a sync would change; nothing is written.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    hook, knowledge_base_id = reach(args)
    with (
        screen.progress(f"Comparing {place_shown(name_of(args.files))}") as progress,
        _new_sync(hook, knowledge_base_id, args, progress) as syncing,
    ):
        planned, refusal = _planned(syncing, hook, args)
        account = syncing.account(planned, None, is_refused=refusal is not None)
    return _outcome(account, refusal)


def sync(args: Namespace, screen: Screen) -> Outcome:
    """Make the quick responses say what a file says, once somebody has agreed to the plan.

    :param args: What the command was given.
    :param screen: Where progress and the question go.
    :raises UsageError: There is nobody to ask, and ``--yes`` was not given.
    :raises Interrupted: Changes were being made; the text says how to go on.
    """
    if not (args.yes or screen.can_ask):
        raise UsageError("there is no terminal to ask whether the plan may be applied: pass --yes, or see `plan` first")
    hook, knowledge_base_id = reach(args)
    with (
        screen.progress(f"Comparing {place_shown(name_of(args.files))}") as progress,
        _new_sync(hook, knowledge_base_id, args, progress) as syncing,
    ):
        planned, refusal = _planned(syncing, hook, args)
        if refusal is None and planned.plan.changes and not args.yes:
            with progress.paused():
                _ask(syncing, planned, screen)
        ends = None if refusal else _applied(syncing, planned)
        account = syncing.account(planned, ends, is_refused=refusal is not None)
    return _outcome(account, refusal or _failure(account, syncing.options.on_failed_items))


def export(args: Namespace, screen: Screen) -> Outcome:
    """Save all quick responses of a knowledge base to a file that a sync reads.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    hook, knowledge_base_id = reach(args)
    options = ExportOptions(args.file, args.owner_tag, args.sample_size).checked()
    storage, deadline = Storage(aws_conn_id=args.conn_id), time.time() + args.timeout
    with (
        screen.waiting(f"Reading knowledge base {knowledge_base_id}"),
        Export(hook, knowledge_base_id, options, storage, deadline) as exporting,
    ):
        exported = exporting.plan(routing_profiles(args, hook))
        exporting.apply(exported)
    summary = exporting.account(exported).summary()
    sheet = facts(
        knowledge_base=summary["knowledgeBaseId"],
        quick_responses=summary["itemsExported"],
        a_sync_would_change=summary["itemsUnrestorable"] or None,
        exported_to=summary["path"],
    )
    shown, total = exported.mistakes[: args.sample_size], len(exported.mistakes)
    return Outcome(summary, [sheet, mistakes("A sync would not read it as it is", shown, total)])


def _new_sync(hook: WisdomHook, knowledge_base_id: str, args: Namespace, progress: CommandProgress) -> Sync:
    run = Run(Origin.of_command(name_of(args.files)), time.time() + args.timeout, progress=progress)
    return Sync(hook, knowledge_base_id, _options(args), Storage(aws_conn_id=args.conn_id), run)


def _options(args: Namespace) -> SyncOptions:
    """Return the options of a sync; of what only ``sync`` has, ``plan`` keeps the defaults."""
    given = {each.name: getattr(args, each.name) for each in fields(SyncOptions) if hasattr(args, each.name)}
    try:
        options = SyncOptions(import_template=args.template, column_mapping=dict(args.map) or None, **given).checked()
        options.check_places(_source(args))
    except ValueError as exc:
        raise UsageError(str(exc)) from exc
    return options


def _source(args: Namespace) -> FileSource:
    return file_source(args, Storage(aws_conn_id=args.conn_id))


def _planned(syncing: Sync, hook: WisdomHook, args: Namespace) -> tuple[Planned, Failure | None]:
    """Return the plan, and why it is refused, if it is."""
    planned = syncing.plan(_source(args), routing_profiles(args, hook))
    try:
        syncing.check(planned)
    except PlanError as exc:
        return planned, Failure.of(exc)
    return planned, None


def _ask(syncing: Sync, planned: Planned, screen: Screen) -> None:
    """Show the plan, and ask whether it may be applied."""
    screen.preview(_plan_sheets(syncing.account(planned, None)))
    if not screen.ask(f"Apply this to {planned.plan.knowledge_base_id}: {planned.plan}?"):
        raise Failed(Failure("not applied, as you said; nothing was written", INTERRUPTED))


def _applied(syncing: Sync, planned: Planned) -> list[ChangeEnd]:
    try:
        return syncing.apply(planned)
    except KeyboardInterrupt:
        raise Interrupted(f"a part of the changes may be made. {_AGAIN} compares again, and does the rest") from None


def _failure(account: SyncAccount, tolerated: str | int) -> Failure | None:
    try:
        account.judge(tolerated)
    except WisdomError:
        code = worst({code_of(end.error) for end in account.failed})
        changes = counted(len(account.planned.plan.changes), "change")
        return Failure(f"{len(account.failed):,} of {changes} failed. {account.advice(_AGAIN)}", code)
    return None


def _outcome(account: SyncAccount, failure: Failure | None) -> Outcome:
    summary = account.summary()
    if failure:
        summary["error"] = failure.message
    return Outcome(summary, _plan_sheets(account) if account.ends is None else _sheets(account, summary), failure)


def _plan_sheets(account: SyncAccount) -> list[Sheet]:
    """Return what is shown of a plan that is not applied."""
    planned = account.planned
    plan = planned.plan
    counts = plan.counts
    sheet = facts(
        knowledge_base=plan.knowledge_base_id,
        rows_read=plan.rows_read,
        rows_invalid=plan.rows_invalid or None,
        unchanged=plan.unchanged,
        to_create=counts["create"],
        to_update=counts["update"],
        to_deactivate=counts["deactivate"] or None,
        to_remove=counts["remove"] or None,
        kept_although_missing=plan.kept or None,
        fingerprint=plan.short_fingerprint,
        plan_in=account.plan_path,
        invalid_rows_in=planned.invalid_rows_path,
        **_found(planned.sifted),
    )
    changes = plan.changes[: account.sample]
    rows = [row for change in changes for row in _rows(change)]
    title = titled("Plan", len(changes), len(plan.changes))
    return [sheet, Sheet(title, _CHANGES, rows), _warnings(account), *_rows_of_the_source(account)]


def _rows(change: Change) -> Iterator[Sequence[Any]]:
    """Yield a row for each field that an update changes, or one for the change."""
    by_hand = f"; edited by hand: {change.last_modified_by}" if change.by_hand else ""
    why, sign = change.why + by_hand, SIGNS[change.kind]
    if change.kind != "update" or not change.new:
        yield sign, change.name, "", "", "", change.line or "", why
        return
    for name, value in change.new.items():
        yield sign, change.name, name, shown(change.old.get(name)), shown(value), change.line or "", why


def _warnings(account: SyncAccount) -> Sheet:
    warnings = account.planned.plan.warnings
    found = [(warning,) for warning in warnings[: account.sample]]
    return Sheet(titled("Worth knowing", len(found), len(warnings)), (Column("Warning"),), found)


def _rows_of_the_source(account: SyncAccount) -> list[Sheet]:
    sifted = account.planned.sifted
    return [invalid_rows(sifted.mistakes, sifted.mistakes_total), doubtful_rows(sifted.doubts)]


def _found(sifted: Sifted) -> dict[str, int | None]:
    return {"rows_blank": sifted.rows_blank or None, "cells_null": sifted.cells_null or None}


def _sheets(account: SyncAccount, summary: Mapping[str, Any]) -> list[Sheet]:
    """Return what is shown of changes that were made."""
    sheet = facts(
        knowledge_base=summary["knowledgeBaseId"],
        rows_read=summary["rowsRead"],
        rows_invalid=summary["rowsInvalid"] or None,
        unchanged=summary["rowsUnchanged"],
        created=summary["rowsCreated"],
        updated=summary["rowsUpdated"],
        deactivated=summary["itemsDeactivated"] or None,
        removed=summary["itemsRemoved"] or None,
        failed=len(account.failed) or None,
        plan_in=account.plan_path,
        invalid_rows_in=summary["invalidRowsPath"],
        **_found(account.planned.sifted),
    )
    failed = account.failed[: account.sample]
    rows = [(SIGNS[end.change.kind], end.change.name, end.change.line or "", str(end.error)) for end in failed]
    title = titled("Failed", len(rows), len(account.failed))
    return [sheet, Sheet(title, _FAILURES, rows), _warnings(account), *_rows_of_the_source(account)]
