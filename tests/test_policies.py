"""The IAM policies in the docs allow what each task calls, and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.running import FakeTaskInstance, run, start_job
from rigs.running import kill as kill_trigger

from airflow_wisdom.exceptions import WisdomError
from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomExportQuickResponsesOperator,
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.storage import Storage
from airflow_wisdom.transfers import SqlToWisdomOperator

POLICIES = Path(__file__).parent.parent / "docs" / "policies"
OF_TASKS = sorted(path for path in POLICIES.glob("*.json") if path.stem.endswith(("Operator", "Sensor")))
OF_COMMANDS = {"airflow-wisdom-probe": "test_probe"}
"""Policies of commands -> the test that compares them with what the command calls."""
QUICK = {"poll_interval": 0.01}
PRESIGNED = {"GetObject", "PutObject"}
"""Requests to presigned URLs, which need no permission; the fake counts them too."""
CONNECT = {"ListIntegrationAssociations", "ListRoutingProfiles"}
"""Operations of Amazon Connect."""


ACTIONS = {"HeadObject": "GetObject", "ListObjectsV2": "ListBucket"}
"""Operation of Amazon S3 -> the action that it needs, where that has another name."""


@pytest.fixture
def called(fake_wisdom, knowledge_base, monkeypatch, virtual_time):
    """Return the actions of the service, of Amazon Connect and of Amazon S3 that a function calls."""
    monkeypatch.setattr("airflow_wisdom.runs.starting.LOOK_BACK_PAUSES", (0.0, 0.0, 0.0))
    fake_wisdom.client("s3").create_bucket(Bucket="bucket")
    s3 = []
    real = Storage._s3

    def recorded(storage, uri):
        hook = real(storage, uri)
        events = hook.get_conn().meta.events
        events.register("before-call.s3", lambda model, **_: s3.append(ACTIONS.get(model.name, model.name)))
        return hook

    monkeypatch.setattr(Storage, "_s3", recorded)

    def called(function):
        before = fake_wisdom.calls()
        s3.clear()
        function()
        after = fake_wisdom.calls()
        operations = {name for name in after if after[name] > before.get(name, 0)} - PRESIGNED
        ours = {f"{'connect' if operation in CONNECT else 'wisdom'}:{operation}" for operation in operations}
        return ours | {f"s3:{operation}" for operation in s3}

    return called


def policy(kind):
    """The actions of each statement of a task's policy."""
    statements = json.loads((POLICIES / f"{kind.__name__}.json").read_text())["Statement"]
    return {statement["Sid"]: set(statement["Action"]) for statement in statements}


def kill(fake, task):
    """End a deferred task as a user does, once its job runs."""
    before = fake.calls().get("GetImportJob", 0)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({"ti": FakeTaskInstance()})
    trigger = deferred.value.trigger

    async def started_and_killed():
        waiting = asyncio.create_task(anext(trigger.run()))
        while fake.calls().get("GetImportJob", 0) == before:  # noqa: ASYNC110 - another task looks
            await asyncio.sleep(0.01)
        await kill_trigger(trigger)
        waiting.cancel()

    asyncio.run(started_and_killed())


def twice(make):
    """Let a first try time out, and a second one wait for the jobs that the first started."""
    with pytest.raises((WisdomError, TimeoutError)):
        run(make(timeout=0.01))
    run(make(), try_number=2)


def test_reading(fake_wisdom, knowledge_base, called):
    job = start_job(fake_wisdom, knowledge_base)
    task = WisdomGetImportJobOperator(task_id="t", knowledge_base_id=knowledge_base, import_job_id=job)
    assert called(lambda: run(task)) == policy(type(task))["Always"]


REFUSING_CSV = b"Name,Content\na,b\na,c\n"
REPORTS = {"failed_records_path": "s3://bucket/failed.csv", "on_failed_records": "warn"}


@pytest.mark.parametrize("kind", [WisdomGetImportJobOperator, WisdomImportJobSensor])
def test_reading_the_report_of_a_job(fake_wisdom, knowledge_base, called, kind):
    """The report itself is behind a presigned URL."""
    job = start_job(fake_wisdom, knowledge_base, REFUSING_CSV)
    fake_wisdom.client().get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)
    task = kind(task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, **REPORTS)
    assert called(lambda: run(task)) == policy(kind)["Always"] | policy(kind)["ReportsInS3"]


def test_the_sensor(fake_wisdom, knowledge_base, called):
    def sensor(**kwargs):
        return WisdomImportJobSensor(
            task_id="t",
            knowledge_base_id=knowledge_base,
            import_job_id=start_job(fake_wisdom, knowledge_base),
            **kwargs,
        )

    fake_wisdom.import_jobs(after_calls=1)
    allowed = policy(WisdomImportJobSensor)
    assert (
        called(lambda: run(sensor(poke_interval=0.01))) - {"wisdom:StartContentUpload", "wisdom:StartImportJob"}
        == (allowed["Always"])
    )
    fake_wisdom.import_jobs(after_calls=3)
    two = [sensor(deferrable=True, poke_interval=0.01) for _ in range(3)]

    async def wait():
        triggers = []
        for task in two:
            with pytest.raises(TaskDeferred) as deferred:
                task.execute({"ti": FakeTaskInstance()})
            triggers.append(deferred.value.trigger)
        await asyncio.gather(*(anext(trigger.run()) for trigger in triggers))

    assert called(lambda: asyncio.run(wait())) == allowed["Always"] | allowed["Deferrable"]


def test_starting(fake_wisdom, knowledge_base, called, tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("Name,Content\na,b\n")

    def start(**kwargs):
        return WisdomStartImportJobOperator(
            task_id="t", knowledge_base_id=knowledge_base, source=str(source), **{**QUICK, **kwargs}
        )

    allowed = policy(WisdomStartImportJobOperator)
    fake_wisdom.import_jobs(after_calls=2)
    assert called(lambda: twice(start)) == allowed["Always"]
    source.write_bytes(REFUSING_CSV.replace(b"a,", b"c,"))
    assert called(lambda: run(start(**REPORTS))) <= allowed["Always"] | allowed["ReportsInS3"]
    source.write_text("Name,Content\nb,b\n")
    fake_wisdom.import_jobs(after_seconds=3600)
    assert (
        called(lambda: kill(fake_wisdom, start(deferrable=True, delete_jobs_on_kill=True))) - allowed["Always"]
        == (allowed["DeleteOnKill"])
    )


def test_deleting(fake_wisdom, knowledge_base, called):
    def delete(**kwargs):
        job = start_job(fake_wisdom, knowledge_base)
        fake_wisdom.set_status(job, "COMPLETE")
        return WisdomDeleteImportJobOperator(
            task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, **{**QUICK, **kwargs}
        )

    allowed = policy(WisdomDeleteImportJobOperator)
    task, waiting = delete(), delete(wait_for_completion=True)
    assert called(lambda: run(task)) == allowed["Always"]
    assert called(lambda: run(waiting)) == allowed["Always"] | allowed["WaitForCompletion"]
    assert called(lambda: run(waiting)) == allowed["Always"] | allowed["JobIsGone"]


def test_importing(fake_wisdom, knowledge_base, called):
    fake_wisdom.client("s3").put_object(Bucket="bucket", Key="a.csv", Body=b"Name,Content\na,b\n,no name\n")

    def start(source, **kwargs):
        return WisdomImportQuickResponsesOperator(
            task_id="t", knowledge_base_id=knowledge_base, source=source, **{**QUICK, **kwargs}
        )

    allowed = policy(WisdomImportQuickResponsesOperator)
    fake_wisdom.import_jobs(after_calls=2)
    rows = [{"Name": f"n{n}", "Content": "c"} for n in range(250)]
    assert called(lambda: twice(lambda **kwargs: start(rows, **kwargs))) == allowed["Always"]
    fake_wisdom.import_jobs()
    fake_wisdom.stale_search(missing=1)
    cleared = FakeTaskInstance(2, max_tries=1)
    seen = called(lambda: run(start(rows), ti=cleared))
    assert seen == {"wisdom:ListImportJobs"} | allowed["Cleared"] | allowed["ReadOne"]
    from_s3 = start("s3://bucket/a.csv", on_invalid_rows="skip", invalid_rows_path="s3://bucket/invalid.csv")
    seen = called(lambda: run(from_s3))
    assert {action for action in seen if action.startswith("s3:")} == allowed["SourceInS3"] | allowed["ReportsInS3"]
    folder = start("s3://bucket/*.csv", on_invalid_rows="skip")
    listed = {action for action in called(lambda: run(folder)) if action.startswith("s3:")}
    assert listed == allowed["SourceInS3"] | allowed["FilesInS3"]
    fake_wisdom.import_jobs(after_seconds=3600)
    killed = start(rows[:1], deferrable=True, delete_jobs_on_kill=True)
    assert called(lambda: kill(fake_wisdom, killed)) - allowed["Always"] == allowed["DeleteOnKill"]


def test_importing_from_a_database(fake_wisdom, knowledge_base, called, tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a (Name, Content)")
        connection.execute("INSERT INTO a VALUES ('a', 'b'), ('', 'no name')")
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_DB", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def start(**kwargs):
        return SqlToWisdomOperator(
            task_id="t",
            knowledge_base_id=knowledge_base,
            sql="SELECT * FROM a",
            sql_conn_id="db",
            on_invalid_rows="skip",
            invalid_rows_path="s3://bucket/invalid.csv",
            **{**QUICK, **kwargs},
        )

    allowed = policy(SqlToWisdomOperator)
    assert {sid: allowed[sid] for sid in ("Cleared", "ReadOne")} == {
        sid: policy(WisdomImportQuickResponsesOperator)[sid] for sid in ("Cleared", "ReadOne")
    }
    fake_wisdom.import_jobs(after_calls=2)
    assert called(lambda: twice(start)) - {"wisdom:ListImportJobs"} == (allowed["Always"] | allowed["ReportsInS3"]) - {
        "wisdom:ListImportJobs"
    }


def test_exporting(fake_wisdom, knowledge_base, called, tmp_path):
    def export(path, **which):
        return WisdomExportQuickResponsesOperator(task_id="t", path=path, **which)

    instance = fake_wisdom.create_instance(knowledge_base, ["Billing"])
    fake_wisdom.client().create_quick_response(knowledgeBaseId=knowledge_base, name="a", content={"content": "b"})
    # What a search lacks is read alone.
    fake_wisdom.stale_search(missing=1)
    allowed = policy(WisdomExportQuickResponsesOperator)
    look = allowed["Always"] | allowed["ReadOne"]
    assert called(lambda: run(export(str(tmp_path / "a.csv"), knowledge_base_id=knowledge_base))) == look
    seen = called(lambda: run(export("s3://bucket/a.csv", instance_id=instance)))
    assert seen == look | allowed["Instance"] | allowed["PathInS3"]


def test_syncing(fake_wisdom, knowledge_base, called):
    instance = fake_wisdom.create_instance(knowledge_base, ["Billing"])
    fake_wisdom.client("s3").put_object(Bucket="bucket", Key="a.csv", Body=b"Name,Content\n,no name\nb,new\n")

    def sync(source, **kwargs):
        return WisdomSyncQuickResponsesOperator(
            task_id="t", source=source, **{"knowledge_base_id": knowledge_base, **kwargs}
        )

    def rows(*names, content="c"):
        return [{"Name": name, "Content": content} for name in names]

    allowed = policy(WisdomSyncQuickResponsesOperator)
    look = allowed["Always"] | allowed["ReadOne"]
    # A search that lacks some makes the sync read them one by one.
    run(sync(rows("a", "b")))
    fake_wisdom.stale_search(missing=1)
    assert called(lambda: run(sync(rows("a", "c"), mode="plan"))) == look
    fake_wisdom.stale_search()
    assert called(lambda: run(sync(rows("c")))) == look | allowed["Create"]
    assert called(lambda: run(sync(rows("c", content="new")))) == look | allowed["Update"]
    tagged = sync(rows("a", "b"), owner_tag="faq", adopt=True)
    assert called(lambda: run(tagged)) - look == {"wisdom:TagResource"}
    assert called(lambda: run(sync(rows("a"), owner_tag="faq", on_missing="deactivate"))) - look == (
        allowed["Update"] | {"wisdom:TagResource"}
    )
    assert allowed["OwnerTag"] == {"wisdom:TagResource", "wisdom:UntagResource"}
    back = sync(rows("a", "b"), owner_tag="faq")
    assert called(lambda: run(back)) - look == allowed["Update"] | {"wisdom:UntagResource"}
    gone = sync(rows("a"), owner_tag="faq", on_missing="delete")
    assert called(lambda: run(gone)) - look == allowed["Delete"]
    by_instance = sync(rows("a"), knowledge_base_id=None, instance_id=instance)
    assert called(lambda: run(by_instance)) - look == allowed["Instance"]
    from_s3 = sync("s3://bucket/a.csv", on_invalid_rows="skip", mode="plan")
    assert called(lambda: run(from_s3)) - look == allowed["SourceInS3"]
    folder = sync("s3://bucket/*.csv", on_invalid_rows="skip", mode="plan")
    assert called(lambda: run(folder)) - look == allowed["SourceInS3"] | allowed["FilesInS3"]
    reports = {"invalid_rows_path": "s3://bucket/invalid.csv", "plan_path": "s3://bucket/plan.csv"}
    saved = sync([*rows("b"), {"Name": ""}], on_invalid_rows="skip", mode="plan", **reports)
    assert called(lambda: run(saved)) - look == allowed["ReportsInS3"]


def test_a_creation_that_failed_is_deleted_first(fake_wisdom, knowledge_base, called):
    """Whatever becomes of missing ones: who may not delete is left with one that nobody can see."""
    fake_wisdom.fail_quick_responses("create")
    task = WisdomSyncQuickResponsesOperator(
        task_id="t", knowledge_base_id=knowledge_base, source=[{"Name": "a", "Content": "c"}]
    )
    with pytest.raises(WisdomError):
        run(task)
    assert policy(type(task))["Delete"] <= called(lambda: run(task))


ASKS_FOR = {
    WisdomDeleteImportJobOperator: {"import_job_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12},
    WisdomGetImportJobOperator: {"import_job_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12},
    WisdomImportJobSensor: {"import_job_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12},
    WisdomImportQuickResponsesOperator: {"source": []},
    SqlToWisdomOperator: {"sql": "SELECT 'a' AS Name, 'b' AS Content", "sql_conn_id": "db"},
    WisdomStartImportJobOperator: {"source": "none.csv"},
}
"""Task -> what else it takes to get as far as looking up the instance."""


@pytest.mark.parametrize("kind", ASKS_FOR, ids=lambda kind: kind.__name__)
def test_finding_the_knowledge_base_of_an_instance(fake_wisdom, knowledge_base, called, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("AIRFLOW_CONN_DB", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "a.db")}))
    instance = fake_wisdom.create_instance(knowledge_base)

    def look_up():
        task = kind(task_id="t", instance_id=instance, **ASKS_FOR[kind])
        with suppress(WisdomError, FileNotFoundError):  # it has nothing to do but to look up
            run(task)

    seen = {action for action in called(look_up) if action.startswith("connect:")}
    assert seen == policy(kind)["Instance"]


KNOWLEDGE_BASE = "arn:aws:wisdom:<region>:<account>:knowledge-base/<id>"
QUICK_RESPONSES = "arn:aws:wisdom:<region>:<account>:quick-response/<id>/*"
INSTANCE = "arn:aws:connect:<region>:<account>:instance/<instance>"
RESOURCES = {
    "CreateQuickResponse": "*",
    "GetQuickResponse": [KNOWLEDGE_BASE, QUICK_RESPONSES],
    "UpdateQuickResponse": [KNOWLEDGE_BASE, QUICK_RESPONSES],
    "DeleteQuickResponse": [KNOWLEDGE_BASE, QUICK_RESPONSES],
    "TagResource": QUICK_RESPONSES,
    "UntagResource": QUICK_RESPONSES,
    "ListIntegrationAssociations": INSTANCE,
    "ListRoutingProfiles": INSTANCE,
    "SearchRoutingProfiles": [INSTANCE, f"{INSTANCE}/routing-profile/*"],
    "DescribeRoutingProfile": [INSTANCE, f"{INSTANCE}/routing-profile/*"],
    "GetObject": "arn:aws:s3:::<bucket>/<prefix>*",
    "ListBucket": "arn:aws:s3:::<bucket>",
    "PutObject": "arn:aws:s3:::<bucket>/<prefix>*",
}
"""What AWS's Service Authorization Reference checks an action against; any other, against the knowledge base."""
WRITING = {
    "SqlToWisdomOperator",
    "WisdomImportQuickResponsesOperator",
    "WisdomStartImportJobOperator",
    "WisdomSyncQuickResponsesOperator",
}
"""Tasks that write quick responses, or let AWS do so."""


@pytest.mark.parametrize("path", OF_TASKS, ids=lambda path: path.stem)
def test_statements_name_the_resources_that_aws_checks(path):
    for statement in json.loads(path.read_text())["Statement"]:
        assert len({action.partition(":")[0] for action in statement["Action"]}) == 1
        for action in statement["Action"]:
            assert "*" not in action
            assert statement["Resource"] == RESOURCES.get(action.partition(":")[2], KNOWLEDGE_BASE)


@pytest.mark.parametrize("path", OF_TASKS, ids=lambda path: path.stem)
def test_who_writes_may_look_up_routing_profiles_apart_from_the_rest(path):
    """Whether an import needs that is unverified, so whoever does not need it leaves one statement out."""
    statements = {each["Sid"]: each["Action"] for each in json.loads(path.read_text())["Statement"]}
    by_aws = ["connect:SearchRoutingProfiles", "connect:DescribeRoutingProfile"]
    assert {sid for sid, actions in statements.items() if set(actions) & set(by_aws)} == (
        {"RoutingProfiles"} if path.stem in WRITING else set()
    )
    assert statements.get("RoutingProfiles", by_aws) == by_aws


def test_every_statement_is_explained():
    page = (POLICIES.parent / "permissions.md").read_text()
    explained = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    policies = [json.loads(path.read_text()) for path in OF_TASKS]
    assert explained == {statement["Sid"] for policy in policies for statement in policy["Statement"]}


def test_every_policy_is_of_a_task_and_the_other_way_round():
    from airflow_wisdom import operators

    tasks = {*operators.__all__, "WisdomImportJobSensor", "SqlToWisdomOperator"}
    assert {path.stem for path in OF_TASKS} == tasks
    assert {path.stem for path in POLICIES.glob("*.json")} == tasks | OF_COMMANDS.keys()
