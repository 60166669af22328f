"""The rows of a Parquet file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows.cells import RESERVED, is_safe, unsafe
from airflow_wisdom.rows.mistake import listing
from airflow_wisdom.rows.reading.binary import library, on_disk, readable
from airflow_wisdom.rows.reading.objects import column_of, read_rows
from airflow_wisdom.rows.reading.packed import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_wisdom.rows.reading.table import Table

_ROWS = 1_000
_KIND = "Parquet file"


def parquet_table(file: BinaryIO) -> Table:
    """Return the rows of a Parquet file, read by so many at a time.

    :param file: The file.
    :raises SourceError: The library for it is missing.
    :raises SourceFormatError: It is no Parquet file, or has a column twice; while the rows are read: it is damaged.
    """
    parquet = library("pyarrow.parquet", f"a {_KIND}", "parquet")
    with readable(_KIND):
        # Otherwise each group of rows, of which a file may have a single one, is read as a whole before its first row.
        opened = parquet.ParquetFile(on_disk(file), pre_buffer=False, buffer_size=CHUNK)
        schema = opened.schema_arrow
    index = _index_of(schema.metadata or {})
    names = [name for name in schema.names if name not in index]
    own = _own_columns(names, {column_of(field.name): str(field.type) for field in schema})
    twice = [name for name, count in Counter(own).items() if count > 1]
    if twice:
        raise SourceFormatError(f"The Parquet file has a column twice: {listing(twice)}")
    return replace(read_rows(_rows(opened, names)), columns=own)


def _own_columns(names: list[str], types: Mapping[str, str]) -> tuple[str, ...]:
    """Return the columns of the rows, as each of them will be called."""
    marks = {column: str(types[column] == "bool") for column in types if column in RESERVED}
    called = unsafe if is_safe(marks) else str
    return tuple(called(column) for column in map(column_of, names) if column not in RESERVED)


def _rows(opened: Any, names: list[str]) -> Iterator[Mapping[str, object]]:
    with readable(_KIND):
        for batch in opened.iter_batches(_ROWS, columns=names, use_threads=False):
            yield from _in_microseconds(batch).to_pylist()


def _in_microseconds(batch: Any) -> Any:
    """Cut the nanoseconds of times, as pandas writes them, for which Python has no type; also those in lists."""
    import pyarrow as pa

    def cut(kind: Any) -> Any:
        if pa.types.is_list(kind):
            return pa.list_(cut(kind.value_type))
        if getattr(kind, "unit", None) != "ns":
            return kind
        if pa.types.is_timestamp(kind):
            return pa.timestamp("us", kind.tz)
        return pa.time64("us") if pa.types.is_time64(kind) else pa.duration("us")

    columns = [column.cast(cut(column.type), safe=False) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _index_of(metadata: Mapping[bytes, bytes]) -> list[str]:
    """Return the columns in which pandas keeps the index of a data frame, unless it has a name."""
    described = json.loads(metadata.get(b"pandas", b"{}"))
    index = described.get("index_columns", [])
    return [name for name in index if isinstance(name, str) and name.startswith("__index_level_")]
