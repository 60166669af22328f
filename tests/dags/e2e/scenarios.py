"""One small DAG for each way of waiting; the import job's ids come with the run's conf."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

from airflow_wisdom.operators import WisdomStartImportJobOperator
from airflow_wisdom.sensors import WisdomImportJobSensor

SOURCE = Path(__file__).parents[3] / "dags_examples" / "data" / "one_file.csv"
FROM_CONF = {
    "knowledge_base_id": "{{ dag_run.conf['knowledge_base'] }}",
    "import_job_id": "{{ dag_run.conf['job'] }}",
}
START = {"deferrable": True, "start_from_trigger": True}
END = {**START, "end_from_trigger": True}
SENSORS = {
    "deferred": {"deferrable": True},
    "started": START,
    "ended": END,
    "timeout_deferred": {"deferrable": True, "timeout": 8},
    "timeout_deferred_soft": {"deferrable": True, "timeout": 8, "soft_fail": True},
    "timeout_started": {**START, "timeout": 8},
    "timeout_started_soft": {**START, "timeout": 8, "soft_fail": True},
    "timeout_ended_soft": {**END, "timeout": 8, "soft_fail": True},
    "deadline_deferred": {"deferrable": True, "timeout": 75},
    "deadline_started": {**START, "timeout": 75},
    "no_connection_started": {**START, "aws_conn_id": "no_such_connection"},
    "no_connection_deferred": {"deferrable": True, "aws_conn_id": "no_such_connection"},
}


@task
def read(metadata):
    """Show that a later task can read the XCom."""
    return metadata["importJobId"]


for name, options in SENSORS.items():
    with DAG(name, schedule=None) as dag:
        sensor = WisdomImportJobSensor(task_id="wait", **FROM_CONF, **options)
        read(sensor.output)
    globals()[name] = dag

for name, options in {"pull_started": START, "pull_ended": END}.items():
    with DAG(name, schedule=None) as dag:
        start = WisdomStartImportJobOperator(
            task_id="start",
            knowledge_base_id=FROM_CONF["knowledge_base_id"],
            source=str(SOURCE),
            wait_for_completion=False,
        )
        sensor = WisdomImportJobSensor(
            task_id="wait",
            knowledge_base_id=FROM_CONF["knowledge_base_id"],
            import_job_id="{{ ti.xcom_pull(task_ids='start', key='import_job_id', map_indexes=-1) }}",
            **options,
        )
        start >> sensor
        read(sensor.output)
    globals()[name] = dag

for name, options in {
    "killed_deferred": {"deferrable": True, "delete_jobs_on_kill": True},
    "killed_worker": {"deferrable": False, "retries": 1, "retry_delay": timedelta(seconds=1)},
    "killed_by_user": {"deferrable": False, "delete_jobs_on_kill": True},
}.items():
    with DAG(name, schedule=None) as dag:
        WisdomStartImportJobOperator(
            task_id="wait",
            knowledge_base_id=FROM_CONF["knowledge_base_id"],
            source=str(SOURCE),
            # Other scenarios have imported the file before: its names are taken.
            on_failed_records="ignore",
            **options,
        )
    globals()[name] = dag
