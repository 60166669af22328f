"""Import a CSV of quick responses into Amazon Connect, and say which rows were refused, and by whom.

Everything that depends on where it runs is in the Airflow connection `aws_default`: credentials, region and, in its
extra, the knowledge base and where to write the refused rows, a folder or a URI::

    {"region_name": "us-east-1", "knowledge_base_id": "<id or ARN>", "reports": "s3://<bucket>/reports"}
"""

from __future__ import annotations

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
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START import_quick_responses]
    imported = WisdomImportQuickResponsesOperator(
        task_id="import",
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
        """Print what the import task left in XCom: how many rows were imported, and which were not."""
        print(f"{summary['rowsImported']} of {summary['rowsRead']} rows imported")
        print(f"{summary['rowsInvalid']} not valid, and not sent:")
        for mistake in summary["invalidRows"]:
            print(f"  {mistake['unit']} {mistake['line']}, {mistake['column']}: {mistake['reason']}")
        print(f"{summary['rowsRefused']} refused by AWS:")
        for record in summary["failedRecords"]:
            print(f"  {record}")

    report(imported.output)
    # [END report]
