"""SearchQuickResponses: queries by priority, filters, and an index that may be behind."""

import pytest

EVERYTHING = {}


def create(client, kb, name, content="text", **kwargs):
    made = client.create_quick_response(knowledgeBaseId=kb, name=name, content={"content": content}, **kwargs)
    return made["quickResponse"]


def query(name, value, priority=None, operator="CONTAINS"):
    asked = {"name": name, "values": [value], "operator": operator}
    return {**asked, "priority": priority} if priority else asked


def found(client, kb, **expression):
    answer = client.search_quick_responses(knowledgeBaseId=kb, searchExpression=expression)
    return [one["name"] for one in answer["results"]]


def test_an_empty_expression(client, kb):
    """It finds everything."""
    for name in ("a", "b"):
        create(client, kb, name)
    assert found(client, kb) == ["a", "b"]


def test_one_word_in_four_fields(client, kb):
    """An item needs to match one of the queries only."""
    create(client, kb, "one", "refund")
    create(client, kb, "two", description="refund")
    create(client, kb, "refund")
    create(client, kb, "four", shortcutKey="refund")
    create(client, kb, "five")
    queries = [query(name, "refund") for name in ("content", "description", "name", "shortcutKey")]
    assert found(client, kb, queries=queries) == ["one", "two", "refund", "four"]


def test_the_highest_priority_decides(client, kb):
    """Of all queries that match; what is equal stays in order."""
    create(client, kb, "low", "word")
    create(client, kb, "none word", "x")
    create(client, kb, "high", "x", description="word")
    create(client, kb, "both word", "word", description="word")
    create(client, kb, "low too", "word")
    queries = [query("content", "word", "LOW"), query("name", "word"), query("description", "word", "HIGH")]
    assert found(client, kb, queries=queries) == ["high", "both word", "none word", "low", "low too"]


def test_filters_have_to_match_all(client, kb):
    """Beside one of the queries."""
    create(client, kb, "a", isActive=True, channels=["Chat"])
    create(client, kb, "b", isActive=True, channels=["Email"])
    create(client, kb, "c", isActive=False, channels=["Chat"])
    active = {"name": "isActive", "values": ["true"], "operator": "EQUALS"}
    chat = {"name": "channels", "values": ["Chat"], "operator": "EQUALS"}
    assert found(client, kb, filters=[active, chat]) == ["a"]
    assert found(client, kb, queries=[query("content", "text")], filters=[chat]) == ["a", "c"]


def test_an_order_outweighs_priorities(client, kb):
    """The field decides, forwards or backwards."""
    create(client, kb, "b", "word")
    create(client, kb, "a word", "x")
    queries = [query("content", "word", "HIGH"), query("name", "word", "LOW")]
    assert found(client, kb, queries=queries) == ["b", "a word"]
    assert found(client, kb, queries=queries, orderOnField={"name": "name"}) == ["a word", "b"]
    assert found(client, kb, queries=queries, orderOnField={"name": "name", "order": "DESC"}) == ["b", "a word"]


def shown(client, kb):
    answer = client.search_quick_responses(knowledgeBaseId=kb, searchExpression={})
    return {one["name"]: (one.get("description"), one["lastModifiedTime"]) for one in answer["results"]}


def test_a_search_that_is_some_writes_behind(fake, client, kb):
    """It has old values, an old time, and what was deleted; reading does not move it on."""
    first = create(client, kb, "a")
    fake.stale_search(writes=2)
    which = {"knowledgeBaseId": kb, "quickResponseId": first["quickResponseId"]}
    changed = client.update_quick_response(description="d", **which)["quickResponse"]
    create(client, kb, "b")
    assert shown(client, kb) == shown(client, kb) == {"a": (None, first["lastModifiedTime"])}
    client.delete_quick_response(**which)
    assert shown(client, kb) == {"a": ("d", changed["lastModifiedTime"])}
    fake.stale_search()
    assert set(shown(client, kb)) == {"b"}


def test_a_search_that_is_some_seconds_behind(fake, clock, client, kb):
    """Each write shows up in its turn."""
    fake.stale_search(seconds=60)
    create(client, kb, "a")
    clock.advance(30)
    create(client, kb, "b")
    assert found(client, kb) == []
    clock.advance(30)
    assert found(client, kb) == ["a"]
    clock.advance(30)
    assert found(client, kb) == ["a", "b"]
    with pytest.raises(ValueError, match="not both"):
        fake.stale_search(seconds=1, writes=1)


def test_a_search_that_lacks_the_newest(fake, client, kb):
    """Lists do not."""
    for name in ("a", "b", "c"):
        create(client, kb, name)
    fake.stale_search(missing=2)
    assert found(client, kb) == ["a"]
    fake.stale_search(missing=9)
    assert found(client, kb) == []
    assert len(client.list_quick_responses(knowledgeBaseId=kb)["quickResponseSummaries"]) == 3


def test_a_search_that_hides_inactive_ones(fake, client, kb):
    """Only if it is told to."""
    create(client, kb, "a", isActive=True)
    create(client, kb, "b")
    assert found(client, kb) == ["a", "b"]
    fake.search_hides_inactive(True)
    assert found(client, kb) == ["a"]


def test_a_status_is_found_as_it_is(fake, client, kb):
    """Search is no look that is counted, and knows of every change of status."""
    fake.quick_response_changes(after_calls=1)
    made = create(client, kb, "a")
    search = {"knowledgeBaseId": kb, "searchExpression": EVERYTHING}
    statuses = [client.search_quick_responses(**search)["results"][0]["status"] for _ in range(2)]
    assert statuses == ["CREATE_IN_PROGRESS"] * 2
    client.get_quick_response(knowledgeBaseId=kb, quickResponseId=made["quickResponseId"])
    assert client.search_quick_responses(**search)["results"][0]["status"] == "CREATED"
