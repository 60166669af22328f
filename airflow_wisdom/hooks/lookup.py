"""The look-up of an Airflow connection, which Airflow also says not to find while its database restarts."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_wisdom.exceptions import AirflowConnectionNotFoundError

if TYPE_CHECKING:
    from airflow.sdk import Connection

log = logging.getLogger(__name__)

CONNECTION_PAUSES = (2.0, 5.0, 10.0, 20.0, 25.0, 30.0)
"""Seconds before Airflow is asked again for a connection that it does not find."""

REMEMBERED = 300.0
"""Seconds for which a process that has waited for a connection in vain asks for it once, and does not wait again."""

_waited_in_vain: dict[str, float] = {}
"""Id of a connection -> POSIX time at which it was given up."""


def find_connection(conn_id: str, advice: str) -> Connection:
    """Return an Airflow connection.

    A task also hears that a connection does not exist while Airflow's database restarts: under Airflow's supervision
    this is final only if it stays so for a minute and a half.

    :param conn_id: Its id.
    :param advice: What to do if it does not exist, for the message.
    :raises AirflowConnectionNotFoundError: It does not exist.
    """
    if not conn_id:
        raise AirflowConnectionNotFoundError(f"The id of the Airflow connection is empty; {advice}", conn_id=conn_id)
    for pause in () if _is_known_to_be_missing(conn_id) or not _is_supervised() else CONNECTION_PAUSES:
        try:
            return BaseHook.get_connection(conn_id)
        except AirflowNotFoundException:
            log.warning("Airflow does not find its connection %r; asking again in %.0f s", conn_id, pause)
        time.sleep(pause)
    try:
        found = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as exc:
        _waited_in_vain.setdefault(conn_id, time.time())
        raise AirflowConnectionNotFoundError(
            f"The Airflow connection {conn_id!r} does not exist; {advice}", conn_id=conn_id
        ) from exc
    _waited_in_vain.pop(conn_id, None)
    return found


def _is_known_to_be_missing(conn_id: str) -> bool:
    since = _waited_in_vain.get(conn_id)
    if since is None or time.time() - since <= REMEMBERED:
        return since is not None
    # Another thread may have done it.
    _waited_in_vain.pop(conn_id, None)
    return False


def _is_supervised() -> bool:
    """Return whether Airflow's supervisor is asked for connections, as in a worker and in the triggerer."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(runner, "SUPERVISOR_COMMS", None) is not None
