"""Transfers: from a database to a knowledge base."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.operators.quick_responses import WisdomRowsTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_wisdom.rows import Table


class SqlToWisdomOperator(WisdomRowsTask):
    """Imports the rows of a query as quick responses; AWS operation ``StartImportJob`` for each 100 of them.

    Any database whose Airflow connection has a hook of the common.sql provider. The rows are fetched in batches, and
    written to files on the worker: they are never in memory together. On PostgreSQL through a cursor of the server's;
    other drivers do what their connection is told to, such as ``{"cursor": "sscursor"}`` in the extra of a MySQL one.

    Sort the rows (``ORDER BY``), so that another try of the task finds the same ones in the same file, and with them
    the job that it started.

    :param sql: The query, or the path of a ``.sql`` file with it. Its columns are the labels of the template: name them
        so (``AS "Shortcut key"``), or map them with `column_mapping`.
    :param sql_conn_id: Airflow connection of the database.
    :param parameters: Parameters of the query, as the database's driver takes them. Default: none.
    :param fetch_size: Rows of a batch. Default 1,000.
    :param sql_hook_params: Extra parameters for the database's hook. Default: none.

    The rest: see :class:`~airflow_wisdom.operators.quick_responses.WisdomRowsTask`.

    :raises ValueError: The connection is none to a database, or the query has no result, such as an ``UPDATE``.
    """

    template_fields: Sequence[str] = ("sql", "sql_conn_id", "parameters", *WisdomRowsTask.template_fields)
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql", "parameters": "json"}  # noqa: RUF012 - Airflow's own annotation

    def __init__(
        self,
        *,
        sql: str,
        sql_conn_id: str,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        fetch_size: int = 1_000,
        sql_hook_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters = parameters
        self.fetch_size = fetch_size
        self.sql_hook_params = sql_hook_params

    @contextmanager
    def table(self) -> Iterator[Table]:
        """Run the query and return its rows."""
        from airflow_wisdom.rows import read_rows

        with closing(self._connect()) as connection, closing(_cursor(connection)) as cursor:
            cursor.execute(self.sql, *([self.parameters] if self.parameters else []))
            # A cursor of the server's knows its columns only now.
            first = cursor.fetchmany(self.fetch_size)
            if cursor.description is None:
                raise ValueError("The query has no result: it has to be one that selects rows")
            columns = _distinct(tuple(str(column[0]) for column in cursor.description))
            # What stands for "no more" differs from driver to driver, but it is empty.
            batches = takewhile(bool, chain([first], iter(lambda: cursor.fetchmany(self.fetch_size), None)))
            rows = (_mapping(columns, row) for batch in batches for row in batch)
            yield replace(read_rows(rows), columns=columns)

    def source_name(self) -> str:
        """Return the name of the database's connection: the query may hold what is not everybody's."""
        return f"the query on {self.sql_conn_id}"

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

    def _connect(self) -> Any:
        from airflow.providers.common.sql.hooks.sql import DbApiHook

        hook = BaseHook.get_connection(self.sql_conn_id).get_hook(hook_params=self.sql_hook_params or {})
        if not isinstance(hook, DbApiHook):
            raise ValueError(f"The Airflow connection {self.sql_conn_id!r} is none to a database")  # noqa: TRY004 - a parameter
        return hook.get_conn()


def _cursor(connection: Any) -> Any:
    """Return a cursor that does not fetch everything at once, where it takes more than `fetchmany` to have one."""
    if type(connection).__module__.startswith("psycopg"):
        return connection.cursor(name="airflow_wisdom")
    return connection.cursor()


def _mapping(columns: tuple[str, ...], row: Any) -> Mapping[str, Any]:
    """Return a row by columns; a connection may be set up so that it is that already."""
    return row if hasattr(row, "keys") and hasattr(row, "items") else dict(zip(columns, row, strict=True))


def _distinct(columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise SourceFormatError(f"The query has two columns of one name: {', '.join(twice)}; rename one (AS)")
    return columns
