"""Imports a large source with the operator, as a worker does, and prints what it cost.

Usage: ``python importer.py file|s3|sql SOURCE``
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator
from airflow_wisdom.transfers import SqlToWisdomOperator

COMMON = {
    "task_id": "import",
    "knowledge_base_id": "00000000-0000-4000-8000-000000000000",
    "max_active_jobs": 20,
    "poll_interval": 0.01,
}


class TaskInstance:
    """As much of a task instance as the operator uses."""

    dag_id, run_id, task_id, map_index, try_number = "dag", "run", "import", -1, 1

    def xcom_push(self, key: str, value: Any) -> None:
        """Take what goes to XCom, as JSON."""
        json.dumps({key: value})


def task(kind: str, source: str, limit: int = -1) -> Any:
    if kind == "sql":
        sql = f'SELECT name AS "Name", content AS "Content" FROM answers ORDER BY id LIMIT {limit}'
        return SqlToWisdomOperator(sql=sql, sql_conn_id="answers", **COMMON)
    return WisdomImportQuickResponsesOperator(source=source, **COMMON)


def status(name: str) -> int:
    """Return a line of the kernel's account of this process's memory, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines[name].split()[0])


def main() -> None:
    kind, source = sys.argv[1:]
    # One row, which imports everything and makes the client: what an idle worker has in memory.
    first = task(kind, source, 1) if kind == "sql" else task("file", [{"Name": "First", "Content": "Text"}])
    first.execute({"ti": TaskInstance()})
    if kind == "s3":
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        S3Hook().get_conn()
    gc.collect()
    idle = status("VmRSS")
    # The kernel begins again to note the peak.
    Path("/proc/self/clear_refs").write_text("5")
    started, cpu = time.perf_counter(), time.process_time()
    summary = task(kind, source).execute({"ti": TaskInstance()})
    result = {
        "rows": summary["rowsRead"],
        "imported": summary["rowsImported"],
        "jobs": len(summary["importJobs"]),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "idle_bytes": idle,
        "growth_bytes": status("VmHWM") - idle,
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
