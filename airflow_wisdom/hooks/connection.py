"""An AWS connection: the five parameters that say how AWS is reached, and the hook that is made from them."""

from __future__ import annotations

import gc
from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_wisdom import settings
from airflow_wisdom.exceptions import EndpointError, WisdomError

if TYPE_CHECKING:
    from airflow_wisdom.hooks import WisdomHook

THREADS = 4
"""Calls under way at once: one knowledge base with slow answers does not hold up the others."""

ATTEMPTS = 3
"""How often botocore sends a request of a task that is made once: what is asked again anyway is sent once a time."""

_CLIENT_DEFAULTS = {
    # botocore's own settings let one call that nobody answers take five minutes, past any deadline.
    "connect_timeout": 10,
    "read_timeout": 15,
    "max_pool_connections": THREADS,
}


class Connects(Hashable, Protocol):
    """What calls need of an AWS connection. Two that are equal share their client."""

    def make_hook(self) -> WisdomHook:
        """Return a hook whose client is ready; called in a worker thread."""
        ...


class ReadyConnection:
    """The AWS connection of a hook that is there already, as in a worker.

    :param hook: The hook.
    """

    def __init__(self, hook: WisdomHook) -> None:
        self.hook = hook

    def make_hook(self) -> WisdomHook:
        """Return the hook."""
        return self.hook


# No dataclass: every parse of a DAG makes this class, and a named tuple takes a fifth of the time (0.1 of 0.5 ms).
class AwsConnection(NamedTuple):
    """How AWS is reached: everything that a client is made of.

    :param aws_conn_id: Airflow connection that holds the AWS credentials. Default ``aws_default``; None stands for
        boto3's own credential chain. A connection that does not exist is an error.
    :param region_name: AWS region. Default: the connection's.
    :param verify: Whether to verify TLS certificates, or the path of a CA bundle. Default: the connection's.
    :param botocore_config: Parameters of ``botocore.config.Config`` as a dict. Default: the connection's.
    :param service_name: Name of the boto3 client, ``wisdom`` or ``qconnect``: one service, two names. Default:
        Airflow's option ``[wisdom] service_name``, by itself ``wisdom``.
    """

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: dict[str, Any] | None = None
    service_name: str | None = None

    def __hash__(self) -> int:
        # Without the dict, which has none.
        return hash((self.aws_conn_id, self.region_name, self.verify, self.service_name))

    @classmethod
    def of(cls, task: Any) -> AwsConnection:
        """Return the connection of a task or a trigger, which has the parameters as attributes of the same names.

        :param task: The task or trigger.
        """
        return cls(**{name: getattr(task, name) for name in AWS_PARAMETERS})

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return self._asdict()

    def settled(self) -> AwsConnection:
        """Return the same with the name of the client decided, so that another process uses the same."""
        return self._replace(service_name=self.service_name or settings.service_name())

    def hook(self, attempts: int = ATTEMPTS) -> WisdomHook:
        """Return a new hook; its client is made on first use.

        :param attempts: How often botocore sends a request before it gives up. Default 3.
        """
        # Imported here because boto3 and the amazon provider take most of a second to import.
        from airflow_wisdom.hooks import WisdomHook

        return WisdomHook(
            self.aws_conn_id,
            self.region_name,
            self.verify,
            self.botocore_config,
            service_name=self.service_name,
            client_defaults={**_CLIENT_DEFAULTS, "retries": {"total_max_attempts": attempts}},
        )

    def make_hook(self) -> WisdomHook:
        """Return a hook whose client is ready. This takes long: not for an event loop's own thread.

        :raises WisdomError: The connection does not exist, no client can be made from it, or Airflow does not answer.
        """
        try:
            # botocore's own attempts would go past the budget; who shares calls asks again anyway.
            hook = self.hook(attempts=1)
            hook.conn  # noqa: B018 - a cached property: the client is made here, in this thread
        except WisdomError:
            raise
        except Exception as exc:
            # Airflow's API server or secrets backend may just be starting again.
            raise EndpointError(f"The AWS connection could not be looked up: {exc!r}") from exc
        spare_the_collector("boto3, and the client")
        return hook


AWS_PARAMETERS = AwsConnection._fields
"""Names of the parameters that say how AWS is reached, of every operator, sensor and trigger."""


@cache
def spare_the_collector(_loaded: str) -> None:
    """Take what the process has loaded by now out of the garbage collector's sight, once after each thing loaded.

    Airflow and boto3 are some 200,000 objects that stay for good. Looking through them takes the collector 0.1 s or
    more, in which no thread and no trigger gets on, and it does so whenever many triggers have come or gone.
    """
    if settings.gc_freeze():
        gc.freeze()
