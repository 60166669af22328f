"""A plan that waits for a person: in a whole Airflow, which asks and is answered through its REST API."""

from __future__ import annotations

import csv
import json

import pytest
from rigs.whole import Run

from airflow_wisdom.testing import FakeWisdom

pytestmark = pytest.mark.timeout(900)


def test_what_a_person_has_approved_is_applied(whole_airflow, tmp_path):
    """The example DAG, as it is."""
    fake = FakeWisdom(whole_airflow.endpoint)
    base = fake.create_knowledge_base("approved")
    instance = fake.create_instance(base, ["Billing"])
    whole_airflow.set_extra("aws_default", instance_id=instance, reports=str(tmp_path))
    source = tmp_path / "responses.csv"
    source.write_text("Name,Content,Routing Profile\nHello,Hi!,Billing\nBye,So long!,\n")

    run = Run(whole_airflow, "sync_with_approval", {"source": str(source)})
    run.until("awaiting_input", "deferred", task_id="approve")
    asked = json.loads(whole_airflow.get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/hitlDetails"))["hitl_details"]
    assert '+ create "Hello" (line 2): there is none' in asked[0]["body"]
    with (tmp_path / "plan.csv").open(newline="") as file:
        assert {row["key"] for row in csv.DictReader(file)} == {"Hello", "Bye"}
    assert fake.quick_responses(base) == []

    run.until_settled("approve")
    whole_airflow.approve(run.dag_id, run.run_id, "approve")
    assert run.until_over() == "success"
    assert set(run.states().values()) == {"success"}
    assert {one["name"] for one in fake.quick_responses(base)} == {"Hello", "Bye"}
