"""What an export writes, a person and a sync can read; nothing of it gets lost."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from rigs.running import run

from airflow_wisdom.exceptions import (
    AccessDeniedError,
    InvalidRowsError,
    ResourceNotFoundError,
    RunTimeoutError,
    StorageError,
    TemplateMismatchError,
)
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.model.quick_response import MARKDOWN, PLAIN, QuickResponse
from airflow_wisdom.operators import WisdomExportQuickResponsesOperator, WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows.template import LABELS
from airflow_wisdom.runs.export import Export, ExportOptions
from airflow_wisdom.runs.plan import OWNER
from airflow_wisdom.runs.run import Origin, Run
from airflow_wisdom.runs.sync import Sync, SyncOptions
from airflow_wisdom.sources import FileSource
from airflow_wisdom.storage import Storage
from airflow_wisdom.testing import FakeWisdom

ROOT = Path(__file__).parent.parent
READABLE = ["Billing", "Basic Routing Profile", "Größe", "NULL"]
UNREADABLE = ["Sales, EMEA", "a;b", "a|b", " Spaces "]
PROFILES = [*READABLE, *UNREADABLE]
WRITES = ("CreateQuickResponse", "UpdateQuickResponse", "DeleteQuickResponse", "TagResource", "UntagResource")
MADE = {"name": "hello", "content": {"content": "Hello!"}, "isActive": True, "contentType": MARKDOWN}


def put(fake, knowledge_base, *items):
    """Create quick responses, and return their ids."""
    client = fake.client()
    made = [client.create_quick_response(knowledgeBaseId=knowledge_base, **{**MADE, **item}) for item in items]
    return [one["quickResponse"]["quickResponseId"] for one in made]


def export(path, **which):
    """Export with the operator, and return the summary."""
    return run(WisdomExportQuickResponsesOperator(task_id="export", path=str(path), **which))


def sync(path, **how):
    """Sync with the operator, and return the summary."""
    return run(WisdomSyncQuickResponsesOperator(task_id="sync", source=str(path), **how))


def writes(fake):
    return Counter(call["operation"] for call in fake.history() if call["operation"] in WRITES and call["effect"])


def state(fake, knowledge_base, names=None):
    """What a knowledge base says, by name; routing profiles by `names`, which differ in each instance."""
    found = {}
    for one in fake.quick_responses(knowledge_base):
        values = QuickResponse.from_response(one).values
        profiles = sorted((names or {}).get(arn, arn) for arn in values["routingProfiles"])
        found[values["name"]] = {**values, "routingProfiles": profiles}
    return found


def rows(path):
    """The rows of a CSV, by the csv module itself."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# What is in the file


def test_a_csv_has_the_labels_of_the_template_and_is_sorted_by_name(fake_wisdom, knowledge_base, tmp_path):
    everything = {"shortcutKey": "/b", "description": "d", "channels": ["Email", "Chat"], "language": "en_US"}
    put(
        fake_wisdom, knowledge_base, {"name": "b", **everything}, {"name": "a", "contentType": PLAIN, "isActive": False}
    )
    summary = export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    assert summary == {
        "summaryVersion": 1,
        "summaryKind": "export",
        "knowledgeBaseId": knowledge_base,
        "status": "COMPLETE",
        "itemsExported": 2,
        "itemsUnrestorable": 0,
        "path": str(tmp_path / "a.csv"),
        "unrestorable": [],
    }
    first, second = rows(tmp_path / "a.csv")
    assert list(first) == [*LABELS, "_export"]
    assert {label: cell for label, cell in first.items() if cell} == {
        "Name": "a",
        "Content": "Hello!",
        "Content type": "plain",
        "Is active": "No",
        "_export": "1",
    }
    assert second == {
        "Name": "b",
        "Description": "d",
        "Content": "Hello!",
        "Content type": "markdown",
        "Shortcut key": "/b",
        "Channels": "Chat;Email",
        "Language": "en_US",
        "Is active": "Yes",
        "Routing Profile": "",
        "_export": "1",
    }


def test_json_lines_have_lists_booleans_and_null(fake_wisdom, knowledge_base, tmp_path):
    put(fake_wisdom, knowledge_base, {"name": "Grüße", "channels": ["Chat"]})
    export(tmp_path / "a.jsonl", knowledge_base_id=knowledge_base)
    (line,) = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert '"Grüße"' in line
    assert json.loads(line) == {
        "Name": "Grüße",
        "Description": None,
        "Content": "Hello!",
        "Content type": "markdown",
        "Shortcut key": None,
        "Channels": ["Chat"],
        "Language": None,
        "Is active": True,
        "Routing Profile": [],
        "_export": True,
    }


def test_a_csv_tells_excel_its_encoding(fake_wisdom, knowledge_base, tmp_path):
    """Without a byte-order mark Excel shows, and saves, ü as two other letters."""
    put(fake_wisdom, knowledge_base, {"name": "Grüße"})
    export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    assert (tmp_path / "a.csv").read_bytes().startswith("\ufeffName,".encode())


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_two_exports_of_one_state_are_equal_byte_for_byte(fake_wisdom, knowledge_base, tmp_path, name):
    names = ["b", "a", "C", "ä"]
    other = fake_wisdom.create_knowledge_base("other")
    put(fake_wisdom, knowledge_base, *({"name": one} for one in names))
    put(fake_wisdom, other, *({"name": one} for one in reversed(names)))
    export(tmp_path / "1" / name, knowledge_base_id=knowledge_base)
    export(tmp_path / "2" / name, knowledge_base_id=other)
    assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_routing_profiles_are_written_by_name_where_that_reads_back(fake_wisdom, knowledge_base, tmp_path):
    instance = fake_wisdom.create_instance(knowledge_base, PROFILES)
    arns = AwsConnection().hook().routing_profiles(instance)
    put(fake_wisdom, knowledge_base, {"groupingConfiguration": grouping(arns.values())})
    export(tmp_path / "a.csv", instance_id=instance)
    (row,) = rows(tmp_path / "a.csv")
    by_arn = [arns[name] for name in UNREADABLE]
    assert row["Routing Profile"].split(";") == sorted([*READABLE, *by_arn])
    export(tmp_path / "b.csv", knowledge_base_id=knowledge_base)
    assert rows(tmp_path / "b.csv")[0]["Routing Profile"].split(";") == sorted(arns.values())


def grouping(arns):
    return {"criteria": "RoutingProfileArn", "values": list(arns)}


def test_an_owner_tag_chooses_what_is_exported(fake_wisdom, knowledge_base, tmp_path):
    put(
        fake_wisdom, knowledge_base, {"name": "ours", "tags": {OWNER: "faq"}}, {"name": "other", "tags": {OWNER: "crm"}}
    )
    put(fake_wisdom, knowledge_base, {"name": "nobody's"})
    export(tmp_path / "a.csv", knowledge_base_id=knowledge_base, owner_tag="faq")
    assert [row["Name"] for row in rows(tmp_path / "a.csv")] == ["ours"]


def test_what_was_never_made_is_left_out_and_what_is_being_changed_is_waited_for(fake_wisdom, knowledge_base, tmp_path):
    fake_wisdom.fail_quick_responses("create")
    put(fake_wisdom, knowledge_base, {"name": "never"})
    (slow, gone) = put(fake_wisdom, knowledge_base, {"name": "slow"}, {"name": "gone"})
    fake_wisdom.quick_response_changes(after_calls=1)
    client = fake_wisdom.client()
    client.update_quick_response(knowledgeBaseId=knowledge_base, quickResponseId=slow, content={"content": "new"})
    client.delete_quick_response(knowledgeBaseId=knowledge_base, quickResponseId=gone)
    summary = export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    assert [(row["Name"], row["Content"]) for row in rows(tmp_path / "a.csv")] == [("slow", "new")]
    assert summary["itemsExported"] == 1


def test_an_export_of_400_makes_as_many_calls_as_there_are_pages(fake_wisdom, knowledge_base, tmp_path):
    put(fake_wisdom, knowledge_base, *({"name": f"n{n}"} for n in range(400)))
    before = Counter(fake_wisdom.calls())
    export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    assert Counter(fake_wisdom.calls()) - before == {"ListQuickResponses": 4, "SearchQuickResponses": 4}


# There and back


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
awkward = st.sampled_from(
    [
        "NULL", "\\N", "None", "nan", "=1+1", "+49 30", "-", "@home", "{{Attributes.Name}}", "{{ ds }}", "two\r\nlines",
        "one\nline", "old\rmac", 'quo"te', '"', "''", "a,b;c|d\te", "\\", "\\n", " leading", "trailing ", "ümlaut",
        "\ufeffmark", "\u2028", "\x85", "\x0b", "\x1a", "😀", "e\u0301", "\ufffd", "sep=;", "[]", "{}", "true", "Yes",
        "'=1", "''-", "'tis", "<NA>", "#N/A", "#REF!", "<replace: x> y", "\uff1d1",
        "0", PLAIN, "plain", "_line",
    ]
)  # fmt: skip
names = (texts | awkward).filter(lambda text: text == text.strip() and text.isprintable())


@st.composite
def worlds(draw):
    """Quick responses of any kind; names and shortcut keys are unique."""
    items = []
    keys = draw(st.lists(names.map(lambda text: text[:10].strip()).filter(bool), unique=True, max_size=5))
    for name in draw(st.lists(names, unique=True, max_size=5)):
        item = {"name": name, "content": {"content": draw((texts | awkward).filter(lambda text: not text.isspace()))}}
        optional = {
            "description": texts | awkward | st.just("   "),
            "channels": st.lists(st.sampled_from(["Chat", "Email"]), unique=True, min_size=1),
            "language": st.sampled_from(["en_US", "de_DE"]),
            "contentType": st.sampled_from([PLAIN, MARKDOWN]),
            "profiles": st.lists(st.sampled_from(PROFILES), unique=True, min_size=1),
        }
        for member in draw(st.sets(st.sampled_from(sorted(optional)))):
            item[member] = draw(optional[member])
        item |= {"shortcutKey": keys.pop()} if keys and draw(st.booleans()) else {}
        items.append({**item, "isActive": draw(st.booleans())})
    return items


@contextmanager
def world():
    """A fake service of its own: hypothesis runs many examples in one test."""
    with mock_aws(), TemporaryDirectory() as folder:
        yield FakeWisdom(), Path(folder)


@pytest.fixture(scope="module")
def hook():
    """One for all examples: making a client takes longer than all that it does in one of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield AwsConnection(aws_conn_id=None, region_name="us-east-1").hook()


def export_file(hook, path, knowledge_base, routing_profiles=None):
    """Export without Airflow, and return the summary."""
    options = ExportOptions(str(path)).checked()
    with Export(hook, knowledge_base, options, Storage(), time.time() + 60) as running:
        plan = running.plan(routing_profiles)
        running.check(plan)
        running.apply(plan)
        return running.account(plan).summary()


def sync_file(hook, path, knowledge_base, routing_profiles=None):
    """Sync without Airflow, and return the summary."""
    run = Run(Origin.of_command("table"), time.time() + 60)
    with Sync(hook, knowledge_base, SyncOptions().checked(), Storage(), run) as running:
        planned = running.plan(FileSource(str(path), Storage()), routing_profiles)
        running.check(planned)
        account = running.account(planned, running.apply(planned))
        account.judge("fail")
        return account.summary()


EVERY_AWKWARD_TEXT = [
    {"name": f"n{number}", "content": {"content": text}, "description": text, "isActive": True}
    for number, text in enumerate(awkward.elements)
    if not text.isspace()
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(items=worlds(), ending=st.sampled_from(["csv", "jsonl", "txt"]), by_name=st.booleans())
@example(items=EVERY_AWKWARD_TEXT, ending="csv", by_name=True)
@example(items=EVERY_AWKWARD_TEXT, ending="jsonl", by_name=True)
@example(items=[], ending="jsonl", by_name=True)
def test_what_is_exported_comes_back_as_it_was(hook, items, ending, by_name):
    with world() as (fake, folder):
        source, target = fake.create_knowledge_base("test"), fake.create_knowledge_base("production")
        there, other = (hook.routing_profiles(fake.create_instance(base, PROFILES)) for base in (source, target))
        for item in items:
            hook.conn.create_quick_response(knowledgeBaseId=source, **request(item, there))
        path = folder / f"export.{ending}"
        summary = export_file(hook, path, source, there if by_name else None)
        assert (summary["itemsExported"], summary["unrestorable"]) == (len(items), [])
        done = writes(fake)
        again = sync_file(hook, path, source, there if by_name else None)
        assert (again["rowsUnchanged"], writes(fake)) == (len(items), done)
        # What is written by ARN means nothing in another instance.
        if by_name and not any(name in UNREADABLE for item in items for name in item.get("profiles", [])):
            assert sync_file(hook, path, target, other)["rowsCreated"] == len(items)
            assert state(fake, target, names_of(other)) == state(fake, source, names_of(there))


def request(item, profiles):
    """What CreateQuickResponse is asked for."""
    arns = [profiles[name] for name in item.get("profiles", [])]
    members = {**item, **({"groupingConfiguration": grouping(arns)} if arns else {})}
    return {member: value for member, value in members.items() if member != "profiles"}


def names_of(profiles):
    return {arn: name for name, arn in profiles.items()}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_sync_with_a_template_of_its_own_reads_it(fake_wisdom, knowledge_base, tmp_path, kind):
    instance = fake_wisdom.create_instance(knowledge_base, READABLE)
    arns = AwsConnection().hook().routing_profiles(instance)
    put(fake_wisdom, knowledge_base, {"groupingConfiguration": grouping(arns.values()), "shortcutKey": "hi"})
    export(tmp_path / f"a.{kind}", instance_id=instance)
    template = {f"Label {number}": name for number, name in enumerate(LABELS.values())}
    summary = sync(tmp_path / f"a.{kind}", instance_id=instance, import_template=template)
    assert (summary["rowsUnchanged"], summary["plan"]["unremovable"]) == (1, 0)


def test_a_template_without_one_of_the_fields_says_which(fake_wisdom, knowledge_base, tmp_path):
    put(fake_wisdom, knowledge_base, {})
    export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    which = {"knowledge_base_id": knowledge_base, "import_template": ["Name", "Content"]}
    with pytest.raises(TemplateMismatchError, match='does not have: "Description", "Content type"'):
        sync(tmp_path / "a.csv", **which)
    assert sync(tmp_path / "a.csv", **which, extra_columns="ignore")["rowsUnchanged"] == 1


def test_a_profile_by_arn_is_refused_by_another_instance_before_anything_is_written(fake_wisdom, tmp_path):
    bases = [fake_wisdom.create_knowledge_base(name) for name in ("test", "production")]
    test, production = (fake_wisdom.create_instance(base, ["a;b"]) for base in bases)
    arns = AwsConnection().hook().routing_profiles(test)
    put(fake_wisdom, bases[0], {"groupingConfiguration": grouping(arns.values())})
    export(tmp_path / "a.csv", instance_id=test)
    with pytest.raises(InvalidRowsError, match="is not a routing profile of the instance"):
        sync(tmp_path / "a.csv", instance_id=production)
    assert fake_wisdom.quick_responses(bases[1]) == []


def test_a_csv_is_safe_to_open_and_can_be_edited_in_a_spreadsheet(fake_wisdom, knowledge_base, tmp_path):
    """A spreadsheet shows the apostrophe and keeps it; a row that is added has no mark, and NULL in it is nothing."""
    put(fake_wisdom, knowledge_base, {"name": "=1+1", "description": "NULL"}, {"name": "'tis"})
    export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    assert [row["Name"] for row in rows(tmp_path / "a.csv")] == ["'tis", "'=1+1"]
    with (tmp_path / "a.csv").open("a", newline="") as file:
        csv.DictWriter(file, [*LABELS, "_export"]).writerow({"Name": "new", "Content": "x", "Description": "NULL"})
    summary = sync(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    assert (summary["rowsUnchanged"], summary["rowsCreated"], summary["cellsNull"]) == (2, 1, 1)
    assert state(fake_wisdom, knowledge_base)["new"]["description"] is None


# What does not come back


UNRESTORABLE = {
    "Name": [({"name": " a"}, 'would be read as "a"'), ({"name": "a\nb"}, "line breaks")],
    "Shortcut key": [({"shortcutKey": "a "}, 'would be read as "a"')],
    "Content": [({"content": {"content": "  "}}, "is required, but empty")],
    "Language": [({"language": "nl_NL"}, "must be one of")],
    "Routing Profile": [
        ({"groupingConfiguration": grouping(["arn:gone"])}, "is not a routing profile of the instance")
    ],
}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("column", "item", "reason"), [(column, *case) for column, cases in UNRESTORABLE.items() for case in cases]
)
def test_what_a_sync_would_read_otherwise_is_named(
    fake_wisdom, knowledge_base, tmp_path, caplog, column, item, reason, kind
):
    instance = fake_wisdom.create_instance(knowledge_base, READABLE)
    fake_wisdom.check_routing_profiles(False)
    put(fake_wisdom, knowledge_base, item, {"name": "z"})
    summary = export(tmp_path / f"a.{kind}", instance_id=instance)
    assert (summary["itemsExported"], summary["itemsUnrestorable"]) == (2, 1)
    (mistake,) = summary["unrestorable"]
    assert (mistake["line"], mistake["column"]) == (2 if kind == "csv" else 1, column)
    assert mistake["name"] not in (None, "z")
    assert reason in mistake["reason"]
    assert "1 of 2 quick responses" in caplog.text


def test_a_nul_spoils_its_own_value_and_not_the_file(fake_wisdom, knowledge_base, tmp_path):
    """No reader takes a CSV with a NUL in it."""
    put(fake_wisdom, knowledge_base, {"description": "a\0b"}, {"name": "z"})
    for name in ("a.csv", "a.jsonl"):
        summary = export(tmp_path / name, knowledge_base_id=knowledge_base)
        assert [mistake["column"] for mistake in summary["unrestorable"]] == ["Description"]
    assert [row["Description"] for row in rows(tmp_path / "a.csv")] == ["a\\x00b", ""]
    assert json.loads((tmp_path / "a.jsonl").read_text().splitlines()[0])["Description"] == "a\0b"


def test_values_are_kept_out_of_log_and_xcom_if_so_wished(fake_wisdom, knowledge_base, tmp_path, caplog):
    put(fake_wisdom, knowledge_base, {"name": " secret"})
    summary = export(tmp_path / "a.csv", knowledge_base_id=knowledge_base, sample_size=0)
    assert (summary["itemsUnrestorable"], summary["unrestorable"]) == (1, [])
    assert "secret" not in caplog.text


# Where it goes, and what stands in the way


def test_an_export_goes_to_amazon_s3(fake_wisdom, knowledge_base):
    s3 = fake_wisdom.client("s3")
    s3.create_bucket(Bucket="bucket")
    put(fake_wisdom, knowledge_base, {})
    assert export("s3://bucket/backups/a.csv", knowledge_base_id=knowledge_base)["path"] == "s3://bucket/backups/a.csv"
    assert s3.get_object(Bucket="bucket", Key="backups/a.csv")["Body"].read().startswith("\ufeffName,".encode())


def test_weather_is_waited_out(fake_wisdom, knowledge_base, tmp_path, virtual_time):
    put(fake_wisdom, knowledge_base, {})
    fake_wisdom.fault("SearchQuickResponses", "ThrottlingException", http_status=429, times=2)
    assert export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)["itemsExported"] == 1


def task(path, **how):
    return WisdomExportQuickResponsesOperator(task_id="export", path=str(path), **how)


def test_a_file_stays_if_the_knowledge_base_cannot_be_read(fake_wisdom, knowledge_base, tmp_path):
    (tmp_path / "a.csv").write_text("yesterday's")
    fake_wisdom.fault("ListQuickResponses", "AccessDeniedException", http_status=403)
    with pytest.raises(AccessDeniedError):
        export(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    fake_wisdom.clear_faults()
    with pytest.raises(RunTimeoutError, match="was not exported in time"):
        export(tmp_path / "a.csv", knowledge_base_id=knowledge_base, timeout=timedelta(microseconds=1))
    with pytest.raises(ResourceNotFoundError):
        export(tmp_path / "a.csv", instance_id=fake_wisdom.create_instance())
    assert (tmp_path / "a.csv").read_text() == "yesterday's"


def test_a_killed_export_replaces_no_file(fake_wisdom, knowledge_base, tmp_path, hook):
    (tmp_path / "a.csv").write_text("yesterday's")
    killed = task(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    with killed._new_export(time.time() + 60) as running:
        plan = running.plan()
        killed.on_kill()
        with pytest.raises(RunTimeoutError, match="because the task was ended"):
            running.apply(plan)
    assert (tmp_path / "a.csv").read_text() == "yesterday's"


def test_a_file_that_cannot_be_written_is_named(fake_wisdom, knowledge_base):
    with pytest.raises(StorageError, match=r"s3://none/a\.csv cannot be written"):
        export("s3://none/a.csv", knowledge_base_id=knowledge_base)


@pytest.mark.parametrize("path", [None, "", 1])
def test_a_path_has_to_be_one(fake_wisdom, knowledge_base, path):
    exporting = WisdomExportQuickResponsesOperator(task_id="export", path=path, knowledge_base_id=knowledge_base)
    with pytest.raises(ValueError, match="path must be a path or a URI"):
        run(exporting)


# Lineage


def test_lineage_leads_from_the_knowledge_base_to_the_file(fake_wisdom, knowledge_base, tmp_path):
    put(fake_wisdom, knowledge_base, {}, {"name": "b"})
    exporting = task(tmp_path / "a.csv", knowledge_base_id=knowledge_base)
    run(exporting)
    lineage = exporting.get_openlineage_facets_on_complete(None)
    assert [(each.namespace, each.name) for each in lineage.inputs] == [
        ("wisdom://123456789012/us-east-1", knowledge_base)
    ]
    (file,) = lineage.outputs
    assert (file.namespace, file.name) == ("file", str(tmp_path / "a.csv"))
    assert file.outputFacets["outputStatistics"].rowCount == 2


def test_lineage_of_an_export_that_failed_tells_what_is_known(tmp_path):
    lineage = task("s3://user:secret@bucket/a.csv", knowledge_base_id="kb").get_openlineage_facets_on_complete(None)
    assert lineage.inputs == []
    assert [(each.namespace, each.name) for each in lineage.outputs] == [("s3://bucket", "a.csv")]
    assert lineage.outputs[0].outputFacets == {}


# The docs and the example


def test_the_summary_has_the_members_that_the_docs_show(fake_wisdom, knowledge_base, tmp_path):
    put(fake_wisdom, knowledge_base, {"name": "Opening hours (nl)", "language": "nl_NL"})
    (shown,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/guides/export.md").read_text(), re.DOTALL)
    summary, shown = export(tmp_path / "a.jsonl", knowledge_base_id=knowledge_base), json.loads(shown)
    assert summary.keys() == shown.keys()
    (mistake,), (in_docs,) = summary["unrestorable"], shown["unrestorable"]
    assert mistake == {**in_docs, "line": 1}


def tables(fake, *instances):
    """What each instance says, its routing profiles by name."""
    hook = AwsConnection().hook()
    for instance in instances:
        yield state(
            fake, hook.find_knowledge_base(instance).rpartition("/")[2], names_of(hook.routing_profiles(instance))
        )


@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_the_example_makes_production_say_what_the_test_instance_says(
    airflow_database, fake_wisdom_over_http, monkeypatch, tmp_path
):
    fake = fake_wisdom_over_http
    bases = [fake.create_knowledge_base(name, samples=True) for name in ("test", "production")]
    test, production = (fake.create_instance(base, READABLE) for base in bases)
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    connection["extra"] |= {"test_instance_id": test, "production_instance_id": production, "exports": str(tmp_path)}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.syspath_prepend(str(ROOT / "dags_examples"))
    profiles = AwsConnection().hook().routing_profiles(test)
    (there, gone) = put(fake, bases[0], {"groupingConfiguration": grouping(profiles.values())}, {"name": "gone"})
    put(fake, bases[1], {"name": "by hand"})
    dag, today = import_module("promote_quick_responses").dag, datetime.now(timezone.utc)
    assert dag.test(run_after=today - timedelta(days=1)).state == "success"
    before, after = tables(fake, test, production)
    by_hand = after.pop("by hand")
    assert after == before
    client = fake.client()
    client.update_quick_response(
        knowledgeBaseId=bases[0], quickResponseId=there, content={"content": "{{Attributes.A}}"}
    )
    client.delete_quick_response(knowledgeBaseId=bases[0], quickResponseId=gone)
    assert dag.test(run_after=today).state == "success"
    before, after = tables(fake, test, production)
    assert (after.pop("by hand"), after.pop("gone")["isActive"]) == (by_hand, False)
    assert after == before
    assert len(list(tmp_path.glob("quick-responses-*.csv"))) == 2


@pytest.mark.parametrize("ending", ["csv", "jsonl", "ndjson", "json"])
@pytest.mark.parametrize("owner_tag", [None, "nobody"])
def test_an_export_of_nothing_is_a_file_that_a_sync_reads(fake_wisdom, knowledge_base, tmp_path, ending, owner_tag):
    if owner_tag:
        fake_wisdom.client().create_quick_response(knowledgeBaseId=knowledge_base, name="a", content={"content": "x"})
    path = str(tmp_path / f"nothing.{ending}")
    where = {"task_id": "t", "knowledge_base_id": knowledge_base}
    export = WisdomExportQuickResponsesOperator(**where, path=path, owner_tag=owner_tag)
    assert run(export)["itemsExported"] == 0
    assert run(WisdomSyncQuickResponsesOperator(**where, source=path))["rowsRead"] == 0
