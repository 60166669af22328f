"""A placeholder that Amazon Connect would not fill in is found before an agent sends it to a customer."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rigs.imports import importing
from rigs.quick_responses import prepared, written
from rigs.running import run

from airflow_wisdom.exceptions import InvalidRowsError
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows import placeholders
from airflow_wisdom.rows.placeholders import problems
from airflow_wisdom.rows.reading.objects import read_rows

GOOD = "Hi {{Attributes.Customer.FirstName}}!"


@pytest.mark.parametrize(
    "text",
    [
        "", "Hello", GOOD, "{{Attributes.Customer}}{{ Attributes.order id }}", "{{Attributes.Kündigung-1_b}}",
        "{{Attributes.Customer.Recommendations.[0].CatalogItem.Name}}", "a smile :-} and { braces } of all kinds",
        "{ }", "{Attributes}", "\\{", "{\n}",
    ],
)  # fmt: skip
def test_what_amazon_connect_fills_in_and_ordinary_braces_are_fine(text):
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Hi {{Customer.FirstName}}", 'the placeholder "{{Customer.FirstName}}" without the prefix "Attributes."'),
        ("{{attributes.Name}}", "without the prefix"),
        ("{{ ds }}", "without the prefix"),
        ("{{}}", "without the prefix"),
        ("{{Attributes}}", "without the prefix"),
        ("{{#if Attributes.Vip}}", "without the prefix"),
        ("{{Attributes.}}", "names no attribute"),
        ("{{Attributes.A\nB}}", "line break"),
        ("{{Attributes.{A}}", "brace in its name"),
        ("{{Attributes.A", 'has "{{Attributes.A" without "}}" after it'),
        ("{{Attributes.A} and", 'without "}}" after it'),
        ("{{Attributes.A {{Attributes.B}}", 'has "{{Attributes.A " without "}}"'),
        ("{Attributes.A}", 'has "{Attributes." with one brace'),
        ("{Attributes.A}}", "with one brace"),
        ("Attributes.A}}", 'has "}}" without "{{" before it'),
        ("{{{Attributes.A}}}", "two braces on each side"),
        ("{{Attributes.A}}}", "two braces on each side"),
        ("\uff5b\uff5bAttributes.A\uff5d\uff5d", "which is no brace"),
        ("\u2774\u2774Attributes.A\u2775\u2775", "which is no brace"),
        ("\ufe5b\ufe5bAttributes.A\ufe5c\ufe5c", "which is no brace"),
    ],
)
def test_what_it_would_leave_as_it_is_is_named(text, problem):
    assert problem in problems(text)[0]


def test_each_problem_is_told_once_and_not_too_many():
    assert len(problems("{{A}} {{A}} {{A}}")) == 1
    assert len(problems(" ".join(f"{{{{A{number}}}}}" for number in range(100)))) == 5


@given(st.lists(st.sampled_from(["{{", "}}", "{", "}", "{{{", "Attributes.", "A", " ", "\n", "\uff5b"]), max_size=12))
@example(["{{", "Attributes.", "{{", "}"])
def test_a_text_without_problems_has_only_whole_placeholders(parts):
    text = "".join(parts)
    if not problems(text):
        opened, closed = text.split("{{"), text.split("}}")
        assert len(opened) == len(closed)
        assert all(part.strip().startswith("Attributes.") for part in opened[1:])


def test_each_brace_is_looked_at_once(monkeypatch):
    """The work grows with the text and no faster, whatever the text."""
    looks, braces = [], placeholders._BRACES

    class Pattern:
        def finditer(self, text):
            for found in braces.finditer(text):
                looks.append(found.end() - found.start())
                yield found

    monkeypatch.setattr(placeholders, "_BRACES", Pattern())
    for piece in ("{{", "}} ", "{{a", "{ ", "{{Attributes.A}}", "{{\n}}"):
        looks.clear()
        list(placeholders._problems(piece * 1000))
        assert sum(looks) == sum(map((piece * 1000).count, "{}"))


# As a rule for rows


def rows_with(content):
    return read_rows([{"Name": "A", "Content": content}])


def test_by_default_a_row_is_sent_with_a_warning():
    with prepared(rows_with("Hi {{Customer}}")) as made:
        assert [row[2] for row in written(made)] == ["Hi {{Customer}}"]
        (warning,) = map(str, made.doubts.first)
        assert warning.startswith(
            'row 1, column "Content", "Hi {{Customer}}": has the placeholder "{{Customer}}" without'
        )
        assert made.doubts.counts == {"doubtful_placeholders": 1}


def test_a_row_may_be_invalid_for_it():
    with prepared(rows_with("Hi {{Customer}}"), rules={"on_placeholders": "invalid"}) as made:
        assert (made.rows_invalid, made.doubts.total) == (1, 0)
        assert "without the prefix" in made.mistakes[0].reason


def test_or_nothing_is_said():
    with prepared(rows_with("Hi {{Customer}}"), rules={"on_placeholders": "ignore"}) as made:
        assert (made.rows_valid, made.doubts.total) == (1, 0)


def test_only_a_content_has_placeholders():
    with prepared(read_rows([{"Name": "{{A}}", "Content": "x", "Description": "{{B}}"}])) as made:
        assert made.doubts.total == 0


def test_an_invalid_row_is_not_warned_of():
    """It is not sent."""
    with prepared(read_rows([{"Name": "", "Content": "{{A}}"}])) as made:
        assert (made.rows_invalid, made.doubts.total) == (1, 0)


def test_other_words_are_refused():
    with (
        pytest.raises(ValueError, match="on_placeholders must be one of"),
        prepared(rows_with("x"), rules={"on_placeholders": "fail"}),
    ):
        pass


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_import_warns_in_log_and_summary(fake_wisdom, knowledge_base, caplog, deferrable):
    rows = [{"Name": f"N{number}", "Content": "{{Customer}}"} for number in range(3)]
    summary = run(importing(knowledge_base, rows, sample_size=2, deferrable=deferrable))
    assert (summary["doubtfulPlaceholders"], summary["rowsImported"]) == (3, 3)
    assert [warning["line"] for warning in summary["doubtfulRows"]] == [1, 2]
    assert caplog.text.count("without the prefix") == 2
    with pytest.raises(InvalidRowsError, match="without the prefix"):
        run(importing(knowledge_base, rows, on_placeholders="invalid"))


def test_no_text_is_shown_if_none_may_be(fake_wisdom, knowledge_base, caplog):
    summary = run(importing(knowledge_base, [{"Name": "A", "Content": "{{secret}}"}], sample_size=0))
    assert (summary["doubtfulPlaceholders"], summary["doubtfulRows"]) == (1, [])
    assert "secret" not in caplog.text + json.dumps(summary)


def test_a_sync_warns_as_well(fake_wisdom, knowledge_base, caplog):
    rows = [{"Name": "A", "Content": "{{Customer}}"}]
    how = {"task_id": "sync", "knowledge_base_id": knowledge_base, "source": rows}
    summary = run(WisdomSyncQuickResponsesOperator(**how))
    assert (summary["doubtfulPlaceholders"], len(summary["doubtfulRows"]), summary["rowsCreated"]) == (1, 1, 1)
    assert "without the prefix" in caplog.text
