"""The amazon provider's own pattern for a deferred task, applied to import jobs as its documentation tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger


class PeerHook(AwsBaseHook):
    """A hook such as the provider has for each service."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, client_type="wisdom", **kwargs)

    @property
    def waiter_path(self) -> Path:
        """Where the custom waiter is: the provider looks only in its own folder."""
        return Path(__file__).with_name("waiter.json")


class PeerTrigger(AwsBaseWaiterTrigger):
    """A trigger such as the provider's own ``BedrockKnowledgeBaseActiveTrigger``, with its usual delay of 5 s."""

    aws_hook_class = PeerHook

    def __init__(self, *, knowledge_base_id: str, import_job_id: str, waiter_delay: int = 5) -> None:
        super().__init__(
            serialized_fields={"knowledge_base_id": knowledge_base_id, "import_job_id": import_job_id},
            waiter_name="import_job_complete",
            waiter_args={"knowledgeBaseId": knowledge_base_id, "importJobId": import_job_id},
            failure_message="The import job failed",
            status_message="Status of the import job is",
            status_queries=["importJob.status"],
            return_key="import_job_id",
            return_value=import_job_id,
            waiter_delay=waiter_delay,
            waiter_max_attempts=1000,
        )
