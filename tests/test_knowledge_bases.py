"""The hook's verbs for knowledge bases, and the test of a connection."""

from __future__ import annotations

import json
import os
from uuid import uuid4

import pytest

from airflow_wisdom.exceptions import ConflictError, ResourceNotFoundError, ServiceQuotaExceededError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.model.knowledge_base import KnowledgeBaseData

CONNECT = {"AmazonConnectEnabled": "True"}
FINE = "is of type QUICK_RESPONSES, is ACTIVE, and has the tag AmazonConnectEnabled=True"


@pytest.fixture
def hook(fake_wisdom, service_name):
    return WisdomHook(service_name=service_name)


@pytest.fixture
def connection(monkeypatch):
    """Set entries of the extra of the Airflow connection."""

    def extra(**entries):
        made = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
        made["extra"] |= entries
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(made))

    return extra


# Verbs


def test_a_knowledge_base_is_made_read_listed_and_deleted(hook):
    made = hook.create_knowledge_base("mine", tags={"team": "faq"}, client_token="once")
    assert hook.create_knowledge_base("mine", tags={"team": "faq"}, client_token="once") == made
    assert (made.name, made.knowledge_base_type, made.status) == ("mine", "QUICK_RESPONSES", "ACTIVE")
    assert made.tags == {"team": "faq"}
    assert made.is_ready
    assert hook.get_knowledge_base(made.arn) == made
    assert hook.knowledge_base_page() == ([made], None)
    hook.delete_knowledge_base(made.knowledge_base_id)
    assert hook.knowledge_base_page() == ([], None)
    with pytest.raises(ResourceNotFoundError):
        hook.get_knowledge_base(made.knowledge_base_id)
    with pytest.raises(ResourceNotFoundError):
        hook.delete_knowledge_base(made.knowledge_base_id)


def test_a_knowledge_base_of_another_type(hook):
    assert hook.create_knowledge_base("docs", knowledge_base_type="CUSTOM").knowledge_base_type == "CUSTOM"


def test_a_knowledge_base_that_cannot_be_made(hook, fake_wisdom):
    hook.create_knowledge_base("mine")
    with pytest.raises(ConflictError):
        hook.create_knowledge_base("mine")
    fake_wisdom.quotas(knowledge_bases=1)
    with pytest.raises(ServiceQuotaExceededError):
        hook.create_knowledge_base("another")


def test_knowledge_bases_are_listed_by_pages(hook, fake_wisdom):
    fake_wisdom.quotas(knowledge_bases=200)
    for number in range(101):
        fake_wisdom.create_knowledge_base(f"base {number}")
    first, token = hook.knowledge_base_page()
    second, last = hook.knowledge_base_page(token)
    assert len({each.name for each in [*first, *second]}) == 101
    assert (len(first), last) == (100, None)


def test_import_jobs_are_listed_by_pages(hook, fake_wisdom):
    assert hook.import_job_page(fake_wisdom.create_knowledge_base()) == ([], None)


# Test of a connection


def test_a_knowledge_base_that_agents_see(hook, fake_wisdom, connection):
    base = fake_wisdom.create_knowledge_base(tags=CONNECT)
    assert hook.test_connection(base) == (True, f"Knowledge base {base} {FINE}")
    connection(knowledge_base_id=hook.get_knowledge_base(base).arn)
    assert hook.test_connection() == (True, f"Knowledge base {base} {FINE}")


def test_the_knowledge_base_of_the_instance_of_a_connection(hook, fake_wisdom, connection):
    base = fake_wisdom.create_knowledge_base(tags=CONNECT)
    connection(instance_id=fake_wisdom.create_instance(base))
    assert hook.test_connection() == (True, f"Knowledge base {base} {FINE}")
    connection(instance_id=fake_wisdom.create_instance())
    works, why = hook.test_connection()
    assert not works
    assert "has no knowledge base of quick responses" in why


def test_the_given_knowledge_base_goes_before_that_of_the_connection(hook, fake_wisdom, connection):
    connection(knowledge_base_id=fake_wisdom.create_knowledge_base("other"))
    base = fake_wisdom.create_knowledge_base(tags=CONNECT)
    assert hook.test_connection(base)[0]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, "lacks the tag AmazonConnectEnabled=True"),
        ({"amazonconnectenabled": "True"}, "lacks the tag AmazonConnectEnabled=True"),
        ({"AmazonConnectEnabled": "true"}, "has the tag AmazonConnectEnabled=true, not AmazonConnectEnabled=True"),
        ({"AmazonConnectEnabled": "False"}, "has the tag AmazonConnectEnabled=False, not AmazonConnectEnabled=True"),
    ],
)
def test_a_knowledge_base_that_amazon_connect_does_not_use(hook, fake_wisdom, tags, found):
    base = fake_wisdom.create_knowledge_base(tags=tags)
    works, why = hook.test_connection(base)
    assert not works
    assert why == (
        f"Knowledge base {base} {found}: imports may succeed, but Amazon Connect does not use it, and agents see "
        "nothing of it. Set the tag"
    )


@pytest.mark.parametrize("kind", ["CUSTOM", "EXTERNAL", "MESSAGE_TEMPLATES"])
def test_a_knowledge_base_of_another_type_is_not_what_is_meant(hook, fake_wisdom, kind):
    base = fake_wisdom.create_knowledge_base(knowledge_base_type=kind, tags=CONNECT)
    works, why = hook.test_connection(base)
    assert not works
    assert why.startswith(f"Knowledge base {base} is of type {kind}, not QUICK_RESPONSES: ")


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED"])
def test_a_knowledge_base_that_is_not_there_yet_or_no_longer(status):
    """The fake has such ones at no time."""
    base = KnowledgeBaseData("id", "arn", "name", "QUICK_RESPONSES", status, CONNECT)
    assert not base.is_ready
    assert base.problem == f"is {status}, not ACTIVE. Wait until it is, or name another one"


def test_a_knowledge_base_that_does_not_exist(hook):
    works, why = hook.test_connection(str(uuid4()))
    assert not works
    assert why.startswith("GetKnowledgeBase: ResourceNotFoundException")


def test_a_permission_that_is_missing(hook, fake_wisdom, knowledge_base):
    fake_wisdom.fault("GetKnowledgeBase", "AccessDeniedException", http_status=403)
    works, why = hook.test_connection(knowledge_base)
    assert not works
    assert why.startswith("GetKnowledgeBase: AccessDeniedException")


def test_a_connection_that_does_not_exist():
    works, why = WisdomHook("missing").test_connection()
    assert not works
    assert why.startswith("The Airflow connection 'missing' does not exist")


def test_credentials_alone_where_no_knowledge_base_is_named(hook, fake_wisdom):
    works, what = hook.test_connection()
    assert works
    assert "region_name='us-east-1'" in what
    assert what.endswith(
        "No knowledge base was checked: pass knowledge_base_id, or put it into the extra of the Airflow connection"
    )
    without = WisdomHook(None, region_name="us-east-1").test_connection()
    assert without[0]
    assert "No knowledge base was checked" in without[1]
    assert "GetKnowledgeBase" not in fake_wisdom.calls()
