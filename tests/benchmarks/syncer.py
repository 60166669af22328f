"""Brings a knowledge base in line with a table, with the operator or as by hand, and prints what it cost.

Usage: ``python syncer.py ours|peer ENDPOINT_URL KNOWLEDGE_BASE TABLE FIRST_KNOWLEDGE_BASE FIRST_TABLE``
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from worker import TaskInstance, measured

from airflow_wisdom.testing import FakeWisdom

if TYPE_CHECKING:
    from collections.abc import Callable

    Sync = Callable[[str, str], object]


def ours() -> Sync:
    from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator

    def sync(knowledge_base_id: str, table: str) -> None:
        task = WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base_id, source=table)
        task.execute({"ti": TaskInstance()})

    return sync


def peer(endpoint_url: str) -> Sync:
    import by_hand

    wisdom = by_hand.client(endpoint_url)
    return lambda knowledge_base_id, table: by_hand.sync(wisdom, knowledge_base_id, Path(table))


def main() -> None:
    side, endpoint_url, knowledge_base_id, table, *first = sys.argv[1:]
    sync = ours() if side == "ours" else peer(endpoint_url)
    # A small table, which imports everything and makes the client: what an idle worker has in memory.
    sync(*first)
    fake = FakeWisdom(endpoint_url)
    before = Counter(fake.calls())
    with measured() as cost:
        sync(knowledge_base_id, table)
    calls = Counter(fake.calls()) - before
    sys.stdout.write(json.dumps(cost | {"calls": calls.total(), "calls_by_operation": calls}) + "\n")


if __name__ == "__main__":
    main()
