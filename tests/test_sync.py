"""The operator that keeps quick responses in line with a table: what it writes and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from contextlib import closing

import pytest
from rigs.network import after_call
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import (
    InvalidRowsError,
    ParameterError,
    PlanChangedError,
    RunTimeoutError,
    StorageError,
    SyncIncompleteError,
    UnsafePlanError,
)
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows.preparing import Sifted
from airflow_wisdom.runs.changes import Change, ChangeEnd
from airflow_wisdom.runs.plan import DEACTIVATED, OWNER, SyncPlan
from airflow_wisdom.runs.steps import MOVING
from airflow_wisdom.runs.sync import Planned, SyncAccount
from airflow_wisdom.sources import SqlSource

pytestmark = pytest.mark.usefixtures("virtual_time")

WRITES = {"CreateQuickResponse", "UpdateQuickResponse", "DeleteQuickResponse", "TagResource", "UntagResource"}
FAQ = {"owner_tag": "faq"}


def task(knowledge_base, source, **kwargs):
    return WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=source, **kwargs)


def sync(knowledge_base, source, **kwargs):
    return run(task(knowledge_base, source, **kwargs))


def rows_of(number, **more):
    return [{"Name": f"n{n}", "Content": f"text {n}", **more} for n in range(number)]


def there(fake, knowledge_base):
    return {one["name"]: one for one in fake.quick_responses(knowledge_base)}


def calls_since(fake, before):
    """Calls by operation, since an earlier count."""
    return {name: count - before.get(name, 0) for name, count in fake.calls().items() if count > before.get(name, 0)}


def writes_since(fake, before):
    return {name: count for name, count in calls_since(fake, before).items() if name in WRITES}


# What it writes, and what it costs


def test_day_one_day_two_and_a_day_with_nothing_to_do(fake_wisdom, knowledge_base, service_name):
    rows = rows_of(5)
    summary = sync(knowledge_base, rows, service_name=service_name)
    assert (summary["status"], summary["rowsCreated"], summary["rowsUnchanged"]) == ("COMPLETE", 5, 0)
    rows[0]["Content"] = "changed"
    summary = sync(knowledge_base, [*rows, {"Name": "new", "Content": "x"}], service_name=service_name)
    assert (summary["rowsCreated"], summary["rowsUpdated"], summary["rowsUnchanged"]) == (1, 1, 4)
    assert there(fake_wisdom, knowledge_base)["n0"]["contents"]["markdown"] == {"content": "changed"}
    before = fake_wisdom.calls()
    summary = sync(knowledge_base, [*rows, {"Name": "new", "Content": "x"}], service_name=service_name)
    assert calls_since(fake_wisdom, before) == {"ListQuickResponses": 1, "SearchQuickResponses": 1}
    assert summary["rowsUnchanged"] == summary["rowsRead"] == 6


def test_each_row_ends_in_one_column(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(3))
    fake_wisdom.fail_quick_responses("create")
    rows = [
        *rows_of(2, Description="d")[:1],
        *rows_of(2)[1:],
        {"Name": "f", "Content": "x"},
        {"Name": "", "Content": "x"},
    ]
    summary = sync(knowledge_base, rows, on_invalid_rows="skip", on_failed_items="warn")
    columns = ("Invalid", "Unchanged", "Created", "Updated", "Failed", "Planned")
    assert {name: summary[f"rows{name}"] for name in columns} == {
        "Invalid": 1,
        "Unchanged": 1,
        "Created": 0,
        "Updated": 1,
        "Failed": 1,
        "Planned": 0,
    }
    assert summary["rowsRead"] == 4


def test_a_thousand_unchanged_items_cost_a_page_of_list_and_search_for_each_hundred(fake_wisdom):
    knowledge_base = fake_wisdom.create_knowledge_base(samples=True)
    rows = rows_of(998)
    client = fake_wisdom.client()
    for row in rows:
        client.create_quick_response(
            knowledgeBaseId=knowledge_base, name=row["Name"], content={"content": row["Content"]}, isActive=True
        )
    before = fake_wisdom.calls()
    assert sync(knowledge_base, rows)["rowsUnchanged"] == 998
    assert sum(calls_since(fake_wisdom, before).values()) <= 20
    fake_wisdom.search_hides_inactive(True)
    before = fake_wisdom.calls()
    sync(knowledge_base, rows)
    assert sum(calls_since(fake_wisdom, before).values()) <= 22
    for row in rows[:5]:
        row["Content"] = "changed"
    fake_wisdom.search_hides_inactive(False)
    before = fake_wisdom.calls()
    sync(knowledge_base, rows)
    assert sum(calls_since(fake_wisdom, before).values()) <= 20 + 2 * 5


def test_columns_that_are_missing_are_left_alone_and_what_is_created_has_the_usual(fake_wisdom, knowledge_base):
    sync(knowledge_base, [{"Name": "a", "Content": "x", "Shortcut key": "k", "Description": "d", "Is active": "no"}])
    sync(knowledge_base, [{"name": "a", "content": "y"}])
    item = there(fake_wisdom, knowledge_base)["a"]
    assert (item["shortcutKey"], item["description"], item["isActive"]) == ("k", "d", False)
    sync(knowledge_base, [{"Name": "b", "Content": "x"}], content_format="plain")
    item = there(fake_wisdom, knowledge_base)["b"]
    assert item["isActive"]
    assert item["contentType"].endswith("plain")


def test_an_empty_cell_takes_away_what_aws_can_take_away(fake_wisdom):
    knowledge_base = fake_wisdom.create_knowledge_base()
    instance = fake_wisdom.create_instance(knowledge_base, ["Sales"])
    row = {"Name": "a", "Content": "x", "Description": "d", "Shortcut key": "k", "Routing Profile": "Sales"}
    sync(None, [{**row, "Channels": "Chat", "Language": "en_US"}], instance_id=instance)
    empty = dict.fromkeys(["Description", "Shortcut key", "Routing Profile", "Channels", "Language"], "")
    summary = sync(None, [{**row, **empty}], instance_id=instance)
    item = there(fake_wisdom, knowledge_base)["a"]
    assert not {"description", "shortcutKey", "groupingConfiguration"} & {k for k, v in item.items() if v}
    assert (item["channels"], item["language"]) == (["Chat"], "en_US")
    assert summary["plan"]["unremovable"] == 1
    before = fake_wisdom.calls()
    assert sync(None, [{**row, **empty}], instance_id=instance)["plan"]["unremovable"] == 1
    assert writes_since(fake_wisdom, before) == {}
    with pytest.raises(
        UnsafePlanError, match="1 rows want a field empty that AWS cannot empty, the first of them row 1: channels"
    ):
        sync(None, [{**row, **empty}], instance_id=instance, on_unremovable="fail")


def test_only_the_member_of_contents_that_the_content_type_names_is_compared(fake_wisdom, knowledge_base):
    """Of a markdown response, AWS shows the plain text as well."""
    rows = [{"Name": "a", "Content": "**Hello**, [you](https://a)"}]
    sync(knowledge_base, rows)
    before = fake_wisdom.calls()
    sync(knowledge_base, rows)
    assert writes_since(fake_wisdom, before) == {}


def test_a_plain_response_for_emails_is_warned_of(fake_wisdom, knowledge_base, caplog):
    sync(knowledge_base, [{"Name": "a", "Content": "x", "Channels": "Email"}], content_format="plain")
    assert "may not show where agents write e-mails" in caplog.text


# Matching


def test_matched_by_shortcut_key_a_new_name_is_an_update(fake_wisdom, knowledge_base):
    sync(knowledge_base, [{"Name": "a", "Content": "x", "Shortcut key": "k"}])
    before = there(fake_wisdom, knowledge_base)["a"]["quickResponseId"]
    summary = sync(knowledge_base, [{"Name": "b", "Content": "x", "Shortcut key": "k"}], key="shortcut_key")
    assert (summary["rowsUpdated"], summary["rowsCreated"]) == (1, 0)
    assert there(fake_wisdom, knowledge_base)["b"]["quickResponseId"] == before
    with pytest.raises(InvalidRowsError, match='column "Shortcut key": is required, but empty'):
        sync(knowledge_base, [{"Name": "b", "Content": "x", "Shortcut key": ""}], key="shortcut_key")


@pytest.mark.parametrize("order", [[1, 0], [1, 2, 0], [1, 2, 3, 4, 0], [1, 0, 3, 2, 4]])
@pytest.mark.parametrize("slow", [False, True])
def test_names_that_change_places_keep_their_ids(fake_wisdom, knowledge_base, order, slow):
    rows = [{"Name": f"n{n}", "Content": "x", "Shortcut key": f"k{n}"} for n in range(len(order))]
    sync(knowledge_base, rows)
    ids = {item["shortcutKey"]: item["quickResponseId"] for item in there(fake_wisdom, knowledge_base).values()}
    if slow:
        fake_wisdom.quick_response_changes(after_calls=2)
    moved = [{**row, "Name": f"n{n}"} for row, n in zip(rows, order, strict=True)]
    sync(knowledge_base, moved, key="shortcut_key")
    now = there(fake_wisdom, knowledge_base).values()
    assert {item["shortcutKey"]: item["quickResponseId"] for item in now} == ids
    assert {item["shortcutKey"]: item["name"] for item in now} == {row["Shortcut key"]: row["Name"] for row in moved}


def test_a_step_in_between_that_was_left_is_cleaned_up_by_the_next_try(fake_wisdom, knowledge_base):
    rows = [{"Name": f"n{n}", "Content": "x", "Shortcut key": f"k{n}"} for n in range(2)]
    sync(knowledge_base, rows)
    rows[0]["Name"], rows[1]["Name"] = "n1", "n0"
    fake_wisdom.fault("UpdateQuickResponse", "AccessDeniedException", http_status=403, after=1, times=9)
    with pytest.raises(SyncIncompleteError):
        sync(knowledge_base, rows, key="shortcut_key")
    (moving,) = [name for name in there(fake_wisdom, knowledge_base) if name.startswith(MOVING)]
    assert len(moving) <= 40
    fake_wisdom.clear_faults()
    sync(knowledge_base, rows, key="shortcut_key")
    assert {name: item["shortcutKey"] for name, item in there(fake_wisdom, knowledge_base).items()} == {
        "n1": "k0",
        "n0": "k1",
    }


@pytest.mark.parametrize(
    ("column", "field", "word", "does"),
    [("Is active", "isActive", "ja", "No"), ("Content type", "contentType", "HTML", "Plain")],
)
def test_a_word_that_the_api_has_no_value_for_is_a_mistake(fake_wisdom, knowledge_base, column, field, word, does):
    """Even one that is allowed: the import file may take it, the API takes a boolean and AWS's own names."""
    rows = rows_of(2, **{column: does})
    rows[1][column] = word
    how = {"on_invalid_rows": "skip", "allowed_values": {field: [word, does]}}
    summary = sync(knowledge_base, rows, **how)
    (mistake,) = summary["invalidRows"]
    assert (mistake["line"], mistake["column"], mistake["value"]) == (2, column, word)
    assert mistake["reason"] == f"must be one of: {does}"
    assert set(there(fake_wisdom, knowledge_base)) == {"n0"}
    (mistake,) = sync(knowledge_base, rows, **{**how, "allowed_values": {field: None}})["invalidRows"]
    assert mistake["reason"].startswith("must be one of: ")


# Removals


def test_nothing_is_removed_unless_that_is_asked_for(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(3), **FAQ)
    assert sync(knowledge_base, rows_of(1), **FAQ)["plan"]["kept"] == 2
    assert len(there(fake_wisdom, knowledge_base)) == 3
    with pytest.raises(ValueError, match="owner_tag is needed"):
        sync(knowledge_base, rows_of(1), on_missing="delete")


def test_only_what_bears_the_owners_tag_is_removed(fake_wisdom):
    knowledge_base = fake_wisdom.create_knowledge_base(samples=True)
    fake_wisdom.client().create_quick_response(knowledgeBaseId=knowledge_base, name="hand", content={"content": "x"})
    sync(knowledge_base, [{"Name": "theirs", "Content": "x"}], owner_tag="another")
    sync(knowledge_base, rows_of(3), **FAQ)
    summary = sync(knowledge_base, rows_of(1), **FAQ, on_missing="delete")
    assert summary["itemsRemoved"] == 2
    assert set(there(fake_wisdom, knowledge_base)) == {"Sample greeting", "Sample farewell", "hand", "theirs", "n0"}


def test_what_is_adopted_is_tagged_once_and_then_in_scope(fake_wisdom, knowledge_base):
    fake_wisdom.client().create_quick_response(
        knowledgeBaseId=knowledge_base, name="n0", content={"content": "text 0"}, isActive=True
    )
    before = fake_wisdom.calls()
    sync(knowledge_base, rows_of(1), **FAQ)
    assert writes_since(fake_wisdom, before) == {}
    sync(knowledge_base, rows_of(1), **FAQ, adopt=True)
    sync(knowledge_base, rows_of(1), **FAQ, adopt=True)
    assert writes_since(fake_wisdom, before) == {"TagResource": 1}
    sync(knowledge_base, [{"Name": "other", "Content": "x"}], **FAQ, on_missing="delete")
    assert set(there(fake_wisdom, knowledge_base)) == {"other"}


def test_another_tables_quick_responses_are_not_adopted(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(1), owner_tag="another")
    before = fake_wisdom.calls()
    sync(knowledge_base, rows_of(1), **FAQ, adopt=True)
    assert writes_since(fake_wisdom, before) == {}


def test_what_was_deactivated_and_comes_back_is_activated_again(fake_wisdom, knowledge_base):
    rows = rows_of(2)
    sync(knowledge_base, rows, **FAQ)
    assert sync(knowledge_base, rows[:1], **FAQ, on_missing="deactivate")["itemsDeactivated"] == 1
    item = there(fake_wisdom, knowledge_base)["n1"]
    assert (item["isActive"], item["tags"]) == (False, {OWNER: "faq", DEACTIVATED: "true"})
    before = fake_wisdom.calls()
    sync(knowledge_base, rows[:1], **FAQ, on_missing="deactivate")
    assert writes_since(fake_wisdom, before) == {}
    sync(knowledge_base, rows, **FAQ)
    item = there(fake_wisdom, knowledge_base)["n1"]
    assert (item["isActive"], item["tags"]) == (True, {OWNER: "faq"})


def test_what_a_person_deactivated_stays_so_without_a_column_for_it(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(1), **FAQ)
    item = there(fake_wisdom, knowledge_base)["n0"]["quickResponseId"]
    fake_wisdom.edit_by_hand(knowledge_base, item, isActive=False)
    sync(knowledge_base, rows_of(1), **FAQ, on_missing="deactivate")
    assert not there(fake_wisdom, knowledge_base)["n0"]["isActive"]


def test_too_many_removals_are_refused_with_numbers(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(40), **FAQ)
    before = fake_wisdom.calls()
    with pytest.raises(UnsafePlanError, match=r"13 of 40 .* more than 30% and more than 10") as raised:
        sync(knowledge_base, rows_of(27), **FAQ, on_missing="delete")
    assert (raised.value.removals, raised.value.in_scope) == (13, 40)
    with pytest.raises(UnsafePlanError):
        sync(knowledge_base, rows_of(27), **FAQ, on_missing="deactivate", max_removal_share="0.1", min_removals="12")
    assert writes_since(fake_wisdom, before) == {}
    assert sync(knowledge_base, rows_of(28), **FAQ, on_missing="delete")["itemsRemoved"] == 12
    assert sync(knowledge_base, rows_of(10), **FAQ, on_missing="delete", protection=False)["itemsRemoved"] == 18


def test_an_empty_source_removes_nothing(fake_wisdom, knowledge_base, tmp_path):
    sync(knowledge_base, rows_of(2), **FAQ)
    source = tmp_path / "empty.csv"
    source.write_text("Name,Content\n")
    with pytest.raises(UnsafePlanError, match="There are no rows in"):
        sync(knowledge_base, str(source), **FAQ, on_missing="delete")
    assert sync(knowledge_base, str(source), **FAQ)["rowsRead"] == 0
    assert len(there(fake_wisdom, knowledge_base)) == 2


def test_while_a_row_is_invalid_nothing_is_removed(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(2), **FAQ)
    rows = [rows_of(1)[0], {"Name": "n1 ", "Content": ""}]
    summary = sync(knowledge_base, rows, **FAQ, on_missing="delete", on_invalid_rows="skip")
    assert (summary["rowsInvalid"], summary["itemsRemoved"], summary["plan"]["kept"]) == (1, 0, 1)


# Plans and approval


def test_a_plan_writes_nothing_and_says_what_it_would(fake_wisdom, knowledge_base, tmp_path, caplog):
    sync(knowledge_base, rows_of(3), **FAQ)
    item = there(fake_wisdom, knowledge_base)["n0"]["quickResponseId"]
    fake_wisdom.edit_by_hand(knowledge_base, item, content={"content": "by hand"})
    before = fake_wisdom.calls()
    target = tmp_path / "plans" / "plan.csv"
    rows = [*rows_of(2), {"Name": "new", "Content": "x"}]
    plan = {**FAQ, "on_missing": "delete", "mode": "plan"}
    summary = sync(knowledge_base, rows, **plan, plan_path=str(target))
    assert writes_since(fake_wisdom, before) == {}
    assert (summary["status"], summary["rowsPlanned"], summary["rowsUnchanged"]) == ("PLANNED", 2, 1)
    assert summary["isApplied"] is False
    numbers = {name: summary["plan"][name] for name in ("create", "update", "remove", "unchanged")}
    assert numbers == {"create": 1, "update": 1, "remove": 1, "unchanged": 1}
    assert '~ update "n0" (row 1)' in caplog.text
    assert 'content: "by hand" -> "text 0"' in caplog.text
    assert "edited by hand: arn:aws:connect:" in caplog.text
    written = list(csv.DictReader(target.read_text(encoding="utf-8-sig").splitlines()))
    assert [
        (row["kind"], row["key"], row["field"], row["old"], row["new"]) for row in written if row["field"] == "content"
    ] == [
        ("update", "n0", "content", "by hand", "text 0"),
        ("create", "new", "content", "", "x"),
    ]
    lines = tmp_path / "plan.jsonl"
    again = sync(knowledge_base, rows, **plan, plan_path=str(lines))
    assert again["plan"]["fingerprint"] == summary["plan"]["fingerprint"]
    assert [json.loads(line)["kind"] for line in lines.read_text().splitlines()] == ["update", "create", "remove"]


@pytest.mark.parametrize("unit", ["line", "row"])
def test_places_are_lines_of_a_file_and_rows_of_what_was_given(fake_wisdom, knowledge_base, tmp_path, unit):
    """In failures and in plans; what no row names has neither."""
    sync(knowledge_base, rows_of(2), **FAQ)
    source = [{"Name": "n0", "Content": "changed"}]
    if unit == "line":
        source = str(tmp_path / "source.csv")
        (tmp_path / "source.csv").write_text("Name,Content\nn0,changed\n")
    fake_wisdom.fault("*", "ValidationException", http_status=400, times=9, after=2)
    path, lines = tmp_path / "plan.csv", tmp_path / "plan.jsonl"
    how = {**FAQ, "on_missing": "delete"}
    summary = sync(knowledge_base, source, **how, plan_path=str(path), on_failed_items="ignore")
    place = (2 if unit == "line" else 1, unit)
    assert [(one["line"], one["unit"]) for one in summary["failures"]] == [place, (None, None)]
    written = [(row["line"], row["unit"]) for row in csv.DictReader(path.read_text().splitlines())]
    assert written == [(str(place[0]), unit), ("", "")]
    fake_wisdom.clear_faults()
    sync(knowledge_base, source, **how, plan_path=str(lines), mode="plan")
    written = [(one["line"], one["unit"]) for one in map(json.loads, lines.read_text().splitlines())]
    assert written == [place, (None, None)]


def test_only_the_plan_that_was_approved_is_applied(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(2))
    rows = [{"Name": "n0", "Content": "changed"}, rows_of(2)[1]]
    approved = sync(knowledge_base, rows, mode="plan")["plan"]["fingerprint"]
    item = there(fake_wisdom, knowledge_base)["n1"]["quickResponseId"]
    fake_wisdom.edit_by_hand(knowledge_base, item, description="by hand", content={"content": "by hand"})
    before = fake_wisdom.calls()
    with pytest.raises(PlanChangedError, match="no longer the one that was approved; nothing was written") as raised:
        sync(knowledge_base, rows, expected_plan=approved)
    assert writes_since(fake_wisdom, before) == {}
    assert sync(knowledge_base, rows, expected_plan=raised.value.fingerprint)["rowsUpdated"] == 2


def test_an_empty_approval_approves_nothing(fake_wisdom, knowledge_base):
    with pytest.raises(ParameterError, match="expected_plan must be a text that is not empty"):
        sync(knowledge_base, rows_of(1), expected_plan="")
    assert fake_wisdom.quick_responses(knowledge_base) == []


def test_an_approval_holds_for_one_knowledge_base(fake_wisdom, knowledge_base):
    approved = sync(knowledge_base, rows_of(1), mode="plan")["plan"]["fingerprint"]
    other = fake_wisdom.create_knowledge_base("other")
    with pytest.raises(PlanChangedError):
        sync(other, rows_of(1), expected_plan=approved)
    # An id and an ARN name the same one.
    arn = fake_wisdom.client().get_knowledge_base(knowledgeBaseId=knowledge_base)["knowledgeBase"]["knowledgeBaseArn"]
    assert sync(arn, rows_of(1), expected_plan=approved)["rowsCreated"] == 1


def test_an_approved_plan_that_is_done_already_is_no_failure(fake_wisdom, knowledge_base):
    approved = sync(knowledge_base, rows_of(1), mode="plan")["plan"]["fingerprint"]
    sync(knowledge_base, rows_of(1), expected_plan=approved)
    assert sync(knowledge_base, rows_of(1), expected_plan=approved)["rowsUnchanged"] == 1


@pytest.fixture
def half_done(fake_wisdom, knowledge_base):
    """The rows of an approved plan of which a try has written a part, and its fingerprint."""
    sync(knowledge_base, rows_of(3), **FAQ)
    rows = [*rows_of(2, Description="d"), {"Name": "new", "Content": "x", "Description": "d"}]
    approved = sync(knowledge_base, rows, **FAQ, on_missing="delete", mode="plan")["plan"]["fingerprint"]
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400)
    fake_wisdom.fault("UpdateQuickResponse", "ValidationException", http_status=400, times=1)
    with pytest.raises(SyncIncompleteError) as raised:
        sync(knowledge_base, rows, **FAQ, on_missing="delete", expected_plan=approved)
    assert raised.value.failed == 2
    return rows, approved


def test_a_retry_finishes_an_approved_plan(fake_wisdom, knowledge_base, half_done):
    rows, approved = half_done
    before = fake_wisdom.calls()
    summary = sync(knowledge_base, rows, **FAQ, on_missing="delete", expected_plan=approved)
    assert (summary["status"], summary["rowsUnchanged"]) == ("COMPLETE", 1)
    assert writes_since(fake_wisdom, before) == {"CreateQuickResponse": 1, "UpdateQuickResponse": 1}


@pytest.mark.parametrize("change", ["row", "removal", "new row", "old value", "option", "knowledge base"])
def test_a_retry_writes_nothing_that_was_not_approved(fake_wisdom, knowledge_base, half_done, change):
    rows, approved = half_done
    how = {**FAQ, "on_missing": "delete"}
    if change == "row":
        rows[2] = {**rows[2], "Content": "another"}
    elif change == "removal":
        del rows[1]
    elif change == "new row":
        rows.append({"Name": "newer", "Content": "x"})
    elif change == "old value":
        for item in fake_wisdom.quick_responses(knowledge_base):
            fake_wisdom.edit_by_hand(knowledge_base, item["quickResponseId"], description="by hand")
    elif change == "option":
        how["content_format"] = "plain"
    else:
        knowledge_base = fake_wisdom.create_knowledge_base("other")
    before = fake_wisdom.calls()
    with pytest.raises(PlanChangedError, match=r"nothing was written\. \d of \d changes? were not approved"):
        sync(knowledge_base, rows, **how, expected_plan=approved)
    assert writes_since(fake_wisdom, before) == {}


def test_the_short_fingerprint_of_the_log_approves_the_whole_alone(fake_wisdom, knowledge_base, caplog):
    with caplog.at_level("INFO"):
        approved = sync(knowledge_base, rows_of(2), mode="plan")["plan"]["fingerprint"]
    (short,) = re.findall("fingerprint (.*)", caplog.text)
    assert (len(short), approved.partition(".")[0]) == (32, short)
    with pytest.raises(PlanChangedError):
        sync(knowledge_base, rows_of(1), expected_plan=short)
    assert sync(knowledge_base, rows_of(2), expected_plan=short)["rowsCreated"] == 2


def test_an_update_that_failed_at_aws_is_said_again_by_the_same_approval(fake_wisdom, knowledge_base):
    sync(knowledge_base, rows_of(2))
    rows = rows_of(2, Description="d")
    approved = sync(knowledge_base, rows[:1], mode="plan")["plan"]["fingerprint"]
    fake_wisdom.fail_quick_responses("update")
    with pytest.raises(SyncIncompleteError):
        sync(knowledge_base, rows[:1], expected_plan=approved)
    assert sync(knowledge_base, rows[:1], expected_plan=approved)["rowsUpdated"] == 1
    (other,) = (one for one in fake_wisdom.quick_responses(knowledge_base) if one["name"] == "n1")
    fake_wisdom.set_quick_response_status(other["quickResponseId"], "UPDATE_FAILED")
    with pytest.raises(PlanChangedError):
        sync(knowledge_base, rows_of(2), expected_plan=approved)


def test_without_an_instance_routing_profiles_are_arns(fake_wisdom, knowledge_base):
    rows = rows_of(1, **{"Routing profiles": "Billing"})
    with pytest.raises(InvalidRowsError, match="must be an ARN: names are looked up only if instance_id is given"):
        sync(knowledge_base, rows)


def test_a_sample_of_none_keeps_texts_from_the_log(fake_wisdom, knowledge_base, caplog):
    sync(knowledge_base, rows_of(1), sample_size=0)
    with caplog.at_level("INFO"):
        fake_wisdom.fail_quick_responses("create")
        new = {"Name": "SECRET", "Content": "SECRET"}
        sync(knowledge_base, [{**rows_of(1)[0], "Content": "SECRET"}, new], sample_size=0, on_failed_items="warn")
    assert "1 to create, 1 to update" in caplog.text
    assert "SECRET" not in caplog.text


def test_a_plan_that_cannot_be_written_stops_it(fake_wisdom, knowledge_base):
    before = fake_wisdom.calls()
    with pytest.raises(StorageError):
        sync(knowledge_base, rows_of(1), plan_path="s3://nosuch/plan.csv")
    assert writes_since(fake_wisdom, before) == {}


# What stands in the way


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("operation", sorted(WRITES - {"UntagResource", "TagResource"}))
def test_an_answer_that_is_lost_is_asked_for_again(fake_wisdom, knowledge_base, operation, after_effect):
    sync(knowledge_base, rows_of(2), **FAQ)
    fake_wisdom.fault(operation, "InternalServerException", http_status=500, times=2, after_effect=after_effect)
    rows = [{"Name": "n0", "Content": "changed"}, {"Name": "new", "Content": "x"}]
    sync(knowledge_base, rows, **FAQ, on_missing="delete")
    assert set(there(fake_wisdom, knowledge_base)) == {"n0", "new"}


@pytest.mark.parametrize("operation", ["UpdateQuickResponse", "DeleteQuickResponse"])
def test_a_lost_answer_of_a_slow_change_is_no_conflict(fake_wisdom, knowledge_base, operation):
    """Asked for again, AWS says that the quick response is being changed."""
    sync(knowledge_base, rows_of(2), **FAQ)
    fake_wisdom.quick_response_changes(after_calls=2)
    fake_wisdom.fault(operation, "ThrottlingException", http_status=429, after_effect=True)
    sync(knowledge_base, [{"Name": "n0", "Content": "changed"}], **FAQ, on_missing="delete")
    assert set(there(fake_wisdom, knowledge_base)) == {"n0"}


def test_after_the_first_denied_call_nothing_more_is_sent(fake_wisdom, knowledge_base):
    fake_wisdom.fault("CreateQuickResponse", "AccessDeniedException", http_status=403, times=99)
    with pytest.raises(SyncIncompleteError, match="Not tried, because of an error before") as raised:
        sync(knowledge_base, rows_of(50))
    assert raised.value.failed == 50
    # Those that were under way at that moment.
    assert fake_wisdom.calls()["CreateQuickResponse"] <= 8


def test_a_full_knowledge_base_says_how_many_fitted(fake_wisdom, knowledge_base):
    fake_wisdom.quotas(quick_responses=3)
    with pytest.raises(SyncIncompleteError, match="is full: 3 new quick responses fitted") as raised:
        sync(knowledge_base, rows_of(50))
    assert raised.value.failed == 47
    assert fake_wisdom.calls()["CreateQuickResponse"] < 20


def test_a_shortcut_key_of_somebody_else_is_named(fake_wisdom, knowledge_base):
    fake_wisdom.client().create_quick_response(
        knowledgeBaseId=knowledge_base, name="hand", content={"content": "x"}, shortcutKey="k"
    )
    rows = [{"Name": "a", "Content": "x", "Shortcut key": "k"}, {"Name": "b", "Content": "x", "Shortcut key": ""}]
    with pytest.raises(SyncIncompleteError, match=r'"a": .* belongs to "hand"'):
        sync(knowledge_base, rows)
    assert set(there(fake_wisdom, knowledge_base)) == {"hand", "b"}
    assert sync(knowledge_base, rows, on_failed_items="warn")["rowsFailed"] == 1
    assert sync(knowledge_base, rows, on_failed_items="1")["status"] == "FAILED"


def test_who_comes_second_says_so_or_finds_it_done(fake_wisdom, knowledge_base):
    """Somebody else creates the same names between the plan and the writes."""
    from airflow_wisdom.runs.sync import Sync

    def meanwhile(planned, real=Sync.check):
        client = fake_wisdom.client()
        for name, text in (("n0", "text 0"), ("n1", "another text")):
            client.create_quick_response(
                knowledgeBaseId=knowledge_base,
                name=name,
                content={"content": text},
                isActive=True,
                contentType="application/x.quickresponse;format=markdown",
            )
        return real(running, planned)

    running = None
    made = task(knowledge_base, rows_of(2))
    real = made._new_sync

    def new_sync(*args):
        nonlocal running
        running = real(*args)
        running.check = meanwhile
        return running

    made._new_sync = new_sync
    with pytest.raises(SyncIncompleteError, match=r'"n1": .*name of "n1" belong to "n1"') as raised:
        run(made)
    assert raised.value.failed == 1
    assert len(there(fake_wisdom, knowledge_base)) == 2


@pytest.mark.parametrize("answer", ["first", "conflict", "new"])
def test_a_row_that_was_removed_and_comes_back_is_created_again(fake_wisdom, knowledge_base, answer):
    """Each planned creation has a client token of its own."""
    fake_wisdom.reused_create_token(answer)
    for _ in range(2):
        sync(knowledge_base, rows_of(2), **FAQ)
        assert len(there(fake_wisdom, knowledge_base)) == 2
        sync(knowledge_base, rows_of(1), **FAQ, on_missing="delete")


@pytest.mark.parametrize("change", ["create", "update", "delete"])
def test_a_change_that_fails_at_aws_is_red_and_fixed_by_the_next_try(fake_wisdom, knowledge_base, change):
    sync(knowledge_base, rows_of(2), **FAQ)
    fake_wisdom.fail_quick_responses(change)
    rows = [{"Name": "n0", "Content": "changed"}, {"Name": "new", "Content": "x"}]
    with pytest.raises(SyncIncompleteError, match=f"{change.upper()}_FAILED"):
        sync(knowledge_base, rows, **FAQ, on_missing="delete")
    sync(knowledge_base, rows, **FAQ, on_missing="delete")
    now = there(fake_wisdom, knowledge_base)
    assert {name: item["status"] for name, item in now.items()} == {"n0": "CREATED", "new": "CREATED"}
    assert now["n0"]["contents"]["markdown"]["content"] == "changed"


def test_changes_in_progress_are_waited_for(fake_wisdom, knowledge_base):
    fake_wisdom.quick_response_changes(after_calls=3)
    sync(knowledge_base, rows_of(3), **FAQ)
    sync(knowledge_base, [{"Name": "n0", "Content": "changed"}], **FAQ, on_missing="delete")
    assert set(there(fake_wisdom, knowledge_base)) == {"n0"}


def test_a_deadline_ends_it(fake_wisdom, knowledge_base):
    fake_wisdom.fault("ListQuickResponses", "ThrottlingException", http_status=429, times=999)
    with pytest.raises(RunTimeoutError, match="was not read in time: ListQuickResponses: ThrottlingException"):
        sync(knowledge_base, rows_of(1), timeout=60)


def test_a_task_that_is_ended_writes_nothing_more(fake_wisdom, knowledge_base):
    made = task(knowledge_base, rows_of(1))
    real = made._new_sync

    def new_sync(*args):
        running = real(*args)
        made.on_kill()
        return running

    made._new_sync = new_sync
    with pytest.raises(RunTimeoutError, match="because the task was ended"):
        run(made)
    assert "CreateQuickResponse" not in fake_wisdom.calls()


# Instances and routing profiles


def test_an_instance_leads_to_the_knowledge_base_and_to_routing_profiles(fake_wisdom, knowledge_base):
    instance = fake_wisdom.create_instance(knowledge_base, ["Sales, EMEA", "Billing", "Support"])
    sync(None, [{"Name": "a", "Content": "x", "Routing Profile": "Billing; Support"}], instance_id=instance)
    arns = there(fake_wisdom, knowledge_base)["a"]["groupingConfiguration"]["values"]
    assert len(arns) == 2
    before = fake_wisdom.calls()
    sync(None, [{"Name": "a", "Content": "x", "Routing Profile": ";".join(arns)}], instance_id=instance)
    assert writes_since(fake_wisdom, before) == {}
    with pytest.raises(InvalidRowsError, match=r'"Biling", which is not a routing profile .* nearest are: Billing'):
        sync(None, [{"Name": "a", "Content": "x", "Routing Profile": "Biling"}], instance_id=instance)
    with pytest.raises(ValueError, match="knowledge_base_id or instance_id is needed"):
        sync(None, rows_of(1))


# Sources and forms


def test_rows_may_come_from_a_database_and_its_query_is_a_template(fake_wisdom, knowledge_base, tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE faq (Name, Content)")
        connection.execute("INSERT INTO faq VALUES ('a', '{{ ds }}')")
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_DB", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    from jinja2 import Environment

    made = task(knowledge_base, SqlSource("SELECT * FROM {{ params.table }}", "db"))
    made.render_template_fields({"params": {"table": "faq"}}, Environment(autoescape=True))
    assert run(made)["rowsCreated"] == 1
    assert there(fake_wisdom, knowledge_base)["a"]["contents"]["markdown"]["content"] == "{{ ds }}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "id"},
        {"on_missing": "remove"},
        {"mode": "dry"},
        {"content_format": "html"},
        {"max_removal_share": 2},
        {"min_removals": -1},
        {"on_failed_items": "never"},
        {"on_unremovable": "skip"},
        {"sample_size": "x"},
        {"on_invalid_rows": "drop"},
        {"adopt": True},
        {"allowed_values": {"isActive": ["ja", "nein"]}},
        {"allowed_values": {"contentType": ("html",)}},
        {"allowed_values": {"language": "en_US"}},
        {"allowed_values": {"Is active": ["yes"]}},
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_anything_is_read(fake_wisdom, knowledge_base, wrong):
    name = next(iter(wrong))
    with pytest.raises(ValueError, match="owner_tag" if name == "adopt" else name):
        sync(knowledge_base, rows_of(1), **wrong)
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


def test_the_summary_is_pushed_also_when_the_task_then_fails(fake_wisdom, knowledge_base):
    fake_wisdom.quotas(quick_responses=1)
    ti = FakeTaskInstance()
    with pytest.raises(SyncIncompleteError):
        run(task(knowledge_base, rows_of(2)), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsCreated"], summary["rowsFailed"]) == ("FAILED", 1, 1)
    assert summary["isApplied"] is True
    assert len(json.dumps(summary)) < 5000


@pytest.mark.parametrize(
    ("rows", "how", "error", "known"),
    [
        (20, {"on_missing": "delete"}, UnsafePlanError, {"rowsUnchanged": 20, "rowsPlanned": 0}),
        (50, {"expected_plan": "another"}, PlanChangedError, {"rowsUnchanged": 40, "rowsPlanned": 10}),
        (50, {"plan_path": "s3://nosuch/plan.csv"}, StorageError, {"rowsUnchanged": 40, "rowsPlanned": 10}),
    ],
)
def test_the_summary_is_pushed_also_when_the_plan_is_refused(fake_wisdom, knowledge_base, rows, how, error, known):
    sync(knowledge_base, rows_of(40), **FAQ)
    ti = FakeTaskInstance()
    with pytest.raises(error):
        run(task(knowledge_base, rows_of(rows), **FAQ, **how), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsRead"], summary["planPath"]) == ("FAILED", rows, None)
    assert summary["isApplied"] is False
    assert {name: summary[name] for name in known} == known
    assert summary["plan"]["remove"] == (20 if error is UnsafePlanError else 0)
    assert (summary["rowsCreated"], summary["itemsRemoved"]) == (0, 0)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({}, InvalidRowsError),
        ({"on_invalid_rows": "skip", "invalid_rows_path": "s3://nosuch/invalid.csv"}, StorageError),
    ],
)
def test_the_summary_is_pushed_also_when_rows_are_invalid(fake_wisdom, knowledge_base, how, error):
    """What the others would have come to, nobody knows."""
    ti = FakeTaskInstance()
    with pytest.raises(error):
        run(task(knowledge_base, [*rows_of(2), {"Name": "", "Content": "x"}], **how), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsRead"], summary["rowsInvalid"]) == ("FAILED", 3, 1)
    assert (summary["rowsUnchanged"], summary["rowsPlanned"], summary["plan"]) == (None, None, None)
    assert [mistake["line"] for mistake in summary["invalidRows"]] == [3]
    assert (summary["rowsCreated"], summary["invalidRowsPath"]) == (0, None)
    assert "ListQuickResponses" not in fake_wisdom.calls()


def test_what_is_known_of_a_plan_and_of_its_end_is_computed_once():
    """A fingerprint takes as long as the table is large, and is asked for by log, check and summary."""
    changes = tuple(Change("create", f"n{n}", "there is none", n, "row", new={"name": f"n{n}"}) for n in range(1, 3))
    plan = SyncPlan("kb", "the rows given", changes, rows_read=2)
    assert plan.fingerprint is plan.fingerprint
    assert plan.counts is plan.counts
    account = SyncAccount(Planned(plan, (), Sifted(2, 0, 0, (), None)), [ChangeEnd(change) for change in changes], 20)
    assert account.numbers is account.numbers
    assert account.failed is account.failed
    assert account.summary()["rowsCreated"] == account.numbers["created"] == 2


@pytest.mark.parametrize("why", ["killed", "deadline while it is read again", "answers lost"])
def test_changes_of_which_nobody_knows_what_became_are_not_counted_as_none(
    fake_wisdom, knowledge_base, why, virtual_time
):
    syncing, ti = task(knowledge_base, rows_of(30), timeout=600), FakeTaskInstance()
    killed_by = syncing.on_kill if why == "killed" else lambda: None
    if why == "deadline while it is read again":
        fake_wisdom.quick_response_changes(after_seconds=3600)
    if why == "answers lost":
        fake_wisdom.fault("CreateQuickResponse", times=10_000, lost=True, after_effect=True)
    with after_call("CreateQuickResponse", 3, killed_by), pytest.raises(SyncIncompleteError):
        run(syncing, ti=ti)
    summary = ti.xcoms["return_value"]
    unknown = len(there(fake_wisdom, knowledge_base))
    names = ("rowsCreated", "rowsUnknown", "rowsFailed", "rowsUpdated", "itemsUnknown")
    assert [summary[name] for name in names] == [None, unknown, 30 - unknown, 0, 0]
