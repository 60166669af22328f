"""A DAG of the docs: quick responses that another task makes."""

from __future__ import annotations

from airflow.sdk import DAG, task

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

with DAG("rows", schedule=None) as dag:
    # [START rows]
    @task
    def answers():
        """Return one dict for each quick response; its keys are labels of the template."""
        hours = {"Monday": "9 to 5", "Saturday": "10 to 2"}
        return [{"Name": f"Hours on {day}", "Content": f"We are here from {time}."} for day, time in hours.items()]

    WisdomImportQuickResponsesOperator(
        task_id="import",
        knowledge_base_id="{{ conn.aws_default.extra_dejson.knowledge_base_id }}",
        source=answers(),
    )
    # [END rows]
