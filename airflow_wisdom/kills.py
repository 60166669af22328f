"""Who ends a task that runs: a user, or Airflow itself. Only the former may mean that its jobs are to be deleted."""

from __future__ import annotations

from threading import Thread
from typing import Any

ANSWER_OF_AIRFLOW = 3.0
"""Seconds for which a task that is being killed asks Airflow who kills it; Airflow kills it hard after five."""

BY_USER = frozenset({"failed", "success", "skipped", "restarting"})
"""States of a task that still runs and that a user has marked or cleared.

It is Airflow itself that makes it ``up_for_retry``, ``scheduled`` or ``queued``, if it has not heard of the worker for
long.
"""


def is_ended_by_user(ti: Any) -> bool:
    """Return whether it is a user who ends a running task; otherwise it is the worker, a time-out, or Airflow itself.

    :param ti: The task instance, which Airflow is asked for the state of; without an answer, nobody is blamed.
    """
    answer: list[Any] = []

    def ask() -> None:
        where = {"task_ids": [ti.task_id], "run_ids": [ti.run_id], "map_index": ti.map_index}
        answer.append(ti.get_task_states(dag_id=ti.dag_id, **where))

    # The signal may have come while this very thread was talking to Airflow, which would then never answer.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_OF_AIRFLOW)
    states = {state for tasks in answer for states in tasks.values() for state in states.values()}
    return bool(states & BY_USER)
