"""What Airflow says of a connection is not taken at its first word, and what is not known is not counted as zero."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, TaskDeferred
from airflow.sdk.execution_time import task_runner
from rigs.imports import ROWS, importing, jobs_of
from rigs.running import FakeTaskInstance, resume, run, start_job

from airflow_wisdom.exceptions import AirflowConnectionNotFoundError, ImportIncompleteError
from airflow_wisdom.hooks import WisdomHook, lookup
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.transfers import SqlToWisdomOperator


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

    monkeypatch.setattr(lookup, "_waited_in_vain", {})
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


def test_it_is_waited_for_once(fake_wisdom, airflow, virtual_time):
    """Ten files, or a link and then the task itself, would else wait a minute and a half each."""
    airflow.extend([None] * 100)
    began = virtual_time.now
    for _ in range(10):
        with pytest.raises(AirflowConnectionNotFoundError):
            WisdomHook("aws_default").get_import_job("kb", "job")
    assert virtual_time.now - began < 120
    virtual_time.now += lookup.REMEMBERED + 1
    airflow[:] = [None] * 5
    assert WisdomHook("aws_default").conn


def test_the_connection_of_a_query_is_waited_for_as_well(fake_wisdom, knowledge_base, airflow, virtual_time):
    airflow.extend([None] * 100)
    task = SqlToWisdomOperator(task_id="t", knowledge_base_id=knowledge_base, sql="SELECT 1", sql_conn_id="db")
    began = virtual_time.now
    with pytest.raises(AirflowConnectionNotFoundError, match="'db' does not exist"):
        run(task)
    assert 60 < virtual_time.now - began < 120


def test_an_instance_is_not_looked_up_with_other_credentials(fake_wisdom, knowledge_base):
    """Other AWS hooks take boto3's own where the connection does not exist."""
    instance = fake_wisdom.create_instance(knowledge_base)
    with pytest.raises(AirflowConnectionNotFoundError):
        WisdomHook("nosuch").find_knowledge_base(instance)


@pytest.mark.parametrize("kind", ["import", "sensor"])
def test_a_task_that_comes_back_looks_no_instance_up(fake_wisdom, knowledge_base, virtual_time, kind):
    """All that it needs came with the event, and nothing is worth not telling what was imported."""
    instance = fake_wisdom.create_instance(knowledge_base)
    fake_wisdom.import_jobs(after_calls=3)
    job = start_job(fake_wisdom, knowledge_base) if kind == "sensor" else None
    task = {
        "import": lambda: importing(None, ROWS[:1], instance_id=instance, deferrable=True),
        "sensor": lambda: WisdomImportJobSensor(
            task_id="wait", instance_id=instance, import_job_id=job, deferrable=True, on_failed_records="warn"
        ),
    }[kind]
    context = {"ti": FakeTaskInstance()}
    with pytest.raises(TaskDeferred) as deferred:
        task().execute(context)
    fake_wisdom.fault("ListIntegrationAssociations", "AccessDeniedException", http_status=403, times=9)
    assert resume(task(), deferred.value, context)["status"] == "COMPLETE"


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
