"""pytest fixtures for the tests of your own DAGs.

Put `pytest_plugins = ["airflow_wisdom.testing.fixtures"]` into the `conftest.py` at the root of your tests::

    def test_my_hook_sees_the_job_fail(fake_wisdom):
        knowledge_base_id = fake_wisdom.create_knowledge_base()
        fake_wisdom.import_jobs(after_calls=2, status="FAILED")
        client = fake_wisdom.client()
        up = client.start_content_upload(knowledgeBaseId=knowledge_base_id, contentType="text/csv")
        requests.put(up["url"], data=b"Name,Content\\nhi,Hello\\n", headers=up["headersToInclude"])
        job = client.start_import_job(
            knowledgeBaseId=knowledge_base_id, importJobType="QUICK_RESPONSES", uploadId=up["uploadId"]
        )["importJob"]
        assert my_code_that_waits_for(job["importJobId"]) == "FAILED"

`fake_wisdom` lives in the process of the test. Take `fake_wisdom_over_http` where several processes are at
work, or aiobotocore, which moto cannot intercept. With both, Airflow's connection `aws_default` leads to the fake.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from airflow_wisdom.testing.control import FakeWisdom

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "us-east-1"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    # Nothing of the user's own: no profile, no endpoint, no role of the machine.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
NOT_IN_ENVIRONMENT = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_WISDOM",
    "AWS_ENDPOINT_URL_QCONNECT",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
)


def _set_environment(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> None:
    for name in NOT_IN_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    connection = {
        "conn_type": "aws",
        "login": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        "password": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        "extra": {"region_name": REGION, **extra},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))


@pytest.fixture
def fake_wisdom(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeWisdom]:
    """Moto in the process of the test, with its own state for every test."""
    from moto import mock_aws

    _set_environment(monkeypatch)
    fake = FakeWisdom(region_name=REGION)
    with mock_aws():
        yield fake


@pytest.fixture(scope="session")
def wisdom_server() -> Iterator[str]:
    """URL of one server for all tests."""
    from airflow_wisdom.testing.server import running

    with running() as url:
        yield url


@pytest.fixture
def fake_wisdom_over_http(wisdom_server: str, monkeypatch: pytest.MonkeyPatch) -> FakeWisdom:
    """The server, reset, with any boto3 client of this process or a child process pointed at it."""
    _set_environment(monkeypatch, endpoint_url=wisdom_server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", wisdom_server)
    for name in ("NO_PROXY", "no_proxy"):  # no proxy knows this machine's own address
        monkeypatch.setenv(name, "127.0.0.1,localhost")
    fake = FakeWisdom(wisdom_server, region_name=REGION)
    fake.reset()
    return fake
