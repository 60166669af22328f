"""The faults, each as data: what the service does before the run begins, what happens to it, how it has to end."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from rigs.processes import until
from trial import EVER, FILES, PATIENCE, Trial

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEAD = 40
"""Seconds after which Airflow takes a process for dead that it hears nothing of, as `run.py` configures it."""
MOMENTS = 3.0
"""Seconds, of which a random part is waited for before something is killed."""


@dataclass
class Round:
    """Some runs that a fault happens to at the same time.

    :param airflow: The Airflow.
    :param trials: The runs.
    :param random: What is left to chance.
    """

    airflow: object
    trials: list[Trial]
    random: Random

    def all_are(self, entered: Callable[[Trial], object]) -> None:
        """Wait until all are where the fault is to find them, and for a random moment."""
        # Each is asked every time: some windows are opened by that.
        what = f"{', '.join(trial.name for trial in self.trials)} to be where the fault is to find them"
        until(lambda: sum(bool(entered(trial)) for trial in self.trials) == len(self.trials), PATIENCE, what, 0.5)
        time.sleep(self.random.uniform(0, MOMENTS))

    def is_in(self, trial: Trial, entered: Callable[[Trial], object]) -> None:
        until(lambda: entered(trial), PATIENCE, f"{trial.name} to be where the fault is to find it", 0.5)

    def components(self, what: str) -> list:
        names = [name for name in self.airflow.components if name.startswith(what)]
        self.random.shuffle(names)
        return [self.airflow.components[name] for name in names]


@dataclass(frozen=True)
class Window:
    """A part of a run that lasts until it is taken back, so that a fault surely falls into it.

    :param prepare: Lets it last; called before the run begins.
    :param entered: Whether the run is in it.
    """

    prepare: Callable[[Trial], None]
    entered: Callable[[Trial], object]


def _waits(trial: Trial) -> None:
    trial.fake.import_jobs(after_seconds=24 * 3600)


def _is_waited_for(trial: Trial) -> bool:
    """Return whether all jobs have been started, and looked at."""
    looks = trial.calls("GetImportJob", "ListImportJobs")
    return trial.effects("StartImportJob") >= FILES * len(trial.loads) and looks > 0


def _reads(trial: Trial) -> bool:
    if not _is_waited_for(trial):
        return False
    if not trial.is_slow:
        trial.complete()
        trial.fake.latency(10)
        trial.is_slow = True
    return trial.calls("GetObject") > 0


WINDOWS = {
    "during the upload": Window(
        # Airflow kills a task hard five seconds after it has asked it to end: what is answered meanwhile matters.
        lambda trial: trial.fake.latency(4),
        lambda trial: trial.calls("PutObject") >= FILES,
    ),
    "between upload and start": Window(
        lambda trial: trial.fake.fault("StartImportJob", http_status=500, times=EVER),
        lambda trial: trial.calls("StartImportJob"),
    ),
    "between start and remembering": Window(
        lambda trial: trial.fake.fault("StartImportJob", lost=True, after_effect=True, times=EVER),
        lambda trial: trial.effects("StartImportJob"),
    ),
    "while it waits": Window(_waits, _is_waited_for),
    "while it reads reports": Window(_waits, _reads),
    "in the middle of a sync's apply": Window(
        lambda trial: trial.fake.fault("CreateQuickResponse", http_status=500, after=5, times=EVER),
        lambda trial: trial.effects("CreateQuickResponse") >= 5,
    ),
}
WHILE_IT_WAITS = WINDOWS["while it waits"]


@dataclass(frozen=True)
class Scenario:
    """A fault, and what has to become of the runs that it happens to.

    :param strike: What happens, once the runs have begun.
    :param dag: The DAG that is run.
    :param prepare: What the service does from the beginning.
    :param runs: How many runs it happens to at once.
    :param rounds: How often that is done.
    :param loads: How many files, and so tasks, each run has.
    :param ends: The state that the runs have to end in, ``either`` where both are right.
    :param jobs_of_a_file: How many import jobs each file may have.
    :param alone: Whether it happens to Airflow, so that nothing else may run meanwhile.
    :param short: Whether it belongs to the short selection.
    :param connect: Makes an Airflow connection of each run's own.
    :param late: Whether it is the service whose clock is off.
    :param known: Why it fails today; empty where it does not.
    """

    strike: Callable[[Round], None]
    dag: str = "import_waiting"
    prepare: Callable[[Trial], object] = lambda _trial: None
    runs: int = 3
    rounds: int = 1
    loads: int = 1
    ends: str = "success"
    jobs_of_a_file: int = 1
    alone: bool = False
    short: bool = False
    connect: Callable[..., None] | None = None
    late: bool = False
    known: str = ""


def nothing(_round: Round) -> None:
    """What was prepared is the fault."""


# What happens to Airflow


def _kill(what: str, window: Window, round_: Round) -> None:
    round_.all_are(window.entered)
    for component in round_.components(what):
        component.kill()
    time.sleep(round_.random.uniform(0, MOMENTS))
    for trial in round_.trials:
        trial.complete()


def _kill_the_only_triggerer(round_: Round) -> None:
    first, second = round_.components("triggerer")
    second.stop()
    try:
        _kill(first.name, WHILE_IT_WAITS, round_)
        for trial in round_.trials:
            trial.end()
    finally:
        second.start()


def _kill_one_triggerer(round_: Round) -> None:
    _kill(round_.components("triggerer")[0].name, WHILE_IT_WAITS, round_)


def _pause_a_triggerer(round_: Round) -> None:
    """Let another one take over what the first one has, and the first one wake."""
    first, second = round_.components("triggerer")
    second.stop()
    try:
        round_.all_are(_is_waited_for)
    finally:
        second.start()
    first.pause()
    try:
        time.sleep(2 * DEAD)
    finally:
        first.resume()
    time.sleep(DEAD / 2)
    for trial in round_.trials:
        trial.complete()


def _restart_postgres(round_: Round) -> None:
    """Let it be away for a while: a supervisor starts again what ends meanwhile, again and again."""
    round_.all_are(_is_waited_for)
    server = round_.airflow.database.server
    server.stop()
    try:
        time.sleep(round_.random.uniform(2, 10))
    finally:
        server.start()
    round_.airflow.database.until_it_answers()
    for trial in round_.trials:
        trial.complete()


def _stop_redis(round_: Round) -> None:
    round_.all_are(_is_waited_for)
    round_.airflow.broker.server.stop()
    try:
        time.sleep(20)
    finally:
        round_.airflow.broker.server.start()
    for trial in round_.trials:
        trial.complete()


# What happens to the service


def _for(seconds: float, round_: Round) -> None:
    """Let what was prepared last, and take it back."""
    round_.all_are(lambda trial: sum(trial.fake.calls().values()) > 1 + 3 * len(trial.loads))
    time.sleep(seconds)
    for trial in round_.trials:
        trial.calm()


def _is_down(trial: Trial) -> None:
    trial.fake.fault("*", lost=True, times=EVER)


def _down_for_a_minute(round_: Round) -> None:
    round_.all_are(_is_waited_for)
    for trial in round_.trials:
        _is_down(trial)
    time.sleep(60)
    for trial in round_.trials:
        trial.fake.clear_faults()
        trial.complete()


def _flaky(trial: Trial) -> None:
    """Let three of ten answers be a 5xx or none, half of them after their effect."""
    chance = Random(trial.name)
    for call in range(200):
        if chance.random() < 0.3:
            how = {"lost": True} if chance.random() < 0.5 else {"http_status": 503}
            trial.fake.fault("*", after=call, after_effect=chance.random() < 0.5, **how)


def _loses(operations: list[str], trial: Trial) -> None:
    """Close connections instead of answering, more often than boto3 itself asks again."""
    for operation in operations:
        trial.fake.fault(operation, lost=True, after_effect=True, times=8)


def _cuts_uploads(trial: Trial) -> None:
    trial.fake.fault("PutObject", lost=True, times=2)


def _refuses_starts(trial: Trial) -> None:
    """Answer more 5xx than boto3 itself asks again, so that only patience helps."""
    trial.fake.fault("StartImportJob", http_status=500, times=12)


def _leads_nowhere(trial: Trial) -> None:
    trial.fake.upload_target(f"http://127.0.0.1:1/nowhere?X-Amz-Signature={trial.mark}")


def _correct_uploads(round_: Round) -> None:
    """Let uploads go somewhere again, once each run has tried."""
    round_.all_are(lambda trial: trial.calls("StartContentUpload"))
    for trial in round_.trials:
        trial.fake.upload_target(None)


def _hangs(trial: Trial) -> None:
    trial.fake.latency(12)


def _expires(trial: Trial) -> None:
    for operation in ("StartImportJob", "GetImportJob"):
        trial.fake.fault(operation, "ExpiredTokenException", http_status=403, times=2)


def _delete_jobs(round_: Round) -> None:
    round_.all_are(_is_waited_for)
    for trial in round_.trials:
        for job in trial.jobs():
            which = {name: job[name] for name in ("knowledgeBaseId", "importJobId")}
            trial.fake.import_jobs()
            trial.fake.set_status(job["importJobId"], "FAILED")
            trial.fake.client().delete_import_job(**which)
            trial.deleted += 1


# What happens to the connection


def own_connection(airflow, trial: Trial, **extra: object) -> None:
    trial.connection = trial.name
    airflow.add_service(trial.connection, trial.fake.endpoint_url, **extra)


def impatient_connection(airflow, trial: Trial) -> None:
    how = {"read_timeout": 5, "connect_timeout": 5, "retries": {"mode": "standard", "total_max_attempts": 2}}
    own_connection(airflow, trial, config_kwargs=how)


def _delete_connection(round_: Round) -> None:
    """Take it away while the run waits, and, once the run has failed, let somebody restore it and clear the task."""
    round_.all_are(_is_waited_for)
    for trial in round_.trials:
        round_.airflow.delete(f"/connections/{trial.connection}")
    for trial in round_.trials:
        trial.complete()
        if trial.end() and trial.states() == ["failed"]:
            own_connection(round_.airflow, trial)
            trial.clear()


# What a user does


def _mark_failed(window: Window, round_: Round) -> None:
    """End each task, let whatever it would go on with happen, and clear it."""
    before = {}

    def end(trial: Trial) -> None:
        round_.is_in(trial, window.entered)
        before[trial.name] = trial.effects("StartImportJob")
        trial.mark_failed()

    with ThreadPoolExecutor(len(round_.trials)) as pool:
        list(pool.map(end, round_.trials))
    time.sleep(round_.random.uniform(2, 2 + MOMENTS))
    for trial in round_.trials:
        trial.complete()
    time.sleep(10)
    for trial in round_.trials:
        late = trial.effects("StartImportJob") - before[trial.name]
        trial.seen.add("doubled", late, f"{trial.name}: jobs were started after a user had ended the task")
        trial.clear()


def _clear(window: Window, round_: Round) -> None:
    round_.all_are(window.entered)
    for trial in round_.trials:
        trial.clear()
    time.sleep(round_.random.uniform(3, 10))
    for trial in round_.trials:
        trial.complete()


def _clear_what_is_gone(round_: Round) -> None:
    """Delete what a run has imported, and clear its task: it has to import again."""
    for trial in round_.trials:
        trial.end()
        trial.empty()
        trial.clear()


def _same_run_id(round_: Round) -> None:
    """Delete a run and what it has imported, and run it again under the same id."""
    for trial in round_.trials:
        trial.end()
        trial.empty()
        round_.airflow.delete(f"/dags/{trial.dag_id}/dagRuns/{trial.name}")
        trial.begin()


def _same_file(round_: Round) -> None:
    """Let a second run import the same file into the same knowledge base."""
    for trial in round_.trials:
        trial.begin(f"{trial.name}-again")


# Where reports go


def _report_at(path: str, trial: Trial) -> None:
    trial.report = path


def scenarios(full: Path, read_only: Path) -> dict[str, Scenario]:
    """Return all scenarios by name.

    :param full: A folder on a disk that has no room.
    :param read_only: A folder in which nothing can be written.
    """
    return {**_of_airflow(), **_of_the_service(), **_of_users(), **_of_the_disk(full, read_only)}


def _of_airflow() -> dict[str, Scenario]:
    def killed(window: str, **how) -> Scenario:
        where = WINDOWS[window]
        return Scenario(partial(_kill, "worker", where), prepare=where.prepare, alone=True, runs=5, rounds=2, **how)

    waiting = {"prepare": _waits, "alone": True}
    deferred = {**waiting, "dag": "import_deferred"}
    many = {**waiting, "dag": "import_many", "runs": 1, "rounds": 3}
    return {
        "workers killed between upload and start": killed("between upload and start"),
        "workers killed between start and remembering": killed("between start and remembering", short=True),
        "workers killed while they wait": killed("while it waits"),
        "workers killed while they read reports": killed("while it reads reports"),
        "workers killed in the middle of a sync": killed("in the middle of a sync's apply", dag="sync"),
        "only triggerer killed": Scenario(_kill_the_only_triggerer, **deferred, short=True),
        "only triggerer killed with 50 imports": Scenario(_kill_the_only_triggerer, **many, loads=50),
        "one of two triggerers killed with 50 imports": Scenario(_kill_one_triggerer, **many, loads=50),
        "triggerer paused and woken": Scenario(_pause_a_triggerer, **{**waiting, "dag": "import_deleting"}),
        "scheduler killed": Scenario(partial(_kill, "scheduler", WHILE_IT_WAITS), **waiting),
        "scheduler killed, deferred": Scenario(partial(_kill, "scheduler", WHILE_IT_WAITS), **deferred),
        "PostgreSQL restarted": Scenario(_restart_postgres, **waiting),
        "PostgreSQL restarted, deferred": Scenario(_restart_postgres, **deferred),
        "PostgreSQL restarted, deferred, without retries": Scenario(
            _restart_postgres, **{**waiting, "dag": "import_once_deferred"}
        ),
        "Redis stopped for 20 s": Scenario(_stop_redis, **waiting),
        "Redis stopped for 20 s, deferred": Scenario(_stop_redis, **deferred),
    }


def _of_the_service() -> dict[str, Scenario]:
    both = {"": "import_waiting", ", deferred": "import_deferred"}
    found = {}
    for which, dag in both.items():
        found |= {
            f"service down for a minute{which}": Scenario(_down_for_a_minute, dag=dag, prepare=_waits),
            f"30 % of answers 5xx or lost{which}": Scenario(nothing, dag=dag, prepare=_flaky),
            f"answers that hang{which}": Scenario(
                partial(_for, 40), dag=dag, prepare=_hangs, connect=impatient_connection
            ),
            f"answers lost after their effect{which}": Scenario(
                nothing,
                dag=dag,
                prepare=partial(_loses, ["StartContentUpload", "StartImportJob", "GetImportJob"]),
                short=not which,
            ),
            f"credentials that expire{which}": Scenario(nothing, dag=dag, prepare=_expires),
            f"connection deleted{which}": Scenario(_delete_connection, dag=dag, prepare=_waits, connect=own_connection),
            f"jobs deleted by somebody else{which}": Scenario(_delete_jobs, dag=dag, prepare=_waits),
            f"clock of the service 10 minutes off{which}": Scenario(nothing, dag=dag, late=True),
        }
    return {
        **found,
        "throttled at 10 calls a second with 100 waits": Scenario(
            nothing, dag="import_many", prepare=lambda trial: trial.fake.throttle(10), runs=1, rounds=3, loads=100
        ),
        "throttled at 2 calls a second": Scenario(
            nothing, dag="import_deferred", prepare=lambda trial: trial.fake.throttle(2), short=True
        ),
        "answers to a sync lost after their effect": Scenario(
            nothing, dag="sync", prepare=partial(_loses, ["CreateQuickResponse"]), short=True
        ),
        "starts refused with 5xx, without retries": Scenario(
            nothing, dag="import_once_waiting", prepare=_refuses_starts
        ),
        "upload cut": Scenario(nothing, prepare=_cuts_uploads),
        "upload cut, without retries": Scenario(nothing, dag="import_once_waiting", prepare=_cuts_uploads),
        "upload goes nowhere": Scenario(_correct_uploads, prepare=_leads_nowhere, short=True),
        "upload URL expired": Scenario(nothing, prepare=lambda trial: trial.fake.expire_uploads(2)),
    }


def _of_users() -> dict[str, Scenario]:
    found = {}
    for window in ("during the upload", "between upload and start", "between start and remembering", "while it waits"):
        where = WINDOWS[window]
        found |= {
            f"marked failed {window}": Scenario(partial(_mark_failed, where), prepare=where.prepare),
            f"cleared {window}": Scenario(partial(_clear, where), prepare=where.prepare),
        }
    deferred = {"dag": "import_deferred", "prepare": _waits}
    return {
        **found,
        "marked failed while deferred": Scenario(partial(_mark_failed, WHILE_IT_WAITS), **deferred),
        "cleared while deferred": Scenario(partial(_clear, WHILE_IT_WAITS), **deferred),
        "cleared after its rows were deleted": Scenario(_clear_what_is_gone, jobs_of_a_file=2, short=True),
        "same run id again after its rows were deleted": Scenario(_same_run_id, jobs_of_a_file=2),
        "two runs of the same file at once": Scenario(
            _same_file,
            jobs_of_a_file=2,
            ends="either",
        ),
    }


def _of_the_disk(full: Path, read_only: Path) -> dict[str, Scenario]:
    return {
        f"{what} where the report should go": Scenario(
            nothing, prepare=partial(_report_at, os.fspath(folder / "report.csv")), ends="failed"
        )
        for what, folder in {"disk full": full, "disk read-only": read_only}.items()
    }
