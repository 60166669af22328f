"""Import a CSV of quick responses, and notify people if that fails: which knowledge base and job, and its last status.

What it needs: a running triggerer, and the Airflow connection `aws_default` with credentials, region and, in its extra,
the knowledge base::

    {"region_name": "us-east-1", "knowledge_base_id": "<id or ARN>"}

The sample has more rows than one import job takes, and no row of it is imported: the run is red, and the last lines of
the task's log are the message to people.

Instead of a function, the callback can be one of Airflow's notifiers. With Amazon SNS::

    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    SnsNotifier(
        target_arn="<ARN of the topic>",
        subject="{{ exception.headline | default('An import failed') }}",
        message="{{ ti.task_id }}: {{ exception }}",
    )

With Slack, from apache-airflow-providers-slack::

    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    SlackWebhookNotifier(text="{{ ti.task_id }}: {{ exception }}")
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG, Param

from airflow_wisdom.exceptions import wisdom_error_of
from airflow_wisdom.operators import WisdomStartImportJobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

SAMPLE = Path(__file__).parent / "data" / "quick_responses.csv"


# [START notify]
def notify(context: Context) -> None:
    """Print the text of a message to people."""
    failure = wisdom_error_of(context.get("exception"))
    print(f"{context['ti'].task_id} failed: {failure.headline}")
    for label, value in failure.summary_fields().items():
        print(f"  {label}: {value}")


# [END notify]

with DAG(
    dag_id="notify_on_failure",
    schedule=None,
    params={"source": Param(str(SAMPLE), type="string", description="Path of the CSV file")},
    doc_md=__doc__,
    tags=["wisdom"],
    # [START callback]
    default_args={"on_failure_callback": notify, "retries": 2, "retry_delay": timedelta(minutes=1)},
    # [END callback]
) as dag:
    WisdomStartImportJobOperator(
        task_id="import",
        source="{{ params.source }}",
        deferrable=True,
    )
