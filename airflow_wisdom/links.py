"""The link from a task in Airflow's UI to Amazon Connect in the AWS console.

AWS documents no address of a single knowledge base or import job in its console. The link leads to what is there for
sure, the list of the region's Amazon Connect instances, or to the one instance that an import job names.

Airflow's UI never runs this code: a worker stores the address as an XCom, and the UI reads it from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.model.import_job import ImportJob

__all__ = [
    "WisdomConsoleLink",
]

XCOM_KEY = "amazon_connect_console"
"""Key under which the address is stored, as text."""

_HOSTS = {
    "aws": "{region}.console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class WisdomConsoleLink(BaseOperatorLink):
    """Link to Amazon Connect in the AWS console, of the partition and region that the task's client works in.

    It holds no credentials and no signature: who follows it has to be signed in at AWS.
    """

    name = "Amazon Connect"

    @property
    def xcom_key(self) -> str:
        """Key of the XCom that holds the address, :data:`XCOM_KEY`."""
        return XCOM_KEY

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address that the task has found, or stored before it was deferred.

        :param operator: The task.
        :param ti_key: Key of the task instance.
        :returns: The address; empty where there is none.
        """
        # Airflow asks when a worker's part of the task ends, and stores the answer over what was there.
        if operator.console_url is None and operator.is_resumed:
            return stored_url(ti_key) or ""
        return operator.console_url or ""


class LinksToConsole(BaseOperator):
    """A task that stores where in the AWS console its work can be seen, as soon as that is known."""

    operator_extra_links = (WisdomConsoleLink(),)

    console_url: str | None = None
    """Address of Amazon Connect in the AWS console, once it is known."""

    is_resumed = False
    """Whether the task has come back from a deferral."""

    _context: Context | None = None

    def pre_execute(self, context: Context) -> None:
        """Remember the context, in which the link is stored."""
        self._context = context

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Come back from a deferral."""
        self.is_resumed = True
        return super().resume_execution(next_method, next_kwargs, context)

    def link_to_instance(self, hook: WisdomHook, job: ImportJob) -> None:
        """Let the link lead to the Amazon Connect instance that an import job names, if it does.

        :param hook: What AWS is reached with.
        :param job: The import job.
        """
        instance_arn = instance_arn_of(job)
        if instance_arn:
            self.link_to_console(hook, instance_arn)

    def link_to_console(self, hook: WisdomHook, instance_arn: str | None = None) -> None:
        """Store the link as soon as there is a client, which is before the task waits. No link is worth failing.

        :param hook: What AWS is reached with.
        :param instance_arn: ARN of the Amazon Connect instance. Default: the list of all.
        """
        if self._context is None or not self.do_xcom_push:
            return
        try:
            # The client that the task works with is made here if it was not yet; AWS is not called.
            where = hook.conn.meta
            address = console_url(where.partition, where.region_name, instance_arn)
            if address and address != self.console_url:
                self._context["ti"].xcom_push(XCOM_KEY, address)
                self.console_url = address
        except Exception as exc:  # noqa: BLE001 - what the task itself needs, it asks for again
            self.log.debug("There is no link to the AWS console: %r", exc)


def stored_url(ti_key: Any) -> str | None:
    """Return the address that is stored for a task instance; None where there is none, or what can be none.

    :param ti_key: The task instance, or its key.
    """
    try:
        address = XCom.get_value(ti_key=ti_key, key=XCOM_KEY)
    except Exception:  # noqa: BLE001 - whatever it is, a task is worth more than a link
        return None
    return address if isinstance(address, str) and address.startswith("https://") else None


def console_url(partition: str, region: str, instance_arn: str | None = None) -> str | None:
    """Return the address of Amazon Connect in the AWS console; None for a partition whose console is not known.

    :param partition: AWS partition, such as ``aws`` or ``aws-cn``.
    :param region: AWS region.
    :param instance_arn: ARN of the Amazon Connect instance to show. Default: the list of all.
    """
    if partition not in _HOSTS:
        return None
    page = "settings/overview" if instance_arn else "instances"
    query = urlencode({"region": region, **({"id": instance_arn} if instance_arn else {})})
    return f"https://{_HOSTS[partition].format(region=region)}/connect/v2/app/{page}?{query}"


def instance_arn_of(job: ImportJob) -> str | None:
    """Return the ARN of the Amazon Connect instance that an import job names; None if it names none.

    :param job: The import job. Its knowledge base's ARN supplies the account.
    """
    from airflow_wisdom.model.knowledge_base import Arn, is_arn

    try:
        instance = str((job.external_source_configuration or {})["configuration"]["connectConfiguration"]["instanceId"])
        base = Arn.parse(str(job.knowledge_base_arn))
    except (KeyError, TypeError, ValueError):
        return None
    return instance if is_arn(instance) else str(base._replace(service="connect", resource=f"instance/{instance}"))
