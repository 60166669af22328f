"""`python -m airflow_wisdom.testing.server`: another process that serves the fake."""

import os
import signal
import subprocess
import sys

import pytest
import requests
from wisdom_calls import client_of, names, start, status

from airflow_wisdom.testing import FakeWisdom

COMMAND = [sys.executable, "-m", "airflow_wisdom.testing.server", "--port", "0"]


@pytest.fixture
def serve():
    """Start a server process; whatever the test leaves running is ended."""
    started = []

    def start_server(*options):
        process = subprocess.Popen(
            [*COMMAND, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MOTO_ALLOW_NONEXISTENT_REGION": "false"},
        )
        started.append(process)
        line = process.stdout.readline()
        assert line.startswith("Listening on http://127.0.0.1:"), process.stderr.read()
        return process, line.split()[-1]

    yield start_server
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGINT])
def test_a_server_of_its_own(serve, ended_by):
    """It serves, obeys its switches, says nothing but where it listens, and ends at once when told to."""
    process, url = serve()
    fake = FakeWisdom(url, region_name="us-east-2")
    client = client_of(fake, "qconnect")
    fake.import_jobs(after_calls=1)
    kb = fake.create_knowledge_base()
    job = start(client, kb)
    assert [status(client, kb, job) for _ in range(2)] == ["START_IN_PROGRESS", "COMPLETE"]
    assert names(client, kb) == ["hi"]
    assert fake.calls()["GetImportJob"] == 2
    process.send_signal(ended_by)
    said = process.communicate(timeout=60)
    assert (process.returncode, *said) == (0, "", "")


def test_a_request_log_on_demand(serve):
    """--verbose shows who asked for what."""
    process, url = serve("--verbose")
    requests.get(f"{url}/moto-api/data.json", timeout=5)
    process.terminate()
    assert "GET /moto-api/data.json" in process.communicate(timeout=60)[1]


def test_a_port_that_is_taken(serve):
    """It says so and fails."""
    _, url = serve()
    port = url.rsplit(":", 1)[-1]
    done = subprocess.run([*COMMAND[:-1], port], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "in use" in done.stderr
