"""The operator that keeps a knowledge base's quick responses in line with a table: a form that fills in a sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom import settings
from airflow_wisdom.exceptions import WisdomError
from airflow_wisdom.operators.rows import WisdomSourceTask
from airflow_wisdom.tasks import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context, XComArg
    from typing_extensions import Unpack

    from airflow_wisdom.parameters import SourceParameters
    from airflow_wisdom.runs.sync import Sync, SyncAccount, SyncOptions


class WisdomSyncQuickResponsesOperator(WisdomSourceTask):
    """Keeps a knowledge base's quick responses in line with a table; ``Create``, ``Update``, ``DeleteQuickResponse``.

    All rows are judged, and compared with what Amazon Connect has. Rows without a quick response are created; quick
    responses that differ are updated, whoever made them; those with this table's `owner_tag` that no row names stay, or
    are deactivated or deleted, as `on_missing` says. What was changed is read again, and compared once more: green
    means that Amazon Connect says what the table says. A task that is tried again compares again, and does the rest.

    A field that the table has no column for is left as it is. An empty cell means none: description, shortcut key and
    routing profiles are taken away; channels and language, which AWS cannot take away, are counted, see
    `on_unremovable`. While a row is invalid, nothing is removed: the row may be the one that is missing.

    The XCom is one summary: ``status``, numbers of rows by what became of them, and the plan in short with its
    ``fingerprint``. It is pushed also when the task then fails because of its rows, its plan or its changes.

    :param key: What rows and quick responses are matched by: ``name`` (default), or ``shortcut_key``, so that a new
        name is an update. A row without it is invalid.
    :param owner_tag: Name of this table, the value of a tag that its quick responses bear; needed where something may
        be removed. Two tables in one knowledge base have two. Default: none, and nothing is tagged. It is not Airflow's
        `owner` of the task, which ``default_args`` may give to many tables at once.
    :param adopt: Whether quick responses that rows name and that bear no owner's tag get this one. Default: no.
    :param on_missing: What happens to quick responses of the owner that no row names: ``keep`` (default),
        ``deactivate`` or ``delete``.
    :param max_removal_share: Removals and deactivations that are allowed, as a share of the owner's. Default 0.3.
    :param min_removals: Removals and deactivations that are allowed whatever their share. Default 10.
    :param protection: Whether a plan that removes more, or all because the source is empty, is refused. Default: yes.
    :param mode: ``apply`` (default), or ``plan`` to stop before anything is written.
    :param expected_plan: Fingerprint of the plan that was approved: if the plan is neither that one nor what an earlier
        try has left of it, nothing is written and the task fails. Default: none was needed.
    :param plan_path: Path or URI that the whole plan is written to: JSON Lines if it ends in ``.jsonl``, else CSV.
        Default: it is not written.
    :param content_format: Format of what is created where the table has no column for it: ``markdown`` (default) or
        ``plain``. Whether plain ones show where agents write e-mails is unverified.
    :param on_unremovable: What to do if a cell is empty whose field AWS cannot empty: ``warn`` (default) or ``fail``.
    :param on_failed_items: What to do if changes fail: ``fail`` (default), ``warn``, ``ignore``, or the number that is
        tolerated.

    Where the rows are, and how they are judged: as for :class:`~airflow_wisdom.operators.rows.WisdomSourceTask`.
    `allowed_values` has to allow the usual words for ``isActive`` and ``contentType``, as the API does not take any.
    Routing profiles are named by their ARNs, or, with `instance_id`, by their names.

    :raises SourceError: The source cannot be read, does not fit the template, or has invalid rows.
    :raises PlanError: The plan is unsafe, is not the one that was approved, or could not be done.
    :raises StorageError: A file cannot be written to where it should be.
    :raises ParameterError: Parameters make no sense; nothing was sent.
    """

    template_fields: Sequence[str] = (
        "key",
        "owner_tag",
        "on_missing",
        "max_removal_share",
        "min_removals",
        "mode",
        "expected_plan",
        "plan_path",
        "content_format",
        "on_unremovable",
        "on_failed_items",
        *WisdomSourceTask.template_fields,
    )

    def __init__(
        self,
        *,
        key: Literal["name", "shortcut_key"] | XComArg = "name",
        owner_tag: str | XComArg | None = None,
        adopt: bool | str = False,
        on_missing: Literal["keep", "deactivate", "delete"] | XComArg = "keep",
        max_removal_share: float | str | XComArg = 0.3,
        min_removals: int | str | XComArg = 10,
        protection: bool | str = True,
        mode: Literal["apply", "plan"] | XComArg = "apply",
        expected_plan: str | XComArg | None = None,
        plan_path: str | XComArg | None = None,
        content_format: Literal["markdown", "plain"] | XComArg = "markdown",
        on_unremovable: Literal["warn", "fail"] | XComArg = "warn",
        on_failed_items: Literal["fail", "warn", "ignore"] | int | XComArg = "fail",
        **kwargs: Unpack[SourceParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.key = key
        self.owner_tag = owner_tag
        self.adopt: Any = adopt
        self.on_missing = on_missing
        self.max_removal_share = max_removal_share
        self.min_removals = min_removals
        self.protection: Any = protection
        self.mode = mode
        self.expected_plan = expected_plan
        self.plan_path = plan_path
        self.content_format = content_format
        self.on_unremovable = on_unremovable
        self.on_failed_items = on_failed_items
        self._account: SyncAccount | None = None

    @guarded
    def execute(self, context: Context) -> dict[str, Any]:
        """Judge and compare the rows, make the changes, and return the summary."""
        deadline = self.ends_at(self.timeout)
        with self._new_sync(context, deadline) as sync:
            planned = sync.plan(self.rows(), self.routing_profiles())
            try:
                sync.check(planned)
            except WisdomError:
                self._account = sync.account(planned, None, is_refused=True)
                self.push_summary(context, self._account.summary())
                self.log.info("%s", self._account)
                raise
            ends = None if self.mode == "plan" else sync.apply(planned)
            return self._conclude(context, sync.account(planned, ends))

    def on_kill(self) -> None:
        """Write nothing more; another try compares again, and does the rest."""
        super().on_kill()
        self.log.warning("The task is ended: nothing more is written. Another try compares again, and does the rest")

    def _new_sync(self, context: Context, deadline: float) -> Sync:
        from airflow_wisdom.runs.sync import Sync

        return Sync.of_task(self, context, self.row_options(), self.storage(), deadline)

    def row_options(self) -> SyncOptions:
        """Return how the rows are judged, and what is done with them."""
        from airflow_wisdom.runs.sync import SyncOptions

        return SyncOptions.of(self, import_template=settings.import_template(), sample_size=settings.sample_size())

    def _conclude(self, context: Context, account: SyncAccount) -> dict[str, Any]:
        """Push the summary, and raise what went wrong, or return the summary."""
        self._account, summary = account, account.summary()
        self.push_summary(context, summary)
        self.log.info("%s", account)
        account.judge(self.row_options().on_failed_items)
        if self.outlets:
            self._record(context, account)
        return summary

    def _record(self, context: Context, account: SyncAccount) -> None:
        from airflow_wisdom.assets import record_sync

        named = account.arn or str(self.knowledge_base_id)
        record_sync(context, self.outlets, named, self.hook.conn.meta.region_name, account.event())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - as it asks
        """Return where the rows came from and went to, for OpenLineage's Airflow provider, which alone asks."""
        from airflow_wisdom.lineage import sync_lineage

        source, account = self.rows(), self._account
        # Of what was planned alone, nothing has reached the knowledge base.
        applied = account if account and account.ends is not None else None
        return sync_lineage([source], applied.arn if applied else None, applied.numbers if applied else {})
