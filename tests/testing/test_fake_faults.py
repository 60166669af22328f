"""Calls that fail before or after their effect, get no answer, a slow one or nonsense; and the books of them."""

import contextlib
import json
import time

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from wisdom_calls import ONCE, client_of, names, refused, start, upload

TEXT = {"content": {"content": "c"}}
DENIED = ("AccessDeniedException", 403)


def create(client, kb, name, **kwargs):
    return client.create_quick_response(knowledgeBaseId=kb, name=name, **TEXT, **kwargs)


def outcome(call, *args):
    """What became of a call: None, or how it failed."""
    try:
        call(*args)
    except ClientError as error:
        return error.response["Error"]["Code"]
    except ConnectionClosedError:
        return "ConnectionClosed"
    return None


def test_a_fault_after_the_effect(fake, client, kb):
    """The call fails, and what it was to do was done."""
    fake.fault("CreateQuickResponse", "InternalServerException", http_status=500, after_effect=True)
    assert refused(create, client=client, kb=kb, name="n") == ("InternalServerException", 500)
    assert names(client, kb) == ["n"]


def test_a_fault_before_the_effect(fake, client, kb):
    """By default nothing was done."""
    fake.fault("CreateQuickResponse", "InternalServerException", http_status=500)
    assert refused(create, client=client, kb=kb, name="n") == ("InternalServerException", 500)
    assert names(client, kb) == []


@pytest.mark.parametrize("after_effect", [False, True])
def test_an_answer_that_is_lost(fake, client, kb, after_effect):
    """The connection is closed: botocore says so, and knows as little as anybody what was done."""
    fake.fault("CreateQuickResponse", lost=True, after_effect=after_effect)
    with pytest.raises(ConnectionClosedError):
        create(client, kb, "n")
    assert names(client, kb) == (["n"] if after_effect else [])


def test_a_lost_answer_is_retried_by_botocore(fake):
    """As a broken connection is; the token sees to it that the second call does nothing."""
    patient = client_of(fake, config=Config(retries={"mode": "standard", "total_max_attempts": 2}))
    kb = fake.create_knowledge_base()
    fake.fault("CreateQuickResponse", lost=True, after_effect=True)
    create(patient, kb, "n")
    assert fake.calls()["CreateQuickResponse"] == 2
    assert names(patient, kb) == ["n"]


def test_a_lost_answer_to_an_upload(fake, client, kb):
    """Whatever sends the bytes sees a broken connection, though they arrived."""
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    fake.fault("PutObject", lost=True, after_effect=True)
    with pytest.raises(requests.ConnectionError):
        requests.put(up["url"], data=b"Name,Content\nn,c\n", headers=up["headersToInclude"], timeout=5)
    client.start_import_job(knowledgeBaseId=kb, importJobType="QUICK_RESPONSES", uploadId=up["uploadId"])
    assert names(client, kb) == ["n"]


def test_a_fault_after_so_many_calls(fake, client, kb):
    """The calls before it and behind it pass; those of other operations do not count."""
    fake.fault("GetKnowledgeBase", "AccessDeniedException", http_status=403, after=2)
    found = []
    for _ in range(4):
        client.list_import_jobs(knowledgeBaseId=kb)
        found.append(outcome(lambda: client.get_knowledge_base(knowledgeBaseId=kb)))
    assert found == [None, None, "AccessDeniedException", None]


def test_a_fault_at_any_call(fake, client, kb):
    """The k-th call, whichever it is, uploads included."""

    def work():
        upload(client, kb, b"x")
        client.list_import_jobs(knowledgeBaseId=kb)

    work()
    (_, *operations) = [call["operation"] for call in fake.history()]
    assert operations == ["StartContentUpload", "PutObject", "ListImportJobs"]
    for k, operation in enumerate(operations):
        fake.fault("*", "AccessDeniedException", http_status=403, after=k)
        with pytest.raises((ClientError, AssertionError)):
            work()
        last = fake.history()[-1]
        assert (last["operation"], last["error"]) == (operation, "AccessDeniedException")


def test_an_unknown_operation_is_refused(fake):
    """A mistyped name is a mistake of the test."""
    with pytest.raises(ValueError, match="no such operation: GetImportJobs"):
        fake.fault("GetImportJobs")
    with pytest.raises(ValueError, match="no such operation: PutObject"):
        fake.nonsense("PutObject", {})


@pytest.mark.parametrize("status", [0, 200, 600])
def test_a_status_that_is_no_error_is_refused(fake, status):
    """A connection that is closed has none, which is what `lost` is for."""
    with pytest.raises(ValueError, match="http_status must be an HTTP status from 400 to 599"):
        fake.fault("GetImportJob", http_status=status)


def test_a_code_that_does_not_fit_into_a_header_is_refused(fake):
    """It would be an error of the server."""
    with pytest.raises(ValueError, match="code must be printable ASCII"):
        fake.fault("GetImportJob", "a\r\nb: c")


def test_faults_that_did_not_happen_yet_are_forgotten(fake, kb):
    fake.fault("*", times=100)
    fake.nonsense("ListImportJobs", {})
    fake.clear_faults()
    assert fake.client().list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"] == []


@pytest.mark.parametrize("body", [{"importJob": "text"}, [], {}, None, {"importJob": {"status": 1}}, "<html>"], ids=str)
def test_nonsense(fake, kb, body):
    """It arrives as it was told, once, and the call is carried out all the same."""
    client = client_of(fake, checked=False)
    job = start(client, kb)
    fake.nonsense("GetImportJob", body)
    seen = []
    client.meta.events.register("before-parse", lambda response_dict, **_: seen.append(response_dict["body"]))
    look = {"knowledgeBaseId": kb, "importJobId": job}
    with contextlib.suppress(Exception):  # each version of botocore's parser fails in its own way, or does not
        client.get_import_job(**look)
    expected = body if isinstance(body, str) else json.dumps(body)
    assert seen == [expected.encode()]
    assert client.get_import_job(**look)["importJob"]["importJobId"] == job


def test_slow_answers(fake, kb, monkeypatch):
    """The pause comes after the effect, and outside of the lock: other calls are served meanwhile."""
    meanwhile = []
    client = client_of(fake)

    def pause(seconds):
        monkeypatch.setattr("airflow_wisdom.testing.wisdom.dispatch.sleep", lambda _: None)
        meanwhile.append((seconds, names(client, kb)))

    monkeypatch.setattr("airflow_wisdom.testing.wisdom.dispatch.sleep", pause)
    fake.latency(5)
    create(client, kb, "n")
    assert meanwhile == [(5, ["n"])]


def test_a_client_that_does_not_wait_for_a_slow_answer(fake_wisdom_over_http):
    """It runs into its own time-out, and what it asked for is done."""
    fake = fake_wisdom_over_http
    kb = fake.create_knowledge_base()
    hasty = client_of(fake, config=ONCE.merge(Config(read_timeout=0.05)))
    fake.latency(0.5)
    with pytest.raises(Exception, match="Read timeout"):
        create(hasty, kb, "n")
    fake.latency(0)
    deadline = time.monotonic() + 10
    while not fake.quick_responses(kb) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [one["name"] for one in fake.quick_responses(kb)] == ["n"]


def test_no_pause_is_negative_or_endless(fake):
    """Such a server would not answer at all."""
    for seconds in (-1, 1e9, "long"):
        with pytest.raises(ValueError, match="seconds must be a number of seconds from 0 to 3600"):
            fake.latency(seconds)


def test_the_history(fake, client, kb):
    """Every call in order: what it was, how it failed, whether it changed anything."""
    create(client, kb, "n", clientToken="t")
    create(client, kb, "n", clientToken="t")
    assert refused(create, client=client, kb=kb, name="n") == ("ConflictException", 409)
    fake.fault("CreateQuickResponse", "InternalServerException", after_effect=True)
    assert outcome(create, client, kb, "m") == "InternalServerException"
    fake.fault("ListQuickResponses", lost=True)
    assert outcome(names, client, kb) == "ConnectionClosed"
    names(client, kb)
    fake.throttle(1)
    client.get_knowledge_base(knowledgeBaseId=kb)
    assert outcome(lambda: client.get_knowledge_base(knowledgeBaseId=kb)) == "ThrottlingException"
    found = [(call["operation"], call["error"], call["effect"]) for call in fake.history()]
    assert found == [
        ("CreateKnowledgeBase", None, True),
        ("CreateQuickResponse", None, True),
        ("CreateQuickResponse", None, False),
        ("CreateQuickResponse", "ConflictException", False),
        ("CreateQuickResponse", "InternalServerException", True),
        ("ListQuickResponses", "ConnectionClosed", False),
        ("ListQuickResponses", None, False),
        ("GetKnowledgeBase", None, False),
        ("GetKnowledgeBase", "ThrottlingException", False),
    ]
    fake.reset()
    assert fake.history() == []


def test_the_history_has_an_end():
    """A server that runs for days does not keep all of its calls."""
    from moto.wisdom.calls import LONGEST_HISTORY, Calls

    book = Calls()
    for number in range(LONGEST_HISTORY + 5):
        book.close(f"Operation{number}", None, effect=False)
    kept = book.history()
    assert (len(kept), kept[0]["operation"]) == (LONGEST_HISTORY, "Operation5")


def test_calls_that_cannot_be_read_are_in_the_books_too(fake, client, kb):
    """What breaks a rule of the model is a call, with AWS's code."""
    assert refused(client.list_import_jobs, knowledgeBaseId=kb, maxResults=101) == ("ValidationException", 400)
    assert fake.history()[-1] == {"operation": "ListImportJobs", "error": "ValidationException", "effect": False}
