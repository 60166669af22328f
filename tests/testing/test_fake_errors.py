"""AWS's errors by code: bad input, missing things, quotas, throttling, scripted faults, unknown operations."""

import pytest
from botocore.config import Config
from wisdom_calls import NO_ID, client_of, refused, start, upload

INVALID = ("ValidationException", 400)
NOT_FOUND = ("ResourceNotFoundException", 404)
CONFLICT = ("ConflictException", 409)
QUOTA = ("ServiceQuotaExceededException", 402)
JOB = {"importJobType": "QUICK_RESPONSES"}
SOURCE = {"connectConfiguration": {"instanceId": "i"}}
TEXT = {"content": {"content": "c"}}


@pytest.fixture
def custom(client):
    made = client.create_knowledge_base(name="documents", knowledgeBaseType="CUSTOM")
    return made["knowledgeBase"]["knowledgeBaseId"]


@pytest.mark.parametrize(
    ("operation", "kwargs"),
    [
        ("create_knowledge_base", {"name": "n", "knowledgeBaseType": "BOOKS"}),
        ("create_knowledge_base", {"name": "!", "knowledgeBaseType": "CUSTOM"}),
        ("create_knowledge_base", {"name": "n" * 256, "knowledgeBaseType": "CUSTOM"}),
        ("create_knowledge_base", {"name": "n", "knowledgeBaseType": "CUSTOM", "tags": {"aws:x": "y"}}),
        ("get_knowledge_base", {"knowledgeBaseId": "no-uuid"}),
        ("list_knowledge_bases", {"maxResults": 101}),
        ("list_knowledge_bases", {"nextToken": "x"}),
        ("list_knowledge_bases", {"nextToken": "YmVmb3JlOjE="}),
        ("start_content_upload", {"knowledgeBaseId": NO_ID, "contentType": "text/xml"}),
        ("start_import_job", {"knowledgeBaseId": NO_ID, "uploadId": "u", "importJobType": "CONTENT"}),
        ("start_import_job", {"knowledgeBaseId": NO_ID, "uploadId": "u" * 1201, **JOB}),
        ("start_import_job", {"knowledgeBaseId": NO_ID, "uploadId": "u", "clientToken": "t" * 4097, **JOB}),
        (
            "start_import_job",
            {"knowledgeBaseId": NO_ID, "uploadId": "u", "metadata": dict.fromkeys("abcdefghijk", "v"), **JOB},
        ),
        (
            "start_import_job",
            {
                "knowledgeBaseId": NO_ID,
                "uploadId": "u",
                "externalSourceConfiguration": {"source": "AMAZON_S3", "configuration": SOURCE},
                **JOB,
            },
        ),
        ("get_import_job", {"knowledgeBaseId": NO_ID, "importJobId": "no-uuid"}),
        ("create_quick_response", {"knowledgeBaseId": NO_ID, "name": "n" * 101, **TEXT}),
        ("create_quick_response", {"knowledgeBaseId": NO_ID, "name": "n", "channels": ["x" * 11], **TEXT}),
    ],
)
def test_input_that_breaks_a_rule_of_the_model(client, operation, kwargs):
    """The model's maxima, patterns and enums hold, though no client checks them; the knowledge base does not matter."""
    assert refused(getattr(client, operation), **kwargs) == INVALID


@pytest.mark.parametrize(
    ("operation", "kwargs"),
    [
        ("get_knowledge_base", {}),
        ("delete_knowledge_base", {}),
        ("start_content_upload", {"contentType": "text/csv"}),
        ("start_import_job", {"uploadId": "u", **JOB}),
        ("get_import_job", {"importJobId": NO_ID}),
        ("delete_import_job", {"importJobId": NO_ID}),
        ("create_quick_response", {"name": "n", **TEXT}),
        ("list_quick_responses", {}),
        ("update_quick_response", {"quickResponseId": NO_ID}),
        ("search_quick_responses", {"searchExpression": {}}),
        ("create_content", {"name": "n", "uploadId": "u"}),
        ("update_content", {"contentId": NO_ID}),
    ],
)
def test_an_unknown_knowledge_base(client, operation, kwargs):
    """It is not found, whatever was asked of it; but for ListImportJobs, of which below."""
    assert refused(getattr(client, operation), knowledgeBaseId=NO_ID, **kwargs) == NOT_FOUND


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (None, INVALID),
        ("ValidationException", INVALID),
        ("AccessDeniedException", ("AccessDeniedException", 403)),
        ("ResourceNotFoundException", NOT_FOUND),
    ],
)
def test_import_jobs_of_an_unknown_knowledge_base(fake, client, code, answer):
    """The model declares that ListImportJobs may refuse it in two ways; which of them is a switch."""
    if code:
        fake.list_of_unknown_knowledge_base(code)
    assert refused(client.list_import_jobs, knowledgeBaseId=NO_ID) == answer


@pytest.mark.parametrize(
    ("operation", "kwargs"),
    [
        ("get_import_job", {"importJobId": NO_ID}),
        ("delete_import_job", {"importJobId": NO_ID}),
        ("start_import_job", {"uploadId": "none", **JOB}),
        ("get_quick_response", {"quickResponseId": NO_ID}),
        ("delete_quick_response", {"quickResponseId": NO_ID}),
        ("get_content", {"contentId": NO_ID}),
        ("delete_content", {"contentId": NO_ID}),
    ],
)
def test_an_unknown_thing_in_a_knowledge_base(client, kb, operation, kwargs):
    """It is not found."""
    assert refused(getattr(client, operation), knowledgeBaseId=kb, **kwargs) == NOT_FOUND


def test_the_type_of_a_knowledge_base_decides(client, kb, custom):
    """Quick responses and documents live in knowledge bases of different types."""
    page = upload(client, custom, b"<p>", "text/html")
    file = upload(client, kb, b"")
    assert refused(client.start_import_job, knowledgeBaseId=custom, uploadId=page, **JOB) == INVALID
    assert refused(client.create_content, knowledgeBaseId=kb, name="n", uploadId=file) == INVALID
    assert refused(client.create_quick_response, knowledgeBaseId=custom, name="n", **TEXT) == INVALID
    assert refused(client.list_quick_responses, knowledgeBaseId=custom) == INVALID
    assert refused(client.start_content_upload, knowledgeBaseId=kb, contentType="text/html") == INVALID


def test_an_upload_that_was_never_sent(client, kb):
    """The uploadId alone is not enough."""
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    assert refused(client.start_import_job, knowledgeBaseId=kb, uploadId=up["uploadId"], **JOB) == INVALID


def test_the_upload_of_another_knowledge_base(client, kb, custom):
    """It is not found here."""
    other = upload(client, custom, b"", "text/csv")
    assert refused(client.start_import_job, knowledgeBaseId=kb, uploadId=other, **JOB) == NOT_FOUND


def test_names_that_are_taken(client, kb, custom):
    """Knowledge bases and contents have names of their own."""
    taken = {"name": "answers", "knowledgeBaseType": "CUSTOM"}
    assert refused(client.create_knowledge_base, **taken) == CONFLICT
    page = {"knowledgeBaseId": custom, "name": "n", "uploadId": upload(client, custom, b"", "text/html")}
    client.create_content(**page)
    assert refused(client.create_content, **page) == CONFLICT


def test_client_tokens_of_other_operations(client, custom):
    """The same call twice makes one thing, another call with the same token is a conflict."""
    page = {"knowledgeBaseId": custom, "uploadId": upload(client, custom, b"", "text/html"), "clientToken": "t"}
    first, second = (client.create_content(name="n", **page)["content"] for _ in range(2))
    assert first["contentId"] == second["contentId"]
    assert refused(client.create_content, name="m", **page) == CONFLICT


def test_the_quota_of_knowledge_bases(client):
    """Ten, as the quotas page says."""
    for number in range(10):
        client.create_knowledge_base(name=f"k{number}", knowledgeBaseType="CUSTOM")
    eleventh = {"name": "k10", "knowledgeBaseType": "CUSTOM"}
    assert refused(client.create_knowledge_base, **eleventh) == QUOTA


def test_other_quotas_can_be_made_small(fake, client, kb, custom):
    """A test need not create thousands of things to see the error."""
    fake.quotas(quick_responses=1, contents=0, document_bytes=3)
    client.create_quick_response(knowledgeBaseId=kb, name="n", **TEXT)
    assert refused(client.create_quick_response, knowledgeBaseId=kb, name="m", **TEXT) == QUOTA
    page = upload(client, custom, b"<p>", "text/html")
    assert refused(client.create_content, knowledgeBaseId=custom, name="n", uploadId=page) == QUOTA
    large = upload(client, kb, b"four")
    assert refused(client.start_import_job, knowledgeBaseId=kb, uploadId=large, **JOB) == INVALID
    with pytest.raises(ValueError, match="no such quota: rows"):
        fake.quotas(rows=1)


def test_scripted_faults(fake, client, kb):
    """So many calls of one operation fail as told, one script after the other; other operations do not."""
    fake.fault("ListImportJobs", "AccessDeniedException", http_status=403, times=2, message="No.")
    fake.fault("ListImportJobs", "MadeUpException", http_status=418)
    client.get_knowledge_base(knowledgeBaseId=kb)
    answers = [refused(client.list_import_jobs, knowledgeBaseId=kb) for _ in range(3)]
    assert answers == [("AccessDeniedException", 403)] * 2 + [("MadeUpException", 418)]
    assert client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"] == []


def test_a_fault_that_boto3_retries(fake):
    """A 500 is gone over once it was used up."""
    kb = fake.create_knowledge_base()
    fake.fault("GetKnowledgeBase", "InternalServerException", http_status=500)
    patient = Config(retries={"mode": "standard", "total_max_attempts": 2})
    client_of(fake, config=patient).get_knowledge_base(knowledgeBaseId=kb)
    assert fake.calls()["GetKnowledgeBase"] == 2


@pytest.mark.parametrize("http_status", [429, 400])
def test_all_operations_share_one_allowance(fake, clock, client, kb, http_status):
    """Ten calls at once, then ThrottlingException for any operation, with either HTTP status."""
    fake.throttle(http_status=http_status)
    for _ in range(5):
        client.get_knowledge_base(knowledgeBaseId=kb)
        client.list_import_jobs(knowledgeBaseId=kb)
    throttled = [
        refused(client.get_knowledge_base, knowledgeBaseId=kb),
        refused(client.list_import_jobs, knowledgeBaseId=kb),
    ]
    assert throttled == [("ThrottlingException", http_status)] * 2
    fake.throttle(None)
    client.get_knowledge_base(knowledgeBaseId=kb)
    fake.throttle(tps=5)
    for _ in range(5):
        client.get_knowledge_base(knowledgeBaseId=kb)


def test_two_operations_have_an_allowance_of_their_own(fake, clock, client, kb):
    """Twice as large each, and untouched by the others' throttling."""
    fake.throttle(tps=1)
    client.get_knowledge_base(knowledgeBaseId=kb)
    assert refused(client.get_knowledge_base, knowledgeBaseId=kb) == ("ThrottlingException", 429)
    search = {"knowledgeBaseId": kb, "searchExpression": {}}
    delete = {"knowledgeBaseId": kb, "quickResponseId": NO_ID}
    for _ in range(2):
        client.search_quick_responses(**search)
        assert refused(client.delete_quick_response, **delete) == NOT_FOUND
    assert refused(client.search_quick_responses, **search) == ("ThrottlingException", 429)
    assert refused(client.delete_quick_response, **delete) == ("ThrottlingException", 429)


def test_an_allowance_fills_up_again(fake, clock, client, kb):
    """At the rate that was chosen, and to no more than one second's worth."""
    fake.throttle(tps=2)

    def served():
        count = 0
        while True:
            try:
                client.get_knowledge_base(knowledgeBaseId=kb)
            except client.exceptions.ClientError:
                return count
            count += 1

    found = [served()]
    for seconds in (0.4, 0.5, 60):
        clock.advance(seconds)
        found.append(served())
    assert found == [2, 0, 1, 2]


def test_calls_are_counted(fake, client, kb):
    """By operation, refused ones and the presigned URLs included, until the reset."""
    fake.fault("StartImportJob", "ConflictException", http_status=409)
    with pytest.raises(client.exceptions.ConflictException):
        start(client, kb)
    assert fake.calls() == {
        "CreateKnowledgeBase": 1,
        "StartContentUpload": 1,
        "PutObject": 1,
        "StartImportJob": 1,
    }
    fake.reset()
    assert fake.calls() == {}


def test_a_reset_takes_everything_back(fake, client, kb):
    """State and switches alike."""
    fake.import_jobs(after_calls=9, status="FAILED")
    fake.throttle(1)
    fake.fault("ListKnowledgeBases", "AccessDeniedException")
    fake.list_order("newest_first")
    fake.expire_uploads()
    fake.reset()
    for _ in range(3):
        assert client.list_knowledge_bases()["knowledgeBaseSummaries"] == []
    kb = fake.create_knowledge_base()
    job = start(client, kb)
    (found,) = client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"]
    assert (found["importJobId"], found["status"]) == (job, "COMPLETE")


def test_an_unknown_switch_is_refused(fake):
    """Such as one of a newer version, over HTTP."""
    with pytest.raises(ValueError, match="no such switch: gravity"):
        fake._control("gravity")


def test_an_operation_that_is_not_implemented(fake):
    """It says so, with a status that boto3 does not retry."""
    patient = client_of(fake, "qconnect", config=Config(retries={"mode": "standard"}))
    with pytest.raises(patient.exceptions.ClientError, match="does not implement ListAssistants") as caught:
        patient.list_assistants()
    meta = caught.value.response["ResponseMetadata"]
    assert (meta["HTTPStatusCode"], meta["RetryAttempts"]) == (501, 0)


def test_a_region_that_does_not_exist(fake):
    """It says so too."""
    nowhere = client_of(fake, region_name="mars-north-1")
    assert refused(nowhere.list_knowledge_bases) == ("UnknownRegionException", 400)
