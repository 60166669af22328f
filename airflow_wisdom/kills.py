"""Who ends a task: a user, or Airflow itself. Only the former may mean that its jobs are to be deleted."""

from __future__ import annotations

import asyncio
from threading import Thread
from typing import Any

ANSWER_OF_AIRFLOW = 3.0
"""Seconds for which a task that is being killed asks Airflow who kills it; Airflow kills it hard after five."""

ANSWER_IN_TRIGGERER = 10.0
"""Seconds for which a trigger asks Airflow for the state of its task; Airflow gives it 30 to react."""

BY_USER = frozenset({"failed", "success", "skipped", "restarting"})
"""States that mean that a user has marked a task, or cleared it while a worker had it.

It is Airflow itself that makes it ``up_for_retry``, and then ``scheduled``, ``queued`` and ``running``: after an error,
or if it has not heard of the worker for long. A deferred task that a user clears goes through the same states, but for
the first, and Airflow does not say which of the two it was: numbers and ids of tries are not in its answer.
"""

DEFERRED = "deferred"
"""State of a task that a trigger waits for."""


def is_ended_by_user(ti: Any) -> bool:
    """Return whether it is a user who ends a running task; otherwise it is the worker, a time-out, or Airflow itself.

    :param ti: The task instance, which Airflow is asked for the state of; without an answer, nobody is blamed.
    """
    answer: list[set[Any]] = []
    # The signal may have come while this very thread was talking to Airflow, which would then never answer.
    thread = Thread(target=lambda: answer.append(_states(ti)), daemon=True)
    thread.start()
    thread.join(ANSWER_OF_AIRFLOW)
    return bool(answer and answer[0] & BY_USER)


async def states_of(ti: Any) -> set[Any]:
    """Return the state of a task whose trigger was told that a user has ended it, as a set; empty if not known.

    A triggerer that was paused for longer than its heartbeat is told so of all triggers that another one runs by now,
    or has run to their end.

    :param ti: The task instance as the triggerer knows it.
    """
    from asgiref.sync import sync_to_async

    try:
        return await asyncio.wait_for(sync_to_async(_states)(ti), ANSWER_IN_TRIGGERER)
    except Exception:  # noqa: BLE001 - whatever stands in the way, Airflow has not answered
        return set()


def _states(ti: Any) -> set[Any]:
    """Ask Airflow for the state of a task; empty if it does not know the task."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    # The triggerer's own kind of task instance has no methods.
    ask = getattr(ti, "get_task_states", RuntimeTaskInstance.get_task_states)
    answer = ask(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index)
    return {state for tasks in answer.values() for state in tasks.values()}
