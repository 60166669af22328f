"""Tasks that end well and badly, and one for which something else is stored in the place of its link."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from airflow_wisdom.links import XCOM_KEY
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.tasks import WisdomTask


class Malformed(WisdomTask):
    """A task that finds something else where its link should be."""

    def execute(self, context):
        context["ti"].xcom_push(XCOM_KEY, self.params["stored"])
        self.is_resumed = True


with DAG("links", schedule=None) as dag:
    for job in ("good", "bad"):
        WisdomImportJobSensor(
            task_id=job,
            knowledge_base_id=os.environ.get("KNOWLEDGE_BASE", "kb"),
            import_job_id=os.environ.get(job.upper(), "job"),
            deferrable=True,
        )
    WisdomImportJobSensor(task_id="fails", knowledge_base_id="kb", import_job_id="job", aws_conn_id="no_such")
    for task_id, nonsense in {"number": 17, "script": "javascript:alert(1)", "nothing": None}.items():
        Malformed(task_id=task_id, params={"stored": nonsense})
