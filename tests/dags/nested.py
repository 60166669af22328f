"""A deferrable operator that is mapped, and one that another task calls."""

from airflow.sdk import DAG, get_current_context, task

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

KNOWLEDGE_BASE = "{{ conn.aws_default.extra_dejson.knowledge_base_id }}"


@task(retries=0)
def nested():
    WisdomImportQuickResponsesOperator(
        task_id="inner", source=[{"Name": "n", "Content": "c"}], deferrable=True
    ).execute(get_current_context())


with DAG("nested", schedule=None) as dag:
    WisdomImportQuickResponsesOperator.partial(
        task_id="mapped", knowledge_base_id=KNOWLEDGE_BASE, deferrable=True, poll_interval=0.01
    ).expand(source=[[{"Name": "a", "Content": "c"}], [{"Name": "b", "Content": "c"}]])
    nested()
