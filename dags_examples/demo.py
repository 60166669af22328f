"""Run the DAG `import_quick_responses` through Airflow on this machine, against a fake Amazon Connect Wisdom.

Everything it writes goes to the folder `.demo` of the checkout. The exit status is 0 only if the import job
is COMPLETE.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".demo"
HOME = FOLDER / "airflow"
LOG = FOLDER / "airflow.log"
RESULT = FOLDER / "result.json"

SECONDS_OF_WORK = 3.0
"""How long the fake service takes for the import, so that there is something to wait for."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

STEPS = {
    "task_id=import ": "task import: starts",
    "Started import job": "task import: the file is uploaded, the import job started",
    "running trigger in line": "task import: deferred, a trigger waits for the job",
    "Trigger completed": "task import: the job has ended, its metadata goes to XCom",
    "task_id=report ": "task report: reads the XCom and the refused rows",
}
"""What stands in Airflow's log -> what it means to somebody who watches."""


def main() -> int:
    """Run the demo and say what happened."""
    # No proxy knows this machine's own address.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    for number in SIGNALS:
        signal.signal(number, _interrupted)
    # Airflow 3.0 does not make its home itself.
    HOME.mkdir(parents=True, exist_ok=True)
    RESULT.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        with _fake_service() as endpoint:
            _say(started, f"fake Amazon Connect Wisdom listens on {endpoint}")
            knowledge_base = _prepare(endpoint)
            _say(started, f"knowledge base {knowledge_base} is there; Airflow starts")
            _run_airflow(_environment(endpoint, knowledge_base), started)
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started has been stopped.", file=sys.stderr)
        return 130
    return _conclude()


def _interrupted(*_: object) -> NoReturn:
    # An impatient second Ctrl-C must not interrupt the cleaning up.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _say(started: float, text: str) -> None:
    print(f"{time.monotonic() - started:5.1f} s  {text}", flush=True)


def _let_signals_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def _process(arguments: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a Python process that does not outlive this block, whatever happens in it."""
    # A signal that arrives while the process is being started has to wait until it would be noticed below.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, *arguments],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
        start_new_session=True,
        preexec_fn=_let_signals_through,  # noqa: PLW1509 - there are no threads here
    )
    try:
        _let_signals_through()
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def _fake_service() -> Iterator[str]:
    with _process(["-m", "airflow_wisdom.testing.server", "--port", "0"], os.environ) as server:
        assert server.stdout is not None  # noqa: S101 - it was opened with a pipe
        first_line = server.stdout.readline()
        if "http" not in first_line:
            sys.exit(f"The fake service did not start: {first_line}{server.stdout.read()}")
        yield first_line.split()[-1]


def _prepare(endpoint: str) -> str:
    from airflow_wisdom.testing import FakeWisdom

    fake = FakeWisdom(endpoint)
    fake.import_jobs(after_seconds=SECONDS_OF_WORK)
    return fake.create_knowledge_base("contact-centre")


def _environment(endpoint: str, knowledge_base: str) -> dict[str, str]:
    extra = {"region_name": "us-east-1", "endpoint_url": endpoint, "knowledge_base_id": knowledge_base}
    connection = {"conn_type": "aws", "login": "demo", "password": "demo", "extra": extra}
    # No setting of an Airflow or an AWS account that this machine may have besides must shine through.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))}
    return inherited | {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Its log is read line by line while it runs.
        "PYTHONUNBUFFERED": "1",
    }


def _run_airflow(environment: Mapping[str, str], started: float) -> None:
    with LOG.open("w") as log, _process([__file__, "run-dag"], environment) as airflow:
        assert airflow.stdout is not None  # noqa: S101 - it was opened with a pipe
        to_come = dict(STEPS)
        for line in airflow.stdout:
            log.write(line)
            for words in [words for words in to_come if words in line]:
                _say(started, to_come.pop(words))


def _run_dag() -> None:
    """Run the DAG in this process, and leave its end behind in a file."""
    from airflow.utils.db import check_migrations, initdb

    try:
        check_migrations(0)
    except TimeoutError:
        initdb()
    from import_quick_responses import dag

    run = dag.test()
    xcoms = {ti.task_id: ti.xcom_pull(task_ids=ti.task_id) for ti in run.get_task_instances()}
    RESULT.write_text(json.dumps({"state": str(run.state), **xcoms}))


def _conclude() -> int:
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    job, report = result.get("import"), result.get("report")
    if not job or not report:
        print(f"\nThe DAG run did not succeed. Airflow's log: {LOG}", file=sys.stderr)
        return 1
    _print_summary(job, report)
    return 0 if job["status"] == "COMPLETE" and result["state"] == "success" else 1


def _print_summary(job: dict[str, Any], report: dict[str, Any]) -> None:
    ended, created = (datetime.fromisoformat(job[time]) for time in ("lastModifiedTime", "createdTime"))
    refused = report["refused"]
    print()
    print(f"Import job  {job['importJobId']}")
    print(f"Status      {job['status']}")
    print(f"Duration    {(ended - created).total_seconds():.1f} s")
    print(f"Imported    {report['rows'] - len(refused)} of {report['rows']} quick responses")
    print(f"Refused     {len(refused)}")
    width = max((len(_name(row)) for row in refused), default=0)
    for row in refused:
        print(f"  {_name(row):<{width}}  {row['Error']}")
    print(f"\nAirflow's log: {LOG}")


def _name(row: dict[str, str]) -> str:
    return row["Name"].strip() or f"(no name, shortcut key {row['Shortcut key']})"


if __name__ == "__main__":
    if sys.argv[1:] == ["run-dag"]:
        _run_dag()
    else:
        sys.exit(main())
