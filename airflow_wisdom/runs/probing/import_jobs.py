"""What a probe asks about import jobs."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from airflow_wisdom.exceptions import AwsError, ResourceNotFoundError
from airflow_wisdom.model.import_job import ImportJobStatus
from airflow_wisdom.runs.probing.answers import Answer, listing
from airflow_wisdom.runs.probing.import_files import accepted_header, file_of
from airflow_wisdom.runs.probing.lab import LONGEST_LOOK, CannotTell

if TYPE_CHECKING:
    from airflow_wisdom.model.import_job import ImportJob
    from airflow_wisdom.runs.probing.lab import Lab

RUNNING = ImportJobStatus.START_IN_PROGRESS.value
DELETING = ImportJobStatus.DELETE_IN_PROGRESS.value

_FEWEST = 3
"""Jobs whose order says something: two are in one order or the other by chance."""

_ROWS_OF_A_LONG_JOB = 30


@dataclass(frozen=True)
class First:
    """The first use of a client token.

    :param token: The token.
    :param upload_id: The upload that it was used with.
    :param job: AWS's answer.
    :param lag: Seconds until the list showed the job; None if it did not.
    :param lists: How many lists that took.
    :param running: The job as it was last seen running; None if it never was.
    """

    token: str
    upload_id: str
    job: ImportJob
    lag: float | None
    lists: int
    running: ImportJob | None


def _first(lab: Lab) -> First:
    """Start a job, and look for it in the list at once."""
    token, upload_id = lab.token(), lab.upload(_row(lab, "token"))
    lab.may_make(1)
    job, lists = lab.start(upload_id, token), 0
    running = [seen for seen in [lab.job(job)] if seen.status == RUNNING]

    def look() -> bool:
        nonlocal lists
        lists += 1
        return any(each.import_job_id == job.import_job_id for each in lab.listed_jobs())

    _, waited, is_there = lab.until(look, bool)
    return First(token, upload_id, job, waited if is_there else None, lists, running[0] if running else None)


def _row(lab: Lab, key: str) -> bytes:
    """Return an import file of one row, with the header that AWS takes, as far as that is known."""
    try:
        labels = lab.once(accepted_header)
    except CannotTell:
        labels = {field: label for label, field in lab.template.fields.items()}
    return file_of(labels, [{"name": lab.name(key), "content": "Made by a probe."}])


def list_order(lab: Lab) -> Answer:
    """Find out in which order ListImportJobs lists."""
    while len(lab.seen.jobs) < _FEWEST:
        _start_another(lab)
    started = [job.import_job_id for job in lab.seen.jobs]

    def look() -> list[int]:
        return [started.index(job.import_job_id) for job in lab.listed_jobs() if job.import_job_id in started]

    places, _, _ = lab.until(look, lambda seen: len(seen) >= _FEWEST)
    if len(places) < _FEWEST:
        raise CannotTell(f"the list shows {len(places)} of the jobs of the probe, too few to tell")
    if places == sorted(places):
        return Answer(f"oldest first, by {len(places)} jobs", switch='list_order("oldest_first")')
    if places == sorted(places, reverse=True):
        return Answer(f"newest first, by {len(places)} jobs", switch='list_order("newest_first")')
    return Answer(f"neither oldest nor newest first: {listing([str(place + 1) for place in places])}")


def _start_another(lab: Lab) -> ImportJob:
    key = f"another-{len(lab.seen.jobs)}"
    lab.may_make(1)
    return lab.ended(lab.start(lab.upload(_row(lab, key))))


def list_lag(lab: Lab) -> Answer:
    """Find out whether the list shows a job at once."""
    first = lab.once(_first)
    if first.lag is None:
        raise CannotTell(f"the list did not show the job within {LONGEST_LOOK:.0f} s and {first.lists} lists")
    if first.lists == 1:
        return Answer("yes: the first list did", switch="lagging_list()")
    return Answer(
        f"no: after {first.lag:.1f} s, in list {first.lists}", switch=f"lagging_list(seconds={math.ceil(first.lag)})"
    )


def last_modified(lab: Lab) -> Answer:
    """Find out whether lastModifiedTime of a job that has ended is the time of its end."""
    running = lab.once(_first).running
    if running is None:
        raise CannotTell("the job had ended before it was looked at for the first time")
    ended = lab.ended(running)
    later = lab.job(running)
    if later.last_modified_time != ended.last_modified_time:
        return Answer("no: it changes after the end, too", setting="catch_up")
    if ended.last_modified_time == running.last_modified_time:
        return Answer("no: it did not change when the job ended", setting="catch_up")
    return Answer("yes, as it seems: it changed when the job ended, and not right after that")


def unknown_knowledge_base(lab: Lab) -> Answer:
    """Find out which error ListImportJobs answers for a knowledge base that does not exist."""
    nowhere = str(uuid4())
    try:
        lab.call(lambda hook: hook.import_job_page(nowhere))
    except AwsError as exc:
        code = exc.code
    else:
        return Answer("none: an empty list")
    if code == "AccessDeniedException" and not _is_unknown(lab, nowhere):
        raise CannotTell("GetImportJob is denied there, too: by IAM, it seems")
    return Answer(code, switch=f'list_of_unknown_knowledge_base("{code}")')


def _is_unknown(lab: Lab, knowledge_base_id: str) -> bool:
    """Return whether AWS says of a knowledge base that it does not exist, to a caller who may ask."""
    try:
        lab.call(lambda hook: hook.get_import_job(knowledge_base_id, str(uuid4())))
    except ResourceNotFoundError:
        return True
    except AwsError:
        return False
    return False


def start_answers(lab: Lab) -> Answer:
    """Find out whether StartImportJob has answered with a job that has ended."""
    lab.start(lab.upload(b"No,such,header\n1,2,3\n"))
    statuses = sorted({job.status for job in lab.seen.jobs} - {RUNNING})
    if statuses:
        return Answer(f"yes: {listing(statuses)}", switch=f'import_jobs(answered="{statuses[0]}")')
    return Answer(f"not in {len(lab.seen.jobs)} starts, one of them of a file that cannot be imported")


def reused_token(lab: Lab) -> Answer:
    """Find out what StartImportJob answers to a used clientToken with other parameters."""
    first = lab.once(_first)
    lab.ended(first.job)
    lab.may_make(1)
    try:
        job = lab.start(lab.upload(_row(lab, "token-2")), first.token)
    except AwsError as exc:
        switch = 'reused_client_token("conflict")' if exc.code == "ConflictException" else ""
        return Answer(exc.code, switch=switch)
    if job.import_job_id == first.job.import_job_id:
        return Answer("the first job", switch='reused_client_token("first")')
    return Answer("another job: the token does not count")


def token_of_deleted_job(lab: Lab) -> Answer:
    """Find out whether a clientToken is remembered once its job is deleted."""
    first = lab.once(_first)
    lab.once(reused_token)
    _gone(lab, first.job)
    lab.may_make(1)
    try:
        job = lab.start(first.upload_id, first.token)
    except AwsError as exc:
        return Answer(f"after the job is deleted: {exc.code}; for how long was not tried")
    is_first = job.import_job_id == first.job.import_job_id
    what = "the deleted job is answered once more" if is_first else "it is free: another job"
    return Answer(f"after the job is deleted: {what}; for how long was not tried")


def deletions(lab: Lab) -> Answer:
    """Find out whether a deleted job vanishes, or stays visible as DELETED."""
    job = lab.ended(lab.start(lab.upload(b"No,such,header\n1,2,3\n")))
    status, waited = _gone(lab, job)
    if status is None:
        return Answer(f"it vanishes: ResourceNotFoundException after {waited:.1f} s", switch="deletions()")
    if status == DELETING:
        raise CannotTell(f"the job was still {status} after {waited:.0f} s")
    setting = "" if status == ImportJobStatus.DELETED.value else "wait_for_completion"
    return Answer(f"it stays visible as {status}", setting, f'deletions(status="{status}")')


def _gone(lab: Lab, job: ImportJob) -> tuple[str | None, float]:
    """Delete a job; return the status that it stays in, None if it is gone, and after how many seconds."""
    lab.call(lambda hook: hook.delete_import_job(lab.kb, job.import_job_id))

    def look() -> str | None:
        try:
            return lab.job(job).status
        except ResourceNotFoundError:
            return None

    status, waited, _ = lab.until(look, lambda seen: seen != DELETING)
    return status, waited


def delete_running(lab: Lab) -> Answer:
    """Find out what DeleteImportJob does to a running job."""
    labels = lab.once(accepted_header)
    keys = [f"long-{number}" for number in range(_ROWS_OF_A_LONG_JOB)]
    rows = [{"name": lab.name(key), "content": "Made by a probe."} for key in keys]
    upload_id = lab.upload(file_of(labels, rows))
    lab.may_make(len(rows))
    job = lab.start(upload_id)
    if lab.job(job).status != RUNNING:
        raise CannotTell("the job had ended before it was deleted")
    try:
        lab.call(lambda hook: hook.delete_import_job(lab.kb, job.import_job_id))
    except AwsError as exc:
        return Answer(f"{exc.code}: it goes on")
    time.sleep(LONGEST_LOOK / 4)
    there = lab.listed().keys() & set(keys)
    if len(there) == len(keys):
        raise CannotTell("all its rows were imported: it may have ended just before it was deleted")
    return Answer(f"it is deleted: {len(there)} of its {len(keys)} rows were imported", "delete_jobs_on_kill")
