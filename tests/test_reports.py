"""The reports of several import jobs as one."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.imports import ROWS, importing
from rigs.running import FakeTaskInstance, resume, start_job

from airflow_wisdom.exceptions import FailedRecordReportError, StorageError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.runs.reports import FailedRecordReports, RefusedRecords
from airflow_wisdom.storage import Storage


@pytest.fixture
def report(tmp_path):
    def write(name, content):
        path = tmp_path / f"{name}.csv"
        path.write_bytes(content)
        return path

    return write


def test_columns_of_all_reports_are_kept_as_they_come(report):
    with FailedRecordReports(sample=10) as reports:
        assert reports.add("one", report("one", b"Name,Error\na,taken\n")).count == 1
        assert reports.add("two", report("two", b"\xef\xbb\xbfNom,Name\nb,c,d\ne\n")).count == 2
        assert reports.write().read_text(encoding="utf-8-sig").splitlines() == [
            "_import_job_id,Name,Error,Nom,",
            "one,a,taken,,",
            "two,c,,b,d",
            "two,,,e,",
        ]
        assert reports.refused(Storage(), None).count == 3


def test_a_sample_is_small_and_holds_no_presigned_url(report):
    reports = FailedRecordReports(sample=1)
    url = "https://b/k?X-Amz-Signature=s"
    content = f'Name,Content\n"{url}",{"x" * 1000}\nb,c\n'.encode()
    assert reports.add("one", report("one", content)).count == 2
    (record,) = reports.refused(Storage(), None).sample
    assert record["_import_job_id"] == "one"
    assert record["Name"] == "https://b/k?<redacted>"
    assert len(record["Content"]) == 200


def test_a_report_that_breaks_off_counts_for_nothing(report):
    """Neither its count nor its rows: they would not add up."""
    reports = FailedRecordReports(sample=10)
    broken = b"Name\na\n" + b"x" * 200_000 + b"\n"
    with pytest.raises(FailedRecordReportError):
        reports.add("one", report("one", broken))
    assert reports.refused(Storage(), None) == RefusedRecords()


def test_records_are_counted_by_reason_and_the_most_frequent_come_first(report):
    reports = FailedRecordReports(sample=1)
    one = reports.add("one", report("one", b"Name,Error\na,taken\nb,taken\nc,too long\n"))
    two = reports.add("two", report("two", b"Name,Error\nd,taken\ne,no content\nf,no name\ng,no such profile\n"))
    assert one.why == "taken (2 of 3 refused records); too long (1 of 3 refused records)"
    assert two.reasons == {"taken": 1, "no content": 1, "no name": 1, "no such profile": 1}
    refused = reports.refused(Storage(), None)
    assert refused.why.startswith("taken (3 of 7 refused records); too long (1 of 7 refused records); no content (1")
    assert refused.why.endswith("; and 2 other reasons")


def test_texts_that_are_not_to_be_shown_are_in_no_reason(report):
    reports = FailedRecordReports(sample=0)
    refused = reports.add("one", report("one", b"Name,Error\na,No such routing profile: Board.\n"))
    assert (refused.reasons, refused.why) == ({}, "the reasons are not shown (1 refused record)")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Name,Content,Error", "third"),
        ("Error message,Name,Content", "first"),
        ("Name,errorCode,errorMessage", "third"),
        ("Name,Failure Reason,Status", "second"),
        ("Message,Name,REASON", "third"),
        ("Name,Message,Error", "third"),
        ("Nom,Contenu,Raison", "Nom: first, Contenu: second, Raison: third"),
    ],
)
def test_the_reason_is_in_the_column_whose_name_says_so_and_else_everything_is_told(report, header, reason):
    """AWS does not document the columns of its reports."""
    reports = FailedRecordReports(sample=1)
    assert list(reports.add("one", report("one", f"{header}\nfirst,second,third\n".encode())).reasons) == [reason]


def test_a_refused_record_is_told_by_its_name_and_the_reason_first(report, caplog):
    reports = FailedRecordReports(sample=9)
    reports.add("job", report("one", b'Content,Error,Name\n"Te\n\nxt",taken,Hello\nText,,\n'))
    refused = reports.refused(Storage(), None)
    assert list(refused.sample[0]) == ["Name", "Error", "Content", "_import_job_id"]
    refused.log()
    assert [record.getMessage() for record in caplog.records] == [
        "Refused by AWS: Hello: taken (Content: Te xt, _import_job_id: job)",
        "Refused by AWS: Content: Text, _import_job_id: job",
    ]


def no_room(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.fixture
def refusing(fake_wisdom, knowledge_base):
    """A job of two rows, of which one is refused."""
    job_id = start_job(fake_wisdom, knowledge_base, b"Name,Content\na,b\na,c\n")
    return WisdomHook().wait_for_import_job(knowledge_base, job_id, poll_interval=0.01)


def test_a_disk_without_room_for_a_report_leaves_it_unread(refusing, monkeypatch):
    monkeypatch.setattr("airflow_wisdom.runs.folder.TemporaryDirectory", no_room)
    with FailedRecordReports(sample=1) as reports, pytest.raises(StorageError, match="No space left"):
        reports.read(WisdomHook(), refusing, 0.0)


def test_a_disk_without_room_for_all_reports_together_is_told_after_the_account(refusing, monkeypatch):
    with FailedRecordReports(sample=1) as reports:
        reports.read(WisdomHook(), refusing, 0.0)
        monkeypatch.setattr(reports, "_write", no_room)
        refused = reports.refused(Storage(), "failed.csv")
    assert (refused.count, refused.path) == (1, None)
    assert isinstance(refused.not_saved, StorageError)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_summary_is_pushed_though_a_disk_has_no_room_for_reports(
    fake_wisdom, knowledge_base, monkeypatch, deferrable
):
    fake_wisdom.routing_profiles([])
    rows = [ROWS[0], ROWS[1] | {"Routing Profile": "Nobody"}]
    task, context = importing(knowledge_base, rows, deferrable=deferrable), {"ti": FakeTaskInstance()}

    def to_the_end():
        # The rows had room for their files.
        monkeypatch.setattr(FailedRecordReports, "folder", property(no_room))
        try:
            task.execute(context)
        except TaskDeferred as deferred:
            # Who comes back needs a folder for nothing else.
            monkeypatch.setattr("airflow_wisdom.runs.folder.TemporaryDirectory", no_room)
            resume(task, deferred, context)

    with pytest.raises(FailedRecordReportError, match="No space left"):
        to_the_end()
    summary = context["ti"].xcoms["return_value"]
    assert (summary["status"], summary["rowsRefused"]) == ("COMPLETE", None)
