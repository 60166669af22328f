"""One measurement: an endpoint and a process that waits, each on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workload import Workload

HERE = Path(__file__).parent
LONGEST_RUN = 600.0


def measure(side: str, workload: Workload, *options: str) -> dict[str, Any]:
    """Wait for the jobs of `workload` with the triggers of `side`, and return what it cost."""
    with endpoint(workload) as port, TemporaryDirectory(prefix="airflow-bench-") as home:
        url = url_of(port)
        costs = run_script(
            "waiters.py", side, workload.to_json(), str(port), *options, environment=environment(home, url)
        )
        with urlopen(f"{url}/bench/metrics") as answer:
            return costs | json.load(answer)


def run_script(script: str, *arguments: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run a script of this folder in a process of its own, and return what it measured."""
    result = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LONGEST_RUN,
    )
    # Airflow may have written to the same stream before.
    return json.loads(result.stdout.splitlines()[-1])


@contextmanager
def endpoint(workload: Workload) -> Iterator[int]:
    """Run the endpoint, and give its port."""
    command = [sys.executable, HERE / "endpoint.py", workload.to_json()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


def url_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def environment(home: str, endpoint_url: str | None = None) -> dict[str, str]:
    """Return the environment of a process with an Airflow of its own, whose AWS connection leads to the endpoint."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    connection = {
        "conn_type": "aws",
        "login": "benchmark",
        "password": "benchmark",
        "extra": {"region_name": "us-east-1", "endpoint_url": endpoint_url},
    }
    return kept | {
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        # No proxy knows this machine's own address.
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
