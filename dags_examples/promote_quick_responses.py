"""Copy the quick responses of a test instance to production, where routing profiles of the same names get them.

The file between the two is a backup: sync the one of an earlier day, and production is what it was. Nobody's quick
responses in production are removed but those that an earlier run of this DAG brought, and those are deactivated.

What it needs: the Airflow connection `aws_default` with credentials, region and, in its extra, both Amazon Connect
instances and the folder or URI for files::

    {
      "region_name": "us-east-1",
      "test_instance_id": "<id or ARN>",
      "production_instance_id": "<id or ARN>",
      "exports": "s3://<bucket>/exports"
    }
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_wisdom.operators import WisdomExportQuickResponsesOperator, WisdomSyncQuickResponsesOperator

TEST = "{{ conn.aws_default.extra_dejson.test_instance_id }}"
PRODUCTION = "{{ conn.aws_default.extra_dejson.production_instance_id }}"
# One file for each run; its name ends in the time of the run.
FILE = "{{ conn.aws_default.extra_dejson.exports }}/quick-responses-{{ dag_run.run_after | ts_nodash }}.csv"

with DAG(
    dag_id="promote_quick_responses",
    schedule=None,
    # Two runs at a time would be two tables with one owner.
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["wisdom"],
) as dag:
    # [START promote_quick_responses]
    exported = WisdomExportQuickResponsesOperator(task_id="export", instance_id=TEST, path=FILE)
    promoted = WisdomSyncQuickResponsesOperator(
        task_id="promote",
        # If production is in another AWS account, pass the connection that leads there as aws_conn_id.
        instance_id=PRODUCTION,
        source=FILE,
        owner_tag="promoted",
        on_missing="deactivate",
    )
    exported >> promoted
    # [END promote_quick_responses]
