"""Every operation, through real clients of both names."""

from datetime import datetime, timedelta, timezone

import botocore.session
import pytest
import requests
from botocore import xform_name
from wisdom_calls import NO_ID, client_of, csv_of, get, names, refused, start, status, upload

KB = {"knowledgeBaseType": "QUICK_RESPONSES"}
SOURCE = {"source": "AMAZON_CONNECT", "configuration": {"connectConfiguration": {"instanceId": "i"}}}


def quick_response(client, kb, name="hi", **kwargs):
    made = client.create_quick_response(knowledgeBaseId=kb, name=name, content={"content": f"{name}!"}, **kwargs)
    return made["quickResponse"]


@pytest.fixture
def custom(client):
    made = client.create_knowledge_base(name="documents", knowledgeBaseType="CUSTOM")
    return made["knowledgeBase"]["knowledgeBaseId"]


def content(client, kb, name="page", body=b"<p>hi</p>", **kwargs):
    upload_id = upload(client, kb, body, "text/html")
    return client.create_content(knowledgeBaseId=kb, name=name, uploadId=upload_id, **kwargs)["content"]


def test_both_clients_reach_one_state(fake):
    """What one client creates, the other one sees."""
    wisdom, qconnect = client_of(fake, "wisdom"), client_of(fake, "qconnect")
    kb = wisdom.create_knowledge_base(name="k", **KB)["knowledgeBase"]["knowledgeBaseId"]
    job = start(qconnect, kb)
    assert status(wisdom, kb, job) == "COMPLETE"
    assert names(qconnect, kb) == ["hi"]


def test_knowledge_bases(client):
    """Create, get by id and by ARN, list, delete."""
    made = client.create_knowledge_base(name="k", description="d", tags={"a": "b"}, **KB)["knowledgeBase"]
    for name in (made["knowledgeBaseId"], made["knowledgeBaseArn"]):
        found = client.get_knowledge_base(knowledgeBaseId=name)["knowledgeBase"]
        assert (found["name"], found["description"], found["tags"]) == ("k", "d", {"a": "b"})
    listed = client.list_knowledge_bases()["knowledgeBaseSummaries"]
    assert [kb["knowledgeBaseArn"] for kb in listed] == [made["knowledgeBaseArn"]]
    client.delete_knowledge_base(knowledgeBaseId=made["knowledgeBaseId"])
    assert client.list_knowledge_bases()["knowledgeBaseSummaries"] == []
    gone = refused(client.get_knowledge_base, knowledgeBaseId=made["knowledgeBaseId"])
    assert gone == ("ResourceNotFoundException", 404)


def test_an_import_job_keeps_what_it_was_started_with(client, kb):
    """Metadata and source come back, from GetImportJob and from the list; the URL gives the file."""
    body = csv_of(("hi", "Hello", "h"))
    job = start(client, kb, body, metadata={"run": "1"}, externalSourceConfiguration=SOURCE)
    found = get(client, kb, job)
    (listed,) = client.list_import_jobs(knowledgeBaseId=kb)["importJobSummaries"]
    for one in (found, listed):
        assert one["metadata"] == {"run": "1"}
        assert one["externalSourceConfiguration"] == SOURCE
        assert one["importJobId"] == job
    assert requests.get(found["url"], timeout=5).content == body
    assert not {"url", "urlExpiry", "failedRecordReport"} & set(listed)


def test_times(client, kb):
    """Times are aware and of now; an upload's URL expires when it was asked to."""
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    found = get(client, kb, start(client, kb))
    assert before <= found["createdTime"] <= found["lastModifiedTime"] <= datetime.now(timezone.utc)
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    assert timedelta(minutes=59) < up["urlExpiry"] - before < timedelta(minutes=61)


def test_time_to_live_of_an_upload(fake):
    """presignedUrlTimeToLive says how long the URL lives."""
    client = client_of(fake, "qconnect")
    kb = fake.create_knowledge_base()
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv", presignedUrlTimeToLive=5)
    assert "X-Amz-Expires=300&" in up["url"]
    assert timedelta(minutes=4) < up["urlExpiry"] - datetime.now(timezone.utc) < timedelta(minutes=6)


def test_pages_of_import_jobs(fake, client, kb):
    """Every job once, in pages of the size asked for, in the order that was chosen."""
    jobs = [start(client, kb, b"") for _ in range(5)]
    for order, expected in (("oldest_first", jobs), ("newest_first", jobs[::-1])):
        fake.list_order(order)
        pages = client.get_paginator("list_import_jobs").paginate(knowledgeBaseId=kb, PaginationConfig={"PageSize": 2})
        listed = [[job["importJobId"] for job in page["importJobSummaries"]] for page in pages]
        assert listed == [expected[:2], expected[2:4], expected[4:]]


def test_deleting_what_a_page_showed_skips_nothing(client, kb):
    """The next page goes on where the last one ended, whatever was deleted since."""
    for number in range(6):
        quick_response(client, kb, f"n{number}")
    seen = []
    pages = client.get_paginator("list_quick_responses").paginate(knowledgeBaseId=kb, PaginationConfig={"PageSize": 2})
    for page in pages:
        for one in page["quickResponseSummaries"]:
            seen.append(one["name"])
            client.delete_quick_response(knowledgeBaseId=kb, quickResponseId=one["quickResponseId"])
    assert seen == [f"n{number}" for number in range(6)]
    assert names(client, kb) == []


def test_quick_responses(client, kb):
    """Create, get, update, take members away, delete."""
    group = {"criteria": "RoutingProfileArn", "values": ["a"]}
    made = quick_response(
        client,
        kb,
        description="d",
        shortcutKey="h",
        isActive=True,
        channels=["Chat"],
        language="en_US",
        groupingConfiguration=group,
        tags={"a": "b"},
    )
    which = {"knowledgeBaseId": kb, "quickResponseId": made["quickResponseId"]}
    found = client.get_quick_response(**which)["quickResponse"]
    assert found == made
    assert found["contents"] == {"plainText": {"content": "hi!"}}
    assert (found["groupingConfiguration"], found["channels"]) == (group, ["Chat"])
    markdown = "application/x.quickresponse;format=markdown"
    client.update_quick_response(content={"content": "*ho*"}, contentType=markdown, **which)
    changed = client.update_quick_response(
        name="ho",
        removeDescription=True,
        removeShortcutKey=True,
        removeGroupingConfiguration=True,
        isActive=False,
        **which,
    )["quickResponse"]
    assert (changed["name"], changed["isActive"]) == ("ho", False)
    assert changed["contents"] == {"markdown": {"content": "*ho*"}, "plainText": {"content": "ho"}}
    assert not {"description", "shortcutKey", "groupingConfiguration"} & set(changed)
    assert changed["lastModifiedTime"] >= changed["createdTime"] == made["createdTime"]
    client.delete_quick_response(**which)
    assert refused(client.get_quick_response, **which) == ("ResourceNotFoundException", 404)


def test_names_and_shortcut_keys_are_unique(client, kb):
    """Neither a create nor an update may take another one's name or shortcut key; one's own is fine."""
    first = quick_response(client, kb, "one", shortcutKey="1")
    which = {"knowledgeBaseId": kb, "quickResponseId": first["quickResponseId"]}
    other = quick_response(client, kb, "two", shortcutKey="2")
    for clash in ({"name": "two"}, {"shortcutKey": "2"}):
        assert refused(client.update_quick_response, **which, **clash) == ("ConflictException", 409)
        new = {"knowledgeBaseId": kb, "name": "three", "content": {"content": "c"}, **clash}
        assert refused(client.create_quick_response, **new) == ("ConflictException", 409)
    client.update_quick_response(name="one", shortcutKey="1", description="same", **which)
    assert names(client, kb) == ["one", other["name"]]


def test_search_of_quick_responses(client, kb):
    """Queries, filters, order and pages."""
    for number in range(4):
        quick_response(client, kb, f"n{number}", isActive=number > 0, language="en_US")
    quick_response(client, kb, "other", isActive=True)

    def search(**expression):
        paginator = client.get_paginator("search_quick_responses")
        pages = paginator.paginate(knowledgeBaseId=kb, searchExpression=expression, PaginationConfig={"PageSize": 2})
        return [one["name"] for page in pages for one in page["results"]]

    by_name = {"name": "name", "values": ["N"], "operator": "CONTAINS"}
    active = {"name": "isActive", "values": ["true"], "operator": "EQUALS"}
    english = {"name": "language", "values": ["en"], "operator": "PREFIX"}
    assert search() == ["n0", "n1", "n2", "n3", "other"]
    assert search(queries=[by_name], filters=[active]) == ["n1", "n2", "n3"]
    assert search(filters=[english], orderOnField={"name": "name", "order": "DESC"}) == ["n3", "n2", "n1", "n0"]
    assert search(filters=[{**english, "values": ["de"], "includeNoExistence": True}]) == ["other"]
    assert search(queries=[{**by_name, "name": "content", "values": ["other!"]}]) == ["other"]


def test_contents(client, custom):
    """Create from an upload, get, summary, list, update, delete."""
    made = content(client, custom, metadata={"x": "y"}, overrideLinkOutUri="https://e.x/", tags={"a": "b"})
    which = {"knowledgeBaseId": custom, "contentId": made["contentId"]}
    assert (made["title"], made["contentType"], made["linkOutUri"]) == ("page", "text/html", "https://e.x/")
    got = requests.get(client.get_content(**which)["content"]["url"], timeout=5)
    assert (got.content, got.headers["Content-Type"]) == (b"<p>hi</p>", "text/html")
    assert client.get_content_summary(**which)["contentSummary"]["metadata"] == {"x": "y"}
    (listed,) = client.list_contents(knowledgeBaseId=custom)["contentSummaries"]
    assert listed["revisionId"] == made["revisionId"]
    changed = client.update_content(
        title="t", removeOverrideLinkOutUri=True, uploadId=upload(client, custom, b"new", "text/plain"), **which
    )["content"]
    assert (changed["title"], changed["contentType"]) == ("t", "text/plain")
    assert "linkOutUri" not in changed
    assert requests.get(changed["url"], timeout=5).content == b"new"
    client.delete_content(**which)
    assert refused(client.get_content, **which) == ("ResourceNotFoundException", 404)


def test_a_revision_guards_an_update(client, custom):
    """UpdateContent with a revision that is not the latest fails; every update makes a new revision."""
    made = content(client, custom)
    which = {"knowledgeBaseId": custom, "contentId": made["contentId"]}
    changed = client.update_content(revisionId=made["revisionId"], title="t", **which)["content"]
    assert changed["revisionId"] != made["revisionId"]
    stale = refused(client.update_content, revisionId=made["revisionId"], title="u", **which)
    assert stale == ("PreconditionFailedException", 412)
    assert client.get_content(**which)["content"]["title"] == "t"


def test_tags(client, kb, custom):
    """Whatever takes tags when it is created can be tagged and untagged by its ARN."""
    arns = [
        client.get_knowledge_base(knowledgeBaseId=kb)["knowledgeBase"]["knowledgeBaseArn"],
        quick_response(client, kb)["quickResponseArn"],
        content(client, custom)["contentArn"],
    ]
    for arn in arns:
        client.tag_resource(resourceArn=arn, tags={"AmazonConnectEnabled": "True", "b": "c"})
        client.untag_resource(resourceArn=arn, tagKeys=["b", "unknown"])
        assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"AmazonConnectEnabled": "True"}
    shown = client.get_knowledge_base(knowledgeBaseId=kb)["knowledgeBase"]["tags"]
    assert shown == {"AmazonConnectEnabled": "True"}
    many = {f"k{number}": "v" for number in range(50)}
    assert refused(client.tag_resource, resourceArn=arns[0], tags=many) == ("TooManyTagsException", 400)
    nothing = arns[0].replace(kb, NO_ID)
    not_found = ("ResourceNotFoundException", 404)
    assert refused(client.list_tags_for_resource, resourceArn=nothing) == not_found
    assert refused(client.tag_resource, resourceArn=nothing, tags={}) == not_found
    assert refused(client.untag_resource, resourceArn=nothing, tagKeys=["a"]) == not_found


def test_what_is_implemented():
    """These operations, each of which a test above calls, under the names that both models have for them."""
    from airflow_wisdom.testing.wisdom.responses import WisdomResponse

    def is_implemented(operation):
        return xform_name(operation) in vars(WisdomResponse)

    session = botocore.session.get_session()
    found = [
        {name for name in session.get_service_model(service).operation_names if is_implemented(name)}
        for service in ("wisdom", "qconnect")
    ]
    assert found[0] == found[1]
    assert len(found[0]) == 24
