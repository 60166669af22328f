"""Proves this package against faults, in a whole Airflow on Celery, PostgreSQL and Redis, by the fake service's books.

`make system` runs it: one Airflow serves all scenarios, each run has a region of the fake service of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random, SystemRandom

sys.path.insert(0, str(Path(__file__).parents[1]))

from mutations import MUTATIONS, Mutation
from rigs.processes import interruptible, supervised
from rigs.stack import Layout, airflow, fake_service
from rigs.whole import Search
from scenarios import DEAD, Round, Scenario, scenarios
from table import Row, as_markdown, as_text
from trial import Trial

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "system-table.md"
SETTINGS = {
    "CELERY__WORKER_CONCURRENCY": "6",
    "CORE__PARALLELISM": "12",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
    "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": str(DEAD),
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(DEAD),
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": str(DEAD),
    # A task soon hears that a user has ended it, and survives an API server that is away for a while.
    "WORKERS__MAX_FAILED_HEARTBEATS": str(DEAD),
    "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}
LAYOUTS = {"celery": Layout(triggerers=2, workers=2), "local": Layout(triggerers=2)}
TOGETHER = 8
"""Scenarios that are played at the same time, of those that leave Airflow alone."""


class Rig:
    """An Airflow, and what scenarios need beside it.

    :param real: The Airflow.
    :param folder: Where files of the runs go.
    :param late: Where the service listens whose clock is off.
    :param seed: What everything left to chance follows from.
    """

    def __init__(self, real, folder: Path, late: str, seed: int) -> None:
        self.airflow, self.folder, self.seed = real, folder, seed
        self.late = late
        self.trials: dict[str, Trial] = {}

    def play(self, name: str, scenario: Scenario, rounds: int) -> Row:
        """Play a scenario, and return what became of its runs, but for what is found in the database."""
        row = Row(name, 0, [], scenario.known)
        for number in range(rounds):
            try:
                row.verdicts += self._play_once(f"{self.seed} {name} {number}", scenario)
            except Exception as exc:  # noqa: BLE001 - the others are of interest all the same
                row.broken = f"{name}: {exc!r}"
        row.times = len(row.verdicts)
        say(f"{'ok  ' if row.is_good else 'FAIL'}  {name}", *row.notes)
        return row

    def _play_once(self, seed: str, scenario: Scenario) -> list:
        random = Random(seed)
        endpoint = self.late if scenario.late else None
        trials = [
            Trial(self.airflow, self.folder, scenario.dag, loads=scenario.loads, endpoint=endpoint)
            for _ in range(scenario.runs)
        ]
        for trial in trials:
            self.trials[trial.mark] = trial
            if scenario.late:
                trial.connection = "aws_late"
            if scenario.connect:
                scenario.connect(self.airflow, trial)
            scenario.prepare(trial)
            trial.begin()
        scenario.strike(Round(self.airflow, trials, random))
        for trial in trials:
            trial.end()
        return [trial.judge(scenario.ends, jobs_of_a_file=scenario.jobs_of_a_file) for trial in trials]

    def find_leaks(self) -> None:
        """Look for the signatures of all runs in the database, the broker's commands and the logs."""
        search = Search(self.airflow)
        for mark, where in search.find_each(list(self.trials), self._files()).items():
            self.trials[mark].seen.add(
                "leaked", len(where), f"{self.trials[mark].name}: {', '.join(sorted(where)[:5])}"
            )

    def _files(self):
        broker = self.airflow.broker
        return [path for path in broker.folder.rglob("*") if path.is_file()] if broker else []


def main() -> int:
    options = _options()
    interruptible()
    say(f"The seed is {options.seed}")
    try:
        with ExitStack() as stack:
            rows = _run(stack, options)
    except KeyboardInterrupt:
        say("Interrupted; everything that was started has been stopped")
        # Threads may still be waiting for what is no longer there.
        os._exit(130)
    print(f"\n{as_text(rows)}\n", flush=True)  # noqa: T201
    for row in rows:
        if not row.is_good:
            say(f"{row.fault}: {row.known or 'see above'}", *row.notes[:6])
    if options.docs:
        before = TABLE.read_text() if TABLE.exists() else ""
        TABLE.write_text(as_markdown(rows, before, scenarios(Path(), Path())))
    good = all(row.is_as_expected for row in rows)
    say("All is well" if good else "Something is wrong, see above")
    return 0 if good else 1


def _run(stack: ExitStack, options: argparse.Namespace) -> list[Row]:
    began = time.monotonic()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airflow-wisdom-system-")))
    folder.chmod(0o755)
    dags = ROOT / "tests" / "dags" / "system"
    layout = LAYOUTS[options.executor]
    real = stack.enter_context(airflow(keep=options.keep, dags=dags, layout=layout, **SETTINGS))
    # Nobody is going to look at them again.
    stack.callback(real.kill)
    stack.enter_context(supervised(list(real.components.values())))
    say(f"Airflow runs after {time.monotonic() - began:.0f} s; its logs are in {real.home}")
    rig = Rig(real, folder, fake_service(stack, folder, str(Path(__file__).with_name("late_service.py"))), options.seed)
    real.add_service("aws_late", rig.late)
    chosen = _chosen(scenarios(*_disks(stack, folder)), options)
    rows = _play_broken(rig, chosen) if options.mutations else _play(rig, chosen, options)
    rig.find_leaks()
    say(f"Done after {time.monotonic() - began:.0f} s")
    return list(rows.values())


def _play(rig: Rig, chosen: dict[str, Scenario], options: argparse.Namespace) -> dict[str, Row]:
    """Play all that leave Airflow alone at the same time, and then the others one by one."""

    def play(name: str) -> Row:
        return rig.play(name, chosen[name], 1 if options.short else chosen[name].rounds)

    alone = [name for name in chosen if chosen[name].alone]
    together = [name for name in chosen if name not in alone]
    # Not waited for: whoever interrupts it does not want to.
    pool = ThreadPoolExecutor(TOGETHER)
    rows = dict(zip(together, pool.map(play, together), strict=True))
    rows |= {name: play(name) for name in alone}
    return {name: rows[name] for name in chosen}


def _play_broken(rig: Rig, every: dict[str, Scenario]) -> dict[str, Row]:
    """Play scenarios with a product that is broken on purpose; the rows are those of the mutations."""
    rows = {}
    for number, (name, mutation) in enumerate(MUTATIONS.items()):
        _break(rig, mutation, rig.folder / f"broken-{number}")
        rows[name] = rig.play(mutation.scenario, replace(every[mutation.scenario], runs=1), 1)
        rows[name].fault, rows[name].has_to_be_seen_in = name, mutation.column
    return rows


def _break(rig: Rig, mutation: Mutation, folder: Path) -> None:
    folder.mkdir()
    mutation.apply(folder)
    tasks = [each for name, each in rig.airflow.components.items() if not name.startswith(("api", "dag"))]
    with ThreadPoolExecutor(len(tasks)) as pool:
        for component in tasks:
            component.environment["PYTHONPATH"] = str(folder)
            pool.submit(component.restart)


def _chosen(every: dict[str, Scenario], options: argparse.Namespace) -> dict[str, Scenario]:
    if options.mutations:
        return every
    wanted = options.only or [name for name in every if every[name].short or not options.short]
    if unknown := set(wanted) - set(every):
        sys.exit(f"There is no such scenario: {', '.join(sorted(unknown))}; --list shows all")
    needs_workers = {name for name in every if name.startswith("workers killed")}
    if options.executor == "local":
        wanted = [name for name in wanted if name not in needs_workers and not name.startswith("Redis")]
    return {name: every[name] for name in wanted}


def _disks(stack: ExitStack, folder: Path) -> tuple[Path, Path]:
    """Return a folder that has no room and one in which nothing can be written; for root a disk of its own each."""
    full, read_only = folder / "full", folder / "read-only"
    for path, options in (full, "size=64k"), (read_only, "ro"):
        path.mkdir()
        _mount(stack, path, options)
    with suppress(OSError):
        (full / "ballast").write_bytes(bytes(1024 * 1024))
    return full, read_only


def _mount(stack: ExitStack, path: Path, options: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "airflow-wisdom", str(path)]
    if os.geteuid() == 0 and subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0:
        stack.callback(subprocess.run, ["umount", "--lazy", str(path)], check=False)
    else:
        path.chmod(0o555)


def say(*lines: str) -> None:
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    print("\n".join([f"{now}  {lines[0]}", *(f"              {line}" for line in lines[1:])]), flush=True)  # noqa: T201


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="a scenario by its name; may be given again")
    parser.add_argument("--short", action="store_true", help="a short selection, each scenario once")
    parser.add_argument("--mutations", action="store_true", help="break the product on purpose: each has to be seen")
    parser.add_argument("--list", action="store_true", help="show the names of all scenarios")
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="repeats what was random")
    parser.add_argument("--executor", choices=LAYOUTS, default="celery", help="what runs the tasks (default: celery)")
    parser.add_argument("--docs", action="store_true", help="write the table into the docs")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and database")
    options = parser.parse_args()
    if options.list:
        every = scenarios(Path("full"), Path("read-only"))
        print("\n".join(f"{name}{' (short)' * one.short}" for name, one in every.items()))  # noqa: T201
        sys.exit()
    return options


if __name__ == "__main__":
    sys.exit(main())
