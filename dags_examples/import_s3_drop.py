"""Import each file of quick responses that is dropped into a bucket, and report rows that were invalid or refused.

What it needs: a running triggerer, and the Airflow connection `aws_default` with credentials, region and, in its extra,
the knowledge base, the bucket and a topic of Amazon SNS for messages to people::

    {
      "region_name": "us-east-1",
      "knowledge_base_id": "<id or ARN>",
      "bucket": "<name>",
      "alert_topic": "<ARN of an SNS topic>"
    }

A file moves from `incoming/` to `done/`, or to `failed/` if it could not be imported. Its invalid and refused rows go
to `not-imported/`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, BaseSensorOperator, PokeReturnValue, get_current_context, task

from airflow_wisdom.operators import WisdomImportQuickResponsesOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

BUCKET = "{{ conn.aws_default.extra_dejson.bucket }}"
NAME = "{{ ti.xcom_pull(task_ids='new_file') }}"


class NewFileSensor(BaseSensorOperator):
    """Waits for a file below ``incoming/`` of a bucket, and pushes its name; the first by name if there are several.

    :param bucket: Name of the bucket.
    """

    template_fields: Sequence[str] = ("bucket",)

    def __init__(self, *, bucket: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow passes it
        """Look once."""
        # Imported here because a DAG is parsed far more often than it runs.
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        keys = S3Hook().list_keys(self.bucket, prefix="incoming/") or []
        names = sorted(key.removeprefix("incoming/") for key in keys if not key.endswith("/"))
        return PokeReturnValue(is_done=bool(names), xcom_value=names[0] if names else None)


with DAG(
    dag_id="import_s3_drop",
    # After each file, the next run waits for another.
    schedule="@continuous",
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START s3_drop]
    new_file = NewFileSensor(
        task_id="new_file", bucket=BUCKET, mode="reschedule", poke_interval=60, timeout=24 * 60 * 60, soft_fail=True
    )
    imported = WisdomImportQuickResponsesOperator(
        task_id="import",
        source=f"s3://{BUCKET}/incoming/{NAME}",
        on_invalid_rows="skip",
        invalid_rows_path=f"s3://{BUCKET}/not-imported/{NAME}.invalid.csv",
        on_failed_records="warn",
        failed_records_path=f"s3://{BUCKET}/not-imported/{NAME}.refused.csv",
        deferrable=True,
    )

    @task.short_circuit
    def rows_are_missing(summary: dict[str, Any]) -> bool:
        """Go on only if rows were invalid or refused."""
        return bool(summary["rowsInvalid"] or summary["rowsRefused"])

    @task
    def alert(summary: dict[str, Any], topic: str) -> None:
        """Notify the people who own the texts: how many rows were not imported, and where they are."""
        from airflow.providers.amazon.aws.hooks.sns import SnsHook

        SnsHook().publish_to_target(
            target_arn=topic,
            subject="Quick responses were not imported",
            message=f"{summary['rowsInvalid']} rows are invalid: {summary['invalidRowsPath'] or '-'}\n"
            f"{summary['rowsRefused']} rows were refused by AWS: {summary['failedRecordsPath'] or '-'}\n"
            f"{summary['rowsImported']} rows of the file are imported.",
        )

    @task(trigger_rule="none_skipped")
    def file_away(bucket: str, name: str) -> str:
        """Move the file out of the way, even if it could not be imported: the next run must not find it."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        summary = get_current_context()["ti"].xcom_pull(task_ids="import") or {}
        place = f"{'done' if summary.get('status') == 'COMPLETE' else 'failed'}/{name}"
        hook = S3Hook()
        hook.copy_object(f"incoming/{name}", place, bucket, bucket)
        hook.delete_objects(bucket, f"incoming/{name}")
        return place

    summary = imported.output
    rows_are_missing(summary) >> alert(summary, "{{ conn.aws_default.extra_dejson.alert_topic }}")
    new_file >> imported >> file_away(BUCKET, NAME)
    # [END s3_drop]
