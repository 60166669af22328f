"""What OpenLineage is told: through its own extractor, adapter and transport, as a file."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.utils.state import TaskInstanceState
from rigs.running import GOOD_CSV, FakeTaskInstance, resume, run

from airflow_wisdom.exceptions import ImportJobFailedError
from airflow_wisdom.lineage import FACET, dataset_of, import_lineage
from airflow_wisdom.model.import_job import ImportJob
from airflow_wisdom.operators import (
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.transfers import SqlToWisdomOperator

ARN = "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb"
RUN = "0190b5a0-0000-7000-8000-000000000000"
NOW = datetime.now(timezone.utc).isoformat()


@pytest.fixture
def task(tmp_path, knowledge_base):
    source = tmp_path / "responses.csv"
    source.write_bytes(GOOD_CSV)
    with DAG("d", schedule=None):
        return WisdomStartImportJobOperator(
            task_id="import", knowledge_base_id=knowledge_base, source=str(source), poll_interval=0.01
        )


@pytest.fixture
def emit(tmp_path):
    """Emit what OpenLineage extracts, with its own client, and return what has been written to the file."""
    from airflow.providers.openlineage.extractors.manager import ExtractorManager
    from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport

    file = tmp_path / "events.json"
    client = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(file), append=True)))

    def lineage_of(task, state):
        return ExtractorManager().extract_metadata(SimpleNamespace(run_id="run"), task, state, FakeTaskInstance())

    def emit(lineage, state=TaskInstanceState.SUCCESS):
        if not hasattr(lineage, "inputs"):
            lineage = lineage_of(lineage, state)
        adapter = OpenLineageAdapter(client)
        what = {
            "run_id": RUN,
            "job_name": "d.import",
            "end_time": NOW,
            "task": lineage,
            "nominal_start_time": NOW,
            "nominal_end_time": NOW,
            "owners": [],
            "tags": [],
            "job_description": None,
        }
        if state == TaskInstanceState.SUCCESS:
            adapter.complete_task(**what)
        else:
            adapter.fail_task(**what, error=None)
        return json.loads(file.read_text().splitlines()[-1])

    return emit


def test_an_import_is_told_with_source_target_and_job(fake_wisdom, knowledge_base, task, emit):
    returned = task.execute({"ti": FakeTaskInstance()})
    event = emit(task)
    assert event["eventType"] == "COMPLETE"
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [("file", task.source)]
    assert [(each["namespace"], each["name"]) for each in event["outputs"]] == [
        ("wisdom://123456789012/us-east-1", knowledge_base)
    ]
    facet = event["run"]["facets"][FACET]
    assert facet["knowledgeBaseId"] == knowledge_base
    (job,) = facet["importJobs"]
    assert job == {
        name: returned[name]
        for name in (
            "importJobId",
            "importJobType",
            "status",
            "createdTime",
            "lastModifiedTime",
            "hasFailedRecordReport",
        )
    }
    assert facet["_schemaURL"].startswith("https://openlineage.io/spec/")
    assert "X-Amz" not in json.dumps(event)


def test_a_deferred_import_is_told_when_it_comes_back(fake_wisdom, knowledge_base, task, emit):
    from airflow.providers.common.compat.sdk import TaskDeferred

    fake_wisdom.import_jobs(after_calls=2)
    task.deferrable = True
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({"ti": FakeTaskInstance()})
    # The worker that it comes back to made the task again.
    task._started = task._job = None
    returned = resume(task, deferred.value, {"ti": FakeTaskInstance()})
    event = emit(task)
    assert event["run"]["facets"][FACET]["importJobs"][0]["importJobId"] == returned["importJobId"]
    assert event["outputs"][0]["name"] == knowledge_base


def test_a_failed_import_is_told_with_its_job(fake_wisdom, knowledge_base, task, emit):
    from airflow.providers.common.compat.sdk import TaskDeferred

    fake_wisdom.import_jobs(after_calls=2, status="FAILED")
    task.deferrable = True
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({"ti": FakeTaskInstance()})
    task._started = task._job = None
    with pytest.raises(ImportJobFailedError):
        resume(task, deferred.value, {"ti": FakeTaskInstance()})
    event = emit(task, TaskInstanceState.FAILED)
    assert event["eventType"] == "FAIL"
    assert event["run"]["facets"][FACET]["importJobs"][0]["status"] == "FAILED"
    assert event["inputs"][0]["name"] == task.source


def test_an_import_that_never_began_is_told_with_what_is_known(task, emit):
    event = emit(task, TaskInstanceState.FAILED)
    assert event["inputs"][0]["name"] == task.source
    assert event["outputs"] == []
    assert FACET not in event["run"]["facets"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_import_of_many_files_is_told_as_one_with_its_numbers(
    fake_wisdom, knowledge_base, emit, tmp_path, deferrable
):
    source = tmp_path / "many.csv"
    source.write_text("Name,Content\n" + "".join(f"name {n},text\n" for n in range(250)))
    with DAG("d", schedule=None):
        task = WisdomImportQuickResponsesOperator(
            task_id="import", knowledge_base_id=knowledge_base, source=str(source), deferrable=deferrable
        )
    run(task)
    event = emit(task)
    assert [each["name"] for each in event["inputs"]] == [str(source)]
    (output,) = event["outputs"]
    assert output["name"] == knowledge_base
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 250
    facet = event["run"]["facets"][FACET]
    assert len(facet["importJobs"]) == 3
    assert facet["records"] == {"sent": 250, "imported": 250, "refused": 0, "invalid": 0}
    assert "X-Amz" not in json.dumps(event)


@pytest.mark.airflow("3.1", because="the OpenLineage of 3.0 asks SQLite for an information schema")
def test_an_import_from_a_database_is_told_with_its_table(fake_wisdom, knowledge_base, emit, tmp_path, monkeypatch):
    from airflow.providers.openlineage.sqlparser import DatabaseInfo
    from airflow.providers.sqlite.hooks.sqlite import SqliteHook

    path = tmp_path / "answers.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE answers (Name, Content)")
        connection.execute("INSERT INTO answers VALUES ('a', 'b')")
        connection.commit()
    # What the hooks of most databases have, and that of SQLite has not.
    monkeypatch.setattr(
        SqliteHook,
        "get_openlineage_database_info",
        lambda *_: DatabaseInfo(scheme="sqlite", authority="answers", is_information_schema_cross_db=True),
    )
    monkeypatch.setattr(SqliteHook, "get_openlineage_database_dialect", lambda *_: "sqlite")
    monkeypatch.setattr(SqliteHook, "get_openlineage_default_schema", lambda *_: "main")
    monkeypatch.setenv("AIRFLOW_CONN_ANSWERS", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    with DAG("d", schedule=None):
        task = SqlToWisdomOperator(
            task_id="import",
            knowledge_base_id=knowledge_base,
            sql="SELECT Name, Content FROM answers",
            sql_conn_id="answers",
        )
    run(task)
    event = emit(task)
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [("sqlite://answers", "main.answers")]
    assert [each["name"] for each in event["outputs"]] == [knowledge_base]


def test_the_first_sync_of_a_knowledge_base_is_told_with_its_output(fake_wisdom, knowledge_base, emit):
    """It was given by its id, and was empty."""
    rows = [{"Name": "Hello", "Content": "Hi!"}]
    task = WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=rows)
    task.mode = "plan"
    run(task)
    assert emit(task)["outputs"] == []
    task.mode = "apply"
    run(task)
    (output,) = emit(task)["outputs"]
    assert (output["namespace"], output["name"]) == ("wisdom://123456789012/us-east-1", knowledge_base)
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_numbers_of_records_are_told_where_they_are_known(emit):
    jobs = [ImportJob(f"job{n}", "kb", "COMPLETE", knowledge_base_arn=ARN) for n in range(2)]
    records = {"sent": 90, "imported": 83, "refused": 7}
    event = emit(import_lineage(["s3://bucket/responses.csv"], jobs, records))
    assert event["run"]["facets"][FACET]["records"] == records
    assert [job["importJobId"] for job in event["run"]["facets"][FACET]["importJobs"]] == ["job0", "job1"]
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 83


def test_a_table_is_told_as_the_dataset_that_it_is(emit):
    from openlineage.client.event_v2 import Dataset

    table = Dataset(namespace="postgres://db:5432", name="crm.public.responses")
    event = emit(import_lineage([table], [ImportJob("job", "kb", "COMPLETE", knowledge_base_arn=ARN)]))
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [(table.namespace, table.name)]


@pytest.mark.parametrize(
    ("source", "namespace", "name"),
    [
        ("/data/responses.csv", "file", "/data/responses.csv"),
        ("/data/100% #1?.csv", "file", "/data/100% #1?.csv"),
        ("file:///data/responses.csv", "file", "/data/responses.csv"),
        ("s3://bucket/a/b.csv", "s3://bucket", "a/b.csv"),
        ("s3a://bucket/a/b.csv", "s3://bucket", "a/b.csv"),
        ("gs://bucket/b.csv", "gs://bucket", "b.csv"),
        ("gs://google_conn@bucket/b.csv", "gs://bucket", "b.csv"),
        ("s3://aws_default@bucket/b.csv", "s3://bucket", "b.csv"),
        ("https://bucket.s3.amazonaws.com/k?X-Amz-Signature=secret", "https://bucket.s3.amazonaws.com", "k"),
        ("http://me:secret@files:8080/a/b.csv", "http://files:8080", "a/b.csv"),
        ("http://me:sec@ret@files:8080/a/b.csv#secret", "http://files:8080", "a/b.csv"),
    ],
)
def test_datasets_are_named_as_openlineage_says_and_hold_no_secret(source, namespace, name):
    dataset = dataset_of(source)
    assert (dataset.namespace, dataset.name) == (namespace, name)


ACCOUNT = "account.dfs.core.windows.net"


@pytest.mark.parametrize(
    ("source", "namespace"),
    [
        (f"abfss://answers@{ACCOUNT}/a/b.csv", f"abfss://answers@{ACCOUNT}"),
        (f"abfs://answers@{ACCOUNT}/a/b.csv", f"abfss://answers@{ACCOUNT}"),
        ("wasbs://answers@account.blob.core.windows.net/a/b.csv", f"wasbs://answers@{ACCOUNT}"),
        ("wasb://answers@account.blob.core.windows.net/a/b.csv", f"wasbs://answers@{ACCOUNT}"),
        (f"abfss://answers:secret@{ACCOUNT}/a/b.csv?sig=secret", f"abfss://answers@{ACCOUNT}"),
        ("abfss://lake@onelake.dfs.fabric.microsoft.com/a/b.csv", "abfss://lake@onelake.dfs.fabric.microsoft.com"),
        ("abfs://azure_conn@answers/a/b.csv", "abfs://answers"),
        (f"abfss://{ACCOUNT}/a/b.csv", f"abfss://{ACCOUNT}"),
    ],
)
def test_datasets_in_azure_are_named_with_their_container(source, namespace):
    dataset = dataset_of(source)
    assert (dataset.namespace, dataset.name) == (namespace, "a/b.csv")


def test_a_relative_path_is_told_from_the_root(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert dataset_of("responses.csv").name == str(tmp_path / "responses.csv")


WITHOUT = '''
import sys
from importlib.abc import MetaPathFinder

HERE = ("airflow.providers.openlineage", "airflow.providers.openlineage.get_provider_info")

class Missing(MetaPathFinder):
    """All but what Airflow itself reads of every provider that is installed."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith(("openlineage", "airflow.providers.openlineage")) and name not in HERE:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from airflow.sdk import Asset
import airflow_wisdom.assets, airflow_wisdom.operators, airflow_wisdom.sensors, airflow_wisdom.triggers
Asset("wisdom://123456789012/us-east-1/kb")
sys.path.insert(0, {tests!r})
from rigs.running import FakeTaskInstance
from airflow_wisdom.testing import register
from moto import mock_aws
with mock_aws():
    register()
    import boto3
    client = boto3.client("wisdom", "us-east-1")
    base = client.create_knowledge_base(name="kb", knowledgeBaseType="QUICK_RESPONSES")["knowledgeBase"]
    task = airflow_wisdom.operators.WisdomStartImportJobOperator(
        task_id="t", knowledge_base_id=base["knowledgeBaseId"], source={source!r}, aws_conn_id=None,
        region_name="us-east-1")
    print(task.execute({{"ti": FakeTaskInstance()}})["status"])
print([name for name in sys.modules if "openlineage" in name and "common.compat" not in name and name not in HERE])
'''


def test_without_its_provider_nothing_of_it_is_missed(tmp_path):
    source = tmp_path / "responses.csv"
    source.write_bytes(GOOD_CSV)
    code = WITHOUT.format(tests=__file__.rpartition("/")[0], source=str(source))
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines()[-2:] == ["COMPLETE", "[]"]
