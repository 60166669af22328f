"""Start an import job, wait for it with the sensor, read it, and delete it: one task for each.

`import_quick_responses` does more in one task; this is for a file of at most 100 rows, uploaded as it is, and for
pipelines that have something to do in between.

What it needs: a running triggerer, and the Airflow connection `aws_default` with credentials, region and, in its extra,
the knowledge base::

    {"region_name": "us-east-1", "knowledge_base_id": "<id or ARN>"}
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomGetImportJobOperator,
    WisdomStartImportJobOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor

SAMPLE = Path(__file__).parent / "data" / "one_file.csv"

with DAG(
    dag_id="import_job_step_by_step",
    schedule=None,
    params={"source": Param(str(SAMPLE), type="string", description="Path of the CSV file")},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START step_by_step]
    start = WisdomStartImportJobOperator(
        task_id="start",
        source="{{ params.source }}",
        wait_for_completion=False,
    )
    wait = WisdomImportJobSensor(
        task_id="wait",
        import_job_id=start.output["import_job_id"],
        deferrable=True,
        timeout=30 * 60,
        soft_fail=True,
        # Some rows of the sample are refused: the others go on.
        on_failed_records="warn",
    )
    read = WisdomGetImportJobOperator(
        task_id="import",
        import_job_id="{{ ti.xcom_pull(task_ids='wait')['importJobId'] }}",
        on_failed_records="warn",
    )
    delete = WisdomDeleteImportJobOperator(
        task_id="delete",
        import_job_id=start.output["import_job_id"],
        wait_for_completion=True,
    )
    # [END step_by_step]

    wait >> read >> delete
