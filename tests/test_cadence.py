"""When to look again, and how many calls may be made."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.cadence import Backoff, Budget, Cadence, Milestones, Patience, pages_to_walk, time_left
from airflow_wisdom.exceptions import AccessDeniedError, EndpointError, ThrottlingError, WisdomError

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


WEATHER = [
    EndpointError("no answer"),
    ThrottlingError("slow down", code="ThrottlingException", operation="GetImportJob"),
]
FINAL = [
    AccessDeniedError("no", code="AccessDeniedException", operation="GetImportJob"),
    WisdomError("no"),
    KeyError("k"),
]


class Lines(list):
    """A logger that keeps its lines."""

    def warning(self, line, *args):
        self.append(line % args)

    def error(self, line, *args, exc_info):
        self.append((line % args, exc_info))


def patient(**how):
    lines = Lines()
    return Patience(lines, "Still waiting", **how), lines


@pytest.mark.parametrize("error", WEATHER)
def test_weather_is_told_once_a_streak(error):
    patience, lines = patient()
    for _ in range(5):
        assert patience.endure(error) > 0
        assert patience.is_tried
    assert lines == [f"Still waiting: {error}"]
    patience.succeeded()
    assert not patience.is_tried
    patience.endure(error)
    assert len(lines) == 2


@pytest.mark.parametrize("error", FINAL)
def test_what_is_final_is_raised_at_once_and_not_told(error):
    patience, lines = patient()
    with pytest.raises(type(error)) as raised:
        patience.endure(error)
    assert raised.value is error
    assert lines == []


def test_pauses_grow_and_begin_again_after_a_success():
    patience, _ = patient()
    pauses = [patience.endure(WEATHER[0]) for _ in range(8)]
    assert pauses[0] <= 1.0
    assert 15.0 <= pauses[-1] <= 30.0
    patience.succeeded()
    assert patience.endure(WEATHER[0]) <= 1.0


def test_patience_ends_at_the_deadline_and_no_pause_goes_past_it():
    patience, _ = patient(deadline=100.0)
    assert patience.endure(WEATHER[0], 99.9) <= 0.1 + 1e-9
    with pytest.raises(EndpointError):
        patience.endure(WEATHER[0], 100.0)


def test_a_clock_that_stands_still_prolongs_nothing():
    """Nor does one that is set back: pauses add up to the time that was left when the streak began."""
    patience, _ = patient(deadline=100.0)
    for now in (90.0, 90.0, 0.0):
        assert patience.endure(WEATHER[0], now, pause=3.0) == 3.0
    assert patience.endure(WEATHER[0], 90.0, pause=3.0) == 1.0
    with pytest.raises(EndpointError):
        patience.endure(WEATHER[0], 90.0, pause=3.0)


def test_each_streak_has_the_time_that_is_left():
    patience, _ = patient(deadline=100.0)
    for _ in range(3):
        assert patience.endure(WEATHER[0], 90.0, pause=8.0) == 8.0
        patience.succeeded()


def test_a_day_of_failures_fits_in_a_day():
    """Time is what ends it, however short the pauses, and not a number of failures."""
    day = 86_400
    patience, _ = patient(deadline=float(day))
    for now in range(day):
        assert patience.endure(WEATHER[0], now, pause=1.0) == 1.0
    with pytest.raises(EndpointError):
        patience.endure(WEATHER[0], day, pause=1.0)


def test_without_a_deadline_it_never_ends_and_pauses_stay_numbers():
    patience, lines = patient()
    assert max(patience.endure(WEATHER[0]) for _ in range(20_000)) <= 30.0
    assert len(lines) == 1


def test_whoever_gives_up_says_so_in_words_of_its_own():
    def give_up(error):
        raise WisdomError(f"not in time: {error}")

    patience, _ = patient(deadline=100.0, give_up=give_up)
    with pytest.raises(WisdomError, match="not in time: no answer"):
        patience.endure(WEATHER[0], 100.0)
    with pytest.raises(AccessDeniedError):
        patience.endure(FINAL[0], 100.0)


def test_each_subject_has_a_streak_of_its_own():
    """A job that never answers is told once, however often the others succeed in between."""
    patience, lines = patient()
    for _ in range(3):
        patience.endure(WEATHER[0], about="stuck")
        patience.succeeded("another")
    assert len(lines) == 1
    patience.succeeded("stuck")
    patience.endure(WEATHER[0], about="stuck")
    assert len(lines) == 2


def test_a_streak_that_began_in_the_middle_of_another_is_told_once_that_is_over():
    """While everything fails, one line is enough; what still fails after that has one of its own."""
    patience, lines = patient()
    for about in ("a", "b", "a", "b"):
        patience.endure(WEATHER[0], about=about)
    assert len(lines) == 1
    patience.succeeded("a")
    for _ in range(3):
        patience.endure(WEATHER[0], about="b")
        patience.succeeded("a")
    assert len(lines) == 2


def test_a_subject_that_nobody_asks_for_any_more_is_forgotten():
    patience, lines = patient()
    for _ in range(2):
        patience.endure(WEATHER[0], about="gone")
        patience.succeeded("another")
        patience.forget("gone")
    assert len(lines) == 2


def told_to_last(error):
    """The line of an error that only a person can cure, and its traceback if nobody thought of it."""
    return f"Still waiting: {error}", None if isinstance(error, WisdomError) else error


@pytest.mark.parametrize("error", FINAL)
def test_where_a_person_may_cure_it_what_lasts_is_asked_for_again_after_a_long_pause(error):
    patience, lines = patient(lasting_pause=60.0)
    assert {patience.endure(error) for _ in range(5)} == {60.0}
    assert lines == [told_to_last(error)]
    assert patience.endure(WEATHER[0]) <= 30.0


def test_what_lasts_is_told_once_a_streak_also_in_the_middle_of_bad_weather():
    patience, lines = patient(lasting_pause=60.0)
    streak = [WEATHER[0], FINAL[0], WEATHER[1], FINAL[0], FINAL[1], WEATHER[0], FINAL[1]]
    for error in streak:
        patience.endure(error)
    assert lines == [f"Still waiting: {WEATHER[0]}", told_to_last(FINAL[0]), told_to_last(FINAL[1])]
    patience.succeeded()
    patience.endure(FINAL[0])
    assert lines[3:] == [told_to_last(FINAL[0])]


@given(step=st.floats(0.5, 600))
def test_a_wait_of_a_day_says_so_ever_more_rarely(step):
    milestones, said, now = Milestones(), [], 0.0
    while now < 86_400:
        now += step
        if milestones.is_due(now):
            said.append(now)
    assert 60 <= said[0] < 60 + step
    assert len(said) <= 11
    assert all(later >= 2 * earlier for earlier, later in pairwise(said))
