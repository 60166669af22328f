"""An import of quick responses: rows become files and jobs, and each row is judged before anything is sent."""

from __future__ import annotations

import asyncio
import json

import pytest
from rigs.imports import INVALID, ROWS, ids_of, importing, jobs_of, responses
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import InvalidRowsError
from airflow_wisdom.runs.progress import Progress, telling
from airflow_wisdom.runs.run import FILE, MARK, TASK

pytestmark = pytest.mark.usefixtures("no_patience")


@pytest.mark.parametrize("deferrable", [False, True])
def test_250_rows_become_three_jobs_in_order(fake_wisdom, knowledge_base, service_name, deferrable):
    fake_wisdom.import_jobs(after_calls=3)
    ti = FakeTaskInstance()
    summary = run(importing(knowledge_base, deferrable=deferrable, service_name=service_name), ti=ti)
    assert [job["rowsSent"] for job in summary["importJobs"]] == [100, 100, 50]
    assert [(job["firstRow"], job["lastRow"]) for job in summary["importJobs"]] == [(1, 100), (101, 200), (201, 250)]
    assert {job["status"] for job in summary["importJobs"]} == {"COMPLETE"}
    assert all(job["durationSeconds"] >= 0 for job in summary["importJobs"])
    numbers = {name: summary[name] for name in ("rowsRead", "rowsInvalid", "rowsSent", "rowsImported", "rowsRefused")}
    assert numbers == {"rowsRead": 250, "rowsInvalid": 0, "rowsSent": 250, "rowsImported": 250, "rowsRefused": 0}
    assert summary["status"] == "COMPLETE"
    assert summary["durationSeconds"] >= max(job["durationSeconds"] for job in summary["importJobs"])
    assert ti.xcoms["return_value"] == summary
    assert sorted(responses(fake_wisdom, knowledge_base)) == sorted(row["Name"] for row in ROWS)


@pytest.mark.parametrize("deferrable", [False, True])
def test_one_deferral_waits_for_all_jobs(fake_wisdom, knowledge_base, deferrable):
    """Only so many run at a time: the trigger itself starts the next."""
    fake_wisdom.import_jobs(after_calls=4)
    task = importing(knowledge_base, max_rows_per_file=25, max_active_jobs=2, deferrable=deferrable)
    summary = run(task)
    assert len(summary["importJobs"]) == 10
    assert fake_wisdom.most_running() == 2
    started = [job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base)]
    assert started == ids_of(summary)


class Counting(Progress):
    """Counts the tasks of the event loop whenever a job starts."""

    def __init__(self):
        self.tasks = []

    def started(self, import_job_id, place):
        self.tasks.append(len(asyncio.all_tasks()))


def test_a_job_that_has_to_wait_costs_no_task(fake_wisdom, knowledge_base):
    """There may be thousands of jobs."""
    counting = Counting()
    with telling(counting):
        run(importing(knowledge_base, max_rows_per_file=5, max_active_jobs=2))
    assert len(counting.tasks) == 50
    assert max(counting.tasks) < 10


def test_every_job_says_where_it_came_from(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "answers.csv"
    source.write_text("Name,Content\nHello,Hi\n")
    ti = FakeTaskInstance()
    ti.map_index = 3
    run(importing(knowledge_base, str(source), metadata={"team": "billing"}), ti=ti)
    ((job),) = jobs_of(fake_wisdom, knowledge_base)
    assert {key: job["metadata"][key] for key in (*TASK, FILE)} == {
        "airflow-dag": "dag",
        "airflow-run": "run",
        "airflow-task": "task[3]",
        "airflow-file": f"{source}, file 1 of 1 (lines 2 to 2)",
    }
    assert job["metadata"]["team"] == "billing"
    _mark, attempt, series = job["metadata"][MARK].split("/")
    assert (attempt, len(series)) == ("0", 12)


def test_no_rows_are_no_job(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "header.csv"
    source.write_text("Name,Content\n")
    for deferrable in (False, True):
        summary = run(importing(knowledge_base, str(source), deferrable=deferrable))
        assert (summary["rowsRead"], summary["importJobs"], summary["status"]) == (0, [], "COMPLETE")
    assert "StartImportJob" not in fake_wisdom.calls()


@pytest.mark.parametrize("deferrable", [False, True])
def test_all_mistakes_are_told_at_once_and_nothing_is_sent(fake_wisdom, knowledge_base, tmp_path, deferrable):
    target = tmp_path / "refused" / "rows.csv"
    ti = FakeTaskInstance()
    with pytest.raises(InvalidRowsError) as raised:
        run(importing(knowledge_base, ROWS[:5] + INVALID, invalid_rows_path=str(target), deferrable=deferrable), ti=ti)
    assert (raised.value.rows_read, raised.value.rows_invalid) == (9, 3)
    for words in ("row 6", "row 8", "row 9", 'column "Shortcut key"', str(target)):
        assert words in str(raised.value)
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}
    assert target.read_text().count("\n") == 4
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsRead"], summary["rowsInvalid"]) == ("FAILED", 9, 3)
    assert (summary["rowsNotStarted"], summary["rowsImported"], len(summary["invalidRows"])) == (6, 0, 3)
    assert summary["invalidRowsPath"] == str(target)


def test_where_no_row_is_valid_the_summary_is_of_a_failure(fake_wisdom, knowledge_base):
    ti = FakeTaskInstance()
    with pytest.raises(InvalidRowsError):
        run(importing(knowledge_base, INVALID[:1], invalid_rows_path="s3://nosuch/rows.csv"), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsInvalid"], summary["rowsSent"]) == ("FAILED", 1, 0)
    assert summary["invalidRowsPath"] is None


@pytest.mark.parametrize("deferrable", [False, True])
def test_skipped_rows_are_listed_and_written_ready_to_be_fixed(fake_wisdom, knowledge_base, deferrable):
    fake_wisdom.client("s3").create_bucket(Bucket="bucket")
    target = "s3://bucket/refused/rows.csv"
    summary = run(
        importing(
            knowledge_base, ROWS[:5] + INVALID, on_invalid_rows="skip", invalid_rows_path=target, deferrable=deferrable
        )
    )
    assert (summary["rowsRead"], summary["rowsInvalid"], summary["rowsSent"], summary["rowsImported"]) == (9, 3, 6, 6)
    assert [mistake["line"] for mistake in summary["invalidRows"]] == [6, 8, 9]
    assert summary["invalidRowsPath"] == target
    written = fake_wisdom.client("s3").get_object(Bucket="bucket", Key="refused/rows.csv")["Body"].read().decode()
    fixed = written.replace("kkkkkkkkkkk", "k").replace(",twice,", ",thrice,").replace(",,no name", ",named,no name")
    fake_wisdom.client("s3").put_object(Bucket="bucket", Key="fixed.csv", Body=fixed.encode())
    again = run(importing(knowledge_base, "s3://bucket/fixed.csv"))
    assert (again["rowsInvalid"], again["rowsImported"]) == (0, 3)


def test_if_no_row_is_valid_skipping_fails_as_well(fake_wisdom, knowledge_base):
    with pytest.raises(InvalidRowsError, match="1 of 1 rows"):
        run(importing(knowledge_base, INVALID[:1], on_invalid_rows="skip"))


def test_texts_of_customers_stay_out_of_sight_if_asked(fake_wisdom, knowledge_base, capsys):
    with pytest.raises(InvalidRowsError) as raised:
        run(importing(knowledge_base, [{"Name": "x" * 101, "Content": "secret"}], sample_size=0))
    assert "xxx" not in str(raised.value) + json.dumps(raised.value.to_dict()) + capsys.readouterr().out
    taken = [{"Name": "secret", "Content": "a"}]
    run(importing(knowledge_base, taken))
    summary = run(importing(knowledge_base, [*taken, *ROWS[:1]], sample_size=0, on_failed_records="warn"))
    assert (summary["rowsRefused"], summary["failedRecords"]) == (1, [])


def test_without_xcom_nothing_is_pushed(fake_wisdom, knowledge_base):
    ti = FakeTaskInstance()
    run(importing(knowledge_base, ROWS[:1], do_xcom_push=False), ti=ti)
    assert ti.xcoms == {}


def test_numbers_may_come_out_of_templates(fake_wisdom, knowledge_base):
    task = importing(
        knowledge_base,
        max_rows_per_file="50",
        max_active_jobs="2",
        sample_size="3",
        on_failed_records=2.0,
    )
    assert len(run(task)["importJobs"]) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_invalid_rows": "drop"},
        {"on_failed_records": "whatever"},
        {"on_failed_records": -1},
        {"max_active_jobs": 0},
        {"max_active_jobs": "x"},
        {"sample_size": -1},
        {"max_rows_per_file": "x"},
        {"metadata": dict.fromkeys("abcdef", "x")},
        {"knowledge_base": None},
        {"max_rows_per_file": 101},
        {"spaces": "keep"},
        {"extra_columns": "keep"},
        {"poll_interval": 0},
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_anything_is_sent(fake_wisdom, knowledge_base, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("poll_", "").replace("_per_file", "")):
        run(importing(**{"knowledge_base": knowledge_base, **wrong}))
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


def test_routing_profiles_are_looked_up_where_rows_are_judged_and_not_after_the_wait(fake_wisdom, knowledge_base):
    instance = fake_wisdom.create_instance(knowledge_base, ["Billing"])
    rows = [{"Name": "a", "Content": "b", "Routing Profile": "Billing"}]
    assert run(importing(knowledge_base, rows, instance_id=instance, deferrable=True))["rowsImported"] == 1
    assert fake_wisdom.calls()["ListRoutingProfiles"] == 1
