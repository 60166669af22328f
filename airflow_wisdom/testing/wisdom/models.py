"""WisdomBackend class with methods for supported APIs (boto3 "wisdom" and "qconnect").

Assumed, because AWS does not document it: a knowledge base's name is unique, an unknown uploadId is not found
while an unused one is invalid, an upload can be used twice, a job in progress cannot be deleted, URLs of files
live for an hour, and Name and Shortcut key are unique per knowledge base (AWS says per Connect instance).
"""

from typing import Any

from botocore.loaders import create_loader
from moto.core.base_backend import BackendDict
from moto.core.exceptions import ServiceException

from .arguments import Word, check
from .contents import Contents
from .exceptions import RawError
from .import_jobs import ImportJobs
from .resources import Params


class WisdomBackend(ImportJobs, Contents):
    """One account and region of the service. Callers hold `lock`."""

    def control(self, switch: str, arguments: Params) -> Any:
        """Turn a switch or answer a question of the test that steers the service; none of it is AWS's."""
        verbs: dict[str, Any] = {
            "add_samples": self.add_samples,
            "age_import_job": self.age_import_job,
            "create_instance": self.create_instance,
            "edit_by_hand": self.edit_by_hand,
            "most_running": self.most_running,
            "quick_responses": self.quick_responses,
            "set_quick_response_status": self.set_quick_response_status,
            "set_status": self.set_status,
            **{name: getattr(self.switches, name) for name in self.switches.verbs},
            **{name: getattr(self.book, name) for name in self.book.verbs},
        }
        if switch not in verbs:
            raise ValueError(f"no such switch: {switch}")
        check(verbs[switch], arguments)
        with self.lock:
            return verbs[switch](**arguments)


def steer(asked: Any) -> Any:
    """Do what a test asks of one account and region; a ValueError says what is wrong with it.

    :param asked: {"account_id": ..., "region": ..., "switch": "throttle", "arguments": {...}}
    """
    check(_steer, asked if isinstance(asked, dict) else {})
    return _steer(**asked)


def _steer(account_id: Word, region: Word, switch: str, arguments: dict[str, Any]) -> Any:
    try:
        backend = wisdom_backends[account_id][region]
    except KeyError:
        raise ValueError(f"no such region: {region}") from None
    try:
        return backend.control(switch, arguments)
    except (RawError, ServiceException) as error:
        raise ValueError(error.message) from None


def _regions() -> list[str]:
    """Every region of AWS: botocore's list of the service's own, by which moto would go, lags behind."""
    partitions = create_loader().load_data("endpoints")["partitions"]
    return [region for partition in partitions for region in partition["regions"]]


wisdom_backends = BackendDict(WisdomBackend, "wisdom", use_boto3_regions=False, additional_regions=_regions())
