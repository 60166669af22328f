"""Knowledge bases as Airflow assets, ``wisdom://<account or connection>/<region>/<id>``, and their events."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset, AssetAlias

from airflow_wisdom.model.knowledge_base import SCHEME, KnowledgeBase, is_arn, short_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.sdk import Context

    from airflow_wisdom.model.import_job import ImportJob

__all__ = [
    "create_asset",
]

log = logging.getLogger(__name__)

_SUMMARY = ("importJobId", "status", "createdTime", "lastModifiedTime", "hasFailedRecordReport")


def create_asset(
    *,
    knowledge_base_id: str,
    owner: str | None = None,
    region_name: str | None = None,
    extra: dict[str, Any] | None = None,
) -> Asset:
    """Return the asset of a knowledge base.

    :param knowledge_base_id: Its id or ARN. An ARN holds all that is needed.
    :param owner: AWS account id, or id of the Airflow connection that leads to the account. Default: the ARN's account.
    :param region_name: AWS region. Default: the ARN's.
    :param extra: What Airflow keeps with the asset. Default: nothing.
    :raises ValueError: An id was given without `owner` or `region_name`, or something is not what it should be.
    """
    if is_arn(knowledge_base_id):
        named = KnowledgeBase.from_arn(knowledge_base_id)
        owner, region_name = owner or named.owner, region_name or named.region_name
    if not owner or not region_name:
        raise ValueError("The id of a knowledge base needs owner and region_name beside it; an ARN does not")
    base = KnowledgeBase.from_uri(f"{SCHEME}://{owner}/{region_name}/{knowledge_base_id}")
    return Asset(uri=base.uri, extra=extra)  # type: ignore[call-overload, no-any-return, unused-ignore]


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the one form of the URI of a knowledge base; Airflow asks for it whenever an asset is made.

    :raises ValueError: It is not of the form :data:`~airflow_wisdom.model.knowledge_base.FORM`.
    """
    return urlsplit(KnowledgeBase.from_uri(uri).uri)


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:  # noqa: ARG001 - Airflow's signature
    """Return an asset as OpenLineage's dataset; OpenLineage's Airflow provider asks for it.

    :param asset: The asset of a knowledge base.
    :param lineage_context: The hook or operator that uses it; not needed.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    base = KnowledgeBase.from_uri(asset.uri)
    return Dataset(namespace=f"{SCHEME}://{base.owner}/{base.region_name}", name=base.knowledge_base_id)


def record_import(
    context: Context,
    outlets: Iterable[Any],
    jobs: Sequence[ImportJob],
    records: Mapping[str, int] | None = None,
    arn: str | None = None,
) -> None:
    """Say in the asset events of a task what it imported.

    An outlet that is the asset of the knowledge base gets the summary as its event's extra; to an outlet that is an
    alias, the asset is added, with the same extra. Other outlets are left alone.

    :param context: The task's context.
    :param outlets: The task's outlets.
    :param jobs: The import jobs, all COMPLETE and all of one knowledge base.
    :param records: Numbers of records, by what became of them, as far as they are known. Default: none are.
    :param arn: ARN of the knowledge base, where no job says it because there was none. Default: not known.
    """
    arn = next((job.knowledge_base_arn for job in jobs if job.knowledge_base_arn), arn)
    if arn is not None:
        _record(context, outlets, KnowledgeBase.from_arn(arn), summary(jobs, records, arn))


def record_sync(
    context: Context, outlets: Iterable[Any], knowledge_base: str, region_name: str, extra: Mapping[str, Any]
) -> None:
    """Say in the asset events of a task what it synced; outlets as for :func:`record_import`.

    To an alias nothing is added of a plan that was not applied, or if the account is not known.

    :param context: The task's context.
    :param outlets: The task's outlets.
    :param knowledge_base: Its ARN, or its id where the account is not known.
    :param region_name: AWS region.
    :param extra: What the event says, with the ``status`` of the sync.
    """
    if extra["status"] == "PLANNED":
        log.warning(
            "A plan changes nothing, but Airflow fires an event for each outlet all the same: give outlets to the task "
            "that applies it"
        )
    is_known = is_arn(knowledge_base)
    # Without an account it is like one that a connection leads to, which may be any.
    base = KnowledgeBase.from_arn(knowledge_base) if is_known else KnowledgeBase("", region_name, knowledge_base)
    has_happened = is_known and extra["status"] != "PLANNED"
    _record(context, [each for each in outlets if has_happened or not isinstance(each, AssetAlias)], base, extra)


def _record(context: Context, outlets: Iterable[Any], base: KnowledgeBase, extra: Mapping[str, Any]) -> None:
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            context["outlet_events"][outlet].add(Asset(uri=base.uri), extra=dict(extra))
        elif _names(outlet, base):
            context["outlet_events"][outlet].extra.update(extra)


def summary(
    jobs: Sequence[ImportJob], records: Mapping[str, int] | None = None, arn: str | None = None
) -> dict[str, Any]:
    """Return import jobs in short, as JSON primitives and without presigned URLs.

    :param jobs: The import jobs, all of one knowledge base.
    :param records: As for :func:`record_import`.
    :param arn: As for :func:`record_import`; needed where there are no jobs.
    """
    members = [job.to_dict() for job in jobs]
    short = {
        # What was asked for by an ARN is named by the id, in which it ends.
        "knowledgeBaseId": short_id(jobs[0].knowledge_base_id if jobs else str(arn)),
        "importJobs": [{name: job[name] for name in _SUMMARY if name in job} for job in members],
    }
    return {**short, "records": dict(records)} if records else short


def _names(outlet: Any, base: KnowledgeBase) -> bool:
    """Return whether an outlet, an asset or a reference to one, is the knowledge base."""
    # The name of an asset is its URI, unless it was given another.
    uri = getattr(outlet, "uri", None) or getattr(outlet, "name", None)
    try:
        return KnowledgeBase.from_uri(str(uri)).is_same_as(base)
    except ValueError:
        return False
