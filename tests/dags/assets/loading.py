"""Says that it changes the knowledge base, and names it as the other file does."""

from __future__ import annotations

# [START loading]
from airflow.sdk import DAG
from knowledge_bases import SUPPORT, support

from airflow_wisdom.operators import WisdomSyncQuickResponsesOperator

with DAG("loading", schedule="@daily"):
    WisdomSyncQuickResponsesOperator(
        task_id="sync",
        knowledge_base_id=SUPPORT,
        source="/data/quick_responses.csv",
        outlets=[support],
    )
# [END loading]
