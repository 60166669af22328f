"""A task that is ended sends nothing more; an upload that is cut is repeated; two tries at once start one job."""

from __future__ import annotations

import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import requests
from botocore.exceptions import EndpointConnectionError
from rigs.imports import ROWS, Store, ids_of, importing, jobs_of
from rigs.network import after_call, listening
from rigs.running import GOOD_CSV, FakeTaskInstance, run, start_job

from airflow_wisdom.exceptions import ImportIncompleteError, UploadError, WisdomError
from airflow_wisdom.operators import (
    WisdomExportQuickResponsesOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor

KINDS = ["import", "start"]


@pytest.fixture
def made(knowledge_base, tmp_path):
    """Makes a task of a kind."""
    path = tmp_path / "quick_responses.csv"
    path.write_bytes(GOOD_CSV)

    def make(kind, **kwargs):
        if kind == "import":
            return importing(knowledge_base, ROWS[:3], max_rows_per_file=1, **kwargs)
        return WisdomStartImportJobOperator(
            task_id="start", knowledge_base_id=knowledge_base, source=str(path), poll_interval=0.01, **kwargs
        )

    return make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("delete", [False, True])
def test_a_task_that_is_ended_while_it_uploads_starts_nothing(fake_wisdom, made, kind, deferrable, delete):
    """Airflow's signal handler only calls `on_kill`, and `execute` goes on."""
    task = made(kind, deferrable=deferrable, delete_jobs_on_kill=delete)
    with (
        after_call("StartContentUpload", 1, task.on_kill),
        pytest.raises(WisdomError, match="because the task was ended"),
    ):
        task.execute({"ti": FakeTaskInstance()})
    assert not {"PutObject", "StartImportJob", "DeleteImportJob"} & set(fake_wisdom.calls())
    assert fake_wisdom.calls()["StartContentUpload"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_that_is_ended_before_it_starts_its_jobs_starts_none(fake_wisdom, made, kind, monkeypatch):
    task, put = made(kind), requests.Session.request

    def ended_meanwhile(session, *args, **kwargs):
        answer = put(session, *args, **kwargs)
        task.on_kill()
        return answer

    monkeypatch.setattr(requests.Session, "request", ended_meanwhile)
    with pytest.raises(WisdomError, match="because the task was ended"):
        task.execute({"ti": FakeTaskInstance()})
    assert (fake_wisdom.calls()["PutObject"], "StartImportJob" in fake_wisdom.calls()) == (1, False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("code", "status"), [("SlowDown", 503), ("InternalError", 500), ("RequestTimeout", 400), ("Unknown", 502)]
)
def test_an_upload_that_is_cut_is_repeated(fake_wisdom, made, kind, code, status, virtual_time):
    fake_wisdom.fault("PutObject", code, http_status=status, times=3)
    assert run(made(kind))["status"] == "COMPLETE"


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_that_amazon_s3_refuses_is_not_repeated(fake_wisdom, made, kind):
    fake_wisdom.fault("PutObject", "AccessDenied", http_status=403, times=9)
    with pytest.raises((UploadError, ImportIncompleteError), match="AccessDenied"):
        run(made(kind))
    assert fake_wisdom.calls()["PutObject"] == 1


def test_an_upload_is_repeated_until_the_deadline(fake_wisdom, made, virtual_time):
    fake_wisdom.fault("PutObject", "SlowDown", http_status=503, times=10_000)
    with pytest.raises(ImportIncompleteError, match="SlowDown"):
        run(made("import", timeout=60))


class Forgotten(Store):
    """The state store of a try that Airflow has given up: its API server no longer has this task instance."""

    def set(self, key, value):
        if isinstance(value, dict):
            error = RuntimeError("API_SERVER_ERROR")
            error.error = SimpleNamespace(detail={"status_code": 404, "message": "Task instance not found"})
            raise error
        super().set(key, value)


def test_a_try_that_airflow_has_given_up_starts_nothing(fake_wisdom, made, knowledge_base):
    """Its worker was frozen while it uploaded, and taken for dead; the next try imports the file."""
    with pytest.raises(ImportIncompleteError, match="Airflow no longer knows this try of the task"):
        run(made("import"), task_state_store=Forgotten())
    assert "StartImportJob" not in fake_wisdom.calls()
    assert len(ids_of(run(made("import"), try_number=2, task_state_store=Store()))) == 3
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3


def test_a_store_that_fails_otherwise_ends_no_import(fake_wisdom, made):
    class Broken(Store):
        def set(self, key, value):
            raise ConnectionError(key, value)

    assert run(made("import"), task_state_store=Broken())["status"] == "COMPLETE"


@contextmanager
def nobody_answers():
    """Every request to AWS fails as it does where nobody listens."""

    def refuse(request, **_):
        raise EndpointConnectionError(endpoint_url=request.url)

    with listening("before-send.*", refuse):
        yield


@pytest.mark.parametrize("kind", [*KINDS, "sync", "export"])
@pytest.mark.parametrize("deferrable", [False, True])
def test_where_nobody_ever_answers_patience_is_a_matter_of_minutes(
    fake_wisdom, made, kind, deferrable, knowledge_base, tmp_path, virtual_time
):
    where = {"knowledge_base_id": knowledge_base, "task_id": kind}
    task = {
        "sync": lambda: WisdomSyncQuickResponsesOperator(source=ROWS[:1], **where),
        "export": lambda: WisdomExportQuickResponsesOperator(path=tmp_path / "a.csv", **where),
    }.get(kind, lambda: made(kind, deferrable=deferrable))()
    began = virtual_time.now
    with nobody_answers(), pytest.raises(WisdomError, match="AWS did not answer once within 300 s: check endpoint"):
        task.execute({"ti": FakeTaskInstance()})
    assert 300 < virtual_time.now - began < 400


def test_an_answer_of_any_kind_is_an_answer(fake_wisdom, made, virtual_time):
    fake_wisdom.fault("StartContentUpload", "ThrottlingException", http_status=429, times=30)
    assert run(made("start"))["status"] == "COMPLETE"


def slow(row):
    """Take minutes for a row, as a database that is busy does."""
    time.sleep(400)


@pytest.mark.parametrize("kind", ["sync", "import"])
def test_a_source_that_takes_long_is_not_taken_for_silence(fake_wisdom, knowledge_base, virtual_time, kind):
    first = {"sync": "ListQuickResponses", "import": "StartContentUpload"}[kind]
    fake_wisdom.fault(first, lost=True, times=12)
    how = {"knowledge_base_id": knowledge_base, "task_id": kind, "source": ROWS[:1], "extra_checks": [slow]}
    operators = {"sync": WisdomSyncQuickResponsesOperator, "import": WisdomImportQuickResponsesOperator}
    assert run(operators[kind](**how))["status"] == "COMPLETE"


def test_a_sensor_holds_a_worker_for_minutes_where_nobody_ever_answers(fake_wisdom, knowledge_base, virtual_time):
    job = start_job(fake_wisdom, knowledge_base)
    sensor = WisdomImportJobSensor(
        task_id="wait", knowledge_base_id=knowledge_base, import_job_id=job, poke_interval=60
    )
    began = virtual_time.now
    with nobody_answers(), pytest.raises(WisdomError, match="AWS did not answer once within 300 s: check endpoint"):
        run(sensor)
    assert virtual_time.now - began < 600


def test_a_sensor_that_was_answered_once_goes_on(fake_wisdom, knowledge_base, virtual_time):
    fake_wisdom.import_jobs(after_calls=2)
    job = start_job(fake_wisdom, knowledge_base)
    fake_wisdom.fault("GetImportJob", lost=True, times=60, after=1)
    began = virtual_time.now
    sensor = WisdomImportJobSensor(
        task_id="wait", knowledge_base_id=knowledge_base, import_job_id=job, poke_interval=60
    )
    assert run(sensor)["status"] == "COMPLETE"
    assert virtual_time.now - began > 600
