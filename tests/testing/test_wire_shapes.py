"""The check of shapes sees what botocore's parser lets pass."""

import json

import pytest
from wire_shapes import SERVICES, problems

ID = "00000000-0000-0000-0000-000000000000"
ARN = f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{ID}"
JOB = {
    "importJobId": ID,
    "knowledgeBaseId": ID,
    "uploadId": "u",
    "knowledgeBaseArn": ARN,
    "importJobType": "QUICK_RESPONSES",
    "status": "COMPLETE",
    "url": "http://u",
    "urlExpiry": 1.9e9,
    "createdTime": 1.9e9,
    "lastModifiedTime": 1900000000,
}
BAD = [
    {"urlExpiry": "2030-01-01T00:00:00Z"},
    {"urlExpiry": 1.9e12},
    {"status": "DONE"},
    {"importJobId": "x"},
    {"uploadId": ""},
    {"metadata": None},
    {"metadata": {"a": 1}},
    {"surplus": 1},
    {"externalSourceConfiguration": {"source": "AMAZON_CONNECT"}},
]


def found(service, job):
    return problems(service, "GetImportJob", json.dumps({"importJob": job}).encode())


@pytest.mark.parametrize("service", SERVICES)
def test_a_good_body(service):
    """Nothing to say against it."""
    assert found(service, JOB) == []


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("name", JOB)
def test_an_absent_member(service, name):
    """Each of them is required."""
    job = {key: value for key, value in JOB.items() if key != name}
    assert found(service, job) == [f"GetImportJob.importJob.{name}: required, absent"]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_a_bad_member(bad):
    """One problem each."""
    assert len(found("wisdom", {**JOB, **bad})) == 1


def test_a_body_where_none_is_expected():
    """DeleteImportJob answers nothing."""
    assert problems("wisdom", "DeleteImportJob", b"{}") == []
    assert len(problems("wisdom", "DeleteImportJob", b'{"a": 1}')) == 1
