"""Run the DAG `import_quick_responses` through Airflow on this machine, against a fake Amazon Connect Wisdom.

Everything it writes goes to the folder `.demo` of the checkout. The exit status is 0 only if every import job
is COMPLETE.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_wisdom.testing import FakeWisdom

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".demo"
HOME = FOLDER / "airflow"
LOG = FOLDER / "airflow.log"
RESULT = FOLDER / "result.json"
REPORTS = FOLDER / "reports"

SECONDS_OF_WORK = 3.0
"""How long the fake service takes for each import job, so that there is something to wait for."""

MAX_ACTIVE_JOBS = 2
"""Import jobs that run at a time; fewer than there are, so that there is a limit to be seen."""

ROUTING_PROFILES = ["Basic Routing Profile", "Billing", "Technical Support"]
"""What the fake Amazon Connect knows; the file names others, too."""

THERE_BEFORE = ["Order - substitute offered", "Closing - rate this chat"]
"""Quick responses of the file that are in the knowledge base before it is imported."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)

STEPS = {
    r"task_id=import ": "task import: starts",
    r"(\d+ of \d+) rows of .* are skipped": r"task import: \1 rows are not valid, and are skipped",
    r"running trigger in line": "task import: the files are uploaded; deferred once, for all import jobs together",
    r"Import job (\S{8})\S* runs: .*, (file \d of \d) ": r"trigger: import job \1... runs, \2",
    r"Import job (\S{8})\S* runs no longer: (\w+)": r"trigger: import job \1... is \2",
    r"Trigger completed": "task import: no job runs any more, the reports of AWS are read",
    r"task_id=report ": "task report: reads the summary in XCom",
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
    knowledge_base = fake.create_knowledge_base("contact-centre")
    prepare_connect(fake, knowledge_base)
    return knowledge_base


def prepare_connect(fake: FakeWisdom, knowledge_base: str) -> None:
    """Let the fake Amazon Connect know some routing profiles, and some of the quick responses already."""
    fake.routing_profiles(ROUTING_PROFILES)
    for name in THERE_BEFORE:
        fake.client().create_quick_response(
            knowledgeBaseId=knowledge_base, name=name, content={"content": "Imported long ago."}
        )


def _environment(endpoint: str, knowledge_base: str) -> dict[str, str]:
    extra = {
        "region_name": "us-east-1",
        "endpoint_url": endpoint,
        "knowledge_base_id": knowledge_base,
        "reports": str(REPORTS),
    }
    connection = {"conn_type": "aws", "login": "demo", "password": "demo", "extra": extra}
    # No setting of an Airflow or an AWS account that this machine may have besides must shine through.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))}
    return inherited | {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__WISDOM__MAX_ACTIVE_IMPORT_JOBS": str(MAX_ACTIVE_JOBS),
        # Its log is read line by line while it runs.
        "PYTHONUNBUFFERED": "1",
    }


def _run_airflow(environment: Mapping[str, str], started: float) -> None:
    with LOG.open("w") as log, _process([__file__, "run-dag"], environment) as airflow:
        assert airflow.stdout is not None  # noqa: S101 - it was opened with a pipe
        said: set[str] = set()
        for line in airflow.stdout:
            log.write(line)
            for text in _meaning(line) - said:
                said.add(text)
                _say(started, text)


def _meaning(line: str) -> set[str]:
    found = ((re.search(pattern, line), text) for pattern, text in STEPS.items())
    return {match.expand(text) for match, text in found if match}


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
    summary = result.get("import")
    if not summary:
        print(f"\nThe DAG run did not succeed. Airflow's log: {LOG}", file=sys.stderr)
        return 1
    print_summary(summary, shutil.get_terminal_size().columns)
    return 0 if summary["status"] == "COMPLETE" and result["state"] == "success" else 1


def print_summary(summary: dict[str, Any], width: int) -> None:
    """Print what the import did, for a terminal of so many columns."""
    print(f"\nStatus      {summary['status']}")
    print(f"Imported    {summary['rowsImported']} of {summary['rowsRead']} quick responses\n")
    _print_jobs(summary["importJobs"], width)
    print(f"\nRefused by our check, and not sent: {summary['rowsInvalid']}")
    places = [f"{it['unit']} {it['line']}, {it['column']}" for it in summary["invalidRows"]]
    _print_list(places, [it["reason"] for it in summary["invalidRows"]], width)
    print(f"\nRefused by AWS: {summary['rowsRefused']}")
    records = summary["failedRecords"]
    _print_list([record["Name"] for record in records], [record["Error"] for record in records], width)
    print(f"\nThose of our check: {summary['invalidRowsPath']}")
    print(f"Those of AWS:       {summary['failedRecordsPath']}")
    print(f"Airflow's log:      {LOG}")


def _print_jobs(jobs: Sequence[dict[str, Any]], width: int) -> None:
    titles = "".join(f"{title:>10}" for title in ("rows", "imported", "refused", "seconds"))
    # What does not fit is the job's id: its beginning will do.
    longest = max(8, min(36, width - len(titles)))
    print(f"{'Import job':<{longest}}"[:longest] + titles)
    for job in jobs:
        numbers = "".join(f"{job[name]:>10}" for name in ("rowsSent", "rowsImported", "rowsRefused"))
        print(f"{job['importJobId'][:longest]:<{longest}}{numbers}{job['durationSeconds']:>10.1f}")


def _print_list(heads: Sequence[str], texts: Sequence[str], width: int) -> None:
    """Print texts beside their heads, or under them where there is no room beside."""
    indent = max(map(len, heads), default=0) + 4
    beside = width - indent >= len("at most 1,024 are allowed")
    for head, text in zip(heads, texts, strict=True):
        first, further = (f"  {head:<{indent - 2}}", " " * indent) if beside else ("    ", "    ")
        if not beside:
            print(f"  {head}")
        print(textwrap.fill(text, max(width, 20), initial_indent=first, subsequent_indent=further))


if __name__ == "__main__":
    if sys.argv[1:] == ["run-dag"]:
        _run_dag()
    else:
        sys.exit(main())
