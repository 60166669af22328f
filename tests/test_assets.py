"""Knowledge bases as assets: one URI for each, and events that say what was imported."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset, AssetAlias, AssetWatcher
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.sdk.execution_time.context import OutletEventAccessor, OutletEventAccessors
from airflow.sdk.execution_time.task_runner import _serialize_outlet_events
from hypothesis import given
from hypothesis import strategies as st
from rigs.running import GOOD_CSV, FakeTaskInstance, as_raised, resume, run, start_job
from rigs.versions import is_at_least

from airflow_wisdom.assets import create_asset, imports_of, record_import
from airflow_wisdom.exceptions import ImportIncompleteError, ImportJobFailedError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.model.import_job import ImportJob
from airflow_wisdom.model.knowledge_base import FORM, KnowledgeBase
from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.provider_info import get_provider_info
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.triggers import WisdomEndingsTrigger

ID = "bb9da9c5-3ca0-460b-b4b1-384ad7655188"
ARN = f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{ID}"
URI = f"wisdom://123456789012/us-east-1/{ID}"
MEMBERS = st.sampled_from(["extra", "payload", "importJobs", "importJobId", "status"])
ROW = [{"Name": "Hello", "Content": "Hi!"}]


def arn_of(knowledge_base):
    return f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{knowledge_base}"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "responses.csv"
    path.write_bytes(GOOD_CSV)
    return str(path)


def context():
    return {"ti": FakeTaskInstance(), "outlet_events": OutletEventAccessors()}


def events(ctx):
    """The events as a worker reports them to the API server."""
    return json.loads(json.dumps(list(_serialize_outlet_events(ctx["outlet_events"])), allow_nan=False))


def test_an_id_and_an_arn_are_the_same_asset():
    by_id = create_asset(knowledge_base_id=ID, owner="123456789012", region_name="us-east-1", extra={"team": "a"})
    by_arn = create_asset(knowledge_base_id=ARN)
    assert by_id.uri == by_arn.uri == Asset(URI).uri == Asset(f"wisdom://123456789012/us-east-1/{ARN}").uri == URI
    assert by_id.extra == {"team": "a"}
    assert create_asset(knowledge_base_id=ARN, owner="aws_default").uri == f"wisdom://aws_default/us-east-1/{ID}"


def test_an_asset_has_the_name_the_group_and_the_watchers_that_it_is_given():
    watcher = AssetWatcher(name="ended", trigger=WisdomEndingsTrigger(knowledge_base_id=ID))
    asset = create_asset(knowledge_base_id=ARN, name="Support answers", group="Wisdom", watchers=(watcher,))
    assert (asset.name, asset.uri, asset.group, asset.watchers) == ("Support answers", URI, "Wisdom", [watcher])
    plain = create_asset(knowledge_base_id=ARN)
    assert (plain.name, plain.group, plain.watchers) == (Asset(URI).name, Asset(URI).group, [])


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 1501}, {"group": " "}, {"group": "x" * 1501}])
def test_airflow_has_limits_for_names_and_groups(wrong):
    (what,) = wrong
    with pytest.raises(ValueError, match=f"Asset {what} cannot"):
        create_asset(knowledge_base_id=ARN, **wrong)


@pytest.mark.parametrize(
    "uri",
    [
        "wisdom://",
        f"wisdom://{ID}",
        f"wisdom://123456789012/{ID}",
        f"wisdom:///us-east-1/{ID}",
        f"wisdom://123456789012/us-east-1/{ID}/more",
        f"wisdom://123456789012/US EAST/{ID}",
        f"wisdom://aws default/us-east-1/{ID}",
        f"wisdom://123456789012/us-east-1/{ID}?X-Amz-Signature=1",
    ],
)
def test_airflow_refuses_a_bad_uri_and_says_what_a_good_one_is(uri):
    with pytest.raises(ValueError, match="The URI of a knowledge base") as error:
        Asset(uri)
    assert FORM in str(error.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"knowledge_base_id": ID}, "owner and region_name"),
        ({"knowledge_base_id": ID, "owner": "aws_default"}, "owner and region_name"),
        ({"knowledge_base_id": "arn:aws:s3:::bucket"}, "not the ARN of a knowledge base"),
        ({"knowledge_base_id": ARN, "region_name": "eu-west-2"}, "two regions"),
    ],
)
def test_create_asset_wants_all_that_the_uri_holds_and_no_contradiction(given, words):
    with pytest.raises(ValueError, match=words):
        create_asset(**given)


def test_an_arn_in_a_uri_must_not_contradict_it():
    with pytest.raises(ValueError, match="two regions"):
        Asset(f"wisdom://123456789012/eu-west-2/{ARN}")


@pytest.mark.filterwarnings("ignore:ProvidersManager")
def test_airflow_finds_all_that_belongs_to_the_scheme():
    from airflow.providers_manager import ProvidersManager

    (described,) = get_provider_info()["asset-uris"]
    manager = ProvidersManager()
    assert manager.asset_factories["wisdom"] is create_asset
    assert manager.asset_uri_handlers["wisdom"].__name__ == "sanitize_uri"
    dataset = manager.asset_to_openlineage_converters["wisdom"](Asset(URI), None)
    assert (dataset.namespace, dataset.name) == ("wisdom://123456789012/us-east-1", ID)
    assert described["schemes"] == ["wisdom"]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (f"wisdom://aws_default/us-east-1/{ID}", True),
        (f"wisdom://999999999999/us-east-1/{ID}", False),
        (f"wisdom://123456789012/eu-west-2/{ID}", False),
        ("wisdom://123456789012/us-east-1/another", False),
    ],
)
def test_a_connection_may_stand_for_any_account(other, same):
    assert KnowledgeBase.from_uri(URI).is_same_as(KnowledgeBase.from_uri(other)) is same


def test_the_event_says_what_was_imported_and_others_are_left_alone(fake_wisdom, knowledge_base):
    job = WisdomHook().get_import_job(knowledge_base, start_job(fake_wisdom, knowledge_base))
    assert job.url is not None
    asset = create_asset(knowledge_base_id=arn_of(knowledge_base))
    named = Asset("quick responses", uri=asset.uri)
    ctx = context()
    outlets = [Asset("file:///report.csv"), named, AssetAlias("imports"), create_asset(knowledge_base_id=ARN)]
    record_import(ctx, outlets, [job], {"sent": 2, "imported": 2})
    filled, aliased = events(ctx)
    assert filled["dest_asset_key"] == {"name": "quick responses", "uri": asset.uri}
    assert aliased["source_alias_name"] == "imports"
    assert aliased["dest_asset_key"]["uri"] == asset.uri
    assert filled["extra"] == aliased["extra"]
    assert filled["extra"]["records"] == {"sent": 2, "imported": 2}
    assert filled["extra"]["knowledgeBaseId"] == knowledge_base
    (told,) = filled["extra"]["importJobs"]
    assert (told["importJobId"], told["status"]) == (job.import_job_id, "COMPLETE")
    assert "X-Amz" not in json.dumps(events(ctx))


JOB = ImportJob("job", ID, "COMPLETE", knowledge_base_arn=ARN)
SAID = {
    "knowledgeBaseId": ID,
    "knowledgeBaseArn": ARN,
    "status": "COMPLETE",
    "importJobs": [{"importJobId": "job", "status": "COMPLETE", "hasFailedRecordReport": False}],
    "records": {},
}
READ = {**SAID["importJobs"][0], "knowledgeBaseId": ID, "knowledgeBaseArn": ARN}


def test_the_event_of_a_task_says_all_that_each_event_says():
    ctx = context()
    record_import(ctx, [create_asset(knowledge_base_id=ARN)], [JOB])
    (event,) = events(ctx)
    assert event["extra"] == SAID


@pytest.mark.parametrize(
    "event",
    [
        SimpleNamespace(extra=SAID),
        SimpleNamespace(extra={"from_trigger": True, "payload": SAID}),
        {"id": 1, "uri": URI, "extra": SAID, "source_task_id": "import"},
        {"id": 1, "uri": URI, "extra": {"from_trigger": True, "payload": SAID}, "source_task_id": None},
        SAID,
    ],
    ids=["of a task", "of a watcher", "of a task over REST", "of a watcher over REST", "extra"],
)
def test_one_reader_reads_the_imports_of_each_event(event):
    assert imports_of(event) == [READ]


@pytest.mark.parametrize(
    ("extra", "jobs"),
    [
        ({"importJobId": "job", "status": "FAILED", "knowledgeBaseId": ID}, ["job"]),
        ({"from_trigger": True, "payload": {"importJobId": "job"}}, ["job"]),
        ({"importJobs": [{"importJobId": "a"}, {"importJobId": "b"}], "from_rest_api": True}, ["a", "b"]),
        ({"importJobs": [{"importJobId": "a"}, None, "b", {}, {"status": "COMPLETE"}]}, ["a"]),
        ({"importJobs": {"importJobId": "a"}}, []),
        ({"importJobs": None, "importJobId": "a"}, []),
        ({"payload": None}, []),
        ({"payload": "COMPLETE", "importJobId": "a"}, []),
        ({"from_rest_api": True}, []),
        ({"knowledgeBaseId": ID, "status": "COMPLETE", "records": {"created": 3}}, []),
        ({}, []),
        (None, []),
        ("COMPLETE", []),
    ],
)
def test_an_event_that_somebody_else_has_made_is_read_as_far_as_it_goes(extra, jobs):
    for event in (SimpleNamespace(extra=extra), {"extra": extra}, extra):
        read = imports_of(event)
        assert [job["importJobId"] for job in read] == jobs
        assert all(job.keys() >= {"status", "knowledgeBaseId", "knowledgeBaseArn"} for job in read)


@given(extra=st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(MEMBERS, inner)))
def test_no_event_is_too_strange_to_be_read(extra):
    assert all(job["importJobId"] for job in imports_of({"extra": extra}))


def resolving(monkeypatch, asset):
    """Let Airflow know an asset, as the API server would say."""
    found = AssetUniqueKey.from_asset(asset)

    def resolve(self, ref):
        assert ref == Asset.ref(uri=asset.uri)
        return (found, {}) if is_at_least("3.1") else found

    for accessor in (OutletEventAccessor, OutletEventAccessors):
        monkeypatch.setattr(accessor, "_resolve_asset_ref", resolve)


def test_an_alias_gets_the_asset_under_the_name_that_another_dag_gives_it(monkeypatch):
    """Under its URI as a name it would be an asset of its own, which nobody is scheduled on."""
    named = create_asset(knowledge_base_id=ARN, name="Support answers")
    declared, known, unknown = context(), context(), context()
    record_import(declared, [AssetAlias("imports"), named], [JOB])
    record_import(unknown, [AssetAlias("imports")], [JOB])
    resolving(monkeypatch, named)
    record_import(known, [AssetAlias("imports")], [JOB])
    keys = [
        event["dest_asset_key"]
        for ctx in (declared, known, unknown)
        for event in events(ctx)
        if event.get("source_alias_name")
    ]
    assert [key["name"] for key in keys] == ["Support answers", "Support answers", URI]
    assert {key["uri"] for key in keys} == {URI}


@pytest.mark.airflow("3.1", because="what resolves a reference returns something else in 3.0")
def test_a_reference_to_the_asset_is_an_outlet_as_well(monkeypatch):
    asset = Asset(URI)
    found = (AssetUniqueKey.from_asset(asset), {})
    monkeypatch.setattr(OutletEventAccessors, "_resolve_asset_ref", lambda self, ref: found)
    job = ImportJob("job", ID, "COMPLETE", knowledge_base_arn=ARN)
    for reference in (Asset.ref(uri=URI), Asset.ref(name=URI)):
        ctx = context()
        record_import(ctx, [reference, Asset.ref(name="other")], [job])
        assert [event["extra"]["knowledgeBaseId"] for event in events(ctx)] == [ID]


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_import_fills_its_event_also_after_a_deferral(fake_wisdom, knowledge_base, source, deferrable):
    from airflow.providers.common.compat.sdk import TaskDeferred

    fake_wisdom.import_jobs(after_calls=2)
    asset = create_asset(knowledge_base_id=arn_of(knowledge_base))
    task = WisdomStartImportJobOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=source,
        deferrable=deferrable,
        poll_interval=0.01,
        outlets=[asset, AssetAlias("imports")],
    )
    ctx = context()
    try:
        returned = task.execute(ctx)
    except TaskDeferred as deferred:
        assert deferrable
        assert events(ctx) == []
        # What a worker has when the task comes back.
        ctx = context()
        returned = resume(task, deferred, ctx)
    assert [event["extra"]["importJobs"][0]["importJobId"] for event in events(ctx)] == [returned["importJobId"]] * 2


def test_an_import_of_many_files_is_one_event_with_its_numbers(fake_wisdom, knowledge_base):
    asset = create_asset(knowledge_base_id=arn_of(knowledge_base))
    rows = [{"Name": f"name {n}", "Content": "text"} for n in range(101)]
    task = WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=[*rows, {"Name": "", "Content": "text"}],
        on_invalid_rows="skip",
        poll_interval=0.01,
        outlets=[asset],
    )
    ctx = context()
    task.execute(ctx)
    (event,) = events(ctx)
    assert len(event["extra"]["importJobs"]) == 2
    assert event["extra"]["records"] == {"sent": 101, "imported": 101, "refused": 0, "invalid": 1}
    again = context()
    again["ti"].run_id = "tomorrow"
    with pytest.raises(ImportIncompleteError), as_raised():  # the same names once more: every row is refused
        task.execute(again)
    assert events(again) == []


def test_a_cleared_import_that_finds_every_row_there_fills_its_event_too(fake_wisdom, knowledge_base):
    """Also without any job, and whoever waits for the asset may not have heard of it yet."""
    rows = [{"Name": f"name {n}", "Content": "text"} for n in range(3)]
    outlets = [create_asset(knowledge_base_id=arn_of(knowledge_base)), AssetAlias("imports")]
    task = WisdomImportQuickResponsesOperator(
        task_id="import", knowledge_base_id=knowledge_base, source=rows, poll_interval=0.01, outlets=outlets
    )
    task.execute(context())
    cleared = {**context(), "ti": FakeTaskInstance(2, max_tries=1)}
    task.execute(cleared)
    records = {"sent": 0, "imported": 0, "refused": 0, "invalid": 0, "present": 3}
    said = {"status": "COMPLETE", "importJobs": [], "records": records}
    extra = {"knowledgeBaseId": knowledge_base, "knowledgeBaseArn": arn_of(knowledge_base), **said}
    assert [event["extra"] for event in events(cleared)] == [extra] * 2
    lineage = task.get_openlineage_facets_on_complete(None)
    assert [output.name for output in lineage.outputs] == [knowledge_base]
    assert lineage.run_facets["wisdom_import"].records == records


def test_a_cleared_import_that_succeeds_says_so_though_its_job_failed(fake_wisdom, knowledge_base):
    """AWS refused all that was left to send, and that is tolerated."""
    fake_wisdom.partly_failed("COMPLETE")
    client = fake_wisdom.client()
    client.create_quick_response(
        knowledgeBaseId=knowledge_base, name="Somebody else's", content={"content": "x"}, shortcutKey="key"
    )
    outlets = [create_asset(knowledge_base_id=arn_of(knowledge_base))]
    task = WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=[{"Name": "a", "Content": "x"}, {"Name": "b", "Content": "x", "Shortcut key": "key"}],
        poll_interval=0.01,
        on_failed_records="warn",
        outlets=outlets,
    )
    task.execute(context())
    cleared = {**context(), "ti": FakeTaskInstance(2, max_tries=1)}
    task.execute(cleared)
    (event,) = events(cleared)
    assert (event["extra"]["status"], event["extra"]["records"]["refused"]) == ("COMPLETE", 1)
    assert [job["status"] for job in imports_of(event)] == ["FAILED"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_failed_import_says_nothing(fake_wisdom, knowledge_base, source, deferrable):
    from airflow.providers.common.compat.sdk import TaskDeferred

    fake_wisdom.import_jobs(after_calls=2, status="FAILED")
    task = WisdomStartImportJobOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=source,
        deferrable=deferrable,
        poll_interval=0.01,
        outlets=[AssetAlias("imports")],
    )
    ctx = context()

    def to_the_end():
        try:
            task.execute(ctx)
        except TaskDeferred as deferred:
            resume(task, deferred, ctx)

    with pytest.raises(ImportJobFailedError):
        to_the_end()
    assert events(ctx) == []


def test_who_does_not_wait_or_changes_nothing_says_nothing(fake_wisdom, knowledge_base, source):
    job = start_job(fake_wisdom, knowledge_base)
    which = {"knowledge_base_id": knowledge_base, "import_job_id": job}
    outlets = [create_asset(knowledge_base_id=arn_of(knowledge_base)), AssetAlias("imports")]
    for task in (
        WisdomStartImportJobOperator(
            task_id="start",
            knowledge_base_id=knowledge_base,
            source=source,
            wait_for_completion=False,
            outlets=outlets,
        ),
        WisdomGetImportJobOperator(task_id="get", outlets=outlets, **which),
        WisdomImportJobSensor(task_id="wait", outlets=outlets, **which),
        WisdomDeleteImportJobOperator(task_id="delete", outlets=outlets, **which),
    ):
        ctx = context()
        task.execute(ctx)
        assert events(ctx) == []


@pytest.mark.parametrize("first", [True, False])
def test_a_sync_fills_its_event_also_for_an_empty_knowledge_base_that_is_given_by_id(
    fake_wisdom, knowledge_base, first
):
    """Of which the first answer to a creation says in whose account it is."""
    if not first:
        run(WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=ROW))
    asset = create_asset(knowledge_base_id=arn_of(knowledge_base))
    task = WisdomSyncQuickResponsesOperator(
        task_id="sync", knowledge_base_id=knowledge_base, source=ROW, outlets=[asset, AssetAlias("syncs")]
    )
    ctx = context()
    task.execute(ctx)
    filled, aliased = events(ctx)
    assert filled["extra"] == aliased["extra"]
    assert aliased["dest_asset_key"]["uri"] == asset.uri
    records = filled["extra"]["records"]
    assert (records["created"], records["unchanged"]) == ((1, 0) if first else (0, 1))
    assert filled["extra"]["status"] == "COMPLETE"


@pytest.mark.parametrize("is_empty", [True, False])
def test_the_event_of_a_plan_says_that_it_was_a_plan(fake_wisdom, knowledge_base, caplog, is_empty):
    """Airflow fires one for each outlet of a task that succeeds."""
    if not is_empty:
        run(WisdomSyncQuickResponsesOperator(task_id="first", knowledge_base_id=knowledge_base, source=ROW))
    asset = create_asset(knowledge_base_id=arn_of(knowledge_base))
    task = WisdomSyncQuickResponsesOperator(
        task_id="sync",
        knowledge_base_id=knowledge_base,
        source=[{"Name": "Bye", "Content": "So long!"}],
        outlets=[asset, AssetAlias("syncs"), create_asset(knowledge_base_id=ARN)],
        mode="plan",
    )
    ctx = context()
    assert task.execute(ctx)["rowsPlanned"] == 1
    (event,) = events(ctx)
    assert event["dest_asset_key"]["uri"] == asset.uri
    assert event["extra"] == {
        "knowledgeBaseId": knowledge_base,
        "knowledgeBaseArn": None if is_empty else arn_of(knowledge_base),
        "status": "PLANNED",
        "importJobs": [],
        "records": {},
    }
    assert imports_of(event) == []
    assert "give outlets to the task that applies it" in caplog.text


def test_a_sync_that_finds_nothing_to_do_says_so_also_where_the_account_is_not_known(fake_wisdom, knowledge_base):
    asset = create_asset(knowledge_base_id=arn_of(knowledge_base))
    task = WisdomSyncQuickResponsesOperator(
        task_id="sync", knowledge_base_id=knowledge_base, source=[], outlets=[asset, AssetAlias("syncs")]
    )
    ctx = context()
    task.execute(ctx)
    (event,) = events(ctx)
    assert (event["extra"]["status"], event["extra"]["records"]["created"]) == ("COMPLETE", 0)
