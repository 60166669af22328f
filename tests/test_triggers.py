"""The trigger: it survives the database, and its event is JSON without secrets."""

from __future__ import annotations

import inspect
import json
import time

import pytest
from running import GOOD_CSV, fire, start_job

from airflow_wisdom.triggers import WisdomImportJobTrigger

OTHER_THAN_DEFAULT = {
    "knowledge_base_id": "kb",
    "import_job_ids": ["a", "b"],
    "deadline": 1_800_000_000.5,
    "poll_interval": 2.5,
    "aws_conn_id": "other",
    "region_name": "eu-west-2",
    "verify": False,
    "botocore_config": {"read_timeout": 3},
    "service_name": "qconnect",
}


def test_serialisation_keeps_every_parameter_of_the_constructor():
    parameters = inspect.signature(WisdomImportJobTrigger.__init__).parameters
    assert set(OTHER_THAN_DEFAULT) == set(parameters) - {"self"}
    for name, value in OTHER_THAN_DEFAULT.items():
        assert value != parameters[name].default, name
    path, kwargs = WisdomImportJobTrigger(**OTHER_THAN_DEFAULT).serialize()
    assert path == "airflow_wisdom.triggers.WisdomImportJobTrigger"
    assert json.loads(json.dumps(kwargs, allow_nan=False)) == OTHER_THAN_DEFAULT


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_one_event_tells_of_every_job(fake_wisdom, knowledge_base, service_name, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    fake_wisdom.import_jobs(after_calls=2)
    good = start_job(fake_wisdom, knowledge_base, GOOD_CSV)
    fake_wisdom.import_jobs(after_calls=1, status="FAILED")
    bad = start_job(fake_wisdom, knowledge_base)
    missing = "00000000-0000-0000-0000-000000000000"
    event = fire(
        WisdomImportJobTrigger(
            knowledge_base_id=knowledge_base,
            import_job_ids=[good, bad, missing],
            deadline=time.time() + 60,
            poll_interval=0.01,
            service_name=service_name,
        )
    )
    monkeypatch.delenv("TZ")
    time.tzset()
    assert event["status"] == "error"
    assert bad in event["message"]
    assert [job["importJobId"] for job in event["jobs"]] == [good, bad, missing]
    assert [job["status"] for job in event["jobs"]] == ["COMPLETE", "FAILED", None]
    assert [job["error"] and job["error"]["type"] for job in event["jobs"]] == [
        None,
        "ImportJobFailedError",
        "ResourceNotFoundError",
    ]
    for job in event["jobs"][:2]:
        assert job["knowledgeBaseId"] == knowledge_base
        assert job["createdTime"].endswith("+00:00")
        assert job["lastModifiedTime"].endswith("+00:00")
    assert "X-Amz" not in json.dumps(event)


def test_an_event_of_success_says_so(fake_wisdom, knowledge_base):
    job = start_job(fake_wisdom, knowledge_base)
    event = fire(WisdomImportJobTrigger(knowledge_base_id=knowledge_base, import_job_ids=[job]))
    assert event["status"] == "success"
    assert event["message"] == f"Complete: {job}"


def test_a_deadline_that_has_passed_is_not_renewed(fake_wisdom, knowledge_base):
    """As after a restart of the triggerer: one last look, and the wait is over."""
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    event = fire(
        WisdomImportJobTrigger(knowledge_base_id=knowledge_base, import_job_ids=[job], deadline=time.time() - 60)
    )
    assert event["jobs"][0]["error"]["type"] == "ImportJobTimeoutError"
    assert event["jobs"][0]["status"] == "START_IN_PROGRESS"


def test_a_missing_connection_is_told_by_an_event(fake_wisdom, knowledge_base):
    event = fire(
        WisdomImportJobTrigger(knowledge_base_id=knowledge_base, import_job_ids=["a", "b"], aws_conn_id="mispelt")
    )
    assert {job["error"]["type"] for job in event["jobs"]} == {"AirflowConnectionNotFoundError"}
    assert event["jobs"][0]["error"]["conn_id"] == "mispelt"
