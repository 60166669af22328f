"""Imports of quick responses as a task does them: rows, what the service made of them, a store, deaths and kills."""

from __future__ import annotations

import json
import time

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.network import after_call, killed
from rigs.running import FakeTaskInstance, as_raised, resume

from airflow_wisdom.exceptions import ImportIncompleteError
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

ROWS = [{"Name": f"Answer {n}", "Content": f"Text {n}"} for n in range(1, 251)]

INVALID = [
    {"Name": "", "Content": "no name"},
    {"Name": "twice", "Content": "x"},
    {"Name": "twice", "Content": "y"},
    {"Name": "short", "Content": "z", "Shortcut key": "k" * 11},
]
"""Three of them are: of two rows of one name, the second."""


def importing(knowledge_base, source=ROWS, **kwargs):
    kwargs = {"poll_interval": 0.01, **kwargs}
    return WisdomImportQuickResponsesOperator(
        task_id="import", knowledge_base_id=knowledge_base, source=source, **kwargs
    )


def responses(fake, knowledge_base):
    """The names of all quick responses."""
    return [response["name"] for response in fake.quick_responses(knowledge_base)]


def jobs_of(fake, knowledge_base):
    """The import jobs, oldest first."""
    return list(fake.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"])


def ids_of(summary):
    """The ids of the import jobs that a summary or an event tells of."""
    return [job["importJobId"] for job in summary.get("importJobs") or summary["jobs"]]


class Store:
    """As much of Airflow's task state store as this package uses."""

    def __init__(self):
        self.stored = {}

    def get(self, key, default=None):
        return json.loads(self.stored[key]) if key in self.stored else default

    def set(self, key, value):
        self.stored[key] = json.dumps(value, allow_nan=False)

    def delete(self, key):
        self.stored.pop(key, None)


def run_with_store(task, store, try_number=1, killed_after=None):
    """Run a try of a task; with `killed_after`, it dies after so many jobs were started."""
    context = {"ti": FakeTaskInstance(try_number)}
    if store:
        context["task_state_store"] = store
    if killed_after is not None:
        with killed(killed_after):
            return task.execute(context)
    try:
        with as_raised():
            return task.execute(context)
    except TaskDeferred as deferred:
        return resume(task, deferred, context)


def deferral_of(task):
    """Run a task up to its deferral, and return the trigger that it leaves behind."""
    with pytest.raises(TaskDeferred) as raised:
        task.execute({"ti": FakeTaskInstance()})
    return raised.value.trigger


def killed_while_it_waits(task, state, kill):
    """Run the task in this process and end it once two of its three jobs run; return what Airflow was asked."""
    asked = []

    class TaskInstance(FakeTaskInstance):
        def get_task_states(self, **where):
            asked.append(where)
            return {self.run_id: {self.task_id: state}}

    with after_call("StartImportJob", 2, lambda: kill(task)), pytest.raises(ImportIncompleteError):
        task.execute({"ti": TaskInstance()})
    return asked


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
