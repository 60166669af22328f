"""What the page is shown: three days of syncs and imports in a whole Airflow, made by the fake service."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auth import PASSWORDS
from rigs.stack import Sqlite, airflow, until

from airflow_wisdom.testing import FakeWisdom

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rigs.stack import Airflow

DAGS = Path(__file__).parents[1] / "dags" / "page"
HOSTILE = "<img src=x onerror=alert(1)>"
"""A name that would run in a page that takes texts for markup."""

HOURS_BETWEEN = 5
PATIENCE = 240


@contextmanager
def world(folder: Path, *, keep: bool = False) -> Iterator[World]:
    """Start an Airflow in which nothing has happened yet, and stop it.

    :param folder: An empty folder for sources and reports.
    :param keep: As for :func:`rigs.stack.airflow`.
    """
    users = ",".join(f"{name}:{'admin' if name == 'admin' else 'viewer'}" for name in PASSWORDS)
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    settings = {
        "CORE__AUTH_MANAGER": "auth.AuthManager",
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": users,
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__PARALLELISM": "3",
    }
    with airflow(database=Sqlite, dags=DAGS, keep=keep, login=("admin", PASSWORDS["admin"]), **settings) as real:
        yield World(real, folder)


class World:
    """An Airflow, what is fed by it, and what it was fed.

    :param airflow: The Airflow.
    :param folder: A folder for sources and reports.
    """

    def __init__(self, airflow: Airflow, folder: Path) -> None:
        self.airflow = airflow
        self.fake = FakeWisdom(airflow.endpoint)
        self._folder = folder
        self._sources = 0

    def feed(self, dag_id: str, rows: Sequence[Sequence[str]], **conf: object) -> str:
        """Run a DAG with rows, each a name, a text and a shortcut key, and return the run's id."""
        self._sources += 1
        source = self._folder / f"source-{self._sources}.csv"
        with source.open("w", newline="") as file:
            csv.writer(file).writerows([("Name", "Content", "Shortcut key"), *rows])
        return self.airflow.trigger(dag_id, {"source": str(source), "reports": str(self._folder), **conf})

    def until_over(self, dag_id: str, run_id: str) -> str:
        """Wait until a run is over, and return its state."""
        sql = "select state from dag_run where dag_id = %s and run_id = %s and state in ('success', 'failed')"
        ((state,),) = until(lambda: self.airflow.query(sql, dag_id, run_id), PATIENCE, f"the run of {dag_id} to end")
        return state

    def summaries(self) -> dict[tuple[str, str, str], dict]:
        """Return the XCom of each task by DAG, run and task: what the page has to say."""
        sql = "select dag_id, run_id, task_id, value from xcom where key = 'return_value'"
        return {(dag, run, task): json.loads(value) for dag, run, task, value in self.airflow.query(sql)}

    def spread(self, runs: Sequence[tuple[str, str]]) -> None:
        """Let runs, in order, have begun some hours after one another, the last of them now.

        :param runs: The DAG and the id of each.
        """
        for place, (dag_id, run_id) in enumerate(reversed(runs)):
            back = f"-{place * HOURS_BETWEEN} hours"
            for column in ("start_date", "end_date"):
                # As Airflow writes them, with microseconds, which SQLite's own function has not.
                sql = (
                    f"update task_instance set {column} = strftime('%Y-%m-%d %H:%M:%S.000000', {column}, %s)"
                    " where dag_id = %s and run_id = %s"
                )
                self.airflow.query(sql, back, dag_id, run_id)
            sql = (
                "update asset_event set timestamp = strftime('%Y-%m-%d %H:%M:%S.000000', timestamp, %s)"
                " where source_dag_id = %s and source_run_id = %s"
            )
            self.airflow.query(sql, back, dag_id, run_id)

    def three_days(self) -> list[tuple[str, str]]:
        """Sync and import for three days, and return the DAG and the id of each run, the first of them first."""
        self.fake.import_jobs(after_seconds=0.5)
        runs = []
        for day in range(3):
            runs += [("sync_answers", self.feed("sync_answers", answers(3 * day + visit))) for visit in range(3)]
            # A day on which the refused rows fail the task.
            how = {"on_failed_records": "fail"} if day == 1 else {}
            runs.append(("import_articles", self.feed("import_articles", articles(day), **how)))
        runs.insert(0, ("check_articles", self.feed("check_articles", [("Article", "Text", "b"), *MANY])))
        runs.append(("secret_sync", self.feed("secret_sync", [("Salaries", "They are secret.", "pay")])))
        for run in runs:
            self.until_over(*run)
        self.spread(runs)
        return runs


MANY = [(f"Row {number}", f"{HOSTILE} {number}", "a-key-of-many-characters") for number in range(10_000)]
"""More invalid rows than a page can show at once."""


def answers(visit: int) -> list[tuple[str, str, str]]:
    """Return the rows of a sync: each time some are new, changed and gone, and at times some invalid."""
    kept = range(4 * visit, 60 + 6 * visit)
    rows = [(f"Answer {number}", f"Text {number}, edition {(number + visit) // 9}", f"a{number}") for number in kept]
    hostile = [(HOSTILE, f"{HOSTILE} is shown, edition {visit}", "img")]
    # While a row is invalid, nothing is removed.
    wrong = [(HOSTILE, "It is there already", ""), ("Too long", "Text", "a-key-of-many-characters")]
    return [*rows, *hostile, *(wrong if visit % 3 == 2 else [])]


def articles(day: int) -> list[tuple[str, str, str]]:
    """Return the rows of an import: each time some are there already, so that they are refused, and some invalid."""
    new = [(f"Article {number}", f"Text {number}", f"b{number}") for number in range(90 * day, 90 * day + 110)]
    return [*new, ("", "A text without a name", ""), (f"{HOSTILE} {day}", "Text", "a-key-of-many-characters")]
