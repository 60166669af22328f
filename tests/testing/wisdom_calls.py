"""What the tests of the fake service do over and over."""

import csv
import io

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from wire_shapes import check

HEADER = ("Name", "Content", "Shortcut key")
NO_ID = "00000000-0000-0000-0000-000000000000"
ONCE = Config(retries={"total_max_attempts": 1})


def client_of(fake, service="wisdom", *, checked=True, **kwargs):
    """Make a client that asks once and, unless told otherwise, checks the shape of every answer."""
    client = fake.client(service, **{"config": ONCE, **kwargs})
    return check(client) if checked else client


def csv_of(*rows, header=HEADER):
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue().encode()


def upload(client, kb, body, content_type="text/csv"):
    up = client.start_content_upload(knowledgeBaseId=kb, contentType=content_type)
    answer = requests.put(up["url"], data=body, headers=up["headersToInclude"], timeout=5)
    assert answer.status_code == 200, answer.text
    return up["uploadId"]


def start(client, kb, body=None, **kwargs):
    body = csv_of(("hi", "Hello", "h")) if body is None else body
    upload_id = upload(client, kb, body)
    job = client.start_import_job(knowledgeBaseId=kb, importJobType="QUICK_RESPONSES", uploadId=upload_id, **kwargs)
    return job["importJob"]["importJobId"]


def get(client, kb, job):
    return client.get_import_job(knowledgeBaseId=kb, importJobId=job)["importJob"]


def status(client, kb, job):
    return get(client, kb, job)["status"]


def report(job):
    text = requests.get(job["failedRecordReport"], timeout=5).text
    return list(csv.DictReader(io.StringIO(text)))


def names(client, kb):
    found = client.list_quick_responses(knowledgeBaseId=kb)["quickResponseSummaries"]
    return [one["name"] for one in found]


def refused(call, **kwargs):
    """The error code and HTTP status of a call that fails."""
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    response = caught.value.response
    assert response["Error"]["Message"]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
