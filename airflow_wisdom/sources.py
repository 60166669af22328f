"""Where rows come from: a file by path or URI, rows that a task was given, the result of a query."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_wisdom.exceptions import SourceError
from airflow_wisdom.queries import Columns, cursor_of, first_word, no_rows
from airflow_wisdom.rows.reading import read
from airflow_wisdom.rows.reading.objects import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Table
    from airflow_wisdom.storage import Storage


__all__ = ["SqlSource"]


class Source(Protocol):
    """Rows that can be opened, and what they are called in messages and in the metadata of jobs."""

    @property
    def name(self) -> str:
        """What the source is called: nothing in it is a secret."""
        ...

    def open(self) -> AbstractContextManager[Table]:
        """Open the source and return its rows."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A file, by path or URI.

    :param name: Path or URI.
    :param storage: What reads it.
    :param format: ``csv`` or ``json_lines``. Default: what the name says, and else the first bytes.
    """

    name: str
    storage: Storage
    format: Format | None = None

    @contextmanager
    def open(self) -> Iterator[Table]:
        """Open the file and return its rows."""
        with self.storage.open(self.name) as file:
            yield read(file, format=self.format, name=self.name)


@dataclass(frozen=True)
class RowsSource:
    """Rows that a task was given.

    :param rows: Mappings of column to value, or lists of them, as several tasks return them.
    :param name: What they are called.
    """

    rows: Iterable[Any]
    name: str = "the rows given"

    @contextmanager
    def open(self) -> Iterator[Table]:
        """Return the rows."""
        yield read_rows(_flat(self.rows))


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

    @property
    def name(self) -> str:
        """What the query is called: it may hold what is not everybody's, so it is its connection."""
        return f"the query on {self.conn_id}"

    @contextmanager
    def open(self) -> Iterator[Table]:
        """Run the query and return its rows.

        :raises ValueError: The connection does not point to a database, or the query is not one that selects rows.
        :raises SourceFormatError: Two columns have the same name.
        """
        word = first_word(self.sql)
        with closing(self._connect()) as connection, closing(cursor_of(connection, word)) as cursor:
            cursor.execute(self.sql, *([self.parameters] if self.parameters else []))
            if cursor.description is None and not getattr(cursor, "name", None):
                raise no_rows()
            # A cursor of PostgreSQL's server, which has a name, knows its columns only with the first rows.
            first = cursor.fetchmany(self.fetch_size)
            columns = Columns(cursor.description)
            # What stands for "no more" differs from driver to driver, but it is empty.
            batches = takewhile(bool, chain([first], iter(lambda: cursor.fetchmany(self.fetch_size), None)))
            rows = (columns.row(row) for batch in batches for row in batch)
            yield replace(read_rows(rows), columns=columns.names)

    def _connect(self) -> Any:
        from airflow.providers.common.compat.sdk import BaseHook
        from airflow.providers.common.sql.hooks.sql import DbApiHook

        hook = BaseHook.get_connection(self.conn_id).get_hook(hook_params=self.hook_params or {})
        if not isinstance(hook, DbApiHook):
            raise ValueError(f"Airflow connection {self.conn_id!r} does not point to a database")  # noqa: TRY004 - a parameter
        return hook.get_conn()


def source_of(given: Any, storage: Storage, format: Format | None = None) -> FileSource | RowsSource | SqlSource:  # noqa: A002 - the word that users know
    """Return the source that a user has named.

    :param given: Path, URI, rows, or a :class:`SqlSource`.
    :param storage: What reads files.
    :param format: As for :class:`FileSource`.
    :raises SourceError: It is none of these.
    """
    if isinstance(given, SqlSource):
        return given
    if isinstance(given, (str, os.PathLike)) and os.fspath(given):
        return FileSource(os.fspath(given), storage, format)
    if isinstance(given, Iterable) and not isinstance(given, (bytes, Mapping)):
        return RowsSource(given)
    kind = type(given).__name__
    raise SourceError(f"The source must be a path, a URI, a list of rows or an SqlSource, not {kind}: {given!r:.40}")


def _flat(rows: Iterable[Any]) -> Iterator[Any]:
    for row in rows:
        # The output of a mapped task is a sequence, too, of a type of Airflow's own.
        if isinstance(row, Sequence) and not isinstance(row, (str, bytes)):
            yield from _flat(row)
        else:
            yield row
