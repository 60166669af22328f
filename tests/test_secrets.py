"""No presigned URL outside of memory: a whole Airflow is searched, whatever has become of the tasks."""

from __future__ import annotations

import base64
import os
import pickle
import signal
import sqlite3
import zlib
from contextlib import closing
from types import SimpleNamespace

import pytest
from cryptography.fernet import Fernet
from rigs.servers import Sqlite
from rigs.whole import FOR_AN_HOUR, Run, Search, Service

pytestmark = pytest.mark.timeout(900)

MARK = "LEAKCANARY"
PRESIGNED = (MARK, "X-Amz-Signature", "X-Amz-Credential")
LOGIN, PASSWORD = "AKIALOGINCANARY", "PASSWORDCANARY"
ROWS_REFUSED, HELD = ("refused", "refused_deferred"), ("deferred", "start", "worker_killed")
TASKS = ("in_worker", "deferred", *ROWS_REFUSED, "job_failed", "upload_failed", "worker_killed", "from_sql", "start")
ENDS = {
    **dict.fromkeys((*TASKS, "sense"), "success"),
    "refused_deferred": "failed",
    "job_failed": "failed",
}


@pytest.fixture(scope="module")
def services(whole_airflow):
    """For each task the part of the service that it needs, with a mark in every presigned URL."""
    services = {name: Service(whole_airflow) for name in TASKS}
    for service in services.values():
        service.fake.mark_signatures(MARK)
    for name in HELD:
        services[name].fake.import_jobs(after_seconds=FOR_AN_HOUR)
    for name in ROWS_REFUSED:
        services[name].fake.routing_profiles(["Billing"])
    services["job_failed"].fake.import_jobs(after_calls=2, status="FAILED")
    services["upload_failed"].fake.fault("PutObject", "AccessDenied", http_status=403)
    return services


@pytest.fixture(scope="module")
def conf(services, tmp_path_factory):
    source = tmp_path_factory.mktemp("source") / "answers.csv"
    source.write_text("Name,Content\nHello,Good morning!\n")
    return {name: {**service.conf, "source": str(source)} for name, service in services.items()}


@pytest.fixture(scope="module")
def connections(whole_airflow, tmp_path_factory):
    database = tmp_path_factory.mktemp("database") / "answers.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE answers (Name TEXT, Content TEXT)")
        connection.execute("INSERT INTO answers VALUES ('Hello', 'Good morning!')")
    no_keys = {"login": None, "password": None}
    whole_airflow.add_connection({"connection_id": "answers", "conn_type": "sqlite", "host": str(database), **no_keys})
    whole_airflow.add_connection(
        {
            "connection_id": "aws_of_secrets",
            "conn_type": "aws",
            "login": LOGIN,
            "password": PASSWORD,
            "extra": f'{{"endpoint_url": "{whole_airflow.endpoint}"}}',
        }
    )


@pytest.fixture(scope="module")
def over(whole_airflow, services, conf, connections):
    """What there is to see after every task has ended: the run, and the triggers that there were meanwhile."""
    run = Run(whole_airflow, "secrets", conf)
    services["worker_killed"].until_waited_for()
    os.kill(run.ti("pid", "worker_killed"), signal.SIGKILL)
    for name in ("deferred", "start"):
        run.until("deferred", task_id=name)
        services[name].until_waited_for()
    triggers = Search(whole_airflow).triggers()
    for name in HELD:
        services[name].complete()
    run.until_over()
    return SimpleNamespace(run=run, triggers=triggers)


@pytest.mark.parametrize("task_id", ENDS)
def test_every_task_has_ended_as_it_should(over, task_id):
    """Else there would be nothing to search."""
    assert over.run.states()[task_id] == ENDS[task_id]


def test_the_secrets_went_by_where_they_are_searched_for(over, services):
    """The logs are those of level DEBUG, in which the libraries themselves show what they send and get."""
    for task_id, operation in {"in_worker": "PUT", "upload_failed": "PUT", "refused": "GET"}.items():
        assert f"{operation} /wisdom_{services[task_id].fake.region_name}" in over.run.log(task_id)
        assert "?<redacted> HTTP/1.1" in over.run.log(task_id)
    assert "?<redacted>" in over.run.log("deferred", "*.trigger.*")
    assert [over.run.ti("try_number", task_id) for task_id in ("upload_failed", "worker_killed")] == [2, 2]
    assert "UploadError" in over.run.log("upload_failed")


def test_no_presigned_url_is_anywhere(whole_airflow, over):
    """Logs of every process, XComs, rendered templates, exceptions, and the rest of the database."""
    assert Search(whole_airflow).find(*PRESIGNED) == set()
    assert not any(secret in text for text in _shown(whole_airflow, over.run) for secret in PRESIGNED)


def test_triggers_hold_the_name_of_a_connection_and_no_credentials(whole_airflow, over):
    assert len(over.triggers) >= 2
    for kwargs in over.triggers:
        assert "aws_of_secrets" in kwargs
        assert not any(secret in kwargs for secret in (LOGIN, PASSWORD, "endpoint_url", *PRESIGNED))
    # The connection itself is where the password belongs.
    assert Search(whole_airflow).find(PASSWORD) == {"connection.password"}


def test_what_leaks_is_found(whole_airflow, over, services, conf):
    """One task pushes a URL because it was asked to, another logs it: the search is not blind."""
    (job,) = services["start"].jobs()
    conf["start"]["job"] = job
    run = Run(whole_airflow, "leak", conf)
    assert run.until_over() == "success"
    found = Search(whole_airflow).find(MARK)
    assert "xcom.value" in found
    assert any("task_id=tell" in where for where in found)
    assert any(MARK in text for text in _shown(whole_airflow, run))


def test_nothing_that_airflow_stores_hides_from_the_search(tmp_path):
    """Encrypted, compressed, pickled, encoded, or all of that."""
    database = Sqlite(tmp_path)
    key = Fernet.generate_key()
    hidden = {
        "plain": MARK,
        "encrypted": Fernet(key).encrypt(MARK.encode()).decode(),
        "compressed": zlib.compress(MARK.encode()),
        "pickled": pickle.dumps({"url": MARK}),
        "all": Fernet(key).encrypt(base64.b64encode(zlib.compress(pickle.dumps([MARK])))),
    }
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("CREATE TABLE things (plain, encrypted, compressed, pickled, 'all', innocent)")
        connection.execute("INSERT INTO things VALUES (?, ?, ?, ?, ?, ?)", [*hidden.values(), "success"])
    airflow = SimpleNamespace(home=tmp_path, database=database, fernet_key=key)
    assert Search(airflow).find_in_database(MARK) == {f"things.{column}" for column in hidden}


def _shown(airflow, run):
    """Yield what the REST API shows of a run: its task instances with their rendered fields, and its XComs."""
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
    yield airflow.get(path)
    for task_id, key in airflow.query("select task_id, key from xcom where dag_id = %s", run.dag_id):
        yield airflow.get(f"{path}/{task_id}/xcomEntries/{key}")
