"""The state machine of import jobs, and what becomes of the uploaded file."""

import pytest
from botocore.exceptions import ClientError
from wisdom_calls import NO_ID, client_of, csv_of, get, names, refused, report, start, status, upload

SHOWN = "START_IN_PROGRESS"


@pytest.fixture
def unchecked(fake):
    """A client for answers that AWS would never give."""
    return client_of(fake, checked=False)


def statuses(client, kb, job, times):
    return [status(client, kb, job) for _ in range(times)]


def row(number, name=None, content="Hello", key=None):
    return (name or f"n{number}", content, key or f"k{number}")


def test_a_job_has_ended_at_the_first_look(client, kb):
    """StartImportJob answers START_IN_PROGRESS, everything after it sees the end."""
    job = start(client, kb)
    assert names(client, kb) == ["hi"]
    assert status(client, kb, job) == "COMPLETE"


def test_a_job_that_ends_after_looks(fake, client, kb):
    """Both ways to look at a job count, and the file is read when it ends."""
    fake.import_jobs(after_calls=3)
    job = start(client, kb)
    assert names(client, kb) == []
    assert statuses(client, kb, job, 2) == [SHOWN, SHOWN]
    (listed,) = client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"]
    assert listed["status"] == SHOWN
    assert statuses(client, kb, job, 2) == ["COMPLETE", "COMPLETE"]
    assert names(client, kb) == ["hi"]


def test_a_job_that_ends_after_seconds(fake, clock, client, kb):
    """However often it is looked at."""
    fake.import_jobs(after_seconds=30)
    job = start(client, kb)
    assert statuses(client, kb, job, 5) == [SHOWN] * 5
    clock.advance(29)
    assert status(client, kb, job) == SHOWN
    clock.advance(1)
    assert status(client, kb, job) == "COMPLETE"


def test_the_pace_is_that_of_the_start(fake, client, kb):
    """A switch holds for jobs that are started from now on."""
    fake.import_jobs(after_calls=5)
    slow = start(client, kb, csv_of(row(1)))
    fake.import_jobs()
    fast = start(client, kb, csv_of(row(2)))
    assert (status(client, kb, slow), status(client, kb, fast)) == (SHOWN, "COMPLETE")


def test_a_pace_has_one_measure(fake):
    """Calls and seconds together are refused."""
    with pytest.raises(ValueError, match="not both"):
        fake.import_jobs(after_calls=1, after_seconds=1)


@pytest.mark.parametrize("end", ["FAILED", "DELETE_FAILED", "SOMETHING_NEW"])
def test_a_job_that_ends_in_a_chosen_status(fake, unchecked, end):
    """A job may end in any status, one that AWS does not have included, and only COMPLETE reads the file."""
    kb = fake.create_knowledge_base()
    fake.import_jobs(after_calls=1, status=end)
    job = start(unchecked, kb)
    assert statuses(unchecked, kb, job, 2) == [SHOWN, end]
    assert names(unchecked, kb) == []


@pytest.mark.parametrize(
    ("answered", "created"), [("FAILED", []), ("DELETED", []), ("DELETE_FAILED", []), ("COMPLETE", ["hi"])]
)
def test_a_job_that_has_ended_in_the_very_answer(fake, client, kb, answered, created):
    """StartImportJob may answer any status; the job stays as it was answered."""
    fake.import_jobs(answered=answered)
    up = upload(client, kb, csv_of(("hi", "Hello", "h")))
    made = client.start_import_job(knowledgeBaseId=kb, importJobType="QUICK_RESPONSES", uploadId=up)["importJob"]
    assert made["status"] == answered
    assert statuses(client, kb, made["importJobId"], 2) == [answered] * 2
    assert names(client, kb) == created
    fake.import_jobs()
    assert status(client, kb, start(client, kb, csv_of(row(1)))) == "COMPLETE"


def test_an_answer_excludes_a_pace(fake):
    """A job that has ended has no other end to come."""
    for other in ({"after_calls": 1}, {"after_seconds": 1}, {"status": "FAILED"}):
        with pytest.raises(ValueError, match="no pace and no other end"):
            fake.import_jobs(answered="FAILED", **other)


@pytest.mark.parametrize("switch", ["import_jobs", "deletions", "partly_failed"])
def test_no_status_is_empty(fake, switch):
    """The model would not have it."""
    with pytest.raises(ValueError, match="status must be text that is not empty"):
        getattr(fake, switch)(status="")


def test_a_list_that_lags_by_lists(fake, client, kb):
    """A job is missing from so many of them, and is found by its id all the while."""
    fake.lagging_list(calls=2)
    job = start(client, kb)
    listed = [client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"] for _ in range(4)]
    assert [len(jobs) for jobs in listed] == [0, 0, 1, 1]
    assert status(client, kb, job) == "COMPLETE"


def test_a_list_that_lags_by_seconds(fake, clock, client, kb):
    """However often it is asked for."""
    fake.lagging_list(seconds=10)
    start(client, kb)
    clock.advance(9)
    assert [client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"] for _ in range(3)] == [[]] * 3
    clock.advance(1)
    assert len(client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"]) == 1
    with pytest.raises(ValueError, match="not both"):
        fake.lagging_list(calls=1, seconds=1)


def test_an_old_job(fake, client, kb):
    """A test need not wait for hours."""
    job = start(client, kb)
    before = get(client, kb, job)
    fake.age_import_job(job, 36_000)
    after = get(client, kb, job)
    for name in ("createdTime", "lastModifiedTime"):
        assert (before[name] - after[name]).total_seconds() == 36_000
    for mistake in ((NO_ID, 1), (job, -1), (job, 1e15)):
        with pytest.raises(ValueError, match=r"no such import job|seconds"):
            fake.age_import_job(*mistake)


def test_the_most_jobs_at_once(fake, client, kb):
    """Those that have ended do not count."""
    assert fake.most_running() == 0
    fake.import_jobs(after_calls=1)
    jobs = [start(client, kb, csv_of(row(number))) for number in range(3)]
    for job in jobs:
        statuses(client, kb, job, 2)
    start(client, kb, csv_of(row(9)))
    assert fake.most_running() == 3


@pytest.mark.parametrize(("end", "created"), [("COMPLETE", ["hi"]), ("FAILED", []), ("NEW", [])])
def test_a_job_is_put_in_a_status(fake, unchecked, end, created):
    """A job in progress takes any status at once."""
    kb = fake.create_knowledge_base()
    fake.import_jobs(after_calls=99)
    job = start(unchecked, kb)
    fake.set_status(job, end)
    assert status(unchecked, kb, job) == end
    assert names(unchecked, kb) == created
    fake.set_status(job, SHOWN)
    assert statuses(unchecked, kb, job, 2) == [SHOWN, SHOWN]


def test_a_status_for_no_job(fake):
    """A mistyped id is a mistake of the test."""
    with pytest.raises(ValueError, match="no such import job"):
        fake.set_status(NO_ID, "FAILED")


def test_a_deleted_job_is_gone(client, kb):
    """It is not found any more; what it imported stays."""
    job = start(client, kb)
    client.delete_import_job(knowledgeBaseId=kb, importJobId=job)
    gone = refused(client.get_import_job, knowledgeBaseId=kb, importJobId=job)
    assert gone == ("ResourceNotFoundException", 404)
    assert client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"] == []
    assert names(client, kb) == ["hi"]


def test_a_slow_deletion(fake, client, kb):
    """DELETE_IN_PROGRESS for so many looks, then gone."""
    job = start(client, kb)
    fake.deletions(after_calls=2)
    client.delete_import_job(knowledgeBaseId=kb, importJobId=job)
    assert statuses(client, kb, job, 2) == ["DELETE_IN_PROGRESS"] * 2
    gone = refused(client.get_import_job, knowledgeBaseId=kb, importJobId=job)
    assert gone == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("end", ["DELETED", "DELETE_FAILED"])
def test_a_deletion_that_stays_visible(fake, client, kb, end):
    """It ends in the status that was chosen."""
    job = start(client, kb)
    fake.deletions(after_calls=1, status=end)
    client.delete_import_job(knowledgeBaseId=kb, importJobId=job)
    assert statuses(client, kb, job, 3) == ["DELETE_IN_PROGRESS", end, end]


def test_a_job_in_progress_cannot_be_deleted(fake, client, kb):
    """Neither while it starts nor while it is being deleted."""
    fake.import_jobs(after_calls=1)
    fake.deletions(after_calls=9)
    job = start(client, kb)
    delete = {"knowledgeBaseId": kb, "importJobId": job}
    assert refused(client.delete_import_job, **delete) == ("ConflictException", 409)
    assert statuses(client, kb, job, 2) == [SHOWN, "COMPLETE"]
    client.delete_import_job(**delete)
    assert refused(client.delete_import_job, **delete) == ("ConflictException", 409)


def test_a_whole_file(client, kb):
    """Every column arrives in its member."""
    header = (
        "Name",
        "Description",
        "Content",
        "Content type",
        "Shortcut key",
        "Channels",
        "Language",
        "Is active",
        "Routing Profile",
    )
    cells = ("hi", "greets", "*Hello*\nthere", "markdown", "h", "Chat", "en_US", "Yes", "Basic;Other")
    job = start(client, kb, csv_of(cells, header=header))
    assert status(client, kb, job) == "COMPLETE"
    (found,) = client.search_quick_responses(knowledgeBaseId=kb, searchExpression={})["results"]
    assert (found["name"], found["description"], found["shortcutKey"]) == ("hi", "greets", "h")
    assert found["contents"] == {"markdown": {"content": "*Hello*\nthere"}, "plainText": {"content": "Hello\nthere"}}
    assert (found["channels"], found["language"], found["isActive"]) == (["Chat"], "en_US", True)
    assert found["groupingConfiguration"] == {"criteria": "RoutingProfileArn", "values": ["Basic", "Other"]}


def test_100_rows_with_a_byte_order_mark(client, kb):
    """As many as a file may have, as Excel saves them; there is no report then."""
    body = b"\xef\xbb\xbf" + csv_of(*map(row, range(100)))
    found = get(client, kb, start(client, kb, body))
    assert found["status"] == "COMPLETE"
    assert "failedRecordReport" not in found
    shown = client.list_quick_responses(knowledgeBaseId=kb, maxResults=100)
    assert len(shown["quickResponseSummaries"]) == 100


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (csv_of(*map(row, range(101))), "101 quick responses, 100 are allowed"),
        (csv_of(), "no quick responses"),
        (b"", "not a CSV"),
        (b'Name,Content\n"hi,Hello\n', "not a CSV"),
        ("Name,Content\nhi,Grüße\n".encode("latin-1"), "UTF-8"),
        (b"Title,Content\na,b\n", "Unknown columns: Title"),
        (b"Name <*Required field>,Content\na,b\n", "Unknown columns: Name <"),
        (b"Name\na\n", "Missing columns: Content"),
        (b"Name,Content,Name\na,b,c\n", "occurs twice"),
    ],
    ids=["101 rows", "no rows", "empty", "broken", "latin-1", "label", "mark", "missing", "twice"],
)
def test_a_file_that_fails_as_a_whole(client, kb, body, reason):
    """The job fails, nothing is created, and the report says why."""
    found = get(client, kb, start(client, kb, body))
    assert found["status"] == "FAILED"
    assert [reason in line["Error"] for line in report(found)] == [True]
    assert names(client, kb) == []


BAD_ROWS = {
    "no name": (("", "Hello", "x"), "Name must not be null."),
    "no content": (("x", "", "x"), "Content must not be null."),
    "name twice": (("n0", "Hello", "x"), "A quick response with this name already exists."),
    "shortcut key twice": (("x", "Hello", "k0"), "A quick response with this shortcut key already exists."),
    "name too long": (("x" * 101, "Hello", "x"), "Name must have length less than or equal to 100."),
    "content too long": (("x", "x" * 4001, "x"), "Content must have length less than or equal to 4000."),
    "shortcut key too long": (("x", "Hello", "x" * 11), "Shortcut key must have length less than or equal to 10."),
    "spaces": ((" x", "Hello", "x"), "Leading or trailing spaces in name."),
    "a column too few": (("x", "Hello"), "The row has 2 columns, the header has 3."),
    "a column too many": (("x", "Hello", "x", "y"), "The row has 4 columns, the header has 3."),
}


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_fails(client, kb, bad, reason):
    """The other rows are imported; the report has the bad one as it was sent, with a reason."""
    found = get(client, kb, start(client, kb, csv_of(row(0), bad, row(1))))
    assert found["status"] == "COMPLETE"
    (line,) = report(found)
    assert (line["Name"], line["Content"]) == bad[:2]
    assert line["Error"] == reason
    assert names(client, kb) == ["n0", "n1"]


@pytest.mark.parametrize(("column", "cell"), [("Is active", "maybe"), ("Content type", "html"), ("Channels", "x" * 11)])
def test_a_cell_that_means_nothing(client, kb, column, cell):
    """A value that cannot be understood fails its row."""
    body = csv_of(("hi", "Hello", cell), ("ho", "Hello", ""), header=("Name", "Content", column))
    (line,) = report(get(client, kb, start(client, kb, body)))
    assert line[column] == cell
    assert names(client, kb) == ["ho"]


def test_limits_come_from_the_wider_model(fake, client, kb):
    """The longest name and content of qconnect pass; wisdom's own limits are smaller."""
    body = csv_of(("n" * 100, "x" * 4000, "k" * 10))
    found = get(client, kb, start(client, kb, body))
    assert "failedRecordReport" not in found


def test_a_file_imported_twice(client, kb):
    """Names are taken the second time: every row fails, and so does the job."""
    assert status(client, kb, start(client, kb)) == "COMPLETE"
    again = get(client, kb, start(client, kb))
    assert again["status"] == "FAILED"
    assert len(report(again)) == 1


def test_the_status_of_a_partly_failed_job_is_a_switch(fake, client, kb):
    """AWS does not say which status it is."""
    fake.partly_failed("FAILED")
    found = get(client, kb, start(client, kb, csv_of(row(0), row(0))))
    assert found["status"] == "FAILED"
    assert len(report(found)) == 1
    assert names(client, kb) == ["n0"]


def test_another_header(fake, client, kb):
    """The labels of the columns are a switch: files and reports follow it, the default labels fail."""
    fake.header({"Titel": "name", "Text": "content", "Kürzel": "shortcutKey"})
    labels = ("Titel", "Text", "Kürzel")
    found = get(client, kb, start(client, kb, csv_of(row(0), row(0), header=labels)))
    assert found["status"] == "COMPLETE"
    assert [line["Titel"] for line in report(found)] == ["n0"]
    assert status(client, kb, start(client, kb, csv_of(row(1)))) == "FAILED"
    assert names(client, kb) == ["n0"]


def test_a_header_for_unknown_fields(fake):
    """A mistyped field is a mistake of the test."""
    with pytest.raises(ValueError, match="no such field: nmae"):
        fake.header({"Name": "nmae"})


def test_routing_profiles(fake, client, kb):
    """Once the instance's routing profiles are known, a row with another one fails; case counts."""
    fake.routing_profiles(["Basic"])
    rows = [("a", "x", "Basic"), ("b", "x", "basic"), ("c", "x", "Basic;Other")]
    body = csv_of(*rows, header=("Name", "Content", "Routing Profile"))
    found = get(client, kb, start(client, kb, body))
    assert [line["Name"] for line in report(found)] == ["b", "c"]
    assert names(client, kb) == ["a"]


def test_reused_client_token(fake, client, kb):
    """The same call twice is one job; with other parameters it is a conflict or the first job, by switch."""
    first = start(client, kb, clientToken="t")
    (job,) = client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"]
    again = client.start_import_job(
        knowledgeBaseId=job["knowledgeBaseArn"],
        importJobType="QUICK_RESPONSES",
        uploadId=job["uploadId"],
        clientToken="t",
    )
    assert again["importJob"]["importJobId"] == first
    with pytest.raises(ClientError, match="ConflictException"):
        start(client, kb, clientToken="t")
    fake.reused_client_token("first")
    assert start(client, kb, clientToken="t") == first
    assert start(client, kb, clientToken="u") != first
    with pytest.raises(ValueError, match="must be one of conflict, first"):
        fake.reused_client_token("second")
