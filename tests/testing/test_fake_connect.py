"""Amazon Connect instances: their routing profiles, and the knowledge base of their quick responses."""

import itertools

import pytest
from wisdom_calls import NO_ID, client_of, csv_of, names, refused, report, start

from airflow_wisdom.testing import FakeWisdom

PROFILES = ["Basic Routing Profile", "Billing", "Sales"]
NOT_FOUND = ("ResourceNotFoundException", 404)
INVALID = ("InvalidRequestException", 400)


@pytest.fixture
def connect(fake):
    return client_of(fake, "connect")


@pytest.fixture
def instance(fake, kb):
    return fake.create_instance(kb, PROFILES)


def group(*arns):
    return {"criteria": "RoutingProfileArn", "values": list(arns)}


def profiles(connect, instance):
    found = connect.list_routing_profiles(InstanceId=instance)["RoutingProfileSummaryList"]
    return {one["Name"]: one["Arn"] for one in found}


def test_routing_profiles(connect, instance):
    """Each with id, ARN and name, in pages."""
    pages = connect.get_paginator("list_routing_profiles").paginate(
        InstanceId=instance, PaginationConfig={"PageSize": 2}
    )
    listed = [page["RoutingProfileSummaryList"] for page in pages]
    assert [[one["Name"] for one in page] for page in listed] == [PROFILES[:2], PROFILES[2:]]
    for one in itertools.chain(*listed):
        assert one["Arn"].endswith(f":instance/{instance}/routing-profile/{one['Id']}")
        assert one["LastModifiedRegion"] == "us-east-1"


def test_the_knowledge_base_of_an_instance(fake, client, connect, kb, instance):
    """Asked for by type, or all there are."""
    arn = client.get_knowledge_base(knowledgeBaseId=kb)["knowledgeBase"]["knowledgeBaseArn"]

    def listed(**kwargs):
        found = connect.list_integration_associations(InstanceId=instance, **kwargs)
        return [one["IntegrationArn"] for one in found["IntegrationAssociationSummaryList"]]

    assert listed() == listed(IntegrationType="WISDOM_QUICK_RESPONSES") == listed(IntegrationArn=arn) == [arn]
    assert listed(IntegrationType="WISDOM_ASSISTANT") == []
    assert listed(IntegrationArn="arn:other") == []
    (found,) = connect.list_integration_associations(InstanceId=instance)["IntegrationAssociationSummaryList"]
    assert (found["InstanceId"], found["IntegrationType"]) == (instance, "WISDOM_QUICK_RESPONSES")


def test_instances_are_motos_own(fake, connect, instance):
    """DescribeInstance knows them; one that CreateInstance made has neither profiles nor knowledge base."""
    motos = client_of(fake, "connect", checked=False)  # moto's own answers have times as text
    assert motos.describe_instance(InstanceId=instance)["Instance"]["Id"] == instance
    other = motos.create_instance(
        IdentityManagementType="SAML", InstanceAlias="a", InboundCallsEnabled=True, OutboundCallsEnabled=True
    )
    assert profiles(connect, other["Id"]) == {}
    associations = connect.list_integration_associations(InstanceId=other["Id"])
    assert associations["IntegrationAssociationSummaryList"] == []


def test_bad_requests(connect, instance):
    """Connect's own errors, by its own model."""
    assert refused(connect.list_routing_profiles, InstanceId=NO_ID) == NOT_FOUND
    assert refused(connect.list_integration_associations, InstanceId=NO_ID) == NOT_FOUND
    assert refused(connect.list_routing_profiles, InstanceId="i" * 101) == INVALID
    assert refused(connect.list_routing_profiles, InstanceId=instance, MaxResults=1001) == INVALID
    assert refused(connect.list_integration_associations, InstanceId=instance, MaxResults=101) == INVALID
    assert refused(connect.list_routing_profiles, InstanceId=instance, NextToken="x") == INVALID


def test_calls_are_in_the_books(fake, connect, instance):
    """Counted, scripted and throttled like all others."""
    profiles(connect, instance)
    assert fake.calls()["ListRoutingProfiles"] == 1
    fake.fault("ListIntegrationAssociations", "AccessDeniedException", http_status=403)
    denied = refused(connect.list_integration_associations, InstanceId=instance)
    assert denied == ("AccessDeniedException", 403)
    assert fake.history()[-1]["error"] == "AccessDeniedException"


def test_throttling(fake, clock, client, connect, kb, instance):
    """2 and 25 calls a second, whatever the service's own quota is."""
    fake.throttle(tps=1)
    throttled = ("ThrottlingException", 429)
    client.get_knowledge_base(knowledgeBaseId=kb)
    for _ in range(2):
        connect.list_routing_profiles(InstanceId=instance)
    assert refused(connect.list_routing_profiles, InstanceId=instance) == throttled
    for _ in range(25):
        connect.list_integration_associations(InstanceId=instance)
    assert refused(connect.list_integration_associations, InstanceId=instance) == throttled
    clock.advance(0.5)
    connect.list_routing_profiles(InstanceId=instance)


def test_routing_profiles_of_a_quick_response(fake, client, connect, kb, instance):
    """Their ARNs have to be of this instance, unless a switch says otherwise."""
    arns = profiles(connect, instance)
    other = profiles(connect, fake.create_instance(routing_profiles=["Billing"]))["Billing"]
    new = {"knowledgeBaseId": kb, "content": {"content": "c"}}
    made = client.create_quick_response(name="n", groupingConfiguration=group(arns["Sales"]), **new)["quickResponse"]
    which = {"knowledgeBaseId": kb, "quickResponseId": made["quickResponseId"]}
    for arn in (other, "Sales"):
        bad = {"groupingConfiguration": group(arns["Sales"], arn)}
        assert refused(client.create_quick_response, name="m", **bad, **new) == ("ValidationException", 400)
        assert refused(client.update_quick_response, **bad, **which) == ("ValidationException", 400)
    fake.check_routing_profiles(False)
    client.update_quick_response(groupingConfiguration=group(other), **which)


def test_routing_profiles_of_an_import_file(client, connect, kb, instance):
    """Names are matched exactly and by case, and become ARNs."""
    rows = [("a", "c", "Billing;Sales"), ("b", "c", "billing"), ("c", "c", "Billing;None"), ("d", "c", "")]
    job = start(client, kb, csv_of(*rows, header=("Name", "Content", "Routing Profile")))
    lines = report(client.get_import_job(knowledgeBaseId=kb, importJobId=job)["importJob"])
    assert [(line["Name"], line["Error"]) for line in lines] == [
        ("b", "No such routing profile: billing."),
        ("c", "No such routing profile: None."),
    ]
    assert names(client, kb) == ["a", "d"]
    arns = profiles(connect, instance)
    first, _ = client.search_quick_responses(knowledgeBaseId=kb, searchExpression={})["results"]
    assert first["groupingConfiguration"] == group(arns["Billing"], arns["Sales"])


def test_a_region_without_amazon_connect(fake):
    """It says so, to the test and to the client."""
    elsewhere = FakeWisdom(fake.endpoint_url, region_name="us-east-2")
    with pytest.raises(ValueError, match="Amazon Connect is not in us-east-2"):
        elsewhere.create_instance()
    list_some = client_of(elsewhere, "connect").list_routing_profiles
    assert refused(list_some, InstanceId=NO_ID) == ("UnknownRegionException", 400)


def test_an_instance_needs_a_knowledge_base_that_exists(fake):
    """A mistyped id is a mistake of the test."""
    with pytest.raises(ValueError, match="No such knowledge base"):
        fake.create_instance(NO_ID)


def test_a_reset_takes_instances_back(fake, connect, instance):
    """Like everything."""
    fake.reset()
    assert refused(connect.list_routing_profiles, InstanceId=instance) == NOT_FOUND
