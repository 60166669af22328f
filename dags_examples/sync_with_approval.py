"""Show a person what a sync is going to change, wait until it is approved, and change exactly that.

What it needs: Airflow 3.1 or newer and its standard provider, for `ApprovalOperator` (on Airflow 3.0, importing that
operator fails with `Human in the loop functionality needs Airflow 3.1+`); and the Airflow connection `aws_default` with
credentials, region and, in its extra, the id or ARN of the Amazon Connect instance, and the folder or URI for the whole
plan::

    {"region_name": "us-east-1", "instance_id": "<id or ARN>", "reports": "s3://<bucket>/reports"}

By the instance, the DAG finds the knowledge base, and the routing profiles that rows name. If no row names any, or all
do so by ARN, the extra can have `knowledge_base_id` instead.

If the file or Amazon Connect changes while the plan waits for approval, the last task writes nothing and fails with
`PlanChangedError`: clear the task `plan` to see and approve the plan as it is now. If the last task is killed, its next
try does the rest of what was approved.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, task

from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator

SAMPLE = Path(__file__).parent / "data" / "faq.csv"

# [START sync_with_approval]
SYNC: dict[str, Any] = {
    "source": "{{ params.source }}",
    "owner_tag": "faq",
    "on_missing": "delete",
}
"""What both tasks have to be given alike, or their plans would differ."""

with DAG(
    dag_id="sync_with_approval",
    schedule=None,
    max_active_runs=1,
    params={"source": Param(str(SAMPLE), type="string", description="Path or URI of the CSV file")},
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    plan = WisdomSyncQuickResponsesOperator(
        task_id="plan",
        mode="plan",
        plan_path="{{ conn.aws_default.extra_dejson.reports }}/plan.csv",
        **SYNC,
    )

    @task.short_circuit
    def is_anything_to_do(summary: Any) -> bool:
        """Skip the rest if the plan is empty, so that nobody is asked to approve nothing."""
        return any(summary["plan"][kind] for kind in ("create", "update", "deactivate", "remove"))

    approve = ApprovalOperator(
        task_id="approve",
        subject="{{ ti.xcom_pull(task_ids='plan')['knowledgeBaseId'] }}: change these quick responses?",
        body="""
The first changes; all of them are in `{{ ti.xcom_pull(task_ids='plan')['planPath'] }}`.

```text
{{ ti.xcom_pull(task_ids='plan')['plan']['changes'] | join('\n') }}
```
""",
    )

    apply = WisdomSyncQuickResponsesOperator(
        task_id="apply",
        expected_plan="{{ ti.xcom_pull(task_ids='plan')['plan']['fingerprint'] }}",
        **SYNC,
    )

    is_anything_to_do(plan.output) >> approve >> apply
# [END sync_with_approval]
