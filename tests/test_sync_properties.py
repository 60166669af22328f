"""Whatever the table, the state of Amazon Connect and the faults: a green sync leaves both equal, within its scope."""

from __future__ import annotations

import time
from collections import Counter
from functools import cache

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from moto import mock_aws
from rigs.virtual import jumping_clock

from airflow_wisdom.exceptions import PlanChangedError, WisdomError
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.model.quick_response import MARKDOWN, PLAIN, QuickResponse
from airflow_wisdom.runs.plan import DEACTIVATED, OWNER
from airflow_wisdom.runs.run import Origin, Run
from airflow_wisdom.runs.sync import Sync, SyncOptions
from airflow_wisdom.sources import RowsSource
from airflow_wisdom.storage import Storage
from airflow_wisdom.testing import FakeWisdom

OURS = "faq"
NAMES = ["a", "b", "c", "d", "e", "f"]
KEYS = ["k1", "k2", "k3", "k4"]
TEXTS = ["Hello", "=1+1", "{{Attributes.Name}}", "two\r\nlines", 'quo"te', "NULL", "ümlaut"]
WRITES = ("CreateQuickResponse", "UpdateQuickResponse", "DeleteQuickResponse", "TagResource", "UntagResource")


@cache
def hook_of(region):
    """Make the hook of all examples: to make a client takes longer than a sync with it."""
    return AwsConnection(aws_conn_id=None, region_name=region).hook()


def sync(fake, knowledge_base, rows, **options):
    """Sync rows in this thread, and return the summary; with `mode="plan"`, the fingerprint of the plan."""
    options = SyncOptions(**{"owner_tag": OURS, "min_removals": 1000, "null_values": (), **options}).checked()
    run = Run(Origin.of_command("table"), time.time() + 60)
    with Sync(hook_of(fake.region_name), knowledge_base, options, Storage(), run) as running:
        planned = running.plan(RowsSource(rows))
        running.check(planned)
        if options.mode == "plan":
            return planned.plan.fingerprint
        account = running.account(planned, running.apply(planned))
        account.judge(options.on_failed_items)
        return account.summary()


def failure_of(fake, knowledge_base, rows, **options):
    """Sync rows, and return what it raises, if anything."""
    try:
        sync(fake, knowledge_base, rows, protection=False, **options)
    except WisdomError as exc:
        return exc
    return None


def state(fake, knowledge_base):
    """Everything there is, by id."""
    return {one["quickResponseId"]: QuickResponse.from_response(one) for one in fake.quick_responses(knowledge_base)}


def writes(fake):
    return Counter(call["operation"] for call in fake.history() if call["operation"] in WRITES and call["effect"])


@st.composite
def tables(draw):
    """Rows with unique names and shortcut keys, of one set of columns."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    keys = draw(st.permutations([*KEYS, "", ""]))
    columns = {
        "Description": st.sampled_from(["", "d1", "d2"]),
        "Channels": st.sampled_from(["", "Chat", "Email;Chat"]),
        "Language": st.sampled_from(["", "en_US", "de_DE"]),
        "Is active": st.sampled_from(["yes", "no", ""]),
        "Content type": st.sampled_from(["markdown", "plain", ""]),
    }
    there = draw(st.sets(st.sampled_from(sorted(columns))))
    has_keys = draw(st.booleans())
    rows = []
    for name, key in zip(names, keys, strict=False):
        row = {"Name": name, "Content": draw(st.sampled_from(TEXTS))}
        row |= {"Shortcut key": key} if has_keys else {}
        rows.append(row | {column: draw(columns[column]) for column in sorted(there)})
    return rows


@st.composite
def worlds(draw):
    """What Amazon Connect has before: of ours, of others, made by hand."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    keys = draw(st.permutations([*KEYS, None, None]))
    items = []
    for name, key in zip(names, keys, strict=False):
        item = {"name": name, "content": {"content": draw(st.sampled_from(TEXTS))}}
        item |= {"shortcutKey": key} if key else {}
        item |= {"contentType": draw(st.sampled_from([MARKDOWN, PLAIN])), "isActive": draw(st.booleans())}
        if draw(st.booleans()):
            item["channels"] = ["Chat"]
        owner = draw(st.sampled_from([OURS, OURS, "another", None]))
        if owner:
            item["tags"] = {OWNER: owner}
        items.append((item, draw(st.sampled_from([None, None, None, "UPDATE_FAILED", "DELETE_FAILED"]))))
    return items


def populate(fake, knowledge_base, items):
    client = fake.client()
    for item, status in items:
        made = client.create_quick_response(knowledgeBaseId=knowledge_base, **item)["quickResponse"]
        if status:
            fake.set_quick_response_status(made["quickResponseId"], status)


def expected_equal(row, item):
    """Whether an item says what a row says, in the words of the test."""
    same = item.values["name"] == row["Name"] and item.values["content"] == row["Content"]
    if "Description" in row:
        same &= (item.values["description"] or "") == row["Description"]
    if "Shortcut key" in row:
        same &= (item.values["shortcutKey"] or "") == row["Shortcut key"]
    if row.get("Channels"):
        same &= set(item.values["channels"]) == set(row["Channels"].split(";"))
    if row.get("Language"):
        same &= item.values["language"] == row["Language"]
    if row.get("Is active"):
        same &= item.values["isActive"] == (row["Is active"] == "yes")
    if row.get("Content type"):
        same &= item.values["contentType"].endswith(row["Content type"])
    return same and item.status == "CREATED"


def check_end(before, after, rows, on_missing):
    by_name = {item.name: item for item in after.values()}
    wanted = {row["Name"] for row in rows}
    for row in rows:
        assert expected_equal(row, by_name[row["Name"]]), row
    assert len(after) == len(by_name)
    for name, item in before.items():
        if item.name in wanted:
            # Ids stay, and so does whose it is.
            assert after[name].tags.get(OWNER) == item.tags.get(OWNER)
        elif item.tags.get(OWNER) != OURS or on_missing == "keep":
            assert after[name] == item
        elif on_missing == "deactivate":
            assert not after[name].values["isActive"]
        else:
            assert name not in after
    for name in after.keys() - before.keys():
        assert after[name].name in wanted
        assert after[name].tags == {OWNER: OURS}


@pytest.fixture(scope="module", autouse=True)
def environment():
    """The credentials of all examples, and a time that passes only where something waits."""
    with pytest.MonkeyPatch.context() as patch, jumping_clock(patch):
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield


FAULTS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(["ThrottlingException", "InternalServerException"]),
            "http_status": st.sampled_from([429, 500]),
            "after": st.integers(0, 12),
            "after_effect": st.booleans(),
        }
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=tables(),
    items=worlds(),
    on_missing=st.sampled_from(["keep", "deactivate", "delete"]),
    fault=FAULTS,
    slow=st.booleans(),
    stale=st.sampled_from([{}, {"writes": 3}, {"missing": 2}]),
    hides=st.booleans(),
    samples=st.booleans(),
)
def test_a_green_sync_leaves_both_equal_within_its_scope(rows, items, on_missing, fault, slow, stale, hides, samples):
    with mock_aws():
        fake = FakeWisdom()
        knowledge_base = fake.create_knowledge_base(samples=samples)
        populate(fake, knowledge_base, items)
        if slow:
            fake.quick_response_changes(after_calls=1)
        fake.stale_search(**stale)
        fake.search_hides_inactive(hides)
        before = state(fake, knowledge_base)
        if fault:
            fake.fault("*", **fault)
        failure = failure_of(fake, knowledge_base, rows, on_missing=on_missing)
        if failure is not None:
            # A name or key that the table does not own may stand in the way: then it is red, and says so.
            event("red")
            assert "belong" in str(failure) or "could not be changed before" in str(failure)
            return
        check_end(before, state(fake, knowledge_base), rows, on_missing)
        event("green")
        done = writes(fake)
        sync(fake, knowledge_base, rows, on_missing=on_missing, protection=False)
        assert writes(fake) == done


def a_day_of_changes(fake):
    """A table and a knowledge base in which every kind of change occurs: swaps, a rename's chain, a removal."""
    knowledge_base = fake.create_knowledge_base(samples=True)
    rows = [
        {"Name": name, "Content": "old", "Shortcut key": key}
        for name, key in zip("abcde", ["k1", "k2", "k3", "k4", ""], strict=True)
    ]
    sync(fake, knowledge_base, rows)
    rows[0]["Shortcut key"], rows[1]["Shortcut key"] = "k2", "k1"
    rows[2]["Shortcut key"], rows[4]["Shortcut key"] = "k5", "k3"
    rows[2]["Content"] = "new"
    del rows[3]
    rows.append({"Name": "f", "Content": "made", "Shortcut key": "k4"})
    return knowledge_base, rows


def calls_of_a_day(on_missing):
    with mock_aws():
        fake = FakeWisdom()
        knowledge_base, rows = a_day_of_changes(fake)
        before = len(fake.history())
        sync(fake, knowledge_base, rows, on_missing=on_missing, protection=False)
        return len(fake.history()) - before


def kill(fake, position, after_effect):
    """Let no call after this one get through: to the process it is as if it were dead."""
    fake.fault("*", "AccessDeniedException", http_status=403, after=position, after_effect=after_effect, times=1)
    fake.fault("*", "AccessDeniedException", http_status=403, after=position + 1, times=1000)


@pytest.mark.parametrize("on_missing", ["delete", "deactivate"])
@pytest.mark.parametrize("after_effect", [False, True])
def test_killed_at_any_call_and_tried_again_it_comes_to_the_same_end(on_missing, after_effect):
    for position in range(calls_of_a_day(on_missing)):
        with mock_aws():
            fake = FakeWisdom()
            knowledge_base, rows = a_day_of_changes(fake)
            how = {"on_missing": on_missing, "protection": False}
            how["expected_plan"] = sync(fake, knowledge_base, rows, mode="plan", **how)
            kill(fake, position, after_effect)
            with pytest.raises(WisdomError):
                sync(fake, knowledge_base, rows, **how)
            fake.clear_faults()
            # What was approved is done to its end, and by the very same approval.
            sync(fake, knowledge_base, rows, **how)
            after = state(fake, knowledge_base)
            names = sorted(item.name for item in after.values())
            gone = [] if on_missing == "delete" else ["d"]
            assert names == sorted(["a", "b", "c", "e", "f", *gone, "Sample greeting", "Sample farewell"]), position
            by_name = {item.name: item for item in after.values()}
            assert all(expected_equal(row, by_name[row["Name"]]) for row in rows), position
            if gone:
                assert not by_name["d"].values["isActive"]
                assert by_name["d"].tags == {OWNER: OURS, DEACTIVATED: "true"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=tables(),
    items=worlds(),
    position=st.integers(0, 20),
    after_effect=st.booleans(),
    how=st.fixed_dictionaries(
        {
            "on_missing": st.sampled_from(["keep", "deactivate", "delete"]),
            "adopt": st.booleans(),
            "key": st.sampled_from(["name", "shortcut_key"]),
        }
    ),
)
def test_what_is_left_of_an_approved_plan_is_done_and_nothing_else(rows, items, position, after_effect, how):
    if how["key"] == "shortcut_key":
        rows = [row for row in rows if row.get("Shortcut key")]
    with mock_aws():
        fake = FakeWisdom()
        knowledge_base = fake.create_knowledge_base()
        populate(fake, knowledge_base, items)
        approved = sync(fake, knowledge_base, rows, mode="plan", protection=False, **how)
        kill(fake, position, after_effect)
        how |= {"expected_plan": approved}
        failure_of(fake, knowledge_base, rows, **how)
        fake.clear_faults()
        begun = writes(fake)
        event("begun" if begun else "not begun")
        failure = failure_of(fake, knowledge_base, rows, **how)
        assert not isinstance(failure, PlanChangedError)
        for item in fake.quick_responses(knowledge_base):
            fake.edit_by_hand(knowledge_base, item["quickResponseId"], content={"content": "by hand"})
        done = writes(fake)
        failure_of(fake, knowledge_base, rows, **how)
        assert writes(fake) == done
