"""Run whenever an import job of a knowledge base ends, whoever started it, also in the Amazon Connect admin site.

What it needs: a running triggerer, the Airflow connection `aws_default` with credentials and region, and the variable
`WISDOM_KNOWLEDGE_BASE` in the environment, with the ARN of the knowledge base: it is read when the DAG is parsed.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, AssetWatcher, task

from airflow_wisdom.assets import create_asset, imports_of
from airflow_wisdom.triggers import WisdomEndingsTrigger

KNOWLEDGE_BASE = os.environ.get(
    "WISDOM_KNOWLEDGE_BASE",
    "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/00000000-0000-0000-0000-000000000000",
)

# [START watch]
knowledge_base = create_asset(
    knowledge_base_id=KNOWLEDGE_BASE,
    name="Quick responses",
    watchers=[
        AssetWatcher(name="import_job_ended", trigger=WisdomEndingsTrigger(knowledge_base_id=KNOWLEDGE_BASE)),
    ],
)
# [END watch]

with DAG(
    dag_id="on_import_job_ended",
    # [START schedule]
    schedule=[knowledge_base],
    # [END schedule]
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START read]
    @task
    def show(triggering_asset_events: Any = None) -> list[str]:
        """Print how the jobs ended; one run may get several that ended close to each other."""
        events = [event for events in triggering_asset_events.values() for event in events]
        ended = [f"{job['importJobId']} is {job['status']}" for event in events for job in imports_of(event)]
        print(*ended, sep="\n")
        return ended

    show()
    # [END read]
