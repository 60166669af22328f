"""Transfers: from a database to a knowledge base."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_wisdom.operators.quick_responses import WisdomImportTask
from airflow_wisdom.values import Readers, connection_id, mapping, optional, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import XComArg
    from typing_extensions import Unpack

    from airflow_wisdom.parameters import ImportParameters
    from airflow_wisdom.sources import Source


__all__ = [
    "SqlToWisdomOperator",
]


class SqlToWisdomOperator(WisdomImportTask):
    """Imports the rows of a query as quick responses; AWS operation ``StartImportJob`` for each 100 of them.

    Any database whose Airflow connection has a hook of the common.sql provider. The rows are fetched in batches, and
    written to files on the worker: on PostgreSQL, MySQL and MariaDB they are never in memory together, whatever their
    connection says; other drivers do what that is told to.

    Sort the rows (``ORDER BY``), so that another try of the task finds the same ones in the same file, and with them
    the job that it started.

    :param sql: The query, or the path of a ``.sql`` file with it. Its columns are the labels of the template: name them
        so (``AS "Shortcut key"``), or map them with `column_mapping`.
    :param sql_conn_id: Airflow connection of the database.
    :param parameters: Parameters of the query, as the database's driver takes them. Default: none.
    :param fetch_size: Rows of a batch. Default 1,000.
    :param sql_hook_params: Extra parameters for the database's hook. Default: none.

    The rest: as for :class:`~airflow_wisdom.operators.quick_responses.WisdomImportTask`.

    :raises ParameterError: The connection does not point to a database, or the query is not one statement that selects
        rows.
    """

    template_fields: Sequence[str] = ("sql", "sql_conn_id", "parameters", *WisdomImportTask.template_fields)
    template_ext: Sequence[str] = (".sql",)
    readers: ClassVar[Readers] = {
        "sql": text,
        "sql_conn_id": connection_id,
        "fetch_size": partial(whole_number, least=1),
        "sql_hook_params": optional(mapping),
    }
    template_fields_renderers = {"sql": "sql", "parameters": "json"}  # noqa: RUF012 - Airflow's own annotation

    def __init__(
        self,
        *,
        sql: str | XComArg,
        sql_conn_id: str | XComArg,
        parameters: Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
        fetch_size: int | str = 1_000,
        sql_hook_params: dict[str, Any] | None = None,
        **kwargs: Unpack[ImportParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.sql: Any = sql
        self.sql_conn_id: Any = sql_conn_id
        self.parameters: Any = parameters
        self.fetch_size: Any = fetch_size
        self.sql_hook_params = sql_hook_params

    def rows(self) -> Source:
        """Return the result of the query."""
        from airflow_wisdom.sources import SqlSource

        return SqlSource(self.sql, self.sql_conn_id, self.parameters, self.fetch_size, self.sql_hook_params)

    def lineage_inputs(self) -> Sequence[Any]:
        """Return the tables of the query, as OpenLineage's SQL parser and the database's hook see them."""
        from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator

        # What finds them is a method of operators.
        same = SQLExecuteQueryOperator(
            task_id=self.task_id,
            sql=self.sql,
            conn_id=self.sql_conn_id,
            parameters=self.parameters,
            hook_params=self.sql_hook_params,
        )
        lineage = same.get_openlineage_facets_on_start()
        return lineage.inputs if lineage else []
