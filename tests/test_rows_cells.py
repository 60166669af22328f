"""Files that people open in a spreadsheet: no formula runs, no text is lost, and what was misread stays a mistake."""

from __future__ import annotations

import csv
import io
import json

import openpyxl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from rigs.imports import importing
from rigs.quick_responses import prepared, table, written
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import InvalidRowsError
from airflow_wisdom.model.failed_records import FailedRecords
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows import ImportTemplate
from airflow_wisdom.rows.cells import LONGEST_CELL, NOTE, safe, unsafe
from airflow_wisdom.rows.reading import read, read_json_lines
from airflow_wisdom.rows.reading.objects import read_rows

FORMULAS = [
    "=1+1", "+49 30 1234", "-5", "@home", "\tx", "\rx", "\nx", "'=1+1", "''+1", "\uff1d1", "\uff20x", '=HYPERLINK("x")',
]  # fmt: skip
HARMLESS = ["'tis the season", "''", "'", "5 - 3", "a=b", " =1", "_line", "<replaced>", "{{Attributes.A}}", ""]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_begins_like_a_formula_does_not_in_a_file(text):
    assert safe(text) == f"'{text}"
    assert unsafe(safe(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_are_written_as_they_are(text):
    assert safe(text) == text == unsafe(text)


pieces = st.text("'=+-@\t\r\n\uff1da< ", max_size=6) | st.sampled_from([*FORMULAS, *HARMLESS, NOTE, f"'{NOTE}x>"])
texts = st.lists(pieces | st.text(max_size=5), max_size=4).map("".join)


@given(texts)
def test_every_text_comes_back(text):
    cell = safe(text)
    assert unsafe(cell) == text
    assert cell[:1] not in tuple("=+-@\t\r\n\uff1d")
    assert not cell.startswith(NOTE)


@given(st.lists(texts, min_size=2, max_size=2, unique=True))
def test_two_texts_are_two_cells(pair):
    assert len(set(map(safe, pair))) == 2


# The file of invalid rows

ANYTHING = ImportTemplate.of(["Name", "Folder", "Note"])


def rows_of(made):
    text = made.invalid_path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def again(made, **how):
    return prepared(table(made.invalid_path.read_bytes()), **how)


def test_excel_is_told_the_encoding_of_invalid_rows():
    """Without a byte-order mark it shows, and saves, ü as two other letters."""
    with prepared(read_rows([{"Name": "Grüße"}])) as made:
        assert made.invalid_path.read_bytes().startswith("\ufeff_line,".encode())
        assert [row["Name"] for row in rows_of(made)] == ["Grüße"]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6) | texts.filter(
    lambda text: "\0" not in text and text.isascii()
)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
@example([(text, text) for text in [*FORMULAS, *HARMLESS]])
def test_a_fixed_file_has_the_texts_that_it_had(rows):
    """What was wrong is fixed, and everything else is sent as it came."""
    source = [{"Name": "n" * 101 + str(number), "Folder": a, "Note": b} for number, (a, b) in enumerate(rows)]
    how = {"template": ANYTHING, "rules": {"null_values": ()}}
    with prepared(read_rows(source), **how) as made:
        fixed = made.invalid_path.read_bytes().replace(b"n" * 101, b"n")
        with prepared(table(fixed), **how) as sent:
            assert written(sent) == [[f"n{number}", *pair] for number, pair in enumerate(rows)]


def rows_in(data):
    """Return the rows of a CSV as programs have them: numbers are numbers, apostrophes are parts of texts."""
    rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    return [{name: int(cell) if cell.isdecimal() else cell for name, cell in row.items()} for row in rows]


def as_workbook(rows):
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            # To openpyxl, unlike Excel, any text that begins so is a formula.
            cell.data_type = "s" if isinstance(cell.value, str) else cell.data_type
    book.save(file)
    return file.getvalue()


def as_parquet(rows):
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def as_json(rows):
    return json.dumps(rows).encode()


def as_csv(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([list(rows[0]), *(row.values() for row in rows)])
    return text.getvalue().encode()


SAVED_AS = pytest.mark.parametrize("saved", [as_workbook, as_parquet, as_json])


@SAVED_AS
def test_a_fixed_file_has_its_texts_in_whatever_format_it_is_saved(saved):
    texts = [text for text in [*FORMULAS, *HARMLESS] if "\r" not in text]
    labels = ["Name", "=Folder", "Note"]
    how = {"template": ImportTemplate.of(labels), "rules": {"null_values": ()}}
    source = [dict(zip(labels, (f"{'n' * 101}{number}", text, text), strict=True)) for number, text in enumerate(texts)]
    with prepared(read_rows(source), **how) as made:
        fixed = saved(rows_in(made.invalid_path.read_bytes().replace(b"n" * 101, b"n")))
        with prepared(read(io.BytesIO(fixed)), **how) as sent:
            assert written(sent) == [[f"n{number}", text, text] for number, text in enumerate(texts)]


@SAVED_AS
def test_a_note_stays_a_mistake_in_whatever_format_it_is_saved(saved):
    with (
        prepared(read_rows([{"Name": "A", "Content": b"x"}])) as made,
        prepared(read(io.BytesIO(saved(rows_in(made.invalid_path.read_bytes()))))) as same,
    ):
        assert [mistake.column for mistake in same.mistakes] == ["Content"]
        assert "is a note" in same.mistakes[0].reason


@SAVED_AS
def test_an_export_has_exact_texts_in_whatever_format_it_is_saved(saved):
    """There, NULL is a text."""
    exported = b"\xef\xbb\xbfName,Content,_export\r\nNULL,'=x,1\r\nb,''-y,1\r\n"
    with prepared(read(io.BytesIO(saved(rows_in(exported))))) as sent:
        assert [[row[0], row[2]] for row in written(sent)] == [["NULL", "=x"], ["b", "'-y"]]


LINES = [{"Name": "NULL", "=Folder": "'=x", "_export": True}, {"Name": "'+b", "=Folder": "''-y", "_export": True}]


@pytest.mark.parametrize("saved", [as_workbook, as_parquet, as_json, as_csv])
def test_an_export_as_json_lines_has_no_apostrophes_of_ours(saved):
    """Nor has a file that was made of it."""
    template = ImportTemplate.of(["Name", "=Folder"])
    with prepared(read(io.BytesIO(saved(LINES))), template=template) as sent:
        assert written(sent) == [["NULL", "'=x"], ["'+b", "''-y"]]


def test_a_users_own_file_is_never_changed():
    """Only a file with a mark of ours has apostrophes of ours."""
    with prepared(table("Name,Content\n'=1,''+1\n")) as made:
        assert [row[:3] for row in written(made)] == [["'=1", "", "''+1"]]


@pytest.mark.parametrize("header", ["_line,Name,Content", "Name,_reason,Content", "Name,Content,_export"])
def test_any_one_of_our_columns_is_a_mark(header):
    width = header.count(",") + 1
    cells = {"Name": "'=1", "Content": "'+1"}
    line = ",".join(cells.get(column, "7") for column in header.split(","))
    assert line.count(",") + 1 == width
    with prepared(table(f"{header}\n{line}\n")) as made:
        assert [row[:3] for row in written(made)] == [["=1", "", "+1"]]


def test_column_names_are_cells_too():
    with prepared(table('=cmd|x,Content\nA,""\n'), template=ImportTemplate.of(["=cmd|x", "Content"])) as made:
        assert "'=cmd|x" in made.invalid_path.read_text()
        with again(made, template=ImportTemplate.of(["=cmd|x", "Content"])) as same:
            assert [mistake.column for mistake in same.mistakes] == ["Content"]


WITHOUT_TEXT = [b"bytes", object(), {"a": 1}, float("inf"), ["a;b", "c"], [["a"]], "a\0b", "\ud800"]


@pytest.mark.parametrize("value", WITHOUT_TEXT, ids=lambda value: type(value).__name__)
def test_a_value_that_was_misread_stays_a_mistake_until_it_is_fixed(value):
    """Its repr, or the items of the list, would be valid the next time."""
    with prepared(read_rows([{"Name": "A", "Content": "x", "Description": value}])) as made:
        assert made.rows_invalid == 1
        (row,) = rows_of(made)
        assert row["Description"].startswith(NOTE)
        with again(made) as same:
            assert [mistake.column for mistake in same.mistakes] == ["Description"]
            assert rows_of(same)[0]["Description"] == row["Description"]
        fixed = made.invalid_path.read_text(encoding="utf-8-sig").replace(
            row["Description"].replace('"', '""'), "fixed"
        )
        with prepared(table(fixed)) as sent:
            assert [line[:3] for line in written(sent)] == [["A", "fixed", "x"]]


def test_a_text_that_looks_like_swallowed_rows_is_written_as_it_is():
    """It was read as it stands there, whatever is wrong with it."""
    text = "x,y\n1,2,3\nz,w"
    with prepared(table(f'Name,Content,Description\nA,"{text}",d\n')) as made:
        assert "look like rows" in made.mistakes[0].reason
        assert rows_of(made)[0]["Content"] == text


def test_a_key_that_is_given_twice_stays_a_mistake():
    with (
        prepared(read_json_lines(io.BytesIO(b'{"Name": "A", "Content": "x", "Content": "y"}\n'))) as made,
        again(made) as same,
    ):
        assert (same.rows_invalid, same.mistakes[0].column) == (1, "Content")


@pytest.mark.parametrize("length", [LONGEST_CELL - 1, LONGEST_CELL, 131_073, 500_000])
def test_no_cell_is_longer_than_a_spreadsheet_takes(length):
    """Python's csv refuses a file with a cell of more than 131,072 characters, and Excel tears one of 32,767."""
    with prepared(read_rows([{"Name": "A", "Content": "x" * length}, {"Name": "B", "Content": ""}])) as made:
        lengths = [len(cell) for row in rows_of(made) for cell in row.values()]
        assert max(lengths) < LONGEST_CELL
        with again(made) as same:
            assert [(mistake.line, mistake.column) for mistake in same.mistakes] == [(2, "Content"), (3, "Content")]


def test_a_text_that_was_cut_is_not_valid_under_a_label_without_a_limit():
    with prepared(read_rows([{"Name": "", "Note": "x" * 200_000}]), template=ANYTHING) as made:
        fixed = made.invalid_path.read_text(encoding="utf-8-sig").replace(f",,{NOTE}", f",A,{NOTE}")
        fixed = fixed.replace(f',,"{NOTE}', f',A,"{NOTE}')
        with prepared(table(fixed), template=ANYTHING) as same:
            assert [mistake.column for mistake in same.mistakes] == ["Note"]


def test_many_reasons_fit_into_a_cell():
    labels = [f"{'L' * 1000}{number}" for number in range(60)]
    template = ImportTemplate.of([f"{label} <*Required field>" for label in labels])
    with prepared(read_rows([{labels[0]: "x"}]), template=template) as made:
        assert len(rows_of(made)[0]["_reason"]) < LONGEST_CELL


def test_invalid_rows_of_an_export_are_those_of_an_export_still():
    """There, NULL is a text."""
    exported = "Name,Content,Language,_export\nNULL,\\N,xx,1\n"
    with prepared(table(exported)) as made:
        assert [mistake.column for mistake in made.mistakes] == ["Language"]
        fixed = made.invalid_path.read_bytes().replace(b",xx", b",en_US")
        with prepared(table(fixed)) as sent:
            assert [row[:3] for row in written(sent)] == [["NULL", "", "\\N"]]


# The other files


def test_refused_records_are_safe_to_open_and_can_be_imported_once_they_are_fixed(
    fake_wisdom, knowledge_base, tmp_path, no_patience
):
    target = tmp_path / "failed.csv"
    rows = [{"Name": "=1+1", "Content": "'+ü"}]
    ti = FakeTaskInstance()
    run(importing(knowledge_base, rows), ti=ti)
    ti.run_id = "again"
    rows.append({"Name": "new", "Content": "x"})
    run(importing(knowledge_base, rows, failed_records_path=str(target), on_failed_records="warn"), ti=ti)
    text = target.read_bytes().decode()
    assert text.startswith("\ufeff_import_job_id,Name,")
    assert FailedRecords.from_csv(text).records[0]["Name"] == "'=1+1"
    target.write_text(text.replace("'=1+1", "'=2+2"))
    ti.run_id = "fixed"
    how = {"import_template": ["Name", "Content"], "extra_columns": "ignore"}
    assert run(importing(knowledge_base, str(target), **how), ti=ti)["rowsImported"] == 1
    contents = {each["name"]: each["contents"] for each in fake_wisdom.quick_responses(knowledge_base)}
    assert "'+ü" in json.dumps(contents["=2+2"], ensure_ascii=False)


def test_a_plan_is_safe_to_open(fake_wisdom, knowledge_base, tmp_path):
    rows = [{"Name": "=1+1", "Content": "@ü"}]
    how = {"knowledge_base_id": knowledge_base, "source": rows, "mode": "plan"}
    for name in ("plan.csv", "plan.jsonl"):
        run(WisdomSyncQuickResponsesOperator(task_id="sync", plan_path=str(tmp_path / name), **how))
    text = (tmp_path / "plan.csv").read_bytes().decode()
    assert text.startswith("\ufeffkind,key,")
    found = {(row["key"], row["field"]): row["new"] for row in csv.DictReader(io.StringIO(text))}
    assert (found["'=1+1", "name"], found["'=1+1", "content"]) == ("'=1+1", "'@ü")
    (change,) = map(json.loads, (tmp_path / "plan.jsonl").read_text().splitlines())
    assert (change["key"], change["new"]["content"]) == ("=1+1", "@ü")


def test_the_file_goes_round_through_a_task(fake_wisdom, knowledge_base, tmp_path):
    target = tmp_path / "invalid.csv"
    rows = [{"Name": "+49", "Content": "-x", "Language": "xx"}]
    with pytest.raises(InvalidRowsError):
        run(importing(knowledge_base, rows, invalid_rows_path=str(target)))
    target.write_bytes(target.read_bytes().replace(b",xx", b",en_US"))
    run(importing(knowledge_base, str(target)))
    assert [each["name"] for each in fake_wisdom.quick_responses(knowledge_base)] == ["+49"]
