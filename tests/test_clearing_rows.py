"""A task that a user has cleared imports the rows that are not there, and no others."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rigs.imports import ROWS, Store, ids_of, importing, jobs_of, responses
from rigs.network import Killed, killed
from rigs.running import FakeTaskInstance, as_raised, run

from airflow_wisdom.exceptions import FailedRecordsError

pytestmark = pytest.mark.usefixtures("no_patience", "virtual_time")

COLUMNS = (
    "rowsInvalid",
    "rowsOnlyChecked",
    "rowsPresent",
    "rowsDiffering",
    "rowsImported",
    "rowsRefused",
    "rowsNotStarted",
    "rowsUnknown",
)


def attempt(task, try_number=1, *, cleared_after=0, store=None, **context):
    """Run a try, of a task that a user has cleared after so many."""
    stored = {"task_state_store": store} if store else {}
    return run(task, ti=FakeTaskInstance(try_number, max_tries=cleared_after), **stored, **context)


def cleared(task, tries=1, **kwargs):
    """Run the try after a clear."""
    return attempt(task, tries + 1, cleared_after=tries, **kwargs)


def delete(fake, knowledge_base, *names):
    client = fake.client()
    for item in fake.quick_responses(knowledge_base):
        if item["name"] in names:
            client.delete_quick_response(knowledgeBaseId=knowledge_base, quickResponseId=item["quickResponseId"])


def create(fake, knowledge_base, name, content, **members):
    fake.client().create_quick_response(
        knowledgeBaseId=knowledge_base, name=name, content={"content": content}, **members
    )


def adds_up(summary):
    assert sum(summary[name] for name in COLUMNS) == summary["rowsRead"]
    assert sum(job["rowsSent"] for job in summary["importJobs"]) == summary["rowsSent"]
    return True


@pytest.mark.parametrize("deferrable", [False, True])
def test_rows_that_are_there_are_not_sent_again(fake_wisdom, knowledge_base, deferrable, caplog):
    attempt(importing(knowledge_base))
    delete(fake_wisdom, knowledge_base, "Answer 7", "Answer 150")
    caplog.set_level("INFO")
    summary = cleared(importing(knowledge_base, deferrable=deferrable))
    assert adds_up(summary)
    assert (summary["status"], summary["rowsPresent"], summary["rowsImported"]) == ("COMPLETE", 248, 2)
    first, second = summary["importJobs"]
    assert (first["rowsPresent"], first["rowsSent"], first["firstRow"], first["lastRow"]) == (99, 1, 1, 100)
    assert (second["rowsPresent"], second["rowsSent"]) == (99, 1)
    assert Counter(responses(fake_wisdom, knowledge_base)) == Counter(row["Name"] for row in ROWS)
    assert "that are already there, and are not sent again: 248" in caplog.text
    assert re.search(r"Imported 2 of 250 rows in 2 jobs, [\d.]+ s; 248 already there", caplog.text)
    job = jobs_of(fake_wisdom, knowledge_base)[-1]
    assert job["metadata"]["airflow-file"].endswith("(rows 101 to 200, of which 1 of 100 rows are not there)")


@pytest.mark.parametrize("deferrable", [False, True])
def test_where_every_row_is_there_nothing_is_sent(fake_wisdom, knowledge_base, deferrable):
    attempt(importing(knowledge_base, ROWS[:5]))
    before = fake_wisdom.calls()
    summary = cleared(importing(knowledge_base, ROWS[:5], deferrable=deferrable))
    assert adds_up(summary)
    assert (summary["status"], summary["rowsPresent"], summary["rowsSent"], summary["importJobs"]) == (
        "COMPLETE",
        5,
        0,
        [],
    )
    after = fake_wisdom.calls()
    assert {name for name in after if after[name] > before.get(name, 0)} == {
        "ListImportJobs",
        "ListQuickResponses",
        "SearchQuickResponses",
    }


def test_only_a_cleared_task_compares(fake_wisdom, knowledge_base):
    """A first run of rows whose names are taken is refused them, and so is its retry."""
    create(fake_wisdom, knowledge_base, "Answer 1", "Text 1")
    for try_number in (1, 2):
        with pytest.raises(FailedRecordsError):
            attempt(importing(knowledge_base, ROWS[:3]), try_number)
    assert "ListQuickResponses" not in fake_wisdom.calls()


@pytest.mark.parametrize(
    ("members", "row", "is_there"),
    [
        ({}, {}, True),
        ({}, {"Content": "Other"}, False),
        # What a row leaves empty is for AWS to decide.
        ({"description": "by hand", "shortcutKey": "key"}, {"Description": "", "Shortcut key": ""}, True),
        ({"shortcutKey": "key"}, {"Shortcut key": "other"}, False),
        ({"channels": ["Email", "Chat"]}, {"Channels": "Chat;Email"}, True),
        ({"channels": ["Chat"]}, {"Channels": "Chat;Email"}, False),
        ({"isActive": True}, {"Is active": "YES"}, True),
        ({"isActive": False}, {"Is active": "yes"}, False),
        ({"contentType": "application/x.quickresponse;format=markdown"}, {"Content type": "Markdown"}, True),
        ({"contentType": "application/x.quickresponse;format=plain"}, {"Content type": "markdown"}, False),
        # Whose ARN nobody knows.
        ({}, {"Routing Profile": "Billing"}, True),
        ({}, {"Routing Profile": "arn:aws:connect:us-east-1:1:instance/i/routing-profile/p"}, False),
    ],
)
def test_a_row_is_there_if_all_that_it_says_is(fake_wisdom, knowledge_base, members, row, is_there):
    create(fake_wisdom, knowledge_base, "a", "Text", **members)
    task = importing(knowledge_base, [{"Name": "a", "Content": "Text", **row}], on_failed_records="warn")
    summary = cleared(task)
    assert adds_up(summary)
    assert (summary["rowsPresent"], summary["rowsDiffering"]) == (is_there, not is_there)
    assert responses(fake_wisdom, knowledge_base) == ["a"]


def test_routing_profiles_are_compared_where_their_names_are_known(fake_wisdom, knowledge_base):
    instance = fake_wisdom.create_instance(knowledge_base, ["Billing", "Tech"])
    rows = [{"Name": "a", "Content": "Text", "Routing Profile": "Billing"}]
    attempt(importing(knowledge_base, rows, instance_id=instance))
    assert cleared(importing(knowledge_base, rows, instance_id=instance))["rowsPresent"] == 1
    rows[0]["Routing Profile"] = "Tech"
    with pytest.raises(FailedRecordsError, match="a sync changes what is there"):
        cleared(importing(knowledge_base, rows, instance_id=instance))


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_row_whose_name_has_other_values_fails_the_task_and_the_sync_is_named(
    fake_wisdom, knowledge_base, deferrable, caplog
):
    create(fake_wisdom, knowledge_base, "Answer 1", "Edited by hand")
    with pytest.raises(
        FailedRecordsError, match=r"other values have the names of 1 row.* a sync changes what is there"
    ):
        cleared(importing(knowledge_base, ROWS[:3], deferrable=deferrable))
    assert "a sync changes what is there" in caplog.text
    assert Counter(responses(fake_wisdom, knowledge_base)) == Counter(["Answer 1", "Answer 2", "Answer 3"])
    # On a clear of the clear, too; and it may be tolerated, like what AWS refuses.
    summary = cleared(importing(knowledge_base, ROWS[:3], deferrable=deferrable, on_failed_records=1), 2)
    assert adds_up(summary)
    assert (summary["status"], summary["rowsPresent"], summary["rowsDiffering"]) == ("COMPLETE", 2, 1)
    with pytest.raises(FailedRecordsError):
        cleared(importing(knowledge_base, ROWS[:3], on_failed_records=0), 3)


def test_what_aws_refuses_is_tolerated_also_where_nothing_else_was_left_to_send(fake_wisdom, knowledge_base):
    """Alone in its file, a row that is refused makes the job FAILED; with the others it did not."""
    fake_wisdom.partly_failed("COMPLETE")
    create(fake_wisdom, knowledge_base, "Somebody else's", "Text", shortcutKey="key")
    rows = [*ROWS[:3], {"Name": "a", "Content": "Text", "Shortcut key": "key"}]
    assert attempt(importing(knowledge_base, rows, on_failed_records="warn"))["rowsRefused"] == 1
    summary = cleared(importing(knowledge_base, rows, on_failed_records="warn"))
    assert adds_up(summary)
    assert (summary["status"], summary["rowsPresent"], summary["rowsRefused"]) == ("COMPLETE", 3, 1)
    with pytest.raises(FailedRecordsError):
        cleared(importing(knowledge_base, rows), 2)


def test_what_is_not_settled_is_not_there(fake_wisdom, knowledge_base):
    """AWS decides what becomes of a row whose quick response failed to be made."""
    fake_wisdom.fail_quick_responses("create")
    create(fake_wisdom, knowledge_base, "Answer 1", "Text 1")
    summary = cleared(importing(knowledge_base, ROWS[:2], on_failed_records="ignore"))
    assert (summary["rowsPresent"], summary["rowsSent"]) == (0, 2)


def test_without_the_permission_every_row_is_sent_and_a_warning_says_why(fake_wisdom, knowledge_base, caplog):
    fake_wisdom.partly_failed("COMPLETE")
    for name in ("Answer 1", "Answer 2"):
        create(fake_wisdom, knowledge_base, name, "Text")
    fake_wisdom.fault("SearchQuickResponses", "AccessDeniedException")
    summary = cleared(importing(knowledge_base, ROWS[:3], on_failed_records="warn"))
    assert (summary["rowsPresent"], summary["rowsRefused"]) == (0, 2)
    assert "Allow wisdom:ListQuickResponses, wisdom:SearchQuickResponses and wisdom:GetQuickResponse" in caplog.text


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_of_a_cleared_task_accounts_as_the_cleared_one(fake_wisdom, knowledge_base, remembers, deferrable):
    """It finds the job, which says how many rows were left to it."""
    store = Store() if remembers else None
    attempt(importing(knowledge_base, ROWS[:10]), store=store)
    delete(fake_wisdom, knowledge_base, "Answer 3", "Answer 4", "Answer 5")
    create(fake_wisdom, knowledge_base, "Answer 5", "Edited by hand")
    fake_wisdom.import_jobs(after_calls=3)
    task = importing(knowledge_base, ROWS[:10], deferrable=deferrable, on_failed_records="warn")
    with pytest.raises(Killed), killed(1):
        cleared(importing(knowledge_base, ROWS[:10]), store=store)
    summary = attempt(task, 3, cleared_after=1, store=store)
    assert (summary["rowsPresent"], summary["rowsDiffering"], summary["rowsImported"]) == (7, 1, 2)
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 2
    again = attempt(task, 4, cleared_after=1, store=store)
    assert (ids_of(again), again["rowsPresent"], again["rowsImported"]) == (ids_of(summary), 7, 2)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_that_starts_an_upload_again_knows_which_rows_are_in_it(fake_wisdom, knowledge_base, deferrable):
    """The job of the cleared task is gone, as somebody has deleted it; its upload has the rows that were left."""
    rows, store = ROWS[:10], Store()
    how = {"deferrable": deferrable, "on_failed_records": "warn"}
    attempt(importing(knowledge_base, rows, **how), store=store)
    delete(fake_wisdom, knowledge_base, "Answer 3", "Answer 4", "Answer 5")
    create(fake_wisdom, knowledge_base, "Answer 5", "Edited by hand")
    summary = cleared(importing(knowledge_base, rows, **how), store=store)
    assert (summary["rowsPresent"], summary["rowsDiffering"], summary["rowsImported"]) == (7, 1, 2)
    fake_wisdom.client().delete_import_job(
        knowledgeBaseId=knowledge_base, importJobId=summary["importJobs"][0]["importJobId"]
    )
    delete(fake_wisdom, knowledge_base, "Answer 3", "Answer 4")
    again = attempt(importing(knowledge_base, rows, **how), 3, cleared_after=1, store=store)
    assert adds_up(again)
    assert (again["rowsPresent"], again["rowsDiffering"], again["rowsImported"]) == (7, 1, 2)


def test_without_a_column_for_names_every_row_is_sent_and_a_warning_says_why(fake_wisdom, knowledge_base, caplog):
    """Under a header of one's own, of which nobody knows what names its quick responses."""
    create(fake_wisdom, knowledge_base, "None", "None")
    template, rows = ["Title", "Text"], [{"Title": "a", "Text": "x"}]
    fake_wisdom.header({"Title": "name", "Text": "content"})
    attempt(importing(knowledge_base, rows, import_template=template))
    delete(fake_wisdom, knowledge_base, "a")
    summary = cleared(importing(knowledge_base, rows, import_template=template))
    assert (summary["rowsPresent"], summary["rowsImported"]) == (0, 1)
    assert "No column of the import template means a name" in caplog.text
    assert "ListQuickResponses" not in fake_wisdom.calls()


def test_other_peoples_changes_are_not_waited_for_until_the_timeout(fake_wisdom, knowledge_base, virtual_time):
    attempt(importing(knowledge_base, ROWS[:2]))
    fake_wisdom.quick_response_changes(after_seconds=100_000)
    create(fake_wisdom, knowledge_base, "Somebody else's", "text")
    began = virtual_time.now
    summary = cleared(importing(knowledge_base, ROWS[:2]))
    assert (summary["rowsPresent"], summary["status"]) == (2, "COMPLETE")
    assert virtual_time.now - began < 300


def test_the_account_goes_by_the_rows_that_a_job_has(fake_wisdom, knowledge_base):
    """No list shows the job of an earlier try yet, so that its token alone finds it: it has other rows."""
    fake_wisdom.import_jobs(after_calls=3)
    create(fake_wisdom, knowledge_base, "Answer 1", "Text 1")
    fake_wisdom.lagging_list(calls=1)
    with pytest.raises(Killed), killed(1):
        attempt(importing(knowledge_base, ROWS[:3]))
    summary = cleared(importing(knowledge_base, ROWS[:3], on_failed_records="ignore"))
    assert adds_up(summary)
    assert (summary["rowsPresent"], summary["rowsSent"], summary["rowsRefused"]) == (0, 3, 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    deaths=st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=3),
    gone=st.sets(st.integers(1, 30)),
    remembers=st.booleans(),
    takes=st.integers(0, 4),
)
def test_cleared_at_any_stage_every_row_is_there_once(fake_wisdom, deaths, gone, remembers, takes):
    """A task dies after so many starts, or does not; it is tried again or cleared; rows are deleted; it is cleared."""
    fake_wisdom.reset()
    knowledge_base = fake_wisdom.create_knowledge_base()
    rows, store = ROWS[:30], Store() if remembers else None
    fake_wisdom.import_jobs(after_calls=takes)
    number, first = 0, 1

    def task(*, deferrable=False):
        return importing(knowledge_base, rows, max_rows_per_file=10, deferrable=deferrable)

    for starts, is_cleared, deferrable in deaths:
        number += 1
        first = number if is_cleared else first
        context = {"ti": FakeTaskInstance(number, max_tries=first - 1)}
        if store:
            context["task_state_store"] = store
        try:
            with killed(starts), as_raised():
                task(deferrable=deferrable).execute(context)
        except (Killed, TaskDeferred):
            continue
    delete(fake_wisdom, knowledge_base, *(f"Answer {n}" for n in gone))
    number += 1
    summary = attempt(task(deferrable=remembers), number + 1, cleared_after=number, store=store)
    assert adds_up(summary)
    assert summary["rowsImported"] + summary["rowsPresent"] == 30
    assert Counter(responses(fake_wisdom, knowledge_base)) == Counter(row["Name"] for row in rows)
