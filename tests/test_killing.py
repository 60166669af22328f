"""Tasks that are ended while their import jobs run: whose jobs are deleted, and what the next try does."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace

import pytest
from rigs.imports import Store
from rigs.running import FakeTaskInstance, start_job
from rigs.stack import until
from rigs.whole import FOR_AN_HOUR, PATIENCE, Run, Service

from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator
from airflow_wisdom.runs.waiting import UnderWay, delete_running

pytestmark = pytest.mark.timeout(900)
scenarios: dict = {}
AT_ONCE = 5
"""More would only wait for each other."""


class Import(Run):
    """A run whose task imports into a part of the service of its own, and does not come to an end by itself."""

    def __init__(self, airflow, name: str) -> None:
        self.service = Service(airflow)
        self.service.fake.import_jobs(after_seconds=FOR_AN_HOUR)
        super().__init__(airflow, f"killed_{name}", self.service.conf)
        self.jobs = self.service.until_waited_for()

    def started(self) -> int:
        return self.service.calls("StartImportJob")

    def deletions(self) -> int:
        return self.service.calls("DeleteImportJob")

    def until_deleted(self) -> None:
        until(self.deletions, PATIENCE, f"{self.dag_id}: DeleteImportJob to be called")

    def until_left_alone(self) -> None:
        text = f"go on: {self.jobs[0]}"
        until(lambda: text in self.log(), PATIENCE, f"the log of {self.dag_id} to name its job")

    def until_found(self) -> None:
        """Wait until the second try has found the job, let the job end, and wait for the task's end."""
        text = f"Import job {self.jobs[0]} was started by an earlier try"
        until(lambda: text in self.log(), PATIENCE, f"the second try of {self.dag_id} to find the job")
        self.complete()

    def complete(self) -> None:
        self.service.complete()
        self.until("success")

    def remembered(self) -> list:
        """Return what Airflow's task state store has."""
        sql = "select value from task_state_store where dag_id = %s and run_id = %s"
        return [json.loads(value) for (value,) in self.airflow.query(sql, self.dag_id, self.run_id)]


def scenario(function):
    """Let a function run together with others of its kind: most of it is waiting."""
    scenarios[function.__name__.strip("_")] = function
    return function


@scenario
def _marked_in_a_worker(airflow):
    run = Import(airflow, "in_worker")
    run.set_state("failed")
    run.until_deleted()
    assert run.deletions() == 1


@scenario
def _cleared_in_a_worker(airflow):
    """The fake deletes no job that runs, and so may AWS: the next try waits for it."""
    run = Import(airflow, "in_worker")
    run.airflow.clear(run.dag_id, run.run_id, "import")
    run.until_deleted()
    run.until_found()
    assert (run.deletions(), run.started()) == (1, 1)
    assert [entry["import_job_id"] for entry in run.remembered() if isinstance(entry, dict)] == run.jobs


@scenario
def _one_of_two_mapped_is_marked(airflow):
    run = Import(airflow, "mapped")
    run.service.jobs(2)
    run.until("running", map_index=0)
    run.set_state("success", map_index=1)
    run.until_deleted()
    run.service.complete()
    assert run.until("success", map_index=0)
    assert (run.deletions(), run.started()) == (1, 2)


@scenario
def _marked_while_deferred(airflow):
    run = Import(airflow, "deferred")
    run.set_state("failed")
    run.until_deleted()
    assert run.deletions() == 1


@scenario
def _cleared_while_deferred(airflow):
    """Airflow does not say whether it was cleared or is tried again: the next try waits for the job."""
    run = Import(airflow, "deferred")
    run.airflow.clear(run.dag_id, run.run_id, "import")
    run.until_found()
    assert (run.deletions(), run.started()) == (0, 1)


@scenario
def _left_alone_in_a_worker_by_default(airflow):
    run = Import(airflow, "in_worker_left_alone")
    run.set_state("failed")
    run.until_left_alone()
    assert run.deletions() == 0


@scenario
def _left_alone_while_deferred_by_default(airflow):
    run = Import(airflow, "deferred_left_alone")
    run.set_state("failed")
    said = f"go on: {run.jobs[0]}"
    until(lambda: said in run.log(pattern="*.trigger.*"), PATIENCE, "the triggerer to name the job")
    assert run.deletions() == 0


@scenario
def _worker_is_stopped(airflow):
    """Airflow only tells the task, and waits for its end."""
    run = Import(airflow, "in_worker")
    os.kill(_parent(run.ti("pid")), signal.SIGTERM)
    run.until_left_alone()
    run.complete()
    assert (run.deletions(), run.started()) == (0, 1)


@scenario
def _execution_timeout(airflow):
    run = Import(airflow, "execution_timeout")
    run.until_left_alone()
    run.until_found()
    assert (run.deletions(), run.started()) == (0, 1)


@scenario
def _timeout_of_its_own(airflow):
    run = Import(airflow, "timeout")
    run.until_found()
    assert (run.deletions(), run.started()) == (0, 1)


@scenario
def _worker_is_killed(airflow):
    """The store has the job: the list of all jobs is not even read."""
    run = Import(airflow, "execution_timeout")
    os.kill(run.ti("pid"), signal.SIGKILL)
    run.until_found()
    assert (run.deletions(), run.started(), run.service.lists()) == (0, 1, 0)


@scenario
def _cleared_after_success(airflow):
    """What a user clears runs again, and imports what is no longer there."""
    run = Import(airflow, "in_worker")
    run.complete()
    assert run.until_over() == "success"
    fake, knowledge_base = run.service.fake, run.service.knowledge_base
    gone, *_ = fake.quick_responses(knowledge_base)
    fake.client().delete_quick_response(knowledgeBaseId=knowledge_base, quickResponseId=gone["quickResponseId"])
    run.airflow.clear(run.dag_id, run.run_id, "import")
    run.service.jobs(2)
    assert (run.started(), run.service.calls("PutObject")) == (2, 2)
    run.service.complete()


@pytest.fixture(scope="module")
def futures(whole_airflow, request):
    """The scenarios whose tests were selected, by name: `-k cleared_while_deferred` runs that one alone."""
    selected = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(scenarios[name], whole_airflow) for name in scenarios if name in selected}


@pytest.mark.parametrize("name", scenarios)
def test_the_jobs_of_a_task_that_ends_before_them(futures, name):
    futures[name].result()


def test_a_triggerer_that_ends_deletes_nothing(whole_airflow, futures):
    """The next goes on waiting, and starts nothing twice. After all others: they need a triggerer."""
    wait(futures.values())
    waits, gives_up = Import(whole_airflow, "deferred"), Import(whole_airflow, "deferred_retried")
    whole_airflow.stop_triggerer()
    # Airflow ends a deferral whose time is up while no triggerer runs; here it is told that it is.
    sql = "update task_instance set trigger_timeout = '2020-01-01 00:00:00.000000' where dag_id = %s and run_id = %s"
    whole_airflow.query(sql, gives_up.dag_id, gives_up.run_id)
    gives_up.until("deferred", tried=2)
    whole_airflow.start_triggerer()
    for run in (waits, gives_up):
        before = run.service.looks()
        until(lambda run=run, before=before: run.service.looks() > before, PATIENCE, "the job to be looked at again")
        run.complete()
        assert (run.deletions(), len(run.service.jobs())) == (0, 1)
    assert "TaskDeferralTimeout" in gives_up.log()


class Told:
    """What a task learns when it asks Airflow for its state."""

    def __init__(self, states):
        self.states = states

    def get_task_states(self, **_):
        return self.states


@pytest.mark.parametrize(
    ("state", "deletions"),
    [
        ("failed", 1),
        ("success", 1),
        ("skipped", 1),
        ("restarting", 1),
        ("running", 0),
        # Airflow has heard nothing of the worker for long, and tries again.
        ("up_for_retry", 0),
        ("scheduled", 0),
        ("queued", 0),
        (None, 0),
    ],
)
def test_only_a_users_action_deletes(fake_wisdom, knowledge_base, state, deletions):
    fake_wisdom.import_jobs(after_seconds=3600)
    task = WisdomImportQuickResponsesOperator(
        task_id="import", knowledge_base_id=knowledge_base, source=[], delete_jobs_on_kill=True
    )
    ti = FakeTaskInstance()
    ti.get_task_states = Told({"run": {"import": state}} if state else {}).get_task_states
    under_way = UnderWay(frozenset(["mark"]), running={start_job(fake_wisdom, knowledge_base)})
    task._new_import({"ti": ti}, 0.0)._jobs = SimpleNamespace(under_way=under_way)
    task.on_kill()
    assert fake_wisdom.calls().get("DeleteImportJob", 0) == deletions


def test_jobs_that_are_known_to_run_are_deleted_before_others_are_looked_for(fake_wisdom, knowledge_base):
    """Airflow kills a worker hard five seconds later, and a list of thousands of jobs takes longer."""
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    under_way = UnderWay(frozenset(["mark"]), running={job})
    delete_running(WisdomHook(), knowledge_base, under_way)
    asked = [each["operation"] for each in fake_wisdom.history()]
    assert asked.index("DeleteImportJob") < asked.index("ListImportJobs")


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("answer", ["conflict", "first"])
def test_a_job_that_was_deleted_is_started_again(fake_wisdom, knowledge_base, no_patience, remembers, answer):
    """A user cleared the task and its job was deleted: the next try has to import all the same."""
    fake_wisdom.reused_client_token(answer)
    # Rows that are there already are refused, which is of no interest here.
    fake_wisdom.import_jobs(status="COMPLETE")
    store = {"task_state_store": Store()} if remembers else {}
    jobs = []
    for try_number in (1, 2, 3):
        task = WisdomImportQuickResponsesOperator(
            task_id="import",
            knowledge_base_id=knowledge_base,
            source=[{"Name": "Hello", "Content": "Good morning!"}],
            on_failed_records="ignore",
        )
        (job,) = task.execute({"ti": FakeTaskInstance(try_number), **store})["importJobs"]
        jobs.append(job["importJobId"])
        task.hook.delete_import_job(knowledge_base, job["importJobId"])
    assert len(set(jobs)) == 3


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
