"""The hook, through a real boto3 client, against the fake service in process and over HTTP."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import time
import traceback
from dataclasses import replace
from datetime import timezone
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import SSLError
from rigs.network import before_call
from rigs.running import GOOD_CSV, PARTLY_BAD_CSV, start_job

from airflow_wisdom import exceptions, hooks
from airflow_wisdom.exceptions import (
    AccessDeniedError,
    AirflowConnectionNotFoundError,
    AwsError,
    ClientConfigurationError,
    ConflictError,
    EndpointError,
    FailedRecordReportError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    InvalidCredentialsError,
    ResourceNotFoundError,
    ServiceUnavailableError,
    ThrottlingError,
    UnknownImportJobStatusError,
    UploadError,
    UploadTooLargeError,
    UploadUrlExpiredError,
    ValidationError,
)
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.hooks.presigned import SENT_AT_ONCE

QUICK = 0.01
ONE_ATTEMPT = {"retries": {"total_max_attempts": 1}}


@pytest.fixture(params=["fake_wisdom", "fake_wisdom_over_http"])
def fake(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def kb(fake):
    return fake.create_knowledge_base()


@pytest.fixture
def hook(fake, service_name):
    return WisdomHook(config=ONE_ATTEMPT, service_name=service_name)


def put_connection(monkeypatch, **connection):
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", **connection}))


def test_the_whole_way_of_an_import(hook, kb, tmp_path):
    source = tmp_path / "quick_responses.csv"
    source.write_bytes(PARTLY_BAD_CSV)
    upload_id = hook.upload(kb, source)
    started = hook.start_import_job(kb, upload_id, client_token="t", metadata={"team": "billing"})
    assert started.status == "START_IN_PROGRESS"
    assert started.upload_id == upload_id
    assert started.metadata == {"team": "billing"}
    ended = hook.wait_for_import_job(kb, started.import_job_id, poll_interval=QUICK)
    assert ended.status == "COMPLETE"
    (refused,) = hook.failed_records(ended).records
    assert refused["Content"] == "Good evening!"
    hook.delete_import_job(kb, started.import_job_id)
    hook.wait_for_deletion(kb, started.import_job_id, poll_interval=QUICK)
    with pytest.raises(ResourceNotFoundError):
        hook.get_import_job(kb, started.import_job_id)


def test_a_knowledge_base_is_named_by_id_or_arn(fake, hook, kb):
    arn = fake.client().get_knowledge_base(knowledgeBaseId=kb)["knowledgeBase"]["knowledgeBaseArn"]
    job = hook.start_import_job(arn, hook.upload(arn, GOOD_CSV))
    assert hook.get_import_job(arn, job.import_job_id).knowledge_base_id == kb
    assert [job.import_job_id for job in hook.list_import_jobs(arn)] == [job.import_job_id]


@pytest.mark.parametrize("source", ["path", "text path", "bytes", "file", "pipe"])
def test_a_file_is_taken_from_wherever_it_is(hook, kb, tmp_path, source):
    path = tmp_path / "f.csv"
    path.write_bytes(GOOD_CSV)
    upload = {"path": path, "text path": str(path), "bytes": GOOD_CSV}
    if source in upload:
        upload_id = hook.upload(kb, upload[source])
    elif source == "file":
        # What was read before, such as a line of comment, is not sent.
        file = io.BytesIO(b"# comment\n" + GOOD_CSV)
        file.readline()
        upload_id = hook.upload(kb, file)
    else:
        read, write = os.pipe()
        with os.fdopen(write, "wb") as pipe:
            pipe.write(GOOD_CSV)
        with os.fdopen(read, "rb") as pipe:
            upload_id = hook.upload(kb, pipe)
    job = hook.start_import_job(kb, upload_id)
    done = hook.wait_for_import_job(kb, job.import_job_id, poll_interval=QUICK)
    assert requests.get(done.url, timeout=10).content == GOOD_CSV


def test_lists_are_read_page_by_page_as_they_are_asked_for(fake, hook, kb):
    jobs = {start_job(fake, kb) for _ in range(5)}
    listing = hook.list_import_jobs(kb, page_size=2)
    next(listing)
    assert fake.calls()["ListImportJobs"] == 1
    rest = list(listing)
    assert fake.calls()["ListImportJobs"] == 3
    assert len(rest) == 4
    assert {job.import_job_id for job in rest} <= jobs


def test_an_upload_sends_the_signed_headers_and_a_length(fake_wisdom_over_http, monkeypatch, tmp_path):
    """Seen from the server: no credentials from ~/.netrc, no media type of one's own, no chunks."""
    seen = {}

    class S3(BaseHTTPRequestHandler):
        def do_PUT(self):
            seen["headers"] = {name.lower(): value for name, value in self.headers.items()}
            seen["body"] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    kb = fake_wisdom_over_http.create_knowledge_base()
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login mine password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with HTTPServer(("127.0.0.1", 0), S3) as server:
        threading.Thread(target=server.handle_request).start()
        signed = {"Content-Type": "text/csv", "x-amz-server-side-encryption": "aws:kms"}
        url = f"http://127.0.0.1:{server.server_port}/key?X-Amz-Signature=abc"
        fake_wisdom_over_http.upload_target(url, signed)
        WisdomHook().upload(kb, GOOD_CSV)
    assert seen["body"] == GOOD_CSV
    transport = {"host", "user-agent", "accept-encoding"}
    assert {name: value for name, value in seen["headers"].items() if name not in transport} == {
        "content-type": "text/csv",
        "x-amz-server-side-encryption": "aws:kms",
        "content-length": str(len(GOOD_CSV)),
    }


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_of_a_presigned_url_is_followed(fake_wisdom_over_http, code):
    """Whoever answers so would be handed the file, or a report."""
    seen = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_PUT(self):
            seen.append(self.command)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT  # noqa: N815 - as the base class spells it

        def log_message(self, *_):
            pass

    hook, kb = WisdomHook(), fake_wisdom_over_http.create_knowledge_base()
    job = hook.wait_for_import_job(kb, start_job(fake_wisdom_over_http, kb, PARTLY_BAD_CSV), poll_interval=QUICK)
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/key?X-Amz-Signature=abc"
        fake_wisdom_over_http.upload_target(url)
        with pytest.raises(UploadError) as raised:
            hook.upload(kb, GOOD_CSV)
        # No empty report, which would mean that nothing was refused.
        report = hook.failed_records(replace(job, failed_record_report=url))
        server.shutdown()
    assert raised.value.http_status == code
    assert len(report) == 1
    assert seen == ["PUT", "GET"]


def test_a_large_file_is_sent_in_large_pieces(fake_wisdom_over_http):
    asked = set()

    class File(io.BytesIO):
        def read(self, size=-1):
            asked.add(size)
            return super().read(size)

    WisdomHook().upload(fake_wisdom_over_http.create_knowledge_base(), File(b"x" * 900_000))
    assert asked == {SENT_AT_ONCE}


def test_an_expired_url_is_asked_for_again_once(fake, hook, kb):
    fake.expire_uploads(1)
    upload_id = hook.upload(kb, io.BytesIO(GOOD_CSV))
    assert fake.calls()["StartContentUpload"] == 2
    job = hook.start_import_job(kb, upload_id)
    assert hook.wait_for_import_job(kb, job.import_job_id, poll_interval=QUICK).status == "COMPLETE"

    fake.expire_uploads(2)
    with pytest.raises(UploadUrlExpiredError) as raised:
        hook.upload(kb, GOOD_CSV)
    assert fake.calls()["StartContentUpload"] == 4
    assert raised.value.http_status == 403
    assert "X-Amz" not in str(raised.value)


def test_a_refused_upload_says_what_s3_said(fake, hook, kb):
    fake.fault("PutObject", "AccessDenied", http_status=403, message="There were headers which were not signed.")
    with pytest.raises(UploadError, match="AccessDenied: There were headers which were not signed") as raised:
        hook.upload(kb, GOOD_CSV)
    assert (raised.value.code, raised.value.http_status) == ("AccessDenied", 403)
    assert raised.value.where == {"knowledge_base_id": kb}


BOMB = "<!DOCTYPE b [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><Error><Code>&b;</Code></Error>"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            "<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>Bad</Code><Message>a &lt; b</Message></Error>",
            "Bad: a < b",
        ),
        ("<Error><Code>Bad</Code><Message><![CDATA[a < b]]></Message><Resource/></Error>", "Bad: a < b"),
        ("<Error><!-- <Code>Old</Code> --><Code>Bad</Code></Error>", "Bad: no message"),
        ("<Error><Code>Bad</Code><Message>cut o", "no error code: no message"),
        ("<html><body>Bad gateway</body></html>", "no error code: no message"),
        ("Go away\x00", "no error code: no message"),
        ("", "no error code: no message"),
        (BOMB, "no error code: no message"),
    ],
)
def test_the_words_of_s3_are_read_from_its_xml_alone(fake_wisdom_over_http, answer, said):
    """Whatever stands between us and Amazon S3 may answer in its own way, and in bad faith."""

    class Refusing(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(400)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            pass

    hook, kb = WisdomHook(), fake_wisdom_over_http.create_knowledge_base()
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        fake_wisdom_over_http.upload_target(f"http://127.0.0.1:{server.server_port}/key?X-Amz-Signature=abc")
        with pytest.raises(UploadError) as raised:
            hook.upload(kb, GOOD_CSV)
        server.shutdown()
    assert raised.value.message == f"Amazon S3 did not take the file: {said}"


WEATHER_OF_S3 = [
    ("SlowDown", 503, ThrottlingError),
    ("InternalError", 500, ServiceUnavailableError),
    ("RequestTimeout", 400, ServiceUnavailableError),
    ("Unheard", 502, ServiceUnavailableError),
]


@pytest.mark.parametrize(("code", "http_status", "kind"), WEATHER_OF_S3)
def test_s3_has_weather_of_its_own(fake, hook, kb, code, http_status, kind):
    fake.fault("PutObject", code, http_status=http_status, message="Try again.")
    with pytest.raises(kind, match=f"PutObject: {code}: Try again") as raised:
        hook.upload(kb, GOOD_CSV)
    assert (raised.value.http_status, raised.value.where) == (http_status, {"knowledge_base_id": kb})


def test_a_file_of_the_wrong_size_is_never_sent(fake, hook, kb, tmp_path):
    with pytest.raises(UploadTooLargeError, match="11 bytes, at most 10") as raised:
        hook.upload(kb, b"x" * 11, max_bytes=10)
    assert raised.value.max_bytes == 10
    with pytest.raises(UploadTooLargeError, match="1,000,001 bytes, at most 1,000,000"):
        hook.upload(kb, b"x" * 1_000_001)
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(UploadError, match="empty"):
        hook.upload(kb, empty)
    with pytest.raises(FileNotFoundError):
        hook.upload(kb, tmp_path / "nowhere.csv")
    assert "StartContentUpload" not in fake.calls()


def test_a_connection_that_breaks_during_the_upload_leaks_no_url(fake_wisdom_over_http):
    kb = fake_wisdom_over_http.create_knowledge_base()
    fake_wisdom_over_http.upload_target("http://127.0.0.1:1/key?X-Amz-Signature=abc123")
    with pytest.raises(EndpointError, match="PUT failed") as raised:
        WisdomHook().upload(kb, GOOD_CSV)
    assert "abc123" not in str(raised.value)
    assert raised.value.__context__ is None


def test_presigned_urls_stay_out_of_debug_logs(fake_wisdom_over_http, caplog):
    caplog.set_level(logging.DEBUG)
    hook, kb = WisdomHook(), fake_wisdom_over_http.create_knowledge_base()
    job = hook.start_import_job(kb, hook.upload(kb, PARTLY_BAD_CSV))
    hook.failed_records(hook.wait_for_import_job(kb, job.import_job_id, poll_interval=QUICK))
    assert "<redacted>" in caplog.text
    assert "X-Amz-Signature" not in caplog.text


@pytest.mark.parametrize(
    ("code", "http_status", "expected"),
    [
        ("AccessDeniedException", 403, AccessDeniedError),
        ("UnauthorizedException", 401, AccessDeniedError),
        ("ExpiredTokenException", 403, InvalidCredentialsError),
        ("UnrecognizedClientException", 403, InvalidCredentialsError),
        ("ConflictException", 409, ConflictError),
        ("ResourceNotFoundException", 404, ResourceNotFoundError),
        ("ServiceQuotaExceededException", 402, exceptions.ServiceQuotaExceededError),
        ("ValidationException", 400, ValidationError),
        ("ThrottlingException", 429, ThrottlingError),
        ("ThrottlingException", 400, ThrottlingError),
        ("TooManyRequestsException", 429, ThrottlingError),
        ("SomethingNewException", 429, ThrottlingError),
        ("InternalServerException", 500, ServiceUnavailableError),
        ("SomethingNewException", 503, ServiceUnavailableError),
        ("SomethingNewException", 418, AwsError),
        ("NotImplementedException", 501, AwsError),
    ],
)
def test_aws_errors_are_told_apart_by_code(fake, hook, kb, code, http_status, expected):
    fake.fault("GetImportJob", code, http_status=http_status, message="No.")
    job = start_job(fake, kb)
    with pytest.raises(AwsError) as raised:
        hook.get_import_job(kb, job)
    error = raised.value
    assert type(error) is expected
    assert (error.code, error.http_status, error.operation) == (code, http_status, "GetImportJob")
    assert error.where == {"knowledge_base_id": kb, "import_job_id": job}
    assert error.request_id
    assert str(error).startswith(f"GetImportJob: {code}: No.")
    assert f"request {error.request_id}" in str(error)


def test_errors_of_a_list_are_of_the_tree_too(fake, hook, kb):
    fake.fault("ListImportJobs", "AccessDeniedException", http_status=403)
    with pytest.raises(AccessDeniedError) as raised:
        list(hook.list_import_jobs(kb))
    assert raised.value.operation == "ListImportJobs"


def test_a_parameter_that_botocore_refuses_is_a_validation_error(hook, kb):
    with pytest.raises(ValidationError, match="GetImportJob: ParamValidation"):
        hook.get_import_job(kb, 17)


def test_a_reused_client_token_is_a_conflict(hook, kb):
    hook.start_import_job(kb, hook.upload(kb, GOOD_CSV), client_token="t")
    with pytest.raises(ConflictError):
        hook.start_import_job(kb, hook.upload(kb, GOOD_CSV), client_token="t")


def test_a_missing_airflow_connection_is_an_error_and_no_fall_back(fake, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    for conn_id in ("aws_default", "mispelt"):
        with pytest.raises(AirflowConnectionNotFoundError, match=conn_id) as raised:
            WisdomHook(conn_id).get_import_job("kb", "job")
        assert raised.value.conn_id == conn_id
    assert WisdomHook(None, region_name="us-east-1").conn.meta.region_name == "us-east-1"


def test_what_stops_a_client_from_being_made_is_said(fake, monkeypatch):
    put_connection(monkeypatch, extra={"region_name": "us-east-1", "endpoint_url": "not a url"})
    with pytest.raises(ClientConfigurationError, match="not a url"):
        WisdomHook().get_import_job("kb", "job")
    put_connection(monkeypatch, extra={"region_name": "us-east-1"})
    with pytest.raises(ClientConfigurationError, match="wisdum"):
        WisdomHook(service_name="wisdum").conn  # noqa: B018 - the property makes the client
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name)
    put_connection(monkeypatch)
    with pytest.raises(ClientConfigurationError, match="region"):
        WisdomHook().get_import_job("kb", "job")


def test_a_role_that_may_not_be_assumed_is_an_aws_error(fake_wisdom_over_http, monkeypatch):
    extra = {
        "region_name": "us-east-1",
        "endpoint_url": fake_wisdom_over_http.endpoint_url,
        "role_arn": "too short",
    }
    put_connection(monkeypatch, login="a", password="b", extra=extra)
    with pytest.raises(exceptions.WisdomError):
        WisdomHook().get_import_job("kb", "job")


def test_a_connection_with_a_role_assumes_it(fake_wisdom_over_http, monkeypatch):
    kb = fake_wisdom_over_http.create_knowledge_base()
    extra = {
        "region_name": "us-east-1",
        "endpoint_url": fake_wisdom_over_http.endpoint_url,
        "role_arn": "arn:aws:iam::123456789012:role/importer",
    }
    put_connection(monkeypatch, login="a", password="b", extra=extra)
    hook = WisdomHook()
    assert list(hook.list_import_jobs(kb)) == []
    assert hook.conn._get_credentials().method == "sts-assume-role"


def test_an_endpoint_that_is_not_there_is_weather(fake_wisdom_over_http, monkeypatch):
    put_connection(
        monkeypatch,
        login="a",
        password="b",
        extra={"region_name": "us-east-1", "endpoint_url": "http://127.0.0.1:1"},
    )
    with pytest.raises(EndpointError) as raised:
        WisdomHook(config=ONE_ATTEMPT).get_import_job("kb", "job")
    assert raised.value.transient


@pytest.mark.parametrize(
    "nonsense",
    [
        {"importJob": {"status": "COMPLETE"}},
        {"importJob": "text"},
        {"importJob": ["list"]},
        {"importJob": None},
        {},
        [],
        "no JSON",
        {"importJob": {"status": 1}},
    ],
)
def test_an_answer_that_makes_no_sense_is_weather(fake, hook, kb, nonsense):
    job = start_job(fake, kb)
    fake.nonsense("GetImportJob", nonsense)
    with pytest.raises(EndpointError, match="makes no sense"):
        hook.get_import_job(kb, job)
    assert hook.get_import_job(kb, job).import_job_id == job


def test_no_cause_of_an_error_shows_a_presigned_url(fake, hook, kb):
    """Airflow prints the whole chain of an exception."""
    signed = "see https://b/k?X-Amz-Signature=abc123"
    fake.fault("GetImportJob", "AccessDeniedException", http_status=403, message=signed)
    with pytest.raises(AccessDeniedError) as raised:
        hook.get_import_job(kb, start_job(fake, kb))
    shown = "".join(traceback.format_exception(raised.value))
    assert "<redacted>" in shown
    assert "abc123" not in shown


def test_a_harmless_cause_is_kept(fake, hook, kb):
    fake.fault("GetImportJob", "AccessDeniedException", http_status=403)
    with pytest.raises(AccessDeniedError) as raised:
        hook.get_import_job(kb, start_job(fake, kb))
    assert type(raised.value.__cause__).__name__ == "AccessDeniedException"


def test_a_deletion_is_watched_closely_however_old_the_import_is(fake, hook, kb, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    fake.deletions(after_calls=3)
    job = start_job(fake, kb)
    hook.wait_for_import_job(kb, job)
    hook.delete_import_job(kb, job)
    fake.age_import_job(job, 36_000)
    hook.wait_for_deletion(kb, job)
    assert pauses
    assert max(pauses) <= 1


def test_settings_come_from_the_hook_then_the_connection_then_the_defaults(fake, monkeypatch):
    put_connection(
        monkeypatch,
        extra={"region_name": "eu-west-2", "config_kwargs": {"read_timeout": 2, "user_agent_extra": "mine"}},
    )
    defaults = {"read_timeout": 1, "connect_timeout": 1}
    config = WisdomHook(client_defaults=defaults).conn.meta.config
    assert (config.read_timeout, config.connect_timeout) == (2, 1)
    assert "mine" in config.user_agent_extra
    own = WisdomHook("aws_default", "us-west-2", False, Config(read_timeout=3), client_defaults=defaults)
    assert (own.conn.meta.config.read_timeout, own.conn.meta.region_name) == (3, "us-west-2")


def test_the_report_of_failed_records_is_found_wherever_the_job_comes_from(fake, hook, kb):
    job_id = start_job(fake, kb, PARTLY_BAD_CSV)
    hook.wait_for_import_job(kb, job_id, poll_interval=QUICK)
    (summary,) = hook.list_import_jobs(kb)
    assert len(hook.failed_records(summary)) == 1
    spotless = hook.wait_for_import_job(kb, start_job(fake, kb, b"Name,Content\nx,y\n"), poll_interval=QUICK)
    assert len(hook.failed_records(spotless)) == 0


def test_a_report_that_cannot_be_fetched_is_an_error_without_its_url(fake, hook, kb):
    done = hook.wait_for_import_job(kb, start_job(fake, kb, PARTLY_BAD_CSV), poll_interval=QUICK)
    fake.fault("GetObject", "AccessDenied", http_status=403, message="Request has expired", times=2)
    with pytest.raises(FailedRecordReportError) as raised:
        hook.failed_records(done)
    assert raised.value.http_status == 403
    assert "X-Amz" not in str(raised.value)


def test_a_report_whose_url_has_expired_is_fetched_with_a_new_one(fake, hook, kb):
    done = hook.wait_for_import_job(kb, start_job(fake, kb, PARTLY_BAD_CSV), poll_interval=QUICK)
    fake.fault("GetObject", "AccessDenied", http_status=403, message="Request has expired")
    assert len(hook.failed_records(done)) == 1


def test_a_report_that_is_too_large_is_not_fetched_whole(fake, hook, kb):
    done = hook.wait_for_import_job(kb, start_job(fake, kb, PARTLY_BAD_CSV), poll_interval=QUICK)
    with pytest.raises(FailedRecordReportError, match="more than 10 bytes") as raised:
        hook.failed_records(done, max_bytes=10)
    assert raised.value.too_large
    assert fake.calls()["GetObject"] == 1


def test_waiting_outlasts_throttling_and_server_errors_and_says_so_once(fake, hook, kb, capsys):
    fake.import_jobs(after_calls=1)
    job = start_job(fake, kb)
    fake.fault("GetImportJob", "ThrottlingException", http_status=400, times=2)
    fake.fault("GetImportJob", "InternalServerException", http_status=500, times=2)
    assert hook.wait_for_import_job(kb, job, poll_interval=QUICK).status == "COMPLETE"
    assert capsys.readouterr().out.count("Still waiting") == 1


def test_waiting_ends_at_the_deadline(fake, hook, kb, virtual_time):
    fake.import_jobs(after_seconds=3600)
    job = start_job(fake, kb)
    with pytest.raises(ImportJobTimeoutError) as raised:
        hook.wait_for_import_job(kb, job, deadline=time.time() + 40, poll_interval=30)
    assert raised.value.status == "START_IN_PROGRESS"
    assert fake.calls()["GetImportJob"] == 3
    fake.fault("GetImportJob", "ThrottlingException", times=100)
    with pytest.raises(ImportJobTimeoutError) as raised:
        hook.wait_for_import_job(kb, job, deadline=time.time(), poll_interval=QUICK)
    assert raised.value.status is None


def test_a_clock_that_stands_still_does_not_prolong_a_wait(fake, hook, kb, virtual_time, monkeypatch):
    """While AWS does not answer, the pauses are counted as well as the time."""
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    job = start_job(fake, kb)
    fake.fault("GetImportJob", "InternalServerException", http_status=500, times=100)
    with pytest.raises(ImportJobTimeoutError):
        hook.wait_for_import_job(kb, job, deadline=time.time() + 10, poll_interval=3)
    assert pauses == [3, 3, 3, 1]


def test_deletion_is_waited_for_until_the_job_is_gone(fake, hook, kb):
    fake.deletions(after_calls=2)
    job = start_job(fake, kb)
    hook.wait_for_import_job(kb, job, poll_interval=QUICK)
    hook.delete_import_job(kb, job)
    hook.wait_for_deletion(kb, job, poll_interval=QUICK)
    with pytest.raises(ResourceNotFoundError):
        hook.get_import_job(kb, job)


@pytest.mark.parametrize(
    ("end", "expected"), [("DELETE_FAILED", ImportJobFailedError), ("LOCKED", UnknownImportJobStatusError)]
)
def test_a_deletion_that_ends_badly_is_an_error(fake, hook, kb, end, expected):
    fake.deletions(after_calls=1, status=end)
    job = start_job(fake, kb)
    hook.wait_for_import_job(kb, job, poll_interval=QUICK)
    hook.delete_import_job(kb, job)
    with pytest.raises(expected, match=end):
        hook.wait_for_deletion(kb, job, poll_interval=QUICK)


def test_a_deleted_job_that_stays_visible_is_gone(fake, hook, kb):
    fake.deletions(status="DELETED")
    job = start_job(fake, kb)
    hook.wait_for_import_job(kb, job, poll_interval=QUICK)
    hook.delete_import_job(kb, job)
    hook.wait_for_deletion(kb, job, poll_interval=QUICK)


def test_times_do_not_depend_on_the_zone_of_the_machine(fake, hook, kb, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        job = hook.wait_for_import_job(kb, start_job(fake, kb), poll_interval=QUICK)
        created = job.to_dict()["createdTime"]
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert created.endswith("+00:00")
    assert abs(job.created_time.timestamp() - time.time()) < 60


def test_a_tls_certificate_that_is_not_trusted_is_not_weather(fake_wisdom):
    """Waiting does not make a certificate trusted."""

    def refuse():
        raise SSLError(endpoint_url="https://wisdom", error="self-signed certificate")

    with before_call("GetImportJob", refuse), pytest.raises(ClientConfigurationError, match="self-signed"):
        WisdomHook().get_import_job("kb", "job")


def test_an_answer_that_comes_too_late_is_weather(fake_wisdom_over_http):
    fake_wisdom_over_http.latency(1.0)
    with pytest.raises(EndpointError, match="Read timeout"):
        WisdomHook(config={**ONE_ATTEMPT, "read_timeout": 0.1}).get_import_job("kb", "job")
    fake_wisdom_over_http.latency(0)


def test_conn_is_the_bare_client(hook, service_name):
    assert type(hook.conn) is not type(boto3.client("s3"))
    assert hook.conn.meta.service_model.service_name == service_name
    assert hooks.WisdomHook.default_conn_name == "aws_default"


def test_clients_share_the_service_model(fake):
    """Loading it again for each makes so many objects that the garbage collector holds up a triggerer."""
    sessions = [WisdomHook().get_session() for _ in range(2)]
    one, other = (session._session.get_component("data_loader") for session in sessions)
    assert one is other
    assert "wisdom" in sessions[0].get_available_services()
    assert "s3" in sessions[0].get_available_resources()


def test_service_models_of_ones_own_are_found(fake, monkeypatch, tmp_path):
    (tmp_path / "mine" / "2026-01-01").mkdir(parents=True)
    (tmp_path / "mine" / "2026-01-01" / "service-2.json").write_text("{}")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert "mine" in WisdomHook().get_session().get_available_services()


def test_times_of_the_bare_client_are_in_utc(fake, hook, kb):
    """XCom takes times in the zone of the machine, and then fails to read them where the zone is another."""
    job = hook.conn.get_import_job(knowledgeBaseId=kb, importJobId=start_job(fake, kb))["importJob"]
    assert job["createdTime"].tzinfo is timezone.utc
