"""Where StartImportJob itself answers that the job has failed: that is a result, and no reason to start more."""

from __future__ import annotations

import time

import pytest
from rigs.imports import ROWS, deferral_of, importing, jobs_of
from rigs.running import FakeTaskInstance, fire, run

from airflow_wisdom.exceptions import ClientTokenUsedError, ImportIncompleteError, ImportJobFailedError, WisdomError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.operators import WisdomStartImportJobOperator
from airflow_wisdom.runs.starting import LAST_ATTEMPT, Limit, Submission, drive, starting

pytestmark = pytest.mark.usefixtures("no_patience")

FAILURES = ["FAILED", "DELETED", "DELETE_FAILED"]


@pytest.fixture(params=FAILURES)
def answered(request, fake_wisdom):
    fake_wisdom.import_jobs(answered=request.param)
    return request.param


def started(fake):
    """How many jobs were really started."""
    return sum(call["operation"] == "StartImportJob" and call["effect"] for call in fake.history())


def single(knowledge_base, tmp_path, **kwargs):
    (tmp_path / "answers.csv").write_text("Name,Content\na,b\n")
    return WisdomStartImportJobOperator(
        task_id="import",
        knowledge_base_id=knowledge_base,
        source=str(tmp_path / "answers.csv"),
        poll_interval=0.01,
        **kwargs,
    )


@pytest.mark.parametrize("reused", ["conflict", "first"])
@pytest.mark.parametrize("deferrable", [False, True])
def test_each_try_of_one_file_starts_one_job(fake_wisdom, knowledge_base, tmp_path, answered, deferrable, reused):
    fake_wisdom.reused_client_token(reused)
    for try_number in (1, 2, 3):
        with pytest.raises(ImportJobFailedError, match=answered):
            run(single(knowledge_base, tmp_path, deferrable=deferrable), try_number=try_number)
        assert started(fake_wisdom) == try_number


@pytest.mark.parametrize("reused", ["conflict", "first"])
@pytest.mark.parametrize("deferrable", [False, True])
def test_each_try_of_many_files_starts_one_job_for_each(fake_wisdom, knowledge_base, answered, deferrable, reused):
    fake_wisdom.reused_client_token(reused)
    for try_number in (1, 2, 3):
        with pytest.raises(ImportIncompleteError, match="0 of 3"):
            run(importing(knowledge_base, deferrable=deferrable), ti=FakeTaskInstance(try_number))
        assert started(fake_wisdom) == 3 * try_number


@pytest.mark.parametrize("reused", ["conflict", "first"])
@pytest.mark.parametrize("deferrable", [False, True])
def test_each_try_of_an_upload_of_the_users_own_starts_one_job(
    fake_wisdom, knowledge_base, answered, deferrable, reused
):
    """All tries import the same upload: which job is this try's cannot be told by that."""
    fake_wisdom.reused_client_token(reused)
    upload_id = WisdomHook().upload(knowledge_base, b"Name,Content\na,b\n")
    for try_number in (1, 2, 3):
        task = WisdomStartImportJobOperator(
            task_id="import",
            knowledge_base_id=knowledge_base,
            upload_id=upload_id,
            poll_interval=0.01,
            deferrable=deferrable,
        )
        with pytest.raises(ImportJobFailedError, match=answered):
            run(task, try_number=try_number)
        assert started(fake_wisdom) == try_number


def test_a_triggerer_that_begins_again_starts_no_more(fake_wisdom, knowledge_base, answered):
    trigger = deferral_of(importing(knowledge_base, deferrable=True))
    for _ in range(3):
        assert fire(trigger)["status"] == "error"
    assert started(fake_wisdom) == 3


def test_a_later_try_imports_once_aws_works_again(fake_wisdom, knowledge_base, answered):
    with pytest.raises(ImportIncompleteError):
        run(importing(knowledge_base, ROWS[:10]))
    fake_wisdom.import_jobs()
    assert run(importing(knowledge_base, ROWS[:10]), try_number=2)["rowsImported"] == 10
    assert started(fake_wisdom) == 2


def used_tokens(fake_wisdom, knowledge_base, mark, number):
    """Use up client tokens for jobs of somebody else, whose failures the list shows."""
    hook = WisdomHook()
    upload_id = hook.upload(knowledge_base, b"Name,Content\na,b\n")
    fake_wisdom.import_jobs(answered="FAILED")
    for attempt in range(number):
        Submission(knowledge_base, upload_id, mark, attempt).start(hook)
    return hook, hook.upload(knowledge_base, b"Name,Content\nc,d\n")


def test_attempts_are_bound_in_number(fake_wisdom, knowledge_base):
    hook, upload_id = used_tokens(fake_wisdom, knowledge_base, "mark", 0)
    other = hook.upload(knowledge_base, b"Name,Content\ne,f\n")
    for attempt in range(2 * LAST_ATTEMPT):
        # In use, but under no mark that the list would show.
        token = Submission(knowledge_base, other, "mark", attempt).token
        hook.start_import_job(knowledge_base, other, client_token=token)
    before = fake_wisdom.calls()["StartImportJob"]
    with pytest.raises(ClientTokenUsedError):
        drive(starting(Submission(knowledge_base, upload_id, "mark")), hook, Limit(time.time() + 60))
    assert fake_wisdom.calls()["StartImportJob"] - before <= LAST_ATTEMPT + 1
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 2 * LAST_ATTEMPT


def test_attempts_are_bound_in_time_in_the_worker_too(fake_wisdom, knowledge_base):
    """Whoever has no time left asks once all the same: there may be a job already."""
    hook, upload_id = used_tokens(fake_wisdom, knowledge_base, "mark", LAST_ATTEMPT)
    before = fake_wisdom.calls()["StartImportJob"]
    with pytest.raises(WisdomError, match="not started in time"):
        drive(starting(Submission(knowledge_base, upload_id, "mark")), hook, Limit(time.time() - 1))
    assert fake_wisdom.calls()["StartImportJob"] - before == 1


def test_each_streak_of_throttling_is_told_while_a_job_is_started(fake_wisdom, knowledge_base, caplog, virtual_time):
    """Starting, looking back and reading the job that was found are streaks of their own, each with short pauses."""
    hook = AwsConnection(botocore_config={"retries": {"total_max_attempts": 1}}).make_hook()
    upload_id = hook.upload(knowledge_base, b"Name,Content\na,b\n")
    first = Submission(knowledge_base, upload_id, "mark").start(hook)
    again = Submission(knowledge_base, hook.upload(knowledge_base, b"Name,Content\nc,d\n"), "mark")
    for operation in ("StartImportJob", "ListImportJobs", "GetImportJob"):
        fake_wisdom.fault(operation, "ThrottlingException", http_status=429, times=3)
    began = virtual_time.now
    assert drive(starting(again), hook, Limit(began + 600)).import_job_id == first.import_job_id
    assert caplog.text.count("Still looking for import jobs, or starting one") == 3
    # Each streak pauses for 1, 2 and 4 s at most.
    assert virtual_time.now - began <= 3 * 7
