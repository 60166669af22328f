"""Import the quick responses that a table of a database holds.

What it needs: a running triggerer, and two Airflow connections. `answers` leads to a database of any kind, whose
provider is installed, with a table `answers` that has the columns of the query below. `aws_default` holds credentials,
region and, in its extra, the knowledge base::

    {"region_name": "us-east-1", "knowledge_base_id": "<id or ARN>"}
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_wisdom.transfers import SqlToWisdomOperator

with DAG(
    dag_id="import_from_sql",
    schedule=None,
    params={"sql_conn_id": Param("answers", type="string", description="Airflow connection of the database")},
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START import_from_sql]
    SqlToWisdomOperator(
        task_id="import",
        sql_conn_id="{{ params.sql_conn_id }}",
        # The order lets a retry of the task find the jobs that the first try started.
        sql="SELECT title, shortcut, answer, language FROM answers WHERE approved = 1 ORDER BY id",
        column_mapping={"title": "Name", "shortcut": "Shortcut key", "answer": "Content"},
        deferrable=True,
    )
    # [END import_from_sql]
