"""How far a run has got, as it is reported while it runs."""

from __future__ import annotations

import json
from inspect import signature

import pytest
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import ImportIncompleteError, WisdomError
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator, WisdomSyncQuickResponsesOperator
from airflow_wisdom.runs import counting
from airflow_wisdom.runs.changes import Change, ChangeEnd
from airflow_wisdom.runs.counting import XCOM_KEY, Counting
from airflow_wisdom.runs.progress import Progress, Several

ARN = "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb"


class Plan:
    """As much of a plan as is counted."""

    def __init__(self, changes):
        self.changes = range(changes)


@pytest.fixture
def now(monkeypatch):
    """A clock that is set by hand."""
    at = [1_000.0]
    monkeypatch.setattr(counting.time, "monotonic", lambda: at[0])
    return at


def end(error=None):
    return ChangeEnd(Change("create", "a", "x"), error=WisdomError(error) if error else None)


def test_jobs_are_counted_with_their_rows(now):
    told = []
    progress = Counting(ARN, told.append)
    progress.advanced(0, 3, 0, 250)
    now[0] += counting.PAUSE
    progress.ended("job", WisdomError("broken"))
    progress.advanced(1, 3, 100, 250)
    about = {"knowledgeBaseId": "kb", "unit": "jobs", "total": 3, "rowsTotal": 250}
    assert told == [
        {**about, "ended": 0, "rowsEnded": 0, "failed": 0},
        {**about, "ended": 1, "rowsEnded": 100, "failed": 1},
    ]


def test_changes_are_counted(now):
    told = []
    progress = Counting("kb", told.append)
    progress.compared(Plan(2))
    progress.applied(end())
    progress.applied(end("broken"))
    assert [(each["ended"], each["total"], each["failed"]) for each in told] == [
        (0, 2, 0),
        (1, 2, 0),
        (2, 2, 1),
    ]
    assert "rowsTotal" not in told[0]


def test_of_many_only_some_are_reported(now):
    told = []
    progress = Counting("kb", told.append)
    for ended in range(1001):
        progress.advanced(ended, 1000, 0, 0)
    assert [each["ended"] for each in told] == [*range(0, 1001, 50)]


def test_of_few_each_is_reported_and_where_it_takes_long_too(now):
    """The last that is reported has to hold until something else ends, which may be an hour."""
    told = []
    progress = Counting("kb", told.append)
    for ended in range(4):
        progress.advanced(ended, 20, 0, 0)
    for ended in range(3):
        now[0] += counting.PAUSE
        progress.advanced(ended, 1000, 0, 0)
    assert [each["ended"] for each in told] == [0, 1, 2, 3, 0, 1, 2]


def test_whatever_goes_wrong_with_a_report_is_not_worth_failing_for(now):
    def broken(_):
        raise ConnectionError("no Airflow")

    Counting("kb", broken).advanced(1, 1, 1, 1)


def test_several_are_notified_of_everything():
    """Also of what is added one day."""
    told = []

    class Noting(Progress):
        def __getattribute__(self, name):
            return lambda *what: told.append((name, what))

    several = Several(Noting(), Noting())
    calls = [(name, what) for name, what in vars(Progress).items() if not name.startswith("_")]
    expected = [(name, tuple(signature(what).parameters)[1:]) for name, what in calls]
    for name, what in expected:
        getattr(several, name)(*what)
    assert told == [each for each in expected for _ in range(2)]


@pytest.mark.parametrize("kind", [WisdomImportQuickResponsesOperator, WisdomSyncQuickResponsesOperator])
def test_a_task_pushes_how_far_it_has_got(fake_wisdom, knowledge_base, kind):
    ti = FakeTaskInstance()
    task = kind(task_id="t", knowledge_base_id=knowledge_base, source=[{"Name": "a", "Content": "b"}])
    run(task, ti=ti)
    pushed = json.loads(json.dumps(ti.xcoms[XCOM_KEY]))
    assert (pushed["knowledgeBaseId"], pushed["ended"], pushed["total"]) == (knowledge_base, 1, 1)


def test_a_job_that_could_not_be_started_counts_as_failed(fake_wisdom, knowledge_base):
    """Else the numbers would never reach their end."""
    fake_wisdom.fault("StartImportJob", "ValidationException", after=1)
    ti = FakeTaskInstance(1)
    task = WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=[{"Name": f"n{n}", "Content": "x"} for n in range(40)],
        max_rows_per_file=1,
        poll_interval=0.01,
    )
    with pytest.raises(ImportIncompleteError):
        run(task, ti=ti)
    progress = ti.xcoms[XCOM_KEY]
    assert (progress["ended"], progress["total"], progress["failed"]) == (40, 40, 1)


def test_a_task_that_pushes_nothing_pushes_no_progress(fake_wisdom, knowledge_base):
    ti = FakeTaskInstance()
    rows = [{"Name": "a", "Content": "b"}]
    run(
        WisdomSyncQuickResponsesOperator(
            task_id="t", knowledge_base_id=knowledge_base, source=rows, do_xcom_push=False
        ),
        ti=ti,
    )
    assert ti.xcoms == {}
