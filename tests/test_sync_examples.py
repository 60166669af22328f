"""The example DAGs of the sync: a day after a day, and a plan that waits for a person."""

from __future__ import annotations

import csv
import json
import os
import sys
from copy import copy
from importlib import import_module
from pathlib import Path

import pytest
from rigs.running import run
from rigs.versions import is_at_least

from airflow_wisdom.exceptions import PlanChangedError

EXAMPLES = Path(__file__).parent.parent / "dags_examples"
OUR_WARNINGS_ALONE = pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
HITL = pytest.mark.airflow("3.1", because="older ones wait for no person")
WRITES = ("CreateQuickResponse", "UpdateQuickResponse", "DeleteQuickResponse", "TagResource", "UntagResource")


@pytest.fixture
def aws(fake_wisdom_over_http, monkeypatch, tmp_path):
    """The fake service with an instance, which the Airflow connection names in its extra, as the examples expect."""
    fake = fake_wisdom_over_http
    fake.knowledge_base_id = fake.create_knowledge_base(samples=True)
    fake.instance_id = fake.create_instance(
        fake.knowledge_base_id, ["Basic Routing Profile", "Billing", "Technical Support"]
    )
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    connection["extra"] |= {"instance_id": fake.instance_id, "reports": str(tmp_path)}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return fake


@pytest.fixture
def table(tmp_path):
    """Write the table that people edit, and return its path."""

    def write(*rows):
        path = tmp_path / "responses.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("Name", "Content", "Routing Profile"), *rows])
        return str(path)

    return write


def run_dag(name, source=None, **how):
    """Run an example, and return its end, the state of each task, and its XComs."""
    # A run leaves what it was given in the params of its DAG.
    sys.modules.pop(name, None)
    dag = import_module(name).dag
    for task in dag.tasks:
        # Nobody wants to wait for a test that has failed.
        task.retries = 0
    ran = dag.test(run_conf={"source": source} if source else None, **how)
    tasks = ran.get_task_instances()
    xcoms = {ti.task_id: ti.xcom_pull(task_ids=ti.task_id) for ti in tasks}
    return str(ran.state), {ti.task_id: str(ti.state) for ti in tasks}, xcoms


def responses(fake):
    """Name -> whether it is active, of everything there is."""
    return {one["name"]: one["isActive"] for one in fake.quick_responses(fake.knowledge_base_id)}


def writes(fake):
    return sum(call["operation"] in WRITES and call["effect"] for call in fake.history())


@OUR_WARNINGS_ALONE
def test_each_day_amazon_connect_says_what_the_table_says(airflow_database, aws, table):
    samples = responses(aws)
    run_dag("sync_quick_responses", table(("Hello", "Hi!", "Billing"), ("Bye", "So long!", "")))
    assert responses(aws) == {**samples, "Hello": True, "Bye": True}
    state, _, xcoms = run_dag("sync_quick_responses", table(("Hello", "Good morning!", ""), ("Hours", "8 to 6", "")))
    numbers = {name: xcoms["sync"][name] for name in ("rowsCreated", "rowsUpdated", "itemsDeactivated")}
    assert (state, numbers) == ("success", {"rowsCreated": 1, "rowsUpdated": 1, "itemsDeactivated": 1})
    assert responses(aws) == {**samples, "Hello": True, "Bye": False, "Hours": True}
    before = writes(aws)
    state, _, xcoms = run_dag("sync_quick_responses", table(("Hello", "Good morning!", ""), ("Hours", "8 to 6", "")))
    assert (state, xcoms["sync"]["rowsUnchanged"], writes(aws)) == ("success", 2, before)


@OUR_WARNINGS_ALONE
def test_the_sample_file_is_synced_as_it_is(airflow_database, aws):
    state, _, xcoms = run_dag("sync_quick_responses")
    assert (state, xcoms["sync"]["rowsRead"], xcoms["sync"]["rowsCreated"]) == ("success", 8, 8)


@OUR_WARNINGS_ALONE
def test_a_knowledge_base_without_an_instance_will_do(airflow_database, aws, table, monkeypatch):
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    del connection["extra"]["instance_id"]
    connection["extra"]["knowledge_base_id"] = aws.knowledge_base_id
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    state, _, xcoms = run_dag("sync_quick_responses", table(("Hello", "Hi!", "")))
    assert (state, xcoms["sync"]["rowsCreated"]) == ("success", 1)


@pytest.mark.parametrize("name", ["sync_quick_responses", pytest.param("sync_with_approval", marks=HITL)])
def test_an_example_is_tried_again_and_runs_once_at_a_time(name, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, name, raising=False)
    dag = import_module(name).dag
    assert dag.max_active_runs == 1
    assert all(task.retries > 0 for task in dag.tasks)


@HITL
@OUR_WARNINGS_ALONE
def test_an_approved_plan_is_applied(airflow_database, aws, table, tmp_path):
    """The approval itself is marked as given: no person answers a test."""
    state, states, xcoms = run_dag(
        "sync_with_approval", table(("Hello", "Hi!", "Billing")), mark_success_pattern="approve"
    )
    assert (state, set(states.values())) == ("success", {"success"})
    plan = xcoms["plan"]["plan"]
    assert (xcoms["plan"]["status"], plan["create"]) == ("PLANNED", 1)
    assert (xcoms["apply"]["status"], xcoms["apply"]["rowsCreated"]) == ("COMPLETE", 1)
    assert xcoms["apply"]["plan"]["fingerprint"] == plan["fingerprint"]
    assert '"Hello"' in plan["changes"][0]
    with (tmp_path / "plan.csv").open(newline="") as file:
        assert {row["key"] for row in csv.DictReader(file)} == {"Hello"}


@HITL
@OUR_WARNINGS_ALONE
def test_nothing_is_written_before_the_approval(airflow_database, aws, table):
    _, _, xcoms = run_dag("sync_with_approval", table(("Hello", "Hi!", "")), mark_success_pattern="(approve|apply)")
    assert (xcoms["plan"]["rowsPlanned"], writes(aws)) == (1, 0)


@HITL
@OUR_WARNINGS_ALONE
def test_nobody_is_asked_to_approve_nothing(airflow_database, aws, table):
    rows = table(("Hello", "Hi!", ""))
    run_dag("sync_quick_responses", rows)
    state, states, _ = run_dag("sync_with_approval", rows)
    assert (state, states["approve"], states["apply"]) == ("success", "skipped", "skipped")


@HITL
@OUR_WARNINGS_ALONE
def test_a_plan_that_is_another_by_now_is_not_applied(airflow_database, aws, table):
    """The tasks one by one, with an edit by hand in between."""
    dag = import_module("sync_with_approval").dag
    given = {"instance_id": aws.instance_id, "knowledge_base_id": "", "source": table(("Hello", "Hi!", ""))}
    planned = run(_with(dag.get_task("plan"), plan_path=None, **given))
    aws.client().create_quick_response(
        knowledgeBaseId=aws.knowledge_base_id, name="Hello", content={"content": "by hand"}
    )
    before = writes(aws)
    with pytest.raises(PlanChangedError):
        run(_with(dag.get_task("apply"), expected_plan=planned["plan"]["fingerprint"], **given))
    assert writes(aws) == before


def _with(task, **rendered):
    """A copy of a task with its templates rendered."""
    task = copy(task)
    for name, value in rendered.items():
        setattr(task, name, value)
    return task


@HITL
@OUR_WARNINGS_ALONE
def test_the_person_sees_the_plan_that_is_then_expected(airflow_database, aws, table):
    """The templates, rendered as Airflow does, from the XCom of a plan."""
    _, _, xcoms = run_dag("sync_with_approval", table(("Hello", "Hi!", "")), mark_success_pattern="(approve|apply)")
    dag = import_module("sync_with_approval").dag
    task = _with(dag.get_task("approve"))

    class Pulls:
        def xcom_pull(self, task_ids):
            return xcoms[task_ids]

    task.render_template_fields({"ti": Pulls()})
    assert aws.knowledge_base_id in task.subject
    assert '+ create "Hello" (line 2): there is none' in task.body
    assert xcoms["plan"]["planPath"] in task.body
    apply = dag.get_task("apply")
    assert apply.render_template(apply.expected_plan, {"ti": Pulls()}) == xcoms["plan"]["plan"]["fingerprint"]


@pytest.mark.skipif(is_at_least("3.1"), reason="Airflow is new enough for the example")
def test_an_older_airflow_says_what_the_approval_needs(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    with pytest.raises(Exception, match=r"needs Airflow 3\.1\+"):
        import_module("sync_with_approval")
