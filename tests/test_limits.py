"""How much AWS allows, by the wider of the two models whichever client is used: judged here, and taken by the fake."""

from __future__ import annotations

import pytest
from rigs.imports import importing, responses
from rigs.running import run

from airflow_wisdom.exceptions import ImportIncompleteError, InvalidRowsError
from airflow_wisdom.model.limits import MAX_FILE_ROWS, MAX_ROUTING_PROFILES
from airflow_wisdom.testing.wisdom.switches import QUOTAS


def row(**cells):
    return {"Name": "n", "Content": "c", **{name.replace("_", " "): cell for name, cell in cells.items()}}


@pytest.fixture(params=[None, "wisdom", "qconnect"])
def client(request):
    """The name of the client; None: the default."""
    return {} if request.param is None else {"service_name": request.param}


@pytest.mark.parametrize("length", [40, 41, 100])
def test_names_of_up_to_100_characters_are_imported(fake_wisdom, knowledge_base, client, length):
    assert run(importing(knowledge_base, [row(Name="n" * length)], **client))["rowsImported"] == 1
    assert responses(fake_wisdom, knowledge_base) == ["n" * length]


@pytest.mark.parametrize("length", [1_024, 1_025, 4_000])
def test_contents_of_up_to_4000_characters_are_imported(fake_wisdom, knowledge_base, client, length):
    assert run(importing(knowledge_base, [row(Content="c" * length)], **client))["rowsImported"] == 1


@pytest.mark.parametrize("number", [1, 20, 21, 40])
def test_up_to_40_routing_profiles_are_imported(fake_wisdom, knowledge_base, number):
    names = ";".join(f"Profile {n}" for n in range(number))
    assert run(importing(knowledge_base, [row(Routing_Profile=names)]))["rowsImported"] == 1


@pytest.mark.parametrize("channels", ["Chat", "Email", "Chat;Email", ""])
def test_chat_and_email_are_the_channels_there_are(fake_wisdom, knowledge_base, channels):
    assert run(importing(knowledge_base, [row(Channels=channels)]))["rowsImported"] == 1


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"Name": "n" * 101}, "has 101 characters, at most 100"),
        ({"Content": "c" * 4_001}, "has 4,001 characters, at most 4,000"),
        ({"Shortcut_key": "k" * 11}, "at most 10"),
        ({"Routing_Profile": ";".join(f"Profile {n}" for n in range(41))}, "has 41 items, at most 40"),
        ({"Channels": "Voice"}, 'the item "Voice", which must be one of: Chat, Email'),
        ({"Channels": "Chat;SMS"}, 'the item "SMS"'),
        ({"Channels": "chat"}, 'the item "chat"'),
        ({"Channels": "EMAIL"}, 'the item "EMAIL"'),
        ({"Channels": "Chat;"}, "an empty item"),
    ],
)
def test_what_is_beyond_is_invalid_and_not_sent(fake_wisdom, knowledge_base, client, cells, words):
    with pytest.raises(InvalidRowsError) as raised:
        run(importing(knowledge_base, [row(**cells)], **client))
    assert words in str(raised.value)
    assert set(fake_wisdom.calls()) == {"CreateKnowledgeBase"}


def test_the_fake_refuses_more_routing_profiles_than_its_quota_which_is_ours(fake_wisdom, knowledge_base):
    assert QUOTAS["routing_profiles"] == MAX_ROUTING_PROFILES
    assert QUOTAS["import_rows"] == MAX_FILE_ROWS
    fake_wisdom.quotas(routing_profiles=39)
    names = ";".join(f"Profile {n}" for n in range(40))
    with pytest.raises(ImportIncompleteError):
        run(importing(knowledge_base, [row(Routing_Profile=names)]))
