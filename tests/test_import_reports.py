"""The records that AWS refuses: how many, which, and what is made of them."""

from __future__ import annotations

import csv

import pytest
from rigs.imports import INVALID, ROWS, importing
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    FailedRecordsError,
    ImportIncompleteError,
    InvalidRowsError,
    StorageError,
)
from airflow_wisdom.runs.reports import REPORT_PATIENCE

pytestmark = pytest.mark.usefixtures("no_patience")


@pytest.fixture
def partly_taken(knowledge_base):
    """Two rows of the first 100 and one of the last 50 are there already: AWS refuses them."""
    taken = [ROWS[n] for n in (3, 7, 220)]
    run(importing(knowledge_base, taken), ti=another_run())
    return taken


def another_run():
    ti = FakeTaskInstance()
    ti.run_id = "before"
    return ti


@pytest.mark.parametrize("deferrable", [False, True])
def test_records_that_aws_refuses_fail_the_task_with_an_account_of_them(
    fake_wisdom, knowledge_base, partly_taken, tmp_path, deferrable
):
    ti = FakeTaskInstance()
    target = tmp_path / "failed.csv"
    with pytest.raises(FailedRecordsError, match="AWS refused 3 of 250 rows") as raised:
        run(importing(knowledge_base, failed_records_path=str(target), deferrable=deferrable), ti=ti)
    assert raised.value.records_refused == 3
    summary = ti.xcoms["return_value"]
    assert (summary["rowsSent"], summary["rowsImported"], summary["rowsRefused"]) == (250, 247, 3)
    assert [job["rowsRefused"] for job in summary["importJobs"]] == [2, 0, 1]
    assert [record["Name"] for record in summary["failedRecords"]] == [row["Name"] for row in partly_taken]
    written = list(csv.DictReader(target.read_text().splitlines()))
    assert [row["Name"] for row in written] == [row["Name"] for row in partly_taken]
    assert {row["_import_job_id"] for row in written} == {
        job["importJobId"] for job in summary["importJobs"] if job["rowsRefused"]
    }


@pytest.mark.parametrize("on_failed_records", ["warn", "ignore", 3, "3"])
def test_records_that_aws_refuses_may_be_tolerated(fake_wisdom, knowledge_base, partly_taken, on_failed_records):
    summary = run(importing(knowledge_base, on_failed_records=on_failed_records))
    assert (summary["status"], summary["rowsRefused"]) == ("COMPLETE", 3)


def test_more_than_is_tolerated_is_an_error(fake_wisdom, knowledge_base, partly_taken):
    with pytest.raises(FailedRecordsError):
        run(importing(knowledge_base, on_failed_records=2))


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_is_red_and_its_report_read_all_the_same(fake_wisdom, knowledge_base, partly_taken, deferrable):
    """Whether a job with refused rows ends COMPLETE or FAILED is not documented."""
    fake_wisdom.partly_failed("FAILED")
    ti = FakeTaskInstance()
    with pytest.raises(ImportIncompleteError, match="1 of 3 import jobs are COMPLETE") as raised:
        run(importing(knowledge_base, on_failed_records="ignore", deferrable=deferrable), ti=ti)
    assert "file 1 of 3 (rows 1 to 100)" in str(raised.value)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsRefused"], summary["rowsImported"]) == ("FAILED", 3, None)
    assert [job["rowsImported"] for job in summary["importJobs"]] == [None, 100, None]


@pytest.mark.parametrize(("http_status", "patience"), [(403, 0), (500, REPORT_PATIENCE)])
def test_a_report_that_cannot_be_read_is_no_empty_report(
    fake_wisdom, knowledge_base, partly_taken, virtual_time, http_status, patience
):
    """Bad weather is waited out for a while, for all reports together."""
    fake_wisdom.fault("GetObject", "Any", http_status=http_status, times=1000)
    began = virtual_time.now
    with pytest.raises(FailedRecordReportError, match="is not known"):
        run(importing(knowledge_base, poll_interval=1))
    assert patience <= virtual_time.now - began <= patience + 10
    summary = run(importing(knowledge_base, on_failed_records="warn"), try_number=2)
    assert (summary["rowsRefused"], summary["rowsImported"]) == (None, None)


def test_a_complete_job_without_a_report_is_read_once_more_and_no_more(fake_wisdom, knowledge_base):
    """A call that is not needed is one that can fail."""
    run(importing(knowledge_base, ROWS[:1]))
    assert fake_wisdom.calls()["GetImportJob"] == 2


def test_what_is_kept_of_thousands_of_jobs_is_small(fake_wisdom, knowledge_base):
    task = importing(knowledge_base)
    run(task)
    assert [(job.status, job.url, job.upload_id, job.metadata) for job in task._jobs] == [
        ("COMPLETE", None, None, {}) for _ in range(3)
    ]


def test_a_report_that_is_too_large_is_an_error(fake_wisdom, knowledge_base, partly_taken):
    with pytest.raises(FailedRecordReportError, match="more than 10 bytes"):
        run(importing(knowledge_base, max_report_bytes=10))


def test_a_place_that_cannot_be_written_is_an_error(fake_wisdom, knowledge_base, partly_taken):
    ti = FakeTaskInstance()
    target = "s3://nosuch/failed.csv"
    with pytest.raises(StorageError, match=r"s3://nosuch/failed\.csv cannot be written"):
        run(importing(knowledge_base, failed_records_path=target, on_failed_records="warn"), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["rowsRefused"], summary["failedRecordsPath"]) == (3, None)
    # What is worse is told rather than that, and the account is given all the same.
    with pytest.raises(FailedRecordsError, match="AWS refused 3"):
        run(importing(knowledge_base, failed_records_path=target), ti=FakeTaskInstance(try_number=2))
    with pytest.raises(InvalidRowsError, match=r"row 1, .* s3://nosuch/invalid\.csv cannot be written"):
        run(importing(knowledge_base, INVALID[:1], invalid_rows_path="s3://nosuch/invalid.csv"))
    with pytest.raises(StorageError):
        run(importing(knowledge_base, ROWS + INVALID, invalid_rows_path="s3://nosuch/b.csv", on_invalid_rows="skip"))


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_that_keeps_its_reasons_to_itself_has_refused_nobody_knows_what(
    fake_wisdom, knowledge_base, deferrable
):
    fake_wisdom.import_jobs(status="FAILED")
    ti = FakeTaskInstance()
    with pytest.raises(ImportIncompleteError):
        run(importing(knowledge_base, ROWS[:10], deferrable=deferrable), ti=ti)
    summary = ti.xcoms["return_value"]
    (job,) = summary["importJobs"]
    assert (summary["rowsRefused"], summary["rowsImported"], summary["rowsUnknown"]) == (None, None, 10)
    assert (job["rowsRefused"], job["rowsImported"]) == (None, None)
