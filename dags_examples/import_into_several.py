"""Import quick responses into several knowledge bases, from one file for each or from the same for all.

What it needs: a running triggerer, and the Airflow connection `aws_default` with credentials, region and, in its extra,
an entry for each knowledge base with its file::

    {
      "region_name": "us-east-1",
      "imports": [
        {"knowledge_base_id": "<id or ARN>", "source": "s3://<bucket>/sales.csv"},
        {"knowledge_base_id": "<id or ARN>", "source": "s3://<bucket>/service.csv"}
      ]
    }
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Connection, task

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

with DAG(
    dag_id="import_into_several",
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START import_into_several]
    @task
    def imports() -> list[dict[str, str]]:
        """Return the knowledge bases and their files: one mapped task for each entry."""
        found: list[dict[str, str]] = Connection.get("aws_default").extra_dejson["imports"]
        return found

    imported = WisdomImportQuickResponsesOperator.partial(
        task_id="import",
        on_invalid_rows="skip",
        on_failed_records="warn",
        # The mapped tasks share the quota of the account.
        max_active_jobs=1,
        deferrable=True,
    ).expand_kwargs(imports())

    @task
    def total(summaries: list[dict[str, Any]]) -> dict[str, int]:
        """Add up the rows of all knowledge bases."""
        for summary in summaries:
            print(f"{summary['knowledgeBaseId']}: {summary['rowsImported']} of {summary['rowsRead']} rows imported")
        counted = ("rowsRead", "rowsInvalid", "rowsImported", "rowsRefused")
        return {name: sum(summary[name] or 0 for summary in summaries) for name in counted}

    total(imported.output)
    # [END import_into_several]
