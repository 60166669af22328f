"""What Airflow says of a connection is not taken at its first word, and what is not known is not counted as zero."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.sdk.execution_time import task_runner
from rigs.imports import ROWS, importing, jobs_of
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import AirflowConnectionNotFoundError, ImportIncompleteError
from airflow_wisdom.hooks import WisdomHook


@pytest.fixture
def airflow(monkeypatch):
    """Airflow's supervisor, whose database restarts: so many look-ups of a connection find nothing."""
    found = BaseHook.get_connection
    left = []

    def look_up(conn_id):
        if left:
            left.pop()
            raise AirflowNotFoundException(f"The conn_id `{conn_id}` isn't defined")
        return found(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", look_up)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=lambda *_, **__: None), raising=False)
    return left


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_connection_that_is_not_found_for_a_minute_ends_nothing(
    fake_wisdom, knowledge_base, airflow, virtual_time, deferrable
):
    airflow.extend([None] * 5)
    assert run(importing(knowledge_base, deferrable=deferrable))["status"] == "COMPLETE"


def test_a_connection_that_stays_away_does_not_exist(fake_wisdom, airflow, virtual_time, caplog):
    airflow.extend([None] * 100)
    began = virtual_time.now
    with pytest.raises(AirflowConnectionNotFoundError, match="'aws_default' does not exist"):
        WisdomHook("aws_default").get_import_job("kb", "job")
    assert 60 < virtual_time.now - began < 120
    assert "Airflow does not find its connection 'aws_default'; asking again in 2 s" in caplog.text


def test_outside_of_airflow_it_is_final_at_once(fake_wisdom):
    with pytest.raises(AirflowConnectionNotFoundError):
        WisdomHook("nosuch").get_import_job("kb", "job")


def summary_of(task):
    ti = FakeTaskInstance()
    with pytest.raises(ImportIncompleteError):
        run(task, ti=ti)
    return ti.xcoms["return_value"]


def test_a_job_that_may_have_been_started_is_unknown_and_not_none(fake_wisdom, knowledge_base, virtual_time):
    """The answer was lost, and then the permission: whether there is a job, no answer says."""
    fake_wisdom.fault("StartImportJob", "InternalServerException", http_status=500, after_effect=True)
    fake_wisdom.fault("StartImportJob", "AccessDeniedException", http_status=403, times=9)
    summary = summary_of(importing(knowledge_base, ROWS[:1]))
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 1
    columns = ("rowsSent", "rowsImported", "rowsRefused", "rowsNotStarted", "rowsUnknown")
    assert [summary[name] for name in columns] == [1, None, None, 0, 1]
    again = run(importing(knowledge_base, ROWS[:1]), try_number=2) if fake_wisdom.clear_faults() is None else None
    assert again["rowsImported"] == 1
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 1


def test_a_job_that_aws_refuses_to_start_is_not_started(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartImportJob", "AccessDeniedException", http_status=403)
    summary = summary_of(importing(knowledge_base, ROWS[:1]))
    assert [summary[name] for name in ("rowsImported", "rowsNotStarted", "rowsUnknown")] == [0, 1, 0]
