"""Imports that are to be killed, each in a DAG of its own; where the service is comes with the run's conf."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

ROWS = [{"Name": f"Answer {n}", "Content": "Text"} for n in range(3)]
RETRIES = {"retries": 1, "retry_delay": timedelta(seconds=1)}
DEFERRED = {"deferrable": True}
LEFT_ALONE = {"delete_jobs_on_kill": False}
IMPORTS = {
    "in_worker": {},
    "in_worker_left_alone": LEFT_ALONE,
    "deferred": DEFERRED,
    "deferred_left_alone": {**DEFERRED, **LEFT_ALONE},
    "deferred_retried": {**DEFERRED, **RETRIES},
    "execution_timeout": {"execution_timeout": timedelta(seconds=25), **RETRIES},
    "timeout": {"timeout": 25, **DEFERRED, **RETRIES},
}

COMMON = {
    "knowledge_base_id": "{{ dag_run.conf['knowledge_base'] }}",
    "region_name": "{{ dag_run.conf['region'] }}",
    "poll_interval": 0.5,
    "delete_jobs_on_kill": True,
}

for name, options in IMPORTS.items():
    with DAG(f"killed_{name}", schedule=None) as dag:
        WisdomImportQuickResponsesOperator(task_id="import", source=ROWS, **{**COMMON, **options})
    globals()[dag.dag_id] = dag

with DAG("killed_mapped", schedule=None):
    WisdomImportQuickResponsesOperator.partial(task_id="import", **COMMON).expand(source=[ROWS[:1], ROWS[1:]])
