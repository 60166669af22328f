"""Tasks of a single import job: a job that is COMPLETE may have refused records, and one that is FAILED says why."""

from __future__ import annotations

import asyncio
import csv
import json
import re

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.running import PARTLY_BAD_CSV, FakeTaskInstance, as_raised, fire, run, start_job

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    FailedRecordsError,
    ImportJobError,
    ImportJobFailedError,
    StorageError,
)
from airflow_wisdom.operators import WisdomGetImportJobOperator, WisdomStartImportJobOperator
from airflow_wisdom.sensors import WisdomImportJobSensor

TAKEN = "A quick response with this name already exists."
ALL_BAD_CSV = b"Name,Content\nHello,\nBye,\n"
WAYS = {
    "start": {"deferrable": False},
    "start deferred": {"deferrable": True},
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "sensor deferred": {"deferrable": True},
    "get": {},
}
NOTHING_REFUSED = {"rowsRefused": 0, "failedRecords": [], "failedRecordsPath": None}
NOTHING_KNOWN = {"rowsRefused": None, "failedRecords": None, "failedRecordsPath": None}


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def ending(fake_wisdom, knowledge_base, tmp_path, way):
    """Runs a task that sees the import job of a file to its end, in each of the ways."""

    def ending(content=PARTLY_BAD_CSV, ti=None, status=None, **kwargs):
        own = {"task_id": "t", "knowledge_base_id": knowledge_base, **WAYS[way], **kwargs}
        # Of the start operator one look does not do, so that a deferred task does defer.
        fake_wisdom.import_jobs(status=status, after_calls=2 if way.startswith("start") else 0)
        if way.startswith("start"):
            source = tmp_path / "file.csv"
            source.write_bytes(content)
            return run(WisdomStartImportJobOperator(source=str(source), poll_interval=0.01, **own), ti=ti)
        job = start_job(fake_wisdom, knowledge_base, content)
        if way == "get":
            fake_wisdom.client().get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)
            return run(WisdomGetImportJobOperator(import_job_id=job, **own), ti=ti)
        return run(WisdomImportJobSensor(import_job_id=job, poke_interval=0.01, **own), ti=ti)

    return ending


def told(summary):
    return {name: summary[name] for name in NOTHING_REFUSED}


def test_records_that_a_complete_job_refused_fail_the_task_with_an_account_of_them(ending, tmp_path, caplog, capsys):
    ti, target = FakeTaskInstance(), tmp_path / "failed.csv"
    with pytest.raises(FailedRecordsError, match=r"AWS refused 1 record of import job \S+: ") as raised:
        ending(ti=ti, failed_records_path=str(target))
    assert f"{TAKEN} (1 of 1 refused record)" in str(raised.value)[:200]
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsRefused"], summary["failedRecordsPath"]) == ("COMPLETE", 1, str(target))
    assert [(record["Name"], record["Error"]) for record in summary["failedRecords"]] == [("Hello", TAKEN)]
    assert [row["Name"] for row in csv.DictReader(target.read_text().splitlines())] == ["Hello"]
    assert f"Refused by AWS: Hello: {TAKEN}" in caplog.text
    assert re.search(rf"is COMPLETE, \d+\.\d s; 1 record refused -> {target}", capsys.readouterr().out)


@pytest.mark.parametrize("on_failed_records", ["warn", "ignore", "1"])
def test_records_that_are_refused_may_be_tolerated(ending, on_failed_records, caplog):
    summary = ending(on_failed_records=on_failed_records)
    assert (summary["status"], summary["rowsRefused"]) == ("COMPLETE", 1)
    assert ("Refused by AWS" in caplog.text) is (on_failed_records != "ignore")


def test_a_job_that_refused_nothing_says_so(ending):
    assert told(ending(b"Name,Content\nHello,Good morning!\n")) == NOTHING_REFUSED


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_failed_job_says_why_and_is_never_skipped(ending, way, soft_fail, caplog):
    may_skip = soft_fail and way in ("poke", "reschedule", "sensor deferred")
    ti = FakeTaskInstance()
    with pytest.raises(ImportJobFailedError) as raised:
        ending(ALL_BAD_CSV, ti=ti, on_failed_records="ignore", **({"soft_fail": True} if may_skip else {}))
    summary = ti.xcoms["return_value"]
    begins = str(raised.value)[:200]
    assert begins.startswith(f"Import job {summary['importJobId']} is FAILED: Content must ")
    assert "(2 of 2 refused records)" in begins
    assert "Another try" not in str(raised.value)
    assert (raised.value.status, raised.value.retryable) == ("FAILED", False)
    assert (summary["status"], summary["rowsRefused"]) == ("FAILED", 2)
    assert caplog.text.count("Refused by AWS: ") == 2


def test_a_failed_job_without_a_report_may_be_tried_again(ending):
    """It keeps its reasons to itself, so that they may pass."""
    ti = FakeTaskInstance()
    with pytest.raises(ImportJobFailedError, match="did not complete: it is FAILED") as raised:
        ending(ti=ti, status="FAILED")
    assert raised.value.retryable
    assert told(ti.xcoms["return_value"]) == NOTHING_KNOWN


def test_a_report_that_cannot_be_read_is_no_empty_report(fake_wisdom, ending, virtual_time):
    ti = FakeTaskInstance()
    fake_wisdom.fault("GetObject", "InternalError", http_status=500, times=100)
    with pytest.raises(FailedRecordReportError, match=r"is COMPLETE, but: .* is not known"):
        ending(ti=ti)
    assert told(ti.xcoms["return_value"]) == NOTHING_KNOWN


def test_a_report_that_cannot_be_read_does_not_matter_where_any_number_is_tolerated(fake_wisdom, ending, virtual_time):
    fake_wisdom.fault("GetObject", "InternalError", http_status=500, times=100)
    assert told(ending(on_failed_records="warn")) == NOTHING_KNOWN


def test_a_report_may_be_too_large(ending):
    with pytest.raises(FailedRecordReportError, match="more than 10 bytes"):
        ending(max_report_bytes=10)


def test_a_place_that_cannot_be_written_is_an_error(ending):
    with pytest.raises(StorageError, match=r"s3://nosuch/failed\.csv cannot be written"):
        ending(failed_records_path="s3://nosuch/failed.csv", on_failed_records="warn")


def test_a_parameter_that_makes_no_sense_is_refused_before_anything_is_sent(fake_wisdom, ending, way):
    with pytest.raises(ValueError, match="on_failed_records must be"):
        ending(on_failed_records="whatever")
    if way.startswith("start"):
        assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


# What is not judged, or not even waited for


def test_a_task_that_does_not_wait_reads_nothing(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "file.csv"
    source.write_bytes(PARTLY_BAD_CSV)
    fake_wisdom.import_jobs(answered="COMPLETE")
    task = WisdomStartImportJobOperator(
        task_id="t", knowledge_base_id=knowledge_base, source=str(source), wait_for_completion=False
    )
    assert told(run(task)) == NOTHING_KNOWN
    assert not {"GetImportJob", "GetObject"} & set(fake_wisdom.calls())


@pytest.mark.parametrize(("content", "status"), [(PARTLY_BAD_CSV, "COMPLETE"), (ALL_BAD_CSV, "FAILED")])
def test_a_job_may_be_read_whatever_it_did(fake_wisdom, knowledge_base, content, status):
    job = start_job(fake_wisdom, knowledge_base, content)
    fake_wisdom.client().get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)
    task = WisdomGetImportJobOperator(
        task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, require_complete=False
    )
    summary = run(task)
    assert (summary["status"], summary["rowsRefused"]) == (status, len(summary["failedRecords"]))
    assert summary["rowsRefused"] > 0


def test_a_job_that_is_still_running_is_no_complete_one(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base)

    def get(**kwargs):
        return run(
            WisdomGetImportJobOperator(task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, **kwargs)
        )

    with pytest.raises(ImportJobError, match="still running"):
        get()
    assert told(get(require_complete=False)) == NOTHING_KNOWN


# What ends in the triggerer


@pytest.mark.parametrize(("content", "ends"), [(PARTLY_BAD_CSV, False), (b"Name,Content\nHello,Hi\n", True)])
def test_a_job_that_refused_records_ends_in_a_worker(fake_wisdom, knowledge_base, monkeypatch, content, ends):
    pushed = {}
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.set", lambda key, value, **_: pushed.update({key: value}))
    fake_wisdom.import_jobs(after_calls=2)
    task = WisdomImportJobSensor(
        task_id="t",
        knowledge_base_id=knowledge_base,
        import_job_id=start_job(fake_wisdom, knowledge_base, content),
        deferrable=True,
        end_from_trigger=True,
        poke_interval=0.01,
    )
    context = {"ti": FakeTaskInstance()}
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    trigger = deferred.value.trigger
    trigger.task_instance = FakeTaskInstance()

    async def first():
        return await anext(trigger.run())

    event = asyncio.run(first())
    assert bool(pushed) is ends
    if ends:
        assert told(json.loads(json.dumps(pushed["return_value"]))) == NOTHING_REFUSED
    else:
        with pytest.raises(FailedRecordsError), as_raised():
            task.resume_execution("execute_complete", {"event": event.payload}, context)


@pytest.mark.parametrize("status", ["DELETED", "FAILED"])
def test_what_becomes_of_a_failed_job_meanwhile_is_no_success(fake_wisdom, knowledge_base, status, monkeypatch):
    """The trigger has seen it fail; whoever reads it again may find it deleted, or AWS silent."""
    monkeypatch.setattr("airflow_wisdom.runs.single.REREAD_PATIENCE", 0.0)
    fake_wisdom.import_jobs(after_calls=2, status="FAILED")
    job = start_job(fake_wisdom, knowledge_base)
    task = WisdomImportJobSensor(
        task_id="t", knowledge_base_id=knowledge_base, import_job_id=job, deferrable=True, poke_interval=0.01
    )
    context = {"ti": FakeTaskInstance()}
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    event = fire(deferred.value.trigger)
    if status == "DELETED":
        fake_wisdom.set_status(job, "DELETED")
    else:
        fake_wisdom.fault("GetImportJob", "ThrottlingException", http_status=429, times=100)
    with pytest.raises(ImportJobFailedError, match="it is FAILED"):
        task.resume_execution("execute_complete", {"event": event}, context)
