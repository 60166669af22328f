"""The reports of several import jobs as one."""

from __future__ import annotations

import pytest

from airflow_wisdom.exceptions import FailedRecordReportError
from airflow_wisdom.runs.account import FailedRecordReports


@pytest.fixture
def report(tmp_path):
    def write(name, content):
        path = tmp_path / f"{name}.csv"
        path.write_bytes(content)
        return path

    return write


def test_columns_of_all_reports_are_kept_as_they_come(report):
    reports = FailedRecordReports(sample=10)
    assert reports.add("one", report("one", b"Name,Error\na,taken\n")) == 1
    assert reports.add("two", report("two", b"\xef\xbb\xbfNom,Name\nb,c,d\ne\n")) == 2
    assert reports.write().read_text().splitlines() == [
        "_import_job_id,Name,Error,Nom,",
        "one,a,taken,,",
        "two,c,,b,d",
        "two,,,e,",
    ]
    assert reports.count == 3


def test_a_sample_is_small_and_holds_no_presigned_url(report):
    reports = FailedRecordReports(sample=1)
    url = "https://b/k?X-Amz-Signature=s"
    content = f'Name,Content\n"{url}",{"x" * 1000}\nb,c\n'.encode()
    assert reports.add("one", report("one", content)) == 2
    (record,) = reports.sample
    assert record["_import_job_id"] == "one"
    assert record["Name"] == "https://b/k?<redacted>"
    assert len(record["Content"]) == 200


def test_a_report_that_breaks_off_counts_for_nothing(report):
    """Neither its count nor its rows: they would not add up."""
    reports = FailedRecordReports(sample=10)
    broken = b"Name\na\n" + b"x" * 200_000 + b"\n"
    with pytest.raises(FailedRecordReportError):
        reports.add("one", report("one", broken))
    assert (reports.count, reports.sample) == (0, [])
