"""Keep the quick responses of a knowledge base in line with a CSV that people edit, once a day.

What it needs: the Airflow connection `aws_default` with credentials, region and, in its extra, the id or ARN of the
Amazon Connect instance::

    {"region_name": "us-east-1", "instance_id": "<id or ARN>"}

By the instance, the DAG finds the knowledge base, and the routing profiles that rows name. If no row names any, or all
do so by ARN, the extra can have `knowledge_base_id` instead.

Quick responses that the DAG has created bear the tag `airflow-wisdom-owner` with the value `faq`. Those of them that
the file no longer has are deactivated: agents no longer see them, and they come back as soon as the file has them
again. Quick responses that bear no such tag, such as those that people made by hand, are never removed.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator

SAMPLE = Path(__file__).parent / "data" / "faq.csv"

with DAG(
    dag_id="sync_quick_responses",
    schedule="@daily",
    # Two runs at once would change the same quick responses.
    max_active_runs=1,
    params={"source": Param(str(SAMPLE), type="string", description="Path or URI of the CSV file")},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START sync_quick_responses]
    WisdomSyncQuickResponsesOperator(
        task_id="sync",
        source="{{ params.source }}",
        owner_tag="faq",
        on_missing="deactivate",
        retries=3,
        retry_delay=timedelta(minutes=5),
    )
    # [END sync_quick_responses]
