"""Before a deferral a task looks once whether it is needed, and after it the task says where things stand.

Airflow may take a deferred task that has just come back for a lost one, and end it: the sooner, the likelier.
"""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.imports import ROWS, Store, deferral_of, importing, jobs_of, run_with_store
from rigs.network import Killed, before_call
from rigs.running import FakeTaskInstance, fire, resume, run

from airflow_wisdom.operators import WisdomStartImportJobOperator

pytestmark = pytest.mark.usefixtures("no_patience")


@pytest.fixture
def starting(knowledge_base, tmp_path):
    """Makes the operator that starts a single job, which defers."""
    source = tmp_path / "file.csv"
    source.write_text("Name,Content\nHello,Good morning!\n")

    def starting(**kwargs):
        return WisdomStartImportJobOperator(
            task_id="start",
            knowledge_base_id=knowledge_base,
            source=str(source),
            deferrable=True,
            poll_interval=0.01,
            **kwargs,
        )

    return starting


def test_a_job_that_ends_at_once_is_not_waited_for_elsewhere(fake_wisdom, starting):
    assert starting().execute({"ti": FakeTaskInstance()})["status"] == "COMPLETE"


def test_a_look_that_fails_is_no_reason_not_to_wait(fake_wisdom, starting):
    fake_wisdom.fault("GetImportJob", "AccessDeniedException", http_status=403, times=1)
    context = {"ti": FakeTaskInstance()}
    task = starting()
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    assert resume(task, deferred.value, context)["status"] == "COMPLETE"


def test_the_log_says_what_is_waited_for_and_until_when(fake_wisdom, knowledge_base, starting, capsys):
    fake_wisdom.import_jobs(after_calls=2)
    task, context = starting(), {"ti": FakeTaskInstance()}
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    (job,) = jobs_of(fake_wisdom, knowledge_base)
    said = capsys.readouterr().out
    assert f"+00:00 at the latest: import job {job['importJobId']}" in said
    resume(task, deferred.value, context)
    assert f"Import job {job['importJobId']} is COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize("store", [False, True])
def test_an_import_whose_jobs_are_all_complete_does_not_defer_again(fake_wisdom, knowledge_base, store):
    """As after a first try that was given up though all is in."""
    remembered = Store() if store else None
    fake_wisdom.import_jobs(after_calls=2)
    first = run_with_store(importing(knowledge_base, deferrable=True), remembered)
    context = {"ti": FakeTaskInstance(try_number=2), **({"task_state_store": remembered} if store else {})}
    second = importing(knowledge_base, deferrable=True).execute(context)
    assert second["importJobs"] == first["importJobs"]
    assert fake_wisdom.calls()["StartImportJob"] == 3


@pytest.mark.parametrize("fault", [None, "AccessDeniedException"])
def test_an_import_with_a_job_that_may_run_defers(fake_wisdom, knowledge_base, fault):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base, ROWS[:101]), None, killed_after=2)
    first, second = jobs_of(fake_wisdom, knowledge_base)
    fake_wisdom.set_status(first["importJobId"], "COMPLETE")
    if fault:
        fake_wisdom.set_status(second["importJobId"], "COMPLETE")
        fake_wisdom.fault("GetImportJob", fault, http_status=403, times=1)
    with pytest.raises(TaskDeferred):
        importing(knowledge_base, ROWS[:101], deferrable=True).execute({"ti": FakeTaskInstance(try_number=2)})


@pytest.mark.parametrize("status", ["COMPLETE", "FAILED"])
def test_a_task_that_is_ended_after_its_deferral_says_where_its_job_stands(
    fake_wisdom, knowledge_base, starting, status, capsys
):
    fake_wisdom.import_jobs(after_calls=2, status=status)
    task, context = starting(delete_jobs_on_kill=True), {"ti": FakeTaskInstance()}
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    context["ti"].state = "failed"
    event = fire(deferred.value.trigger)
    again = starting(delete_jobs_on_kill=True)

    def killed():
        again.on_kill()
        raise Killed

    with before_call("GetImportJob", killed), pytest.raises(Killed):
        again.resume_execution("execute_complete", {"event": event}, context)
    (job,) = jobs_of(fake_wisdom, knowledge_base)
    assert f"import job {job['importJobId']}, which is {status}, is read; another try" in capsys.readouterr().out
    assert "DeleteImportJob" not in fake_wisdom.calls()


def test_an_import_that_is_ended_after_its_deferral_says_where_its_jobs_stand(fake_wisdom, knowledge_base, capsys):
    trigger = deferral_of(importing(knowledge_base, deferrable=True))
    event = fire(trigger)
    again, context = importing(knowledge_base, deferrable=True, delete_jobs_on_kill=True), {"ti": FakeTaskInstance()}
    context["ti"].state = "failed"

    def killed():
        again.on_kill()
        raise Killed

    with before_call("GetImportJob", killed), pytest.raises(Killed):
        again.resume_execution("execute_complete", {"event": event}, context)
    said = capsys.readouterr().out
    assert "Of 3 import jobs 3 are COMPLETE; another try of the task finds them, and imports nothing twice" in said
    assert "DeleteImportJob" not in fake_wisdom.calls()
    assert run(importing(knowledge_base, deferrable=True), try_number=2)["rowsImported"] == 250
