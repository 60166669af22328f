"""A DAG as users write it, for type checkers alone: what is wrong is marked, and nothing else is."""

from datetime import timedelta

from airflow.sdk import DAG, task

from airflow_wisdom.operators import (
    WisdomDeleteImportJobOperator,
    WisdomExportQuickResponsesOperator,
    WisdomGetImportJobOperator,
    WisdomImportQuickResponsesOperator,
    WisdomStartImportJobOperator,
    WisdomSyncQuickResponsesOperator,
)
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.sources import SqlSource
from airflow_wisdom.transfers import SqlToWisdomOperator


@task
def rows() -> list[dict[str, str]]:
    return [{"Name": "Hello", "Content": "Good morning!"}]


with DAG("misspelt", schedule=None, default_args={"knowledge_base_id": "..."}):
    right = WisdomImportQuickResponsesOperator(
        task_id="right",
        source=rows(),
        mode="check",
        on_invalid_rows="skip",
        on_failed_records=3,
        max_rows_per_file="{{ params.rows }}",
        knowledge_base_id=rows(),
        timeout=timedelta(hours=1),
        poll_interval=None,
        retries=3,
        retry_delay=timedelta(minutes=1),
        trigger_rule="all_done",
        service_name="qconnect",
        allowed_values={"language": ["en_US"], "channels": None},
    )
    WisdomImportQuickResponsesOperator(
        task_id="texts", source="a.csv", timeout="2m", poll_interval="90", sample_size="50", deferrable="False"
    )
    SqlToWisdomOperator(task_id="numbers", sql="SELECT 1", sql_conn_id="db", max_bytes="100_000", fetch_size="5_000")
    WisdomImportJobSensor(task_id="waits", import_job_id="x", poke_interval="5", timeout="1m", include_urls="False")
    WisdomSyncQuickResponsesOperator(task_id="query", source=SqlSource("SELECT 1", "db"), owner_tag="faq", timeout=60)
    WisdomImportJobSensor(
        task_id="sensor", import_job_id=right.output, poke_interval=5, timeout=60, mode="reschedule", soft_fail=True
    )

    WisdomImportQuickResponsesOperator(task_id="a", source="a.csv", on_invalid_rows="warn")  # wrong: on_invalid_rows
    WisdomImportQuickResponsesOperator(task_id="b", source="a.csv", on_invalid_row="skip")  # wrong: on_invalid_row
    WisdomImportQuickResponsesOperator(task_id="c", source="a.csv", retry=3)  # wrong: retry
    WisdomImportQuickResponsesOperator(task_id="d")  # wrong: source
    WisdomSyncQuickResponsesOperator(task_id="e", source="a.csv", on_missing="remove")  # wrong: on_missing
    WisdomSyncQuickResponsesOperator(task_id="f", source="a.csv", spaces="strip")  # wrong: spaces
    WisdomExportQuickResponsesOperator(task_id="g", path="a.csv", aws_con_id="x")  # wrong: aws_con_id
    WisdomStartImportJobOperator(task_id="h", source="a", on_failed_records="warning")  # wrong: on_failed_records
    WisdomGetImportJobOperator(task_id="i", import_job_id="x", require_completed=False)  # wrong: require_completed
    WisdomDeleteImportJobOperator(task_id="j", import_job="x")  # wrong: import_job
    WisdomImportJobSensor(task_id="k", import_job_id="x", mode="reschedul")  # wrong: mode
    SqlToWisdomOperator(task_id="l", sql="SELECT 1", sql_conn_id="db", extra_columns="drop")  # wrong: extra_columns
    SqlToWisdomOperator(task_id="m", sql="SELECT 1", sql_conn_id="db", delimiter=";")  # wrong: delimiter
    WisdomExportQuickResponsesOperator(task_id="n", path="a.csv", service_name="qconect")  # wrong: service_name
    WisdomStartImportJobOperator(task_id="o", source="a", import_job_type="X")  # wrong: import_job_type
    WisdomStartImportJobOperator(task_id="p", source="a", content_type="text/html")  # wrong: content_type
    WisdomSyncQuickResponsesOperator(task_id="q", source="a", allowed_values={"langage": ["x"]})  # wrong: langage
