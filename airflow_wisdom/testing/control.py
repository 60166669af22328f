"""The handle with which a test, a demo or a benchmark steers the fake service."""

from __future__ import annotations

from typing import Any, Literal

from airflow_wisdom.testing._handle import Handle, with_times


class FakeWisdom(Handle):
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
        return self._client(service_name, **kwargs)

    # What there is

    def create_knowledge_base(
        self,
        name: str = "quick responses",
        knowledge_base_type: str = "QUICK_RESPONSES",
        *,
        samples: bool = False,
        **kwargs: Any,
    ) -> str:
        """Create a knowledge base and return its id; `kwargs` as for CreateKnowledgeBase.

        :param samples: make two inactive quick responses in it, as Amazon Connect's admin site does; their text
            is made up
        """
        client = self.client()
        made = client.create_knowledge_base(name=name, knowledgeBaseType=knowledge_base_type, **kwargs)
        knowledge_base_id = str(made["knowledgeBase"]["knowledgeBaseId"])
        if samples:
            self._control("add_samples", knowledge_base_id=knowledge_base_id)
        return knowledge_base_id

    def create_instance(self, knowledge_base_id: str | None = None, routing_profiles: list[str] | None = None) -> str:
        """Create an Amazon Connect instance and return its id.

        ListRoutingProfiles and ListIntegrationAssociations tell of it. Import files are checked against the
        names of its routing profiles, and quick responses against their ARNs.

        :param knowledge_base_id: the knowledge base of its quick responses
        :param routing_profiles: the names of its routing profiles
        """
        made = self._control("create_instance", knowledge_base_id=knowledge_base_id, routing_profiles=routing_profiles)
        return str(made)

    def quick_responses(self, knowledge_base_id: str) -> list[dict[str, Any]]:
        """List all quick responses in any status, as GetQuickResponse shows them, without a call or look counted."""
        found = self._control("quick_responses", knowledge_base_id=knowledge_base_id)
        return [with_times(one) for one in found]

    def edit_by_hand(self, knowledge_base_id: str, quick_response_id: str, **changes: Any) -> None:
        """Change a quick response as a person in the admin site would, at once and in that person's name.

        :param changes: members as for UpdateQuickResponse
        """
        which = {"knowledge_base_id": knowledge_base_id, "quick_response_id": quick_response_id}
        self._control("edit_by_hand", **which, changes=changes)

    def calls(self) -> dict[str, int]:
        """Say how often each operation was called since the reset, refused calls included."""
        return dict(self._control("calls"))

    def history(self) -> list[dict[str, Any]]:
        """List the last 10,000 calls in order, each with its `operation`, `error` and `effect`.

        `error` is AWS's code, ``ConnectionClosed`` for a call that got no answer, or None. `effect` says whether
        a write was carried out, whatever was answered; a used clientToken has none.
        """
        return list(self._control("history"))

    def most_running(self) -> int:
        """Say how many import jobs of one knowledge base were in progress at once, at most."""
        return int(self._control("most_running"))

    # Import jobs

    def import_jobs(
        self,
        *,
        after_calls: int | None = None,
        after_seconds: float | None = None,
        status: str | None = None,
        answered: str | None = None,
    ) -> None:
        """Say how jobs run that are started from now on.

        :param after_calls: GetImportJob and ListImportJobs show the job in progress so many times
        :param after_seconds: the job is in progress for so long; with neither, it has ended at the first look
        :param status: what it ends in, also one that AWS does not have; None: what its file
            deserves. The file is read for None and COMPLETE only.
        :param answered: the status that StartImportJob itself answers, and in which the job stays, such as FAILED;
            None: START_IN_PROGRESS
        """
        pace = {"after_calls": after_calls, "after_seconds": after_seconds}
        self._control("import_jobs", **pace, status=status, answered=answered)

    def set_status(self, import_job_id: str, status: str) -> None:
        """Put a job that exists into any status at once; COMPLETE lets a job in progress read its file."""
        self._control("set_status", import_job_id=import_job_id, status=status)

    def age_import_job(self, import_job_id: str, seconds: float) -> None:
        """Let a job have been created, and last modified, so many seconds earlier than it was."""
        self._control("age_import_job", import_job_id=import_job_id, seconds=seconds)

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

    def lagging_list(self, *, calls: int | None = None, seconds: float | None = None) -> None:
        """Let ListImportJobs lack a job for a while after its start (unverified at AWS).

        :param calls: the job is missing from so many lists
        :param seconds: the job is missing for so long; with neither, as at the beginning, it is listed at once
        """
        self._control("lagging_list", calls=calls, seconds=seconds)

    def list_of_unknown_knowledge_base(
        self, code: Literal["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
    ) -> None:
        """Choose how ListImportJobs refuses a knowledge base that does not exist (unverified at AWS).

        :param code: `ValidationException` (the default) and `AccessDeniedException` are what AWS's model declares
        """
        self._control("list_of_unknown_knowledge_base", code=code)

    def header(self, columns: dict[str, str]) -> None:
        """Choose the header row of import files (unverified at AWS): column label -> field.

        The fields are name, description, content, contentType, shortcutKey, channels, language, isActive and
        routingProfiles.
        """
        self._control("header", columns=columns)

    def routing_profiles(self, names: list[str] | None) -> None:
        """Say which routing profiles import files may name; None (the default): any.

        They do not count where `create_instance` associated an instance with the knowledge base.
        """
        self._control("routing_profiles", names=names)

    # Quick responses

    def quick_response_changes(self, *, after_calls: int | None = None, after_seconds: float | None = None) -> None:
        """Let creating, updating and deleting a quick response take a while (unverified at AWS).

        Until then it is in the status CREATE_IN_PROGRESS, UPDATE_IN_PROGRESS or DELETE_IN_PROGRESS, shows what it
        was, and refuses other writes with a ConflictException.

        :param after_calls: GetQuickResponse and ListQuickResponses show it in progress so many times
        :param after_seconds: it is in progress for so long; with neither, as at the beginning, the write's own
            answer shows its end
        """
        self._control("quick_response_changes", after_calls=after_calls, after_seconds=after_seconds)

    def fail_quick_responses(self, change: Literal["create", "update", "delete"], *, times: int = 1) -> None:
        """Let the next changes of one kind end in CREATE_FAILED, UPDATE_FAILED or DELETE_FAILED.

        An item whose update failed is what it was; one whose deletion failed is still there; one whose creation
        failed counts neither for the quota nor for names and shortcut keys.

        :param change: which kind
        :param times: how many of them
        """
        self._control("fail_quick_responses", change=change, times=times)

    def set_quick_response_status(self, quick_response_id: str, status: str) -> None:
        """Put a quick response into any status at once; CREATED lets an update under way take effect."""
        self._control("set_quick_response_status", quick_response_id=quick_response_id, status=status)

    def reused_create_token(self, answer: Literal["first", "conflict", "new"]) -> None:
        """Choose what CreateQuickResponse answers to a used clientToken whose item was deleted (unverified at AWS).

        :param answer: `first` (the default): the first answer once more, though the item is gone, `conflict`: a
            ConflictException, or `new`: another item
        """
        self._control("reused_create_token", answer=answer)

    def check_routing_profiles(self, enabled: bool) -> None:
        """Choose whether a routing profile's ARN has to exist in the instance, by default True (unverified at AWS)."""
        self._control("check_routing_profiles", enabled=enabled)

    def stale_search(self, *, seconds: float | None = None, writes: int | None = None, missing: int = 0) -> None:
        """Let SearchQuickResponses be behind (unverified at AWS); without arguments, as at the beginning, it is not.

        :param seconds: each change is found so long after it was made
        :param writes: the last so many changes are not found yet; a change of status counts
        :param missing: so many of the newest items are not found
        """
        self._control("stale_search", seconds=seconds, writes=writes, missing=missing)

    def search_hides_inactive(self, enabled: bool) -> None:
        """Choose whether search leaves inactive quick responses out, by default False (unverified at AWS)."""
        self._control("search_hides_inactive", enabled=enabled)

    # Any call

    def quotas(self, **limits: int) -> None:
        """Change quotas.

        :param limits: of knowledge_bases, quick_responses, contents, document_bytes, import_rows,
            routing_profiles (of one quick response) and tags
        """
        self._control("quotas", **limits)

    def throttle(self, tps: float | None = 10.0, http_status: int = 429) -> None:
        """Throttle as AWS does: all operations share one allowance of calls per second.

        DeleteQuickResponse and SearchQuickResponses have one of their own each, twice as large; those of Amazon
        Connect have AWS's quotas, whatever `tps` is. None, as at the beginning: no throttling.
        """
        self._control("throttle", tps=tps, http_status=http_status)

    def fault(
        self,
        operation: str,
        code: str = "InternalServerException",
        *,
        http_status: int = 400,
        times: int = 1,
        message: str = "Scripted.",
        after: int = 0,
        after_effect: bool = False,
        lost: bool = False,
    ) -> None:
        """Answer the next calls of an operation with an error, or not at all.

        :param operation: such as `GetImportJob`; `PutObject` and `GetObject` are the presigned URLs, and ``*`` is
            any call
        :param code: AWS's error code, any text
        :param http_status: of the answer, from 400 to 599
        :param times: how many calls are answered so
        :param message: of the error
        :param after: how many calls of the operation are let through first
        :param after_effect: carry the call out all the same
        :param lost: close the connection instead of answering; botocore raises its ConnectionClosedError
        """
        self._control(
            "fault",
            operation=operation,
            code=code,
            http_status=http_status,
            times=times,
            message=message,
            after=after,
            after_effect=after_effect,
            lost=lost,
        )

    def clear_faults(self) -> None:
        """Forget the faults and the nonsense that were scripted and did not happen yet."""
        self._control("clear_faults")

    def nonsense(self, operation: str, body: Any, *, times: int = 1) -> None:
        """Carry out the next calls of an operation, and answer 200 with another body.

        :param operation: of the service, not of a presigned URL
        :param body: text as it is, anything else as JSON
        :param times: how many calls are answered so
        """
        self._control("nonsense", operation=operation, body=body, times=times)

    def latency(self, seconds: float) -> None:
        """Let every answer come so many seconds after its effect, at most 3600; 0, as at the beginning: at once."""
        self._control("latency", seconds=seconds)

    def expire_uploads(self, times: int = 1) -> None:
        """Answer the next PUTs to presigned URLs as S3 does when they come too late."""
        self._control("expire_uploads", times=times)

    def upload_target(self, url: str | None, headers: dict[str, str] | None = None) -> None:
        """Let StartContentUpload answer with a URL of your own, such as one of a closed port.

        :param url: where uploads are to go; None, as at the beginning: to the fake
        :param headers: more headersToInclude
        """
        self._control("upload_target", url=url, headers=headers)

    def mark_signatures(self, mark: str | None) -> None:
        """Make every presigned URL recognisable, so that a test can search logs and databases for it.

        :param mark: letters and digits that the signature begins with and that are the ``X-Amz-Security-Token``, as of
            AWS's own temporary credentials; the URLs stay valid. None, as at the beginning: no mark
        """
        self._control("mark_signatures", mark=mark)

    def reset(self) -> None:
        """Bring everything back to the beginning: the state and the switches of every service of moto."""
        if self.endpoint_url is None:
            from moto.moto_api._internal.models import moto_api_backend

            moto_api_backend.reset()
        else:
            self._post("/moto-api/reset", {})
