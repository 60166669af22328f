"""The fixtures that the tests of a user import."""

import json
import os
import subprocess
import sys

import boto3

from airflow_wisdom.testing import fixtures

USERS_TEST = """
import boto3
import requests


def run(fake):
    kb = fake.create_knowledge_base()
    fake.import_jobs(after_calls=1, status="FAILED")
    client = boto3.client("wisdom")
    up = client.start_content_upload(knowledgeBaseId=kb, contentType="text/csv")
    requests.put(up["url"], data=b"Name,Content\\nhi,Hello\\n", headers=up["headersToInclude"], timeout=5)
    job = client.start_import_job(
        knowledgeBaseId=kb, importJobType="QUICK_RESPONSES", uploadId=up["uploadId"]
    )["importJob"]
    look = {"knowledgeBaseId": kb, "importJobId": job["importJobId"]}
    seen = [client.get_import_job(**look)["importJob"]["status"] for _ in range(2)]
    assert seen == ["START_IN_PROGRESS", "FAILED"]


def test_in_process(fake_wisdom):
    run(fake_wisdom)


def test_over_http(fake_wisdom_over_http):
    run(fake_wisdom_over_http)


def test_from_nothing(fake_wisdom_over_http):
    assert fake_wisdom_over_http.calls() == {}
"""


def test_a_users_test(tmp_path):
    """A conftest of one line is all it takes, whatever AWS settings the user has; every test starts from nothing."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["airflow_wisdom.testing.fixtures"]\n')
    (tmp_path / "test_mine.py").write_text(USERS_TEST)
    mine = {"AWS_PROFILE": "mine", "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_DEFAULT_REGION": "eu-west-2"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **mine},
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_example_in_the_docstring_is_python():
    """It can be pasted."""
    example = fixtures.__doc__.split("::\n", 1)[1].split("\n`fake_wisdom`", 1)[0]
    lines = [line.removeprefix("    ") for line in example.splitlines()]
    compile("\n".join(lines), "docstring", "exec")


def test_airflows_connection_leads_to_the_fake(fake_wisdom_over_http):
    """aws_default names the server, and so does the environment for every client made without a word."""
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    assert connection["extra"] == {
        "region_name": "us-east-1",
        "endpoint_url": fake_wisdom_over_http.endpoint_url,
    }
    kb = fake_wisdom_over_http.create_knowledge_base()
    (found,) = boto3.client("qconnect").list_knowledge_bases()["knowledgeBaseSummaries"]
    assert found["knowledgeBaseId"] == kb
