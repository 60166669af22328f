"""DAGs that feed knowledge bases, and one of them that not everybody may read, for the page in Airflow's UI."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from airflow_wisdom.assets import create_asset
from airflow_wisdom.operators import (
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomSyncQuickResponsesOperator,
)

CONF = "{{ dag_run.conf.%s }}"
SYNCED, IMPORTED = os.environ.get("E2E_WATCHED", "watched"), os.environ.get("E2E_LOADED", "loaded")


def asset(knowledge_base):
    return create_asset(knowledge_base_id=knowledge_base, owner="123456789012", region_name="us-east-1")


for dag_id in ("sync_answers", "secret_sync"):
    with DAG(dag_id, schedule=None, max_active_runs=1):
        WisdomSyncQuickResponsesOperator(
            task_id="sync",
            knowledge_base_id=SYNCED,
            source=CONF % "source",
            owner_tag=dag_id,
            on_missing="delete",
            protection=False,
            on_invalid_rows="skip",
            on_failed_items="warn",
            invalid_rows_path=CONF % "reports" + "/invalid-rows.csv",
            plan_path=CONF % "reports" + "/plan.csv",
            sample_size=10_000,
            outlets=[asset(SYNCED)],
        )

with DAG("check_articles", schedule=None):
    WisdomImportQuickResponsesOperator(
        task_id="check",
        knowledge_base_id="00000000-0000-4000-8000-000000000000",
        source=CONF % "source",
        on_invalid_rows="skip",
        sample_size=10_000,
        mode="check",
    )

with DAG("import_articles", schedule=None, max_active_runs=1):
    imported = WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id=IMPORTED,
        source=CONF % "source",
        on_invalid_rows="skip",
        on_failed_records="{{ dag_run.conf.get('on_failed_records', 'warn') }}",
        invalid_rows_path=CONF % "reports" + "/invalid-rows.csv",
        failed_records_path=CONF % "reports" + "/failed-records.csv",
        sample_size=10_000,
        max_active_jobs=2,
        poll_interval=0.5,
        deferrable=True,
        outlets=[asset(IMPORTED)],
    )
    imported >> WisdomGetImportJobOperator(
        task_id="get",
        knowledge_base_id=IMPORTED,
        import_job_id="{{ ti.xcom_pull('import')['importJobs'][0]['importJobId'] }}",
        require_complete=False,
    )
