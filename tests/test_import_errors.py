"""What goes wrong while files are sent and jobs are started and waited for, and what is said about it."""

from __future__ import annotations

import pytest
from rigs.imports import ROWS, deferral_of, ids_of, importing, jobs_of, run_with_store
from rigs.network import Killed, before_call, clients_counted
from rigs.running import FakeTaskInstance, fire, run

from airflow_wisdom.exceptions import ImportIncompleteError

pytestmark = pytest.mark.usefixtures("no_patience", "virtual_time")


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_deadline_tells_what_was_done_what_was_not_and_how_to_go_on(fake_wisdom, knowledge_base, deferrable):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base, max_active_jobs=2, timeout=60, poll_interval=5, deferrable=deferrable))
    said = str(raised.value)
    assert "0 of 3 import jobs are COMPLETE" in said
    assert said.count("): The import job did not end in time") == 2
    assert "file 3 of 3 (rows 201 to 250): The import job was not started in time" in said
    assert "Another try of the task goes on waiting for the jobs that still run" in said


def test_an_end_by_airflow_tells_what_was_started(fake_wisdom, knowledge_base, caplog):
    """An execution time-out of a deferred task, or a trigger that is no more: Airflow knows nothing of the jobs."""
    fake_wisdom.import_jobs(after_seconds=3600)
    context = {"ti": FakeTaskInstance()}
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), None, killed_after=1)
    task = importing(knowledge_base, deferrable=True)
    with pytest.raises(Exception, match="Trigger timeout"):
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    ((job),) = jobs_of(fake_wisdom, knowledge_base)
    assert f"{job['importJobId']} (START_IN_PROGRESS)" in caplog.text
    fake_wisdom.fault("ListImportJobs", "AccessDeniedException", http_status=403)
    with pytest.raises(Exception, match="Trigger timeout"):
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert "not known" in caplog.text


def test_a_failed_upload_tells_what_was_done_and_how_to_go_on(fake_wisdom, knowledge_base):
    fake_wisdom.fault("PutObject", "AccessDenied", http_status=403, after=1)
    ti = FakeTaskInstance()
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base), ti=ti)
    said = str(raised.value)
    assert said.startswith("A file could not be uploaded: ")
    for words in ("It is file 2 of 3 (rows 101 to 200). Files uploaded before it: 1", "no job was started"):
        assert words in said
    assert "StartImportJob" not in fake_wisdom.calls()
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsSent"], summary["rowsNotStarted"]) == ("FAILED", 250, 250)
    assert summary["rowsImported"] == 0


def test_a_failed_upload_names_the_jobs_that_run_already(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), None, killed_after=3)
    first, second, third = (job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base))
    fake_wisdom.set_status(first, "FAILED")
    fake_wisdom.fault("PutObject", "AccessDenied", http_status=403)
    ti = FakeTaskInstance(try_number=2)
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base), ti=ti)
    for job in (second, third):
        assert f"{job} (START_IN_PROGRESS)" in str(raised.value)
    assert first not in str(raised.value)
    summary = ti.xcoms["return_value"]
    assert ids_of(summary) == [None, second, third]
    assert (summary["rowsNotStarted"], summary["rowsUnknown"], summary["rowsImported"]) == (100, 150, None)


def test_the_time_out_of_a_task_is_heard_wherever_it_hits(fake_wisdom, knowledge_base):
    """Airflow raises it out of a signal handler: as well in the watcher's own task."""

    class TimedOut(BaseException):
        pass

    def hit():
        raise TimedOut

    with before_call("GetImportJob", hit), pytest.raises(TimedOut):
        run(importing(knowledge_base, ROWS[:1]))


def test_credentials_that_have_expired_are_looked_up_once_more_to_start_a_job(fake_wisdom, knowledge_base):
    trigger = deferral_of(importing(knowledge_base, deferrable=True, max_active_jobs=1))
    fake_wisdom.fault("StartImportJob", "ExpiredTokenException", http_status=403, after=1)
    assert fire(trigger)["status"] == "success"
    assert fake_wisdom.calls()["StartImportJob"] == 4


def test_all_files_share_one_client(fake_wisdom, knowledge_base):
    trigger = deferral_of(importing(knowledge_base, max_rows_per_file=50, max_active_jobs=1, deferrable=True))
    with clients_counted() as made:
        fire(trigger)
    assert made == [1]


@pytest.mark.parametrize("status", ["DELETED", "FAILED", "PAUSED"])
def test_who_does_not_run_is_not_waited_for(fake_wisdom, knowledge_base, status):
    fake_wisdom.import_jobs(status=status)
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base, ROWS[:1]))
    assert "goes on waiting" not in str(raised.value)


def test_throttling_while_jobs_are_started_is_waited_out(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartImportJob", "ThrottlingException", http_status=429, times=4)
    assert run(importing(knowledge_base))["rowsImported"] == 250


def test_what_aws_does_not_allow_fails_every_file_and_says_so(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartImportJob", "AccessDeniedException", http_status=403, times=3)
    with pytest.raises(ImportIncompleteError, match="AccessDeniedException"):
        run(importing(knowledge_base))
