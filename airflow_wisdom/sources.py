"""Where rows come from: a file by path or URI, rows that a task was given, the result of a query."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_wisdom.exceptions import ParameterError, SourceError, SourceFormatError
from airflow_wisdom.listing import MAX_FILES
from airflow_wisdom.places import shown
from airflow_wisdom.queries import Columns, cursor_of, first_word, no_rows
from airflow_wisdom.rows.reading import read
from airflow_wisdom.rows.reading.dialect import check_delimiter
from airflow_wisdom.rows.reading.formats import FORMATS
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.rows.reading.parts import check_part
from airflow_wisdom.rows.reading.table import any_column
from airflow_wisdom.rows.reading.text import EmptyFileError, check_encoding
from airflow_wisdom.values import Problems, Readers, connection_id, mapping, one_of, optional, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from airflow_wisdom.rows.reading.formats import Format
    from airflow_wisdom.rows.reading.table import Knows, Row, Table
    from airflow_wisdom.storage import Storage


__all__ = ["SqlSource"]


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

    readers: ClassVar[Readers] = {
        "source_format": optional(partial(one_of, words=tuple(dict.fromkeys(FORMATS.values())))),
        "delimiter": optional(lambda _, delimiter: check_delimiter(delimiter)),
        "encoding": optional(lambda _, encoding: check_encoding(str(encoding))),
        "sheet": optional(text),
    }

    source_format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        problems = Problems()
        problems.read(self.readers, self)
        problems.check()


@dataclass(frozen=True)
class FileSource:
    """Files by path or URI, whose rows are those of one table.

    :param place: Path or URI of a file, a folder, a prefix that ends in ``/``, or a pattern with ``*``, as for
        :meth:`~airflow_wisdom.storage.Storage.files`.
    :param storage: What reads them.
    :param options: How they are read.
    :param more: Further places; a file that is in several of them is read once.
    """

    place: str
    storage: Storage
    options: SourceOptions = SourceOptions()
    more: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """All places."""
        return (self.place, *self.more)

    @property
    def name(self) -> str:
        """What the files are called: the first of the places, and how many there are besides."""
        return name_of(self.places)

    @contextmanager
    def open(self, knows: Knows = any_column) -> Iterator[Table]:
        """Open the files, one after the other, and return their rows.

        :param knows: As for :class:`Source`.
        :raises SourceError: One of them cannot be read.
        :raises SourceFormatError: One of them is not of the format, or not of the same table as the first.
        """
        files = self.files()
        if files == [self.place]:
            with self._opened(files[0], knows) as table:
                yield table
            return
        part_of = _part_names(files)
        with ExitStack() as stack:
            number, first = self._first(files, knows, stack)
            pairs = chain(((files[number], row) for row in first.rows), self._rest(files[number + 1 :], first, knows))
            yield replace(first, rows=(row.of_part(part_of(file)) for file, row in pairs))

    def files(self) -> list[str]:
        """Return the files: of each place those that it stands for, sorted by name.

        :raises SourceError: A place cannot be listed, or there are too many files.
        """
        found = dict.fromkeys(file for place in self.places for file in self.storage.files(place))
        if len(found) > MAX_FILES:
            raise SourceError(f"The source is more than {MAX_FILES:,} files", where={"source": shown(self.name)})
        return list(found)

    def _first(self, files: list[str], knows: Knows, stack: ExitStack) -> tuple[int, Table]:
        """Open the first file in which there is something, and return which one it is."""
        for number, file in enumerate(files):
            try:
                return number, stack.enter_context(self._opened(file, knows))
            except EmptyFileError:
                continue
        raise EmptyFileError("All files are empty", where={"source": shown(self.name)})

    def _rest(self, files: list[str], first: Table, knows: Knows) -> Iterator[tuple[str, Row]]:
        for file in files:
            with ExitStack() as stack:
                try:
                    table = stack.enter_context(self._opened(file, knows, first))
                except EmptyFileError:
                    continue
                yield from ((file, row) for row in table.rows)

    @contextmanager
    def _opened(self, file: str, knows: Knows, first: Table | None = None) -> Iterator[Table]:
        options = self.options
        with self.storage.open(file, "The source") as stream:
            # Where it is the only file, it is the source.
            label = "source" if file == self.name else "file"
            with _naming(label, file):
                table = read(
                    stream,
                    format=options.source_format,
                    name=file,
                    delimiter=options.delimiter,
                    encoding=options.encoding,
                    sheet=options.sheet,
                    knows=knows,
                    like=first,
                )
                if first:
                    check_part(table, first)
            yield replace(table, rows=_named_rows(table.rows, label, file))


@dataclass(frozen=True)
class RowsSource:
    """Rows that a task was given.

    :param rows: Mappings of column to value, or lists of them, as several tasks return them.
    :param name: What they are called.
    """

    rows: Iterable[Any]
    name: str = "the rows given"
    places: Sequence[str] = ()

    @contextmanager
    def open(self, knows: Knows = any_column) -> Iterator[Table]:  # noqa: ARG002 - columns of a mapping differ
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

    places: ClassVar[Sequence[str]] = ()
    """A query reads no files."""

    readers: ClassVar[Readers] = {
        "sql": text,
        "conn_id": connection_id,
        "fetch_size": partial(whole_number, least=1),
        "hook_params": optional(mapping),
    }
    """Parameter -> what reads it, before anything is sent."""

    def problems(self) -> list[str]:
        """Return what is wrong with the parameters, each with its name."""
        problems = Problems()
        problems.read(self.readers, self)
        return problems.found

    @property
    def name(self) -> str:
        """What the query is called: it may hold what is not everybody's, so it is its connection."""
        return f"the query on {self.conn_id}"

    @contextmanager
    def open(self, knows: Knows = any_column) -> Iterator[Table]:  # noqa: ARG002 - a query can name its columns
        """Run the query and return its rows.

        :raises ParameterError: The connection does not point to a database, or the query is not one that selects rows.
        :raises SourceFormatError: Two columns have the same name.
        """
        word = first_word(self.sql)
        with closing(self._connect()) as connection, closing(cursor_of(connection, word)) as cursor:
            cursor.execute(self.sql, *([self.parameters] if self.parameters else []))
            if cursor.description is None and not getattr(cursor, "name", None):
                raise no_rows()
            # A cursor of PostgreSQL's server, which has a name, knows its columns only with the first rows.
            rows = _rows(cursor, self.fetch_size, cursor.fetchmany(self.fetch_size))
            columns = Columns(cursor.description)
            yield replace(read_rows(map(columns.row, rows)), columns=columns.names)

    def _connect(self) -> Any:
        from airflow.providers.common.sql.hooks.sql import DbApiHook

        from airflow_wisdom.hooks.lookup import find_connection

        connection = find_connection(self.conn_id, "create it, or name that of your database")
        hook = connection.get_hook(hook_params=self.hook_params or {})
        if not isinstance(hook, DbApiHook):
            raise ParameterError(f"Airflow connection {self.conn_id!r} does not point to a database")
        return hook.get_conn()


def source_of(
    given: Any, storage: Storage, options: SourceOptions | None = None
) -> FileSource | RowsSource | SqlSource:
    """Return the source that a user has named.

    :param given: Path, URI, a list of them, rows, or a :class:`SqlSource`.
    :param storage: What reads files.
    :param options: How a file is read. Default: as it says itself.
    :raises SourceError: It is something else.
    """
    if isinstance(given, SqlSource):
        return given
    places = [given] if _is_place(given) else given
    if isinstance(places, Sequence) and places and all(map(_is_place, places)):
        first, *more = map(_place, places)
        return FileSource(first, storage, options or SourceOptions(), tuple(more))
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)) or _advice(given):
        kind = "an empty text" if given == "" else type(given).__name__
        raise SourceError(f"source must be {_WANTED}, not {kind}{_advice(given)}")
    return RowsSource(given)


_WANTED = "a path, a URI, a list of either, a list of rows (dicts), or an SqlSource"
_FRAMES = {"to_dicts": "to_dicts()", "to_pylist": "to_pylist()", "to_dict": 'to_dict("records")'}
"""Method of what is no list of rows, but can become one -> how it does: those of Polars, PyArrow and pandas."""

LONGEST_PLACE = 4_096
"""Characters of the longest path that Linux takes."""

LONGEST_NAME = 1_024
"""Characters of the longest name in a path or URI: a key of Amazon S3 may be a single one."""

_ROWS_AS_TEXT = re.compile(r"\s*\[\s*\[|\s*(?:[\[(]\s*)*[{\[(]\s*['\"{(]")


def _advice(given: Any) -> str:
    """Return what to do about what is no source, but nearly one."""
    if isinstance(given, Mapping):
        return ": one row is a list with one dict in it; to map a task over lists of rows, let each item be a list"
    if hasattr(given, "columns") or hasattr(given, "to_pylist"):
        method = next((how for name, how in _FRAMES.items() if hasattr(given, name)), None)
        return f": pass its rows, as .{method} returns them" if method else ": pass a list of its rows"
    return ""


def _rows(cursor: Any, fetch_size: int, batch: Any) -> Iterator[Any]:
    """Yield the rows of a batch and of all that follow, of which one at a time is in memory."""
    # What stands for "no more" differs from driver to driver, but it is empty.
    while batch:
        yield from batch
        del batch
        batch = cursor.fetchmany(fetch_size)


def _is_place(given: Any) -> bool:
    is_airflows = type(given).__module__.startswith("airflow.sdk.io")
    return is_airflows or (isinstance(given, (str, os.PathLike)) and bool(os.fspath(given)))


def _place(given: Any) -> str:
    """Return a path or URI as text, unless it is something else that a template has become.

    :raises SourceError: It is rows as text, or the text of nothing. Nothing of it is shown: it may not be everybody's.
    """
    place = os.fspath(given) if isinstance(given, (str, os.PathLike)) else str(given)
    what = f"source is a text of {len(place):,} characters"
    if _ROWS_AS_TEXT.match(place):
        raise SourceError(
            f"{what}, as a template makes of rows, and no path: pass the rows themselves (source=task.output, or a "
            "list), or let templates keep them (DAG(render_template_as_native_obj=True)); JSON as text has to be "
            "parsed before"
        )
    if len(place) > LONGEST_PLACE or "\n" in place or max(map(len, place.split("/"))) > LONGEST_NAME:
        raise SourceError(f"{what}, and neither a path nor a URI: write it to a file, or pass a list of rows")
    if place.strip() in {"None", "[]"}:
        raise SourceError(
            f"source is the text {place.strip()}, as a template makes of an XCom that is not there or empty: pass "
            "source=task.output, and look at what that task returns"
        )
    return place


def name_of(places: Sequence[str]) -> str:
    """Return what several places are called together.

    :param places: Paths or URIs.
    """
    more = len(places) - 1
    return f"{places[0]} and {more:,} more" if more else places[0]


def _part_names(files: Sequence[str]) -> Callable[[str], str]:
    """Return what the parts of a source are called: what tells them apart, without the folder that they share."""
    folders = [file.split("/")[:-1] for file in files]
    shared = len(os.path.commonprefix(folders))  # noqa: RUF071 - of lists, it compares their items
    return lambda file: "/".join(file.split("/")[shared:])


@contextmanager
def _naming(label: str, file: str) -> Iterator[None]:
    """Let errors about what is in a file say which file it is, since there may be others, such as a template."""
    try:
        yield
    except SourceFormatError as exc:
        exc.where.setdefault(label, shown(file))
        raise


def _named_rows(rows: Iterator[Row], label: str, file: str) -> Iterator[Row]:
    with _naming(label, file):
        yield from rows


def _flat(rows: Iterable[Any]) -> Iterator[Any]:
    for row in rows:
        # The output of a mapped task is a sequence, too, of a type of Airflow's own.
        if isinstance(row, Sequence) and not isinstance(row, (str, bytes)):
            yield from _flat(row)
        else:
            yield row
