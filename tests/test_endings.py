"""Which jobs have ended: each told once, whatever the list shows and however often one begins again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.model.endings import OVERLAP, Endings, has_ended
from airflow_wisdom.model.import_job import ImportJob

HOUR = 3600.0


def job(name, status="COMPLETE", created=0.0, changed=None):
    when = [datetime.fromtimestamp(1.8e9 + t, timezone.utc) for t in (created, created if changed is None else changed)]
    return ImportJob(name, "kb", status, created_time=when[0], last_modified_time=when[1])


def names(jobs):
    return [each.import_job_id for each in jobs]


def again(endings):
    return Endings(json.loads(json.dumps(endings.memory(), allow_nan=False)))


def test_what_had_ended_before_the_first_look_is_history():
    endings = Endings()
    assert not endings.has_memory
    assert endings.news([job("old"), job("running", "START_IN_PROGRESS")], whole=True) == []
    assert names(endings.news([job("old"), job("running"), job("new", created=1)], whole=True)) == ["running", "new"]
    assert endings.news([job("old"), job("running"), job("new", created=1)], whole=True) == []


def test_the_first_look_may_catch_up():
    endings = Endings(since=1.8e9 + 50)
    assert names(endings.news([job("late", changed=60), job("early", changed=40)], whole=True)) == ["late"]


def test_news_come_in_the_order_in_which_the_jobs_ended():
    endings = Endings()
    endings.news([], whole=True)
    assert names(endings.news([job("b", changed=20), job("c", changed=30), job("a", changed=10)], whole=True)) == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize("status", ["FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED", "DELETED"])
def test_every_ending_is_one(status):
    endings = Endings()
    endings.news([job("a", "START_IN_PROGRESS")], whole=True)
    assert names(endings.news([job("a", status)], whole=True)) == ["a"]
    assert endings.news([job("a", "DELETED")], whole=True) == []


def test_a_status_of_the_future_is_no_ending():
    endings = Endings()
    endings.news([job("a", "START_IN_PROGRESS")], whole=True)
    assert not has_ended(job("a", "PAUSED"))
    assert endings.news([job("a", "PAUSED")], whole=True) == []
    assert names(endings.news([job("a")], whole=True)) == ["a"]


def test_the_memory_does_not_grow_with_the_history():
    endings = Endings()
    history = [job(f"job{n}", created=n * HOUR) for n in range(500)]
    endings.news([*history, job("long", "START_IN_PROGRESS")], whole=True)
    assert len(json.dumps(endings.memory())) < 300
    late = again(endings)
    assert names(late.news([*history, job("long", changed=500 * HOUR)], whole=True)) == ["long"]


def test_a_job_that_appears_late_in_the_list_is_told():
    endings = Endings()
    endings.news([job("a", created=0), job("c", created=OVERLAP)], whole=True)
    endings = again(endings)
    assert names(endings.news([job("b", created=1), job("c", created=OVERLAP)], whole=True)) == ["b"]


def test_a_list_may_lag_by_most_of_an_hour():
    """Measured in minutes, whatever the constant is: a restart in between loses nothing, and repeats nothing."""
    endings = Endings()
    endings.news([job("early", created=0), job("newest", created=60 * 60)], whole=True)
    endings = again(endings)
    late = job("late", created=5 * 60)
    assert names(endings.news([job("early", created=0), late, job("newest", created=60 * 60)], whole=True)) == ["late"]
    assert again(endings).news([job("early", created=0), late, job("newest", created=60 * 60)], whole=True) == []


def test_a_job_that_vanishes_is_forgotten_but_not_at_the_first_slip():
    endings = Endings()
    newest = job("new", created=2 * OVERLAP)
    endings.news([job("a", "START_IN_PROGRESS"), newest], whole=True)
    endings.news([newest], whole=True)
    assert endings.memory()["open"] == ["a"]
    endings.news([newest], whole=True)
    assert endings.memory()["open"] == []


def test_a_look_at_a_part_of_the_list_forgets_nothing():
    endings = Endings()
    endings.news([job("a", "START_IN_PROGRESS"), job("new", created=2 * OVERLAP)], whole=True)
    for _ in range(3):
        endings.news([job("new", created=2 * OVERLAP)], whole=False)
    assert names(endings.news([job("a")], whole=False)) == ["a"]


JOBS = st.lists(
    st.tuples(st.floats(0, 10 * HOUR), st.floats(0, 5 * HOUR), st.floats(0, OVERLAP * 0.99)), min_size=1, max_size=30
)


@given(
    jobs=JOBS,
    looks=st.lists(st.tuples(st.floats(0, 17 * HOUR), st.booleans()), min_size=1, max_size=20),
    data=st.data(),
)
def test_each_ending_is_told_exactly_once_over_any_restart(jobs, looks, data):
    """Jobs appear in the list late and in any order; the memory is taken whenever something was told."""
    looks = sorted(looks)
    begins = looks[0][0]
    endings, told = Endings(), Counter()
    for now, restart in [*looks, (20 * HOUR, True)]:
        shown = [
            job(f"job{n}", "COMPLETE" if created + takes <= now else "START_IN_PROGRESS", created, created + takes)
            for n, (created, takes, late) in enumerate(jobs)
            if created + late <= now
        ]
        told.update(names(endings.news(data.draw(st.permutations(shown)), whole=True)))
        if restart:
            endings = again(endings)
    for n, (created, takes, late) in enumerate(jobs):
        in_time = created + max(takes, late) > begins
        assert told[f"job{n}"] == int(in_time)
