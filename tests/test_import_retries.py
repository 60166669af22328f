"""An import that is tried again, by another try or another triggerer: nothing is started twice, nothing is left out."""

from __future__ import annotations

import json

import pytest
from rigs.imports import ROWS, Store, deferral_of, ids_of, importing, jobs_of, run_with_store
from rigs.network import Killed, listening
from rigs.running import FakeTaskInstance, fire, run

from airflow_wisdom.exceptions import ImportIncompleteError

pytestmark = pytest.mark.usefixtures("no_patience", "virtual_time")


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("died_after", [0, 1, 2, 3])
@pytest.mark.parametrize("remembers", [False, True])
def test_a_second_try_starts_only_what_was_never_started(
    fake_wisdom, knowledge_base, deferrable, died_after, remembers
):
    """The worker, or the triggerer, died after some of the three jobs were started."""
    fake_wisdom.import_jobs(after_calls=5)
    store = Store() if remembers else None
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), store, killed_after=died_after)
    assert len(jobs_of(fake_wisdom, knowledge_base)) == died_after
    summary = run_with_store(importing(knowledge_base, deferrable=deferrable), store, try_number=2)
    assert summary["rowsImported"] == 250
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3
    # Who remembers does not upload twice, either.
    assert fake_wisdom.calls()["StartContentUpload"] == (3 if remembers else 6 - died_after)


@pytest.mark.parametrize("remembers", [False, True])
def test_a_job_started_in_the_last_moment_is_found_by_its_token(fake_wisdom, knowledge_base, remembers):
    """The worker died between starting a job and remembering it, and the list does not show it yet."""
    fake_wisdom.lagging_list(calls=1)
    store = Store() if remembers else None
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base, ROWS[:10]), store, killed_after=1)
    if store:
        remembered = {key: json.loads(value) for key, value in store.stored.items()}
        for key, value in remembered.items():
            if isinstance(value, dict):
                store.set(key, {**value, "import_job_id": None})
    assert run_with_store(importing(knowledge_base, ROWS[:10]), store, try_number=2)["rowsImported"] == 10
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 1


@pytest.mark.parametrize("reused", ["conflict", "first"])
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("remembers", [False, True])
def test_only_the_file_whose_job_failed_is_started_again(fake_wisdom, knowledge_base, reused, deferrable, remembers):
    fake_wisdom.reused_client_token(reused)
    store = Store() if remembers else None
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), store, killed_after=3)
    first, second, third = (job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base))
    for job, status in ((first, "COMPLETE"), (second, "FAILED"), (third, "COMPLETE")):
        fake_wisdom.set_status(job, status)
    fake_wisdom.import_jobs()
    summary = run_with_store(importing(knowledge_base, deferrable=deferrable), store, try_number=2)
    ids = ids_of(summary)
    assert (ids[0], ids[2]) == (first, third)
    assert ids[1] not in (first, second, third)
    assert summary["rowsImported"] == 250


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("remembers", [False, True])
def test_a_job_in_a_status_of_the_future_is_no_success_and_not_started_again(
    fake_wisdom, knowledge_base, deferrable, remembers
):
    """Nobody knows whether it goes on: the other files are imported, and the task fails and names it."""
    store = Store() if remembers else None
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), store, killed_after=2)
    first, second = (job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base))
    fake_wisdom.set_status(first, "PAUSED")
    fake_wisdom.set_status(second, "COMPLETE")
    fake_wisdom.import_jobs()
    with pytest.raises(ImportIncompleteError, match="2 of 3 import jobs are COMPLETE") as raised:
        run_with_store(importing(knowledge_base, deferrable=deferrable), store, try_number=2)
    assert "Unknown import job status 'PAUSED'" in str(raised.value)
    assert [job["importJobId"] for job in raised.value.jobs][:2] == [first, second]
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3


def test_a_first_try_does_not_search_the_history(fake_wisdom, knowledge_base):
    run(importing(knowledge_base, ROWS[:1]))
    assert "ListImportJobs" not in fake_wisdom.calls()


def test_a_store_that_fails_does_not_harm_an_import(fake_wisdom, knowledge_base):
    class Broken:
        def get(self, *_):
            raise RuntimeError("the API server is being restarted")

        set = delete = get

    assert run_with_store(importing(knowledge_base), Broken())["rowsImported"] == 250


@pytest.mark.parametrize(
    ("change", "is_understood"),
    [
        (lambda record: {**record, "of_a_newer_version": 1}, True),
        (lambda record: {"import_job_id": record["import_job_id"]}, False),
        (lambda record: {**record, "attempt": "first"}, False),
        (lambda record: {**record, "upload_id": None}, False),
        (lambda record: {**record, "import_job_id": 7}, False),
        (lambda record: [*record.values()], False),
    ],
)
def test_what_another_version_remembers_imports_nothing_twice(
    fake_wisdom, knowledge_base, caplog, change, is_understood
):
    """Nor where the list does not show the job yet."""
    store = Store()
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base, ROWS[:10]), store, killed_after=1)
    fake_wisdom.lagging_list(calls=1)
    for key, value in store.stored.items():
        record = json.loads(value)
        if isinstance(record, dict):
            store.set(key, change(record))
    assert run_with_store(importing(knowledge_base, ROWS[:10]), store, try_number=2)["rowsImported"] == 10
    fake_wisdom.lagging_list(calls=0)
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 1
    assert ("relying on the list of import jobs" in caplog.text) is not is_understood


def test_rows_that_have_changed_start_other_jobs_and_the_log_names_those_that_run(fake_wisdom, knowledge_base, caplog):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base, ROWS[:100]), None, killed_after=1)
    ((before),) = jobs_of(fake_wisdom, knowledge_base)
    fake_wisdom.import_jobs()
    summary = run_with_store(importing(knowledge_base, ROWS[100:201]), None, try_number=2)
    assert summary["rowsImported"] == 101
    assert f"Import job {before['importJobId']} goes on" in caplog.text


def test_throttling_while_files_are_sent_and_jobs_are_looked_for_is_waited_out(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartContentUpload", "ThrottlingException", http_status=429, times=4)
    run(importing(knowledge_base))
    fake_wisdom.fault("ListImportJobs", "ThrottlingException", http_status=429, times=4)
    assert run(importing(knowledge_base), try_number=2)["rowsImported"] == 250


@pytest.mark.parametrize("answer", ["conflict", "first"])
def test_a_triggerer_that_takes_over_much_later_starts_nothing_twice(fake_wisdom, knowledge_base, answer):
    """By then AWS may have forgotten the client tokens."""
    fake_wisdom.reused_client_token(answer)
    fake_wisdom.import_jobs(after_calls=2)
    trigger = deferral_of(importing(knowledge_base, deferrable=True, max_active_jobs=2))
    first = fire(trigger)
    starts = fake_wisdom.calls()["StartImportJob"]
    trigger.submitted_at -= 3600
    assert ids_of(fire(trigger)) == ids_of(first)
    assert fake_wisdom.calls()["StartImportJob"] == starts
    fake_wisdom.fault("ListImportJobs", "AccessDeniedException", http_status=403)
    assert ids_of(fire(trigger)) == ids_of(first)


def test_an_upload_that_aws_no_longer_knows_is_made_again_by_the_next_try(fake_wisdom, knowledge_base):
    store = Store()
    fake_wisdom.fault("StartImportJob", "ResourceNotFoundException", http_status=404, message="No such upload.")
    with pytest.raises(ImportIncompleteError, match="No such upload"):
        run_with_store(importing(knowledge_base, ROWS[:1]), store)
    assert run_with_store(importing(knowledge_base, ROWS[:1]), store, try_number=2)["rowsImported"] == 1
    assert fake_wisdom.calls()["StartContentUpload"] == 2


def test_a_triggerer_that_is_restarted_starts_nothing_twice(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_calls=2)
    trigger = deferral_of(importing(knowledge_base, deferrable=True, max_active_jobs=2))
    first, second = (fire(trigger) for _ in range(2))
    assert ids_of(first) == ids_of(second)
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3


@pytest.mark.parametrize(
    ("try_number", "known"),
    [
        (1, {"rowsImported": 0, "rowsRefused": 0, "rowsNotStarted": 1, "rowsUnknown": 0}),
        (2, {"rowsImported": None, "rowsRefused": None, "rowsNotStarted": 0, "rowsUnknown": 1}),
    ],
)
def test_what_an_earlier_try_may_have_started_is_not_known(
    fake_wisdom, knowledge_base, try_number, known, virtual_time
):
    """It started its job and died, the list lags behind, and the next try cannot upload."""

    def die(**_):
        raise Killed

    fake_wisdom.lagging_list(seconds=100_000)
    if try_number == 2:
        with pytest.raises(Killed), listening("after-call.*.StartImportJob", die):
            run_with_store(importing(knowledge_base, ROWS[:1]), None)
    fake_wisdom.fault("PutObject", "AccessDenied", http_status=403)
    ti = FakeTaskInstance(try_number)
    with pytest.raises(ImportIncompleteError):
        run(importing(knowledge_base, ROWS[:1]), ti=ti)
    summary = ti.xcoms["return_value"]
    assert {name: summary[name] for name in known} == known
