"""Event-driven scheduling: jobs that end at AWS, over restarts of the triggerer, and imports of other DAGs."""

from __future__ import annotations

import time

from load import check, free_of_errors, say, start_job, without_secrets
from rigs.stack import until

from airflow_wisdom.assets import imports_of

QUIET = 20.0
"""Seconds in which an ending that is told twice would have turned up."""


class Events:
    """What Airflow has registered, and what ran because of it."""

    def __init__(self, airflow) -> None:
        self._query = airflow.query

    def of(self, knowledge_base: str) -> list[dict]:
        """Return the extras of the events of a knowledge base."""
        rows = self._query(
            "select e.extra from asset_event e join asset a on a.id = e.asset_id where a.uri like %s order by e.id",
            f"%{knowledge_base}",
        )
        return [extra for (extra,) in rows]

    def told(self, knowledge_base: str) -> list[str]:
        return [job["importJobId"] for extra in self.of(knowledge_base) for job in imports_of(extra)]

    def read_by(self, dag_id: str) -> list:
        """Return what the runs of a DAG have read of the events."""
        rows = self._query("select value from xcom where dag_id = %s and key = 'return_value'", dag_id)
        return [extra for (extras,) in rows for extra in extras]


def run_events(airflow, fake) -> bool:
    good = [*_endings(airflow, fake), *_imports(airflow, fake)]
    good += [*free_of_errors([airflow.home / "triggerer.log"]), *without_secrets(airflow)]
    return all(good)


def _endings(airflow, fake):
    events, base = Events(airflow), airflow.variables["E2E_WATCHED"]
    fake.import_jobs(after_seconds=24 * 3600)
    history = start_job(fake, base)
    fake.set_status(history, "COMPLETE")
    running = start_job(fake, base)
    airflow.unpause("on_ending")
    until(lambda: airflow.query("select 1 from asset_state_store"), 60, "the first look to be remembered")
    fake.set_status(running, "COMPLETE")
    ended = time.monotonic()
    until(lambda: events.told(base), 60, "the event")
    say(f"events: an ending is an event after {time.monotonic() - ended:.1f} s")
    until(lambda: events.read_by("on_ending"), 60, "the DAG that is scheduled on it")
    say(f"events: ... and read by a DAG after {time.monotonic() - ended:.1f} s")
    (read,) = [job for extra in events.read_by("on_ending") for job in imports_of(extra)]
    yield check("events: the DAG reads which job ended how", read["status"] == "COMPLETE")
    time.sleep(QUIET)
    failed = start_job(fake, base)
    airflow.restart_triggerer(meanwhile=lambda: fake.set_status(failed, "FAILED"))
    until(lambda: failed in events.told(base), 120, "the event of a job that ended while no triggerer ran")
    time.sleep(QUIET)
    airflow.restart_triggerer()
    time.sleep(2 * QUIET)
    yield check("events: each ending once, over two restarts", events.told(base) == [running, failed])


def _imports(airflow, fake):
    events, base = Events(airflow), airflow.variables["E2E_LOADED"]
    fake.import_jobs(after_seconds=3)
    airflow.unpause("on_asset")
    airflow.unpause("on_alias")

    def ends(state):
        run = airflow.trigger("import")
        rows = "select 1 from dag_run where dag_id = 'import' and run_id = %s and state = %s"
        until(lambda: airflow.query(rows, run, state), 120, f"the import to be {state}")

    ends("success")
    for reader in ("on_asset", "on_alias"):
        until(lambda reader=reader: events.read_by(reader), 120, f"{reader}, which is scheduled on the import")
        # Airflow shows the event of an alias twice: under the alias, and under the asset.
        jobs = {job["importJobId"]: job["status"] for extra in events.read_by(reader) for job in imports_of(extra)}
        yield check(f"events: {reader} reads what was imported", list(jobs.values()) == ["COMPLETE"], str(jobs))
    before = events.of(base)
    # All names are taken now.
    ends("failed")
    yield check("events: a failed import is none", events.of(base) == before, str(before))
