"""Import a CSV of quick responses into Amazon Connect, and report which rows are invalid and which AWS refused.

What it needs: a running triggerer, and the Airflow connection `aws_default` with credentials, region and, in its extra,
the knowledge base and the folder or URI for reports of invalid and refused rows::

    {"region_name": "us-east-1", "knowledge_base_id": "<id or ARN>", "reports": "s3://<bucket>/reports"}
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

SAMPLE = Path(__file__).parent / "data" / "quick_responses.csv"
REPORTS = "{{ conn.aws_default.extra_dejson.reports }}"

with DAG(
    dag_id="import_quick_responses",
    schedule=None,
    params={"source": Param(str(SAMPLE), type="string", description="Path or URI of the CSV file")},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START import_quick_responses]
    imported = WisdomImportQuickResponsesOperator(
        task_id="import",
        # By the instance, which the connection may name, too, routing profiles would be looked up before they are sent.
        knowledge_base_id="{{ conn.aws_default.extra_dejson.knowledge_base_id }}",
        source="{{ params.source }}",
        on_invalid_rows="skip",
        invalid_rows_path=f"{REPORTS}/invalid-rows.csv",
        on_failed_records="warn",
        failed_records_path=f"{REPORTS}/failed-records.csv",
        deferrable=True,
    )
    # [END import_quick_responses]

    # [START report]
    @task
    def report(summary: dict[str, Any]) -> None:
        """Print how many rows were imported, and which were not, from the XCom of the import task."""
        print(f"{summary['rowsImported']} of {summary['rowsRead']} rows imported")
        print(f"{summary['rowsInvalid']} invalid, and not sent:")
        for mistake in summary["invalidRows"]:
            print(f"  {mistake['unit']} {mistake['line']}, {mistake['column']}: {mistake['reason']}")
        print(f"{summary['rowsRefused']} refused by AWS:")
        for record in summary["failedRecords"]:
            print(f"  {record}")

    report(imported.output)
    # [END report]
