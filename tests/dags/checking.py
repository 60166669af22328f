"""An import with an outlet, which may only check."""

from __future__ import annotations

from airflow.sdk import DAG, Asset

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

with DAG("checking", schedule=None) as dag:
    WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id="{{ conn.aws_default.extra_dejson.knowledge_base_id }}",
        source=[{"Name": "Hello", "Content": "Good morning!"}],
        mode="{{ var.value.import_mode }}",
        outlets=[Asset("checked")],
    )
