"""Many deferred tasks of one DAG: half start an import job, half wait for one that somebody else has started."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, task

from airflow_wisdom.operators import WisdomStartImportJobOperator
from airflow_wisdom.sensors import WisdomImportJobSensor

SOURCE = Path(__file__).parents[3] / "dags_examples" / "data" / "one_file.csv"

with DAG("load", schedule=None, max_active_tasks=1000) as dag:

    @task
    def from_conf(key, dag_run=None):
        return dag_run.conf[key]

    WisdomStartImportJobOperator.partial(
        task_id="start",
        source=str(SOURCE),
        deferrable=True,
        # One file in a knowledge base again and again: its names are taken.
        on_failed_records="ignore",
    ).expand(knowledge_base_id=from_conf.override(task_id="knowledge_bases")("knowledge_bases"))
    WisdomImportJobSensor.partial(task_id="wait", deferrable=True, timeout=7200).expand_kwargs(
        from_conf.override(task_id="jobs")("jobs")
    )
