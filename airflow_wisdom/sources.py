"""Where rows come from: a file by path or URI, rows that a task was given, the result of a query."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.rows.reading import read
from airflow_wisdom.rows.reading.dialect import check_delimiter
from airflow_wisdom.rows.reading.formats import FORMATS
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.rows.reading.table import any_column
from airflow_wisdom.rows.reading.text import check_encoding
from airflow_wisdom.values import must_be_one_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Knows, Table
    from airflow_wisdom.storage import Storage


__all__ = ["SqlSource"]

_LONGEST_PATH = 4_096
"""Characters of a path that any file system takes."""


class Source(Protocol):
    """Rows that can be opened, and what they are called in messages and in the metadata of jobs."""

    @property
    def name(self) -> str:
        """What the source is called: nothing in it is a secret."""
        ...

    @property
    def places(self) -> Sequence[str]:
        """The paths and URIs of the files that are read."""
        ...

    def open(self, knows: Knows = any_column) -> AbstractContextManager[Table]:
        """Open the source and return its rows.

        :param knows: As for :func:`~airflow_wisdom.rows.reading.read`.
        """
        ...


@dataclass(frozen=True)
class SourceOptions:
    """How a file is read; what each option means says :class:`~airflow_wisdom.operators.rows.WisdomSourceTask`, whose
    parameters they are.

    :raises ValueError: An option makes no sense.
    """  # noqa: D205 - one sentence

    source_format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.source_format is not None:
            must_be_one_of("source_format", self.source_format, tuple(dict.fromkeys(FORMATS.values())))
        if self.delimiter is not None:
            check_delimiter(self.delimiter)
        if self.encoding is not None:
            check_encoding(self.encoding)


@dataclass(frozen=True)
class FileSource:
    """A file, by path or URI.

    :param name: Path or URI.
    :param storage: What reads it.
    :param options: How it is read.
    """

    name: str
    storage: Storage
    options: SourceOptions = SourceOptions()

    @property
    def places(self) -> Sequence[str]:
        """The file itself."""
        return [self.name]

    @contextmanager
    def open(self, knows: Knows = any_column) -> Iterator[Table]:
        """Open the file and return its rows; parameter as for :class:`Source`."""
        options = self.options
        with self.storage.open(self.name) as file:
            yield read(
                file,
                format=options.source_format,
                name=self.name,
                delimiter=options.delimiter,
                encoding=options.encoding,
                knows=knows,
            )


@dataclass(frozen=True)
class RowsSource:
    """Rows that a task was given.

    :param rows: Mappings of column to value.
    :param name: What they are called.
    """

    rows: Iterable[Mapping[str, Any]]
    name: str = "the rows given"
    places: Sequence[str] = ()

    @contextmanager
    def open(self, knows: Knows = any_column) -> Iterator[Table]:  # noqa: ARG002 - columns of a mapping differ
        """Return the rows."""
        yield read_rows(self.rows)


@dataclass
class SqlSource:
    """The result of a query, fetched in batches, for the `source` of any operator that takes rows.

    Sort the rows (``ORDER BY``), so that another try of the task finds the same ones.

    :param sql: The query, a template.
    :param conn_id: Airflow connection of the database.
    :param parameters: Parameters of the query, as the database's driver takes them. Default: none.
    :param fetch_size: Rows of a batch. Default 1,000.
    :param hook_params: Extra parameters for the database's hook. Default: none.
    """

    sql: str
    conn_id: str
    parameters: Mapping[str, Any] | Sequence[Any] | None = None
    fetch_size: int = 1_000
    hook_params: dict[str, Any] | None = None

    template_fields: ClassVar[Sequence[str]] = ("sql", "conn_id", "parameters")
    """What Airflow renders in it, as in a task."""

    places: ClassVar[Sequence[str]] = ()
    """A query reads no files."""

    @property
    def name(self) -> str:
        """What the query is called: it may hold what is not everybody's, so it is its connection."""
        return f"the query on {self.conn_id}"

    @contextmanager
    def open(self, knows: Knows = any_column) -> Iterator[Table]:  # noqa: ARG002 - a query can name its columns
        """Run the query and return its rows.

        :raises ValueError: The connection does not point to a database, or the query has no result.
        :raises SourceFormatError: Two columns have the same name.
        """
        with closing(self._connect()) as connection, closing(_cursor(connection)) as cursor:
            cursor.execute(self.sql, *([self.parameters] if self.parameters else []))
            # A cursor of the server's knows its columns only now.
            rows = _rows(cursor, self.fetch_size, cursor.fetchmany(self.fetch_size))
            if cursor.description is None:
                raise ValueError("The query has no result: it must be one that selects rows")
            columns = _distinct(tuple(str(column[0]) for column in cursor.description))
            yield replace(read_rows(_mapping(columns, row) for row in rows), columns=columns)

    def _connect(self) -> Any:
        from airflow.providers.common.compat.sdk import BaseHook
        from airflow.providers.common.sql.hooks.sql import DbApiHook

        hook = BaseHook.get_connection(self.conn_id).get_hook(hook_params=self.hook_params or {})
        if not isinstance(hook, DbApiHook):
            raise ValueError(f"Airflow connection {self.conn_id!r} does not point to a database")  # noqa: TRY004 - a parameter
        return hook.get_conn()


def source_of(
    given: Any, storage: Storage, options: SourceOptions | None = None
) -> FileSource | RowsSource | SqlSource:
    """Return the source that a user has named.

    :param given: Path, URI, rows, or a :class:`SqlSource`.
    :param storage: What reads files.
    :param options: How a file is read. Default: as it says itself.
    :raises SourceError: It is something else.
    """
    if isinstance(given, SqlSource):
        return given
    if isinstance(given, str):
        _check_path(given)
    if isinstance(given, (str, os.PathLike)) and os.fspath(given):
        return FileSource(os.fspath(given), storage, options or SourceOptions())
    if isinstance(given, Iterable) and not isinstance(given, (bytes, Mapping)):
        return RowsSource(given)
    kind = type(given).__name__
    raise SourceError(f"The source must be a path, a URI, a list of rows or an SqlSource, not {kind}: {given!r:.40}")


def _check_path(text: str) -> None:
    """Refuse a text that cannot be a path; it is not shown, as it is what a customer reads."""
    what = f"The source is a text of {len(text):,} characters, and neither a path nor a URI"
    if text.lstrip()[:2] in ("[{", "[[", "[]", "{'", '{"'):
        raise SourceError(
            f"{what}: it looks like rows that a template made a text of. Pass the rows themselves, as in "
            "source=upstream.output, or let templates keep them: DAG(render_template_as_native_obj=True)"
        )
    if len(text) > _LONGEST_PATH or "\n" in text:
        raise SourceError(f"{what}: write it to a file, or pass a list of rows")


def _cursor(connection: Any) -> Any:
    """Return a cursor that does not fetch everything at once, where it takes more than `fetchmany` to have one."""
    if type(connection).__module__.startswith("psycopg"):
        return connection.cursor(name="airflow_wisdom")
    return connection.cursor()


def _rows(cursor: Any, fetch_size: int, batch: Any) -> Iterator[Any]:
    """Yield the rows of a batch and of all that follow, of which one at a time is in memory."""
    # What stands for "no more" differs from driver to driver, but it is empty.
    while batch:
        yield from batch
        del batch
        batch = cursor.fetchmany(fetch_size)


def _mapping(columns: tuple[str, ...], row: Any) -> Mapping[str, Any]:
    """Return a row by columns; a connection may be set up so that it is that already."""
    return row if hasattr(row, "keys") and hasattr(row, "items") else dict(zip(columns, row, strict=True))


def _distinct(columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        raise SourceFormatError(f"The query has two columns of one name: {', '.join(twice)}; rename one (AS)")
    return columns
