"""The model: what it takes from AWS, what it gives away, and the one table of statuses."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import botocore.session
import pytest

from airflow_wisdom.exceptions import (
    FailedRecordReportError,
    ImportJobError,
    ImportJobFailedError,
    UnknownImportJobStatusError,
)
from airflow_wisdom.model.failed_records import FailedRecords
from airflow_wisdom.model.import_job import ImportJob, ImportJobStatus, timed_out

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
SIGNED = "https://bucket.s3.amazonaws.com/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=abc123"
RESPONSE = {
    "createdTime": CREATED,
    "externalSourceConfiguration": {
        "source": "AMAZON_CONNECT",
        "configuration": {"connectConfiguration": {"instanceId": "i"}},
    },
    "failedRecordReport": SIGNED,
    "importJobId": "job",
    "importJobType": "QUICK_RESPONSES",
    "knowledgeBaseArn": "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb",
    "knowledgeBaseId": "kb",
    "lastModifiedTime": CREATED + timedelta(seconds=90),
    "metadata": {"team": "billing"},
    "status": "COMPLETE",
    "uploadId": "upload",
    "url": SIGNED,
    "urlExpiry": CREATED + timedelta(hours=1),
}


def shape(service, name):
    return botocore.session.get_session().get_service_model(service).shape_for(name)


def job(**changes):
    return ImportJob.from_response({**RESPONSE, **changes})


def test_every_member_of_the_service_model_is_a_field(service_name):
    """Neither client's model has a member that the model here would treat as unknown."""
    members = set(shape(service_name, "ImportJobData").members)
    assert members == set(RESPONSE)
    assert job().other == {}


def test_every_status_of_the_service_model_is_in_the_table(service_name):
    assert {status.value for status in ImportJobStatus} == set(shape(service_name, "ImportJobStatus").enum)


@pytest.mark.parametrize("status", ImportJobStatus)
def test_each_status_is_exactly_one_of_running_success_and_failure(status):
    assert [status.is_running, status.is_success, status.is_failure].count(True) == 1


def test_an_unknown_status_is_an_error_that_names_it():
    with pytest.raises(UnknownImportJobStatusError, match="PAUSED"):
        ImportJobStatus("PAUSED")
    with pytest.raises(UnknownImportJobStatusError, match="PAUSED") as raised:
        job(status="PAUSED").is_complete()
    assert raised.value.status == "PAUSED"
    assert raised.value.where["import_job_id"] == "job"


def test_a_dict_of_a_job_is_small_json_under_awss_names():
    assert json.loads(json.dumps(job().to_dict(), allow_nan=False)) == {
        "createdTime": "2026-03-01T17:00:00+00:00",
        "externalSourceConfiguration": RESPONSE["externalSourceConfiguration"],
        "hasFailedRecordReport": True,
        "importJobId": "job",
        "importJobType": "QUICK_RESPONSES",
        "knowledgeBaseArn": RESPONSE["knowledgeBaseArn"],
        "knowledgeBaseId": "kb",
        "lastModifiedTime": "2026-03-01T17:01:30+00:00",
        "metadata": {"team": "billing"},
        "status": "COMPLETE",
        "uploadId": "upload",
    }


def test_presigned_urls_are_given_only_to_those_who_ask():
    asked = job().to_dict(include_urls=True)
    assert (asked["url"], asked["failedRecordReport"]) == (SIGNED, SIGNED)
    assert asked["urlExpiry"] == "2026-03-01T18:00:00+00:00"
    for text in (repr(job()), str(job()), json.dumps(job().to_dict())):
        assert "X-Amz" not in text


def test_a_summary_of_a_list_is_a_job_without_urls():
    summary = {name: RESPONSE[name] for name in shape("wisdom", "ImportJobSummary").members}
    made = ImportJob.from_response(summary)
    assert made.url is None
    assert made.to_dict() == {**job().to_dict(), "hasFailedRecordReport": False}


def test_members_that_aws_adds_tomorrow_survive():
    tomorrow = job(
        rowCount=12,
        share=0.5,
        strange=float("nan"),
        when=CREATED,
        logUrl=SIGNED,
        link="https://d1.cloudfront.net/k?token=abc123",
        externalSourceConfiguration={
            "source": "AMAZON_CONNECT",
            "configuration": {"SDK_UNKNOWN_MEMBER": {"name": "zendeskConfiguration"}},
        },
    )
    kept = json.loads(json.dumps(tomorrow.to_dict(), allow_nan=False))
    assert (kept["rowCount"], kept["share"], kept["strange"]) == (12, 0.5, "nan")
    assert kept["when"] == "2026-03-01T17:00:00+00:00"
    assert kept["logUrl"] == "https://bucket.s3.amazonaws.com/key?<redacted>"
    assert kept["link"] == "https://d1.cloudfront.net/k?<redacted>"
    assert tomorrow.to_dict(include_urls=True)["link"].endswith("abc123")
    assert kept["externalSourceConfiguration"]["configuration"] == {
        "SDK_UNKNOWN_MEMBER": {"name": "zendeskConfiguration"}
    }
    assert "X-Amz" not in repr(tomorrow)


def test_the_age_of_a_running_job_grows_and_that_of_an_ended_one_does_not():
    later = CREATED.timestamp() + 7200
    assert job(status="START_IN_PROGRESS").elapsed(later) == 7200
    assert job().elapsed(later) == 90
    assert job(status="START_IN_PROGRESS").elapsed(CREATED.timestamp() - 3) == 0
    assert job(createdTime=None).elapsed() is None


def test_a_failed_job_tells_where_and_how_long():
    with pytest.raises(ImportJobFailedError) as raised:
        job(status="FAILED").is_complete()
    for part in ("knowledge base kb", "import job job", "last status FAILED", "after 90 s"):
        assert part in str(raised.value)


def test_a_running_job_is_not_complete_and_not_a_failure():
    assert job(status="START_IN_PROGRESS").is_complete() is False
    with pytest.raises(ImportJobError, match="still running"):
        job(status="START_IN_PROGRESS").require_complete()


@pytest.mark.parametrize(
    ("status", "gone"), [("DELETED", True), ("DELETE_IN_PROGRESS", False), ("COMPLETE", False), ("FAILED", False)]
)
def test_only_a_deleted_job_is_gone(status, gone):
    assert job(status=status).is_deleted() is gone


def test_a_deletion_that_failed_is_an_error():
    with pytest.raises(ImportJobFailedError, match="could not be deleted"):
        job(status="DELETE_FAILED").is_deleted()


def test_a_time_out_names_the_last_status_or_the_wait():
    assert "last status COMPLETE, after 90 s" in str(timed_out("kb", "job", job()))
    assert "after 5 s" in str(timed_out("kb", "job", None, waited=5))


def test_a_report_keeps_whatever_columns_it_has():
    report = FailedRecords.from_csv('Row,Why\r\n3,"too\nlong"\r\n4\r\n5,a,b,c\r\n')
    assert report.columns == ("Row", "Why")
    assert report.records == (
        {"Row": "3", "Why": "too\nlong"},
        {"Row": "4", "Why": ""},
        {"Row": "5", "Why": "a", "": "b,c"},
    )
    assert len(FailedRecords.from_csv("")) == 0
    twice = FailedRecords.from_csv("Error,Error,Error\na,b,c\n")
    assert twice.records == ({"Error": "a", "Error (2)": "b", "Error (3)": "c"},)


def test_a_report_that_is_no_csv_is_an_error_of_the_tree():
    with pytest.raises(FailedRecordReportError, match="not CSV"):
        FailedRecords.from_csv("x" * 200_000)


def test_a_status_of_another_type_is_text_like_all_others():
    assert job(status=5).to_dict()["status"] == "5"


def test_presigned_urls_in_metadata_are_shown_to_nobody_either():
    """Whoever starts a job writes what they like into its metadata, keys included."""
    leaky = job(metadata={"file": f"see {SIGNED}", SIGNED: "key"})
    assert leaky.to_dict()["metadata"] == {
        "file": "see https://bucket.s3.amazonaws.com/key?<redacted>",
        "https://bucket.s3.amazonaws.com/key?<redacted>": "key",
    }
    assert leaky.to_dict(include_urls=True)["metadata"] == {"file": f"see {SIGNED}", SIGNED: "key"}
    assert "abc123" not in repr(leaky) + str(leaky)
    assert "billing" not in repr(job())
