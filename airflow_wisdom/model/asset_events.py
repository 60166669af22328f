"""What an asset event says of a knowledge base: one format, whoever fires it. Pure: no Airflow, no boto3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_wisdom.model.knowledge_base import short_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_wisdom.model.import_job import ImportJob

MEMBERS = (
    "importJobId",
    "importJobType",
    "status",
    "createdTime",
    "lastModifiedTime",
    "hasFailedRecordReport",
)
"""Members of an import job that the event of a task holds, as far as the job has them."""

LISTED = (*(name for name in MEMBERS if name != "hasFailedRecordReport"), "metadata")
"""The same for the event of a watcher: a list does not say whether there are refused rows, but whose job it is."""


def event_extra(
    knowledge_base_id: str,
    arn: str | None,
    status: str,
    jobs: Iterable[Mapping[str, Any]] = (),
    records: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return what an event says, as JSON primitives; every event has all of these members.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param arn: Its ARN; None where it is not known.
    :param status: What all of it came to: AWS's word for an import, or that of a sync.
    :param jobs: The import jobs, from :func:`job_members`. Default: none.
    :param records: Numbers of records, by what became of them, as far as they are known. Default: none are.
    """
    return {
        "knowledgeBaseId": short_id(knowledge_base_id),
        "knowledgeBaseArn": arn,
        "status": status,
        "importJobs": list(jobs),
        "records": dict(records or {}),
    }


def job_members(job: ImportJob, names: Sequence[str] = MEMBERS) -> dict[str, Any]:
    """Return an import job in short, without presigned URLs.

    :param job: The job.
    :param names: Which members, as far as the job has them. Default: :data:`MEMBERS`.
    """
    members = job.to_dict()
    return {name: members[name] for name in names if name in members}


def imports_in(extra: object) -> list[dict[str, Any]]:
    """Return the import jobs that an event tells of; none where it tells of none, or of something else.

    :param extra: The event's extra: of a task, of a watcher, or whatever somebody has put there by hand.
    """
    said = _mapping(extra)
    if "payload" in said:
        # Airflow puts there what a watcher says.
        said = _mapping(said["payload"])
    # One job by itself is what a person may write by hand.
    jobs = said.get("importJobs", [said])
    about = {name: said.get(name) for name in ("knowledgeBaseId", "knowledgeBaseArn", "status")}
    return [{**about, **job} for job in (jobs if isinstance(jobs, list) else []) if _mapping(job).get("importJobId")]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
