"""Retries continue; what a user clears, and a run that was made again under its old name, start again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk import task as airflow_task
from airflow.sdk.execution_time.context import OutletEventAccessors
from rigs.imports import ROWS, Store, ids_of, importing, jobs_of, responses
from rigs.network import Killed, killed
from rigs.running import GOOD_CSV, FakeTaskInstance, run, start_job

from airflow_wisdom.operators import WisdomStartImportJobOperator
from airflow_wisdom.runs.run import Series

RETRIES = 2
QUICK = {"poll_interval": 0.01, "on_failed_records": "ignore"}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "quick_responses.csv"
    path.write_bytes(GOOD_CSV)
    return str(path)


def start(knowledge_base, source, **kwargs):
    return WisdomStartImportJobOperator(
        task_id="start", knowledge_base_id=knowledge_base, source=source, **{"retries": RETRIES, **QUICK, **kwargs}
    )


def dag_run(day=1):
    return SimpleNamespace(start_date=datetime(2026, 1, day, tzinfo=timezone.utc))


def attempt(task, try_number=1, *, cleared_after=0, day=1, store=None):
    """Run a try, of a task that a user has cleared after so many, in a run that began on some day."""
    ti = FakeTaskInstance(try_number, max_tries=cleared_after + RETRIES)
    stored = {"task_state_store": store} if store else {}
    return run(task, ti=ti, dag_run=dag_run(day), **stored)


def importing_again(knowledge_base, **kwargs):
    return importing(knowledge_base, ROWS[:3], retries=RETRIES, on_failed_records="ignore", **kwargs)


@pytest.fixture(params=["no store", "store"])
def store(request):
    return Store() if request.param == "store" else None


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_retry_continues_and_a_clear_imports_again(fake_wisdom, knowledge_base, source, deferrable):
    fake_wisdom.import_jobs(status="COMPLETE")
    (first, retry, cleared, retry_of_cleared) = (
        attempt(start(knowledge_base, source, deferrable=deferrable), number, cleared_after=after)["importJobId"]
        for number, after in [(1, 0), (2, 0), (3, 2), (4, 2)]
    )
    assert first == retry != cleared == retry_of_cleared


def test_rows_that_were_deleted_are_imported_by_a_clear(fake_wisdom, knowledge_base, store):
    attempt(importing_again(knowledge_base), store=store)
    client = fake_wisdom.client()
    for item in client.list_quick_responses(knowledgeBaseId=knowledge_base)["quickResponseSummaries"]:
        client.delete_quick_response(knowledgeBaseId=knowledge_base, quickResponseId=item["quickResponseId"])
    attempt(importing_again(knowledge_base), 2, store=store)
    assert responses(fake_wisdom, knowledge_base) == []
    summary = attempt(importing_again(knowledge_base), 2, cleared_after=1, store=store)
    assert (summary["rowsImported"], len(responses(fake_wisdom, knowledge_base))) == (3, 3)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_task_that_is_cleared_while_its_job_runs_waits_for_that_job(
    fake_wisdom, knowledge_base, source, store, deferrable
):
    fake_wisdom.import_jobs(after_calls=4)
    with pytest.raises(Killed), killed(1):
        attempt(importing_again(knowledge_base), store=store)
    (running,) = [job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base)]
    cleared = importing_again(knowledge_base, deferrable=deferrable)
    assert ids_of(attempt(cleared, 2, cleared_after=1, store=store)) == [running]


@pytest.mark.parametrize("token", ["first", "conflict"])
@pytest.mark.parametrize("status", ["COMPLETE", "START_IN_PROGRESS"])
def test_a_run_that_is_made_again_under_its_old_name_is_another(
    fake_wisdom, knowledge_base, source, token, status, no_patience
):
    fake_wisdom.reused_client_token(token)
    fake_wisdom.import_jobs(status="COMPLETE")
    old = attempt(start(knowledge_base, source))["importJobId"]
    fake_wisdom.set_status(old, status)
    new = attempt(start(knowledge_base, source), day=2)["importJobId"]
    assert new != old
    assert attempt(start(knowledge_base, source), 2, day=2)["importJobId"] == new


@pytest.mark.parametrize("order", ["oldest_first", "newest_first"])
def test_a_clear_waits_for_the_job_of_its_own_run_and_not_for_that_of_the_run_that_had_its_name(
    fake_wisdom, knowledge_base, source, order
):
    fake_wisdom.list_order(order)
    fake_wisdom.import_jobs(after_seconds=3600)
    old, new, cleared = (
        attempt(start(knowledge_base, source, wait_for_completion=False), number, cleared_after=after, day=day)
        for number, after, day in [(1, 0, 1), (1, 0, 2), (2, 1, 2)]
    )
    assert old["importJobId"] != new["importJobId"] == cleared["importJobId"]


@pytest.mark.parametrize(("begins_after", "adopts"), [(timedelta(days=1), False), (timedelta(minutes=10), True)])
def test_a_job_that_is_older_than_the_run_is_not_adopted(fake_wisdom, knowledge_base, source, begins_after, adopts):
    """Clocks may differ by some minutes."""
    fake_wisdom.import_jobs(after_seconds=3600)
    old = attempt(start(knowledge_base, source, wait_for_completion=False))
    again = dag_run(day=2)
    again.run_after = datetime.now(timezone.utc) + begins_after
    ti = FakeTaskInstance(2, max_tries=1 + RETRIES)
    new = run(start(knowledge_base, source, wait_for_completion=False), ti=ti, dag_run=again)
    assert (new["importJobId"] == old["importJobId"]) is adopts


def test_an_adopted_job_is_named_with_the_time_at_which_it_was_started(fake_wisdom, knowledge_base, source, caplog):
    job = attempt(start(knowledge_base, source))
    with caplog.at_level("INFO"):
        attempt(start(knowledge_base, source), 2)
    assert f"{job['importJobId']} was started by an earlier try, {job['createdTime']}" in caplog.text


@pytest.mark.parametrize(
    ("try_number", "max_tries", "retries", "is_cleared"),
    [(1, 0, 0, False), (3, 2, 2, False), (2, 1, 0, True), (4, 5, 2, True), (2, 2, 5, False), (1, 0, None, False)],
)
def test_a_clear_is_told_from_a_retry_as_airflow_itself_reckons(try_number, max_tries, retries, is_cleared):
    context = {"ti": FakeTaskInstance(try_number, max_tries)}
    assert Series.of_task(SimpleNamespace(retries=retries), context).is_cleared is is_cleared


@pytest.mark.parametrize("makes", ["start", "import"])
def test_a_retry_of_a_taskflow_function_that_calls_an_operator_continues(fake_wisdom, knowledge_base, source, makes):
    """The operator inside has retries of its own, which nobody counts."""
    fake_wisdom.import_jobs(status="COMPLETE")

    contexts = []
    with DAG("dag", schedule=None):

        @airflow_task(retries=RETRIES)
        def load():
            inner = {
                "start": lambda: start(knowledge_base, source, retries=0, deferrable=False),
                "import": lambda: importing(knowledge_base, source, on_failed_records="ignore"),
            }[makes]()
            return inner.execute(contexts[-1])

        outer = load().operator

    def tried(try_number, max_tries):
        ti = FakeTaskInstance(try_number, max_tries)
        events = OutletEventAccessors()
        contexts.append({"ti": ti, "task": outer, "dag_run": dag_run(), "outlet_events": events})
        summary = outer.execute(contexts[-1])
        return summary.get("importJobId") or [job["importJobId"] for job in summary["importJobs"]]

    first, retry, cleared = tried(1, RETRIES), tried(2, RETRIES), tried(3, 2 + RETRIES)
    assert first == retry != cleared


def old_jobs(fake, knowledge_base, number):
    """Start jobs of somebody else, all of one upload."""
    client = fake.client()
    first = start_job(fake, knowledge_base, b"Name,Content\nold,Old\n")
    job = client.get_import_job(knowledgeBaseId=knowledge_base, importJobId=first)["importJob"]
    what = {"knowledgeBaseId": knowledge_base, "importJobType": "QUICK_RESPONSES", "uploadId": job["uploadId"]}
    for _ in range(number - 1):
        client.start_import_job(**what)


@pytest.mark.parametrize("task", ["import", "start"])
def test_only_the_page_that_is_throttled_is_read_again(fake_wisdom, knowledge_base, source, task, virtual_time):
    """Many tasks that are cleared at once throttle one another: each would read its long list from its beginning."""
    make = {"import": importing_again, "start": lambda knowledge_base: start(knowledge_base, source)}[task]
    fake_wisdom.import_jobs(status="COMPLETE")
    attempt(make(knowledge_base))
    old_jobs(fake_wisdom, knowledge_base, 250)
    before = fake_wisdom.calls().get("ListImportJobs", 0)
    # Of each call botocore makes five attempts, before anybody else knows.
    fake_wisdom.fault("ListImportJobs", "ThrottlingException", times=5, after=2)
    attempt(make(knowledge_base), 2, cleared_after=1)
    assert fake_wisdom.calls()["ListImportJobs"] - before == 3 + 5


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_clear_reads_no_list_where_a_store_remembers(fake_wisdom, knowledge_base, deferrable):
    """Also a trigger's jobs, though a trigger has no store."""
    store = Store()
    attempt(importing_again(knowledge_base, deferrable=deferrable), store=store)
    attempt(importing_again(knowledge_base, deferrable=deferrable), 2, cleared_after=1, store=store)
    assert "ListImportJobs" not in fake_wisdom.calls()
