"""Tasks whose data are at fault, and that have retries left."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator, WisdomStartImportJobOperator

WHERE = {"knowledge_base_id": os.environ.get("KNOWLEDGE_BASE", "kb")}
SOURCE = os.environ.get("SOURCE", "file.csv")

with DAG("retries", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(0)}) as dag:
    WisdomImportQuickResponsesOperator(task_id="invalid", source=[{"Name": "", "Content": "no name"}], **WHERE)
    WisdomImportQuickResponsesOperator(
        task_id="invalid_retried", source=[{"Name": "", "Content": "no name"}], retry_data_errors=True, **WHERE
    )
    WisdomStartImportJobOperator(task_id="refused", source=SOURCE, deferrable=True, poll_interval=0.01, **WHERE)
