"""The commands that are about import jobs that are there: ``jobs``, ``job``, ``wait`` and ``delete``."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_wisdom.cli.exits import Failure, Interrupted
from airflow_wisdom.cli.outcome import Column, Outcome, Sheet, facts, records, titled
from airflow_wisdom.cli.service import reach
from airflow_wisdom.exceptions import ImportJobError, ImportJobFailedError, WisdomError
from airflow_wisdom.rows import DEFAULT_TEMPLATE
from airflow_wisdom.runs.options import ReportOptions
from airflow_wisdom.runs.reports import FailedRecordReports, RefusedRecords
from airflow_wisdom.runs.run import FILE, TASK
from airflow_wisdom.runs.single import JobAccount, failed_job
from airflow_wisdom.storage import Storage

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_wisdom.cli.screen import Screen
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob

_JOBS = (
    Column("Import job", "id"),
    Column("Status", "status"),
    Column("Created", "id", optional=True),
    Column("By", optional=True),
)

_EVER = datetime.fromtimestamp(0, timezone.utc)


def list_jobs(args: Namespace, screen: Screen) -> Outcome:
    """List the import jobs of a knowledge base, the newest first.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    hook, knowledge_base_id = reach(args)
    with screen.waiting("Listing the import jobs"):
        jobs = list(hook.list_import_jobs(knowledge_base_id))
    jobs.sort(key=lambda job: job.created_time or _EVER, reverse=True)
    rows = [(job.import_job_id, job.status, _second(job.created_time), _origin(job)) for job in jobs]
    return Outcome([job.to_dict() for job in jobs], [Sheet("", _JOBS, rows)])


def show(args: Namespace, screen: Screen) -> Outcome:
    """Show an import job, and the records that AWS refused.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    hook, knowledge_base_id = reach(args)
    with screen.waiting("Reading the import job"), FailedRecordReports(args.sample_size) as reports:
        job = hook.get_import_job(knowledge_base_id, args.job_id)
        known = reports.read(hook, job, time.time())
        refused = reports.refused(Storage(aws_conn_id=args.conn_id), args.failed_records_path)
    if refused.not_saved:
        raise refused.not_saved
    return _with_refused(job, None if known is None else refused)


def wait(args: Namespace, screen: Screen) -> Outcome:
    """Wait until an import job is COMPLETE, and read which records AWS refused.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    hook, knowledge_base_id = reach(args)
    with screen.waiting(f"Waiting for import job {args.job_id}"):
        try:
            job = _ended(hook, knowledge_base_id, args)
        except KeyboardInterrupt:
            raise Interrupted(f"import job {args.job_id} goes on; run the same command again to wait for it") from None
        except ImportJobError as exc:
            document = {"knowledgeBaseId": knowledge_base_id, "importJobId": args.job_id, "status": exc.status}
            return Outcome(document, [facts(import_job=args.job_id, status=exc.status)], Failure.of(exc))
    options = ReportOptions(args.sample_size, args.on_failed_records, args.failed_records_path)
    account = JobAccount.of(hook, job, options, Storage(aws_conn_id=args.conn_id))
    try:
        account.judge(args.on_failed_records)
    except WisdomError as exc:
        return _with_refused(job, account.refused, Failure.of(exc))
    return _with_refused(job, account.refused)


def _ended(hook: WisdomHook, knowledge_base_id: str, args: Namespace) -> ImportJob:
    """Wait for a job, and return it whole; also one that is FAILED, whose report may say why."""
    which = knowledge_base_id, args.job_id
    try:
        return hook.wait_for_import_job(*which, deadline=time.time() + args.timeout)
    except ImportJobFailedError as exc:
        return failed_job(hook, *which, exc)


def _with_refused(job: ImportJob, refused: RefusedRecords | None, failure: Failure | None = None) -> Outcome:
    """Return the outcome of a command that has read the report of a job; `refused` is None where nobody knows."""
    number, known = refused and refused.count, refused or RefusedRecords()
    document = {**job.to_dict(), "recordsRefused": number, "failedRecords": known.sample}
    sheet = _facts(job, records_refused=number, refused_records_in=known.path)
    title = titled("Refused by AWS", len(known.sample), known.count)
    sheets = [sheet, records(title, known.sample, DEFAULT_TEMPLATE.columns)]
    return Outcome({**document, "failedRecordsPath": known.path}, sheets, failure)


def delete(args: Namespace, screen: Screen) -> Outcome:
    """Delete an import job, and wait until it is gone if asked.

    :param args: What the command was given.
    :param screen: Where progress goes.
    """
    hook, knowledge_base_id = reach(args)
    deadline = time.time() + args.timeout
    with screen.waiting(f"Deleting import job {args.job_id}"):
        hook.delete_import_job(knowledge_base_id, args.job_id)
        if args.wait:
            hook.wait_for_deletion(knowledge_base_id, args.job_id, deadline=deadline)
    document = {"knowledgeBaseId": knowledge_base_id, "importJobId": args.job_id, "isGone": args.wait}
    return Outcome(document, [facts(import_job=args.job_id, deleted="is gone" if args.wait else "was asked for")])


def _facts(job: ImportJob, **more: Any) -> Sheet:
    return facts(
        import_job=job.import_job_id,
        status=job.status,
        knowledge_base=job.knowledge_base_id,
        created=_second(job.created_time),
        last_modified=_second(job.last_modified_time),
        by=_origin(job) or None,
        file=_metadata(job).get(FILE),
        **more,
    )


def _second(moment: datetime | None) -> str | None:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ") if moment else None


def _origin(job: ImportJob) -> str:
    """Return who started a job, as its metadata say: DAG and task, or a command."""
    metadata, (dag, _, task) = _metadata(job), TASK
    return ".".join(metadata[key] for key in (dag, task) if metadata.get(key))


def _metadata(job: ImportJob) -> dict[str, str]:
    """Return the metadata of a job without secrets: anybody can have written them."""
    metadata: dict[str, str] = job.to_dict()["metadata"]
    return metadata
