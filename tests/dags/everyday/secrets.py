"""Every way in which this package comes to know a presigned URL; where the service is comes with the run's conf."""

from __future__ import annotations

import logging
from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_wisdom.operators import (
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.transfers import SqlToWisdomOperator

ROWS = [{"Name": f"Answer {n}", "Content": "Text", "Routing Profile": "Sales" if n else ""} for n in range(3)]
RETRIES = {"retries": 1, "retry_delay": timedelta(seconds=1)}
IMPORTS = {
    "in_worker": {},
    "deferred": {"deferrable": True},
    "refused": {"on_failed_records": "warn"},
    "refused_deferred": {"deferrable": True},
    "job_failed": {},
    "upload_failed": RETRIES,
    "worker_killed": RETRIES,
}


def of(task_id):
    """Return what leads a task to its part of the service."""
    return {
        "aws_conn_id": "aws_of_secrets",
        "region_name": f"{{{{ dag_run.conf['{task_id}']['region'] }}}}",
        "knowledge_base_id": f"{{{{ dag_run.conf['{task_id}']['knowledge_base'] }}}}",
    }


with DAG("secrets", schedule=None):
    for name, options in IMPORTS.items():
        WisdomImportQuickResponsesOperator(task_id=name, source=ROWS, poll_interval=0.5, **of(name), **options)
    SqlToWisdomOperator(
        task_id="from_sql",
        sql="SELECT * FROM answers ORDER BY 1",
        sql_conn_id="answers",
        poll_interval=0.5,
        **of("from_sql"),
    )
    start = WisdomStartImportJobOperator(
        task_id="start", source="{{ dag_run.conf['start']['source'] }}", deferrable=True, **of("start")
    )
    sensor = WisdomImportJobSensor(task_id="sense", import_job_id=start.output["import_job_id"], **of("start"))
    start >> sensor

with DAG("leak", schedule=None):
    # What the search has to find, lest it find nothing for want of looking.
    pushed = WisdomGetImportJobOperator(
        task_id="push", import_job_id="{{ dag_run.conf['start']['job'] }}", include_urls=True, **of("start")
    )

    @task
    def tell(job):
        """Log the URL as nobody should."""
        logging.getLogger("airflow.task").info(job["url"])

    tell(pushed.output)
