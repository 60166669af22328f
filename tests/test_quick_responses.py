"""The operator that imports quick responses: any source, any number of rows, each of them accounted for."""

from __future__ import annotations

import asyncio
import csv
import json
import time
from contextlib import contextmanager

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from rigs.running import FakeTaskInstance, fire, resume, run

from airflow_wisdom.exceptions import (
    AirflowConnectionNotFoundError,
    FailedRecordReportError,
    FailedRecordsError,
    ImportIncompleteError,
    InvalidRowsError,
    SourceError,
    SourceFormatError,
    StorageError,
)
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator
from airflow_wisdom.runs.run import FILE, MARK, TASK

ROWS = [{"Name": f"Answer {n}", "Content": f"Text {n}"} for n in range(1, 251)]


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr("airflow_wisdom.runs.starting.SECONDS_BETWEEN_LOOKS_BACK", 0.0)


def importing(knowledge_base, source=ROWS, **kwargs):
    kwargs = {"poll_interval": 0.01, **kwargs}
    return WisdomImportQuickResponsesOperator(
        task_id="import", knowledge_base_id=knowledge_base, source=source, **kwargs
    )


def responses(fake, knowledge_base):
    pages = fake.client().get_paginator("list_quick_responses").paginate(knowledgeBaseId=knowledge_base)
    return [response["name"] for page in pages for response in page["quickResponseSummaries"]]


def jobs_of(fake, knowledge_base):
    """The import jobs, oldest first."""
    return list(fake.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"])


@pytest.mark.parametrize("deferrable", [False, True])
def test_250_rows_become_three_jobs_in_order(fake_wisdom, knowledge_base, service_name, deferrable):
    fake_wisdom.import_jobs(after_calls=3)
    ti = FakeTaskInstance()
    summary = run(importing(knowledge_base, deferrable=deferrable, service_name=service_name), ti=ti)
    assert [job["rowsSent"] for job in summary["importJobs"]] == [100, 100, 50]
    assert [(job["firstRow"], job["lastRow"]) for job in summary["importJobs"]] == [(1, 100), (101, 200), (201, 250)]
    assert {job["status"] for job in summary["importJobs"]} == {"COMPLETE"}
    assert all(job["durationSeconds"] >= 0 for job in summary["importJobs"])
    numbers = {name: summary[name] for name in ("rowsRead", "rowsInvalid", "rowsSent", "rowsImported", "rowsRefused")}
    assert numbers == {"rowsRead": 250, "rowsInvalid": 0, "rowsSent": 250, "rowsImported": 250, "rowsRefused": 0}
    assert summary["status"] == "COMPLETE"
    assert summary["durationSeconds"] >= max(job["durationSeconds"] for job in summary["importJobs"])
    assert ti.xcoms == {"return_value": summary}
    assert sorted(responses(fake_wisdom, knowledge_base)) == sorted(row["Name"] for row in ROWS)


@pytest.mark.parametrize("deferrable", [False, True])
def test_one_deferral_waits_for_all_jobs(fake_wisdom, knowledge_base, deferrable):
    """Only so many run at a time: the trigger itself starts the next."""
    fake_wisdom.import_jobs(after_calls=4)
    task = importing(knowledge_base, max_rows_per_file=25, max_active_jobs=2, deferrable=deferrable)
    most = running_at_most(fake_wisdom)
    with most:
        summary = run(task)
    assert len(summary["importJobs"]) == 10
    assert most.seen == 2
    started = [job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base)]
    assert started == [job["importJobId"] for job in summary["importJobs"]]


class running_at_most:  # noqa: N801 - reads as a phrase
    """Counts the jobs that run whenever one is started."""

    def __init__(self, fake):
        self.seen = 0
        self._fake = fake

    def __enter__(self):
        from airflow_wisdom.testing.wisdom.models import WisdomBackend

        self._real = real = WisdomBackend.start_import_job

        def counting(backend, params):
            job = real(backend, params)
            running = [one for one in job.kb.import_jobs.values() if one.status == "START_IN_PROGRESS"]
            self.seen = max(self.seen, len(running))
            return job

        self._class = WisdomBackend
        WisdomBackend.start_import_job = counting
        return self

    def __exit__(self, *_):
        self._class.start_import_job = self._real


def test_every_job_says_where_it_came_from(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "answers.csv"
    source.write_text("Name,Content\nHello,Hi\n")
    ti = FakeTaskInstance()
    ti.map_index = 3
    run(importing(knowledge_base, str(source), metadata={"team": "billing"}), ti=ti)
    ((job),) = jobs_of(fake_wisdom, knowledge_base)
    assert {key: job["metadata"][key] for key in (*TASK, FILE)} == {
        "airflow-dag": "dag",
        "airflow-run": "run",
        "airflow-task": "task[3]",
        "airflow-file": f"{source}, file 1 of 1 (lines 2 to 2)",
    }
    assert job["metadata"]["team"] == "billing"
    assert job["metadata"][MARK].endswith("/0")


# Sources


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'\xef\xbb\xbfName;Content\r\n"Hel;lo";"Good\nmorning"\r\n'),
        ("a.tsv", b"Name\tContent\nHel;lo\tGood\\nmorning\n".replace(b"\\n", b" ")),
        ("a.jsonl", b'{"Name": "Hel;lo", "Content": "Good morning"}\n'),
        ("a", b'{"name": "Hel;lo", "content": "Good morning"}\n'),
    ],
)
@pytest.mark.parametrize("place", ["path", "s3", "file"])
def test_a_source_may_be_anywhere_and_of_any_kind(fake_wisdom, knowledge_base, tmp_path, name, content, place):
    if place == "path":
        source = str(tmp_path / name)
        (tmp_path / name).write_bytes(content)
    elif place == "file":
        source = f"file://{tmp_path / name}"
        (tmp_path / name).write_bytes(content)
    else:
        source = f"s3://bucket/drop/{name}"
        s3 = fake_wisdom.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key=f"drop/{name}", Body=content)
    assert run(importing(knowledge_base, source))["rowsImported"] == 1
    assert responses(fake_wisdom, knowledge_base) == ["Hel;lo"]


@pytest.mark.parametrize("source", ["nosuch.csv", "s3://nosuch/bucket.csv", "file:///nosuch.csv", "nosuch://a/b"])
def test_a_source_that_is_not_there_is_named(fake_wisdom, knowledge_base, source):
    with pytest.raises(SourceError, match=f"{source} cannot be read"):
        run(importing(knowledge_base, source))


def test_a_source_that_is_no_text_is_named_by_its_line(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "latin.csv"
    source.write_bytes(b"Name,Content\nGr\xfc\xdfe,x\n")
    with pytest.raises(SourceFormatError) as raised:
        run(importing(knowledge_base, str(source)))
    assert raised.value.line == 2
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


def test_a_missing_connection_for_the_source_is_an_error(fake_wisdom, knowledge_base):
    with pytest.raises(AirflowConnectionNotFoundError, match="mispelt"):
        run(importing(knowledge_base, "s3://bucket/key.csv", storage_conn_id="mispelt"))


def test_a_key_of_s3_may_hold_a_question_mark(fake_wisdom, knowledge_base):
    s3 = fake_wisdom.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a", Body=b"Name,Content\nwrong,x\n")
    s3.put_object(Bucket="bucket", Key="a?b.csv", Body=b"Name,Content\nright,x\n,x\n")
    target = "s3://bucket/c?d.csv"
    run(importing(knowledge_base, "s3://bucket/a?b.csv", on_invalid_rows="skip", invalid_rows_path=target))
    assert responses(fake_wisdom, knowledge_base) == ["right"]
    assert {found["Key"] for found in s3.list_objects_v2(Bucket="bucket")["Contents"]} == {"a", "a?b.csv", "c?d.csv"}
    with pytest.raises(SourceError, match="must be s3://bucket/key"):
        run(importing(knowledge_base, "s3://bucket"))


def test_a_path_is_a_source_and_what_is_none_is_named(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("Name,Content\na,b\n")
    assert run(importing(knowledge_base, source))["rowsImported"] == 1
    for wrong in (None, 7, {"Name": "a"}):
        with pytest.raises(SourceError, match=f"not {type(wrong).__name__}"):
            run(importing(knowledge_base, wrong))


def test_rows_are_no_templates(fake_wisdom, knowledge_base):
    """Amazon Connect fills in what stands in double braces, when an agent answers."""
    from jinja2 import Environment

    rows = [{"Name": "a", "Content": "Hello {{Attributes.Customer.FirstName}}"}]
    task = importing(knowledge_base, rows, invalid_rows_path="/tmp/{{ ds }}.csv")
    task.render_template_fields({"ds": "2026-11-24"}, Environment(autoescape=True))
    assert task.source == rows
    assert task.invalid_rows_path == "/tmp/2026-11-24.csv"
    path = importing(knowledge_base, "/data/{{ ds }}.csv")
    path.render_template_fields({"ds": "2026-11-24"}, Environment(autoescape=True))
    assert path.source == "/data/2026-11-24.csv"


def test_no_rows_are_no_job(fake_wisdom, knowledge_base, tmp_path):
    source = tmp_path / "header.csv"
    source.write_text("Name,Content\n")
    for deferrable in (False, True):
        summary = run(importing(knowledge_base, str(source), deferrable=deferrable))
        assert (summary["rowsRead"], summary["importJobs"], summary["status"]) == (0, [], "COMPLETE")
    assert "StartImportJob" not in fake_wisdom.calls()


# The header


def test_another_header_works_throughout(fake_wisdom, knowledge_base, tmp_path):
    """AWS publishes its header nowhere in full: the user's own template is what counts."""
    fake_wisdom.header({"Titel": "name", "Text": "content", "Kurz": "shortcutKey"})
    template = {"Titel": "name", "Text": "content", "Kurz": "shortcutKey"}
    rows = [{"question": f"q{n}", "answer": "a" * n, "Kurz": f"k{n}"} for n in range(1, 150)]
    summary = run(
        importing(
            knowledge_base, rows, import_template=template, column_mapping={"question": "Titel", "answer": "Text"}
        )
    )
    assert (summary["rowsImported"], len(summary["importJobs"])) == (149, 2)
    too_long = [{"question": "x" * 200, "answer": "a", "Kurz": "k"}]
    with pytest.raises(InvalidRowsError, match=r'column "question".*200 characters'):
        run(
            importing(
                knowledge_base,
                too_long,
                import_template=template,
                column_mapping={"question": "Titel", "answer": "Text"},
            )
        )


def test_a_header_with_marks_may_come_with_its_meanings(fake_wisdom, knowledge_base):
    from types import MappingProxyType

    fake_wisdom.header({"Titel": "name", "Text": "content"})
    template = MappingProxyType({"Titel <*Required field>": "name", "Text<*Required field>": "content"})
    run(importing(knowledge_base, [{"Titel": "a", "Text": "b"}], import_template=template))
    with pytest.raises(InvalidRowsError):
        run(importing(knowledge_base, [{"Titel": "", "Text": "b"}], import_template=template))


def test_equal_files_are_imported_each_for_itself(fake_wisdom, knowledge_base):
    """Where no column is known to be unique, two files may be the same to the letter."""
    fake_wisdom.reused_client_token("first")
    rows = [{"Titel": "a", "Text": "b"}] * 3
    fake_wisdom.header({"Titel": "name", "Text": "content"})
    with pytest.raises(ImportIncompleteError):  # AWS refuses the second and the third
        run(importing(knowledge_base, rows, import_template=["Titel", "Text"], max_rows_per_file=1))
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3


def test_the_template_file_downloaded_from_connect_is_understood(fake_wisdom, knowledge_base, tmp_path):
    template = tmp_path / "Responses Import Template.csv"
    template.write_text("Name<*Required field>,Content <*Required field>,Shortcut key\n")
    run(importing(knowledge_base, [{"Name": "a", "Content": "b"}], import_template=str(template)))
    assert responses(fake_wisdom, knowledge_base) == ["a"]


def test_a_deployment_may_set_the_template(fake_wisdom, knowledge_base, monkeypatch):
    monkeypatch.setenv("AIRFLOW__WISDOM__IMPORT_TEMPLATE", "Title, Text")
    with pytest.raises(InvalidRowsError, match='the template does not have: "Name"'):
        run(importing(knowledge_base))


# Rows that are not valid


BAD = [
    {"Name": "", "Content": "no name"},
    {"Name": "twice", "Content": "x"},
    {"Name": "twice", "Content": "y"},
    {"Name": "short", "Content": "z", "Shortcut key": "k" * 11},
]


@pytest.mark.parametrize("deferrable", [False, True])
def test_all_mistakes_are_told_at_once_and_nothing_is_sent(fake_wisdom, knowledge_base, tmp_path, deferrable):
    target = tmp_path / "refused" / "rows.csv"
    with pytest.raises(InvalidRowsError) as raised:
        run(importing(knowledge_base, ROWS[:5] + BAD, invalid_rows_path=str(target), deferrable=deferrable))
    assert (raised.value.rows_read, raised.value.rows_invalid) == (9, 3)
    for words in ("row 6", "row 8", "row 9", 'column "Shortcut key"', str(target)):
        assert words in str(raised.value)
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}
    assert target.read_text().count("\n") == 4


@pytest.mark.parametrize("deferrable", [False, True])
def test_skipped_rows_are_listed_and_written_ready_to_be_mended(fake_wisdom, knowledge_base, deferrable):
    fake_wisdom.client("s3").create_bucket(Bucket="bucket")
    target = "s3://bucket/refused/rows.csv"
    summary = run(
        importing(
            knowledge_base, ROWS[:5] + BAD, on_invalid_rows="skip", invalid_rows_path=target, deferrable=deferrable
        )
    )
    assert (summary["rowsRead"], summary["rowsInvalid"], summary["rowsSent"], summary["rowsImported"]) == (9, 3, 6, 6)
    assert [mistake["line"] for mistake in summary["invalidRows"]] == [6, 8, 9]
    assert summary["invalidRowsPath"] == target
    written = fake_wisdom.client("s3").get_object(Bucket="bucket", Key="refused/rows.csv")["Body"].read().decode()
    mended = written.replace("kkkkkkkkkkk", "k").replace(",twice,", ",thrice,").replace(",,no name", ",named,no name")
    fake_wisdom.client("s3").put_object(Bucket="bucket", Key="mended.csv", Body=mended.encode())
    again = run(importing(knowledge_base, "s3://bucket/mended.csv"))
    assert (again["rowsInvalid"], again["rowsImported"]) == (0, 3)


def test_if_no_row_is_valid_skipping_fails_as_well(fake_wisdom, knowledge_base):
    with pytest.raises(InvalidRowsError, match="1 of 1 rows"):
        run(importing(knowledge_base, BAD[:1], on_invalid_rows="skip"))


def test_texts_of_customers_stay_out_of_sight_if_asked(fake_wisdom, knowledge_base, capsys):
    with pytest.raises(InvalidRowsError) as raised:
        run(importing(knowledge_base, [{"Name": "x" * 101, "Content": "secret"}], sample_size=0))
    assert "xxx" not in str(raised.value) + json.dumps(raised.value.to_dict()) + capsys.readouterr().out
    taken = [{"Name": "secret", "Content": "a"}]
    run(importing(knowledge_base, taken))
    summary = run(importing(knowledge_base, [*taken, *ROWS[:1]], sample_size=0, on_failed_records="warn"))
    assert (summary["rowsRefused"], summary["failedRecords"]) == (1, [])


# Records that AWS refuses


@pytest.fixture
def partly_taken(knowledge_base):
    """Two rows of the first 100 and one of the last 50 are there already: AWS refuses them."""
    taken = [ROWS[n] for n in (3, 7, 220)]
    run(importing(knowledge_base, taken), ti=_another_run())
    return taken


def _another_run():
    ti = FakeTaskInstance()
    ti.run_id = "before"
    return ti


@pytest.mark.parametrize("deferrable", [False, True])
def test_records_that_aws_refuses_fail_the_task_with_an_account_of_them(
    fake_wisdom, knowledge_base, partly_taken, tmp_path, deferrable
):
    ti = FakeTaskInstance()
    target = tmp_path / "failed.csv"
    with pytest.raises(FailedRecordsError, match="AWS refused 3 of 250 rows") as raised:
        run(importing(knowledge_base, failed_records_path=str(target), deferrable=deferrable), ti=ti)
    assert raised.value.records_refused == 3
    summary = ti.xcoms["return_value"]
    assert (summary["rowsSent"], summary["rowsImported"], summary["rowsRefused"]) == (250, 247, 3)
    assert [job["rowsRefused"] for job in summary["importJobs"]] == [2, 0, 1]
    assert [record["Name"] for record in summary["failedRecords"]] == [row["Name"] for row in partly_taken]
    written = list(csv.DictReader(target.read_text().splitlines()))
    assert [row["Name"] for row in written] == [row["Name"] for row in partly_taken]
    assert {row["_import_job_id"] for row in written} == {
        job["importJobId"] for job in summary["importJobs"] if job["rowsRefused"]
    }


@pytest.mark.parametrize("on_failed_records", ["warn", "ignore", 3, "3"])
def test_records_that_aws_refuses_may_be_tolerated(fake_wisdom, knowledge_base, partly_taken, on_failed_records):
    summary = run(importing(knowledge_base, on_failed_records=on_failed_records))
    assert (summary["status"], summary["rowsRefused"]) == ("COMPLETE", 3)


def test_more_than_is_tolerated_is_an_error(fake_wisdom, knowledge_base, partly_taken):
    with pytest.raises(FailedRecordsError):
        run(importing(knowledge_base, on_failed_records=2))


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_job_is_red_and_its_report_read_all_the_same(fake_wisdom, knowledge_base, partly_taken, deferrable):
    """Whether a job with refused rows ends COMPLETE or FAILED is not documented."""
    fake_wisdom.partly_failed("FAILED")
    ti = FakeTaskInstance()
    with pytest.raises(ImportIncompleteError, match="1 of 3 import jobs are COMPLETE") as raised:
        run(importing(knowledge_base, on_failed_records="ignore", deferrable=deferrable), ti=ti)
    assert "file 1 of 3 (rows 1 to 100)" in str(raised.value)
    summary = ti.xcoms["return_value"]
    assert (summary["status"], summary["rowsRefused"], summary["rowsImported"]) == ("FAILED", 3, None)
    assert [job["rowsImported"] for job in summary["importJobs"]] == [None, 100, None]


def test_a_report_that_cannot_be_read_is_no_empty_report(fake_wisdom, knowledge_base, partly_taken):
    fake_wisdom.fault("GetObject", "InternalError", http_status=500, times=100)
    with pytest.raises(FailedRecordReportError, match="is not known"):
        run(importing(knowledge_base))
    summary = run(importing(knowledge_base, on_failed_records="warn"), try_number=2)
    assert (summary["rowsRefused"], summary["rowsImported"]) == (None, None)


def test_a_complete_job_without_a_report_is_read_once_more_and_no_more(fake_wisdom, knowledge_base):
    """A call that is not needed is one that can fail."""
    run(importing(knowledge_base, ROWS[:1]))
    assert fake_wisdom.calls()["GetImportJob"] == 2


def test_a_report_that_is_too_large_is_an_error(fake_wisdom, knowledge_base, partly_taken):
    with pytest.raises(FailedRecordReportError, match="more than 10 bytes"):
        run(importing(knowledge_base, max_report_bytes=10))


def test_a_place_that_cannot_be_written_is_an_error(fake_wisdom, knowledge_base, partly_taken):
    ti = FakeTaskInstance()
    target = "s3://nosuch/failed.csv"
    with pytest.raises(StorageError, match=r"s3://nosuch/failed\.csv cannot be written"):
        run(importing(knowledge_base, failed_records_path=target, on_failed_records="warn"), ti=ti)
    summary = ti.xcoms["return_value"]
    assert (summary["rowsRefused"], summary["failedRecordsPath"]) == (3, None)
    # What is worse is told rather than that, and the account is given all the same.
    with pytest.raises(FailedRecordsError, match="AWS refused 3"):
        run(importing(knowledge_base, failed_records_path=target), ti=FakeTaskInstance(try_number=2))
    with pytest.raises(InvalidRowsError, match=r"row 1, .* s3://nosuch/invalid\.csv cannot be written"):
        run(importing(knowledge_base, BAD[:1], invalid_rows_path="s3://nosuch/invalid.csv"))
    with pytest.raises(StorageError):
        run(importing(knowledge_base, ROWS + BAD, invalid_rows_path="s3://nosuch/b.csv", on_invalid_rows="skip"))


# Trying again


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("died_after", [0, 1, 2, 3])
@pytest.mark.parametrize("remembers", [False, True])
def test_a_second_try_starts_only_what_was_never_started(
    fake_wisdom, knowledge_base, deferrable, died_after, remembers
):
    """The worker, or the triggerer, died after some of the three jobs were started."""
    fake_wisdom.import_jobs(after_calls=5)
    store = Store() if remembers else None
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), store, killed_after=died_after)
    assert len(jobs_of(fake_wisdom, knowledge_base)) == died_after
    summary = run_with_store(importing(knowledge_base, deferrable=deferrable), store, try_number=2)
    assert summary["rowsImported"] == 250
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3
    # Who remembers does not upload twice, either.
    assert fake_wisdom.calls()["StartContentUpload"] == (3 if remembers else 6 - died_after)


class Killed(BaseException):
    """What a worker's death looks like from inside: nothing more happens."""


class Store:
    """As much of Airflow's task state store as this package uses."""

    def __init__(self):
        self.stored = {}

    def get(self, key, default=None):
        return json.loads(self.stored[key]) if key in self.stored else default

    def set(self, key, value):
        self.stored[key] = json.dumps(value, allow_nan=False)

    def delete(self, key):
        self.stored.pop(key, None)


@contextmanager
def killed(starts):
    """Let the process die after so many jobs were started, as soon as anything else would happen."""
    from airflow_wisdom.hooks import WisdomHook
    from airflow_wisdom.watcher import ImportJobWatcher

    real, done = WisdomHook.start_import_job, []

    def start(hook, *args, **kwargs):
        if len(done) == starts:
            raise Killed
        done.append(1)
        return real(hook, *args, **kwargs)

    async def wait(*_args, **_kwargs):
        while len(done) < starts:  # noqa: ASYNC110 - other tasks start the jobs
            await asyncio.sleep(0.01)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WisdomHook, "start_import_job", start)
        patch.setattr(ImportJobWatcher, "wait_for", wait)
        yield


def run_with_store(task, store, try_number=1, killed_after=None):
    context = {"ti": FakeTaskInstance(try_number)}
    if store:
        context["task_state_store"] = store
    if killed_after is not None:
        with killed(killed_after):
            return task.execute(context)
    try:
        return task.execute(context)
    except TaskDeferred as deferred:
        return resume(task, deferred, context)


@pytest.mark.parametrize("remembers", [False, True])
def test_a_job_started_in_the_last_moment_is_found_by_its_token(fake_wisdom, knowledge_base, remembers):
    """The worker died between starting a job and remembering it, and the list does not show it yet."""
    fake_wisdom.import_jobs(after_seconds=3600)
    store = Store() if remembers else None
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base, ROWS[:10]), store, killed_after=1)
    if store:
        remembered = {key: json.loads(value) for key, value in store.stored.items()}
        for key, value in remembered.items():
            if isinstance(value, dict):
                store.set(key, {**value, "import_job_id": None})
    ((job),) = jobs_of(fake_wisdom, knowledge_base)
    again = importing(knowledge_base, ROWS[:10])
    real, looks = again.hook.list_import_jobs, []

    def lagging(knowledge_base_id):
        looks.append(1)
        return [] if len(looks) < 2 else real(knowledge_base_id)

    again.hook.list_import_jobs = lagging
    fake_wisdom.set_status(job["importJobId"], "COMPLETE")
    assert run_with_store(again, store, try_number=2)["rowsImported"] == 10
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 1


@pytest.mark.parametrize("reused", ["conflict", "first"])
@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("remembers", [False, True])
def test_only_the_file_whose_job_failed_is_started_again(fake_wisdom, knowledge_base, reused, deferrable, remembers):
    fake_wisdom.reused_client_token(reused)
    store = Store() if remembers else None
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), store, killed_after=3)
    first, second, third = (job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base))
    for job, status in ((first, "COMPLETE"), (second, "FAILED"), (third, "COMPLETE")):
        fake_wisdom.set_status(job, status)
    fake_wisdom.import_jobs()
    summary = run_with_store(importing(knowledge_base, deferrable=deferrable), store, try_number=2)
    ids = [job["importJobId"] for job in summary["importJobs"]]
    assert (ids[0], ids[2]) == (first, third)
    assert ids[1] not in (first, second, third)
    assert summary["rowsImported"] == 250


def test_a_first_try_does_not_search_the_history(fake_wisdom, knowledge_base):
    run(importing(knowledge_base, ROWS[:1]))
    assert "ListImportJobs" not in fake_wisdom.calls()


def test_a_store_that_fails_does_not_harm_an_import(fake_wisdom, knowledge_base):
    class Broken:
        def get(self, *_):
            raise RuntimeError("the API server is being restarted")

        set = delete = get

    assert run_with_store(importing(knowledge_base), Broken())["rowsImported"] == 250


def test_rows_that_have_changed_start_other_jobs_and_the_log_names_those_that_run(fake_wisdom, knowledge_base, caplog):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base, ROWS[:100]), None, killed_after=1)
    ((before),) = jobs_of(fake_wisdom, knowledge_base)
    fake_wisdom.import_jobs()
    summary = run_with_store(importing(knowledge_base, ROWS[100:201]), None, try_number=2)
    assert summary["rowsImported"] == 101
    assert f"Import job {before['importJobId']} goes on" in caplog.text


def test_throttling_while_files_are_sent_and_jobs_are_looked_for_is_waited_out(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartContentUpload", "ThrottlingException", http_status=429, times=4)
    run(importing(knowledge_base))
    fake_wisdom.fault("ListImportJobs", "ThrottlingException", http_status=429, times=4)
    assert run(importing(knowledge_base), try_number=2)["rowsImported"] == 250


@pytest.mark.parametrize("answer", ["conflict", "first"])
def test_a_triggerer_that_takes_over_much_later_starts_nothing_twice(fake_wisdom, knowledge_base, monkeypatch, answer):
    """By then AWS may have forgotten the client tokens."""
    fake_wisdom.reused_client_token(answer)
    fake_wisdom.import_jobs(after_calls=2)
    task = importing(knowledge_base, deferrable=True, max_active_jobs=2)
    with pytest.raises(TaskDeferred) as raised:
        task.execute({"ti": FakeTaskInstance()})
    trigger = raised.value.trigger
    first = fire(trigger)
    starts = fake_wisdom.calls()["StartImportJob"]
    trigger.submitted_at -= 3600
    assert [job["importJobId"] for job in fire(trigger)["jobs"]] == [job["importJobId"] for job in first["jobs"]]
    assert fake_wisdom.calls()["StartImportJob"] == starts
    fake_wisdom.fault("ListImportJobs", "AccessDeniedException", http_status=403)
    assert [job["importJobId"] for job in fire(trigger)["jobs"]] == [job["importJobId"] for job in first["jobs"]]


def test_an_upload_that_aws_no_longer_knows_is_made_anew_by_the_next_try(fake_wisdom, knowledge_base):
    store = Store()
    fake_wisdom.fault("StartImportJob", "ResourceNotFoundException", http_status=404, message="No such upload.")
    with pytest.raises(ImportIncompleteError, match="No such upload"):
        run_with_store(importing(knowledge_base, ROWS[:1]), store)
    assert run_with_store(importing(knowledge_base, ROWS[:1]), store, try_number=2)["rowsImported"] == 1
    assert fake_wisdom.calls()["StartContentUpload"] == 2


def test_a_triggerer_that_is_restarted_starts_nothing_twice(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_calls=2)
    task = importing(knowledge_base, deferrable=True, max_active_jobs=2)
    with pytest.raises(TaskDeferred) as raised:
        task.execute({"ti": FakeTaskInstance()})
    first, second = (fire(raised.value.trigger) for _ in range(2))
    assert [job["importJobId"] for job in first["jobs"]] == [job["importJobId"] for job in second["jobs"]]
    assert len(jobs_of(fake_wisdom, knowledge_base)) == 3


# What goes wrong on the way


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_deadline_tells_what_was_done_what_was_not_and_how_to_go_on(fake_wisdom, knowledge_base, deferrable):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base, max_active_jobs=2, timeout=4, deferrable=deferrable))
    said = str(raised.value)
    assert "0 of 3 import jobs are COMPLETE" in said
    assert said.count("did not end in time") == 2
    assert "file 3 of 3 (rows 201 to 250): The import job was not started in time" in said
    assert "Another try of the task goes on waiting for the jobs that still run" in said


def test_an_end_by_airflow_tells_what_was_started(fake_wisdom, knowledge_base, caplog):
    """An execution time-out of a deferred task, or a trigger that is no more: Airflow knows nothing of the jobs."""
    fake_wisdom.import_jobs(after_seconds=3600)
    context = {"ti": FakeTaskInstance()}
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), None, killed_after=1)
    task = importing(knowledge_base, deferrable=True)
    with pytest.raises(Exception, match="Trigger timeout"):
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    ((job),) = jobs_of(fake_wisdom, knowledge_base)
    assert f"{job['importJobId']} (START_IN_PROGRESS)" in caplog.text
    fake_wisdom.fault("ListImportJobs", "AccessDeniedException", http_status=403)
    with pytest.raises(Exception, match="Trigger timeout"):
        task.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert "not known" in caplog.text


def test_a_failed_upload_tells_what_was_done_and_how_to_go_on(fake_wisdom, knowledge_base):
    task = importing(knowledge_base)
    real, uploads = task.hook.upload, []

    def upload(*args, **kwargs):
        uploads.append(1)
        if len(uploads) == 2:
            fake_wisdom.fault("PutObject", "InternalError", http_status=500)
        return real(*args, **kwargs)

    task.hook.upload = upload
    with pytest.raises(ImportIncompleteError) as raised:
        run(task)
    for words in ("file 2 of 3 (rows 101 to 200) could not be uploaded", "1 files were uploaded", "no job was started"):
        assert words in str(raised.value)
    assert "StartImportJob" not in fake_wisdom.calls()


def test_a_failed_upload_names_the_jobs_that_run_already(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(Killed):
        run_with_store(importing(knowledge_base), None, killed_after=3)
    first, second, third = (job["importJobId"] for job in jobs_of(fake_wisdom, knowledge_base))
    fake_wisdom.set_status(first, "FAILED")
    fake_wisdom.fault("PutObject", "InternalError", http_status=500)
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base), try_number=2)
    for job in (second, third):
        assert f"{job} (START_IN_PROGRESS)" in str(raised.value)
    assert first not in str(raised.value)


def test_the_time_out_of_a_task_is_heard_wherever_it_hits(fake_wisdom, knowledge_base, monkeypatch):
    """Airflow raises it out of a signal handler: as well in the watcher's own task."""
    from airflow_wisdom.watcher.waits import Waits

    class TimedOut(BaseException):
        pass

    async def look(_waits):
        raise TimedOut

    monkeypatch.setattr(Waits, "_look", look)
    with pytest.raises(TimedOut):
        run(importing(knowledge_base))


def test_credentials_that_have_expired_are_looked_up_once_more_to_start_a_job(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_calls=1)
    task = importing(knowledge_base, deferrable=True, max_active_jobs=1)
    with pytest.raises(TaskDeferred) as raised:
        task.execute({"ti": FakeTaskInstance()})
    from airflow_wisdom.hooks import WisdomHook

    real, starts = WisdomHook.start_import_job, []

    def start(hook, *args, **kwargs):
        starts.append(1)
        if len(starts) == 2:
            fake_wisdom.fault("StartImportJob", "ExpiredTokenException", http_status=403)
        return real(hook, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WisdomHook, "start_import_job", start)
        assert fire(raised.value.trigger)["status"] == "success"


def test_all_files_share_one_client(fake_wisdom, knowledge_base, monkeypatch):
    from airflow_wisdom.hooks.connection import AwsConnection

    real, made = AwsConnection.make_hook, []

    def make(connection):
        made.append(1)
        return real(connection)

    monkeypatch.setattr(AwsConnection, "make_hook", make)
    run(importing(knowledge_base, max_rows_per_file=50, max_active_jobs=1, deferrable=True))
    assert len(made) == 1


@pytest.mark.parametrize("status", ["DELETED", "FAILED", "PAUSED"])
def test_who_does_not_run_is_not_waited_for(fake_wisdom, knowledge_base, status):
    fake_wisdom.import_jobs(status=status)
    with pytest.raises(ImportIncompleteError) as raised:
        run(importing(knowledge_base, ROWS[:1]))
    assert "goes on waiting" not in str(raised.value)


def test_without_xcom_nothing_is_pushed(fake_wisdom, knowledge_base):
    ti = FakeTaskInstance()
    run(importing(knowledge_base, ROWS[:1], do_xcom_push=False), ti=ti)
    assert ti.xcoms == {}


def test_numbers_may_come_out_of_templates(fake_wisdom, knowledge_base):
    task = importing(
        knowledge_base,
        max_rows_per_file="50",
        max_active_jobs="2",
        sample_size="3",
        on_failed_records=2.0,
    )
    assert len(run(task)["importJobs"]) == 5


def test_throttling_while_jobs_are_started_is_waited_out(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartImportJob", "ThrottlingException", http_status=429, times=4)
    assert run(importing(knowledge_base))["rowsImported"] == 250


def test_what_aws_does_not_allow_fails_every_file_and_says_so(fake_wisdom, knowledge_base):
    fake_wisdom.fault("StartImportJob", "AccessDeniedException", http_status=403, times=3)
    with pytest.raises(ImportIncompleteError, match="AccessDeniedException"):
        run(importing(knowledge_base))


@pytest.mark.parametrize(
    "wrong",
    [
        {"on_invalid_rows": "drop"},
        {"on_failed_records": "whatever"},
        {"on_failed_records": -1},
        {"max_active_jobs": 0},
        {"max_active_jobs": "x"},
        {"sample_size": -1},
        {"max_rows_per_file": "x"},
        {"metadata": dict.fromkeys("abcdef", "x")},
        {"knowledge_base": None},
        {"max_rows_per_file": 101},
        {"spaces": "keep"},
        {"extra_columns": "keep"},
        {"poll_interval": 0},
    ],
)
def test_parameters_that_make_no_sense_are_refused_before_anything_is_sent(fake_wisdom, knowledge_base, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("poll_", "").replace("_per_file", "")):
        run(importing(**{"knowledge_base": knowledge_base, **wrong}))
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


# Ending the task


def killed_while_it_waits(task, state, kill):
    """Run the task in this process and end it once two of its three jobs run; return what Airflow was asked."""
    asked = []

    class TaskInstance(FakeTaskInstance):
        def get_task_states(self, **where):
            asked.append(where)
            return {self.run_id: {self.task_id: state}}

    real = task.hook.start_import_job
    starts = []

    def start(*args, **kwargs):
        job = real(*args, **kwargs)
        starts.append(job)
        if len(starts) == 2:
            kill(task)
        return job

    task.hook.start_import_job = start
    with pytest.raises(ImportIncompleteError):
        task.execute({"ti": TaskInstance()})
    return asked


@pytest.mark.parametrize("state", ["failed", "success", "restarting", "skipped"])
def test_a_user_who_ends_the_task_deletes_the_jobs_that_run_if_asked(fake_wisdom, knowledge_base, state):
    fake_wisdom.import_jobs(after_seconds=3600)
    task = importing(knowledge_base, delete_jobs_on_kill=True, max_active_jobs=2, timeout=5)

    def kill(task):
        wait_until(lambda: len(task._import._jobs.under_way.running) == 1)
        task.on_kill()

    asked = killed_while_it_waits(task, state, kill)
    assert asked == [{"dag_id": "dag", "task_ids": ["task"], "run_ids": ["run"], "map_index": -1}]
    # Also the one that is being started in that moment; and no third is.
    assert fake_wisdom.calls()["DeleteImportJob"] == 2
    assert fake_wisdom.calls()["StartImportJob"] == 2


@pytest.mark.parametrize(("delete", "state"), [(True, "running"), (False, "failed")])
def test_whoever_else_ends_the_task_leaves_the_jobs_alone_and_says_which(
    fake_wisdom, knowledge_base, delete, state, caplog
):
    """A worker that is stopped, and an execution time-out: the task is meant to run, and another try goes on."""
    fake_wisdom.import_jobs(after_seconds=3600)
    task = importing(knowledge_base, delete_jobs_on_kill=delete, max_active_jobs=2, timeout=1)
    killed_while_it_waits(task, state, lambda task: task.on_kill())
    assert "DeleteImportJob" not in fake_wisdom.calls()
    assert "Another try of the task finds those that were, and starts the others" in caplog.text


def test_before_and_after_the_wait_there_is_nothing_to_end(fake_wisdom, knowledge_base):
    task = importing(knowledge_base, ROWS[:1], delete_jobs_on_kill=True)
    task.on_kill()
    run(task)
    task.on_kill()
    assert "DeleteImportJob" not in fake_wisdom.calls()


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_deferred_task_that_a_user_ends_deletes_the_jobs_that_run_if_asked(fake_wisdom, knowledge_base):
    fake_wisdom.import_jobs(after_seconds=3600)
    with pytest.raises(TaskDeferred) as raised:
        importing(knowledge_base, deferrable=True, delete_jobs_on_kill=True, max_active_jobs=2).execute(
            {"ti": FakeTaskInstance()}
        )
    trigger = raised.value.trigger

    async def kill_once_two_run():
        await trigger.on_kill()
        run = asyncio.create_task(anext(trigger.run()))
        while len(jobs_of(fake_wisdom, knowledge_base)) < 2:  # noqa: ASYNC110 - another task starts the jobs
            await asyncio.sleep(0.01)
        await trigger.on_kill()
        run.cancel()

    asyncio.run(kill_once_two_run())
    assert fake_wisdom.calls()["DeleteImportJob"] == 2
    assert fake_wisdom.calls()["StartImportJob"] == 2
