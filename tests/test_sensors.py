"""The sensor: what it pushes, when it defers, and that soft_fail skips on time-out only."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from rigs.running import FakeTaskInstance, TaskDeferralError, run, start_job

from airflow_wisdom.exceptions import EndpointError, ImportJobFailedError, ParameterError, ResourceNotFoundError
from airflow_wisdom.model.import_job import JobEnd
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.tasks import FinalError
from airflow_wisdom.triggers import WisdomJobSensorTrigger
from airflow_wisdom.triggers.base import AIRFLOW_GRACE

NO_SUCH_JOB = "00000000-0000-4000-8000-000000000000"

MODES = [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}]


@pytest.fixture(params=MODES, ids=["poke", "reschedule", "deferrable"])
def mode(request):
    return request.param


def sensor(knowledge_base, job, **kwargs):
    kwargs = {"poke_interval": 0.01, **kwargs}
    return WisdomImportJobSensor(task_id="wait", knowledge_base_id=knowledge_base, import_job_id=job, **kwargs)


def test_the_xcom_is_the_jobs_metadata(fake_wisdom, knowledge_base, mode):
    fake_wisdom.import_jobs(after_calls=2)
    job = start_job(fake_wisdom, knowledge_base)
    pushed = run(sensor(knowledge_base, job, **mode))
    assert pushed["importJobId"] == job
    assert pushed["hasFailedRecordReport"] is False
    assert "url" not in pushed


def test_urls_are_pushed_if_asked_for(fake_wisdom, knowledge_base, mode):
    job = start_job(fake_wisdom, knowledge_base)
    assert "X-Amz-Signature" in run(sensor(knowledge_base, job, include_urls=True, **mode))["url"]


@pytest.mark.parametrize("setting", [{"soft_fail": True}, {}])
def test_soft_fail_skips_on_time_out(fake_wisdom, knowledge_base, mode, setting, virtual_time):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    with pytest.raises(AirflowSkipException if setting else AirflowSensorTimeout):
        run(sensor(knowledge_base, job, timeout=100, poke_interval=30, **mode, **setting))


def test_soft_fail_does_not_skip_a_job_that_failed(fake_wisdom, knowledge_base, mode):
    fake_wisdom.import_jobs(after_calls=2, status="FAILED")
    job = start_job(fake_wisdom, knowledge_base)
    with pytest.raises(ImportJobFailedError):
        run(sensor(knowledge_base, job, soft_fail=True, **mode))
    with pytest.raises(ResourceNotFoundError):
        run(sensor(knowledge_base, "00000000-0000-0000-0000-000000000000", soft_fail=True, **mode))


def test_throttling_and_server_errors_are_waited_out(fake_wisdom, knowledge_base, mode, capsys, virtual_time):
    fake_wisdom.import_jobs(after_calls=1)
    job = start_job(fake_wisdom, knowledge_base)
    fake_wisdom.fault("GetImportJob", "ThrottlingException", http_status=429, times=1)
    fake_wisdom.fault("GetImportJob", "InternalServerException", http_status=500, times=1)
    once = {"botocore_config": {"retries": {"total_max_attempts": 1}}}
    assert run(sensor(knowledge_base, job, **mode, **once))["status"] == "COMPLETE"
    assert capsys.readouterr().out.count(f"Still waiting for import job {job}") == 1


def test_a_job_that_has_ended_is_not_deferred(fake_wisdom, knowledge_base):
    job = start_job(fake_wisdom, knowledge_base)
    pushed = sensor(knowledge_base, job, deferrable=True).execute({"ti": FakeTaskInstance()})
    assert pushed["status"] == "COMPLETE"


def test_an_interval_of_nothing_is_refused_before_it_is_deferred(fake_wisdom, knowledge_base):
    with pytest.raises(ValueError, match="poke_interval must be more than 0"):
        sensor(knowledge_base, NO_SUCH_JOB, deferrable=True, poke_interval=0)


def test_a_deferral_carries_how_aws_is_reached_and_one_deadline(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    aws = {"aws_conn_id": "aws_default", "region_name": "us-east-1", "verify": False, "service_name": "qconnect"}
    task = sensor(knowledge_base, job, deferrable=True, timeout=60, botocore_config={"read_timeout": 7}, **aws)
    with pytest.raises(TaskDeferred) as raised:
        task.execute({"ti": FakeTaskInstance()})
    deferred = raised.value
    _, kwargs = deferred.trigger.serialize()
    assert {name: kwargs[name] for name in aws} == aws
    assert kwargs["botocore_config"] == {"read_timeout": 7}
    assert kwargs["poll_interval"] == 0.01
    assert timedelta(seconds=60) < deferred.timeout < timedelta(minutes=10)
    json.dumps(kwargs, allow_nan=False)


@pytest.mark.parametrize("mode", [{"deferrable": False}, {"deferrable": True}])
def test_without_any_time_it_looks_once(fake_wisdom, knowledge_base, mode):
    """As Airflow's own sensors."""
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    with pytest.raises(AirflowSensorTimeout):
        run(sensor(knowledge_base, job, timeout=0, **mode))
    assert fake_wisdom.calls()["GetImportJob"] >= 1


def test_without_an_interval_the_triggerer_keeps_its_own_cadence():
    task = WisdomImportJobSensor(task_id="wait", knowledge_base_id="kb", import_job_id="job")
    assert (task.poke_interval, task.poll_interval) == (60, None)
    timed = WisdomImportJobSensor(
        task_id="wait", knowledge_base_id="kb", import_job_id="job", poke_interval=timedelta(minutes=2)
    )
    assert (timed.poke_interval, timed.poll_interval) == (120, 120)


def test_a_time_out_says_which_job_and_how_it_was_last_seen(fake_wisdom, knowledge_base, mode, virtual_time):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    with pytest.raises(AirflowSensorTimeout) as raised:
        run(sensor(knowledge_base, job, timeout=100, poke_interval=30, **mode))
    for part in (job, knowledge_base, "START_IN_PROGRESS", " s)"):
        assert part in str(raised.value)


@pytest.mark.airflow("3.3", because="older ones do not render what they hand to a trigger")
def test_a_sensor_that_starts_from_the_trigger_says_so_in_its_dag(fake_wisdom, knowledge_base):
    """Everything the trigger needs is JSON, and what Airflow renders has the same name on both sides."""
    task = sensor("{{ params.kb }}", "{{ params.job }}", start_from_trigger=True, end_from_trigger=True, timeout=60)
    arguments = task.start_trigger_args
    kwargs = json.loads(json.dumps(arguments.trigger_kwargs, allow_nan=False))
    trigger = WisdomJobSensorTrigger(**kwargs)
    rendered = set(task.template_fields) & set(kwargs)
    assert {"knowledge_base_id", "import_job_id", "aws_conn_id", "region_name"} <= rendered
    assert all(hasattr(trigger, name) for name in rendered)
    assert arguments.trigger_cls == "airflow_wisdom.triggers.WisdomJobSensorTrigger"
    assert arguments.timeout == timedelta(seconds=60) + AIRFLOW_GRACE
    assert sensor("kb", "job").start_trigger_args is None


def test_a_sensor_that_cannot_start_from_the_trigger_defers_as_usual(fake_wisdom, knowledge_base):
    """As on Airflow before 3.3, and in `dag.test()`."""
    fake_wisdom.import_jobs(after_calls=2)
    job = start_job(fake_wisdom, knowledge_base)
    pushed = run(sensor(knowledge_base, job, start_from_trigger=True))
    assert pushed["importJobId"] == job


def test_an_airflow_that_would_not_render_the_trigger_is_not_asked_to_start_it(monkeypatch):
    """As Airflow 3.0: it does start triggers, but with the bare text of their templates."""
    monkeypatch.delattr("airflow.triggers.base.BaseTrigger.render_template_fields", raising=False)
    assert sensor("{{ params.kb }}", "job", start_from_trigger=True).start_trigger_args is None


def test_an_end_that_dag_test_does_not_understand_is_read_again(fake_wisdom, knowledge_base):
    job = start_job(fake_wisdom, knowledge_base)
    task = sensor(knowledge_base, job, deferrable=True, end_from_trigger=True)
    assert task.execute_complete({"ti": FakeTaskInstance()}, "success")["importJobId"] == job


@pytest.mark.parametrize("soft_fail", [True, False])
def test_a_failure_of_the_trigger_itself_is_never_skipped(fake_wisdom, knowledge_base, soft_fail):
    task = sensor(knowledge_base, NO_SUCH_JOB, deferrable=True, soft_fail=soft_fail)
    with pytest.raises(TaskDeferralError):
        task.resume_execution("__fail__", {"error": "TriggerFailure", "traceback": []}, {})
    assert task.soft_fail is soft_fail


@pytest.mark.parametrize(("soft_fail", "expected"), [(True, AirflowSkipException), (False, AirflowSensorTimeout)])
def test_a_time_out_of_airflows_own_is_a_time_out(fake_wisdom, knowledge_base, soft_fail, expected):
    """As where no triggerer is running."""
    task = sensor(knowledge_base, NO_SUCH_JOB, deferrable=True, soft_fail=soft_fail)
    with pytest.raises(expected):
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, {})


def test_a_complete_job_that_cannot_be_read_again_is_not_skipped(fake_wisdom, knowledge_base, virtual_time):
    job = start_job(fake_wisdom, knowledge_base)
    task = sensor(knowledge_base, job, deferrable=True, soft_fail=True)
    fake_wisdom.fault("GetImportJob", "ThrottlingException", http_status=429, times=10_000)
    event = {"status": "success", "jobs": [JobEnd(knowledge_base, job, "COMPLETE").to_dict()]}
    with pytest.raises(EndpointError, match="is COMPLETE, but AWS did not answer"):
        task.resume_execution("execute_complete", {"event": event}, {})


@pytest.mark.parametrize("flag", ["silent_fail", "never_fail"])
def test_flags_that_would_hide_a_failure_are_refused(fake_wisdom, knowledge_base, mode, flag):
    job = start_job(fake_wisdom, knowledge_base)
    task = sensor(knowledge_base, job, **mode, **{flag: True})
    with pytest.raises(ParameterError, match=f"{flag} must be False: .* soft_fail does not"):
        run(task)
    with pytest.raises(FinalError, match=f"{flag} must be False: .* soft_fail does not"):
        task.resume_execution("execute_complete", {"event": "success"}, {})


def test_a_sensor_that_is_ended_says_where_things_stand(fake_wisdom, knowledge_base, capsys):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    sensor = WisdomImportJobSensor(task_id="wait", knowledge_base_id=knowledge_base, import_job_id=job)
    sensor.poke({})
    sensor.on_kill()
    assert f"Import job {job}, which is START_IN_PROGRESS, is left alone" in capsys.readouterr().out


@pytest.mark.airflow("3.3", because="older ones are not asked to start the trigger")
@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "waits"),
    [(60, None, 60), (600, 3600, 600), (3600, 3000, 2700), (3600, 180, 162), (60, 200, 60)],
)
def test_a_sensor_that_begins_in_the_triggerer_keeps_to_its_limits(timeout, execution_timeout, waits):
    """Airflow ends its deferral at the earlier of its `execution_timeout` and the time-out that it is given here."""
    limit = execution_timeout and timedelta(seconds=execution_timeout)
    how = {"timeout": timeout, "execution_timeout": limit, "start_from_trigger": True}
    given = WisdomImportJobSensor(task_id="t", knowledge_base_id="kb", import_job_id="j", **how).start_trigger_args
    airflows = min(given.timeout, limit or given.timeout).total_seconds()
    assert airflows - given.trigger_kwargs["grace"] == waits
