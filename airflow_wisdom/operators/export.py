"""The operator that exports a knowledge base's quick responses to a file: a form that fills in an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_wisdom import settings
from airflow_wisdom.tasks import WisdomStorageTask, guarded
from airflow_wisdom.values import ONE_DAY, Readers, duration, optional

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg
    from typing_extensions import Unpack

    from airflow_wisdom.parameters import StorageParameters
    from airflow_wisdom.runs.export import Export, ExportAccount, ExportOptions


class WisdomExportQuickResponsesOperator(WisdomStorageTask):
    """Exports a knowledge base's quick responses to a file; ``ListQuickResponses`` and ``SearchQuickResponses``.

    The file has the columns of the default template, and one row for each quick response, active or not, sorted by
    name: two exports of the same state are equal byte for byte.
    :class:`~airflow_wisdom.operators.WisdomSyncQuickResponsesOperator` reads it as it is: into the same knowledge base
    to restore it, or into that of another instance. Quick responses that are being changed are waited for. Ids, times
    and tags are not exported.

    With `instance_id`, routing profiles are written by name, and otherwise by ARN, as are those whose names hold a
    semicolon, a comma or a bar, which separate them.

    The XCom is one summary: number of quick responses, ``path``, and which of them a sync would not read as they are.

    :param path: Path or URI that the file is written to, and replaced at: JSON Lines if it ends in ``.jsonl``,
        ``.ndjson`` or ``.json``, else CSV in UTF-8 with a byte-order mark, for Excel. Not ``.xlsx`` or ``.parquet``.
    :param owner_tag: Only quick responses that a sync with this `owner_tag` made or adopted are exported. Default: all.
    :param timeout: Seconds, or a timedelta, after which nothing more is done and the task fails. Default: one day.

    Which knowledge base, and how files are reached: as for :class:`~airflow_wisdom.tasks.WisdomStorageTask`.

    :raises RunTimeoutError: The time was over before everything was read.
    :raises StorageError: The file cannot be written to where it should be.
    :raises ParameterError: Parameters make no sense; nothing was sent.
    """

    template_fields: Sequence[str] = (
        "path",
        "owner_tag",
        *WisdomStorageTask.template_fields,
    )

    readers: ClassVar[Readers] = {"timeout": optional(duration, ONE_DAY)}

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] | XComArg,
        owner_tag: str | XComArg | None = None,
        timeout: timedelta | float | str | None = ONE_DAY,
        **kwargs: Unpack[StorageParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.owner_tag = owner_tag
        self.timeout: Any = timeout
        self._account: ExportAccount | None = None

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self._options]

    @guarded
    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - as Airflow calls it
        """Read the knowledge base, write the file, and return the summary."""
        deadline = self.ends_at(self.timeout)
        with self._new_export(deadline) as export:
            plan = export.plan(self.routing_profiles())
            export.check(plan)
            export.apply(plan)
            self._account = export.account(plan)
        return self._account.summary()

    def on_kill(self) -> None:
        """Leave the file that is there as it is, unless it is being replaced right now."""
        super().on_kill()
        self.log.warning("The task is ended: nothing is exported. Another try reads everything again")

    def _new_export(self, deadline: float) -> Export:
        from airflow_wisdom.runs.export import Export

        return Export.of_task(self, self._options(), self.storage(), deadline)

    def _options(self) -> ExportOptions:
        from airflow_wisdom.runs.export import ExportOptions

        return ExportOptions.of(self, sample_size=settings.sample_size())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - as it asks
        """Return where the file came from, for OpenLineage's Airflow provider, which alone asks."""
        from airflow_wisdom.lineage import export_lineage

        account = self._account
        return export_lineage(account.arn if account else None, str(self.path), account.exported if account else None)
