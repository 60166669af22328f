"""The commands that take a file: ``check`` and ``import``."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cli.exits import DATA, Failed, Failure, Interrupted, UsageError, code_of, worst
from airflow_wisdom.cli.outcome import Column, Outcome, Sheet, doubtful_rows, facts, invalid_rows, records, titled
from airflow_wisdom.cli.service import file_source, reach, routing_profiles
from airflow_wisdom.exceptions import ImportIncompleteError, ServiceUnavailableError, WisdomError
from airflow_wisdom.places import shown
from airflow_wisdom.runs.account import how_to_go_on
from airflow_wisdom.runs.imports import Import, ImportOptions, judge
from airflow_wisdom.runs.run import Origin, Run
from airflow_wisdom.runs.starting import mark_of
from airflow_wisdom.storage import Storage
from airflow_wisdom.values import counted

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection, Iterator

    from airflow_wisdom.cli.progress import CommandProgress
    from airflow_wisdom.cli.screen import Screen
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.rows.preparing import Prepared
    from airflow_wisdom.runs.account import Account
    from airflow_wisdom.runs.manifest import Manifest
    from airflow_wisdom.runs.options import RowOptions
    from airflow_wisdom.runs.starting import Submission
    from airflow_wisdom.sources import FileSource

_JOBS = (
    Column("Import job", "id"),
    Column("Status", "status"),
    Column("Rows", "number", optional=True),
    Column("Imported", "number"),
    Column("Refused", "number", optional=True),
    Column("Seconds", "number", optional=True),
    Column("Of the source", "id", optional=True),
)


def check(args: Namespace, screen: Screen) -> Outcome:
    """Judge the rows of a file; AWS is not asked, and Airflow is not needed.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    storage = Storage(aws_conn_id=args.conn_id)
    source, options = file_source(args, storage), _options(args)
    check_places(options, source)
    with (
        screen.waiting(f"Judging the rows of {shown(source.name)}"),
        TemporaryDirectory(prefix="airflow-wisdom-") as folder,
    ):
        prepared = judge(source, options.template(storage), options, Path(folder)).prepared
        if args.invalid_rows_path:
            storage.save(prepared.invalid_path, args.invalid_rows_path)
    return _judged(source.name, prepared, args.invalid_rows_path)


def import_file(args: Namespace, screen: Screen) -> Outcome:
    """Import a file, and account for each of its rows.

    :param args: What the command was given.
    :param screen: Where progress goes.
    :raises Interrupted: The import goes on without the command; the text says what was started.
    """
    options, storage = _options(args), Storage(aws_conn_id=args.conn_id)
    source = file_source(args, storage)
    check_places(options, source)
    hook, knowledge_base_id = reach(args)
    origin = Origin.of_command(source.name, _run_id(args))
    _knock(hook, knowledge_base_id)
    with screen.progress(f"Judging the rows of {shown(source.name)}") as progress:
        # An earlier run of the same file may have started its jobs: the list of jobs is always looked at.
        run = Run(origin, time.time() + args.timeout, progress=progress, is_first_try=False)
        with Import(hook, knowledge_base_id, options, storage, run) as importing:
            manifest = importing.plan(source, routing_profiles(args, hook))
            refusal = _refusal(manifest, options.on_invalid_rows)
            if refusal:
                return _refused(importing.given_up(manifest), refusal)
            with _interruptible(hook, manifest, progress, origin):
                manifest = importing.take_stock(manifest)
                submissions = _sent(importing, manifest, origin)
                account = importing.account(manifest, importing.wait(submissions))
    failure = _failure(account, options.on_failed_records, origin)
    return _accounted(account, failure, options.template(storage).columns)


def _options(args: Namespace) -> ImportOptions:
    """Return the options of an import; of what only imports have, `check` keeps the defaults."""
    given = {each.name: getattr(args, each.name) for each in fields(ImportOptions) if hasattr(args, each.name)}
    return ImportOptions(import_template=args.template, column_mapping=dict(args.map) or None, **given)


def check_places(options: RowOptions, source: FileSource) -> None:
    """Refuse outputs that would replace what is read, or one another, before anything else is done.

    :param options: The options of the command.
    :param source: Where the rows are.
    :raises UsageError: Two of them name the same file.
    """
    try:
        options.check_places(source)
    except ValueError as exc:
        raise UsageError(str(exc)) from exc


def _run_id(args: Namespace) -> str:
    if args.again and args.run_id:
        raise UsageError("--again begins a run and --run-id goes on with one: pass only one of them")
    return args.run_id or (uuid.uuid4().hex[:8] if args.again else "")


def _sent(importing: Import, manifest: Manifest, origin: Origin) -> list[Submission]:
    try:
        return importing.send(manifest)
    except ImportIncompleteError as exc:
        what = f"a file could not be uploaded, and no further import job was started: {exc.__cause__}"
        message = f"{what}. {_how_to_go_on(origin)}"
        raise Failed(Failure(message, code_of(exc.__cause__))) from exc


def _knock(hook: WisdomHook, knowledge_base_id: str) -> None:
    """Ask AWS once, so that who has no access learns it now, rather than after the last row and hours of patience."""
    try:
        next(hook.list_import_jobs(knowledge_base_id, page_size=1), None)
    except ServiceUnavailableError:
        # That passes, and the import waits it out.
        return


# What is said of a file that was judged


def _judged(file: str, prepared: Prepared, path: str | None) -> Outcome:
    document = {
        "source": file,
        "rowsRead": prepared.rows_read,
        "rowsValid": prepared.rows_valid,
        "rowsInvalid": prepared.rows_invalid,
        "rowsBlank": prepared.rows_blank,
        "cellsTrimmed": prepared.cells_trimmed,
        **prepared.doubts.summary(),
        "cellsNull": prepared.cells_null,
        "mistakes": prepared.mistakes_total,
        "invalidRows": [mistake.to_dict() for mistake in prepared.mistakes],
        "invalidRowsPath": path,
        "importFiles": len(prepared.files),
    }
    sheet = facts(
        rows_read=prepared.rows_read,
        rows_valid=prepared.rows_valid,
        rows_invalid=prepared.rows_invalid,
        rows_blank=prepared.rows_blank or None,
        cells_trimmed=prepared.cells_trimmed or None,
        cells_null=prepared.cells_null or None,
        import_files=len(prepared.files),
        invalid_rows_in=path,
    )
    failure = Failure(f"{prepared.rows_invalid:,} of {prepared.rows_read:,} rows of {file} are invalid", DATA)
    sheets = [sheet, invalid_rows(prepared.mistakes, prepared.mistakes_total), doubtful_rows(prepared.doubts)]
    return Outcome(document, sheets, failure if prepared.rows_invalid else None)


# What is said of an import


def _refusal(manifest: Manifest, on_invalid_rows: str) -> WisdomError | None:
    """Return why nothing is sent, if nothing is."""
    try:
        manifest.check(on_invalid_rows)
    except WisdomError as exc:
        return exc
    return None


def _refused(account: Account, refusal: WisdomError) -> Outcome:
    """Return the outcome of an import of which nothing was sent."""
    manifest = account.manifest
    invalid = f"{manifest.rows_invalid:,} of {manifest.rows_read:,} rows of {manifest.source} are invalid"
    message = ". ".join(filter(None, (f"{invalid}; nothing was sent", manifest.not_saved)))
    return _accounted(account, Failure(message, code_of(refusal)))


def _accounted(account: Account, failure: Failure | None, known: Collection[str] = ()) -> Outcome:
    summary, manifest, refused = account.summary(), account.manifest, account.refused
    if failure:
        summary["error"] = failure.message
    sheet = facts(
        knowledge_base=summary["knowledgeBaseId"],
        rows_read=summary["rowsRead"],
        rows_invalid=summary["rowsInvalid"],
        rows_already_there=summary["rowsPresent"] or None,
        rows_imported="?" if summary["rowsImported"] is None else summary["rowsImported"],
        rows_refused="?" if summary["rowsRefused"] is None else summary["rowsRefused"],
        rows_not_started=summary["rowsNotStarted"] or None,
        rows_unknown=summary["rowsUnknown"] or None,
        rows_blank=summary["rowsBlank"] or None,
        cells_null=summary["cellsNull"] or None,
        seconds=summary["durationSeconds"],
        invalid_rows_in=summary["invalidRowsPath"],
        refused_records_in=summary["failedRecordsPath"],
    )
    sheets = [
        sheet,
        _jobs(summary, manifest.unit),
        invalid_rows(manifest.mistakes, manifest.mistakes_total),
        doubtful_rows(manifest.doubts),
        records(titled("Refused by AWS", len(refused.sample), refused.count), refused.sample, known),
    ]
    return Outcome(summary, sheets, failure)


def _jobs(summary: dict[str, Any], unit: str) -> Sheet:
    names = ("importJobId", "status", "rowsSent", "rowsImported", "rowsRefused", "durationSeconds")
    # One that was not started has no line of its own: its rows are counted above, and the error says why.
    jobs = [each for each in summary["importJobs"] if each["importJobId"]]
    rows = [[*map(each.get, names), f"{unit}s {each['firstRow']}-{each['lastRow']}"] for each in jobs]
    return Sheet("Import jobs", _JOBS, rows)


def _failure(account: Account, tolerated: str | int, origin: Origin) -> Failure | None:
    wrong = [each for each in account.parts if not each.end.is_complete]
    if wrong:
        done = f"{len(account.parts) - len(wrong)} of {len(account.parts)} import jobs are COMPLETE"
        more = f"; and {len(wrong) - 1} more" if wrong[1:] else ""
        message = f"{done}. {wrong[0]}{more}. {how_to_go_on(wrong, f'{_again(origin)} it')}"
        return Failure(message, worst({code_of(each.end.error) for each in wrong}))
    try:
        account.judge(tolerated)
    except WisdomError as exc:
        return Failure.of(exc)
    return None


# An import that is interrupted


@contextmanager
def _interruptible(hook: WisdomHook, manifest: Manifest, progress: CommandProgress, origin: Origin) -> Iterator[None]:
    """Let an interruption of the block say which jobs were started, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"{_started(hook, manifest, progress)}. {_how_to_go_on(origin)}") from None


def _started(hook: WisdomHook, manifest: Manifest, progress: CommandProgress) -> str:
    """Return which jobs were started: those that are known, and those of the list, of which one may be new."""
    marks = {part.mark for part in manifest.parts}
    jobs, doubt = dict(progress.jobs), ""
    try:
        listed = hook.list_import_jobs(manifest.knowledge_base_id)
        jobs |= {job.import_job_id: job.status for job in listed if mark_of(job) in marks}
    except WisdomError as exc:
        doubt = f" (as far as is known: {exc})"
    if not jobs:
        return f"no import job was started{doubt}"
    named = ", ".join(f"{import_job_id} ({status})" for import_job_id, status in jobs.items())
    of = f"{len(jobs)} for {counted(len(manifest.parts), 'file')}"
    return f"import jobs were started, and go on without this command{doubt}: {of}: {named}"


def _how_to_go_on(origin: Origin) -> str:
    """Return what to do after an import that did not come to its end."""
    return f"{_again(origin)} it starts only files that have no job, or whose job failed"


def _again(origin: Origin) -> str:
    run_id = origin.identity[-1]
    how = f" with --run-id {run_id} in place of --again" if run_id else ""
    return f"To go on, run the same command again{how}:"
