"""Formats besides CSV and JSON Lines: JSON documents, workbooks of Excel, Parquet."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc
import zipfile
from contextlib import suppress
from datetime import date, datetime, time, timezone
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.formula import ArrayFormula
from pyarrow import parquet

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.rows.reading import read, workbook

ROWS = [{"Name": "Hello", "Content": "Good\nmorning"}, {"Name": "Grüße", "Content": "{{x}}"}]


def rows_of(data, **options):
    table = read(io.BytesIO(data), **options)
    return [dict(row.values) for row in table.rows]


def error_of(data, **options):
    with pytest.raises(SourceFormatError) as raised:
        rows_of(data, **options)
    return raised.value


# JSON


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["a.json", "a", "a.JSON"])
def test_a_list_of_objects_is_rows(indent, name):
    data = json.dumps(ROWS, indent=indent, ensure_ascii=False).encode()
    assert rows_of(data, name=name) == ROWS
    assert rows_of(b"\xef\xbb\xbf" + data, name=name) == ROWS
    places = [(row.unit, row.line) for row in read(io.BytesIO(data), name=name).rows]
    assert places == [("row", 1), ("row", 2)]


@pytest.mark.parametrize(
    "data",
    [
        b'{"Name": "a"}\n{"Name": "b"}\n',
        b'{\n  "Name": "a"\n}\n{\n  "Name": "b"\n}\n',
        b'{"Name": "a"} {"Name": "b"}',
        b'[{"Name": "a"},\n{"Name": "b"}]\n\n',
        b' [ {"Name": "a"} , {"Name": "b"} ] ',
    ],
)
def test_objects_may_stand_on_any_lines(data):
    assert rows_of(data, name="a.json", format="json") == [{"Name": "a"}, {"Name": "b"}]


def test_a_json_file_of_lines_is_read_by_lines():
    assert [row.unit for row in read(io.BytesIO(b'{"a": 1}\n{"a": 2}\n'), name="a.json").rows] == ["line", "line"]
    assert [row.unit for row in read(io.BytesIO(b'{\n"a": 1}\n'), name="a.json").rows] == ["row"]
    assert rows_of(b'{"a": 1.10, "b": 12345678901234567890123}', name="a.json") == [
        {"a": "1.10", "b": "12345678901234567890123"}
    ]
    assert rows_of(b"[]", name="a.json") == []


@pytest.mark.parametrize(
    ("data", "orientation"),
    [
        (b'{"columns":["Name"],"index":[0],"data":[["a"]]}', "split"),
        (b'{"index":[0],"columns":["Name"],"data":[["a"]]}', "split"),
        (b'{"schema":{"fields":[]},"data":[]}', "table"),
        (b'{"Name":{"0":"a","1":"b"},"Content":{"0":"c"}}', "columns"),
        (b'{\n "Name \\" x" : { "17" : "a"}}', "columns"),
        (b'{"0":{"Name":"a"},"1":{"Name":"b"}}', "index"),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a"])
def test_other_orientations_of_pandas_are_named(data, orientation, name):
    message = str(error_of(data, name=name))
    assert f'orient="{orientation}"' in message
    assert 'to_json(orient="records")' in message


def test_other_shapes_are_named():
    assert 'in its member "items"' in str(error_of(b'{"items": [{"Name": "a"}], "next": 1}', name="a.json"))
    error = error_of(b'[["a", "b"], ["c", "d"]]', name="a.json")
    assert 'orient="values"' in str(error)
    assert error.line == 1
    assert 'in its member "items"' in str(error_of(b'{"total": 1, "items": [{"Name": "a"}]}', name="a.json"))
    for name in ("a.json", "a.jsonl"):
        columns = b'{"Name": ["a", "b"], "Content": ["x", "y"]}'
        assert "which has a list for each column" in str(error_of(columns, name=name))
    assert rows_of(b'{"Channels": ["Chat"]}', name="a.json") == [{"Channels": "Chat"}]
    # A list in the first column is still a row.
    assert rows_of(b'{"Channels": ["Chat"], "Name": "a"}', name="a.json") == [{"Channels": "Chat", "Name": "a"}]


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b'[{"a": 1}, {"a": 2', 2, "is cut off"),
        (b'[{"a": 1}, {"a": 2}', 2, "is cut off behind"),
        (b'[{"a": 1}, ', 2, "is cut off"),
        (b'[{"a": 1} {"a": 2}]', 1, "a comma or its end was expected"),
        (b'[{"a": 1}] [{"a": 2}]', 1, "behind the end of the list"),
        (b'[{"a": 1}, {"a": x, "b": "                    "}]', 2, "is no JSON: Expecting value"),
        (b'[{"a": 1}, "b"]', 2, "is no object"),
        (b"[1, 2]", 1, "is no object"),
        (b"", None, "is empty"),
        (b"  \n", None, "is empty"),
        (b"[" * 100_000, 1, "nesting is too deep"),
        (b'[{"a": "' + b"x" * 1_100_000 + b'"}]', 1, "longer than 1,000,000 characters"),
    ],
)
def test_what_is_no_json_says_where(data, line, words):
    error = error_of(data, format="json")
    assert words in str(error)
    assert error.line == line


TEXTS = st.text(alphabet=st.sampled_from('ab"\\{}[],:\n\u00fc\U0001f600 0'), max_size=12)


@given(
    st.lists(st.dictionaries(TEXTS.map(lambda key: f"k{key.strip()}"), TEXTS, min_size=1, max_size=3), max_size=6),
    st.sampled_from([None, 0, 3]),
    st.booleans(),
    st.integers(1, 9),
)
def test_a_list_reads_the_same_however_it_is_written_and_cut(rows, indent, ascii_only, size):
    from airflow_wisdom.rows.reading.documents import json_table

    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    pieces = (text[start : start + size] for start in range(0, len(text), size))
    read_rows = [dict(row.values) for row in json_table(pieces).rows]
    assert read_rows == [{key.strip(): value for key, value in row.items()} for row in rows]


# Excel


def book_of(*rows, title="Sheet", more=()):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for name, cells in more:
        other = book.create_sheet(name)
        other.append(cells)
    return saved(book)


def saved(book):
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("options", [{"name": "a.xlsx"}, {"name": "a"}, {"format": "xlsx"}, {"name": "A.XLSM"}])
def test_a_workbook_is_rows(options):
    data = book_of(["Name", "Content"], *[list(row.values()) for row in ROWS])
    assert rows_of(data, **options) == ROWS
    table = read(io.BytesIO(data), **options)
    assert table.columns == ("Name", "Content")
    assert [(row.unit, row.line) for row in table.rows] == [("row", 2), ("row", 3)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2026, 11, 25), "2026-11-25"),
        (datetime(2026, 11, 25, 9, 30), "2026-11-25T09:30:00"),  # noqa: DTZ001 - Excel has no zones
        (time(9, 30), "09:30:00"),
        (101.0, "101"),
        (101, "101"),
        (0.1 + 0.2, "0.3"),
        (1e15, "1000000000000000"),
        (True, "Yes"),
        (False, "No"),
        ("0123", "0123"),
        ("#N/A", "#N/A"),
        ("a_x000D_\nb", "a\r\nb"),
        ("_xyz_", "_xyz_"),
        (" a ", " a "),
    ],
)
def test_values_of_cells_are_what_excel_shows(value, text):
    assert rows_of(book_of(["Name", "x"], ["a", value])) == [{"Name": "a", "x": text}]


def test_rows_and_columns_without_cells_are_none():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["B3"], sheet["C3"], sheet["B7"], sheet["C7"] = "Name", "Content", "a", "b"
    # Formatted, but empty.
    sheet["H900"].font = openpyxl.styles.Font(bold=True)
    table = read(io.BytesIO(saved(book)))
    (row,) = table.rows
    assert (table.columns, dict(row.values), row.line, row.surplus) == (
        ("Name", "Content"),
        {"Name": "a", "Content": "b"},
        7,
        (),
    )


def test_the_index_of_pandas_is_no_column_and_other_values_without_one_are_surplus():
    data = book_of([None, "Name"], [0, "a"], [1, "b"], ["x", "c"], [3, "d", "y"])
    assert [row.surplus for row in read(io.BytesIO(data)).rows] == [(), (), ("x",), ("y",)]


def test_a_formula_is_its_result_or_a_mistake():
    book = openpyxl.Workbook()
    book.active.append(["Name", "Content"])
    book.active.append(["a", "=1+1"])
    book.active["A3"] = "b"
    book.active["B3"] = ArrayFormula("B3:B3", "=A2")
    data = saved(book)
    for row in read(io.BytesIO(data)).rows:
        (mistake,) = row.mistakes
        assert (mistake.column, mistake.line) == ("Content", row.line)
        assert "is a formula whose result is not in the file" in mistake.reason
    # As Excel saves it.
    calculated = changed(data, "xl/worksheets/sheet1.xml", b"<v></v>", b"<v>2</v>", b"<v />", b"<v>2</v>")
    assert [(dict(row.values), row.mistakes) for row in read(io.BytesIO(calculated)).rows] == [
        ({"Name": "a", "Content": "2"}, ()),
        ({"Name": "b", "Content": "2"}, ()),
    ]


def changed(data, member, *pairs):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == member:
                for before, after in zip(pairs[::2], pairs[1::2], strict=True):
                    content = content.replace(before, after)
            new.writestr(name, content)
    return file.getvalue()


def test_the_sheet_with_rows_is_read_and_of_several_the_one_that_is_named():
    data = book_of(["Name"], ["a"], title="Answers", more=[("Empty", [])])
    assert rows_of(data) == [{"Name": "a"}]
    data = book_of(["Name"], ["a"], title="Answers", more=[("Notes", ["Name"])])
    assert 'several sheets with rows: name the one to read, of "Answers", "Notes"' in str(error_of(data))
    assert rows_of(data, sheet="Answers") == [{"Name": "a"}]
    assert rows_of(data, sheet="Notes") == []
    assert "has no sheet 'notes'" in str(error_of(data, sheet="notes"))
    hidden = openpyxl.load_workbook(io.BytesIO(data))
    hidden["Notes"].sheet_state = "hidden"
    assert rows_of(saved(hidden)) == [{"Name": "a"}]


def test_what_is_no_workbook_says_so(monkeypatch):
    assert "has no rows" in str(error_of(book_of()))
    assert "is no Excel workbook" in str(error_of(b"Name,Content\n", format="xlsx"))
    assert "is no Excel workbook" in str(
        error_of(changed(book_of(["a"]), "xl/workbook.xml", b"<", b"&"), format="xlsx")
    )
    assert "has a column twice" in str(error_of(book_of(["Name", "Name"])))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("content.xml", "<a/>")
    assert "is no Excel workbook (.xlsx): save it as one" in str(error_of(other.getvalue(), format="xlsx"))
    monkeypatch.setattr(workbook, "MAX_TEXTS", 1)
    texts = io.BytesIO(book_of(["Name"]))
    with zipfile.ZipFile(texts, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", "<sst/>")
    assert "more than 1 bytes of texts: save it as CSV" in str(error_of(texts.getvalue()))


# Parquet


def parquet_of(table, **options):
    file = io.BytesIO()
    parquet.write_table(table, file, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{"name": "a.parquet"}, {"name": "part-0000"}, {"format": "parquet"}])
def test_a_parquet_file_is_rows(options):
    data = parquet_of(pa.Table.from_pylist(ROWS), row_group_size=1)
    assert rows_of(data, **options) == ROWS
    table = read(io.BytesIO(data), **options)
    assert table.columns == ("Name", "Content")
    assert [(row.unit, row.line) for row in table.rows] == [("row", 1), ("row", 2)]


def test_values_of_parquet_have_their_usual_text_form():
    moment = datetime(2026, 11, 25, 9, 30, tzinfo=timezone.utc)
    columns = {
        "date": pa.array([date(2026, 11, 25)]),
        "nanoseconds": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns")),
        "zoned": pa.array([moment], pa.timestamp("us", "UTC")),
        "time": pa.array([time(9, 30)], pa.time64("us")),
        "decimal": pa.array([Decimal("1.10")]),
        "yes": pa.array([True]),
        "nothing": pa.array([None], pa.string()),
        "items": pa.array([["a", "b"]]),
        "category": pa.array(["x"]).dictionary_encode(),
        "whole": pa.array([101]),
        "time of nanoseconds": pa.array([34_200_000_000_001], pa.time64("ns")),
        "list of nanoseconds": pa.array([[1_700_000_000_123_456_789]], pa.list_(pa.timestamp("ns"))),
    }
    assert rows_of(parquet_of(pa.table(columns))) == [
        {
            "date": "2026-11-25",
            "nanoseconds": "2023-11-14T22:13:20.123456",
            "zoned": "2026-11-25T09:30:00+00:00",
            "time": "09:30:00",
            "decimal": "1.10",
            "yes": "Yes",
            "nothing": "",
            "items": "a;b",
            "category": "x",
            "whole": "101",
            "time of nanoseconds": "09:30:00",
            "list of nanoseconds": "2023-11-14T22:13:20.123456",
        }
    ]


def test_a_duration_makes_its_row_invalid_alone():
    columns = {"Name": ["a"], "Description": pa.array([5], pa.duration("ns"))}
    (row,) = read(io.BytesIO(parquet_of(pa.table(columns)))).rows
    assert [(mistake.column, mistake.reason) for mistake in row.mistakes] == [
        ("Description", "is of type timedelta, which has no text form here")
    ]


def test_the_index_of_a_data_frame_is_no_column():
    table = pa.table({"Name": ["a"], "__index_level_0__": [7]})
    described = {"pandas": json.dumps({"index_columns": ["__index_level_0__"]})}
    assert rows_of(parquet_of(table.replace_schema_metadata(described))) == [{"Name": "a"}]
    assert rows_of(parquet_of(table)) == [{"Name": "a", "__index_level_0__": "7"}]


@pytest.mark.parametrize("groups", [1, 8])
def test_a_parquet_file_is_never_in_memory_as_a_whole(groups):
    rows = 4_000
    texts = pa.array([f"{number:-<1000}" for number in range(rows)])
    data = parquet_of(
        pa.table({"Name": texts}), row_group_size=rows // groups, compression="none", use_dictionary=False
    )
    assert len(data) > 4_000_000
    tracemalloc.start()
    try:
        assert sum(1 for _ in read(io.BytesIO(data)).rows) == rows
        assert tracemalloc.get_traced_memory()[1] < len(data) / 2
    finally:
        tracemalloc.stop()


def test_what_is_no_parquet_says_so():
    data = parquet_of(pa.Table.from_pylist(ROWS))
    for damaged in (b"Name,Content\n", data[:-9], data[:40] + b"\0" * 30 + data[70:], b"PAR1" * 9):
        assert "is no Parquet file, or damaged" in str(error_of(damaged, format="parquet"))
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["Name", "Name"])
    assert 'has a column twice: "Name"' in str(error_of(parquet_of(twice)))


# Both


@pytest.mark.parametrize(
    ("name", "module", "extra"), [("a.xlsx", "openpyxl", "xlsx"), ("a.parquet", "pyarrow.parquet", "parquet")]
)
def test_a_missing_library_is_named_by_its_extra(monkeypatch, name, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    kind = {"xlsx": "an Excel workbook", "parquet": "a Parquet file"}[extra]
    with pytest.raises(SourceError, match=rf"^The file is {kind}, .* pip install 'airflow-wisdom\[{extra}\]'"):
        read(io.BytesIO(b""), name=name)


SEEDS = [
    book_of(["Name", "Content"], ["a", 1]),
    parquet_of(pa.Table.from_pylist(ROWS)),
    json.dumps(ROWS).encode(),
]


@given(st.sampled_from(SEEDS), st.data())
def test_whatever_a_damaged_file_is_it_raises_nothing_else(seed, data):
    at = data.draw(st.integers(0, len(seed) - 1))
    damage = data.draw(st.binary(max_size=9))
    damaged = seed[:at] + damage + seed[at + data.draw(st.integers(0, 20)) :]
    for kind in ("xlsx", "parquet", "json", None):
        with suppress(SourceFormatError):
            list(read(io.BytesIO(damaged), format=kind).rows)
