"""What exporters write for nothing is nothing, their numbers are numbers, and a spreadsheet's error is a mistake."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rigs.imports import importing
from rigs.quick_responses import prepared, table, written
from rigs.running import run

from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows import ImportTemplate
from airflow_wisdom.rows.nothing import NULL_VALUES
from airflow_wisdom.rows.reading import read_json_lines
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.rows.reading.values import text_of

GOOD = {"Name": "A", "Content": "x"}


def first(source, **rules):
    """The first row that is sent, by label, without what is empty."""
    with prepared(source, rules=rules) as made:
        assert made.mistakes == ()
        from airflow_wisdom.rows import DEFAULT_TEMPLATE

        return {label: cell for label, cell in zip(DEFAULT_TEMPLATE.columns, written(made)[0], strict=True) if cell}


@pytest.mark.parametrize("text", ["\\N", "NULL", "None", "nan", "NaN", "NaT", "<NA>", "#N/A", "#NV", "null", " NULL "])
@pytest.mark.parametrize("label", ["Shortcut key", "Description", "Language", "Channels"])
def test_an_exporters_nothing_is_an_empty_cell(text, label):
    with prepared(read_rows([{**GOOD, label: text}])) as made:
        assert written(made) == [["A", "", "x", "", "", "", "", "", ""]]
        assert (made.cells_null, made.cells_trimmed) == (1, 0)


def test_what_a_csv_says_so_is_counted():
    source = table("Name,Content,Shortcut key,Language\nA,x,NULL,\\N\nB,y,k,NULL\n")
    with prepared(source) as made:
        assert (made.rows_valid, made.cells_null) == (2, 3)


@pytest.mark.parametrize("label", ["Name", "Content"])
@pytest.mark.parametrize("text", ["None", "nan"])
def test_where_a_text_is_needed_nothing_is_a_mistake(label, text):
    """It is neither sent to a customer nor left out in silence."""
    with prepared(read_rows([{**GOOD, label: text}])) as made:
        (mistake,) = made.mistakes
        assert (mistake.column, mistake.value) == (label, text)
        assert mistake.reason == "is required, but means nothing: it is one of null_values"


@pytest.mark.parametrize("text", ["N/A", "NA", "none", "Nan", "Null", "-", "n/a", "None of these", "nanny", "NULL\tx"])
def test_what_people_write_is_a_text(text):
    assert first(read_rows([{**GOOD, "Description": text}]))["Description"] == text


def test_an_empty_list_of_null_values_switches_it_off():
    rows = read_rows([{"Name": "NULL", "Content": "None", "Description": "\\N"}])
    assert first(rows, null_values=()) == {"Name": "NULL", "Content": "None", "Description": "\\N"}


def test_other_null_values_take_the_place_of_the_usual_ones():
    rows = [{**GOOD, "Shortcut key": "n/a", "Description": "NULL"}]
    assert first(read_rows(rows), null_values=["n/a"]) == {**GOOD, "Description": "NULL"}


@pytest.mark.parametrize("wrong", ["NULL", [None], [1]])
def test_null_values_have_to_be_texts(wrong):
    with pytest.raises(ValueError, match="null_values must be a list of texts"):
        first(read_rows([GOOD]), null_values=wrong)


def test_two_rows_without_a_shortcut_key_do_not_have_the_same_one():
    with prepared(table("Name,Content,Shortcut key\nA,x,NULL\nB,y,NULL\n")) as made:
        assert made.rows_valid == 2


def test_values_of_unknown_meaning_are_nothing_too():
    with prepared(read_rows([{"Team": "NULL", "Note": "x"}]), template=ImportTemplate.of(["Team", "Note"])) as made:
        assert written(made) == [["", "x"]]


ERRORS = ["#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#ERROR!", "Err:508"]
ERRORS += ["#BEZUG!", "#WERT!", "#ZAHL!", "#VALEUR!", "#NOM?", "#\u00a1REF!", "#\u00bfNOMBRE?", "#RIF!", "#NOME?"]


@pytest.mark.parametrize("label", ["Content", "Description", "Shortcut key"])
@pytest.mark.parametrize("text", ERRORS)
def test_an_error_of_a_spreadsheet_is_a_mistake(label, text):
    """Nobody wants it sent, and what was meant is not nothing."""
    with prepared(read_rows([{**GOOD, label: text}])) as made:
        assert [(mistake.column, mistake.reason) for mistake in made.mistakes] == [
            (label, "is an error value of a spreadsheet")
        ]


@pytest.mark.parametrize("text", ["#REF", "#NAME", "See #REF! above", "#ref!", "Err: 508", "Error"])
def test_what_only_looks_like_one_is_a_text(text):
    assert first(read_rows([{**GOOD, "Description": text}]))["Description"] == text


def test_an_error_may_be_said_to_be_nothing():
    assert first(read_rows([{**GOOD, "Description": "#REF!"}]), null_values=["#REF!"]) == GOOD


# Values that are nothing, and whole numbers


class NAType:
    """As pandas' own: no comparison with it says anything."""

    def __bool__(self):
        raise TypeError


@pytest.mark.parametrize(
    "value", [None, float("nan"), Decimal("NaN"), NAType()], ids=lambda value: type(value).__name__
)
def test_a_missing_value_is_an_empty_cell(value):
    assert first(read_rows([{**GOOD, "Shortcut key": value}])) == GOOD


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (101.0, "101"),
        (1e16, "10000000000000000"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (1e-7, "1e-07"),
        (Decimal("101.00"), "101"),
        (Decimal("1E+16"), "10000000000000000"),
        (Decimal("1.10"), "1.10"),
        (2**63, "9223372036854775808"),
    ],
)
def test_a_whole_number_has_neither_fraction_nor_exponent(value, text):
    assert text_of(value) == (text, None)


@given(st.integers(-(2**53), 2**53))
def test_a_whole_float_is_the_number(number):
    assert text_of(float(number)) == (str(number), None) == text_of(Decimal(number))


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e308)
def test_a_float_as_text_is_that_float(number):
    assert float(text_of(number)[0]) == number


@pytest.mark.parametrize(
    "value", [float("inf"), Decimal("-Infinity"), Decimal("1E+999999999"), 10**5000], ids=[*"abcd"]
)
def test_what_no_text_can_be_is_a_mistake_and_soon(value):
    assert "has no text form" in text_of(value)[1]


@pytest.mark.parametrize(
    ("number", "text"),
    [("101.0", "101"), ("1e16", "10000000000000000"), ("1.10", "1.10"), ("1E999999999", "1E999999999"), ("NaN", "")],
)
def test_numbers_of_json_are_whole_in_the_same_way(number, text):
    source = io.BytesIO(f'{{"Name": "A", "Content": "x", "Description": {number}}}\n'.encode())
    assert first(read_json_lines(source)).get("Description", "") == text


def test_numbers_in_texts_are_left_alone():
    assert first(table("Name,Content,Description\nA,101.0,1e+16\n")) == {
        "Name": "A",
        "Content": "101.0",
        "Description": "1e+16",
    }


# Rows with nothing in them


@pytest.mark.parametrize("row", [{}, {"Name": None}, {"Name": "NULL", "Content": "\\N"}, {"Name": " ", "Content": ""}])
def test_a_row_of_nothing_is_left_out_and_counted(row):
    with prepared(read_rows([GOOD, row])) as made:
        assert (made.rows_read, made.rows_valid, made.rows_blank) == (1, 1, 1)


def test_a_row_of_which_only_another_column_has_something_is_not_blank():
    with prepared(read_rows([{"Nmae": "A"}]), rules={"extra_columns": "ignore"}) as made:
        assert (made.rows_invalid, made.rows_blank) == (1, 0)


CELLS = st.sampled_from(
    ["", "A", "B", "NULL", "nan", " ", "#REF!", "x" * 101, "{{A}}", "'=", 1.0, float("nan"), None, b""]
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["Name", "Content", "Shortcut key", "Odd"]), CELLS), max_size=8)


@settings(deadline=None)
@given(
    ROWS,
    st.sampled_from([NULL_VALUES, (), ("A",)]),
    st.sampled_from(["warn", "invalid", "ignore"]),
    st.sampled_from(["fail", "ignore"]),
)
def test_what_comes_in_is_sent_or_invalid_or_nothing(rows, nulls, on_placeholders, extra_columns):
    rules = {"null_values": nulls, "on_placeholders": on_placeholders, "extra_columns": extra_columns}
    with prepared(read_rows(rows), rules=rules) as made:
        assert len(written(made)) == made.rows_valid
        assert made.rows_valid + made.rows_invalid + made.rows_blank == len(rows)


# In tasks


def test_the_summary_counts_them(fake_wisdom, knowledge_base, caplog):
    rows = [{**GOOD, "Shortcut key": "NULL", "Description": "nan"}, {"Name": None}]
    summary = run(importing(knowledge_base, rows))
    assert (summary["cellsNull"], summary["rowsBlank"], summary["rowsRead"], summary["rowsSent"]) == (2, 1, 1, 1)
    assert "Cells of the rows given that are sent as empty because of null_values: 2" in caplog.text
    assert "Rows of the rows given with nothing in them, which are left out: 1" in caplog.text
    syncing = {"task_id": "sync", "knowledge_base_id": knowledge_base, "source": rows}
    summary = run(WisdomSyncQuickResponsesOperator(**syncing))
    assert (summary["cellsNull"], summary["rowsBlank"], summary["rowsUnchanged"]) == (2, 1, 1)
    summary = run(WisdomSyncQuickResponsesOperator(**syncing, null_values="nan"))
    assert (summary["cellsNull"], summary["rowsUpdated"]) == (1, 1)
    assert json.dumps(summary)
