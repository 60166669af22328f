"""What faults happen to: imports and a sync, whose knowledge base, file and report come with the run's conf."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator, WisdomSyncQuickResponsesOperator

AGAIN = {"retries": 4, "retry_delay": timedelta(seconds=1)}
ROOM = {"max_active_runs": 100, "max_active_tasks": 200}
LIMITS = {"poll_interval": 1, "timeout": 1200}
IMPORT = {**LIMITS, "max_rows_per_file": 5, "on_failed_records": "warn"}
WHERE = {
    name: f"{{{{ dag_run.conf['{name}'] }}}}" for name in ("aws_conn_id", "region_name", "knowledge_base_id", "source")
}
REPORT = {"failed_records_path": "{{ dag_run.conf['failed_records_path'] }}"}

for name, options in {
    "import_waiting": {"deferrable": False},
    "import_deferred": {"deferrable": True},
    "import_deleting": {"deferrable": True, "delete_jobs_on_kill": True},
    "import_once_waiting": {"deferrable": False, "retries": 0},
    "import_once_deferred": {"deferrable": True, "retries": 0},
}.items():
    with DAG(name, schedule=None, **ROOM, default_args=AGAIN) as dag:
        WisdomImportQuickResponsesOperator(task_id="load", **WHERE, **REPORT, **IMPORT, **options)
    globals()[name] = dag

with DAG("sync", schedule=None, **ROOM, default_args=AGAIN) as sync:
    WisdomSyncQuickResponsesOperator(task_id="load", **WHERE, timeout=1200)


@task
def loads(dag_run=None):
    """Return where each of many files goes."""
    return dag_run.conf["loads"]


with DAG("import_many", schedule=None, **ROOM, default_args=AGAIN) as many:
    WisdomImportQuickResponsesOperator.partial(task_id="load", **IMPORT, deferrable=True).expand_kwargs(loads())
