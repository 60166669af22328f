"""What OpenLineage learns about an import. Imported only where its Airflow provider, the extra ``openlineage``, is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attr
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import RunFacet, output_statistics_output_dataset
from openlineage.client.naming.dataset import ABFSS, S3, WASBS, DatasetNaming, LocalFileSystem

from airflow_wisdom.model.asset_events import job_members
from airflow_wisdom.model.knowledge_base import SCHEME, KnowledgeBase, short_id
from airflow_wisdom.sources import FileSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from urllib.parse import SplitResult

    from airflow_wisdom.model.import_job import ImportJob

__all__ = [
    "import_lineage",
]

FACET = "wisdom_import"
"""Name of the run facet."""

AZURE: Mapping[str, type[ABFSS | WASBS]] = {"abfss": ABFSS, "abfs": ABFSS, "wasbs": WASBS, "wasb": WASBS}
"""Schemes of Azure's storage, and how OpenLineage names what is there."""


@attr.define
class WisdomImportRunFacet(RunFacet):
    """The import jobs of a run.

    :param knowledgeBaseId: Id of the knowledge base.
    :param importJobs: For each job its id, status and times, and whether AWS wrote a report of refused records.
    :param records: Numbers of records, by what became of them, as far as they are known.
    """

    knowledgeBaseId: str = attr.field()  # noqa: N815 - OpenLineage's way of writing
    importJobs: list[dict[str, Any]] = attr.field()  # noqa: N815 - as above
    records: dict[str, int] | None = attr.field(default=None)


def import_lineage(
    inputs: Iterable[str | Dataset],
    jobs: Sequence[ImportJob],
    records: Mapping[str, int] | None = None,
    arn: str | None = None,
) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage's Airflow provider asks an operator for.

    :param inputs: Where the records come from: paths, URIs such as ``s3://bucket/key``, or datasets, which is what a
        table has to be: only its database's own hook knows how OpenLineage calls it.
    :param jobs: The import jobs, all of one knowledge base, which is the output; where that is, is in its ARN.
    :param records: Numbers of records, by what became of them: ``sent``, ``imported``, ``refused``, ``invalid``, as
        far as they are known. Those that were imported are the output's row count. Default: none are known.
    :param arn: As for :func:`~airflow_wisdom.assets.record_import`.
    """
    arn = next((job.knowledge_base_arn for job in jobs if job.knowledge_base_arn), arn)
    return OperatorLineage(
        inputs=[each if isinstance(each, Dataset) else dataset_of(each) for each in inputs],
        outputs=[_output(KnowledgeBase.from_arn(arn), records or {})] if arn else [],
        run_facets={FACET: _facet(jobs, records, arn)} if jobs or arn else {},
    )


def _facet(jobs: Sequence[ImportJob], records: Mapping[str, int] | None, arn: str | None) -> WisdomImportRunFacet:
    # What was asked for by an ARN is named by the id, in which it ends.
    return WisdomImportRunFacet(
        knowledgeBaseId=short_id(jobs[0].knowledge_base_id if jobs else str(arn)),
        importJobs=[job_members(job) for job in jobs],
        records=dict(records) if records else None,
    )


def dataset_of(source: str) -> InputDataset:
    """Return a file or an object as OpenLineage's naming conventions call it.

    :param source: Path, or URI. Its user, password, query and fragment are left away: a presigned URL is a secret.
    """
    parts = urlsplit(source)
    if parts.scheme in ("", "file"):
        naming: DatasetNaming = LocalFileSystem(str(Path(parts.path if parts.scheme else source).absolute()))
    else:
        naming = _naming(parts, parts.path.lstrip("/") or "/")
    return InputDataset(namespace=naming.get_namespace(), name=naming.get_name())


def _naming(uri: SplitResult, key: str) -> DatasetNaming:
    host = uri.netloc.rpartition("@")[2]
    # Azure's accounts have dots and its containers have none: without a dot, a connection stands before the container.
    if uri.scheme in AZURE and uri.username and "." in host:
        return _azure_naming(AZURE[uri.scheme], uri.username, host, key)
    if uri.scheme in ("s3", "s3a", "s3n") and host:
        return S3(host, key)
    return _AsInUri(f"{uri.scheme}://{host}", key)


def _azure_naming(naming: type[ABFSS | WASBS], container: str, host: str, key: str) -> DatasetNaming:
    account, _, domain = host.partition(".")
    if domain in ("dfs.core.windows.net", "blob.core.windows.net"):
        return naming(container, account, key)
    # OpenLineage's names know Azure's public cloud alone, and the same account may be another's in another cloud.
    return _AsInUri(f"{naming.__name__.lower()}://{container}@{host}", key)


@attr.define
class _AsInUri(DatasetNaming):
    """The name of what OpenLineage has no class for, or not one that fits: as the URI says it."""

    namespace: str
    name: str

    def get_namespace(self) -> str:
        return self.namespace

    def get_name(self) -> str:
        return self.name


def _output(base: KnowledgeBase, records: Mapping[str, int]) -> OutputDataset:
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=records.get("imported"))
    return OutputDataset(
        namespace=f"{SCHEME}://{base.owner}/{base.region_name}",
        name=base.knowledge_base_id,
        outputFacets={"outputStatistics": statistics} if "imported" in records else {},
    )


def sync_lineage(sources: Iterable[Any], arn: str | None, records: Mapping[str, int]) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage's Airflow provider asks an operator that syncs for.

    :param sources: Where the rows come from, as :mod:`~airflow_wisdom.sources` has them.
    :param arn: ARN of the knowledge base, which is the output; None where it is not known.
    :param records: Numbers of rows and quick responses, by what became of them.
    """
    inputs = [dataset_of(place) for source in sources if isinstance(source, FileSource) for place in source.places]
    written = {"imported": records["created"] + records["updated"]} if records else {}
    return OperatorLineage(
        inputs=inputs, outputs=[_output(KnowledgeBase.from_arn(arn), written)] if arn else [], run_facets={}
    )


def export_lineage(arn: str | None, path: str, items: int | None) -> OperatorLineage[Any, Any]:
    """Return what OpenLineage's Airflow provider asks an operator that exports for.

    :param arn: ARN of the knowledge base, which is the input; None where it is not known.
    :param path: Path or URI of the file, which is the output.
    :param items: Number of quick responses in it; None where it was not written.
    """
    file = dataset_of(path)
    rows = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=items)
    output = OutputDataset(
        namespace=file.namespace,
        name=file.name,
        outputFacets={} if items is None else {"outputStatistics": rows},
    )
    return OperatorLineage(
        inputs=[_input(KnowledgeBase.from_arn(arn))] if arn else [],
        outputs=[output],
        run_facets={},
    )


def _input(base: KnowledgeBase) -> InputDataset:
    return InputDataset(namespace=f"{SCHEME}://{base.owner}/{base.region_name}", name=base.knowledge_base_id)
