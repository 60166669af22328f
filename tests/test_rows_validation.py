"""Every mistake of a row, told at once, with its place."""

from __future__ import annotations

import io
import json
import re

import botocore.session
import pytest
from rigs.quick_responses import limits, mistakes, prepared, table, validator, written

from airflow_wisdom.exceptions import TemplateMismatchError
from airflow_wisdom.rows import ImportTemplate, Mistake, Rules, field_limits, validation
from airflow_wisdom.rows.mistake import listing, shorten
from airflow_wisdom.rows.reading import read_json_lines
from airflow_wisdom.rows.reading.objects import read_rows
from airflow_wisdom.rows.reading.table import Row
from airflow_wisdom.rows.validation import FieldLimits

SIGNED = "https://b/k?X-Amz-Signature=abc123"
GOOD = {"Name": "Hello", "Content": "Good morning!"}


def judged(values=None, **rules):
    """The reasons why a row with these values, besides good ones, is invalid."""
    return [mistake.reason for mistake in first_of([{**GOOD, **(values or {})}], **rules)]


def first_of(rows, **rules):
    with validator(**rules) as judge:
        return [mistake for row in read_rows(rows).rows for mistake in judge.check(row)[1]]


# What one cell may be


@pytest.mark.parametrize(
    ("label", "value", "reason"),
    [
        ("Name", "", "is required, but empty"),
        ("Content", " \n", "is required, but empty"),
        ("Content", "\u3000\u200b", "is required, but empty"),
        ("Name", "x" * 101, "has 101 characters, at most 100 are allowed"),
        ("Content", "x" * 4001, "has 4,001 characters, at most 4,000 are allowed"),
        ("Description", "x" * 256, "has 256 characters, at most 255 are allowed"),
        ("Shortcut key", "far too long", "has 12 characters, at most 10 are allowed"),
        ("Name", "two\nlines", "has line breaks or control characters"),
        ("Shortcut key", "a\x07b", "has line breaks or control characters"),
        ("Name", "a\u2028b", "has line breaks or control characters"),
        (
            "Language",
            "en",
            "must be one of: de_DE, en_US, es_ES, fr_FR, id_ID, it_IT, ja_JP, ko_KR, pt_BR, zh_CN, zh_TW",
        ),
        (
            "Language",
            "EN_US",
            "must be one of: de_DE, en_US, es_ES, fr_FR, id_ID, it_IT, ja_JP, ko_KR, pt_BR, zh_CN, zh_TW",
        ),
        ("Is active", "maybe", "must be one of: 0, 1, false, n, no, true, y, yes"),
        ("Channels", "Chat;;Email", "has an empty item"),
        (
            "Channels",
            "Chat, chat",
            'has the item "chat", which must be one of: Chat, Email',
        ),
        ("Routing Profile", ";".join("x" * 41), "has 41 items, at most 40 are allowed"),
    ],
)
def test_a_value_that_an_import_would_refuse_is_a_mistake(label, value, reason):
    assert judged({label: value}) == [reason]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("Name", "😀" * 100),
        ("Content", " two\r\nlines "),
        ("Description", " "),
        ("Shortcut key", ""),
        ("Language", "zh_TW"),
        ("Is active", "TRUE"),
        ("Is active", True),
        ("Content type", "Plain"),
        ("Content type", "application/x.quickresponse;format=markdown"),
        ("Channels", "Chat; Email"),
        ("Routing Profile", ["A", "B"]),
    ],
)
def test_a_value_that_an_import_takes_is_no_mistake(label, value):
    assert judged({label: value}) == []


def test_all_mistakes_of_a_row_are_told_in_one_go_and_for_all_rows():
    source = 'Name,Content,Shortcut key,Channels\n"Hi\nyou",,helloooooooooo,\nBye,x,,Chat,Email\n'
    assert mistakes(table(source)) == [
        r'line 2, column "Name", "Hi\nyou": has line breaks or control characters',
        'line 2, column "Content": is required, but empty',
        'line 2, column "Shortcut key", "helloooooooooo": has 14 characters, at most 10 are allowed',
        'line 4: has cells that belong to no column: "Email"',
    ]


def test_allowed_values_may_be_other_than_texts():
    source = table("Name,Content,Is active\na,x,true\nb,y,no\n")
    assert mistakes(source, rules={"allowed": {"isActive": [True, False]}}) == [
        'line 3, column "Is active", "no": must be one of: True, False'
    ]


def test_the_lists_of_allowed_values_can_be_changed():
    assert judged({"Language": "tlh"}, allowed={"language": None}) == []
    assert judged({"Channels": "CHAT"}, allowed={"channels": ["VOICE"]}) == [
        'has the item "CHAT", which must be one of: VOICE'
    ]
    assert judged({"Routing Profile": "sales"}, allowed={"routingProfiles": {"Sales"}}) == [
        'has the item "sales", which must be one of: Sales'
    ]


def test_the_characters_that_separate_items_can_be_changed():
    profiles = {"Sales, EMEA"}
    assert judged({"Routing Profile": "Sales, EMEA"}, allowed={"routingProfiles": profiles}, separators=";") == []
    assert judged({"Routing Profile": "Sales, EMEA"}, allowed={"routingProfiles": profiles}) != []
    assert judged({"Channels": "A;B"}, allowed={"channels": ["A;B"]}, separators="") == []


def test_the_wider_of_the_two_models_holds_whichever_client_is_used():
    """Both reach one service, and the model of `wisdom` lags behind its current documents."""
    assert judged({"Name": "x" * 100, "Content": "x" * 4000}) == []
    assert limits()["routingProfiles"] == FieldLimits(1, 2048, 40)


def test_what_is_not_limited_may_have_any_length():
    assert judged({"Name": "x" * 5000}, limits={}) == []
    assert field_limits({"name": (1, None), "channels": (1, 10)}, {"channels": 3, "routingProfiles": 4}) == {
        "name": FieldLimits(1, None),
        "channels": FieldLimits(1, 10, 3),
        "routingProfiles": FieldLimits(1, None, 4),
    }


@pytest.mark.parametrize("service", ["wisdom", "qconnect"])
def test_the_languages_are_those_of_the_documentation_of_aws(service):
    model = botocore.session.get_session().get_service_model(service).operation_model("CreateQuickResponse")
    text = model.input_shape.members["language"].documentation
    assert set(re.findall(r"\b[a-z]{2}_[A-Z]{2}\b", text)) == validation.LANGUAGES


@pytest.mark.parametrize("wrong", [{"spaces": "keep"}, {"extra_columns": "drop"}])
def test_a_rule_has_its_words(wrong):
    with pytest.raises(ValueError, match="must be one of"):
        Rules({}, **wrong)


# Spaces


def test_spaces_are_trimmed_and_counted_but_not_those_of_texts():
    source = table('Name,Content,Shortcut key,Language\n Hello,  text ,"a\t",en_US\nBye,x,  ,\n Bad , , c,\n')
    with prepared(source) as made:
        assert [[row[0], row[2], row[4], row[6]] for row in written(made)] == [
            ["Hello", "  text ", "a", "en_US"],
            ["Bye", "x", "", ""],
        ]
        assert (made.cells_trimmed, made.rows_invalid) == (3, 1)


def test_spaces_are_a_mistake_if_one_wants():
    assert judged({"Name": " Hello", "Shortcut key": "  ", "Content": " x "}, spaces="invalid") == [
        "has spaces at its ends",
        "has spaces at its ends",
    ]


# Unique in the source


def test_a_name_or_a_shortcut_key_that_occurs_twice_names_the_first_one():
    source = 'Name,Content,Shortcut key\n"A","1\n2",a\nB,x,A\nA ,x,b\nC,x, a\nD,A,\nE,A,\n'
    assert mistakes(table(source)) == [
        'line 5, column "Name", "A ": occurs already on line 2',
        'line 6, column "Shortcut key", " a": occurs already on line 2',
    ]


def test_the_values_of_invalid_rows_count():
    """Once fixed, the row would clash."""
    assert mistakes(table("Name,Content\nA,\nA,x\n")) == [
        'line 2, column "Content": is required, but empty',
        'line 3, column "Name", "A": occurs already on line 2',
    ]


def test_rows_of_python_are_rows():
    (mistake,) = first_of([GOOD, GOOD])
    assert str(mistake) == 'row 2, column "Name", "Hello": occurs already in row 1'
    assert json.loads(json.dumps(mistake.to_dict())) == {
        "line": 2,
        "column": "Name",
        "value": "Hello",
        "reason": "occurs already in row 1",
        "unit": "row",
        "part": None,
        "name": None,
    }


# Columns


def mismatch(source, **how):
    with pytest.raises(TemplateMismatchError) as caught:
        mistakes(source, **how)
    return caught.value


def test_columns_find_their_labels_in_any_spelling():
    source = table(
        "NAME,content,shortcut_key,Is  Active,Content <*Required field>X\nA,x,a,no\n".replace(",Content <", "#")
    )
    source = table("NAME <*Required field>,content,shortcut_key,Is  Active\nA,x,a,no\n")
    with prepared(source) as made:
        assert written(made) == [["A", "", "x", "", "a", "", "", "no", ""]]


def test_columns_are_also_found_by_what_the_default_template_calls_them():
    """As an export does, whatever labels the user's own template has."""
    own = ImportTemplate.of(
        ["Title", "Text", "Teams"], fields={"Title": "name", "Text": "content", "Teams": "routingProfiles"}
    )
    with prepared(table("Name,Content,Routing Profile\nA,x,Billing\n"), template=own) as made:
        assert written(made) == [["A", "x", "Billing"]]


def test_all_that_is_wrong_with_the_columns_is_told_at_once():
    error = mismatch(table("Titel,name,NAME,Colour\n"), mapping={"Titel": "Title", "Text": "Content"})
    assert error.missing == ["Content"]
    assert error.unknown == ["Colour"]
    assert error.message == (
        'The columns do not fit the template: mapped to labels that the template does not have: "Title"; '
        'mapped, but not in the source: "Text"; columns for a label that another column has: "NAME"; '
        'missing columns: "Content"; columns that the template does not have: "Colour". The header has, separated by '
        'commas: "Titel", "name", "NAME", "Colour"'
    )


def test_columns_that_the_template_does_not_have_can_be_ignored():
    with prepared(table("Name,Colour,Content\nA,red,x\n"), rules={"extra_columns": "ignore"}) as made:
        assert written(made) == [["A", "", "x", "", "", "", "", "", ""]]


def test_what_is_wrong_in_an_ignored_column_is_ignored():
    row = {**GOOD, "Picture": b"...", "Language": b"..."}
    assert [mistake.column for mistake in first_of([row], extra_columns="ignore")] == ["Language"]


def test_own_columns_are_mapped_to_labels():
    with prepared(table("Titel,Text\nA,x\n"), mapping={" Titel ": "Name", "Text": "Content"}) as made:
        assert [row[:3] for row in written(made)] == [["A", "", "x"]]


def test_rows_that_name_their_own_columns_are_judged_one_by_one():
    lines = [{"name": "A", "content": "x"}, {"Name": "B", "colour": 1}, {"name": "C", "NAME": "D", "content": "x"}]
    source = read_json_lines(io.BytesIO("\n".join(map(json.dumps, lines)).encode()))
    assert mistakes(source) == [
        'line 2: has columns that the template does not have: "colour"',
        'line 2, column "Content": is required, but empty',
        'line 3: has columns for a label that another column has: "NAME"',
    ]


def test_a_mapping_to_a_label_that_does_not_exist_is_told_for_rows_of_python_too():
    assert "Title" in mismatch(read_rows([]), mapping={"Titel": "Title"}).message


def test_another_template_holds_throughout():
    template = ImportTemplate.of(
        ["Ordner<*Required field>", "Titel", "Text"], fields={"Titel": "name", "Text": "content"}
    )
    source = "text,titel,ordner\nGuten Tag,Gruß,\nx,Gruß,Allgemein\ny,Z,\u00a0 frei \n"
    assert mistakes(table(source), template=template) == [
        'line 2, column "ordner": is required, but empty',
        'line 3, column "titel", "Gruß": occurs already on line 2',
    ]
    with prepared(table(source), template=template) as made:
        assert written(made) == [["\u00a0 frei ", "Z", "y"]]


# Messages


def test_a_value_in_a_message_is_short_visible_and_no_secret():
    assert shorten("x" * 41) == "x" * 40 + "..."
    assert shorten("x" * 40) == "x" * 40
    assert shorten("a\nb\x00\u200b") == r"a\nb\x00\u200b"
    assert "abc123" not in shorten(f"see {SIGNED}")
    assert shorten("?" * 100_000) == "?" * 40 + "..."
    assert "abc123" not in str(Mistake(1, "Name", shorten(SIGNED), "is wrong"))


def test_a_long_list_in_a_message_is_cut():
    assert listing([str(i) for i in range(17)], quote="").endswith("13, 14 and 2 more")


def test_the_temporary_file_is_gone_with_the_validator():
    judge = validator()
    judge.check(Row(1, GOOD))
    judge.close()
    with pytest.raises(Exception, match="closed"):
        judge.check(Row(2, GOOD))
