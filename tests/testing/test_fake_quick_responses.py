"""Quick responses: statuses that last or fail, what is unique meanwhile, who changed what, and the rules of writes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from wisdom_calls import NO_ID, client_of, csv_of, names, refused, report, start

INVALID = ("ValidationException", 400)
NOT_FOUND = ("ResourceNotFoundException", 404)
CONFLICT = ("ConflictException", 409)
QUOTA = ("ServiceQuotaExceededException", 402)
MARKDOWN = "application/x.quickresponse;format=markdown"


def create(client, kb, name="n", **kwargs):
    kwargs = {"content": {"content": "c"}, **kwargs}
    return client.create_quick_response(knowledgeBaseId=kb, name=name, **kwargs)["quickResponse"]


def which(item):
    return {"knowledgeBaseId": item["knowledgeBaseId"], "quickResponseId": item["quickResponseId"]}


def get(client, item):
    return client.get_quick_response(**which(item))["quickResponse"]


def listed(client, kb):
    found = client.list_quick_responses(knowledgeBaseId=kb)["quickResponseSummaries"]
    return {one["name"]: one["status"] for one in found}


# Statuses


def test_a_slow_creation(fake, client, kb):
    """Get and List count as looks alike; before it has ended nobody can write to it."""
    fake.quick_response_changes(after_calls=2)
    made = create(client, kb)
    assert made["status"] == "CREATE_IN_PROGRESS"
    assert refused(client.update_quick_response, **which(made), name="m") == CONFLICT
    assert refused(client.delete_quick_response, **which(made)) == CONFLICT
    assert get(client, made)["status"] == "CREATE_IN_PROGRESS"
    assert listed(client, kb) == {"n": "CREATE_IN_PROGRESS"}
    assert get(client, made)["status"] == "CREATED"


def test_a_slow_update(fake, client, kb):
    """It shows what it was until it has ended, and holds both names and both keys."""
    made = create(client, kb, shortcutKey="old")
    fake.quick_response_changes(after_calls=1)
    asked = client.update_quick_response(**which(made), name="m", shortcutKey="new")["quickResponse"]
    assert (asked["status"], asked["name"]) == ("UPDATE_IN_PROGRESS", "n")
    for taken in (
        {"name": "n"},
        {"name": "m"},
        {"name": "x", "shortcutKey": "old"},
        {"name": "x", "shortcutKey": "new"},
    ):
        assert refused(create, client=client, kb=kb, **taken) == CONFLICT
    assert get(client, made)["name"] == "n"
    found = get(client, made)
    assert (found["status"], found["name"], found["shortcutKey"]) == ("CREATED", "m", "new")
    fake.quick_response_changes()
    create(client, kb, "n", shortcutKey="old")


def test_a_slow_deletion(fake, client, kb):
    """Its name is taken until it is gone."""
    made = create(client, kb)
    fake.quick_response_changes(after_calls=1)
    client.delete_quick_response(**which(made))
    assert refused(create, client=client, kb=kb) == CONFLICT
    assert listed(client, kb) == {"n": "DELETE_IN_PROGRESS"}
    assert refused(client.get_quick_response, **which(made)) == NOT_FOUND
    create(client, kb)


def test_a_change_that_takes_seconds(fake, clock, client, kb):
    """However often it is looked at."""
    fake.quick_response_changes(after_seconds=30)
    made = create(client, kb)
    assert {get(client, made)["status"] for _ in range(5)} == {"CREATE_IN_PROGRESS"}
    clock.advance(30)
    assert get(client, made)["status"] == "CREATED"
    with pytest.raises(ValueError, match="not both"):
        fake.quick_response_changes(after_calls=1, after_seconds=1)


@pytest.mark.parametrize("slow", [False, True])
def test_a_creation_that_fails(fake, client, kb, slow):
    """It is there, and takes neither name, key nor quota."""
    if slow:
        fake.quick_response_changes(after_calls=0)
    fake.quotas(quick_responses=1)
    fake.fail_quick_responses("create")
    made = create(client, kb, shortcutKey="k")
    assert get(client, made)["status"] == "CREATE_FAILED"
    assert refused(client.update_quick_response, **which(made), name="m") == CONFLICT
    create(client, kb, shortcutKey="k")
    client.delete_quick_response(**which(made))
    assert names(client, kb) == ["n"]


@pytest.mark.parametrize("slow", [False, True])
def test_an_update_that_fails(fake, client, kb, slow):
    """It is what it was, and what it was to be is free again."""
    made = create(client, kb)
    if slow:
        fake.quick_response_changes(after_calls=0)
    fake.fail_quick_responses("update", times=1)
    client.update_quick_response(**which(made), name="m")
    found = get(client, made)
    assert (found["status"], found["name"]) == ("UPDATE_FAILED", "n")
    fake.quick_response_changes()
    create(client, kb, "m")
    assert client.update_quick_response(**which(made), name="o")["quickResponse"]["status"] == "CREATED"


def test_a_deletion_that_fails(fake, client, kb):
    """It still exists, and can be deleted the next time."""
    made = create(client, kb)
    fake.fail_quick_responses("delete")
    client.delete_quick_response(**which(made))
    assert get(client, made)["status"] == "DELETE_FAILED"
    assert refused(create, client=client, kb=kb) == CONFLICT
    client.delete_quick_response(**which(made))
    assert names(client, kb) == []


def test_a_status_that_is_set(fake, kb):
    """Any at all, at once; CREATED lets an update under way take effect."""
    client = client_of(fake, checked=False)
    made = create(client, kb)
    fake.set_quick_response_status(made["quickResponseId"], "SOMETHING_NEW")
    assert get(client, made)["status"] == "SOMETHING_NEW"
    fake.set_quick_response_status(made["quickResponseId"], "DELETED")
    create(client, kb)
    fake.set_quick_response_status(made["quickResponseId"], "CREATED")
    fake.quick_response_changes(after_calls=9)
    client.update_quick_response(**which(made), name="m")
    fake.set_quick_response_status(made["quickResponseId"], "CREATED")
    assert get(client, made)["name"] == "m"
    with pytest.raises(ValueError, match="no such quick response"):
        fake.set_quick_response_status(NO_ID, "CREATED")


# Rules of writes


@pytest.mark.parametrize("channels", [["chat"], ["Voice"], ["Chat", "EMAIL"]])
def test_channels_that_do_not_exist(client, kb, channels):
    """Chat and Email are all there are, in this spelling."""
    made = create(client, kb, channels=["Chat", "Email"])
    assert refused(create, client=client, kb=kb, name="m", channels=channels) == INVALID
    assert refused(client.update_quick_response, **which(made), channels=channels) == INVALID


def test_channels_that_do_not_exist_fail_their_rows(client, kb):
    """As they do one by one."""
    body = csv_of(("n", "c", "Chat;Email"), ("m", "c", "Chat;VOICE"), header=("Name", "Content", "Channels"))
    job = start(client, kb, body)
    (line,) = report(client.get_import_job(knowledgeBaseId=kb, importJobId=job)["importJob"])
    assert line["Error"] == "'VOICE' is not a channel: it must be one of Chat, Email."
    assert names(client, kb) == ["n"]


def test_the_most_routing_profiles(fake, client, kb):
    """Forty, one by one and in a file."""

    def group(count):
        return {"criteria": "RoutingProfileArn", "values": [f"arn:{number}" for number in range(count)]}

    made = create(client, kb, groupingConfiguration=group(40))
    assert refused(create, client=client, kb=kb, name="m", groupingConfiguration=group(41)) == INVALID
    assert refused(client.update_quick_response, **which(made), groupingConfiguration=group(41)) == INVALID
    rows = [("a", "c", ";".join(group(count)["values"])) for count in (41,)]
    job = start(client, kb, csv_of(*rows, header=("Name", "Content", "Routing Profile")))
    (line,) = report(client.get_import_job(knowledgeBaseId=kb, importJobId=job)["importJob"])
    assert line["Error"] == "A quick response has at most 40 routing profiles."
    fake.quotas(routing_profiles=41)
    create(client, kb, "b", groupingConfiguration=group(41))


def test_an_update_is_partial(client, kb):
    """What it does not name stays as it is."""
    made = create(client, kb, description="d", shortcutKey="k", channels=["Chat"], language="en_US", isActive=True)
    changed = client.update_quick_response(**which(made), name="m")["quickResponse"]
    moving = ("name", "lastModifiedTime")
    assert {k: v for k, v in changed.items() if k not in moving} == {k: v for k, v in made.items() if k not in moving}


@pytest.mark.parametrize(
    ("remove", "value"),
    [
        ("Description", "d"),
        ("ShortcutKey", "k"),
        ("GroupingConfiguration", {"criteria": "RoutingProfileArn", "values": ["a"]}),
    ],
)
def test_removing_a_member(client, kb, remove, value):
    """A member that is set in the same call is a contradiction; false removes nothing."""
    member = remove[0].lower() + remove[1:]
    made = create(client, kb, **{member: value})
    both = {member: value, f"remove{remove}": True}
    assert refused(client.update_quick_response, **which(made), **both) == INVALID
    assert get(client, made)[member] == value
    kept = client.update_quick_response(**which(made), **{member: value, f"remove{remove}": False})["quickResponse"]
    assert kept[member] == value
    gone = client.update_quick_response(**which(made), **{f"remove{remove}": True})["quickResponse"]
    assert member not in gone


def test_empty_text(fake, kb):
    """The model wants a character at least; a client that checks nothing learns it from the service."""
    from botocore.config import Config

    client = client_of(fake, config=Config(parameter_validation=False))
    made = create(client, kb)
    for empty in ({"description": ""}, {"shortcutKey": ""}, {"name": ""}, {"content": {"content": ""}}):
        assert refused(client.update_quick_response, **which(made), **empty) == INVALID


# Tokens


def test_a_client_token_makes_one_item(client, kb):
    """The same call again answers with it as it is now; other parameters are a conflict."""
    made = create(client, kb, clientToken="t")
    client.update_quick_response(**which(made), description="d")
    again = create(client, kb, clientToken="t")
    assert (again["quickResponseId"], again["description"]) == (made["quickResponseId"], "d")
    assert refused(create, client=client, kb=kb, name="m", clientToken="t") == CONFLICT
    assert names(client, kb) == ["n"]


@pytest.mark.parametrize("answer", [None, "first", "conflict", "new"])
def test_the_client_token_of_an_item_that_was_deleted(fake, client, kb, answer):
    """By default the first answer comes once more, of an item that is no longer there."""
    if answer:
        fake.reused_create_token(answer)
    made = create(client, kb, clientToken="t")
    client.delete_quick_response(**which(made))
    if answer == "conflict":
        assert refused(create, client=client, kb=kb, clientToken="t") == CONFLICT
        return
    again = create(client, kb, clientToken="t")
    assert (again["quickResponseId"] == made["quickResponseId"]) is (answer != "new")
    assert names(client, kb) == (["n"] if answer == "new" else [])
    if answer == "new":
        assert create(client, kb, clientToken="t")["quickResponseId"] == again["quickResponseId"]
    else:
        assert again == made
    assert fake.history()[-1]["effect"] is False or answer == "new"


# Quota


def test_the_quota_holds_for_concurrent_creations(fake, client, kb):
    """However many there are at once, and those that are still being created count."""
    fake.quotas(quick_responses=5)
    fake.quick_response_changes(after_calls=1000)

    def one(number):
        try:
            create(client, kb, f"n{number}")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(one, range(16)))
    assert (found.count(None), found.count(QUOTA[0])) == (5, 11)


def test_the_quota_is_a_thousand(fake, client, kb):
    """As the quotas page says."""
    client.create_quick_response(knowledgeBaseId=kb, name="one", content={"content": "c"})
    for number in range(10):
        rows = [(f"n{number}-{row}", "c", "") for row in range(100)]
        start(client, kb, csv_of(*rows[: 99 if number == 9 else 100]))
    assert len(fake.quick_responses(kb)) == 1000
    assert refused(create, client=client, kb=kb, name="more") == QUOTA


# Times, persons, tags, contents


def test_each_write_has_a_time_of_its_own(client, kb, monkeypatch):
    """However fast writes follow, a millisecond at least; a new item was not modified yet."""
    from moto.wisdom.resources import now

    moment = now()
    monkeypatch.setattr("airflow_wisdom.testing.wisdom.resources.now", lambda: moment)
    made = create(client, kb)
    assert made["lastModifiedTime"] == made["createdTime"]
    times = [made["lastModifiedTime"]]
    for number in range(20):
        changed = client.update_quick_response(**which(made), description=str(number))["quickResponse"]
        times.append(changed["lastModifiedTime"])
    assert times == sorted(set(times))
    assert get(client, made)["lastModifiedTime"] == times[-1]


def test_who_changed_it_last(fake, client, kb):
    """The caller, as STS knows it, by an import too; or a person in the admin site."""
    caller = fake.client("sts").get_caller_identity()["Arn"]
    made = create(client, kb)
    start(client, kb, csv_of(("imported", "c", "")))
    assert {one["lastModifiedBy"] for one in fake.quick_responses(kb)} == {caller}
    searched = client.search_quick_responses(knowledgeBaseId=kb, searchExpression={})["results"]
    assert {one["lastModifiedBy"] for one in searched} == {caller}
    fake.edit_by_hand(kb, made["quickResponseId"], content={"content": "by hand"}, isActive=True)
    found = get(client, made)
    assert (found["contents"]["plainText"]["content"], found["isActive"]) == ("by hand", True)
    assert "/agent/" in found["lastModifiedBy"]
    assert found["lastModifiedTime"] > made["lastModifiedTime"]
    assert "UpdateQuickResponse" not in fake.calls()


def test_a_hand_changes_at_once(fake, client, kb):
    """However long changes take, and though the next of them is to fail."""
    made = create(client, kb)
    fake.quick_response_changes(after_calls=9)
    fake.fail_quick_responses("update")
    fake.edit_by_hand(kb, made["quickResponseId"], name="m")
    assert listed(client, kb) == {"m": "CREATED"}


def test_a_hand_is_bound_to_the_rules_too(fake, client, kb):
    """A mistake of the test is told."""
    made, _ = create(client, kb), create(client, kb, "m")
    for changes in ({"name": "m"}, {"nmae": "x"}, {"name": 1}, {"channels": ["Voice"]}, {"name": "n" * 101}):
        with pytest.raises(ValueError, match=r"name|channel|no such member: nmae"):
            fake.edit_by_hand(kb, made["quickResponseId"], **changes)
    with pytest.raises(ValueError, match="No such quick response"):
        fake.edit_by_hand(kb, NO_ID, name="x")


def test_tags(client, kb):
    """They are set by a creation and by their own operations, and shown by Get, List and Search."""
    made = create(client, kb, tags={"a": "b"})
    arn = made["quickResponseArn"]
    client.tag_resource(resourceArn=arn, tags={"c": "d"})
    client.untag_resource(resourceArn=arn, tagKeys=["a"])
    (in_list,) = client.list_quick_responses(knowledgeBaseId=kb)["quickResponseSummaries"]
    (in_search,) = client.search_quick_responses(knowledgeBaseId=kb, searchExpression={})["results"]
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}
    assert [one["tags"] for one in (get(client, made), in_list, in_search)] == [{"c": "d"}] * 3
    many = {f"k{letter}{other}": "v" for letter in "abcdefghij" for other in "abcde"}
    assert refused(client.tag_resource, resourceArn=arn, tags=many) == ("TooManyTagsException", 400)
    assert refused(create, client=client, kb=kb, name="m", tags={**many, "more": "v"}) == INVALID
    create(client, kb, "m", tags=many)


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("**Hello** _you_", "Hello you"),
        ("# Title\n\n> said\n- one", "Title\n\nsaid\n- one"),
        ("see [here](https://e.x)", "see here (https://e.x)"),
        ("***", "***"),
    ],
)
def test_contents(client, kb, markdown, plain):
    """A markdown response has both members, a plain one its text alone; plain is the default."""
    marked = create(client, kb, content={"content": markdown}, contentType=MARKDOWN)
    unmarked = create(client, kb, "m", content={"content": markdown})
    expected = {
        "n": {"markdown": {"content": markdown}, "plainText": {"content": plain}},
        "m": {"plainText": {"content": markdown}},
    }
    found = client.search_quick_responses(knowledgeBaseId=kb, searchExpression={})["results"]
    assert {one["name"]: one["contents"] for one in found} == expected
    assert {one["name"]: get(client, one)["contents"] for one in (marked, unmarked)} == expected


def test_samples(fake, client):
    """Two inactive ones, as in a knowledge base that the admin site made."""
    kb = fake.create_knowledge_base(samples=True)
    found = fake.quick_responses(kb)
    assert [one["isActive"] for one in found] == [False, False]
    assert len({one["name"] for one in found}) == 2
    assert "CreateQuickResponse" not in fake.calls()
    assert names(client, kb) == [one["name"] for one in found]


def test_everything_there_is(fake, client, kb):
    """As Get shows it, in whatever status, without a call or a look being counted."""
    fake.quick_response_changes(after_calls=1)
    made = create(client, kb)
    before = fake.calls()
    (found,) = [fake.quick_responses(kb) for _ in range(5)][-1]
    assert found["status"] == "CREATE_IN_PROGRESS"
    assert fake.calls() == before
    assert found == get(client, made)
    with pytest.raises(ValueError, match="No such knowledge base"):
        fake.quick_responses(NO_ID)
