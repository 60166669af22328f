"""The operators: start without starting twice, read, and delete."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout, TaskDeferred
from rigs.running import GOOD_CSV, PARTLY_BAD_CSV, FakeTaskInstance, resume, run, start_job

from airflow_wisdom.exceptions import (
    AirflowConnectionNotFoundError,
    ConflictError,
    ImportIncompleteError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    ParameterError,
    ResourceNotFoundError,
    UploadTooLargeError,
)
from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
)
from airflow_wisdom.runs.starting import MARK
from airflow_wisdom.sensors import WisdomImportJobSensor


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "quick_responses.csv"
    path.write_bytes(GOOD_CSV)
    return path


def start(knowledge_base, **kwargs):
    kwargs = {"poll_interval": 0.01, **kwargs}
    return WisdomStartImportJobOperator(**{"task_id": "import", "knowledge_base_id": knowledge_base, **kwargs})


def get(knowledge_base, job, **kwargs):
    return WisdomGetImportJobOperator(task_id="get", knowledge_base_id=knowledge_base, import_job_id=job, **kwargs)


def delete(knowledge_base, job, **kwargs):
    kwargs = {"poll_interval": 0.01, **kwargs}
    return WisdomDeleteImportJobOperator(
        task_id="delete", knowledge_base_id=knowledge_base, import_job_id=job, **kwargs
    )


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_file_is_uploaded_imported_and_waited_for(fake_wisdom, knowledge_base, source, service_name, deferrable):
    fake_wisdom.import_jobs(after_calls=2)
    ti = FakeTaskInstance()
    pushed = run(start(knowledge_base, source=str(source), deferrable=deferrable, service_name=service_name), ti=ti)
    assert pushed["status"] == "COMPLETE"
    assert "url" not in pushed
    assert ti.xcoms == {"import_job_id": pushed["importJobId"], "return_value": pushed}
    responses = fake_wisdom.client().list_quick_responses(knowledgeBaseId=knowledge_base)
    assert len(responses["quickResponseSummaries"]) == 2


def test_an_upload_of_another_task_is_imported(fake_wisdom, knowledge_base, source):
    upload_id = get(knowledge_base, "-").hook.upload(knowledge_base, source)
    pushed = run(start(knowledge_base, upload_id=upload_id))
    assert pushed["uploadId"] == upload_id


def test_a_task_that_does_not_wait_ends_while_the_job_runs(fake_wisdom, knowledge_base, source):
    fake_wisdom.import_jobs(after_seconds=3600)
    pushed = run(start(knowledge_base, source=str(source), wait_for_completion=False))
    assert pushed["status"] == "START_IN_PROGRESS"


def test_everything_that_aws_takes_is_passed_on(fake_wisdom, knowledge_base, source):
    configuration = {
        "source": "AMAZON_CONNECT",
        "configuration": {"connectConfiguration": {"instanceId": "00000000-0000-0000-0000-000000000000"}},
    }
    pushed = run(
        start(
            knowledge_base,
            source=str(source),
            metadata={"team": "billing"},
            external_source_configuration=configuration,
            client_token="mine",
        )
    )
    assert pushed["externalSourceConfiguration"] == configuration
    assert pushed["metadata"].pop(MARK)
    assert pushed["metadata"] == {
        "team": "billing",
        "airflow-dag": "dag",
        "airflow-run": "run",
        "airflow-task": "task",
        "airflow-file": str(source),
    }
    hook = get(knowledge_base, "-").hook
    with pytest.raises(ConflictError):
        hook.start_import_job(knowledge_base, hook.upload(knowledge_base, source), client_token="mine")


@pytest.mark.parametrize("given", [{}, {"upload_id": "u", "source": "s"}, {"upload_id": "", "source": ""}])
def test_exactly_one_of_upload_and_source_is_needed(fake_wisdom, knowledge_base, given):
    """Checked when the task runs: before that a template may stand for either."""
    with pytest.raises(ValueError, match="Exactly one of upload_id and source"):
        run(start(knowledge_base, **given))


@pytest.mark.parametrize("interval", [0, -1])
def test_an_interval_of_nothing_is_refused_before_anything_is_started(fake_wisdom, knowledge_base, source, interval):
    with pytest.raises(ValueError, match="poll_interval must be more than 0"):
        run(start(knowledge_base, source=str(source), poll_interval=interval))
    with pytest.raises(ValueError, match="poll_interval must be more than 0"):
        run(delete(knowledge_base, "0" * 8 + "-0000" * 3 + "-" + "0" * 12, poll_interval=interval))
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_second_try_waits_for_the_job_of_the_first(fake_wisdom, knowledge_base, source, deferrable):
    """The worker died after the job was started."""
    fake_wisdom.import_jobs(after_calls=3)
    first = run(start(knowledge_base, source=str(source), wait_for_completion=False))
    second = run(start(knowledge_base, source=str(source), deferrable=deferrable), try_number=2)
    assert second["importJobId"] == first["importJobId"]
    assert second["status"] == "COMPLETE"
    calls = fake_wisdom.calls()
    assert (calls["StartImportJob"], calls["StartContentUpload"]) == (1, 1)


def test_a_first_try_that_is_run_twice_starts_one_job(fake_wisdom, knowledge_base, source):
    """Airflow may run a task again without counting a try, when it loses sight of a worker."""
    first = run(start(knowledge_base, source=str(source)))
    again = run(start(knowledge_base, source=str(source)))
    assert again["importJobId"] == first["importJobId"]


def test_a_try_after_a_failed_job_starts_again(fake_wisdom, knowledge_base, source):
    fake_wisdom.import_jobs(status="FAILED")
    for try_number in (1, 2):
        with pytest.raises(ImportJobFailedError):
            run(start(knowledge_base, source=str(source)), try_number=try_number)
    fake_wisdom.import_jobs()
    third = run(start(knowledge_base, source=str(source)), try_number=3)
    assert third["status"] == "COMPLETE"
    assert fake_wisdom.calls()["StartImportJob"] == 3


def test_a_client_token_of_ones_own_does_not_hinder_a_new_start(fake_wisdom, knowledge_base, source):
    fake_wisdom.import_jobs(status="FAILED")
    with pytest.raises(ImportJobFailedError):
        run(start(knowledge_base, source=str(source), client_token="mine"))
    fake_wisdom.import_jobs()
    assert run(start(knowledge_base, source=str(source), client_token="mine"), try_number=2)["status"] == "COMPLETE"


def test_a_try_after_the_job_was_deleted_starts_again(fake_wisdom, knowledge_base, source, no_patience):
    """Its token is used, but there is no job to find."""
    first = run(start(knowledge_base, source=str(source)))
    run(delete(knowledge_base, first["importJobId"]))
    task = start(knowledge_base, source=str(source))
    with pytest.raises(ImportJobFailedError):  # the same names once more: every row is refused
        run(task, try_number=2)
    assert len(list(task.hook.list_import_jobs(knowledge_base))) == 1


def test_a_knowledge_base_is_the_same_by_id_and_by_arn(fake_wisdom, knowledge_base, source):
    first = run(start(knowledge_base, source=str(source)))
    again = run(start(first["knowledgeBaseArn"], source=str(source)), try_number=2)
    assert again["importJobId"] == first["importJobId"]


@pytest.mark.parametrize("reused", ["conflict", "first"])
def test_whatever_a_used_token_is_answered_with_one_job_is_started(fake_wisdom, knowledge_base, source, reused):
    """A first try that is run twice asks with the same token and another upload."""
    fake_wisdom.reused_client_token(reused)
    first = run(start(knowledge_base, source=str(source)))
    again = run(start(knowledge_base, source=str(source)))
    assert again["importJobId"] == first["importJobId"]
    assert len(list(get(knowledge_base, "-").hook.list_import_jobs(knowledge_base))) == 1


@pytest.mark.parametrize("reused", ["conflict", "first"])
def test_a_client_token_of_ones_own_never_stands_for_another_file(
    fake_wisdom, knowledge_base, source, reused, no_patience
):
    """The next run of the DAG has another file and the same token: that is a mistake, not a success."""
    fake_wisdom.reused_client_token(reused)
    run(start(knowledge_base, source=str(source), client_token="mine"))
    source.write_bytes(b"Name,Content\nAnother,one\n")
    with pytest.raises(ValueError, match="not this task's"):
        run(start(knowledge_base, source=str(source), client_token="mine"))
    assert len(list(get(knowledge_base, "-").hook.list_import_jobs(knowledge_base))) == 1


@pytest.mark.parametrize("reused", ["conflict", "first"])
def test_attempts_are_counted_on_though_failed_jobs_are_deleted(
    fake_wisdom, knowledge_base, source, reused, no_patience
):
    fake_wisdom.reused_client_token(reused)
    fake_wisdom.import_jobs(status="FAILED")
    for try_number in (1, 2):
        with pytest.raises(ImportJobFailedError):
            run(start(knowledge_base, source=str(source)), try_number=try_number)
    first, _ = get(knowledge_base, "-").hook.list_import_jobs(knowledge_base)
    run(delete(knowledge_base, first.import_job_id))
    fake_wisdom.import_jobs()
    assert run(start(knowledge_base, source=str(source)), try_number=3)["status"] == "COMPLETE"


def test_a_list_that_lags_behind_does_not_double_an_import(fake_wisdom, knowledge_base, source, no_patience):
    """The token is used, and the list does not show yet by which job."""
    fake_wisdom.lagging_list(calls=2)
    first = run(start(knowledge_base, source=str(source)))
    assert run(start(knowledge_base, source=str(source)), try_number=2)["importJobId"] == first["importJobId"]
    assert fake_wisdom.calls()["ListImportJobs"] == 3


def test_a_changed_file_is_another_import(fake_wisdom, knowledge_base, source):
    """Clearing a task after fixing its file imports the fixed file."""
    first = run(start(knowledge_base, source=str(source)))
    source.write_bytes(b"Name,Content\nAnother,one\n")
    second = run(start(knowledge_base, source=str(source)), try_number=2)
    assert second["importJobId"] != first["importJobId"]


def test_another_run_of_the_dag_imports_again(fake_wisdom, knowledge_base, source):
    fake_wisdom.partly_failed("COMPLETE")
    run(start(knowledge_base, source=str(source)))
    source_of_next = FakeTaskInstance(try_number=2)
    source_of_next.run_id = "tomorrow"
    with pytest.raises(ImportJobFailedError):  # the same names once more: every row is refused
        run(start(knowledge_base, source=str(source)), ti=source_of_next)
    assert fake_wisdom.calls()["StartImportJob"] == 2


@pytest.mark.parametrize("operation", ["StartContentUpload", "StartImportJob"])
def test_throttling_is_waited_out_while_a_file_is_sent(fake_wisdom, knowledge_base, source, operation, virtual_time):
    fake_wisdom.fault(operation, "ThrottlingException", http_status=429, times=4)
    assert run(start(knowledge_base, source=str(source)))["status"] == "COMPLETE"


@pytest.mark.parametrize("operation", ["ListImportJobs", "GetImportJob"])
def test_throttling_is_waited_out_while_the_job_of_an_earlier_try_is_looked_for(
    fake_wisdom, knowledge_base, source, operation, virtual_time
):
    first = run(start(knowledge_base, source=str(source)))
    fake_wisdom.fault(operation, "ThrottlingException", http_status=429, times=4)
    assert run(start(knowledge_base, source=str(source)), try_number=2)["importJobId"] == first["importJobId"]


def test_a_first_try_does_not_search_the_history(fake_wisdom, knowledge_base, source):
    run(start(knowledge_base, source=str(source)))
    assert "ListImportJobs" not in fake_wisdom.calls()


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_wait_ends_at_its_time_out(fake_wisdom, knowledge_base, source, deferrable, virtual_time):
    fake_wisdom.import_jobs(after_seconds=3600)
    began = virtual_time.now
    with pytest.raises(ImportJobTimeoutError) as raised:
        run(start(knowledge_base, source=str(source), timeout=100, poll_interval=30, deferrable=deferrable))
    assert raised.value.status == "START_IN_PROGRESS"
    # To a microsecond: to a hook, an event loop and a DAG it is the same time.
    assert virtual_time.now - began == pytest.approx(100, abs=1e-3)


def test_a_complete_job_is_read_again_through_weather(fake_wisdom, knowledge_base, source, virtual_time):
    """The trigger saw the job complete; a throttled read after it is no failure of the import."""
    fake_wisdom.import_jobs(after_calls=2)
    task = start(
        knowledge_base,
        source=str(source),
        deferrable=True,
        botocore_config={"retries": {"total_max_attempts": 1}},
    )
    context = {"ti": FakeTaskInstance()}
    with pytest.raises(TaskDeferred) as raised:
        task.execute(context)
    trigger = raised.value.trigger
    fired = resume(task, raised.value, context)
    fake_wisdom.fault("GetImportJob", "ThrottlingException", http_status=429)
    event = {"status": "success", "jobs": [{**fired, "error": None}]}
    assert trigger.import_job_ids == [fired["importJobId"]]
    assert task.execute_complete(context, event)["status"] == "COMPLETE"


@pytest.mark.parametrize("delete", [True, False])
@pytest.mark.parametrize("state", ["failed", "running"])
def test_a_task_that_a_user_ends_deletes_its_job_only_if_asked_to(
    fake_wisdom, knowledge_base, source, delete, state, capsys
):
    task = start(knowledge_base, source=str(source), delete_jobs_on_kill=delete)
    ti = FakeTaskInstance()
    job = run(task, ti=ti)
    ti.state = state
    fake_wisdom.set_status(job["importJobId"], "START_IN_PROGRESS")
    task.on_kill()
    deletes = delete and state == "failed"
    assert fake_wisdom.calls().get("DeleteImportJob", 0) == deletes
    assert (f"Import job {job['importJobId']} goes on" in capsys.readouterr().out) is not deletes


def test_a_job_that_cannot_be_deleted_does_not_hinder_the_kill(fake_wisdom, knowledge_base, source, capsys):
    """AWS may refuse to delete a job that is still running."""
    fake_wisdom.import_jobs(after_seconds=3600)
    task = start(knowledge_base, source=str(source), delete_jobs_on_kill=True, wait_for_completion=False)
    ti = FakeTaskInstance()
    run(task, ti=ti)
    ti.state = "failed"
    task.on_kill()
    assert "was not deleted: DeleteImportJob: ConflictException" in capsys.readouterr().out


def test_a_deferred_task_hands_over_whether_to_delete(fake_wisdom, knowledge_base, source):
    fake_wisdom.import_jobs(after_seconds=3600)
    task = start(knowledge_base, source=str(source), deferrable=True, delete_jobs_on_kill=True)
    with pytest.raises(TaskDeferred) as raised:
        task.execute({"ti": FakeTaskInstance()})
    assert raised.value.trigger.delete_jobs_on_kill is True


def test_a_file_that_is_too_large_is_refused(fake_wisdom, knowledge_base, source):
    with pytest.raises(UploadTooLargeError):
        run(start(knowledge_base, source=str(source), max_bytes=10))


def test_a_missing_connection_is_an_error(fake_wisdom, knowledge_base, source):
    with pytest.raises(AirflowConnectionNotFoundError, match="mispelt"):
        run(start(knowledge_base, source=str(source), aws_conn_id="mispelt"))


def test_reading_may_accept_a_job_that_is_not_complete(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(status="FAILED")
    job = start_job(fake_wisdom, knowledge_base)
    assert run(get(knowledge_base, job, require_complete=False))["status"] == "FAILED"


def test_reading_tells_of_a_report_without_its_url(fake_wisdom, knowledge_base):
    job = start_job(fake_wisdom, knowledge_base, PARTLY_BAD_CSV)
    pushed = run(get(knowledge_base, job, on_failed_records="warn"))
    assert pushed["hasFailedRecordReport"] is True
    assert "failedRecordReport" not in pushed
    with_urls = run(get(knowledge_base, job, on_failed_records="warn", include_urls=True))
    assert "X-Amz-Signature" in with_urls["failedRecordReport"]


@pytest.mark.parametrize("wait", [False, True])
def test_a_job_is_deleted(fake_wisdom, knowledge_base, wait):
    fake_wisdom.deletions(after_calls=2)
    job = start_job(fake_wisdom, knowledge_base)
    run(get(knowledge_base, job))
    assert run(delete(knowledge_base, job, wait_for_completion=wait)) is None
    left = list(get(knowledge_base, job).hook.list_import_jobs(knowledge_base))
    assert bool(left) is not wait


def test_deleting_a_job_that_is_gone_succeeds(fake_wisdom, knowledge_base):
    job = start_job(fake_wisdom, knowledge_base)
    run(get(knowledge_base, job))
    for _ in range(2):
        run(delete(knowledge_base, job, wait_for_completion=True))
    with pytest.raises(ParameterError):
        run(delete(knowledge_base, "no id"))


def test_deleting_in_a_knowledge_base_that_is_not_there_fails(fake_wisdom, knowledge_base, capsys):
    nowhere = "00000000-0000-4000-8000-000000000000"
    with pytest.raises(ResourceNotFoundError, match=r"^GetKnowledgeBase: ResourceNotFoundException"):
        run(delete(nowhere, nowhere))
    fake_wisdom.fault("GetKnowledgeBase", "AccessDeniedException", http_status=403)
    run(delete(knowledge_base, nowhere))
    assert "Whether the knowledge base is there is not known" in capsys.readouterr().out


@pytest.mark.parametrize(("wait", "said"), [(False, ["is being deleted"]), (True, ["is being deleted", "is deleted"])])
def test_a_deletion_says_what_it_did(fake_wisdom, knowledge_base, capsys, wait, said):
    job = start_job(fake_wisdom, knowledge_base)
    run(get(knowledge_base, job))
    run(delete(knowledge_base, job, wait_for_completion=wait))
    assert re.findall(rf"Import job {job} (.*?delete\w*)", capsys.readouterr().out) == said


def test_a_deletion_that_fails_or_lasts_is_an_error(fake_wisdom, knowledge_base, virtual_time):
    job = start_job(fake_wisdom, knowledge_base)
    run(get(knowledge_base, job))
    fake_wisdom.deletions(after_calls=1_000_000)
    with pytest.raises(ImportJobTimeoutError):
        run(delete(knowledge_base, job, wait_for_completion=True, timeout=100, poll_interval=30))
    fake_wisdom.set_status(job, "COMPLETE")
    fake_wisdom.deletions(status="DELETE_FAILED")
    with pytest.raises(ImportJobFailedError, match="could not be deleted"):
        run(delete(knowledge_base, job, wait_for_completion=True))


@pytest.mark.parametrize(
    ("kind", "deferrable"), [("start", False), ("start", True), ("import", False), ("import", True), ("sensor", True)]
)
def test_a_limit_of_airflows_holds_in_every_way_of_waiting(fake_wisdom, knowledge_base, source, kind, deferrable):
    """Airflow applies `execution_timeout` only while a worker has the task."""
    fake_wisdom.import_jobs(after_seconds=3600)
    limits = {"execution_timeout": timedelta(seconds=0.3), "deferrable": deferrable, "task_id": kind}
    where = {"knowledge_base_id": knowledge_base}
    tasks = {
        "start": lambda: start(knowledge_base, source=str(source), **limits),
        "import": lambda: WisdomImportQuickResponsesOperator(source=str(source), poll_interval=0.01, **limits, **where),
        "sensor": lambda: WisdomImportJobSensor(
            import_job_id=start_job(fake_wisdom, knowledge_base), poke_interval=0.01, **limits, **where
        ),
    }
    with pytest.raises((ImportJobTimeoutError, ImportIncompleteError, AirflowSensorTimeout)):
        run(tasks[kind]())
