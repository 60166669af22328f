"""The records that AWS refuses: how many, which, and what is made of them."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.disks import full_at
from rigs.imports import INVALID, ROWS, importing
from rigs.running import FakeTaskInstance, resume, run

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    FailedRecordsError,
    ImportIncompleteError,
    InvalidRowsError,
    StorageError,
)
from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator
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
    written = read(target)
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
def test_a_failed_job_is_red_and_its_report_read_all_the_same(
    fake_wisdom, knowledge_base, partly_taken, deferrable, caplog
):
    """Whether a job with refused rows ends COMPLETE or FAILED is not documented."""
    fake_wisdom.partly_failed("FAILED")
    ti = FakeTaskInstance()
    with pytest.raises(ImportIncompleteError, match="1 of 3 import jobs are COMPLETE") as raised:
        run(importing(knowledge_base, on_failed_records="ignore", deferrable=deferrable), ti=ti)
    assert "file 1 of 3 (rows 1 to 100)" in str(raised.value)
    assert "A quick response with this name already exists. (3 of 3 refused records)" in str(raised.value)[:200]
    assert caplog.text.count("Refused by AWS: Answer ") == 3
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


# What stays of a run, and what of the one before


def test_a_run_without_invalid_or_refused_rows_leaves_reports_without_rows(fake_wisdom, knowledge_base, tmp_path):
    """Whoever watches these files must not find the rows of the last run in them."""
    paths = {name: str(tmp_path / f"{name}.csv") for name in ("invalid_rows_path", "failed_records_path")}
    how = {**paths, "on_invalid_rows": "skip", "on_failed_records": "warn"}
    run(importing(knowledge_base, ROWS[:1]), ti=another_run())
    first = run(importing(knowledge_base, [*ROWS[:2], *INVALID], **how))
    assert (first["rowsInvalid"], first["rowsRefused"]) == (3, 1)
    assert [len(read(path)) for path in paths.values()] == [3, 1]
    second = run(importing(knowledge_base, ROWS[2:4], **how))
    assert [read(path) for path in paths.values()] == [[], []]
    assert (second["invalidRowsPath"], second["failedRecordsPath"]) == tuple(paths.values())


@pytest.mark.parametrize("source", [[], [{"Name": "A", "Content": "x"}]])
def test_a_report_without_rows_is_a_source_without_rows(fake_wisdom, knowledge_base, tmp_path, source):
    """So that a DAG which imports what was fixed need not look first."""
    paths = {name: str(tmp_path / f"{name}.csv") for name in ("invalid_rows_path", "failed_records_path")}
    run(importing(knowledge_base, source, **paths))
    for path in paths.values():
        assert run(importing(knowledge_base, path))["rowsRead"] == 0


def test_a_sync_leaves_reports_of_this_run_too(fake_wisdom, knowledge_base, tmp_path):
    paths = {"invalid_rows_path": str(tmp_path / "invalid.csv"), "plan_path": str(tmp_path / "plan.csv")}
    how = {"task_id": "sync", "knowledge_base_id": knowledge_base, "on_invalid_rows": "skip", **paths}
    run(WisdomSyncQuickResponsesOperator(source=[*ROWS[:2], *INVALID], **how))
    assert [len(read(path)) > 0 for path in paths.values()] == [True, True]
    summary = run(WisdomSyncQuickResponsesOperator(source=ROWS[:2], **how))
    assert [read(path) for path in paths.values()] == [[], []]
    assert summary["invalidRowsPath"] == paths["invalid_rows_path"]


def read(path):
    return list(csv.DictReader(Path(path).read_text(encoding="utf-8-sig").splitlines()))


# A disk that is full, or read-only


MANY = [{"Name": f"N{number}", "Content": "x"} for number in range(100)]


@pytest.fixture
def nearly_all_taken(knowledge_base):
    """Their report is more than three times as large as the file that was sent."""
    run(importing(knowledge_base, MANY[1:]), ti=another_run())


def importing_on_a_full_disk(knowledge_base, size, ti, **how):
    with full_at(size):
        run(importing(knowledge_base, MANY, sample_size=0, **how), ti=ti)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_report_that_this_machine_cannot_keep_is_unknown_and_no_bare_error(
    fake_wisdom, knowledge_base, nearly_all_taken, tmp_path, deferrable
):
    ti, target = FakeTaskInstance(), tmp_path / "failed.csv"
    target.write_text("the last run's")
    with pytest.raises(FailedRecordReportError, match=r"is not known: This machine cannot keep .*File too large"):
        importing_on_a_full_disk(knowledge_base, 4_000, ti, failed_records_path=str(target), deferrable=deferrable)
    summary = ti.xcoms["return_value"]
    assert (summary["rowsSent"], summary["rowsRefused"], summary["rowsUnknown"]) == (100, None, 100)
    assert read(target) == []


@pytest.mark.parametrize("deferrable", [False, True])
def test_refused_records_that_cannot_be_written_leave_no_torn_file(
    fake_wisdom, knowledge_base, nearly_all_taken, tmp_path, deferrable
):
    """The report fits on the disk, but not all of it together with what is added."""
    ti, target = FakeTaskInstance(), tmp_path / "failed.csv"
    target.write_text("the last run's")
    how = {"failed_records_path": str(target), "on_failed_records": "warn", "deferrable": deferrable}
    with pytest.raises(StorageError, match="This machine cannot keep the files of the run"):
        importing_on_a_full_disk(knowledge_base, 9_000, ti, **how)
    summary = ti.xcoms["return_value"]
    assert (summary["rowsRefused"], summary["rowsImported"], summary["failedRecordsPath"]) == (99, 1, None)
    assert target.read_text() == "the last run's"


def test_a_machine_without_a_place_for_files_says_so_before_anything_is_sent(fake_wisdom, knowledge_base, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(StorageError, match="This machine cannot keep the files of the run"):
        run(importing(knowledge_base, ROWS[:1]))
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


def test_a_machine_that_loses_it_while_the_task_is_deferred_still_gives_the_account(
    fake_wisdom, knowledge_base, partly_taken, monkeypatch
):
    ti = FakeTaskInstance()
    task = importing(knowledge_base, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute({"ti": ti})
    monkeypatch.setattr(tempfile, "tempdir", "/proc")
    with pytest.raises(FailedRecordReportError, match="This machine cannot keep"):
        resume(task, deferred.value, {"ti": ti})
    assert ti.xcoms["return_value"]["rowsUnknown"] == 150


@pytest.mark.parametrize("size", [0, 500])
def test_import_files_that_cannot_be_kept_are_an_error_of_this_package(fake_wisdom, knowledge_base, size, capfd):
    with capfd.disabled(), pytest.raises(StorageError, match="This machine cannot keep the files of the run"):
        importing_on_a_full_disk(knowledge_base, size, FakeTaskInstance())
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}
