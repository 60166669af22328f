"""One run of a DAG that something happens to, in a region of the fake service of its own, and what its books say."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
from rigs.processes import until

from airflow_wisdom.testing import FakeWisdom

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 900
"""Seconds, on a machine that has much else to do; whoever is not done by then is stuck."""
EVER = 1_000_000
"""Times that a fault happens which lasts until it is taken back."""
ROWS, TAKEN_EVERY = 12, 6
"""Rows of a file, and how many of them there are for each whose name is taken: AWS refuses it, and writes a report."""
FILES = 3
"""Import files that are made of a file, as the DAGs say."""
OVER = ("success", "failed")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Load:
    """A file that is imported into, or compared with, a knowledge base of its own.

    :param knowledge_base: Its id.
    :param path: The file.
    :param names: What there has to be in the knowledge base in the end.
    :param taken: What AWS refuses, because there is something of that name.
    """

    knowledge_base: str
    path: Path
    names: frozenset[str]
    taken: frozenset[str]


@dataclass
class Verdict:
    """What went wrong, in the words of the table: numbers of rows, jobs, runs, places and runs.

    :param lost: Rows that are not in though the task is green, or that its summary does not account for, and jobs that
        were to be deleted though nobody had asked for it.
    :param doubled: Import jobs that should not have been started.
    :param stuck: Runs that did not end.
    :param leaked: Places in database, broker and logs that hold a signature.
    :param wrong: Runs that ended in another colour than they should have.
    :param notes: What was seen, in words.
    """

    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    leaked: int = 0
    wrong: int = 0
    notes: list[str] = field(default_factory=list)

    NUMBERS = ("lost", "doubled", "stuck", "leaked", "wrong")

    def add(self, column: str, number: int, note: str) -> None:
        if number:
            setattr(self, column, getattr(self, column) + number)
            self.notes.append(f"{column} {number}: {note}")

    @property
    def is_good(self) -> bool:
        return not any(getattr(self, name) for name in self.NUMBERS)


class Trial:
    """A run of a DAG, its part of the fake service, and its files.

    :param airflow: The Airflow.
    :param folder: Where its files are written to.
    :param dag_id: The DAG.
    :param loads: How many files the run imports, each in a task of its own.
    :param connection: The Airflow connection by which the service is reached.
    :param endpoint: Where that service listens. Default: where the Airflow's own does.
    """

    def __init__(
        self,
        airflow,
        folder: Path,
        dag_id: str,
        *,
        loads: int = 1,
        connection: str = "aws_default",
        endpoint: str | None = None,
    ) -> None:
        self.airflow, self.dag_id = airflow, dag_id
        self.name = f"trial-{next(_numbers)}"
        self.fake = FakeWisdom(endpoint or airflow.endpoint, region_name=f"us-{self.name}")
        self.mark = f"Planted{hashlib.sha256(f'{folder}{self.name}'.encode()).hexdigest()[:20]}"
        self.fake.mark_signatures(self.mark)
        self.fake.quotas(knowledge_bases=1000)
        self.folder = folder / self.name
        self.folder.mkdir()
        self.loads = [self._load(number) for number in range(loads)]
        self.connection = connection
        self.patience = PATIENCE
        self.report = str(self.folder / "failed-records.csv")
        self.run_ids: list[str] = []
        self.seen = Verdict()
        self.deleted = 0
        self.is_slow = False

    # The run

    def begin(self, run_id: str | None = None) -> None:
        """Run the DAG; where it was run before, beside that run, or under the same id again.

        :param run_id: Id of the run. Default: the trial's name.
        """
        run_id = run_id or self.name
        self.airflow.trigger(self.dag_id, self._conf(), run_id)
        self.run_ids = list({**dict.fromkeys(self.run_ids), run_id: None})

    def states(self) -> list[str]:
        """Return the state of each run."""
        return [self._get(run_id, "")["state"] for run_id in self.run_ids]

    def task_states(self) -> list[str]:
        """Return the states of the tasks that the fault happens to, of all runs."""
        tis = [ti for run_id in self.run_ids for ti in self._get(run_id, "/taskInstances?limit=200")["task_instances"]]
        return [ti["state"] for ti in tis if ti["task_id"] == "load"]

    def mark_failed(self) -> None:
        """End the task as a user does."""
        self.airflow.set_state(self.dag_id, self.name, "load", "failed")

    def clear(self) -> None:
        """Let the task run again, as a user does."""
        self.airflow.clear(self.dag_id, self.name, "load")

    def has_ended(self) -> bool:
        return all(state in OVER for state in self.states())

    def end(self) -> bool:
        """Wait until the runs are over, and return whether they are."""
        with suppress(TimeoutError):
            return bool(until(self.has_ended, self.patience, f"{self.name} to end", 1))
        return False

    def summaries(self) -> list[dict]:
        """Return what the tasks have pushed to XCom."""
        indexes = range(len(self.loads)) if self.dag_id == "import_many" else [-1]
        found = []
        for run_id, index in itertools.product(self.run_ids, indexes):
            with suppress(RuntimeError):
                path = f"/taskInstances/load/xcomEntries/return_value?map_index={index}"
                value = self._get(run_id, path)["value"]
                found.append(json.loads(value) if isinstance(value, str) else value)
        return found

    def _get(self, run_id: str, path: str) -> dict:
        return json.loads(self.airflow.get(f"/dags/{self.dag_id}/dagRuns/{quote(run_id)}{path}"))

    # The service

    def calls(self, *operations: str) -> int:
        calls = self.fake.calls()
        return sum(calls.get(operation, 0) for operation in operations)

    def effects(self, operation: str) -> int:
        """Return how often an operation was carried out, whatever was answered."""
        return sum(call["operation"] == operation and call["effect"] for call in self.fake.history())

    def jobs(self) -> list[dict]:
        """Return the import jobs of all knowledge bases, whole."""
        client = self.fake.client()
        found = []
        for load in self.loads:
            pages = client.get_paginator("list_import_jobs").paginate(knowledgeBaseId=load.knowledge_base)
            found += [job for page in pages for job in page["importJobSummaries"]]
        which = [{name: job[name] for name in ("knowledgeBaseId", "importJobId")} for job in found]
        return [client.get_import_job(**each)["importJob"] for each in which]

    def present(self, load: Load) -> set[str]:
        """Return which of a file's rows are in its knowledge base."""
        there = self.fake.quick_responses(load.knowledge_base)
        return {one["name"] for one in there if one["status"] in ("CREATED", "UPDATED")} & load.names

    def calm(self) -> None:
        """Let nothing more happen to it, and let the jobs end by themselves."""
        self.fake.clear_faults()
        self.fake.latency(0)
        self.fake.throttle(None)
        self.fake.import_jobs()

    def complete(self) -> None:
        """Complete the jobs that run; those that follow end by themselves."""
        self.calm()
        for job in self.jobs():
            if job["status"] == "START_IN_PROGRESS":
                self.fake.set_status(job["importJobId"], "COMPLETE")

    def empty(self) -> None:
        """Delete what was imported, as somebody else does."""
        client = self.fake.client()
        for load in self.loads:
            for one in self.fake.quick_responses(load.knowledge_base):
                if one["name"] in load.names:
                    which = {name: one[name] for name in ("knowledgeBaseId", "quickResponseId")}
                    client.delete_quick_response(**which)

    # The verdict

    def judge(self, ends: str, *, jobs_of_a_file: int = 1) -> Verdict:
        """Compare the runs with the books.

        :param ends: The state that the runs have to be in, or ``either``.
        :param jobs_of_a_file: How many jobs each file may have.
        """
        verdict = self.seen
        self.calm()
        states = self.states()
        stuck = sum(state not in OVER for state in states)
        verdict.add("stuck", stuck, f"{self.name} is {states}; its tasks: {self.task_states()}")
        wrong = sum(state in OVER and ends not in (state, "either") for state in states)
        verdict.add("wrong", wrong, f"{self.name} is {states} instead of {ends}")
        if "success" in states:
            missing = sum(len(load.names - self.present(load)) for load in self.loads)
            verdict.add("lost", missing, f"{self.name} is green, and these rows are not in")
        self._judge_summaries(verdict)
        if self.dag_id != "sync":
            self._judge_jobs(verdict, jobs_of_a_file)
        return verdict

    def _judge_summaries(self, verdict: Verdict) -> None:
        summaries = self.summaries()
        verdict.add("lost", len(self.loads) * len(self.run_ids) - len(summaries), f"{self.name} has no summary")
        if self.dag_id == "sync":
            return
        for load in self.loads:
            self._judge_account(
                verdict, load, [one for one in summaries if one["knowledgeBaseId"] == load.knowledge_base]
            )

    def _judge_account(self, verdict: Verdict, load: Load, summaries: list[dict]) -> None:
        """Compare what the runs say of a file's rows with what is there."""
        there, rows = len(self.present(load)), len(load.names | load.taken)
        for one in summaries:
            columns = ("rowsPresent", "rowsDiffering", "rowsImported", "rowsRefused", "rowsNotStarted", "rowsUnknown")
            known = [one[name] or 0 for name in columns]
            is_whole = None not in (one["rowsImported"], one["rowsRefused"])
            wrong = abs(rows - one["rowsRead"]) + (abs(rows - sum(known)) if is_whole else 0)
            verdict.add("lost", wrong, f"{self.name} does not account for all of {rows} rows: {_short(one)}")
            verdict.add(
                "lost", max(0, one["rowsNotStarted"] + there - rows), f"{self.name}: {there} are in: {_short(one)}"
            )
        imported = [one["rowsImported"] for one in summaries]
        is_lost_already = any("these rows are not in" in note for note in verdict.notes)
        if summaries and None not in imported and not is_lost_already:
            imported += [one["rowsPresent"] for one in summaries]
            wrong = abs(there - sum(imported))
            verdict.add("lost", wrong, f"{self.name} says that {imported} rows are in, and {there} are")

    def _judge_jobs(self, verdict: Verdict, jobs_of_a_file: int) -> None:
        files = Counter(map(self._content, self.jobs()))
        extra = sum(max(0, number - jobs_of_a_file) for number in files.values())
        verdict.add("doubled", extra, f"{self.name}: the jobs of each file: {sorted(files.values())}")
        # Also where it was refused: whether AWS refuses it is not documented.
        deleted = self.calls("DeleteImportJob") - self.deleted
        verdict.add("lost", deleted, f"{self.name}: import jobs were to be deleted, which nobody had asked for")

    def _content(self, job: dict) -> str:
        return hashlib.sha256(requests.get(job["url"], timeout=60).content).hexdigest()

    # Files

    def _load(self, number: int) -> Load:
        knowledge_base = self.fake.create_knowledge_base(f"{self.name} {number}")
        names = [f"{self.name} file {number} row {row}" for row in range(ROWS)]
        taken = names[::TAKEN_EVERY]
        path = self.folder / f"{number}.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("Name", "Content"), *((name, f"The text of {name}.") for name in names)])
        if self.dag_id == "sync":
            return Load(knowledge_base, path, frozenset(names), frozenset())
        for name in taken:
            content = {"content": "Somebody else's."}
            self.fake.client().create_quick_response(knowledgeBaseId=knowledge_base, name=name, content=content)
        return Load(knowledge_base, path, frozenset(names) - frozenset(taken), frozenset(taken))

    def _conf(self) -> dict:
        where = {"aws_conn_id": self.connection, "region_name": self.fake.region_name}
        loads = [{**where, "knowledge_base_id": load.knowledge_base, "source": str(load.path)} for load in self.loads]
        if self.dag_id == "import_many":
            return {"loads": loads}
        return {**loads[0], "failed_records_path": self.report}


def _short(summary: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in summary.items() if name.startswith("rows"))
