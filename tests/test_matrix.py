"""Only COMPLETE is green: every status, an unknown one and a missing job, in every way of looking or waiting."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from rigs.running import GOOD_CSV, run, start_job

from airflow_wisdom.exceptions import (
    ImportJobError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    ResourceNotFoundError,
    UnknownImportJobStatusError,
)
from airflow_wisdom.operators import WisdomGetImportJobOperator, WisdomStartImportJobOperator
from airflow_wisdom.sensors import WisdomImportJobSensor

ENDS = {
    "COMPLETE": None,
    "FAILED": ImportJobFailedError,
    "DELETE_IN_PROGRESS": ImportJobFailedError,
    "DELETE_FAILED": ImportJobFailedError,
    "DELETED": ImportJobFailedError,
    "PAUSED_BY_AWS": UnknownImportJobStatusError,
    "missing": ResourceNotFoundError,
    "START_IN_PROGRESS": None,
}
STILL_RUNNING = {"get": ImportJobError, "start": ImportJobTimeoutError, "sensor": AirflowSensorTimeout}


def sensor(fake, knowledge_base, csv, **kwargs):
    job = start_job(fake, knowledge_base, csv)
    arrange(fake, job)
    kwargs = {"poke_interval": 5, **kwargs}
    return WisdomImportJobSensor(task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, **kwargs)


def get(fake, knowledge_base, csv, **kwargs):
    job = start_job(fake, knowledge_base, csv)
    arrange(fake, job)
    kwargs.pop("timeout", None)
    return WisdomGetImportJobOperator(task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, **kwargs)


def start(fake, knowledge_base, csv, tmp_path, **kwargs):
    source = tmp_path / "quick_responses.csv"
    source.write_bytes(csv)
    arrange(fake, None)
    return WisdomStartImportJobOperator(
        task_id="t", knowledge_base_id=knowledge_base, source=str(source), poll_interval=5, **kwargs
    )


def arrange(fake, job):
    """Make the job missing, for whoever looks next, if that is what the test is about."""
    if fake.status == "missing":
        if job:
            fake.set_status(job, "COMPLETE")
            fake.client().delete_import_job(knowledgeBaseId=fake.knowledge_base, importJobId=job)
        else:
            fake.fault("GetImportJob", "ResourceNotFoundException", http_status=404, times=1000)


WAYS = {
    "poke": ("sensor", {"mode": "poke"}),
    "reschedule": ("sensor", {"mode": "reschedule"}),
    "deferrable": ("sensor", {"deferrable": True}),
    "get": ("get", {}),
    "start_waiting": ("start", {}),
    "start_deferrable": ("start", {"deferrable": True}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", ENDS)
def test_only_complete_is_green(fake_wisdom, knowledge_base, service_name, tmp_path, way, status, virtual_time):
    kind, kwargs = WAYS[way]
    fake_wisdom.status, fake_wisdom.knowledge_base = status, knowledge_base
    kwargs = {**kwargs, "service_name": service_name}
    if status == "START_IN_PROGRESS":
        fake_wisdom.import_jobs(after_seconds=3600)
        kwargs["timeout"] = 100
    elif status not in ("missing", "COMPLETE"):
        fake_wisdom.import_jobs(after_calls=0 if kind == "get" else 2, status=status)
    make = {"sensor": sensor, "get": get, "start": start}[kind]
    more = {"tmp_path": tmp_path} if kind == "start" else {}
    task = make(fake_wisdom, knowledge_base, GOOD_CSV, **more, **kwargs)

    expected = STILL_RUNNING[kind] if status == "START_IN_PROGRESS" else ENDS[status]
    if expected is None:
        metadata = run(task)
        assert metadata["status"] == "COMPLETE"
        assert metadata["knowledgeBaseId"] == knowledge_base
    else:
        with pytest.raises(expected) as raised:
            run(task)
        assert type(raised.value) is expected
        assert knowledge_base in str(raised.value)
        assert status in str(raised.value) or status == "missing"
