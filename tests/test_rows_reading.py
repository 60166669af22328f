"""Every kind of source as rows, and what cannot be read as such."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from datetime import date, datetime, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rigs.quick_responses import table

from airflow_wisdom.exceptions import SourceError, SourceFormatError
from airflow_wisdom.rows import read
from airflow_wisdom.rows.reading import read_csv, read_json_lines
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.rows.reading.table import without_blank_end


def rows_of(source):
    return [(row.line, dict(row.values), row.surplus) for row in source.rows]


def json_lines(text):
    return read_json_lines(io.BytesIO(text.encode()))


def failure(source):
    """The error of a source, whether its header or a row raises it."""
    with pytest.raises(SourceFormatError) as caught:
        list(source().rows)
    return caught.value


class Dribble(io.RawIOBase):
    """A file that gives a few bytes at a time, as a network does."""

    def __init__(self, data, size):
        self.data, self.size = io.BytesIO(data), size

    def readable(self):
        return True

    def read(self, size=-1):
        return self.data.read(min(size, self.size))


# CSV


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_usual_csv_is_read(separator, mark, end):
    lines = ['Name,"Long, content"', 'Ä,"1 ""2"""', "B,"]
    source = table(mark + end.join(lines).replace(",", separator).replace(f"Long{separator}", "Long,") + end)
    assert source.columns == ("Name", "Long, content")
    assert rows_of(source) == [
        (2, {"Name": "Ä", "Long, content": '1 "2"'}, ()),
        (3, {"Name": "B", "Long, content": ""}, ()),
    ]


def test_a_row_stands_on_the_line_on_which_it_begins():
    source = table('Name,Content\n\nA,"one\n\ntwo"\n\n\nB,three\n')
    assert [(line, values["Content"]) for line, values, _ in rows_of(source)] == [(3, "one\n\ntwo"), (8, "three")]


def test_cells_may_be_missing_or_too_many():
    assert rows_of(table("A,B\n1\n1,2,3,4\n")) == [
        (2, {"A": "1", "B": ""}, ()),
        (3, {"A": "1", "B": "2"}, ("3", "4")),
    ]


def test_spaces_around_a_column_are_no_part_of_it_but_spaces_of_a_value_are():
    assert rows_of(table(" A , B\n 1 , 2\n")) == [(2, {"A": " 1 ", "B": " 2"}, ())]


def test_a_given_delimiter_is_taken():
    assert table("A|B;C;D\n1|2\n", delimiter="|").columns == ("A", "B;C;D")


@pytest.mark.parametrize("delimiter", ["", ",,", "\n", '"', " "])
def test_a_delimiter_that_is_none_is_refused(delimiter):
    with pytest.raises(ValueError, match="one character"):
        table("A,B\n", delimiter=delimiter)


@pytest.mark.parametrize("separator", [",", ";"])
def test_the_columns_of_an_invalid_rows_file_are_dropped(separator):
    odd = {",": "a;b;c;d;e", ";": "a,b,c,d,e"}[separator]
    source = table("_line,_reason,".replace(",", separator) + odd + "\n" + "7,wrong,x,y\n".replace(",", separator))
    assert source.columns == (odd,)
    assert rows_of(source) == [(2, {odd: "x"}, ("y",))]


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"", None, "empty"),
        (b"\xef\xbb\xbf", None, "empty"),
        (b"\nName\nA\n", 1, "first line is blank"),
        (b" \t\nName\n", 1, "first line is blank"),
        (b"Name, Name \n", 1, 'a column twice: "Name"'),
        (b"_line,_reason\n1,2\n", 2, "no columns"),
        (b",,\n1,2,3\n", 1, "first line is blank"),
        (b"N\0a\0m\0e\0", 1, 'pass encoding="utf-16-le"'),
        (b"\0N\0a\0m\0e", 1, 'pass encoding="utf-16-be"'),
        (b"Name\nA\nB\0\n", 3, "NUL"),
        ("Name\nA\nGrüße\n".encode("latin-1"), 3, "byte 0xFC, byte 10 of the file. Save it as UTF-8"),
        (b"Name\nA\n\xe2\x82", 3, "ends in the middle of a character of UTF-8 (byte 0xE2, byte 8 of the file)"),
        (b'Name\nA\n"B\nC\n', 3, "Is a quote not closed"),
        (b'Name\n"A"B\n', 2, "Is a quote not closed"),
        (b'Name\nA\n"' + b"x\n" * 100_000, 3, "larger than field limit"),
        (b"Name\n" + b"A" * 1_100_000, 2, "longer than 1,000,000 characters"),
        (b"PK\x03\x04...", None, "ZIP archive cannot be unpacked"),
        (b"\xd0\xcf\x11\xe0...", None, "Excel"),
        (b"\x1f\x8b\x08...", None, "gzip file is damaged"),
    ],
)
def test_what_is_no_csv_is_told_with_its_line(data, line, message):
    error = failure(lambda: table(data))
    assert message in str(error)
    assert error.line == line


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_file_that_comes_in_pieces_is_the_same_file(size):
    data = '\ufeffName,Content\r\nÄ,"€\r\n😀"\r\n\r\nB,x\r\n'.encode()
    assert rows_of(read_csv(Dribble(data, size))) == rows_of(table(data))
    error = failure(lambda: read_csv(Dribble(data + b"\xff", size)))
    assert error.line == 6


def test_the_file_stays_open():
    file = io.BytesIO(b"A\n1\n")
    list(read_csv(file).rows)
    assert not file.closed


# JSON Lines


def test_json_lines_are_rows():
    source = json_lines('\ufeff{"Name": "Ä", "on": true, "n": 1.10}\n\n{"off": false, "none": null, "l": ["a", 1]}\n')
    assert (source.columns, source.unit) == (None, "line")
    assert rows_of(source) == [
        (1, {"Name": "Ä", "on": "Yes", "n": "1.10"}, ()),
        (3, {"off": "No", "none": "", "l": "a;1"}, ()),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"a": 1}\n[1]\n', 2),
        ("nothing\n", 1),
        ('\n{"a": 1\n', 2),
        ('{"a": ' + "[" * 100_000 + "\n", 1),
    ],
)
def test_a_line_that_is_no_object_is_told(text, line):
    error = failure(lambda: json_lines(text))
    assert "one object on each line" in str(error)
    assert error.line == line


def test_empty_json_lines_are_no_source():
    assert "empty" in str(failure(lambda: json_lines("")))


def test_keys_that_occur_twice_are_a_mistake_of_their_row():
    (row,) = json_lines('{"a": 1, " a": 2, "b": {"c": 1, "c": 2}}').rows
    assert [(mistake.column, mistake.reason) for mistake in row.mistakes] == [
        ("a", "is given twice"),
        ("b", "is of type object, which has no text form here"),
    ]


@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800"])
def test_what_utf_8_cannot_hold_is_a_mistake_of_its_row(escape):
    (row,) = json_lines('{"a": "x?", "k?": 1}'.replace("?", escape)).rows
    assert [mistake.column for mistake in row.mistakes] == ["a"]
    "".join([*row.values, *row.values.values()]).encode()


# Rows of Python


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (None, ""),
        (True, "Yes"),
        (False, "No"),
        (7, "7"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone.utc), "2026-01-02T03:00:00+00:00"),
        (["a", 1, None], "a;1;"),
        (("a",), "a"),
        ({"b", "a"}, "a;b"),
        ([], ""),
    ],
)
def test_a_value_has_its_text_form(value, text):
    (row,) = read_rows([{"a": value}]).rows
    assert (row.line, row.unit, row.values, row.mistakes) == (1, "row", {"a": text}, ())


class Angry:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        {"a": 1},
        object(),
        Angry(),
        float("inf"),
        Decimal("inf"),
        10**5000,
        {"a": 10**5000},
        [["a"]],
        ["a;b"],
        [b"x"],
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_a_text_form_is_a_mistake_and_no_crash(value):
    (row,) = read_rows([{"a": value, "b": "fine"}]).rows
    (mistake,) = row.mistakes
    assert (mistake.line, mistake.column, mistake.unit) == (1, "a", "row")
    row.values["a"].encode()


def test_rows_come_one_at_a_time():
    taken = []
    source = read_rows({"a": str(taken.append(i))} for i in range(10))
    next(source.rows)
    assert len(taken) == 1


def test_a_row_that_is_no_mapping_is_told():
    error = failure(lambda: read_rows([{"a": 1}, ("b", 2)]))
    assert "of type tuple, but must map columns to values (row 2)" in str(error)
    assert error.line == 2


def test_columns_may_be_of_any_type():
    assert rows_of(read_rows([{1: "x", "": "y", "_line": 4}])) == [(1, {"1": "x", "(no name)": "y"}, ())]


# Which kind


@pytest.mark.parametrize(
    ("name", "data", "columns"),
    [
        ("a.csv", b'{"a"\n1\n', ('{"a"',)),
        ("A.TSV", b"a\tb\n", ("a", "b")),
        ("a.txt", b"a;b\n", ("a", "b")),
        ("a.jsonl", b'{"a": 1}', None),
        ("a.ndjson", b'{"a": 1}', None),
        ("dir.csv/a.json", b'{"a": 1}', None),
        ("a", b'\xef\xbb\xbf \n {"a": 1}', None),
        ("a", b"a,b\n", ("a", "b")),
        ("", b"a", ("a",)),
    ],
)
def test_the_kind_of_a_file_is_told_by_its_name_or_its_first_bytes(name, data, columns):
    assert read(io.BytesIO(data), name=name).columns == columns


def test_a_given_kind_goes_first():
    assert read(io.BytesIO(b'{"a": 1}'), format="csv", name="a.json").columns == ('{"a": 1}',)
    assert read(io.BytesIO(b'{"a": 1}'), format="json_lines", name="a.csv").columns is None
    with pytest.raises(ValueError, match="xml"):
        read(io.BytesIO(b"<a/>"), format="xml")


# Whatever comes

MOSTLY_CSV = st.text('aä,;\t"\n\r \\{}[]:\x00\ufeff\u2028', max_size=60).map(str.encode)


@given(st.one_of(st.binary(max_size=60), MOSTLY_CSV), st.sampled_from(["csv", "json_lines", None]))
def test_no_bytes_raise_anything_but_an_error_of_this_package(data, kind):
    with suppress(SourceError):
        for row in read(io.BytesIO(data), format=kind).rows:
            "".join([*row.values, *row.values.values(), *row.surplus]).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=5))
def test_no_row_of_json_values_is_a_crash(rows):
    for row in read_rows(rows).rows:
        "".join([*row.values, *row.values.values()]).encode()


@given(
    st.lists(st.lists(st.text(max_size=8).filter(lambda text: "\0" not in text), min_size=1, max_size=4), max_size=5)
)
def test_every_cell_that_the_csv_module_writes_is_read(rows):
    """Small pieces, so that every kind of line end is cut in half somewhere."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["A", "B"], *rows])
    got = read_csv(Dribble(out.getvalue().encode(errors="replace"), 3))
    assert [(*row.values.values(), *row.surplus) for row in got.rows] == [
        tuple(as_read([text.encode(errors="replace").decode() for text in row])) for row in rows
    ]


def as_read(cells):
    """What is read of a row under two columns: no mark of joined files before it, and no blank cells behind it."""
    first = cells[0] if any(c in cells[0] for c in ',"\r\n') else cells[0].lstrip("\ufeff\x1a")
    texts = [first, *cells[1:]]
    return [*texts[:2], *[""] * (2 - len(texts)), *without_blank_end(texts[2:])]


@given(st.dictionaries(st.sampled_from("abcd"), st.text(max_size=9)))
def test_every_text_of_json_is_read(values):
    (row,) = json_lines(json.dumps(values)).rows
    broken = {column for column, text in values.items() if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)}
    assert {mistake.column for mistake in row.mistakes} == broken
    assert all(row.values[column] == values[column] for column in values.keys() - broken)
