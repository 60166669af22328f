"""Numbers and durations as templates, XComs and users have them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.values import check_interval, seconds, whole_number


@pytest.mark.parametrize("given_", [3, "3", 3.0, "3.0", " 3 "])
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


def test_a_duration_is_seconds_or_a_timedelta():
    assert seconds(timedelta(minutes=2)) == 120.0
    assert seconds(3) == 3.0


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_of_nothing_is_refused(interval):
    with pytest.raises(ValueError, match="more than 0 seconds"):
        check_interval(interval)
    check_interval(None)
    check_interval(0.01)
