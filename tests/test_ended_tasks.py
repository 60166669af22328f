"""A task that is ended sends nothing more; an upload that is cut is repeated; two tries at once start one job."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from copy import deepcopy
from types import SimpleNamespace

import pytest
import requests
from botocore.exceptions import EndpointConnectionError
from rigs.imports import ROWS, Store, importing, jobs_of
from rigs.network import Killed, after_call, listening
from rigs.running import GOOD_CSV, FakeTaskInstance, run, start_job

from airflow_wisdom.exceptions import ImportIncompleteError, TaskEndedError, UploadError, WisdomError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
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


WRITES = {
    "StartContentUpload",
    "PutObject",
    "StartImportJob",
    "DeleteImportJob",
    "CreateQuickResponse",
    "UpdateQuickResponse",
    "DeleteQuickResponse",
}
SENDING = ["import", "deferred import", "start", "start of an upload", "delete", "sync", "export"]


@pytest.fixture
def sending(fake_wisdom, knowledge_base, tmp_path, virtual_time):
    """Makes a task of each kind that sends something, all of which are ended by a user."""
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD_CSV)
    fake_wisdom.import_jobs(after_seconds=3600)
    job = start_job(fake_wisdom, knowledge_base, b"Name,Content\nold,Old\n")
    before = fake_wisdom.calls()

    def make(kind, **kwargs):
        base = kwargs.pop("knowledge_base_id", knowledge_base)
        where = {"task_id": "task", "knowledge_base_id": base, **kwargs}
        killing = {"delete_jobs_on_kill": True, "timeout": 60, **where}
        return {
            "import": lambda: WisdomImportQuickResponsesOperator(source=ROWS[:2], **killing),
            "deferred import": lambda: WisdomImportQuickResponsesOperator(source=ROWS[:2], deferrable=True, **killing),
            "start": lambda: WisdomStartImportJobOperator(source=str(path), **killing),
            "start of an upload": lambda: WisdomStartImportJobOperator(upload_id="u" * 8, **killing),
            "delete": lambda: WisdomDeleteImportJobOperator(import_job_id=job, **where),
            "sync": lambda: WisdomSyncQuickResponsesOperator(source=ROWS[:2], **where),
            "export": lambda: WisdomExportQuickResponsesOperator(path=str(tmp_path / "out.csv"), **where),
        }[kind]()

    def written():
        sent = fake_wisdom.calls()
        return [name for name in WRITES if sent.get(name) != before.get(name)] + list(tmp_path.glob("out.csv"))

    make.written = written
    return make


@pytest.mark.parametrize("kind", SENDING)
@pytest.mark.parametrize("looks_up", ["ListIntegrationAssociations", "ListRoutingProfiles"])
def test_a_task_that_is_ended_while_it_looks_something_up_sends_nothing(
    fake_wisdom, knowledge_base, sending, kind, looks_up
):
    if looks_up == "ListRoutingProfiles" and kind in ("start", "start of an upload", "delete"):
        pytest.skip("it needs no routing profiles")
    task = sending(kind, knowledge_base_id=None, instance_id=fake_wisdom.create_instance(knowledge_base))
    with after_call(looks_up, 1, task.on_kill), pytest.raises(TaskEndedError, match="because the task was ended"):
        run(task, ti=FakeTaskInstance(state="failed"))
    assert sending.written() == []


@pytest.mark.parametrize("kind", SENDING)
def test_a_task_that_is_ended_while_airflow_looks_up_its_connection_sends_nothing(sending, kind, monkeypatch):
    """That takes up to a minute and a half, and it is the first thing that a task does."""
    task, look_up = sending(kind), WisdomHook.get_connection

    def ended_meanwhile(conn_id):
        task.on_kill()
        return look_up(conn_id)

    monkeypatch.setattr(WisdomHook, "get_connection", staticmethod(ended_meanwhile))
    with pytest.raises(WisdomError, match="because the task was ended"):
        run(task, ti=FakeTaskInstance(state="failed"))
    assert sending.written() == []


@pytest.mark.parametrize("kind", SENDING)
def test_a_task_that_is_ended_before_it_begins_sends_nothing(sending, kind):
    """As while its templates are rendered."""
    task = sending(kind)
    task.on_kill()
    with pytest.raises(WisdomError, match="because the task was ended"):
        run(task, ti=FakeTaskInstance(state="failed"))
    assert sending.written() == []


def test_the_next_try_of_the_same_task_is_another(fake_wisdom, made):
    """In `dag.test()` all tries have one task."""
    task = made("start")
    with after_call("StartContentUpload", 1, task.on_kill), pytest.raises(WisdomError, match="was ended"):
        run(task)
    assert run(task, 2)["status"] == "COMPLETE"


def test_a_task_that_is_ended_can_be_copied(made):
    """Airflow does so with whole DAGs."""
    task = made("start")
    task.on_kill()
    assert deepcopy(task).ended.is_set()


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(("state", "deletions"), [("failed", True), ("running", False)])
def test_a_job_whose_start_is_being_answered_when_its_task_is_ended_is_deleted_or_named(
    fake_wisdom, knowledge_base, made, waits, state, deletions, capsys, virtual_time
):
    fake_wisdom.import_jobs(after_seconds=3600)
    task = made("start", delete_jobs_on_kill=True, timeout=60, wait_for_completion=waits)
    with after_call("StartImportJob", 1, task.on_kill), pytest.raises(TaskEndedError):
        run(task, ti=FakeTaskInstance(state=state))
    (job, *_) = [job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base)]
    assert fake_wisdom.calls().get("DeleteImportJob", 0) == deletions
    assert (f"Import job {job} goes on" in capsys.readouterr().out) is not deletions


def test_a_start_task_that_is_ended_does_not_wait_for_its_job(fake_wisdom, made, virtual_time):
    fake_wisdom.import_jobs(after_seconds=3600)
    task, began = made("start", timeout=3600), time.time()
    with after_call("StartImportJob", 1, task.on_kill), pytest.raises(TaskEndedError):
        run(task)
    assert time.time() == began


@pytest.mark.parametrize(("kind", "operation"), [("import", "StartImportJob"), ("sync", "CreateQuickResponse")])
def test_what_waits_for_its_turn_when_the_task_is_ended_is_not_sent(
    fake_wisdom, knowledge_base, kind, operation, monkeypatch, virtual_time
):
    """No more calls start within a second than AWS is to be asked for: some wait for minutes."""
    monkeypatch.setenv("AIRFLOW__WISDOM__CALLS_PER_SECOND", "0.5")
    fake_wisdom.import_jobs(after_seconds=3600)
    task = {
        "import": lambda: importing(knowledge_base, ROWS[:4], max_rows_per_file=1, max_active_jobs=4, timeout=600),
        "sync": lambda: WisdomSyncQuickResponsesOperator(
            task_id="sync", knowledge_base_id=knowledge_base, source=ROWS[:20], timeout=600
        ),
    }[kind]()

    def soon():
        asyncio.get_running_loop().call_later(0.7, task.on_kill)

    with after_call(operation, 1, soon), suppress(WisdomError):
        run(task)
    assert fake_wisdom.calls().get(operation, 0) <= 1


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


@pytest.mark.parametrize(("kind", "jobs"), [("import", 3), ("start", 1)])
def test_a_try_that_airflow_has_given_up_starts_nothing(fake_wisdom, made, knowledge_base, kind, jobs):
    """Its worker was frozen while it uploaded, and taken for dead; the next try imports the file."""
    with pytest.raises(WisdomError, match="Airflow no longer knows this try of the task"):
        run(made(kind), task_state_store=Forgotten())
    assert "StartImportJob" not in fake_wisdom.calls()
    assert run(made(kind), try_number=2, task_state_store=Store())["status"] == "COMPLETE"
    assert len(jobs_of(fake_wisdom, knowledge_base)) == jobs


def test_an_upload_that_is_given_starts_nothing_for_a_try_that_airflow_has_given_up(fake_wisdom, sending):
    with pytest.raises(TaskEndedError, match="Airflow no longer knows this try of the task"):
        run(sending("start of an upload"), task_state_store=Forgotten())
    assert sending.written() == []


def test_a_try_that_is_woken_while_the_next_one_imports_starts_no_second_job(
    fake_wisdom, made, knowledge_base, monkeypatch, virtual_time
):
    """It was frozen in its PUT, and the list lags behind."""
    fake_wisdom.lagging_list(seconds=100_000)
    put, uploads, store = requests.Session.request, [], Store()

    class OfFirstTry(Store):
        def set(self, key, value):
            (Forgotten() if len(uploads) > 1 else store).set(key, value)

    def frozen(session, *args, **kwargs):
        answer = put(session, *args, **kwargs)
        uploads.append(1)
        if len(uploads) == 1:
            assert run(made("start"), 2, task_state_store=store)["status"] == "COMPLETE"
        return answer

    monkeypatch.setattr(requests.Session, "request", frozen)
    with pytest.raises(TaskEndedError, match="Airflow no longer knows this try of the task"):
        run(made("start"), task_state_store=OfFirstTry())
    assert fake_wisdom.calls()["StartImportJob"] == 1


def test_a_start_task_that_is_given_up_while_its_job_is_started_names_the_job(fake_wisdom, made, capsys):
    class ForgottenLate(Store):
        def set(self, key, value):
            (Forgotten if isinstance(value, dict) and value["import_job_id"] else Store).set(self, key, value)

    with pytest.raises(TaskEndedError):
        run(made("start"), task_state_store=ForgottenLate())
    assert "goes on; another try of the task finds it" in capsys.readouterr().out


@pytest.mark.parametrize("dies_after", ["StartContentUpload", "StartImportJob"])
def test_a_start_task_finds_what_its_store_remembers_without_the_list(fake_wisdom, made, dies_after, virtual_time):
    store = Store()

    def die(**_):
        raise Killed

    fake_wisdom.lagging_list(seconds=100_000)
    with pytest.raises(Killed), listening(f"after-call.*.{dies_after}", die):
        run(made("start"), task_state_store=store)
    summaries = [run(made("start"), number, task_state_store=store) for number in (2, 3)]
    assert len({summary["importJobId"] for summary in summaries}) == 1
    starts = [each for each in fake_wisdom.history() if each["operation"] == "StartImportJob" and each["effect"]]
    assert len(starts) == 1


def test_a_retry_of_a_start_task_reads_no_list_where_a_store_remembers(fake_wisdom, made):
    store = Store()
    first, second = (run(made("start"), number, task_state_store=store)["importJobId"] for number in (1, 2))
    assert first == second
    assert "ListImportJobs" not in fake_wisdom.calls()


def test_a_first_try_that_runs_twice_says_that_its_job_was_found(fake_wisdom, made, caplog, virtual_time):
    job = run(made("start"))
    caplog.clear()
    with caplog.at_level("INFO"):
        run(made("start"))
    assert f"{job['importJobId']} was started by an earlier try, {job['createdTime']}" in caplog.text
    assert "is started" not in caplog.text


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["in time", "ended"])
def test_a_start_whose_answer_was_lost_is_asked_for_again(fake_wisdom, made, virtual_time, kind, how):
    """The list lags: only the upload that is remembered, and with it the token, leads to the job there may be."""
    fake_wisdom.lagging_list(seconds=100_000)
    store, first = Store(), made(kind, timeout=100)

    def lose(**_):
        if how == "ended":
            first.on_kill()
        raise EndpointConnectionError(endpoint_url="x")

    with listening("after-call.*.StartImportJob", lose), suppress(WisdomError):
        run(first, task_state_store=store)
    assert run(made(kind), 2, task_state_store=store)["status"] == "COMPLETE"
    starts = [call for call in fake_wisdom.history() if call["operation"] == "StartImportJob" and call["effect"]]
    assert len(starts) == (3 if kind == "import" else 1)


def test_a_task_that_is_ended_pushes_no_error(fake_wisdom, made):
    ti, task = FakeTaskInstance(), made("import")
    with after_call("StartContentUpload", 1, task.on_kill), pytest.raises(WisdomError):
        run(task, ti=ti)
    assert "wisdom_error" not in ti.xcoms
