"""What a failure tells people, through Airflow's own callbacks and notifiers."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from rigs.running import run_dag, start_job

pytestmark = pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")


@pytest.fixture
def topic(fake_wisdom_over_http, monkeypatch):
    """An SNS topic, and a function that returns what was published to it: subject -> message."""
    sns, sqs = (fake_wisdom_over_http.client(name) for name in ("sns", "sqs"))
    arn = sns.create_topic(Name="failures")["TopicArn"]
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:failures")
    monkeypatch.setenv("TOPIC", arn)

    def published():
        letters = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        return [json.loads(letter["Body"]) for letter in letters]

    return published


@pytest.mark.airflow(
    "3.3", because="`dag.test()` of older ones does not tell a callback what went wrong; a worker does"
)
def test_a_failure_is_published_whatever_the_way_of_waiting(
    airflow_database, fake_wisdom_over_http, topic, monkeypatch
):
    fake = fake_wisdom_over_http
    knowledge_base = fake.create_knowledge_base()
    fake.import_jobs(after_calls=2, status="FAILED")
    bad = start_job(fake, knowledge_base)
    fake.import_jobs(after_seconds=3600)
    late = start_job(fake, knowledge_base)
    for name, value in {"KNOWLEDGE_BASE": knowledge_base, "BAD": bad, "LATE": late}.items():
        monkeypatch.setenv(name, value)
    run_dag("notify", monkeypatch)
    letters = {letter["Message"].partition(":")[0]: letter for letter in topic()}
    assert set(letters) == {"poke", "deferred", "late", "late_deferred"}
    for task_id, letter in letters.items():
        assert (late if "late" in task_id else bad) in letter["Message"]
        assert knowledge_base in letter["Message"]
        assert ("START_IN_PROGRESS" if "late" in task_id else "FAILED") in letter["Message"]
        failed = "ImportJobFailedError: The import job did not complete: it is FAILED"
        assert letter["Subject"] == ("An import failed" if "late" in task_id else failed)
        assert "X-Amz" not in letter["Message"]


@pytest.mark.airflow(
    "3.3", because="`dag.test()` of older ones does not tell a callback what went wrong; a worker does"
)
@pytest.mark.parametrize("status", ["FAILED", "FUTURE"])
def test_the_example_prints_which_job_failed_and_no_secret(
    airflow_database, fake_wisdom_over_http, example_connection, monkeypatch, capfd, status
):
    fake_wisdom_over_http.import_jobs(after_calls=2, status=status)
    dag = import_module("notify_on_failure").dag
    # Nobody waits for a second try here.
    monkeypatch.setattr(dag.get_task("import"), "retries", 0)
    run = dag.test()
    assert str(run.state) == "failed"
    job = run.get_task_instance("import").xcom_pull(task_ids="import", key="import_job_id")
    said = capfd.readouterr().out
    _, _, told = said.partition("import failed: ")
    for words in (f"import job: {job}", f"knowledge base: {example_connection}", f"last status: {status}"):
        assert words in told
    assert "X-Amz-Signature" not in said
