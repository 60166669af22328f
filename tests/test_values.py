"""Numbers and durations as templates, XComs and users have them."""

from __future__ import annotations

import pickle
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.exceptions import ParameterError
from airflow_wisdom.values import Problems, duration, one_of, share, switch, whole_number


@pytest.mark.parametrize("given_", [3, "3", 3.0, "3.0", " 3 ", "0_3"])
def test_a_whole_number_may_have_come_as_text_or_as_a_float(given_):
    number = whole_number("n", given_, 0)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize(
    "wrong",
    [
        True,
        False,
        "x",
        "",
        None,
        -1,
        "-1",
        1.5,
        "1.5",
        "1.0.0",
        float("nan"),
        float("inf"),
        10**40,
        "9" * 5_000,
        "²",
        [3],
    ],
)
def test_what_is_no_whole_number_is_named_in_few_words(wrong):
    with pytest.raises(ValueError, match="n must be a whole number at least 0, not ") as raised:
        whole_number("n", wrong, 0)
    assert len(str(raised.value)) < 150


@given(value=st.integers(-100, 100), least=st.integers(-50, 50), more=st.integers(0, 50))
def test_limits_are_kept(value, least, more):
    least = max(0, least)
    if least <= value <= least + more:
        assert whole_number("n", value, least, least + more) == value
    else:
        with pytest.raises(ValueError, match=f"from {least} to {least + more}"):
            whole_number("n", value, least, least + more)


@pytest.mark.parametrize(
    ("given_", "meant"),
    [
        (timedelta(minutes=2), 120.0),
        (3, 3.0),
        (0.5, 0.5),
        ("50", 50.0),
        (" 1.5 ", 1.5),
        ("90m", 5400.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("7 s", 7.0),
    ],
)
def test_a_duration_is_seconds_or_a_timedelta_also_as_text(given_, meant):
    assert duration("d", given_) == meant


@pytest.mark.parametrize(
    "wrong",
    [
        0,
        -1,
        "0",
        "-5m",
        timedelta(0),
        True,
        None,
        "",
        "m",
        "soon",
        "1w",
        float("nan"),
        "inf",
        1e12,
        10**400,
        [3],
        "1" * 9999,
    ],
)
def test_what_is_no_duration_is_named_in_few_words(wrong):
    with pytest.raises(ValueError, match=r"^d must be more than 0 and at most 100 years: .*, not ") as raised:
        duration("d", wrong)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    ("given_", "meant"),
    [
        (True, True),
        (False, False),
        ("True", True),
        ("False", False),
        ("false", False),
        (" f ", False),
        (1, True),
        ("0", False),
    ],
)
def test_a_switch_may_have_come_as_text(given_, meant):
    assert switch("s", given_) is meant


@pytest.mark.parametrize("wrong", [None, "", "no", "perhaps", 2, 1.5, [True]])
def test_what_is_no_switch_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^s must be True or False, not "):
        switch("s", wrong)


@pytest.mark.parametrize("given_", [0.3, "0.3", " 0.30 "])
def test_a_share_may_have_come_as_text(given_):
    assert share("s", given_) == 0.3


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "30 %", None, True, float("nan")])
def test_what_is_no_share_is_refused(wrong):
    with pytest.raises(ValueError, match=r"^s must be a number from 0 to 1, not "):
        share("s", wrong)


class Given:
    number, word, text = "x", "maybe", "fine"


def test_all_that_is_wrong_is_said_at_once_and_once():
    problems = Problems()
    readers = {
        "number": partial(whole_number, least=0),
        "word": partial(one_of, words=("yes", "no")),
        "text": lambda _, text: text.upper(),
    }
    assert problems.read(readers, Given) == {"text": "FINE"}
    for _ in range(2):
        with problems.noting():
            raise ParameterError("a; b", problems=["a", "b"])
    with pytest.raises(ParameterError) as raised:
        problems.check()
    assert raised.value.problems == [
        "number must be a whole number at least 0, not 'x'",
        "word must be one of yes, no, not 'maybe'",
        "a",
        "b",
    ]
    assert pickle.loads(pickle.dumps(raised.value)).problems == raised.value.problems


def test_nothing_is_said_where_nothing_is_wrong():
    Problems().check()
