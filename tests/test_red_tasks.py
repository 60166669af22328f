"""What a red task says: its first 200 characters, all that a list of failed tasks shows, name each kind of cause.

Advice fits the cause, however long the paths are, and the log says what was done and what was not.
"""

from __future__ import annotations

import logging

import pytest
from rigs.imports import ROWS, importing
from rigs.running import FakeTaskInstance, run, start_job

from airflow_wisdom.exceptions import ImportIncompleteError, InvalidRowsError, SourceError, StorageError, WisdomError
from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomExportQuickResponsesOperator,
    WisdomSyncQuickResponsesOperator,
)

pytestmark = pytest.mark.usefixtures("no_patience", "virtual_time")

SHOWN = 200
"""Characters of an error that Airflow's list of failed tasks shows."""

NO_SUCH = "00000000-0000-0000-0000-000000000000"
OTHER_ROWS = [{"Name": "Hello", "Content": "x", "Routing Profile": "Nobody"}]


def error_of(task, kind=WisdomError):
    """What a task fails with."""
    with pytest.raises(kind) as raised:
        run(task)
    return raised.value


def syncing(knowledge_base, source, **kwargs):
    return WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=source, **kwargs)


@pytest.fixture
def folder(tmp_path):
    """A folder that is hardly ever named in full: its path has more than 200 characters."""
    long = tmp_path / "the-contact-centre-of-a-customer-with-a-long-name" / "exports-of-quick-responses-of-all-teams"
    long = long.joinpath("of-the-department-of-customer-care-in-the-region-of-the-north", "2026", "11", "26")
    long.mkdir(parents=True)
    assert len(str(long)) > SHOWN - 20
    return long


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(
    ("operation", "code", "first"),
    [
        ("StartImportJob", "AccessDeniedException", "First grant the permission for StartImportJob. Another try"),
        ("StartImportJob", "ServiceQuotaExceededException", "First make room in the knowledge base, or have the quota"),
        ("StartImportJob", "ValidationException", "First correct what AWS does not accept. Another try"),
        ("StartContentUpload", "AccessDeniedException", "First grant the permission for StartContentUpload. Another"),
        ("StartContentUpload", "ExpiredTokenException", "First renew the credentials. Another try"),
    ],
)
def test_an_import_that_aws_refuses_says_what_to_do_first(
    fake_wisdom, knowledge_base, operation, code, first, deferrable
):
    fake_wisdom.fault(operation, code, http_status=403, times=99)
    error = error_of(importing(knowledge_base, ROWS[:2], deferrable=deferrable), ImportIncompleteError)
    assert f"{operation}: {code}" in str(error)[:SHOWN]
    assert first in str(error)
    assert error.retryable


def test_a_knowledge_base_that_is_not_there_is_to_be_corrected_first(fake_wisdom):
    error = error_of(importing(NO_SUCH, ROWS[:2]), ImportIncompleteError)
    assert "No such knowledge base" in str(error)[:SHOWN]
    assert "First correct knowledge_base_id. Another try" in str(error)


def test_a_job_of_an_unknown_status_is_neither_waited_for_nor_started_again(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_calls=1, status="PAUSED")
    said = str(error_of(importing(knowledge_base, ROWS[:2]), ImportIncompleteError))
    assert "Unknown import job status 'PAUSED'" in said[:SHOWN]
    assert (
        "First see whether a newer version of this package knows the status. Another try of the task looks again"
        in said
    )
    assert "starts only" not in said


def test_a_job_that_can_no_longer_be_asked_for_is_waited_for(fake_wisdom, knowledge_base):
    fake_wisdom.fault("GetImportJob", "AccessDeniedException", http_status=403, times=99)
    said = str(error_of(importing(knowledge_base, ROWS[:2]), ImportIncompleteError))
    assert "First grant the permission for GetImportJob. Another try of the task goes on waiting for the jobs" in said
    assert "starts only" not in said


def test_each_kind_of_cause_is_named_first(fake_wisdom, knowledge_base):
    """Rows that were refused in the first job, and a quota at the start of the second."""
    fake_wisdom.routing_profiles([])
    fake_wisdom.fault("StartImportJob", "ServiceQuotaExceededException", http_status=402, after=1)
    said = str(error_of(importing(knowledge_base, [*OTHER_ROWS, ROWS[0]], max_rows_per_file=1, max_active_jobs=1)))
    for words in ("1 with refused rows, 1 ServiceQuotaExceededException", "No such routing profile: Nobody"):
        assert words in said[:SHOWN]
    assert "First make room" in said
    assert "Fix the rows that AWS refused" in said


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("AccessDeniedException", "First grant the permission for CreateQuickResponse. Another try compares again"),
        ("ServiceQuotaExceededException", "First make room in the knowledge base, or have the quota raised. Another"),
        ("InternalServerException", "Another try compares again, and does the rest"),
    ],
)
def test_a_sync_says_what_to_do_first(fake_wisdom, knowledge_base, code, first):
    """And is retried, as somebody may have done it by then."""
    status = 500 if code.startswith("Internal") else 403
    fake_wisdom.fault("CreateQuickResponse", code, http_status=status, times=10**6)
    error = error_of(syncing(knowledge_base, ROWS[:2], timeout=600))
    assert first in str(error)
    assert ("First" in first) == ("First" in str(error))
    assert error.retryable


def test_a_sync_that_only_other_rows_would_help_advises_no_other_try(fake_wisdom, knowledge_base):
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400, times=99)
    error = error_of(syncing(knowledge_base, ROWS[:2]))
    assert str(error).startswith('2 of 2 changes failed: "Answer 1": CreateQuickResponse: ValidationException: ')
    assert "Another try" not in str(error)
    assert "the same rows would fail again" in str(error)
    assert not error.retryable


def test_one_change_that_may_pass_is_enough_for_another_try(fake_wisdom, knowledge_base):
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400)
    fake_wisdom.fault("CreateQuickResponse", "ServiceQuotaExceededException", http_status=402, after=1)
    error = error_of(syncing(knowledge_base, ROWS[:2]))
    assert str(error).startswith("2 of 2 changes failed (1 ValidationException, 1 ServiceQuotaExceededException): ")
    assert "does the rest. Correct these rows" in str(error)
    assert error.retryable


def test_what_was_not_tried_because_of_a_row_that_is_at_fault_is_no_reason_for_another_try(fake_wisdom, knowledge_base):
    """A row takes over a name that another one gives up, but that one asks for what AWS does not accept."""
    old = [{"Name": "b", "Content": "x", "Shortcut key": "one"}, {"Name": "a", "Content": "x", "Shortcut key": "two"}]
    run(syncing(knowledge_base, old))
    fake_wisdom.fault("UpdateQuickResponse", "ValidationException", http_status=400)
    new = [old[0] | {"Shortcut key": "three"}, old[1] | {"Shortcut key": "one"}]
    error = error_of(syncing(knowledge_base, new))
    assert "(1 ValidationException, 1 not tried)" in str(error)
    assert not error.retryable


def test_without_a_sample_the_kind_of_failure_is_told_and_no_text(fake_wisdom, knowledge_base):
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400, times=99)
    said = str(error_of(syncing(knowledge_base, ROWS[:2], sample_size=0)))
    assert said.startswith("2 of 2 changes failed: ValidationException. Correct these rows")


# Long paths


def test_long_names_leave_room_for_what_is_wrong_with_rows(fake_wisdom, knowledge_base, folder):
    for number in range(2):
        (folder / f"part-{number}-of-the-quick-responses-of-the-contact-centre.csv").write_text("Name,Content\n,x\n")
    for task in (importing(knowledge_base, f"{folder}/"), syncing(knowledge_base, f"{folder}/")):
        error = error_of(task, InvalidRowsError)
        assert 'column "Name": is required, but empty' in str(error)[:SHOWN]
        assert f"source {str(folder)[:100]}" in str(error)


def test_long_names_leave_room_for_why_a_source_cannot_be_read(fake_wisdom, knowledge_base, folder):
    for name, why in (("gone.csv", "No such file or directory"), ("gone/*.csv", "has no files with rows")):
        error = error_of(importing(knowledge_base, f"{folder}/{name}"), SourceError)
        assert why in str(error)[:SHOWN]
        assert f"(path {str(folder)[:100]}" in str(error)


def test_long_names_leave_room_for_why_jobs_failed(fake_wisdom, knowledge_base, folder):
    for number in range(2):
        name = f"part-{number}-of-the-quick-responses-of-the-contact-centre.csv"
        (folder / name).write_text(f"Name,Content\nHello {number},x\n")
    fake_wisdom.import_jobs(after_calls=1, status="FAILED")
    assert "it is FAILED" in str(error_of(importing(knowledge_base, f"{folder}/")))[:SHOWN]
    fake_wisdom.fault("StartContentUpload", "AccessDeniedException", http_status=403)
    assert "AccessDeniedException" in str(error_of(importing(knowledge_base, f"{folder}/")))[:SHOWN]


def test_long_names_leave_room_for_why_changes_failed(fake_wisdom, knowledge_base, folder):
    (folder / "a.csv").write_text(f"Name,Content\n{'n' * 100},x\n")
    fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400, times=99)
    error = error_of(syncing(knowledge_base, str(folder / "a.csv")))
    assert "CreateQuickResponse: ValidationException" in str(error)[:SHOWN]
    assert f"source {str(folder)[:100]}" in str(error)


def test_long_names_leave_room_for_why_nothing_is_removed(fake_wisdom, knowledge_base, folder):
    run(syncing(knowledge_base, ROWS[:2], owner_tag="faq"))
    (folder / "a.csv").write_text("Name,Content\n")
    error = error_of(syncing(knowledge_base, str(folder / "a.csv"), owner_tag="faq", on_missing="delete"))
    assert "all 2 would be removed; nothing was written" in str(error)[:SHOWN]


def test_long_names_leave_room_for_why_a_file_cannot_be_written(fake_wisdom, knowledge_base, folder):
    (folder / "file").write_text("")
    path = str(folder / "file" / "export.csv")
    task = WisdomExportQuickResponsesOperator(task_id="export", knowledge_base_id=knowledge_base, path=path)
    assert "File exists" in str(error_of(task, StorageError))[:SHOWN]


# The log


def test_rows_that_are_skipped_are_in_the_log_of_a_sync(fake_wisdom, knowledge_base, caplog, capsys, tmp_path):
    path = str(tmp_path / "invalid.csv")
    rows = [{"Name": "", "Content": "x"}, ROWS[0]]
    run(syncing(knowledge_base, rows, on_invalid_rows="skip", invalid_rows_path=path))
    assert 'Invalid row of the rows given: row 1, column "Name": is required, but empty' in caplog.messages
    assert f"Synced the rows given: 1 created, 1 invalid -> {path}" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["invalid rows", "no upload"])
def test_an_import_that_ends_before_its_jobs_has_a_line_at_the_end(fake_wisdom, knowledge_base, caplog, how):
    caplog.set_level(logging.INFO)
    rows, line = ROWS[:2], "Imported 0 of 2 rows in 0 jobs; 2 not started"
    if how == "no upload":
        fake_wisdom.fault("StartContentUpload", "AccessDeniedException", http_status=403)
    else:
        rows, line = (
            [*ROWS[:2], {"Name": "", "Content": "x"}],
            "Imported 0 of 3 rows in 0 jobs; 1 invalid, 2 not started",
        )
    error_of(importing(knowledge_base, rows))
    assert caplog.messages.count(line) == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_job_that_is_followed_no_longer_is_in_the_log(fake_wisdom, knowledge_base, caplog, deferrable):
    caplog.set_level(logging.INFO)
    fake_wisdom.import_jobs(after_calls=1, status="PAUSED")
    error_of(importing(knowledge_base, ROWS[:2], deferrable=deferrable))
    assert [line for line in caplog.messages if "is no longer followed: Unknown import job status 'PAUSED'" in line]
    fake_wisdom.fault("GetImportJob", "AccessDeniedException", http_status=403, times=99)
    error_of(importing(knowledge_base, ROWS[2:4], deferrable=deferrable))
    assert [line for line in caplog.messages if "is no longer followed: GetImportJob: AccessDeniedException" in line]


def test_a_job_that_is_not_started_is_in_the_log(fake_wisdom, knowledge_base, caplog):
    fake_wisdom.fault("StartImportJob", "ValidationException", http_status=400)
    error_of(importing(knowledge_base, ROWS[:2]))
    (line,) = [line for line in caplog.messages if line.startswith("No import job was started for ")]
    assert line.startswith("No import job was started for the rows given, file 1 of 1 (rows 1 to 2): StartImportJob: ")


def test_a_change_that_cannot_succeed_is_in_the_log(fake_wisdom, knowledge_base, caplog):
    fake_wisdom.client().create_quick_response(
        knowledgeBaseId=knowledge_base, name="hand", shortcutKey="hi", content={"content": "x"}
    )
    error_of(syncing(knowledge_base, [ROWS[0] | {"Shortcut key": "hi"}]))
    assert any(line.startswith('"Answer 1" was not changed: Its name or shortcut key') for line in caplog.messages)


def test_a_sync_that_is_refused_has_a_line_at_the_end(fake_wisdom, knowledge_base, capsys):
    """Of rows that were not compared, it says no number."""
    error_of(syncing(knowledge_base, [ROWS[0], {"Name": "", "Content": "x"}]))
    assert (
        "Nothing was written of the rows given: 2 rows were read, and not compared, 1 invalid"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize("waits", [False, True])
def test_a_deletion_says_what_it_did(fake_wisdom, knowledge_base, capsys, waits):
    job = start_job(fake_wisdom, knowledge_base)
    task = WisdomDeleteImportJobOperator(
        task_id="delete", knowledge_base_id=knowledge_base, import_job_id=job, wait_for_completion=waits
    )
    fake_wisdom.client().get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)
    task.execute({"ti": FakeTaskInstance()})
    said = capsys.readouterr().out
    assert f"Import job {job} is being deleted" in said
    assert (f"Import job {job} is deleted" in said) == waits
