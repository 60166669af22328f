"""When to look again, and how many calls may be made."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.cadence import Backoff, Budget, Cadence, pages_to_walk, time_left

durations = st.floats(min_value=0, max_value=86_400)


@given(age=durations, ratio=st.floats(0.01, 1), floor=st.floats(0.1, 10))
def test_an_interval_stays_between_its_bounds(age, ratio, floor):
    cadence = Cadence(floor=floor, ceiling=60, ratio=ratio)
    longest = min(60, max(floor, ratio * age))
    assert longest * 0.9 <= cadence.interval(age) <= longest


@given(duration=durations)
def test_an_end_is_noticed_within_a_tenth_of_the_duration_or_a_second(duration):
    """Looked at by its cadence alone, a job's end is never noticed later than promised."""
    cadence, looked = Cadence(ceiling=float("inf")), 0.0
    while looked < duration:
        looked += cadence.interval(looked)
    assert looked - duration <= max(1.0, duration / 10) + 1e-6


def test_a_fixed_interval_is_kept_exactly():
    assert {Cadence.of(7).interval(age) for age in (0, 10, 10_000)} == {7}


@pytest.mark.parametrize("interval", [0, -1, float("nan")])
def test_an_interval_of_nothing_is_refused(interval):
    with pytest.raises(ValueError, match="poll_interval"):
        Cadence.of(interval)


@given(st.lists(st.floats(0, 10), min_size=2, max_size=50), st.floats(0.5, 100))
def test_no_second_sees_more_calls_than_the_budget(arrivals, rate):
    budget, now, starts = Budget(rate), 0.0, []
    for pause in arrivals:
        now += pause
        now += budget.pause(now)
        budget.spend(now)
        starts.append(now)
    assert all(later - earlier >= 1 / rate - 1e-9 for earlier, later in pairwise(starts))


def test_a_held_budget_lets_nothing_through():
    budget = Budget(10)
    budget.hold(5)
    assert budget.pause(2) == 3
    assert budget.pause(7) == 0


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_budget_of_nothing_is_refused(rate):
    with pytest.raises(ValueError, match="calls_per_second"):
        Budget(rate)


def test_a_backoff_doubles_up_to_its_ceiling_and_begins_again():
    backoff = Backoff(first=1, ceiling=8)
    for longest in (1, 2, 4, 8, 8):
        assert longest / 2 <= backoff.failed() <= longest
    backoff.succeeded()
    assert backoff.failed() <= 1


@pytest.mark.parametrize(
    ("pages", "walk"),
    [
        ([], 0),
        ([1], 0),
        ([1, 1], 1),
        ([1, 1, 9], 1),
        ([9, 9], 0),
        ([3] * 10, 3),
        ([1, 1, 1, 2, 50], 1),
        ([100] * 500, 100),
    ],
)
def test_pages_are_walked_where_that_saves_calls(pages, walk):
    assert pages_to_walk(pages) == walk


@given(st.lists(st.integers(1, 30), max_size=40))
def test_no_other_number_of_pages_would_need_fewer_calls(pages):
    def calls(walked):
        return walked + sum(page > walked for page in pages)

    assert calls(pages_to_walk(pages)) == min(calls(walked) for walked in range(31))


def test_time_left_is_never_negative():
    assert time_left(None, 5) == float("inf")
    assert time_left(7, 5) == 2
    assert time_left(3, 5) == 0
