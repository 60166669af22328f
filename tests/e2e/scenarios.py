"""Every way of waiting, failing, timing out, killing and restarting, each in a small DAG of its own."""

from __future__ import annotations

import os
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from load import check, free_of_errors, say, start_job, unblocked, without_secrets
from rigs.stack import until

IN_PROGRESS = 24 * 3600
RUNS = 6


class Run:
    """A run of a scenario's DAG, with an import job of its own.

    :param start: Whether an import job is started for it; else the DAG does so.
    """

    def __init__(self, airflow, fake, base: str, dag_id: str, *, start: bool = True) -> None:
        self.airflow, self.fake, self.dag_id = airflow, fake, dag_id
        self.job = start_job(fake, base) if start else None
        self.began = time.time()
        self.run_id = airflow.trigger(dag_id, {"knowledge_base": base, "job": self.job})

    def ti(self, column: str, task_id: str = "wait"):
        rows = self.airflow.query(
            f"select {column} from task_instance where dag_id = %s and run_id = %s and task_id = %s",
            self.dag_id,
            self.run_id,
            task_id,
        )
        return rows[0][0] if rows else None

    def until(self, *states: str, seconds: float = 120, task_id: str = "wait") -> str:
        what = f"{self.dag_id}.{task_id} to be {' or '.join(states)}"
        try:
            return until(lambda: (state := self.ti("state", task_id)) in states and state, seconds, what)
        except TimeoutError as exc:
            raise TimeoutError(f"{exc}: it is {self.ti('state', task_id)}") from None

    def xcom(self, task_id: str = "wait", key: str = "return_value"):
        rows = self.airflow.query(
            "select value from xcom where dag_id = %s and run_id = %s and task_id = %s and key = %s",
            self.dag_id,
            self.run_id,
            task_id,
            key,
        )
        return rows[0][0] if rows else None

    def complete(self) -> float:
        """Complete the job and return when that was."""
        self.fake.set_status(self.started_job(), "COMPLETE")
        return time.time()

    def started_job(self) -> str:
        """Return the id of the import job, which the DAG may still have to start."""
        either = lambda: self.xcom("start", "import_job_id") or self.xcom("wait", "import_job_id")  # noqa: E731
        return self.job or until(either, 60, "the job's id")

    def log(self, task_id: str = "wait") -> str:
        """Return what a worker logged for a task; nothing if none ran."""
        return self._logs(task_id, ".log")

    def _logs(self, task_id: str, ending: str) -> str:
        folder = self.airflow.home / "logs" / f"dag_id={self.dag_id}" / f"run_id={self.run_id}" / f"task_id={task_id}"
        return "".join(path.read_text() for path in sorted(folder.glob(f"attempt=*{ending}")))

    def ran_in_worker(self) -> bool:
        """Only a worker reports the process that it is and the host."""
        return bool(self.ti("pid"))


def run_scenarios(airflow, fake, only: str | None) -> bool:
    """Run every scenario, or one by its name, and return whether all is as it should be."""
    fake.import_jobs(after_seconds=IN_PROGRESS)
    base = fake.create_knowledge_base("scenarios")
    make = partial(Run, airflow, fake, base)
    chosen = [(name, scenario) for name, scenario in SCENARIOS.items() if only in (None, name)]
    with ThreadPoolExecutor(4) as pool:
        together = [pool.submit(_guarded, name, scenario, make) for name, scenario in chosen]
    good = [each.result() for each in together]
    for name, scenario in ALONE.items():
        if only in (None, name):
            good.append(_guarded(name, scenario, make))
    # Workers are meant to log errors here.
    last = [*unblocked(airflow), *free_of_errors([airflow.home / "triggerer.log"]), *without_secrets(airflow)]
    return all([*good, *last])


def _guarded(name, scenario, make) -> bool:
    try:
        return all(scenario(make, name))
    except Exception as exc:  # noqa: BLE001 - the others are of interest all the same
        return check(f"{name}: {exc!r}", holds=False)


def _succeeds(dag_id, make, name, *, worker=True, pull=False):
    run = make(dag_id, start=not pull)
    run.until("deferred")
    run.complete()
    run.until("success")
    run.until("success", task_id="read")
    metadata = run.xcom()
    yield check(f"{name}: XCom has the complete job", isinstance(metadata, dict) and metadata["status"] == "COMPLETE")
    yield check(f"{name}: a later task reads it", run.xcom("read") == metadata["importJobId"])
    yield check(f"{name}: {'a' if worker else 'no'} worker ran", run.ran_in_worker() is worker, str(run.ti("pid")))


def _fails(dag_id, make, name):
    run = make(dag_id)
    run.until("deferred")
    run.fake.set_status(run.job, "FAILED")
    ended = time.time()
    run.until("failed")
    log = run.log()
    said = "ImportJobFailedError" in log and run.job in log
    yield check(f"{name}: a worker says what failed, after {time.time() - ended:.1f} s", said, *tail(log, said))


def _times_out(dag_id, state, make, name):
    run = make(dag_id)
    run.until("deferred")
    run.until("failed", "skipped", seconds=90)
    took = run.ti("end_date").timestamp() - run.ti("start_date").timestamp()
    yield check(f"{name}: {run.ti('state')} {took:.1f} s after the task's start", run.ti("state") == state)
    log = run.log()
    said = run.job in log and "START_IN_PROGRESS" in log
    yield check(f"{name}: the log says what was waited for", said, *tail(log, said))


def _no_connection(dag_id, make, name):
    run = make(dag_id)
    run.until("failed")
    log = run.log()
    said = "no_such_connection" in log and "does not exist" in log
    took = time.time() - run.began
    yield check(
        f"{name}: a clear error, {took:.1f} s after the run was asked for", said and took < 60, *tail(log, said)
    )


def _killed_by_user(dag_id, make, name):
    run = make(dag_id, start=False)
    job = run.started_job()
    run.until("deferred", "running")
    time.sleep(3)
    before = run.fake.calls().get("DeleteImportJob", 0)
    began = time.time()
    run.airflow.set_state(dag_id, run.run_id, "wait", "failed")
    until(lambda: run.fake.calls().get("DeleteImportJob", 0) > before, 60, "DeleteImportJob to be called")
    yield check(f"{name}: DeleteImportJob of {job} after {time.time() - began:.1f} s", holds=True)


def _worker_is_killed(make, name):
    before = make.args[1].calls().get("StartImportJob", 0)
    run = make("killed_worker", start=False)
    job = run.started_job()
    time.sleep(2)
    os.kill(run.ti("pid"), signal.SIGKILL)
    until(lambda: run.ti("try_number") == 2 and run.ti("state") == "running", 120, "the second try")
    until(lambda: "was started by an earlier try" in run.log(), 60, "the second try to find the job")
    run.complete()
    run.until("success")
    started = run.fake.calls()["StartImportJob"] - before
    yield check(f"{name}: StartImportJob was called {started} time(s)", started == 1)
    yield check(f"{name}: the second try returns the same job", run.xcom()["importJobId"] == job)


def _triggerer_is_restarted(make, name):
    """The deferred tasks go on waiting, until the deadline that they had."""
    fake = make.args[1]
    runs = [make("deadline_deferred"), make("deadline_started")]
    lucky, kept = make("deferred"), make("killed_deferred", start=False)
    for run in (*runs, lucky, kept):
        run.until("deferred")
    time.sleep(5)
    before = fake.calls().get("DeleteImportJob", 0)
    began = time.time()
    make.args[0].restart_triggerer()
    say(f"{name}: ending the old triggerer took {time.time() - began:.1f} s")
    lucky.complete()
    lucky.until("success", seconds=180)
    yield check(f"{name}: a job's end is noticed {time.time() - began:.1f} s after the SIGTERM", holds=True)
    for run in runs:
        run.until("failed", seconds=180)
        took = run.ti("end_date").timestamp() - run.ti("start_date").timestamp()
        yield check(f"{name}: {run.dag_id} times out {took:.1f} s after its start", 75 <= took < 100)
    yield check(f"{name}: no DeleteImportJob", fake.calls().get("DeleteImportJob", 0) == before)
    kept.complete()
    kept.until("success")


def _latency(make, name):
    for dag_id in ("deferred", "started", "ended"):
        delays = []
        for _ in range(RUNS):
            run = make(dag_id)
            run.until("deferred")
            time.sleep(2)
            ended = run.complete()
            run.until("success")
            delays.append(run.ti("end_date").timestamp() - ended)
        shown = f"{min(delays):.2f} to {max(delays):.2f}"
        say(f"{name}: {dag_id}: job's end -> task's end, median {statistics.median(delays):.2f} s ({shown})")
    yield True


def tail(log: str, fine: bool) -> list[str]:
    return [] if fine else [line[:400] for line in log.splitlines()[-12:]] or ["(no log)"]


SCENARIOS = {
    "deferred": partial(_succeeds, "deferred"),
    "start from trigger": partial(_succeeds, "started"),
    "start and end from trigger": partial(_succeeds, "ended", worker=False),
    "start from trigger, template pulls XCom": partial(_succeeds, "pull_started", pull=True),
    "start and end from trigger, template pulls XCom": partial(_succeeds, "pull_ended", pull=True, worker=False),
    "failed job, deferred": partial(_fails, "deferred"),
    "failed job, end from trigger": partial(_fails, "ended"),
    "time-out, deferred": partial(_times_out, "timeout_deferred", "failed"),
    "time-out, deferred, soft": partial(_times_out, "timeout_deferred_soft", "skipped"),
    "time-out, start from trigger": partial(_times_out, "timeout_started", "failed"),
    "time-out, start from trigger, soft": partial(_times_out, "timeout_started_soft", "skipped"),
    "time-out, end from trigger, soft": partial(_times_out, "timeout_ended_soft", "skipped"),
    "no connection, start from trigger": partial(_no_connection, "no_connection_started"),
    "no connection, deferred": partial(_no_connection, "no_connection_deferred"),
}
"""They run together."""

ALONE = {
    "marked failed while deferred": partial(_killed_by_user, "killed_deferred"),
    "marked failed while in a worker": partial(_killed_by_user, "killed_by_user"),
    "worker killed": _worker_is_killed,
    "triggerer restarted": _triggerer_is_restarted,
    "latency": _latency,
}
"""They count calls, or measure, and want no neighbours."""
