"""From a source to files: nothing lost, nothing changed, nothing too large, and what the fake service says to them."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.exceptions import ServiceException
from rigs.quick_responses import limits, prepared, table, validator, written
from rigs.running import start_job

from airflow_wisdom.exceptions import SourceFormatError
from airflow_wisdom.rows import DEFAULT_TEMPLATE, ImportTemplate, prepare
from airflow_wisdom.rows.reading import read_csv, read_json_lines
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.rows.reading.table import without_blank_end
from airflow_wisdom.testing.wisdom import imports

ROOT = Path(__file__).parent.parent
HEADER = b"Name,Description,Content,Content type,Shortcut key,Channels,Language,Is active,Routing Profile\r\n"


def rows(count):
    return read_rows({"Name": f"N{i}", "Content": "x"} for i in range(count))


def test_files_have_at_most_a_hundred_rows():
    with prepared(rows(250)) as made:
        assert [(file.number, file.rows, file.first_line, file.last_line) for file in made.files] == [
            (1, 100, 1, 100),
            (2, 100, 101, 200),
            (3, 50, 201, 250),
        ]
        assert [row[0] for row in written(made)] == [f"N{i}" for i in range(250)]
        assert (made.rows_read, made.rows_valid, made.rows_invalid) == (250, 250, 0)
        assert (made.mistakes_total, made.mistakes, invalid(made)) == (0, (), [])


def test_a_file_is_what_its_record_says():
    with prepared(read_rows([{"Name": "Ä", "Content": 'two\n"lines", '}])) as made:
        (file,) = made.files
        data = file.path.read_bytes()
        assert data == HEADER + 'Ä,,"two\n""lines"", ",,,,,,\r\n'.encode()
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_files_have_at_most_so_many_bytes():
    line = len(b"N0,,x,,,,,,\r\n")
    with prepared(rows(5), max_bytes=len(HEADER) + 2 * line) as made:
        assert [(file.rows, file.size - len(HEADER)) for file in made.files] == [
            (2, 2 * line),
            (2, 2 * line),
            (1, line),
        ]


def test_a_row_that_needs_more_than_a_file_is_invalid():
    source = table(f"Name,Content\nA,{'x' * 500}\nB,x\n")
    with prepared(source, max_bytes=300) as made:
        assert [row[0] for row in written(made)] == ["B"]
        (mistake,) = made.mistakes
        assert str(mistake) == "line 2: needs a file of 607 bytes, at most 300 are allowed"


@pytest.mark.parametrize("most", [0, 101])
def test_no_file_can_have_more_rows_than_aws_takes(most):
    with pytest.raises(ValueError, match="1 to 100"), prepared(rows(1), max_rows=most):
        pass


@pytest.mark.parametrize("source", [table("Name,Content\n"), read_rows([])])
def test_a_source_without_rows_gives_no_file_and_a_report_without_rows(source):
    """The report can be read like any other."""
    with prepared(source) as made:
        assert (made.files, made.rows_read) == ((), 0)
        assert made.invalid_path.read_bytes().startswith(b"\xef\xbb\xbf_line,_reason,Name,")
        with prepared(table(made.invalid_path.read_bytes())) as again:
            assert (again.rows_read, again.rows_blank) == (0, 0)


def test_invalid_rows_are_kept_in_full_with_their_reasons():
    source = table('Name;Content;Is active\n"A;\n1";;maybe\nB;x\nC;y;no;"z,z"\n')
    with prepared(source, sample=2) as made:
        assert made.invalid_path.read_bytes().decode() == (
            "\ufeff_line,_reason,Name,Content,Is active\r\n"
            r'2,"column ""Name"", ""A;\n1"": has line breaks or control characters; '
            'column ""Content"": is required, but empty; '
            'column ""Is active"", ""maybe"": must be one of: 0, 1, false, n, no, true, y, yes","A;\n1",,maybe\r\n'
            '5,"has cells that belong to no column: ""z,z""",C,y,no,"z,z"\r\n'
        )
        assert (made.rows_read, made.rows_valid, made.rows_invalid) == (3, 1, 2)
        assert (made.mistakes_total, len(made.mistakes)) == (4, 2)


def test_mistakes_and_doubts_say_what_their_row_is_called():
    source = table(f"Title,Content\nA,\n,y\n{'B' * 41},x\nC,{{{{Name}}}}\nD\n")
    with prepared(source, mapping={"Title": "Name"}) as made:
        assert [mistake.name for mistake in made.mistakes] == ["A", None, "D"]
        assert [mistake.name for mistake in made.doubts.first] == ["C"]
    with prepared(table(f"Name,Content\n {'B' * 41} ,\n")) as made:
        assert [mistake.name for mistake in made.mistakes] == [f"{'B' * 40}..."]
    with prepared(table("Folder,Team,Note\na,b,c,d\n"), template=ANYTHING) as made:
        assert [mistake.name for mistake in made.mistakes] == [None]


def test_a_fixed_invalid_rows_file_is_a_source():
    with prepared(table("Name,Content,Language\nA,x,xx\nB,y,\n")) as made:
        fixed = made.invalid_path.read_bytes().replace(b",xx\r\n", b",en_US\r\n")
    with prepared(read_csv(io.BytesIO(fixed))) as made:
        assert written(made) == [["A", "", "x", "", "", "", "en_US", "", ""]]


def test_invalid_rows_that_name_their_own_columns_share_a_header():
    lines = [{"Name": "A"}, {"Content": "x", "Colour": 1}, {"Name": "B", "Content": "y"}, {"": "z"}]
    source = read_json_lines(io.BytesIO("\n".join(map(json.dumps, lines)).encode()))
    with prepared(source) as made, made.invalid_path.open("rb") as file:
        again = read_csv(file)
        assert again.columns == ("Name", "Content", "Colour", "(no name)")
        assert [tuple(row.values.values()) for row in again.rows][:2] == [("A", "", "", ""), ("", "x", "1", "")]


def test_a_source_that_breaks_leaves_no_file_of_invalid_rows(tmp_path):
    with validator() as judge, pytest.raises(SourceFormatError) as caught:
        prepare(table(b"Name,Content\nA,\n\xff\n"), judge, tmp_path)
    assert caught.value.line == 3
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_held_back(tmp_path):
    """The first files are there before the last row is read."""
    seen = []

    def endless():
        for i in range(1000):
            seen.append(len(list(tmp_path.glob("quick-responses-*"))))
            yield {"Name": f"N{i}", "Content": "x"}

    with validator() as judge:
        prepare(read_rows(endless()), judge, tmp_path)
    assert [seen[150], seen[950]] == [1, 9]


def test_the_example_of_the_docs_prints_what_they_say(tmp_path):
    """As a program of its own, without Airflow."""
    page = (ROOT / "docs" / "reference" / "rows.md").read_text()
    program, printed = re.findall(r"```(?:python|text)\n(.*?)```", page, re.DOTALL)
    (tmp_path / "import-files").mkdir()
    (tmp_path / "responses.csv").write_text("Name,Content\nHello,Good morning!\n\nHello,\n")
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == printed


# Properties

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ODD = st.text("aB,;|\"'\n\r\t =<>?_\ufeff\u2028é😀", max_size=12)
CELL = st.one_of(st.just(""), TEXT, ODD, st.sampled_from(["A", "en_US", "yes", "plain", "CHAT;VOICE", " x "]))
CELLS = st.lists(st.lists(CELL, min_size=1, max_size=11), max_size=12)


def as_csv(cells, header=tuple(DEFAULT_TEMPLATE.columns)):
    """A CSV in which all is quoted, so that a byte-order mark is never one of joined files."""
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([header, *cells])
    return out.getvalue().encode()


def filled(cells, width):
    return [*cells, *[""] * (width - len(cells))]


@settings(deadline=None)
@given(CELLS, st.integers(1, 100), st.integers(len(HEADER), 200))
def test_every_row_is_either_in_a_file_or_invalid(cells, max_rows, max_bytes):
    rules = {"null_values": ()}
    with prepared(table(as_csv(cells)), max_rows=max_rows, max_bytes=max_bytes, rules=rules) as made:
        assert made.rows_valid + made.rows_invalid == made.rows_read
        assert made.rows_read + made.rows_blank == len(cells)
        assert made.rows_valid == sum(file.rows for file in made.files)
        assert bool(made.mistakes_total) == bool(made.rows_invalid) == bool(invalid(made))
        assert all(0 < file.rows <= max_rows and file.size <= max_bytes for file in made.files)
        assert all(file.size == file.path.stat().st_size for file in made.files)
        assert [row.values for row in invalid(made)] == [
            dict(zip(DEFAULT_TEMPLATE.columns, filled(row, 9), strict=False))
            for row in chosen(cells, made, invalid=True)
        ]


def invalid(made):
    return list(table(made.invalid_path.read_bytes()).rows)


def chosen(cells, made, *, invalid):
    """The rows of the source that are invalid, or those that are not, by the lines that the invalid rows name."""
    lines = invalid_lines(made)
    starts = [row.line for row in table(as_csv(cells)).rows]
    rows = [(row, line) for row, line in zip(cells, starts, strict=True) if any(map(str.strip, row))]
    return [row for row, line in rows if (line in lines) is invalid]


def invalid_lines(made):
    text = made.invalid_path.read_bytes().decode("utf-8-sig")
    return {int(row[0]) for row in list(csv.reader(io.StringIO(text, newline="")))[1:]}


ANYTHING = ImportTemplate.of(["Folder", "Team", "Note"])
PLAIN = CELL.filter(lambda text: text.count(",") < 2 or len(text.splitlines()) < 2)
"""Cells with no line that could be a row of its own: a row with such lines is invalid under any labels."""


@settings(deadline=None)
@given(st.lists(st.lists(PLAIN, min_size=1, max_size=5), max_size=12), st.integers(1, 100))
def test_what_is_written_is_what_was_read(cells, max_rows):
    """Under labels of unknown meaning, so that nothing but a surplus cell is wrong."""
    source = table(as_csv(cells, ANYTHING.columns))
    with prepared(source, template=ANYTHING, max_rows=max_rows, rules={"null_values": ()}) as made:
        ended = [row[:3] + list(without_blank_end(row[3:])) for row in cells if any(map(str.strip, row))]
        assert written(made) == [filled(row, 3) for row in ended if len(row) <= 3]
        assert [[*row.values.values(), *row.surplus] for row in invalid(made)] == [row for row in ended if len(row) > 3]
        assert list(itertools.chain.from_iterable(range(f.rows) for f in made.files)) == [
            i % max_rows for i in range(made.rows_valid)
        ]


@settings(deadline=None)
@given(CELLS)
def test_without_trimming_no_valid_row_changes(cells):
    with prepared(table(as_csv(cells)), rules={"spaces": "invalid", "null_values": ()}) as made:
        assert written(made) == [filled(row, 9) for row in chosen(cells, made, invalid=False)]
        assert made.cells_trimmed == 0


LABEL = dict.fromkeys(DEFAULT_TEMPLATE.columns, CELL)
LIKELY = st.fixed_dictionaries(
    {
        "Name": st.text(min_size=1, max_size=45),
        "Content": CELL.filter(bool),
        "Shortcut key": st.text(max_size=12),
        "Description": CELL,
        "Channels": st.sampled_from(["", "CHAT", "CHAT, VOICE", "CHAT|", "A;B"]),
        "Language": st.sampled_from(["", "en_US", "de"]),
        "Is active": st.sampled_from(["", "Yes", "FALSE", "0", "on"]),
        "Content type": st.sampled_from(["", "plain", "MarkDown", "html"]),
        "Routing Profile": CELL,
    }
)


@settings(deadline=None)
@given(st.lists(st.one_of(LIKELY, st.fixed_dictionaries(LABEL)), max_size=6))
def test_the_fake_service_takes_every_row_that_is_valid(sources):
    with prepared(read_rows(sources)) as made:
        names = []
        for file in made.files:
            got = imports.read(file.path.read_bytes(), imports.HEADER, 100)
            names += [accepted(got.header, row)["name"] for row in got.rows]
        assert len(set(names)) == len(names) == made.rows_valid


def accepted(header, row):
    """What the fake service makes of a row; the lengths of all members fit."""
    try:
        params = imports.to_params(header, row, imports.HEADER)
    except ServiceException as error:
        pytest.fail(error.message)
    profiles = params.get("groupingConfiguration", {}).get("values", [])
    for field, limit in limits().items():
        value = {"content": params["content"]["content"], "routingProfiles": profiles}.get(field, params.get(field, []))
        for item in [value] if isinstance(value, str) else value:
            assert limit.min <= len(item) <= limit.max
    return params


def test_files_go_through_an_import_job(fake_wisdom, knowledge_base):
    """And every row of them becomes a quick response."""
    fake_wisdom.import_jobs(after_calls=1)
    with prepared(rows(120)) as made:
        jobs = [start_job(fake_wisdom, knowledge_base, file.path.read_bytes()) for file in made.files]
    client = fake_wisdom.client()
    for job in jobs:
        states = [client.get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)["importJob"] for _ in "12"]
        assert states[-1]["status"] == "COMPLETE"
        assert "failedRecordReport" not in states[-1]
    pages = client.get_paginator("list_quick_responses").paginate(knowledgeBaseId=knowledge_base)
    assert sorted(found["name"] for page in pages for found in page["quickResponseSummaries"]) == sorted(
        f"N{i}" for i in range(120)
    )
