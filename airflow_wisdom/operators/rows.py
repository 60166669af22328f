"""What the operators that read rows have in common: how rows are judged, and where they come from."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from airflow_wisdom.operators.given import given
from airflow_wisdom.tasks import WisdomStorageTask
from airflow_wisdom.values import ONE_DAY

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import timedelta

    from airflow_wisdom.sources import Source, SqlSource


class WisdomRowsTask(WisdomStorageTask):
    """Base of the operators that read rows: how each row is judged before anything is sent.

    :param import_template: The header that AWS expects: path or URI of the template file downloaded from Amazon
        Connect, a list of labels, or a dict of label to the field that it means (None: no known one). Default:
        Airflow's option ``[wisdom] import_template``, by itself an assumption:
        :data:`~airflow_wisdom.rows.template.DEFAULT_TEMPLATE`.
    :param column_mapping: Own column -> label of the template, for columns that have another name. Default: a column is
        its label, whatever its case and spacing.
    :param extra_columns: What to do about columns that the template does not have: ``fail`` (default) or ``ignore``.
    :param spaces: What to do about spaces at the ends of a cell, other than of content and description: ``trim``
        (default) them, or make the row ``invalid``.
    :param allowed_values: Field -> allowed values, or None for any; takes precedence over
        :data:`~airflow_wisdom.rows.validation.ALLOWED`. Default: nothing does.
    :param on_invalid_rows: What to do if rows have mistakes: ``fail`` (default) before anything is sent, or ``skip``
        them. If no row is valid, the task fails in any case.
    :param invalid_rows_path: Path or URI of a CSV to write those rows to, with their mistakes, ready to be fixed and
        imported. Default: they are not written.
    :param timeout: Seconds, or a timedelta, after which nothing more is done and the task fails. Default: one day.

    Which knowledge base, and how files are reached: as for :class:`~airflow_wisdom.tasks.WisdomStorageTask`.
    """

    template_fields: Sequence[str] = (
        "import_template",
        "column_mapping",
        "extra_columns",
        "spaces",
        "allowed_values",
        "on_invalid_rows",
        "invalid_rows_path",
        *WisdomStorageTask.template_fields,
    )

    def __init__(
        self,
        *,
        import_template: str | Sequence[str] | Mapping[str, str | None] | None = None,
        column_mapping: Mapping[str, str] | None = None,
        extra_columns: Literal["fail", "ignore"] = "fail",
        spaces: Literal["trim", "invalid"] = "trim",
        allowed_values: Mapping[str, Collection[str] | None] | None = None,
        on_invalid_rows: Literal["fail", "skip"] = "fail",
        invalid_rows_path: str | None = None,
        timeout: timedelta | float = ONE_DAY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.import_template = import_template
        self.column_mapping = column_mapping
        self.extra_columns = extra_columns
        self.spaces = spaces
        self.allowed_values = allowed_values
        self.on_invalid_rows = on_invalid_rows
        self.invalid_rows_path = invalid_rows_path
        self.timeout = timeout

    @abstractmethod
    def rows(self) -> Source:
        """Return where the rows are."""

    def lineage_inputs(self) -> Sequence[Any]:
        """Return where the rows come from, as :func:`~airflow_wisdom.lineage.import_lineage` takes it."""
        return []


class WisdomSourceTask(WisdomRowsTask):
    """Base of the operators whose rows are in a file, in a database, or given in the DAG.

    :param source: A path on the worker, an ``s3://`` URI (streamed through Airflow's S3 hook), any other URI that
        Airflow's object storage understands, a :class:`~airflow_wisdom.sources.SqlSource`, or the rows themselves: a
        list of dicts, also from XCom. Rows are not templates: double braces in them are Amazon Connect's.
    :param source_format: ``csv`` (comma, semicolon or tab; UTF-8) or ``json_lines``. Default: what the file's name
        says, and else its first bytes.

    How rows are judged: as for :class:`WisdomRowsTask`.
    """

    template_fields: Sequence[str] = ("source", "source_format", *WisdomRowsTask.template_fields)

    def __init__(
        self,
        *,
        source: str | os.PathLike[str] | SqlSource | Iterable[Mapping[str, Any]],
        source_format: Literal["csv", "json_lines"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = given(source)
        self.source_format = source_format

    def rows(self) -> Source:
        """Return the file, the query, or the rows themselves."""
        from airflow_wisdom.sources import source_of

        return source_of(self.source, self.storage(), self.source_format)

    def lineage_inputs(self) -> Sequence[Any]:
        """Return the path or URI of the source, if it has one."""
        from airflow_wisdom.sources import FileSource

        source = self.rows()
        return [source.name] if isinstance(source, FileSource) else []
