"""Empty all knowledge bases of the playground, and put the sample back into the bucket: imports succeed once more.

AWS refuses quick responses whose names are taken, and so does the fake service. Only `make playground` has this DAG.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Connection, task

SAMPLE = "branch.csv"

with DAG(
    dag_id="start_over",
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    doc_md=__doc__,
    tags=["playground"],
) as dag:

    @task
    def delete_quick_responses() -> dict[str, int]:
        """Delete every quick response, and return how many each knowledge base had."""
        from airflow_wisdom.testing import FakeWisdom

        fake = FakeWisdom(Connection.get("aws_default").extra_dejson["endpoint_url"])
        client = fake.client()
        deleted = {}
        for base in client.list_knowledge_bases()["knowledgeBaseSummaries"]:
            base_id = base["knowledgeBaseId"]
            ids = [one["quickResponseId"] for one in fake.quick_responses(base_id)]
            for each in ids:
                client.delete_quick_response(knowledgeBaseId=base_id, quickResponseId=each)
            deleted[base["name"]] = len(ids)
        return deleted

    @task
    def drop_the_sample(bucket: str) -> None:
        """Put the sample where `import_s3_drop` looks for new files."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        S3Hook().copy_object(f"samples/{SAMPLE}", f"incoming/{SAMPLE}", bucket, bucket)

    delete_quick_responses()
    drop_the_sample("{{ conn.aws_default.extra_dejson.bucket }}")
