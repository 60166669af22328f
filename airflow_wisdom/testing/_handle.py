"""How `FakeWisdom` reaches the service: in this process under `mock_aws`, or over HTTP."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from threading import Lock
from typing import Any

DUMMY_KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}  # of a fake service
TIMES = ("createdTime", "lastModifiedTime")
_lock = Lock()


@cache
def _session(in_process: bool) -> Any:  # noqa: ARG001  # tells two sessions apart
    """Share a session, because each one loads the models again; only one made after moto was imported is mocked."""
    import boto3

    return boto3.Session()


class Handle:
    """Clients and switches of one account and region."""

    endpoint_url: str | None
    region_name: str
    account_id: str

    def _client(self, service_name: str, **kwargs: Any) -> Any:
        self._check_mock()
        where = {"region_name": self.region_name, "endpoint_url": self.endpoint_url, **DUMMY_KEYS}
        with _lock:  # a session is not safe to make clients in several threads
            client = _session(self.endpoint_url is None).client(service_name, **{**where, **kwargs})
        client.meta.events.register("before-sign", self._name_account)
        return client

    def _control(self, switch: str, **arguments: Any) -> Any:
        asked = {
            "account_id": self.account_id,
            "region": self.region_name,
            "switch": switch,
            "arguments": arguments,
        }
        if self.endpoint_url is not None:
            return self._post("/moto-api/wisdom/control", asked)
        from airflow_wisdom.testing.wisdom.models import steer
        from airflow_wisdom.testing.wisdom.steering import as_text

        self._check_mock()
        # Through JSON here as well, so that both forms take and give the same.
        return json.loads(json.dumps(steer(json.loads(json.dumps(asked))), default=as_text))

    def _post(self, path: str, what: dict[str, Any]) -> Any:
        import requests

        answer = requests.post(f"{self.endpoint_url}{path}", json=what, timeout=10)
        if answer.status_code == requests.codes.bad_request:
            raise ValueError(answer.json()["message"])
        answer.raise_for_status()
        return answer.json()

    def _check_mock(self) -> None:
        """Without `mock_aws` a client would call AWS, and entering it later would undo every switch."""
        if self.endpoint_url is None:
            from moto.core.models import botocore_stubber

            if not botocore_stubber.enabled:
                raise RuntimeError("Enter moto's mock_aws first, or give FakeWisdom an endpoint_url.")

    def _name_account(self, request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = self.account_id


def with_times(item: dict[str, Any]) -> dict[str, Any]:
    """Turn times, which travelled as text, into what boto3 gives."""
    return {name: datetime.fromisoformat(value) if name in TIMES else value for name, value in item.items()}
