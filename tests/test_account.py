"""The account of an import: each row ends in exactly one column, the numbers add up, and none of them is a guess."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_wisdom.exceptions import (
    EndpointError,
    FailedRecordsError,
    ImportIncompleteError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    WisdomError,
)
from airflow_wisdom.model.import_job import JobEnd
from airflow_wisdom.rows.mistake import Mistake
from airflow_wisdom.runs.account import Account, PartAccount, accounts_of
from airflow_wisdom.runs.manifest import Manifest, Part
from airflow_wisdom.runs.reports import RefusedRecords

BEGAN = datetime(2026, 11, 25, tzinfo=timezone.utc)
TIMES = st.none() | st.integers(0, 10_000).map(lambda seconds: BEGAN + timedelta(seconds=seconds))
ERRORS = st.sampled_from([ImportJobFailedError, ImportJobTimeoutError, EndpointError, WisdomError]).map(
    lambda of: of("x")
)
NEVER_STARTED = st.builds(JobEnd, st.just("kb"), st.none(), error=ERRORS)
COMPLETE = st.builds(JobEnd, st.just("kb"), st.just("job"), st.just("COMPLETE"), TIMES, TIMES)
WRONG = st.builds(
    JobEnd,
    st.just("kb"),
    st.just("job"),
    st.sampled_from(["FAILED", "DELETED", "PAUSED", "START_IN_PROGRESS", None]),
    TIMES,
    TIMES,
    ERRORS,
)
REFUSED = st.none() | st.integers(0, 250)


@st.composite
def parts(draw):
    """The account of a file whose job was read, or was not, or never was."""
    rows = draw(st.integers(1, 100))
    first = draw(st.integers(1, 1_000))
    end = draw(NEVER_STARTED | COMPLETE | WRONG)
    refused = draw(REFUSED) if end.import_job_id else None
    there = {"present": draw(st.integers(0, 3)), "differing": draw(st.integers(0, 3))}
    return PartAccount("file", Part(rows, first, first + rows - 1, "mark", **there), end, refused)


def manifest(accounts, invalid, present=0):
    """What was to be imported; of one more file every row is already there, if any is."""
    parts = [each.part for each in accounts] + [Part(0, 1, present, "there", present=present)] * bool(present)
    rows = sum(part.rows + part.present + part.differing for part in parts) + invalid
    return Manifest("kb", "file", "row", rows, invalid, 0, 0, (), parts=tuple(parts))


@given(accounts=st.lists(parts(), max_size=8), invalid=st.integers(0, 50), present=st.integers(0, 50))
def test_every_row_ends_in_exactly_one_column_and_the_numbers_add_up(accounts, invalid, present):
    account = Account(manifest(accounts, invalid, present), accounts)
    for each in accounts:
        assert min(each.columns) >= 0
        assert sum(each.columns) == each.part.rows
    summary = json.loads(json.dumps(account.summary(), allow_nan=False))
    columns = ("rowsInvalid", "rowsPresent", "rowsDiffering", "rowsSent")
    assert summary["rowsRead"] == sum(summary[name] for name in columns)
    assert summary["rowsPresent"] == present + sum(job["rowsPresent"] for job in summary["importJobs"])
    assert summary["rowsSent"] == sum(account.columns)
    if summary["rowsUnknown"] == 0:
        known = [summary[name] for name in ("rowsImported", "rowsRefused", "rowsNotStarted")]
        assert sum(known) == summary["rowsSent"]


@given(accounts=st.lists(parts(), max_size=8))
def test_what_is_not_known_is_never_a_number(accounts):
    summary = Account(manifest(accounts, 0), accounts).summary()
    asked = [each for each in accounts if each.end.import_job_id]
    known = [each for each in asked if each.refused is not None and each.refused <= each.part.rows]
    assert (summary["rowsRefused"] is None) == (known != asked)
    sure = known == asked and all(each.end.is_complete or each.refused == each.part.rows for each in asked)
    assert (summary["rowsImported"] is None) == (not sure)
    for told, each in zip(summary["importJobs"], accounts, strict=True):
        if not each.end.import_job_id:
            assert (told["rowsImported"], told["rowsRefused"]) == (0, 0)
        elif each not in known:
            assert (told["rowsImported"], told["rowsRefused"]) == (None, None)
        elif each.end.is_complete:
            assert told["rowsImported"] + told["rowsRefused"] == each.part.rows
    assert set(Account(manifest(accounts, 0), accounts).numbers()) >= {"sent"}
    assert None not in Account(manifest(accounts, 0), accounts).numbers().values()


def reported(rows, *refused):
    """The account of files of so many rows each, whose jobs are COMPLETE with so many refused records each."""
    part, end = Part(rows, 1, rows, "mark"), JobEnd("kb", "job", "COMPLETE")
    files = [PartAccount("file", part, end, each) for each in refused]
    return Account(manifest(files, 0), files, RefusedRecords(sum(refused), {"taken": sum(refused)}))


def test_a_report_with_more_records_than_rows_leaves_unknown_what_was_refused(caplog):
    """AWS may report a row once for each reason; nobody has seen one yet."""
    account = reported(100, 150, 2)
    with pytest.raises(FailedRecordsError) as raised:
        account.judge(100)
    said = (
        "152 refused records for 200 rows, for a file more than it has rows: taken (152 of 152 refused records); how "
        "many are imported is not known"
    )
    assert said in str(raised.value)
    assert "how many are imported is not known" in str(raised.value)
    account.judge("warn")
    account.judge(152)
    assert caplog.text.count(said) == 2
    assert "152 of 200" not in caplog.text + str(raised.value)
    summary = account.summary()
    assert (summary["rowsImported"], summary["rowsRefused"], summary["rowsUnknown"]) == (None, None, 100)
    first, second = summary["importJobs"]
    assert (first["rowsRefused"], first["error"]) == (None, "AWS's report has 150 refused records for 100 rows")
    assert (second["rowsRefused"], second["error"]) == (2, None)


def test_a_report_with_as_many_records_as_rows_is_told_in_rows():
    with pytest.raises(FailedRecordsError, match=r"AWS refused 100 of 100 rows: taken .*; the others are imported"):
        reported(100, 100).judge("fail")


@given(accounts=st.lists(parts(), min_size=1, max_size=8))
def test_an_import_is_complete_if_every_job_is(accounts):
    complete = all(each.end.is_complete for each in accounts)
    account = Account(manifest(accounts, 0), accounts)
    assert account.summary()["status"] == ("COMPLETE" if complete else "FAILED")


def test_before_any_report_is_read_nobody_knows_what_was_refused():
    wanted = manifest([PartAccount("", Part(5, 1, 5, "mark"), JobEnd("kb", "job", "COMPLETE"))], 0)
    (account,) = accounts_of(wanted, [JobEnd("kb", "job", "COMPLETE")])
    assert (account.rows_refused, account.imported, account.columns.unknown) == (None, None, 5)
    assert account.place == "file 1 of 1 (rows 1 to 5)"


# What travels through a trigger's event, and back.

MISTAKES = st.lists(
    st.builds(Mistake, st.integers(1), st.none() | st.text(), st.text(), st.text(), st.sampled_from(["line", "row"]))
)
MANIFESTS = st.builds(
    Manifest,
    st.text(),
    st.text(),
    st.sampled_from(["line", "row"]),
    *[st.integers(0)] * 4,
    MISTAKES.map(tuple),
    st.none() | st.text(),
    st.none() | st.text(),
    st.lists(st.builds(Part, st.integers(1), st.integers(1), st.integers(1), st.text())).map(tuple),
)


def through_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


@given(MANIFESTS)
def test_a_manifest_survives_a_deferral(wanted):
    assert Manifest.from_dict(through_json(wanted.to_dict())) == wanted


@given(NEVER_STARTED | COMPLETE | WRONG)
def test_the_end_of_a_job_survives_an_event(end):
    told = through_json(end.to_dict())
    again = JobEnd.from_dict(told)
    assert again.to_dict() == told
    assert (again.is_complete, again.has_ended, again.duration) == (end.is_complete, end.has_ended, end.duration)
    assert (again.created_time, again.last_modified_time) == (end.created_time, end.last_modified_time)
    assert type(again.error) is type(end.error)


# Why an import is red


def failed(number, reasons=None, error=None):
    """The account of a file of ten rows whose job is FAILED, or has no job."""
    end = (
        JobEnd("kb", None, error=error)
        if error
        else JobEnd("kb", "job", "FAILED", error=ImportJobFailedError("FAILED"))
    )
    refused = sum(reasons.values()) if reasons else None
    return PartAccount(f"file {number}", Part(10, 1, 10, "mark"), end, refused, reasons=reasons or {})


def judged(*accounts):
    with pytest.raises(ImportIncompleteError) as raised:
        Account(manifest(accounts, 0), list(accounts)).judge("ignore")
    return raised.value


def test_a_red_import_names_the_cause_first_and_what_to_do_about_it():
    error = judged(failed(1, {"taken": 9, "too long": 1}), failed(2, {"taken": 2}))
    assert str(error).startswith(
        "0 of 2 import jobs are COMPLETE: taken (11 of 12 refused records); too long (1 of 12 refused records). file"
    )
    assert "Fix the rows that AWS refused" in str(error)
    assert "Another try" not in str(error)
    assert not error.retryable


def test_another_try_is_advised_where_it_helps():
    """One file failed because of its rows, the other for want of a job."""
    error = judged(failed(1, {"taken": 9}), failed(2, error=EndpointError("down")))
    assert str(error).startswith(
        "0 of 2 import jobs are COMPLETE (1 with refused rows, 1 EndpointError): taken (9 of 9 refused records); down. "
        "file 1: "
    )
    assert "starts only the files that have no job or whose job failed. Fix the rows that AWS refused" in str(error)
    assert error.retryable
    silent = judged(failed(1))
    assert str(silent).startswith(
        "0 of 1 import jobs are COMPLETE: FAILED. file 1: FAILED. Another try of the task starts only"
    )
    assert silent.retryable
