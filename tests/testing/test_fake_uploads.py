"""Presigned URLs: what S3 would refuse is refused."""

import http.client
from datetime import timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import requests
from requests.structures import CaseInsensitiveDict
from wisdom_calls import NO_ID, client_of, get, start

CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def up(client, kb):
    return client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")


@pytest.fixture
def upload_over_http(fake_wisdom_over_http):
    kb = fake_wisdom_over_http.create_knowledge_base()
    client = client_of(fake_wisdom_over_http)
    return client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")


def put(url, headers=CSV, data=b"x"):
    """Status, and S3's code and message if it refuses."""
    answer = requests.put(url, data=data, headers=headers, timeout=5)
    if answer.ok:
        return answer.status_code
    assert answer.headers["Content-Type"].startswith("application/xml")
    error = ET.fromstring(answer.content)
    return answer.status_code, error.findtext("Code"), error.findtext("Message")


def test_headers_to_include(up):
    """The signed header is named, and with it the upload succeeds, as often as one likes."""
    assert up["headersToInclude"] == CSV
    assert [put(up["url"]), put(up["url"])] == [200, 200]


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "text/csv; charset=utf-8"}])
def test_a_content_type_that_was_not_signed(up, headers):
    """Missing or changed: the signature does not match."""
    assert put(up["url"], headers)[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("X-Amz-Expires=3600", "X-Amz-Expires=86400", "SignatureDoesNotMatch"),
        ("X-Amz-Signature=", "X-Amz-Signature=0", "SignatureDoesNotMatch"),
        ("X-Amz-Signature=", "X-Amz-Nothing=", "AccessDenied"),
        ("X-Amz-Expires=3600", "X-Amz-Expires=soon", "AccessDenied"),
        ("wisdom_us-east-1", "wisdom_mars-1", "AccessDenied"),
    ],
)
def test_a_url_that_was_tampered_with(up, old, new, code):
    """No part of it can be changed."""
    assert old in up["url"]
    assert put(up["url"].replace(old, new))[:2] == (403, code)


def test_another_upload_cannot_be_overwritten(up):
    """The path is signed, and a URL without a signature is worth nothing."""
    assert put(up["url"].replace(up["uploadId"], NO_ID))[:2] == (403, "SignatureDoesNotMatch")
    assert put(up["url"].split("?")[0])[:2] == (403, "AccessDenied")


def test_a_url_is_signed_for_one_method(client, kb, up):
    """Neither can an upload be read by its own URL, nor a file be changed by the URL that it is read by."""
    assert requests.get(up["url"], headers=CSV, timeout=5).status_code == 403
    url = get(client, kb, start(client, kb))["url"]
    assert put(url)[:2] == (403, "SignatureDoesNotMatch")


def test_urls_with_a_mark(fake, client, kb):
    """The mark is where a secret would be, the URL is still the one that was signed, and no other mark fits."""
    fake.mark_signatures("CANARY")
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    assert "X-Amz-Security-Token=CANARY&" in up["url"]
    assert "X-Amz-Signature=CANARY" in up["url"]
    assert put(up["url"].replace("CANARY", "PARROT"))[:2] == (403, "SignatureDoesNotMatch")
    assert put(up["url"].replace("Signature=CANARY", "Signature="))[:2] == (403, "SignatureDoesNotMatch")
    assert put(up["url"]) == 200
    job = client.start_import_job(knowledgeBaseId=kb, importJobType="QUICK_RESPONSES", uploadId=up["uploadId"])
    assert requests.get(job["importJob"]["url"], timeout=5).content == b"x"
    fake.mark_signatures(None)
    assert "CANARY" not in client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")["url"]
    with pytest.raises(ValueError, match="letters and digits only"):
        fake.mark_signatures("no/mark")


def test_uploads_that_come_too_late(fake, up):
    """A switch answers as S3 does; afterwards the URL works again."""
    fake.expire_uploads(times=2)
    for _ in range(2):
        assert put(up["url"]) == (403, "AccessDenied", "Request has expired")
    assert put(up["url"]) == 200


def test_uploads_that_lead_elsewhere(fake, client, kb):
    """To a closed port, or to a server of the test's own, which may want more headers."""
    fake.upload_target("http://127.0.0.1:1/key?X-Amz-Signature=abc", {"x-amz-server-side-encryption": "aws:kms"})
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    assert up["url"] == "http://127.0.0.1:1/key?X-Amz-Signature=abc"
    assert up["headersToInclude"] == {**CSV, "x-amz-server-side-encryption": "aws:kms"}
    fake.upload_target(None)
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    assert up["headersToInclude"] == CSV
    assert put(up["url"]) == 200


def test_a_url_expires(fake_wisdom):
    """By the clock as well."""
    from moto.wisdom.exceptions import RawError
    from moto.wisdom.presign import presign, verify

    def signed(seconds):
        url = "http://h/wisdom_us-east-1/a/b"
        return presign("PUT", url, "us-east-1", timedelta(seconds=seconds), headers=CSV)

    headers = CaseInsensitiveDict(CSV)
    verify("PUT", signed(1), headers)
    with pytest.raises(RawError, match="Request has expired") as caught:
        verify("PUT", signed(-1), headers)
    assert caught.value.details["X-Amz-Expires"] == "-1"


def test_a_scripted_fault_of_an_upload(fake, up):
    """In S3's own form."""
    fake.fault("PutObject", "SlowDown", http_status=503, message="Please < reduce your request rate.")
    assert put(up["url"]) == (503, "SlowDown", "Please < reduce your request rate.")
    assert put(up["url"]) == 200


def test_a_scripted_fault_of_a_download(fake, client, kb):
    """A report may be out of reach."""
    url = get(client, kb, start(client, kb))["url"]
    fake.fault("GetObject", "AccessDenied", http_status=403)
    assert requests.get(url, timeout=5).status_code == 403
    assert requests.get(url, timeout=5).status_code == 200


def test_a_url_from_before_a_reset(fake, up):
    """There is nothing behind it any more."""
    fake.reset()
    assert put(up["url"])[:2] == (404, "NoSuchBucket")


def test_a_chunked_upload(upload_over_http):
    """S3 does not take one. (In process moto drops the header before anyone could see it.)"""
    parts = iter([b"Name,Content\n", b"hi,Hello\n"])
    code = put(upload_over_http["url"], data=parts)
    assert code[:2] == (501, "NotImplemented")


def test_an_upload_without_a_length(upload_over_http):
    """S3 wants to know how much is to come."""
    split = urlsplit(upload_over_http["url"])
    connection = http.client.HTTPConnection(split.netloc, timeout=5)
    connection.putrequest("PUT", f"{split.path}?{split.query}")
    connection.putheader("Content-Type", "text/csv")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 411
    assert b"MissingContentLength" in body


def test_only_put_and_get(up):
    """Nothing else was signed."""
    assert requests.delete(up["url"], headers=CSV, timeout=5).status_code == 403
    assert requests.head(up["url"], headers=CSV, timeout=5).status_code == 403


def test_urls_lead_back_the_way_the_client_came(fake_wisdom_over_http):
    """Whatever name the client has for the server."""
    other_name = fake_wisdom_over_http.endpoint_url.replace("127.0.0.1", "localhost")
    client = client_of(fake_wisdom_over_http, endpoint_url=other_name)
    kb = fake_wisdom_over_http.create_knowledge_base()
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    assert up["url"].startswith(other_name + "/")
    assert put(up["url"]) == 200
