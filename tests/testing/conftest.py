"""The fake service in both of its forms: every test of it runs in process and over HTTP."""

import pytest
from wisdom_calls import client_of

from airflow_wisdom.testing import register


@pytest.fixture(params=["fake_wisdom", "fake_wisdom_over_http"], ids=["in process", "over HTTP"])
def fake(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["wisdom", "qconnect"])
def client(fake, request):
    return client_of(fake, request.param)


@pytest.fixture
def kb(client):
    made = client.create_knowledge_base(name="answers", knowledgeBaseType="QUICK_RESPONSES")
    return made["knowledgeBase"]["knowledgeBaseId"]


@pytest.fixture
def clock(fake, monkeypatch):
    """The fake service's own clock, set forward by hand; both of its forms run in this process."""

    class Clock:
        seconds = 1000.0

        def advance(self, seconds):
            self.seconds += seconds

    clock = Clock()
    register()
    monkeypatch.setattr("airflow_wisdom.testing.wisdom.pace.monotonic", lambda: clock.seconds)
    return clock
