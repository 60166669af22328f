"""Imports a large source with the operator, as a worker does, and prints what it cost.

Usage: ``python importer.py file|s3|sql SOURCE``
"""

from __future__ import annotations

import json
import sys
from typing import Any

from worker import TaskInstance, measured

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator
from airflow_wisdom.transfers import SqlToWisdomOperator

COMMON = {
    "task_id": "import",
    "knowledge_base_id": "00000000-0000-4000-8000-000000000000",
    "max_active_jobs": 20,
    "poll_interval": 0.01,
}


def task(kind: str, source: str, limit: int = -1) -> Any:
    if kind == "sql":
        sql = f'SELECT name AS "Name", content AS "Content" FROM answers ORDER BY id LIMIT {limit}'
        return SqlToWisdomOperator(sql=sql, sql_conn_id="answers", **COMMON)
    return WisdomImportQuickResponsesOperator(source=source, **COMMON)


def main() -> None:
    kind, source = sys.argv[1:]
    # One row, which imports everything and makes the client: what an idle worker has in memory.
    first = task(kind, source, 1) if kind == "sql" else task("file", [{"Name": "First", "Content": "Text"}])
    first.execute({"ti": TaskInstance()})
    if kind == "s3":
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        S3Hook().get_conn()
    with measured() as cost:
        summary = task(kind, source).execute({"ti": TaskInstance()})
    rows = {
        "rows": summary["rowsRead"],
        "imported": summary["rowsImported"],
        "jobs": len(summary["importJobs"]),
    }
    sys.stdout.write(json.dumps(rows | cost) + "\n")


if __name__ == "__main__":
    main()
