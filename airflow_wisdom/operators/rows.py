"""What the operators that read rows have in common: how rows are judged, and where they come from."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_wisdom.exceptions import ParameterError, SourceError
from airflow_wisdom.operators.given import Given, GivenQuery, given
from airflow_wisdom.tasks import WisdomStorageTask
from airflow_wisdom.values import ONE_DAY, Readers, duration, optional

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import Context, ObjectStoragePath, XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.template import Field
    from airflow_wisdom.runs.options import RowOptions
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
    :param null_values: Texts that mean nothing where they are a whole cell, as exporters write it; such cells are sent
        as empty, and counted. Default: :data:`~airflow_wisdom.rows.nothing.NULL_VALUES`, such as ``NULL``, ``None``,
        ``nan``, ``<NA>`` and ``#N/A``; an empty tuple for none.
    :param on_placeholders: What to do about placeholders in a content that Amazon Connect would not fill in, such as
        ``{{Customer}}`` without the prefix ``Attributes.``: ``warn`` (default), make the row ``invalid``, or ``ignore``
        them.
    :param extra_checks: Functions of your own that get each row, a mapping of the template's labels to texts, and
        return what is wrong with it, or None. Default: none.
    :param on_invalid_rows: What to do if rows have mistakes: ``fail`` (default) before anything is sent, or ``skip``
        them. If no row is valid, the task fails in any case.
    :param strict: Whether what may be meant makes a row invalid, too: missing cells at its end, cells of many lines or
        of lines that look like rows, a byte-order mark in the middle of a file. Default: no; they are counted, and the
        first of them are logged.
    :param invalid_rows_path: Path or URI of a CSV to write those rows to, with their mistakes, ready to be fixed and
        imported. If there are none, it has its header alone. Default: they are not written.
    :param timeout: Seconds, or a timedelta, after which nothing more is done and the task fails. Default: one day.

    Which knowledge base, and how files are reached: as for :class:`~airflow_wisdom.tasks.WisdomStorageTask`.
    """

    template_fields: Sequence[str] = (
        "import_template",
        "column_mapping",
        "extra_columns",
        "spaces",
        "allowed_values",
        "null_values",
        "on_placeholders",
        "on_invalid_rows",
        "invalid_rows_path",
        *WisdomStorageTask.template_fields,
    )

    readers: ClassVar[Readers] = {"timeout": optional(duration, ONE_DAY)}

    def __init__(
        self,
        *,
        import_template: str | os.PathLike[str] | Sequence[str] | Mapping[str, str | None] | XComArg | None = None,
        column_mapping: Mapping[str, str] | XComArg | None = None,
        extra_columns: Literal["fail", "ignore"] | XComArg = "fail",
        spaces: Literal["trim", "invalid"] | XComArg = "trim",
        allowed_values: Mapping[Field, Collection[str] | None] | XComArg | None = None,
        null_values: Collection[str] | XComArg | None = None,
        on_placeholders: Literal["warn", "invalid", "ignore"] | XComArg = "warn",
        extra_checks: Sequence[Callable[[Mapping[str, str]], str | None]] | None = None,
        on_invalid_rows: Literal["fail", "skip"] | XComArg = "fail",
        strict: bool | str = False,
        invalid_rows_path: str | XComArg | None = None,
        timeout: timedelta | float | str | None = ONE_DAY,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.import_template = import_template
        self.column_mapping = column_mapping
        self.extra_columns = extra_columns
        self.spaces = spaces
        self.allowed_values = allowed_values
        self.null_values = null_values
        self.on_placeholders = on_placeholders
        self.extra_checks = extra_checks
        self.on_invalid_rows: Any = on_invalid_rows
        self.strict: Any = strict
        self.invalid_rows_path = invalid_rows_path
        self.timeout: Any = timeout

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [*super().checks(), self.row_options, self._check_source]

    def _check_source(self) -> None:
        # A source that is none is refused by the class that takes it.
        with suppress(SourceError):
            source = self.rows()
            self.row_options().check_places(source)

    @abstractmethod
    def row_options(self) -> RowOptions:
        """Return how the rows are judged, and what is done with them."""

    @abstractmethod
    def rows(self) -> Source:
        """Return where the rows are."""

    def lineage_inputs(self) -> Sequence[Any]:
        """Return where the rows come from, as :func:`~airflow_wisdom.lineage.import_lineage` takes it."""
        return []


class WisdomSourceTask(WisdomRowsTask):
    """Base of the operators whose rows are in a file, in a database, or given in the DAG.

    :param source: A path on the worker, an ``s3://`` URI (streamed through Airflow's S3 hook), any other URI that
        Airflow's object storage understands, or an ``ObjectStoragePath``; a folder, a prefix that ends in ``/``, a
        pattern with ``*``, or a list of any of these, whose files are parts of one table; a
        :class:`~airflow_wisdom.sources.SqlSource`; or the rows themselves: a list of dicts, or of such lists, also from
        XCom. Rows are not templates: double braces in them are Amazon Connect's.
    :param source_format: ``csv``, ``json_lines``, ``json`` (a list of objects), ``xlsx`` or ``parquet``. Default: what
        the file's name says, and else its first bytes.
    :param delimiter: The character between the cells of a CSV, or ``tab``. Default: comma, semicolon, tab or pipe, by
        which of them the header has the most columns of the template.
    :param encoding: Encoding of the file, as Python calls it, such as ``cp1252``. Default: UTF-8, or what a byte-order
        mark says, which takes precedence.
    :param sheet: Name of the sheet of an Excel workbook. Default: the only one that has rows.

    How rows are judged: as for :class:`WisdomRowsTask`.
    """

    template_fields: Sequence[str] = (
        "source",
        "source_format",
        "delimiter",
        "encoding",
        "sheet",
        *WisdomRowsTask.template_fields,
    )

    def __init__(
        self,
        *,
        source: str | os.PathLike[str] | ObjectStoragePath | SqlSource | Iterable[Any] | XComArg,
        source_format: Format | XComArg | None = None,
        delimiter: str | XComArg | None = None,
        encoding: str | XComArg | None = None,
        sheet: str | XComArg | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = given(source)
        self.source_format: Any = source_format
        self.delimiter: Any = delimiter
        self.encoding: Any = encoding
        self.sheet: Any = sheet

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return what is to be expanded, as for any operator of Airflow.

        :param kwargs: Parameters of the operator.
        :raises SourceError: The source can be gone through only once, or is a task in place of what it returns.
        """
        source = given(kwargs.get("source"))
        if isinstance(source, GivenQuery):
            kwargs["source"] = source
        return super().partial(**kwargs)

    def render_template(self, content: Any, context: Context, *args: Any, **kwargs: Any) -> Any:
        """Render a template as Airflow does, and a query, in which it would not look."""
        found = content.resolve(context) if isinstance(content, GivenQuery) else content
        return super().render_template(found, context, *args, **kwargs)

    def checks(self) -> Sequence[Callable[[], object]]:
        """Return what else may raise a ``ValueError`` about parameters, before anything is sent."""
        return [self._check_kind_of_source, *super().checks()]

    def _check_kind_of_source(self) -> None:
        from airflow_wisdom.sources import SqlSource, source_of

        try:
            source = source_of(self._given(), self.storage())
        except SourceError as exc:
            raise ParameterError(exc.message) from exc
        problems = source.problems() if isinstance(source, SqlSource) else []
        if problems:
            problems = [f"source is a query whose {problem}" for problem in problems]
            raise ParameterError("; ".join(problems), problems=problems)

    def _given(self) -> Any:
        return self.source.value if isinstance(self.source, (Given, GivenQuery)) else self.source

    def rows(self) -> Source:
        """Return the file, the query, or the rows themselves."""
        from airflow_wisdom.sources import SourceOptions, source_of

        options = SourceOptions(self.source_format, self.delimiter, self.encoding, self.sheet)
        return source_of(self._given(), self.storage(), options)

    def lineage_inputs(self) -> Sequence[Any]:
        """Return the path or URI of the source, if it has one."""
        from airflow_wisdom.sources import FileSource

        source = self.rows()
        return list(source.places) if isinstance(source, FileSource) else []
