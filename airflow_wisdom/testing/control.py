"""The handle with which a test, a demo or a benchmark steers the fake service."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any, Literal

DUMMY_KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}  # of a fake service
_lock = Lock()


@cache
def _session(in_process: bool) -> Any:  # noqa: ARG001  # tells two sessions apart
    """Share a session, because each one loads the models anew; only one made after moto was imported is mocked."""
    import boto3

    return boto3.Session()


class FakeWisdom:
    """One account and region of the fake service, in this process under `mock_aws` or behind `endpoint_url`.

    Every switch holds from now on until the next `reset`, which is also what entering `mock_aws` does.

    :param endpoint_url: where `airflow_wisdom.testing.server` listens; None: the moto of this process
    :param region_name: the AWS region that it stands for
    :param account_id: the AWS account that it stands for
    """

    def __init__(
        self,
        endpoint_url: str | None = None,
        *,
        region_name: str = "us-east-1",
        account_id: str = "123456789012",
    ) -> None:
        self.endpoint_url = endpoint_url.rstrip("/") if endpoint_url else None
        self.region_name = region_name
        self.account_id = account_id
        if self.endpoint_url is None:
            from airflow_wisdom.testing._register import register

            register()

    def __repr__(self) -> str:
        return f"FakeWisdom({self.endpoint_url!r}, region_name={self.region_name!r})"

    def client(self, service_name: str = "wisdom", **kwargs: Any) -> Any:
        """Make a real boto3 client, of this or any other service, with dummy credentials."""
        self._check_mock()
        where = {"region_name": self.region_name, "endpoint_url": self.endpoint_url, **DUMMY_KEYS}
        with _lock:  # a session is not safe to make clients in several threads
            client = _session(self.endpoint_url is None).client(service_name, **{**where, **kwargs})
        client.meta.events.register("before-sign", self._name_account)
        return client

    def create_knowledge_base(
        self, name: str = "quick responses", knowledge_base_type: str = "QUICK_RESPONSES", **kwargs: Any
    ) -> str:
        """Create a knowledge base and return its id; `kwargs` as for CreateKnowledgeBase."""
        client = self.client()
        made = client.create_knowledge_base(name=name, knowledgeBaseType=knowledge_base_type, **kwargs)
        return str(made["knowledgeBase"]["knowledgeBaseId"])

    def import_jobs(
        self,
        *,
        after_calls: int | None = None,
        after_seconds: float | None = None,
        status: str | None = None,
    ) -> None:
        """Say how jobs run that are started from now on.

        :param after_calls: GetImportJob and ListImportJobs show the job in progress so many times
        :param after_seconds: the job is in progress for so long; with neither, it has ended at the first look
        :param status: what it ends in, also one that AWS does not have; None: what its file
            deserves. The file is read for None and COMPLETE only.
        """
        self._control("import_jobs", after_calls=after_calls, after_seconds=after_seconds, status=status)

    def set_status(self, import_job_id: str, status: str) -> None:
        """Put a job that exists into any status at once; COMPLETE lets a job in progress read its file."""
        self._control("set_status", import_job_id=import_job_id, status=status)

    def deletions(self, *, after_calls: int = 0, status: str | None = None) -> None:
        """Say how DeleteImportJob ends.

        :param after_calls: so many looks show DELETE_IN_PROGRESS
        :param status: what the job stays visible in after them, such as DELETE_FAILED; None: it is gone
        """
        self._control("deletions", after_calls=after_calls, status=status)

    def partly_failed(self, status: str) -> None:
        """Choose the status of a job of which some rows failed, by default COMPLETE (unverified at AWS)."""
        self._control("partly_failed", status=status)

    def reused_client_token(self, answer: Literal["conflict", "first"]) -> None:
        """Choose what StartImportJob answers to a used clientToken with other parameters (unverified at AWS).

        :param answer: `conflict` (the default): a ConflictException, or `first`: the job of the first call
        """
        self._control("reused_client_token", answer=answer)

    def list_order(self, order: Literal["oldest_first", "newest_first"]) -> None:
        """Choose the order of ListImportJobs, by default `oldest_first` (unverified at AWS)."""
        self._control("list_order", order=order)

    def header(self, columns: dict[str, str]) -> None:
        """Choose the header row of import files (unverified at AWS): column label -> field.

        The fields are name, description, content, contentType, shortcutKey, channels, language, isActive and
        routingProfiles.
        """
        self._control("header", columns=columns)

    def routing_profiles(self, names: list[str] | None) -> None:
        """Say which routing profiles the Connect instance has; None (the default): any that is asked for."""
        self._control("routing_profiles", names=names)

    def quotas(self, **limits: int) -> None:
        """Change quotas: knowledge_bases, quick_responses, contents, document_bytes, import_rows, tags."""
        self._control("quotas", **limits)

    def throttle(self, tps: float | None = 10.0, http_status: int = 429) -> None:
        """Throttle as AWS does: all operations share one allowance of calls per second.

        DeleteQuickResponse and SearchQuickResponses have one of their own each, twice as large. None, as at
        the beginning: no throttling.
        """
        self._control("throttle", tps=tps, http_status=http_status)

    def fault(
        self, operation: str, code: str, *, http_status: int = 400, times: int = 1, message: str = "Scripted."
    ) -> None:
        """Answer the next calls of an operation with an error.

        :param operation: such as `GetImportJob`; `PutObject` and `GetObject` are the presigned URLs
        :param code: AWS's error code, any text
        :param http_status: of the answer
        :param times: how many calls are answered so
        :param message: of the error
        """
        self._control("fault", operation=operation, code=code, http_status=http_status, times=times, message=message)

    def expire_uploads(self, times: int = 1) -> None:
        """Answer the next PUTs to presigned URLs as S3 does when they come too late."""
        self._control("expire_uploads", times=times)

    def mark_signatures(self, mark: str | None) -> None:
        """Make every presigned URL recognisable, so that a test can search logs and databases for it.

        :param mark: letters and digits that the signature begins with and that are the ``X-Amz-Security-Token``, as of
            AWS's own temporary credentials; the URLs stay valid. None, as at the beginning: no mark
        """
        self._control("mark_signatures", mark=mark)

    def calls(self) -> dict[str, int]:
        """Say how often each operation was called since the reset, refused calls included."""
        return dict(self._control("calls"))

    def reset(self) -> None:
        """Bring everything back to the beginning: the state and the switches of every service of moto."""
        if self.endpoint_url is None:
            from moto.moto_api._internal.models import moto_api_backend

            moto_api_backend.reset()
        else:
            self._post("/moto-api/reset", {})

    def _control(self, switch: str, **arguments: Any) -> Any:
        if self.endpoint_url is not None:
            what = {"account_id": self.account_id, "switch": switch, "arguments": arguments}
            return self._post(f"/wisdom_{self.region_name}/control", what)
        from airflow_wisdom.testing.wisdom.models import wisdom_backends

        self._check_mock()
        return wisdom_backends[self.account_id][self.region_name].control(switch, arguments)

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
