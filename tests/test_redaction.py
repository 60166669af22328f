"""What must never be shown, and that no text makes looking for it take long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.exceptions import WisdomError
from airflow_wisdom.redaction import LONGEST_MESSAGE, REDACTED, cut, redact, redacted, without_queries
from airflow_wisdom.rows.mistake import shorten
from airflow_wisdom.rows.template import ImportTemplate, fold, unmarked

LONG = 32_000
ADVERSARIES = {
    "question marks": "?" * LONG,
    "encoded question marks": "%3F" * LONG,
    "ampersands": "?" + "&" * LONG,
    "schemes": "http://" * LONG,
    "schemes and question marks": "http://?" * LONG,
    "schemes, secure": "https://" + "https://" * LONG + "?",
    "blanks": " " * LONG,
    "blanks in a label": "Name" + " " * LONG + "x",
    "blanks in a mark": "Name <" + " " * LONG + "*Required field",
    "marks": "<*Required field>" * LONG,
    "open marks": "<" * LONG,
    "almost a mark": "Name <* required" + " field" * LONG + ">",
    "hyphens": "-_" * LONG + "x",
    "almost signatures": "?X-Amz" * LONG,
    "almost parameters": "?" + "%26Signatur" * LONG,
    "letters": "a" * LONG,
    "line breaks": "a\n" * LONG,
}
FUNCTIONS = {
    "redact": redact,
    "without_queries": without_queries,
    "shorten": shorten,
    "unmarked": unmarked,
    "fold": fold,
    "message": lambda text: str(WisdomError(text)),
    "headline": lambda text: WisdomError(text).headline,
    "where": lambda text: str(WisdomError("m", where={"file": text})),
    "template": lambda text: ImportTemplate.of([text.strip() or "x"]).columns,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ADVERSARIES.values(), ids=ADVERSARIES.keys())
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_no_text_takes_long(function, text):
    """A bound, and no measurement: what is quadratic takes minutes for one of these."""
    for repeated in (text, text[::-1], f"{text} {text}"):
        function(repeated)


@pytest.mark.timeout(20)
def test_many_long_cells_of_one_record_take_no_longer_than_their_length():
    text = "?" * 1_000_000
    assert redacted({f"{text}{n}": [text] * 5 for n in range(3)})
    assert len(str(WisdomError(text))) < LONGEST_MESSAGE + 10


SAFE = st.text(st.characters(codec="utf-8", exclude_characters="?%"), max_size=50)
MARKS = ["X-Amz-Signature=", "x-amz-security-token=", "Signature=", "X-Amz-Algorithm=AWS4&X-Amz-Signature="]


@given(before=SAFE, after=SAFE, mark=st.sampled_from(MARKS), scheme=st.sampled_from(["https://b/k", "b/k", "s3://b/k"]))
def test_a_signature_is_never_shown_wherever_it_is(before, after, mark, scheme):
    shown = redact(f"{before} {scheme}?{mark}abc123secret {after}")
    assert "abc123secret" not in shown
    assert f"{scheme}{REDACTED}" in shown
    assert shown.startswith(f"{before} ")
    assert shown.endswith(f" {after}")


@pytest.mark.parametrize(
    "encoded", ["https%3A%2F%2Fb%2Fk%3FX-Amz-Signature%3Dabc123", "/go?to=https%3A%2F%2Fb%3Fsignature=abc123"]
)
def test_a_url_within_a_url_is_redacted_too(encoded):
    assert "abc123" not in redact(encoded)


@given(SAFE)
def test_a_text_without_a_query_is_left_alone(text):
    assert redact(text) == without_queries(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://d1.cloudfront.net/k?token=a, ok", f"see https://d1.cloudfront.net/k{REDACTED} ok"),
        ("HTTP://b/k?a", f"HTTP://b/k{REDACTED}"),
        ("what? why?", "what? why?"),
        ("http://b/k", "http://b/k"),
        ("a?b https://b/k?c=d https://e/f?g", f"a?b https://b/k{REDACTED} https://e/f{REDACTED}"),
    ],
)
def test_any_query_is_cut_from_what_is_not_known(text, shown):
    assert without_queries(text) == shown


def test_a_long_text_is_cut():
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "abc ..."
    assert len(WisdomError("x" * 100_000).message) == LONGEST_MESSAGE + 4


@pytest.mark.parametrize(
    ("label", "plain"),
    [
        ("Name <*Required field>", "Name"),
        (f"{'n' * 5_000} <* required>", "n" * 5_000),
        ("a < b", "a < b"),
        ("<required>", ""),
        ("Name <*Required field> x", "Name <*Required field> x"),
    ],
)
def test_a_mark_is_found_however_long_its_label_is(label, plain):
    assert unmarked(label) == plain
