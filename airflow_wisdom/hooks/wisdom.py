"""The hook itself."""

from __future__ import annotations

import io
import logging
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.utils import parse_timestamp

from airflow_wisdom import settings
from airflow_wisdom.cadence import Cadence, Milestones, Patience, time_left
from airflow_wisdom.exceptions import (
    ClientConfigurationError,
    FailedRecordReportError,
    ResourceNotFoundError,
    UploadError,
    UploadTooLargeError,
    UploadUrlExpiredError,
    WisdomError,
)
from airflow_wisdom.hooks.connect import ConnectVerbs
from airflow_wisdom.hooks.errors import cause_of, translated, wisdom_error
from airflow_wisdom.hooks.knowledge_bases import KnowledgeBaseVerbs
from airflow_wisdom.hooks.lookup import find_connection
from airflow_wisdom.hooks.models import check_path, loader, quick_response_lengths
from airflow_wisdom.hooks.presigned import UploadSource, is_good, opened, raise_if_passing, raise_upload_error, send
from airflow_wisdom.hooks.quick_responses import QuickResponseVerbs, without_none
from airflow_wisdom.model.endings import has_ended
from airflow_wisdom.model.failed_records import FailedRecords
from airflow_wisdom.model.import_job import ImportJob, timed_out
from airflow_wisdom.model.knowledge_base import CONNECT_TAG
from airflow_wisdom.model.limits import MAX_REPORT_BYTES
from airflow_wisdom.values import ONE_DAY, duration, optional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import timedelta

    from airflow.sdk import Connection


log = logging.getLogger(__name__)

_NO_KNOWLEDGE_BASE = "pass knowledge_base_id, or put it into the extra of the Airflow connection"


class WisdomHook(QuickResponseVerbs, KnowledgeBaseVerbs, ConnectVerbs, AwsBaseHook):
    """Work with the import jobs of Amazon Connect Wisdom, today Amazon Q in Connect.

    `conn` is the bare boto3 client, for every operation that has no method here. Wherever a knowledge base is asked
    for, its id and its ARN both do.

    :param aws_conn_id: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param region_name: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param verify: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param config: Configuration of the botocore client, a ``botocore.config.Config`` or a dict of its parameters.
        Default: the connection's.
    :param service_name: As for :class:`~airflow_wisdom.hooks.connection.AwsConnection`.
    :param client_defaults: Parameters of ``botocore.config.Config`` for what neither `config` nor the connection
        sets. Default: none.
    :raises AirflowConnectionNotFoundError: On first use, if the Airflow connection does not exist.
    :raises OptionError: A default in Airflow's configuration makes no sense.

    Every method that calls AWS raises :class:`~airflow_wisdom.exceptions.AwsError` (by error code),
    :class:`~airflow_wisdom.exceptions.EndpointError` or
    :class:`~airflow_wisdom.exceptions.ClientConfigurationError`; where an id is empty, so that the request would be
    another one, :class:`~airflow_wisdom.exceptions.ParameterError`. Only what else a method raises is listed there.
    """

    def __init__(
        self,
        aws_conn_id: str | None = AwsBaseHook.default_conn_name,
        region_name: str | None = None,
        verify: bool | str | None = None,
        config: Any = None,
        *,
        service_name: str | None = None,
        client_defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            aws_conn_id=aws_conn_id,
            region_name=region_name,
            verify=verify,
            config=config,
            client_type=service_name or settings.service_name(),
        )
        self._client_defaults = client_defaults or {}

    @property
    def config(self) -> Config:
        """Configuration of the botocore client: what was given, over the connection's, over `client_defaults`."""
        return Config(**self._client_defaults).merge(super().config)

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:
        """Return a boto3 session that shares its service models with the others, and whose times are in UTC.

        botocore's own are in the zone of the machine: XCom takes those and then fails to read them elsewhere, and
        finding out the zone for each of thousands is slow.
        """
        if self.aws_conn_id == "":
            # It is refused there. Airflow's own hooks take it for None, boto3's own credentials.
            self.get_connection(self.aws_conn_id)
        session = super().get_session(region_name=region_name, deferrable=deferrable)
        if not deferrable:
            botocore_session = session._session  # noqa: SLF001 - boto3 has no other way
            botocore_session.register_component(
                "data_loader", loader(botocore_session.get_config_variable("data_path"))
            )
            parsers = botocore_session.get_component("response_parser_factory")
            parsers.set_parser_defaults(timestamp_parser=_utc)
        return session

    @cached_property
    def conn(self) -> Any:
        """The bare boto3 client; the times in its answers are in UTC.

        :raises AirflowConnectionNotFoundError: The Airflow connection does not exist.
        :raises ClientConfigurationError: No client can be made from it.
        """
        try:
            client = super().conn
        except (BotoCoreError, ClientError) as exc:
            raise wisdom_error(exc, "Client", {}) from cause_of(exc)
        except ValueError as exc:
            raise ClientConfigurationError(f"No client can be made: {exc}") from exc
        client.meta.events.register("before-parameter-build", check_path)
        return client

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Return the Airflow connection `conn_id`.

        :raises AirflowConnectionNotFoundError: It does not exist.
        """
        return find_connection(conn_id, "pass aws_conn_id=None to use boto3's own credentials")

    def test_connection(self, knowledge_base_id: str | None = None) -> tuple[bool, str]:
        """Say whether the connection leads to a knowledge base whose quick responses agents can see.

        Its type, its status and its tag ``AmazonConnectEnabled`` are checked; AWS operation ``GetKnowledgeBase``.

        :param knowledge_base_id: Id or ARN of the knowledge base. Default: that of the connection's extra, or that of
            the ``instance_id`` there. Where neither is named, the credentials alone are checked.
        :returns: Whether all is well, and what was found, for people.
        """
        try:
            found = self._named_knowledge_base(knowledge_base_id)
            if found is None:
                works, what = super().test_connection()  # type: ignore[no-untyped-call, unused-ignore]
                return works, f"{what}. No knowledge base was checked: {_NO_KNOWLEDGE_BASE}" if works else what
            known = self.get_knowledge_base(found)
        except WisdomError as exc:
            return False, str(exc)
        key, value = CONNECT_TAG
        fine = f"is of type {known.knowledge_base_type}, is {known.status}, and has the tag {key}={value}"
        return known.problem is None, f"Knowledge base {known.knowledge_base_id} {known.problem or fine}"

    def _named_knowledge_base(self, knowledge_base_id: str | None) -> str | None:
        """Return id or ARN of the knowledge base that was given, or that the connection's extra leads to."""
        if knowledge_base_id:
            return knowledge_base_id
        named, instance = self.named_in_connection()
        return str(named) if named else self.find_knowledge_base(str(instance)) if instance else None

    def get_import_job(self, knowledge_base_id: str, import_job_id: str) -> ImportJob:
        """Return an import job; AWS operation ``GetImportJob``.

        :param knowledge_base_id: Id or ARN of the knowledge base.
        :param import_job_id: Id of the import job.
        :raises ResourceNotFoundError: There is no such job in it, or no such knowledge base.
        """
        request = {"knowledgeBaseId": knowledge_base_id, "importJobId": import_job_id}
        with self._calling("get_import_job", request) as client:
            return ImportJob.from_response(client.get_import_job(**request)["importJob"])

    def list_import_jobs(self, knowledge_base_id: str, *, page_size: int = 100) -> Iterator[ImportJob]:
        """Yield every import job of a knowledge base, page by page as they are asked for; ``ListImportJobs``.

        AWS does not document the order. The jobs lack their presigned URLs, which a list does not have.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param page_size: Jobs a call, at most and by default 100.
        """
        for page in self.import_job_pages(knowledge_base_id, page_size=page_size):
            yield from page

    def import_job_pages(self, knowledge_base_id: str, *, page_size: int = 100) -> Iterator[list[ImportJob]]:
        """Yield the import jobs of a knowledge base by pages, one call each; parameters as :meth:`list_import_jobs`."""
        request = {"knowledgeBaseId": knowledge_base_id}
        with self._calling("list_import_jobs", request) as client:
            paginator = client.get_paginator("list_import_jobs")
            for page in paginator.paginate(**request, PaginationConfig={"PageSize": page_size}):
                yield [ImportJob.from_response(summary) for summary in page["importJobSummaries"]]

    def import_job_page(
        self, knowledge_base_id: str, next_token: str | None = None
    ) -> tuple[list[ImportJob], str | None]:
        """Return one page of the list of import jobs and what leads to the next; AWS operation ``ListImportJobs``.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param next_token: What the page before returned. Default: the first page.
        :returns: At most 100 jobs, and the token of the next page; None after the last.
        """
        request = {"knowledgeBaseId": knowledge_base_id, "maxResults": 100, "nextToken": next_token}
        with self._calling("list_import_jobs", request) as client:
            answer = client.list_import_jobs(**without_none(request))
            jobs = [ImportJob.from_response(summary) for summary in answer["importJobSummaries"]]
            return jobs, answer.get("nextToken")

    def start_import_job(
        self,
        knowledge_base_id: str,
        upload_id: str,
        *,
        import_job_type: str = "QUICK_RESPONSES",
        client_token: str | None = None,
        metadata: Mapping[str, str] | None = None,
        external_source_configuration: Mapping[str, Any] | None = None,
    ) -> ImportJob:
        """Start an import job and return it; AWS operation ``StartImportJob``.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param upload_id: The id that :meth:`upload` returned.
        :param import_job_type: What is imported. AWS knows ``QUICK_RESPONSES`` (default) alone.
        :param client_token: Makes the request idempotent: a second one with the same token and parameters returns
            the first job. Default: a new token each time. What AWS does with a used token and other parameters is
            not documented.
        :param metadata: At most 10 pairs of text to keep with the job. Default: none.
        :param external_source_configuration: AWS type ``ExternalSourceConfiguration``: the Amazon Connect instance
            that the data refer to. Default: none.
        :raises ConflictError: The client token was used before with other parameters.
        """
        request = {
            "knowledgeBaseId": knowledge_base_id,
            "uploadId": upload_id,
            "importJobType": import_job_type,
            "clientToken": client_token,
            "metadata": None if metadata is None else dict(metadata),
            "externalSourceConfiguration": external_source_configuration,
        }
        with self._calling("start_import_job", request) as client:
            answer = client.start_import_job(**without_none(request))
            return ImportJob.from_response(answer["importJob"])

    def delete_import_job(self, knowledge_base_id: str, import_job_id: str) -> None:
        """Delete an import job; AWS operation ``DeleteImportJob``.

        The quick responses that it created stay. What happens to a job that is still running is not documented.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param import_job_id: As for :meth:`get_import_job`.
        :raises ResourceNotFoundError: It does not exist, or no longer.
        """
        request = {"knowledgeBaseId": knowledge_base_id, "importJobId": import_job_id}
        with self._calling("delete_import_job", request) as client:
            client.delete_import_job(**request)

    def try_to_delete_running_job(self, knowledge_base_id: str, import_job_id: str) -> None:
        """Delete an import job if it runs and AWS lets us, as when a task is killed; errors are logged, not raised.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param import_job_id: As for :meth:`get_import_job`.
        """
        try:
            job = self.get_import_job(knowledge_base_id, import_job_id)
            if has_ended(job):
                self.log.info("Import job %s had ended already: it is %s", import_job_id, job.status)
                return
            self.delete_import_job(knowledge_base_id, import_job_id)
        except WisdomError as exc:
            self.log.warning("Import job %s was not deleted: %s", import_job_id, exc)
        else:
            self.log.info("Import job %s was deleted", import_job_id)

    def upload(
        self,
        knowledge_base_id: str,
        source: UploadSource,
        content_type: str = "text/csv",
        *,
        max_bytes: int | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> str:
        """Upload a file for an import job or a content and return its upload id; ``StartContentUpload`` and a PUT.

        If the presigned URL has expired by the time it is used, a new one is asked for once.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param source: Path of the file, its bytes, or a binary file object, which is sent from where it stands.
        :param content_type: Media type of the file. Default ``text/csv``, the only one for quick responses.
        :param max_bytes: Largest file that is sent, in bytes. Default: Airflow's option
            ``[wisdom] upload_max_bytes``, by itself 1,000,000.
        :param check: Called before each request; what it raises ends the upload. Default: nothing does.
        :raises UploadTooLargeError: The file is larger than `max_bytes`.
        :raises UploadUrlExpiredError: The second URL had expired as well.
        :raises UploadError: Amazon S3 did not take the file, or the file is empty.
        """
        with opened(source) as (body, size):
            self._check_size(knowledge_base_id, size, settings.upload_max_bytes() if max_bytes is None else max_bytes)
            start = body.tell()
            try:
                return self._upload_once(knowledge_base_id, body, size, content_type, check)
            except UploadUrlExpiredError:
                self.log.info("The upload URL had expired, asking for another")
            body.seek(start)
            return self._upload_once(knowledge_base_id, body, size, content_type, check)

    def failed_records(self, job: ImportJob, *, max_bytes: int = MAX_REPORT_BYTES) -> FailedRecords:
        """Return the records that an import job refused, from the report that AWS wrote about it.

        :param job: As for :meth:`download_failed_records`.
        :param max_bytes: As for :meth:`download_failed_records`.
        :returns: The refused records; empty if AWS wrote no report.
        :raises FailedRecordReportError: The report could not be fetched, or is no CSV.
        """
        with io.BytesIO() as report:
            self.download_failed_records(job, report, max_bytes=max_bytes)
            return FailedRecords.from_csv(report.getvalue().decode("utf-8-sig", errors="replace"))

    def download_failed_records(self, job: ImportJob, file: BinaryIO, *, max_bytes: int = MAX_REPORT_BYTES) -> bool:
        """Write the report of the records that an import job refused to a file, as it comes.

        :param job: The job. One without a report's URL, such as one from a list, is read again, and so is one whose URL
            has expired.
        :param file: A seekable binary file, written from where it stands.
        :param max_bytes: Largest report that is fetched, in bytes. Default 10,000,000.
        :returns: Whether there is a report.
        :raises FailedRecordReportError: The report could not be fetched, or is larger than `max_bytes`.
        """
        if job.failed_record_report is None:
            job = self.get_import_job(job.knowledge_base_id, job.import_job_id)
        if job.failed_record_report is None:
            return False
        start = file.tell()
        try:
            self._download(job, job.failed_record_report, file, max_bytes)
        except WisdomError as exc:
            job = self.get_import_job(job.knowledge_base_id, job.import_job_id)
            if getattr(exc, "too_large", False) or job.failed_record_report is None:
                raise
            self.log.info("The report of failed records is asked for once more, with a new URL: %s", exc)
            file.seek(start)
            file.truncate()
            self._download(job, job.failed_record_report, file, max_bytes)
        return True

    def _download(self, job: ImportJob, url: str, file: BinaryIO, max_bytes: int) -> None:
        where = {"knowledge_base_id": job.knowledge_base_id, "import_job_id": job.import_job_id}
        fail = partial(FailedRecordReportError, where=where)
        room = max_bytes

        def take(chunk: bytes) -> None:
            nonlocal room
            room -= len(chunk)
            if room < 0:
                raise fail(f"The report of failed records has more than {max_bytes:,} bytes", too_large=True)
            file.write(chunk)

        answer = send("GET", url, {}, None, where=where, config=self.config, verify=self.verify, take=take)
        if not is_good(answer):
            raise_if_passing("GetObject", answer, where)
            raise fail("The report of failed records could not be fetched", http_status=answer.status_code)

    def wait_for_import_job(
        self,
        knowledge_base_id: str,
        import_job_id: str,
        *,
        deadline: float | None = None,
        poll_interval: timedelta | float | None = None,
    ) -> ImportJob:
        """Block until an import job is COMPLETE and return it.

        Throttling, 5xx, connection errors and time-outs are waited out.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param import_job_id: As for :meth:`get_import_job`.
        :param deadline: POSIX time at which waiting ends. Default: one day from now.
        :param poll_interval: Seconds, or a timedelta, between two looks. Default: intervals that grow with the job's
            age, see :class:`~airflow_wisdom.cadence.Cadence`.
        :raises ImportJobFailedError: The job can no longer succeed.
        :raises UnknownImportJobStatusError: AWS reports a status that this version does not know.
        :raises ImportJobTimeoutError: The deadline passed first.
        """
        return self._wait(
            knowledge_base_id,
            import_job_id,
            deadline=deadline,
            poll_interval=poll_interval,
            is_done=ImportJob.is_complete,
            age=ImportJob.elapsed,
        )

    def read_import_job(
        self, knowledge_base_id: str, import_job_id: str, *, deadline: float | None = None
    ) -> ImportJob:
        """Return an import job whatever its status, as :meth:`get_import_job`, but wait out throttling and the like.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param import_job_id: As for :meth:`get_import_job`.
        :param deadline: As for :meth:`wait_for_import_job`.
        :raises ImportJobTimeoutError: As for :meth:`wait_for_import_job`.
        """
        return self._wait(
            knowledge_base_id,
            import_job_id,
            deadline=deadline,
            poll_interval=None,
            is_done=lambda _job: True,
            age=lambda _job, _now: None,
        )

    def wait_for_deletion(
        self,
        knowledge_base_id: str,
        import_job_id: str,
        *,
        deadline: float | None = None,
        poll_interval: timedelta | float | None = None,
    ) -> None:
        """Block until a deleted import job is gone: until AWS no longer finds it, or reports it DELETED.

        :param knowledge_base_id: As for :meth:`get_import_job`.
        :param import_job_id: As for :meth:`get_import_job`.
        :param deadline: As for :meth:`wait_for_import_job`.
        :param poll_interval: As for :meth:`wait_for_import_job`.
        :raises ImportJobFailedError: The job is DELETE_FAILED.
        :raises UnknownImportJobStatusError: As for :meth:`wait_for_import_job`.
        :raises ImportJobTimeoutError: As for :meth:`wait_for_import_job`.
        """
        with suppress(ResourceNotFoundError):
            self._wait(
                knowledge_base_id,
                import_job_id,
                deadline=deadline,
                poll_interval=poll_interval,
                is_done=ImportJob.is_deleted,
                # How old the import is says nothing about how long its deletion takes.
                age=lambda _job, _now: None,
            )
        self.log.info("Import job %s is deleted", import_job_id)

    def _wait(
        self,
        knowledge_base_id: str,
        import_job_id: str,
        *,
        deadline: float | None,
        poll_interval: timedelta | float | None,
        is_done: Callable[[ImportJob], bool],
        age: Callable[[ImportJob, float], float | None],
    ) -> ImportJob:
        began, cadence = time.time(), Cadence.of(optional(duration)("poll_interval", poll_interval))
        deadline = began + ONE_DAY if deadline is None else deadline
        job: ImportJob | None = None

        def give_up(_error: Exception | None = None) -> NoReturn:
            raise timed_out(knowledge_base_id, import_job_id, job, waited=time.time() - began)

        def interval() -> float:
            now = time.time()
            return cadence.interval((job and age(job, now)) or now - began)

        doing = f"Still waiting for import job {import_job_id}"
        patience = Patience(self.log, doing, deadline=deadline, give_up=give_up)
        milestones = Milestones()
        while True:
            try:
                job = self.get_import_job(knowledge_base_id, import_job_id)
            except WisdomError as exc:
                pause = patience.endure(exc, time.time(), pause=interval())
            else:
                patience.succeeded()
                if is_done(job):
                    return job
                if milestones.is_due(waited := time.time() - began):
                    self.log.info("%s, which is %s, after %.0f s", doing, job.status, waited)
                pause = min(time_left(deadline, time.time()), interval())
                if pause == 0:
                    give_up()
            time.sleep(pause)

    def quick_response_lengths(self) -> dict[str, tuple[int, int | None]]:
        """Return the fewest and most characters of each field of a quick response, as AWS's service models have them.

        The two clients reach one service, whose current documents allow what the wider model does.

        :returns: Member of ``CreateQuickResponse`` -> characters; of each item where the member is a list.
        """
        return quick_response_lengths()

    @contextmanager
    def _calling(self, operation: str, request: Mapping[str, Any]) -> Iterator[Any]:
        """Yield the boto3 client for a call of `operation`, and turn what it raises into this package's tree."""
        where = {
            "knowledge_base_id": request.get("knowledgeBaseId"),
            "import_job_id": request.get("importJobId"),
            "quick_response_id": request.get("quickResponseId"),
        }
        client = self.conn
        with translated(client.meta.method_to_api_mapping[operation], where):
            yield client

    @staticmethod
    def _check_size(knowledge_base_id: str, size: int, max_bytes: int) -> None:
        where = {"knowledge_base_id": knowledge_base_id}
        if size > max_bytes:
            raise UploadTooLargeError(
                f"The file has {size:,} bytes, at most {max_bytes:,} are allowed; nothing was sent",
                max_bytes=max_bytes,
                where=where,
            )
        if size == 0:
            raise UploadError("The file is empty; nothing was sent", where=where)

    def _upload_once(
        self, knowledge_base_id: str, body: BinaryIO, size: int, content_type: str, check: Callable[[], object]
    ) -> str:
        request = {"knowledgeBaseId": knowledge_base_id, "contentType": content_type}
        with self._calling("start_content_upload", request) as client:
            check()
            upload = client.start_content_upload(**request)
            headers = {**upload["headersToInclude"], "Content-Length": str(size)}
        check()
        where = {"knowledge_base_id": knowledge_base_id}
        answer = send("PUT", upload["url"], headers, body, where=where, config=self.config, verify=self.verify)
        if not is_good(answer):
            raise_upload_error(answer, where)
        return str(upload["uploadId"])


def _utc(value: Any) -> datetime:
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, timezone.utc)
    parsed: datetime = parse_timestamp(value)
    return parsed.astimezone(timezone.utc)
