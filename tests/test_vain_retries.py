"""A task whose data are at fault fails at once, though it may have retries left; any other error may be retried."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred
from rigs.imports import INVALID, ROWS, importing
from rigs.running import PARTLY_BAD_CSV, FakeTaskInstance, fire, run_dag, start_job

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    FailedRecordsError,
    ImportIncompleteError,
    ImportJobFailedError,
    InvalidRowsError,
    PlanChangedError,
    SyncIncompleteError,
    TemplateMismatchError,
    UnsafePlanError,
    UploadTooLargeError,
    wisdom_error_of,
)
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.operators import (
    WisdomGetImportJobOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor

ALL_BAD_CSV = b"Name,Content\nHello,\nBye,\n"


def execute(task):
    """Run a task as Airflow does, and let through what Airflow gets to see."""
    context = {"ti": FakeTaskInstance()}
    try:
        return task.execute(context)
    except TaskDeferred as deferred:
        event = {"event": fire(deferred.trigger)}
        return task.resume_execution(deferred.method_name, event, context)


@pytest.fixture
def failing(fake_wisdom, knowledge_base, tmp_path):
    """Tasks by the error that they fail with."""
    source = tmp_path / "file.csv"
    where = {"task_id": "t", "knowledge_base_id": knowledge_base}

    def written(content):
        source.write_bytes(content)
        return str(source)

    def start(content, **kwargs):
        return WisdomStartImportJobOperator(source=written(content), poll_interval=0.01, **where, **kwargs)

    def sync(rows, **kwargs):
        return WisdomSyncQuickResponsesOperator(source=rows, **where, **kwargs)

    def sensor(content, **kwargs):
        job = start_job(fake_wisdom, knowledge_base, content)
        return WisdomImportJobSensor(import_job_id=job, poke_interval=0.01, **where, **kwargs)

    def get(**kwargs):
        job = start_job(fake_wisdom, knowledge_base, PARTLY_BAD_CSV)
        fake_wisdom.client().get_import_job(knowledgeBaseId=knowledge_base, importJobId=job)
        return WisdomGetImportJobOperator(import_job_id=job, **where, **kwargs)

    def taken(**kwargs):
        fake_wisdom.client().create_quick_response(
            knowledgeBaseId=knowledge_base, name="hand", shortcutKey="hi", content={"content": "x"}
        )
        return sync([{"Name": "mine", "Content": "x", "Shortcut key": "hi"}], **kwargs)

    def unacceptable(**kwargs):
        fake_wisdom.fault("CreateQuickResponse", "ValidationException", http_status=400, times=9)
        return sync(ROWS[:2], **kwargs)

    return {
        "invalid rows": (InvalidRowsError, lambda **kwargs: importing(knowledge_base, INVALID, **kwargs)),
        "other columns": (
            TemplateMismatchError,
            lambda **kwargs: importing(knowledge_base, written(b"Question\nWhy?\n"), **kwargs),
        ),
        "records of the import": (
            ImportIncompleteError,
            lambda **kwargs: importing(knowledge_base, [ROWS[0] | {"Routing Profile": "Nobody"}], **kwargs),
        ),
        "records, deferred": (
            ImportIncompleteError,
            lambda **kwargs: importing(
                knowledge_base, [ROWS[0] | {"Routing Profile": "Nobody"}], deferrable=True, **kwargs
            ),
        ),
        "records of the job": (FailedRecordsError, lambda **kwargs: start(PARTLY_BAD_CSV, **kwargs)),
        "failed job": (ImportJobFailedError, lambda **kwargs: start(ALL_BAD_CSV, deferrable=True, **kwargs)),
        "too large": (UploadTooLargeError, lambda **kwargs: start(ALL_BAD_CSV, max_bytes=1, **kwargs)),
        "poke": (FailedRecordsError, lambda **kwargs: sensor(PARTLY_BAD_CSV, soft_fail=True, **kwargs)),
        "sensor": (
            ImportJobFailedError,
            lambda **kwargs: sensor(ALL_BAD_CSV, deferrable=True, soft_fail=True, **kwargs),
        ),
        "get": (FailedRecordsError, get),
        "sync": (InvalidRowsError, lambda **kwargs: sync(INVALID, **kwargs)),
        "empty": (
            UnsafePlanError,
            lambda **kwargs: sync([], owner_tag="faq", on_missing="delete", **kwargs),
        ),
        "taken": (SyncIncompleteError, taken),
        "unacceptable": (SyncIncompleteError, unacceptable),
        "another plan": (PlanChangedError, lambda **kwargs: sync(ROWS[:1], expected_plan="0" * 32, **kwargs)),
    }


CASES = (
    "invalid rows",
    "other columns",
    "records of the import",
    "records, deferred",
    "records of the job",
    "failed job",
    "too large",
    "poke",
    "sensor",
    "get",
    "sync",
    "empty",
    "taken",
    "unacceptable",
    "another plan",
)


@pytest.fixture
def there(fake_wisdom, knowledge_base):
    """A quick response that the owner `faq` would lose, and no routing profile."""
    fake_wisdom.routing_profiles([])
    execute(
        WisdomSyncQuickResponsesOperator(
            task_id="t", knowledge_base_id=knowledge_base, source=[{"Name": "x", "Content": "y"}], owner_tag="faq"
        )
    )


@pytest.mark.parametrize("case", CASES)
def test_data_that_are_at_fault_fail_the_task_at_once(failing, there, case):
    kind, make = failing[case]
    with pytest.raises(AirflowFailException) as raised:
        execute(make())
    cause = raised.value.__cause__
    assert type(cause) is kind
    assert wisdom_error_of(raised.value) is cause
    assert (str(raised.value), raised.value.headline) == (str(cause), cause.headline)


@pytest.mark.parametrize("case", CASES)
def test_whoever_replaces_data_between_two_tries_has_retries(failing, there, case):
    kind, make = failing[case]
    with pytest.raises(kind):
        execute(make(retry_data_errors=True))


def test_a_token_that_another_import_has_used_is_not_tried_again(fake_wisdom, knowledge_base, tmp_path):
    """Each try has the same one."""
    (tmp_path / "a.csv").write_bytes(b"Name,Content\na,b\n")
    hook = WisdomHook()
    hook.start_import_job(knowledge_base, hook.upload(knowledge_base, b"Name,Content\nc,d\n"), client_token="mine")
    task = WisdomStartImportJobOperator(
        task_id="t", knowledge_base_id=knowledge_base, source=str(tmp_path / "a.csv"), client_token="mine"
    )
    with pytest.raises(AirflowFailException, match="was used for an import that is not this task's"):
        execute(task)


def test_what_may_pass_is_retried(fake_wisdom, knowledge_base, virtual_time):
    fake_wisdom.routing_profiles([])
    fake_wisdom.fault("GetObject", "InternalError", http_status=500, times=100)
    with pytest.raises(FailedRecordReportError):
        execute(importing(knowledge_base, [ROWS[0], ROWS[1] | {"Routing Profile": "Nobody"}]))


@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
def test_airflow_starts_no_other_try(airflow_database, fake_wisdom_over_http, tmp_path, monkeypatch):
    fake = fake_wisdom_over_http
    source = tmp_path / "file.csv"
    source.write_bytes(PARTLY_BAD_CSV)
    monkeypatch.setenv("KNOWLEDGE_BASE", fake.create_knowledge_base())
    monkeypatch.setenv("SOURCE", str(source))
    fake.import_jobs(after_calls=2)
    ended = run_dag("retries", monkeypatch)
    tries = {ti.task_id: (str(ti.state), ti.try_number) for ti in ended.get_task_instances()}
    assert tries == {"invalid": ("failed", 1), "invalid_retried": ("failed", 2), "refused": ("failed", 1)}
    assert fake.calls()["StartImportJob"] == 1
