"""The trigger that a deferred task leaves behind while import jobs run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_wisdom.cadence import Cadence
from airflow_wisdom.watcher import AwsConnection, ImportJobWatcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow_wisdom.watcher import Outcome


class WisdomImportJobTrigger(BaseTrigger):
    """Fires one event once every one of some import jobs has ended, or the deadline has passed.

    All triggers of one AWS connection share one watcher, so that thousands cost a triggerer little more than one.

    The event's payload is a dict of JSON primitives: ``status`` is ``success`` if every job is COMPLETE and else
    ``error``, ``message`` says it in words, and ``jobs`` is a list with, for each job, ``knowledgeBaseId``,
    ``importJobId``, the last seen ``status`` with ``createdTime`` and ``lastModifiedTime``, and ``error``: None, or
    what :func:`airflow_wisdom.exceptions.from_dict` makes the exception from. It never holds a presigned URL.

    :param knowledge_base_id: Id or ARN of the knowledge base.
    :param import_job_ids: Ids of the import jobs.
    :param deadline: POSIX time at which waiting ends, the same after a restart of the triggerer. Default: none.
    :param poll_interval: Seconds between two looks at a job. Default: intervals that grow with the job's age, see
        :class:`airflow_wisdom.cadence.Cadence`.
    :param aws_conn_id: As for :class:`airflow_wisdom.hooks.WisdomHook`, like the next three.
    :param region_name: See there.
    :param verify: See there.
    :param service_name: See there.
    :param botocore_config: Parameters of ``botocore.config.Config``. Default: the connection's.
    """

    def __init__(
        self,
        *,
        knowledge_base_id: str,
        import_job_ids: Sequence[str],
        deadline: float | None = None,
        poll_interval: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        service_name: str = "wisdom",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.knowledge_base_id = knowledge_base_id
        self.import_job_ids = list(import_job_ids)
        self.deadline = deadline
        self.poll_interval = poll_interval
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self.service_name = service_name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the path of this class and the parameters that make this trigger anew."""
        names = (
            "knowledge_base_id",
            "import_job_ids",
            "deadline",
            "poll_interval",
            "aws_conn_id",
            "region_name",
            "verify",
            "botocore_config",
            "service_name",
        )
        return f"{__name__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield the event."""
        cadence = Cadence() if self.poll_interval is None else Cadence.every(self.poll_interval)
        outcomes = await asyncio.gather(
            *(
                ImportJobWatcher.wait_for(
                    self._connection(),
                    self.knowledge_base_id,
                    import_job_id,
                    deadline=self.deadline,
                    cadence=cadence,
                )
                for import_job_id in self.import_job_ids
            )
        )
        errors = [str(outcome.error) for outcome in outcomes if outcome.error]
        yield TriggerEvent(
            {
                "status": "error" if errors else "success",
                "message": "; ".join(errors) or f"Complete: {', '.join(self.import_job_ids)}",
                "jobs": list(map(self._report, self.import_job_ids, outcomes)),
            }
        )

    def _report(self, import_job_id: str, outcome: Outcome) -> dict[str, Any]:
        seen = outcome.job.to_dict() if outcome.job else {}
        return {
            "knowledgeBaseId": self.knowledge_base_id,
            "importJobId": import_job_id,
            "status": seen.get("status"),
            "createdTime": seen.get("createdTime"),
            "lastModifiedTime": seen.get("lastModifiedTime"),
            "error": outcome.error.to_dict() if outcome.error else None,
        }

    def _connection(self) -> AwsConnection:
        return AwsConnection.of(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config=self.botocore_config,
            service_name=self.service_name,
        )
