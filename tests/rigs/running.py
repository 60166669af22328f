"""Run tasks as Airflow's worker and triggerer do, without their processes."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path

from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_wisdom.tasks import FinalError

try:
    from airflow.sdk.exceptions import AirflowRescheduleException, TaskDeferralError
except ImportError:  # Airflow before 3.2
    from airflow.exceptions import AirflowRescheduleException, TaskDeferralError

__all__ = ["AirflowRescheduleException", "TaskDeferralError"]

DAGS = Path(__file__).parents[1] / "dags"
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"

GOOD_CSV = b"Name,Content\nHello,Good morning!\nBye,Have a nice day!\n"
PARTLY_BAD_CSV = b"Name,Content\nHello,Good morning!\nHello,Good evening!\n"


class FakeTaskInstance:
    """As much of a task instance as this package uses."""

    dag_id, run_id, task_id, map_index = "dag", "run", "task", -1

    def __init__(self, try_number=1, max_tries=0, state="running"):
        self.try_number = try_number
        self.max_tries = max_tries
        self.xcoms = {}
        self.first_reschedule = None
        self.state = state

    def get_task_states(self, **_where):
        return {self.run_id: {self.task_id: self.state}}

    def xcom_push(self, key, value):
        self.xcoms[key] = json.loads(json.dumps(value, allow_nan=False))

    def get_first_reschedule_date(self, _context):
        return self.first_reschedule


@contextmanager
def as_raised():
    """Let an error of the package be what a test sees, also where Airflow is told to retry nothing."""
    try:
        yield
    except FinalError as final:
        raise final.__cause__ from None


def run(task, try_number=1, ti=None, **context):
    """Run a task to its end, through any rescheduling and deferral, and return what it pushes to XCom."""
    context = {"ti": ti or FakeTaskInstance(try_number), **context}
    while True:
        try:
            with as_raised():
                result = task.execute(context)
        except AirflowRescheduleException as again:
            # As if the time until then had passed.
            waited = again.reschedule_date - datetime.now(timezone.utc)
            context["ti"].first_reschedule = (context["ti"].first_reschedule or datetime.now(timezone.utc)) - waited
        except TaskDeferred as deferred:
            result = resume(task, deferred, context)
            break
        else:
            break
    return json.loads(json.dumps(result, allow_nan=False))


def resume(task, deferred, context):
    event = fire(deferred.trigger)
    kwargs = json.loads(json.dumps(deferred.kwargs or {}, allow_nan=False))
    with as_raised():
        return task.resume_execution(deferred.method_name, {**kwargs, "event": event}, context)


async def kill(trigger, state="failed"):
    """Tell a trigger that a user has ended its task, which has some state by then."""
    trigger.task_instance = FakeTaskInstance(state=state)
    await trigger.on_kill()


def fire(trigger):
    """Take a trigger through the database and return the payload of its event, as the database gives it back."""
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(kwargs, allow_nan=False)))

    async def first_event():
        return [event async for event in again.run()]

    (event,) = asyncio.run(first_event())
    return json.loads(json.dumps(event.payload, allow_nan=False))


def run_dag(name, monkeypatch, dag="dag", folder=DAGS):
    """Run a DAG of a module of `tests/dags`, or of another folder, to its end, by Airflow's runner and database."""
    bundle = {"name": "tests", "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(folder)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
    monkeypatch.syspath_prepend(str(folder))
    return getattr(import_module(name), dag).test()


def start_job(fake, knowledge_base, content=GOOD_CSV, **members):
    """Start an import job with the bare client and return its id."""
    import requests

    client = fake.client()
    upload = client.start_content_upload(knowledgeBaseId=knowledge_base, contentType="text/csv")
    requests.put(upload["url"], data=content, headers=upload["headersToInclude"], timeout=10).raise_for_status()
    job = client.start_import_job(
        knowledgeBaseId=knowledge_base, importJobType="QUICK_RESPONSES", uploadId=upload["uploadId"], **members
    )
    return job["importJob"]["importJobId"]
