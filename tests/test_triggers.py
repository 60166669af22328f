"""The trigger: it survives the database, and its event is JSON without secrets."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent
from rigs.running import GOOD_CSV, FakeTaskInstance, fire, kill, start_job

from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.triggers import WisdomJobsCompleteTrigger, WisdomJobSensorTrigger, WisdomRunImportTrigger
from airflow_wisdom.triggers.base import AIRFLOW_GRACE, AwsTrigger

OTHER_THAN_DEFAULT = {
    "knowledge_base_id": "kb",
    "import_job_ids": ["a", "b"],
    "deadline": 1_800_000_000.5,
    "grace": 30.0,
    "poll_interval": 2.5,
    "delete_jobs_on_kill": True,
    "aws_conn_id": "other",
    "region_name": "eu-west-2",
    "verify": False,
    "botocore_config": {"read_timeout": 3},
    "service_name": "qconnect",
}
WAITING = {name: value for name, value in OTHER_THAN_DEFAULT.items() if name != "import_job_ids"}
OF_AN_IMPORT = {
    "submissions": [{"knowledge_base_id": "kb", "upload_id": "u", "mark": "m"}],
    "max_active_jobs": 2,
    "manifest": {"parts": []},
    "submitted_at": 1_800_000_000.25,
    "push_progress": True,
}
OF_THE_SENSOR = {"import_job_id": "a", "include_urls": True, "end_from_trigger": True}


def parameters_of(kind):
    parameters = dict(inspect.signature(AwsConnection).parameters)
    for base in kind.__mro__:
        if issubclass(base, AwsTrigger):
            parameters |= inspect.signature(base.__init__).parameters
    return {name: p for name, p in parameters.items() if name not in ("self", "kwargs", "aws")}


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (WisdomJobsCompleteTrigger, OTHER_THAN_DEFAULT),
        (WisdomJobSensorTrigger, {**WAITING, **OF_THE_SENSOR}),
        (WisdomRunImportTrigger, {**WAITING, **OF_AN_IMPORT}),
    ],
)
def test_serialisation_keeps_every_parameter_of_the_constructor(kind, given):
    parameters = parameters_of(kind)
    assert set(given) == set(parameters)
    for name, value in given.items():
        assert value != parameters[name].default, name
    path, kwargs = kind(**given).serialize()
    assert path == f"airflow_wisdom.triggers.{kind.__name__}"
    assert json.loads(json.dumps(kwargs, allow_nan=False)) == given


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
        WisdomJobsCompleteTrigger(
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
    event = fire(WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=[job]))
    assert event["status"] == "success"
    assert event["message"] == f"Complete: {job}"


def test_no_jobs_are_an_error_and_no_success(fake_wisdom, knowledge_base):
    with pytest.raises(ValueError, match="import_job_ids is empty"):
        fire(WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=[]))


def test_a_deadline_that_has_passed_is_not_renewed(fake_wisdom, knowledge_base):
    """As after a restart of the triggerer: one last look, and the wait is over."""
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    event = fire(
        WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=[job], deadline=time.time() - 60)
    )
    assert event["jobs"][0]["error"]["type"] == "ImportJobTimeoutError"
    assert event["jobs"][0]["status"] == "START_IN_PROGRESS"


def test_a_missing_connection_is_told_by_an_event(fake_wisdom, knowledge_base):
    event = fire(
        WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=["a", "b"], aws_conn_id="mispelt")
    )
    assert {job["error"]["type"] for job in event["jobs"]} == {"AirflowConnectionNotFoundError"}
    assert event["jobs"][0]["error"]["conn_id"] == "mispelt"


@pytest.mark.parametrize("how", [{}, {"grace": 18.0}])
def test_without_a_deadline_of_its_own_it_ends_before_airflow_ends_it(fake_wisdom, knowledge_base, virtual_time, how):
    """The triggerer hands over the time-out of the deferral, which the database keeps across restarts."""
    fake_wisdom.import_jobs(after_seconds=30 * 24 * 3600)
    job = start_job(fake_wisdom, knowledge_base)
    trigger = WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=[job], **how)
    trigger.timeout_after = datetime.fromtimestamp(virtual_time.now + 900, timezone.utc)
    began = virtual_time.now
    (event,) = asyncio.run(events_of(trigger))
    assert event.payload["jobs"][0]["error"]["type"] == "ImportJobTimeoutError"
    early = 900 - (virtual_time.now - began)
    assert early == pytest.approx(how.get("grace", AIRFLOW_GRACE.total_seconds()), abs=1)


async def events_of(trigger):
    return [event async for event in trigger.run()]


@pytest.mark.parametrize("delete", [True, False])
def test_a_killed_task_deletes_its_job_only_if_asked_to(fake_wisdom, knowledge_base, delete):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    trigger = WisdomJobsCompleteTrigger(
        knowledge_base_id=knowledge_base, import_job_ids=[job], delete_jobs_on_kill=delete
    )
    asyncio.run(kill(trigger))
    assert fake_wisdom.calls().get("DeleteImportJob", 0) == delete


def killing(knowledge_base, job, **kwargs):
    return WisdomJobsCompleteTrigger(
        knowledge_base_id=knowledge_base, import_job_ids=[job], delete_jobs_on_kill=True, **kwargs
    )


def test_a_triggerer_that_was_paused_deletes_nothing_that_another_one_waits_for(fake_wisdom, knowledge_base, capsys):
    """Airflow tells it that all its triggers are cancelled, as if users had ended their tasks."""
    fake_wisdom.import_jobs(after_seconds=3600)
    asyncio.run(kill(killing(knowledge_base, start_job(fake_wisdom, knowledge_base)), state="deferred"))
    assert "DeleteImportJob" not in fake_wisdom.calls()
    said = capsys.readouterr().out
    assert "Another triggerer waits for this task by now" in said
    assert "is ended" not in said


@pytest.mark.parametrize("answer", ["nothing", "an error", "no task"])
def test_where_airflow_does_not_say_what_became_of_the_task_nothing_is_deleted(
    fake_wisdom, knowledge_base, answer, capsys
):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    trigger = killing(knowledge_base, job)

    def states(**_where):
        if answer == "an error":
            raise ConnectionError("Airflow is restarting")
        return {}

    if answer != "no task":
        trigger.task_instance = FakeTaskInstance()
        trigger.task_instance.get_task_states = states
    asyncio.run(trigger.on_kill())
    assert "DeleteImportJob" not in fake_wisdom.calls()
    assert f"not known. The import jobs that it waited for go on: {job}" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["up_for_retry", "scheduled", "queued", "running", None])
def test_what_the_next_try_waits_for_is_not_deleted(fake_wisdom, knowledge_base, state, capsys):
    """A triggerer was paused, another one ended the wait with an error, and the next try has found the job."""
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    asyncio.run(kill(killing(knowledge_base, job), state=state))
    assert "DeleteImportJob" not in fake_wisdom.calls()
    assert f"its state is {state}. The import jobs that it waited for go on: {job}" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_what_a_user_has_marked_is_deleted(fake_wisdom, knowledge_base, state):
    fake_wisdom.import_jobs(after_seconds=3600)
    asyncio.run(kill(killing(knowledge_base, start_job(fake_wisdom, knowledge_base)), state=state))
    assert fake_wisdom.calls()["DeleteImportJob"] == 1


@pytest.mark.parametrize("state", ["success", "failed", "scheduled"])
def test_what_has_ended_is_not_deleted(fake_wisdom, knowledge_base, state):
    """Another triggerer may have waited to the end: the task went on, and nobody has ended it."""
    job = start_job(fake_wisdom, knowledge_base)
    fake_wisdom.set_status(job, "COMPLETE")
    asyncio.run(kill(killing(knowledge_base, job), state=state))
    assert "DeleteImportJob" not in fake_wisdom.calls()


def test_after_the_deadline_it_is_no_user_who_has_ended_the_task(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    asyncio.run(kill(killing(knowledge_base, job, deadline=time.time() - 1)))
    assert "DeleteImportJob" not in fake_wisdom.calls()


@pytest.mark.airflow("3.3", because="older ones never tell a trigger that a user has ended its task")
def test_airflow_tells_a_trigger_that_a_user_has_ended_its_task():
    assert inspect.iscoroutinefunction(BaseTrigger.on_kill)
    assert inspect.signature(WisdomJobsCompleteTrigger.on_kill) == inspect.signature(BaseTrigger.on_kill)


def test_a_cancelled_trigger_deletes_nothing(fake_wisdom, knowledge_base, virtual_time):
    """A triggerer that shuts down cancels its triggers."""
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)
    trigger = WisdomJobsCompleteTrigger(
        knowledge_base_id=knowledge_base, import_job_ids=[job], delete_jobs_on_kill=True
    )

    async def cancelled():
        task = asyncio.create_task(events_of(trigger))
        await asyncio.sleep(30)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert "DeleteImportJob" not in fake_wisdom.calls()


def test_a_sensors_trigger_may_end_the_task_itself(fake_wisdom, knowledge_base, monkeypatch):
    fake_wisdom.import_jobs(after_calls=2)
    job = start_job(fake_wisdom, knowledge_base)
    pushed = []
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.set", lambda **given: pushed.append(given))
    trigger = WisdomJobSensorTrigger(
        knowledge_base_id=knowledge_base, import_job_id=job, end_from_trigger=True, poll_interval=0.01
    )
    trigger.task_instance = FakeTaskInstance()
    (event,) = asyncio.run(events_of(trigger))
    assert isinstance(event, TaskSuccessEvent)
    (xcom,) = pushed
    assert (xcom["key"], xcom["task_id"], xcom["value"]["importJobId"]) == ("return_value", "task", job)
    assert (xcom["value"]["hasFailedRecordReport"], xcom["value"]["rowsRefused"]) == (False, 0)


def test_a_sensors_trigger_leaves_failure_to_a_worker(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(status="FAILED")
    job = start_job(fake_wisdom, knowledge_base)
    event = fire(
        WisdomJobSensorTrigger(
            knowledge_base_id=knowledge_base, import_job_id=job, end_from_trigger=True, poll_interval=0.01
        )
    )
    assert event["jobs"][0]["error"]["type"] == "ImportJobFailedError"


def test_a_rendered_job_id_is_the_one_that_is_waited_for(fake_wisdom, knowledge_base):
    """The triggerer renders the attribute after it has made the trigger."""
    job = start_job(fake_wisdom, knowledge_base)
    trigger = WisdomJobSensorTrigger(knowledge_base_id=knowledge_base, import_job_id="{{ params.job }}")
    trigger.import_job_id = job
    (event,) = asyncio.run(events_of(trigger))
    assert event.payload["status"] == "success"
