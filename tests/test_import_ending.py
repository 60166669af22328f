"""An import that is ended from outside while its jobs run."""

from __future__ import annotations

import asyncio

import pytest
from rigs.imports import ROWS, deferral_of, importing, jobs_of, killed_while_it_waits, run_with_store, wait_until
from rigs.network import Killed
from rigs.running import kill, run

pytestmark = pytest.mark.usefixtures("no_patience", "virtual_time")


@pytest.mark.parametrize("state", ["failed", "success", "restarting", "skipped"])
def test_a_user_who_ends_the_task_deletes_the_jobs_that_run_if_asked(fake_wisdom, knowledge_base, state):
    fake_wisdom.import_jobs(after_seconds=3600)
    task = importing(knowledge_base, delete_jobs_on_kill=True, max_active_jobs=2, timeout=60, poll_interval=5)

    def kill(task):
        wait_until(lambda: len(task._import._jobs.under_way.running) == 1)
        task.on_kill()

    asked = killed_while_it_waits(task, state, kill)
    assert asked == [{"dag_id": "dag", "task_ids": ["task"], "run_ids": ["run"], "map_index": -1}]
    # Also the one that is being started in that moment; and no third is.
    assert fake_wisdom.calls()["DeleteImportJob"] == 2
    assert fake_wisdom.calls()["StartImportJob"] == 2


@pytest.mark.parametrize(("delete", "state"), [(True, "running"), (False, "failed")])
def test_whoever_else_ends_the_task_leaves_the_jobs_alone_and_says_which(
    fake_wisdom, knowledge_base, delete, state, caplog
):
    """A worker that is stopped, and an execution time-out: the task is meant to run, and another try goes on."""
    fake_wisdom.import_jobs(after_seconds=3600)
    task = importing(knowledge_base, delete_jobs_on_kill=delete, max_active_jobs=2, timeout=60, poll_interval=5)
    killed_while_it_waits(task, state, lambda task: task.on_kill())
    assert "DeleteImportJob" not in fake_wisdom.calls()
    assert "Another try of the task finds those that were, and starts the others" in caplog.text


def test_after_the_wait_there_is_nothing_to_end(fake_wisdom, knowledge_base):
    task = importing(knowledge_base, ROWS[:1], delete_jobs_on_kill=True)
    run(task)
    task.on_kill()
    assert "DeleteImportJob" not in fake_wisdom.calls()


def test_a_deferred_task_that_a_user_ends_deletes_the_jobs_that_run_if_asked(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    trigger = deferral_of(importing(knowledge_base, deferrable=True, delete_jobs_on_kill=True, max_active_jobs=2))

    async def kill_once_two_run():
        await kill(trigger)
        run = asyncio.create_task(anext(trigger.run()))
        while len(jobs_of(fake_wisdom, knowledge_base)) < 2:  # noqa: ASYNC110 - another task starts the jobs
            await asyncio.sleep(0.01)
        await kill(trigger)
        run.cancel()

    asyncio.run(kill_once_two_run())
    assert fake_wisdom.calls()["DeleteImportJob"] == 2
    assert fake_wisdom.calls()["StartImportJob"] == 2


def test_a_job_in_a_status_of_the_future_does_not_save_the_others_from_deletion(fake_wisdom, knowledge_base):
    """Nobody knows whether it runs; those that do are deleted, and so is it, if AWS lets us."""
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), None, killed_after=3)
    first, *_ = jobs_of(fake_wisdom, knowledge_base)
    fake_wisdom.set_status(first["importJobId"], "PAUSED")
    deferral_of(importing(knowledge_base, deferrable=True, delete_jobs_on_kill=True)).delete_jobs()
    assert fake_wisdom.calls()["DeleteImportJob"] == 3
