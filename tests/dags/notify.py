"""One failing task for each way of waiting; each failure goes to an SNS topic."""

from __future__ import annotations

import os

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.sdk import DAG

from airflow_wisdom.sensors import WisdomImportJobSensor

WAYS = {
    "poke": {"mode": "poke"},
    "deferred": {"deferrable": True},
    "late": {"mode": "poke", "timeout": 0},
    "late_deferred": {"deferrable": True, "timeout": 0},
}


def notifier():
    """A new one for each task: a notifier renders its templates in place, and all tasks run in one process here."""
    return SnsNotifier(
        target_arn=os.environ.get("TOPIC", ""),
        subject="{{ exception.headline | default('An import failed') }}",
        message="{{ ti.task_id }}: {{ exception }}",
    )


with DAG("notify", schedule=None) as dag:
    for task_id, way in WAYS.items():
        WisdomImportJobSensor(
            task_id=task_id,
            knowledge_base_id=os.environ.get("KNOWLEDGE_BASE", "kb"),
            import_job_id=os.environ.get("LATE" if "late" in task_id else "BAD", "job"),
            poke_interval=0.1,
            on_failure_callback=notifier(),
            **way,
        )
