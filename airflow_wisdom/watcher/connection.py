"""An AWS connection as the key of a watcher, and the hook that is made from it."""

from __future__ import annotations

import gc
import json
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from airflow_wisdom import settings
from airflow_wisdom.exceptions import EndpointError, WisdomError

if TYPE_CHECKING:
    from airflow_wisdom.hooks import WisdomHook

THREADS = 4
"""Calls under way at once: one knowledge base with slow answers does not hold up the others."""

_CLIENT_DEFAULTS = {
    # botocore's own attempts would go past the budget; the watcher tries again anyway.
    "retries": {"total_max_attempts": 1},
    "connect_timeout": 10,
    "read_timeout": 10,
    "max_pool_connections": THREADS,
}


class Connects(Hashable, Protocol):
    """What a watcher needs of an AWS connection. Two that are equal share a watcher."""

    def make_hook(self) -> WisdomHook:
        """Return a hook whose client is ready; called in a worker thread."""
        ...


@dataclass(frozen=True, eq=False)
class ReadyConnection:
    """The AWS connection of a hook that is there already, as in a worker.

    :param hook: The hook.
    """

    hook: WisdomHook

    def make_hook(self) -> WisdomHook:
        """Return the hook."""
        return self.hook


@dataclass(frozen=True)
class AwsConnection:
    """What makes two triggers share a watcher: everything that their client is made of.

    The parameters are those of :class:`~airflow_wisdom.hooks.WisdomHook`, but `botocore_config` is JSON, so that a
    connection can be a key.
    """

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: str
    service_name: str

    @classmethod
    def of(cls, *, botocore_config: dict[str, Any] | None, **parameters: Any) -> AwsConnection:
        """Return the connection for the parameters of a trigger: one object for all that are the same."""
        return _connection(botocore_config=json.dumps(botocore_config, sort_keys=True), **parameters)

    def make_hook(self) -> WisdomHook:
        """Return a hook whose client is ready. This takes long: not for an event loop's own thread."""
        try:
            hook = self._hook()
            hook.conn  # noqa: B018 - a cached property: the client is made here, in this thread
        except WisdomError:
            raise
        except Exception as exc:
            # Airflow's API server or secrets backend may just be starting again.
            raise EndpointError(f"The AWS connection could not be looked up: {exc!r}") from exc
        spare_the_collector("boto3, and the client")
        return hook

    def _hook(self) -> WisdomHook:
        # Imported here because boto3 and the amazon provider take most of a second to import.
        from airflow_wisdom.hooks import WisdomHook

        return WisdomHook(
            self.aws_conn_id,
            self.region_name,
            self.verify,
            json.loads(self.botocore_config),
            service_name=self.service_name,
            client_defaults=_CLIENT_DEFAULTS,
        )


_connection = lru_cache(maxsize=256)(AwsConnection)


@cache
def spare_the_collector(_loaded: str) -> None:
    """Take what the process has loaded by now out of the garbage collector's sight, once after each thing loaded.

    Airflow and boto3 are some 200,000 objects that stay for good. Looking through them takes the collector 0.1 s or
    more, in which no thread and no trigger gets on, and it does so whenever many triggers have come or gone.
    """
    if settings.gc_freeze():
        gc.freeze()
