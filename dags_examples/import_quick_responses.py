"""Import a CSV of quick responses into Amazon Connect, and say which rows AWS refused.

Everything that depends on where it runs is in the Airflow connection `aws_default`: credentials, region and, in its
extra, the knowledge base::

    {"region_name": "us-east-1", "knowledge_base_id": "<id or ARN>"}
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_wisdom.operators import WisdomStartImportJobOperator

SAMPLE = Path(__file__).parent / "data" / "quick_responses.csv"

with DAG(
    dag_id="import_quick_responses",
    schedule=None,
    params={"source": Param(str(SAMPLE), type="string", description="Path of the CSV file")},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START import_quick_responses]
    import_job = WisdomStartImportJobOperator(
        task_id="import",
        knowledge_base_id="{{ conn.aws_default.extra_dejson.knowledge_base_id }}",
        source="{{ params.source }}",
        deferrable=True,
    )
    # [END import_quick_responses]

    # [START report]
    @task
    def report(job: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Count the rows of the file, and fetch those that AWS refused."""
        # Imported here because a DAG is parsed far more often than it runs.
        from airflow_wisdom.hooks import WisdomHook

        hook = WisdomHook()
        refused = hook.failed_records(hook.get_import_job(job["knowledgeBaseId"], job["importJobId"]))
        with Path(params["source"]).open(encoding="utf-8-sig", newline="") as file:
            rows = sum(1 for _ in csv.DictReader(file))
        print(f"{rows - len(refused)} rows imported, {len(refused)} refused")
        # XCom is for small things: long texts are cut.
        short = [{column: text[:200] for column, text in record.items()} for record in refused.records]
        return {"rows": rows, "refused": short}

    report(import_job.output)
    # [END report]
