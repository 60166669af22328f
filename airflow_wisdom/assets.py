"""Knowledge bases as Airflow assets, ``wisdom://<account or connection>/<region>/<id>``, and their events."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset, AssetAlias

from airflow_wisdom.model.asset_events import event_extra, imports_in, job_members
from airflow_wisdom.model.import_job import ImportJobStatus
from airflow_wisdom.model.knowledge_base import SCHEME, KnowledgeBase, is_arn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.sdk import AssetWatcher, Context

    from airflow_wisdom.model.import_job import ImportJob

__all__ = [
    "create_asset",
    "imports_of",
]

log = logging.getLogger(__name__)


def create_asset(
    *,
    knowledge_base_id: str,
    owner: str | None = None,
    region_name: str | None = None,
    name: str | None = None,
    group: str = "asset",
    extra: dict[str, Any] | None = None,
    watchers: Sequence[AssetWatcher] = (),
) -> Asset:
    """Return the asset of a knowledge base.

    Give it the same name, group and watchers wherever it is named: create it in one module, and import it from there.

    :param knowledge_base_id: Its id or ARN. An ARN holds all that is needed.
    :param owner: AWS account id, or id of the Airflow connection that leads to the account. Default: the ARN's account.
    :param region_name: AWS region. Default: the ARN's.
    :param name: What Airflow calls the asset, and the UI shows; at most 1,500 characters, and another one for each
        asset. Default: the URI.
    :param group: The group that the UI shows it in; at most 1,500 characters. Default ``asset``, as Airflow's.
    :param extra: What Airflow keeps with the asset. Default: nothing.
    :param watchers: What fires events of the asset beside the tasks that have it as an outlet. Default: nothing does.
    :raises ValueError: An id was given without `owner` or `region_name`, or something is not what it should be.
    """
    if is_arn(knowledge_base_id):
        named = KnowledgeBase.from_arn(knowledge_base_id)
        owner, region_name = owner or named.owner, region_name or named.region_name
    if not owner or not region_name:
        raise ValueError("The id of a knowledge base needs owner and region_name beside it; an ARN does not")
    base = KnowledgeBase.from_uri(f"{SCHEME}://{owner}/{region_name}/{knowledge_base_id}")
    # Airflow would take the URI for the name as well; written out, the type checker follows on every version.
    name = base.uri if name is None else name
    return Asset(name, base.uri, group=group, extra=extra, watchers=list(watchers))  # type: ignore[no-any-return, unused-ignore]


def imports_of(event: Any) -> list[dict[str, Any]]:
    """Return the import jobs that an asset event tells of, whether a task or an asset watcher has fired it.

    Each is a dict of JSON primitives under AWS's own member names. All have ``importJobId``, ``status``,
    ``knowledgeBaseId`` and ``knowledgeBaseArn``, of which the last three are None where the event does not say; those
    of a task also say ``hasFailedRecordReport``, those of a watcher the job's ``metadata``.

    An event that tells of no import, as that of a sync, of a task that did not wait, or one that was created by hand,
    has none.

    :param event: The event, as a task has it from ``triggering_asset_events`` or ``inlet_events``; or as Airflow's REST
        API returns it; or its ``extra`` alone.
    :returns: The jobs: of a task all that it started, of a watcher the one that ended.
    """
    extra = getattr(event, "extra", event)
    return imports_in(extra["extra"] if isinstance(extra, dict) and "extra" in extra else extra)


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
    :param jobs: The import jobs of an import that succeeded, all of one knowledge base.
    :param records: Numbers of records, by what became of them, as far as they are known. Default: none are.
    :param arn: ARN of the knowledge base, where no job says it because there was none. Default: not known.
    """
    arn = next((job.knowledge_base_arn for job in jobs if job.knowledge_base_arn), arn)
    if arn is not None:
        # Also where nothing was left to start, or AWS refused all that was left for a job, and that is tolerated.
        said = event_extra(arn, arn, ImportJobStatus.COMPLETE.value, map(job_members, jobs), records)
        _record(context, outlets, KnowledgeBase.from_arn(arn), said)


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
    outlets = list(outlets)
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            _add_to_alias(context["outlet_events"][outlet], outlets, base.uri, dict(extra))
        elif _names(outlet, base):
            context["outlet_events"][outlet].extra.update(extra)


def _add_to_alias(accessor: Any, outlets: Sequence[Any], uri: str, extra: dict[str, Any]) -> None:
    """Add the asset of this URI to an alias, under the name that it has."""
    # Under another name it would be another asset, which no DAG is scheduled on.
    declared = (each for each in outlets if isinstance(each, Asset) and each.uri == uri)
    try:
        accessor.add(next(declared, None) or Asset.ref(uri=uri), extra=extra)
    except Exception as exc:  # noqa: BLE001 - whatever Airflow says, the import is over, and its event is to be told
        log.debug("Airflow knows no asset %s yet: %r", uri, exc)
        accessor.add(Asset(uri=uri), extra=extra)


def _names(outlet: Any, base: KnowledgeBase) -> bool:
    """Return whether an outlet, an asset or a reference to one, is the knowledge base."""
    # The name of an asset is its URI, unless it was given another.
    uri = getattr(outlet, "uri", None) or getattr(outlet, "name", None)
    try:
        return KnowledgeBase.from_uri(str(uri)).is_same_as(base)
    except ValueError:
        return False
