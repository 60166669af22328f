"""Syncs of quick responses: what they cost beside what people write by hand, against the fake service."""

from __future__ import annotations

import csv
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import by_hand
from measurement import environment, run_script

from airflow_wisdom.testing import FakeWisdom

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 998
"""With the two samples that the admin site makes, as many quick responses as AWS allows."""

CALLS_PER_SECOND = 10
LATENCY = 0.05
SIDES = ("peer", "ours")
TEXT = ("Thank you for your patience. I have looked into your order, and this is what I found: " * 12)[:990]

Table = list[tuple[str, str]]


@dataclass(frozen=True)
class Scenario:
    """What there is before a sync.

    :param name: What it is called in the tables.
    :param there: How many of the rows have a quick response.
    :param changed_every: Every how many rows one has another text than its quick response; None for none.
    """

    name: str
    there: int = ROWS
    changed_every: int | None = None

    def before(self) -> Table:
        """Return the table as it was when it was last synced."""
        return [
            (name, f"Old: {text}" if self.changed_every and number % self.changed_every == 0 else text)
            for number, (name, text) in enumerate(table()[: self.there])
        ]

    @property
    def changes(self) -> int:
        return len({*table()} - {*self.before()})


UNCHANGED = Scenario("none has changed")
CHANGED = Scenario("5 % have changed", changed_every=20)
NEW = Scenario("all are new", there=0)
SCENARIOS = (UNCHANGED, CHANGED, NEW)


def table() -> Table:
    return [(f"Answer {number:04}", f"{TEXT} {number}") for number in range(ROWS)]


def measure(scenario: Scenario, side: str) -> dict[str, Any]:
    """Sync the table by hand or with the operator, in a process of its own, and return what it cost."""
    with TemporaryDirectory(prefix="airflow-bench-") as folder, service() as fake:
        first = (fake.create_knowledge_base("first"), str(write_csv(Path(folder, "first.csv"), table()[:1])))
        knowledge_base_id = fake.create_knowledge_base(samples=True)
        fill(fake, knowledge_base_id, scenario.before())
        source = str(write_csv(Path(folder, "table.csv"), table()))
        fake.latency(LATENCY)
        fake.throttle(CALLS_PER_SECOND)
        own = {"AIRFLOW__WISDOM__CALLS_PER_SECOND": str(CALLS_PER_SECOND)}
        arguments = (side, fake.endpoint_url, knowledge_base_id, source, *first)
        cost = run_script("syncer.py", *arguments, environment=environment(folder, fake.endpoint_url) | own)
        check(fake, knowledge_base_id)
        throttled = sum(call["error"] == "ThrottlingException" for call in fake.history())
    about = {"scenario": scenario.name, "side": side, "rows": ROWS, "changes": scenario.changes}
    return about | cost | {"throttled": throttled}


@contextmanager
def service() -> Iterator[FakeWisdom]:
    """Run the fake service in a process of its own, and give the handle."""
    command = [sys.executable, "-m", "airflow_wisdom.testing.server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield FakeWisdom(process.stdout.readline().split()[-1])
        finally:
            process.terminate()


def fill(fake: FakeWisdom, knowledge_base_id: str, rows: Table) -> None:
    wisdom = fake.client()
    for name, content in rows:
        values = {"name": name, "content": {"content": content}, "contentType": by_hand.FORMAT}
        wisdom.create_quick_response(knowledgeBaseId=knowledge_base_id, **values)


def write_csv(path: Path, rows: Table) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("Name", "Content"), *rows])
    return path


def check(fake: FakeWisdom, knowledge_base_id: str) -> None:
    """Fail unless the knowledge base says what the table says, beside the samples: else there is nothing to compare."""
    there = {it["name"]: it["contents"] for it in fake.quick_responses(knowledge_base_id)}
    wrong = [name for name, content in table() if there.get(name, {}).get("markdown") != {"content": content}]
    if wrong or len(there) != ROWS + 2:
        raise RuntimeError(f"{len(wrong)} rows are not as the table says, of {len(there)} quick responses")
