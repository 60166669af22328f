"""The link to the AWS console: where it leads, and that it is there while a task waits, and never in the way."""

from __future__ import annotations

import json
import os

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.running import AirflowRescheduleException, FakeTaskInstance, run_dag, start_job

from airflow_wisdom.links import XCOM_KEY, console_url, instance_arn_of, stored_url
from airflow_wisdom.model.import_job import ImportJob
from airflow_wisdom.operators import WisdomGetImportJobOperator, WisdomStartImportJobOperator
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.tasks import WisdomTask

LIST = "https://us-east-1.console.aws.amazon.com/connect/v2/app/instances?region=us-east-1"
INSTANCE = "12345678-1234-1234-1234-123456789012"
SOURCE = {"source": "AMAZON_CONNECT", "configuration": {"connectConfiguration": {"instanceId": INSTANCE}}}
KNOWLEDGE_BASE_ARN = "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb"
INSTANCE_ARN = f"arn:aws:connect:us-east-1:123456789012:instance/{INSTANCE}"


def job(**members):
    return ImportJob(import_job_id="job", knowledge_base_id="kb", status="COMPLETE", **members)


def began(task):
    """A task instance as Airflow hands it to a task."""
    ti = FakeTaskInstance()
    task.pre_execute({"ti": ti})
    return ti


def stored(task):
    """What a task stores as soon as it needs its hook."""
    ti = began(task)
    assert task.hook
    return ti.xcoms


@pytest.mark.parametrize(
    ("partition", "region", "expected"),
    [
        ("aws", "us-east-1", LIST),
        ("aws-cn", "cn-north-1", "https://console.amazonaws.cn/connect/v2/app/instances?region=cn-north-1"),
        (
            "aws-us-gov",
            "us-gov-west-1",
            "https://console.amazonaws-us-gov.com/connect/v2/app/instances?region=us-gov-west-1",
        ),
        ("aws-of-the-future", "mars-1", None),
    ],
)
def test_each_partition_has_a_console_of_its_own(partition, region, expected):
    assert console_url(partition, region) == expected


def test_an_instance_that_is_known_is_linked_to():
    arn = instance_arn_of(job(knowledge_base_arn=KNOWLEDGE_BASE_ARN, external_source_configuration=SOURCE))
    assert arn == INSTANCE_ARN
    assert console_url("aws", "us-east-1", arn) == (
        "https://us-east-1.console.aws.amazon.com/connect/v2/app/settings/overview?region=us-east-1"
        f"&id=arn%3Aaws%3Aconnect%3Aus-east-1%3A123456789012%3Ainstance%2F{INSTANCE}"
    )


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"external_source_configuration": SOURCE},
        {"external_source_configuration": SOURCE, "knowledge_base_arn": "kb"},
        {"external_source_configuration": {"configuration": None}, "knowledge_base_arn": KNOWLEDGE_BASE_ARN},
        {"external_source_configuration": {"configuration": {"SDK_UNKNOWN_MEMBER": {"name": "x"}}}},
    ],
)
def test_an_instance_that_is_not_quite_known_is_not(members):
    assert instance_arn_of(job(**members)) is None


def test_an_instance_may_be_named_by_its_arn():
    source = {"configuration": {"connectConfiguration": {"instanceId": INSTANCE_ARN}}}
    named = job(knowledge_base_arn=KNOWLEDGE_BASE_ARN, external_source_configuration=source)
    assert instance_arn_of(named) == INSTANCE_ARN


@pytest.mark.parametrize("region", ["eu-central-1", None])
def test_the_region_is_that_of_the_client(fake_wisdom, monkeypatch, region):
    """Given to the task, or else boto3's own, as the connection names none; and AWS is not called for it."""
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    del connection["extra"]["region_name"]
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    task = WisdomTask(task_id="t", region_name=region)
    expected = region or "ap-southeast-2"
    assert stored(task) == {XCOM_KEY: console_url("aws", expected)}
    assert task.hook.conn.meta.region_name == expected
    assert fake_wisdom.calls() == {}


def test_what_goes_wrong_is_left_to_the_task_itself(fake_wisdom):
    assert stored(WisdomTask(task_id="t", aws_conn_id="no such connection")) == {}
    assert stored(WisdomTask(task_id="t", do_xcom_push=False)) == {}
    assert stored_url(FakeTaskInstance()) is None


@pytest.mark.parametrize(
    ("waiting", "interrupted"),
    [
        ({"deferrable": True}, TaskDeferred),
        ({"mode": "reschedule"}, AirflowRescheduleException),
    ],
)
def test_the_link_is_stored_before_the_task_waits(fake_wisdom, knowledge_base, waiting, interrupted):
    fake_wisdom.import_jobs(after_calls=10)
    running = start_job(fake_wisdom, knowledge_base)
    task = WisdomImportJobSensor(task_id="t", knowledge_base_id=knowledge_base, import_job_id=running, **waiting)
    ti = began(task)
    with pytest.raises(interrupted):
        task.execute({"ti": ti})
    assert ti.xcoms == {XCOM_KEY: LIST}


@pytest.mark.parametrize("kind", ["start", "get", "sensor"])
def test_a_task_links_to_the_instance_of_its_job(fake_wisdom, knowledge_base, tmp_path, kind):
    source = tmp_path / "quick_responses.csv"
    source.write_text("Name,Content\nHello,Good morning!\n")
    start = WisdomStartImportJobOperator(
        task_id="start", knowledge_base_id=knowledge_base, source=str(source), external_source_configuration=SOURCE
    )
    ti = began(start)
    metadata = start.execute({"ti": ti})
    if kind != "start":
        kinds = {"get": WisdomGetImportJobOperator, "sensor": WisdomImportJobSensor}
        task = kinds[kind](task_id="t", knowledge_base_id=knowledge_base, import_job_id=metadata["importJobId"])
        ti = began(task)
        task.execute({"ti": ti})
    assert ti.xcoms[XCOM_KEY] == console_url("aws", "us-east-1", INSTANCE_ARN)


@pytest.mark.airflow("3.1", because="a task of 3.0 cannot push None")
@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_airflow_shows_the_link_whatever_the_end_of_a_task(
    airflow_database, fake_wisdom_over_http, monkeypatch, virtual_time
):
    """Through Airflow's own runner and database, with a deferral and a failure; and no nonsense is a link."""
    from airflow.models.serialized_dag import SerializedDagModel

    fake = fake_wisdom_over_http
    monkeypatch.setenv("KNOWLEDGE_BASE", fake.create_knowledge_base())
    for name, status in {"GOOD": None, "BAD": "FAILED"}.items():
        fake.import_jobs(after_calls=2, status=status)
        monkeypatch.setenv(name, start_job(fake, os.environ["KNOWLEDGE_BASE"]))
    run = run_dag("links", monkeypatch)
    instances = {ti.task_id: ti for ti in run.get_task_instances()}
    states = {task_id: str(ti.state) for task_id, ti in instances.items()}
    assert states == {**dict.fromkeys(states, "success"), "bad": "failed", "fails": "failed"}
    dag = SerializedDagModel.get("links").dag
    shown = {task_id: dag.get_task(task_id).get_extra_links(ti, "Amazon Connect") for task_id, ti in instances.items()}
    assert shown == {"good": LIST, "bad": LIST, "fails": "", "number": "", "script": "", "nothing": ""}
