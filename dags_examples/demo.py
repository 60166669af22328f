"""Run two DAGs through Airflow on this machine, against a fake Amazon Connect Wisdom.

First `import_quick_responses` loads a large file. Then `sync_quick_responses` keeps a table in line for three days:
on the second it has changed, on the third it has not.

Everything it writes goes to the folder `.demo` of the checkout. The exit status is 0 only if every import job and
every sync is COMPLETE.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

from airflow_wisdom.runs.progress import Progress, telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_wisdom.exceptions import WisdomError
    from airflow_wisdom.runs.account import Account
    from airflow_wisdom.runs.changes import ChangeEnd
    from airflow_wisdom.runs.manifest import Manifest
    from airflow_wisdom.runs.plan import SyncPlan
    from airflow_wisdom.testing import FakeWisdom

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / ".demo"
HOME = FOLDER / "airflow"
LOG = FOLDER / "airflow.log"
RESULT = FOLDER / "result.json"
REPORTS = FOLDER / "reports"
TABLE = HERE / "data" / "faq.csv"
TABLE_OF_DAY_TWO = FOLDER / "faq-day-two.csv"

SECONDS_OF_WORK = 3.0
"""How long the fake service takes for each import job, so that there is something to wait for."""

MAX_ACTIVE_JOBS = 2
"""Import jobs that run at a time; fewer than there are, so that there is a limit to be seen."""

ROUTING_PROFILES = ["Basic Routing Profile", "Billing", "Technical Support"]
"""What the fake Amazon Connect knows; the file names others, too."""

THERE_BEFORE = ["Order - substitute offered", "Closing - rate this chat"]
"""Quick responses of the file that are in the knowledge base before it is imported."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What ends the demo early: Ctrl-C, `kill`, and the terminal being closed."""


def main() -> int:
    """Run the demo and say what happened."""
    # No proxy knows this machine's own address.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    for number in SIGNALS:
        # What nohup has the demo ignore stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupted)
    # Airflow 3.0 does not make its home itself.
    HOME.mkdir(parents=True, exist_ok=True)
    RESULT.unlink(missing_ok=True)
    started = time.monotonic()
    try:
        with _fake_service() as endpoint:
            _say(started, f"fake Amazon Connect Wisdom listens on {endpoint}")
            knowledge_base, instance = _prepare(endpoint)
            _say(started, f"knowledge base {knowledge_base} is there; Airflow starts")
            _run_airflow(_environment(endpoint, knowledge_base, instance), started)
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
    stamp = f"{time.monotonic() - started:5.1f} s  "
    # Whatever else reads the lines, such as grep, gets them whole.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    print(_wrapped(text, width, stamp, " " * len(stamp)), flush=True)


def _wrapped(text: str, width: int, first: str, further: str) -> str:
    # A word that alone is wider than the terminal stays whole: it is a path or a URL.
    return textwrap.fill(text, max(width, 20), initial_indent=first, subsequent_indent=further, break_long_words=False)


def _let_signals_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


@contextmanager
def _process(
    arguments: list[str], environment: Mapping[str, str], errors: int | IO[str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a Python process that does not outlive this block, whatever happens in it."""
    # A signal that arrives while the process is being started has to wait until it would be noticed below.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, *arguments],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=errors,
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
    with _process(["-m", "airflow_wisdom.testing.server", "--port", "0"], os.environ, subprocess.STDOUT) as server:
        assert server.stdout is not None  # noqa: S101 - it was opened with a pipe
        first_line = server.stdout.readline()
        if "http" not in first_line:
            sys.exit(f"The fake service did not start: {first_line}{server.stdout.read()}")
        yield first_line.split()[-1]


def _prepare(endpoint: str) -> tuple[str, str]:
    from airflow_wisdom.testing import FakeWisdom

    fake = FakeWisdom(endpoint)
    fake.import_jobs(after_seconds=SECONDS_OF_WORK)
    knowledge_base = fake.create_knowledge_base("contact-centre")
    prepare_connect(fake, knowledge_base)
    write_table_of_day_two(TABLE_OF_DAY_TWO)
    return knowledge_base, fake.create_instance(knowledge_base, ROUTING_PROFILES)


def prepare_connect(fake: FakeWisdom, knowledge_base: str) -> None:
    """Let the fake Amazon Connect know some routing profiles, and some of the quick responses already."""
    fake.routing_profiles(ROUTING_PROFILES)
    for name in THERE_BEFORE:
        fake.client().create_quick_response(
            knowledgeBaseId=knowledge_base, name=name, content={"content": "Imported long ago."}
        )


def write_table_of_day_two(path: Path) -> None:
    """Write what people have made of the table: one text is changed, one row is new, and one is gone."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    changed, *others, _gone, last = rows
    changed["Content"] = changed["Content"].replace("8 p.m.", "10 p.m.")
    new = {**last, "Name": "Spring sale", "Shortcut key": "spring", "Content": "The spring sale starts on March 20."}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(changed))
        writer.writeheader()
        writer.writerows([changed, *others, last, new])


def _environment(endpoint: str, knowledge_base: str, instance: str) -> dict[str, str]:
    extra = {
        "region_name": "us-east-1",
        "endpoint_url": endpoint,
        "knowledge_base_id": knowledge_base,
        "instance_id": instance,
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
    }


def _run_airflow(environment: Mapping[str, str], started: float) -> None:
    with LOG.open("w") as log, _process([__file__, "run-dags"], environment, log) as airflow:
        assert airflow.stdout is not None  # noqa: S101 - it was opened with a pipe
        for line in airflow.stdout:
            _say(started, line.rstrip())


class _Lines(Progress):
    """Says in lines what the import and the syncs do, and keeps the summary of the import."""

    summary: dict[str, Any] | None = None

    def __init__(self, file: IO[str]) -> None:
        self.say = partial(print, file=file, flush=True)

    def compared(self, plan: SyncPlan) -> None:
        self.say(f"plan: {plan}")
        for line in (line for change in plan.changes for line in change.lines()):
            self.say(f"plan: {line}")

    def applied(self, end: ChangeEnd) -> None:
        if end.error:
            self.say(f"task: {end.change.name} is not changed: {end.error}")

    def planned(self, manifest: Manifest) -> None:
        self.say(f"task: {manifest.rows_read} rows read, {manifest.rows_invalid} are invalid")

    def uploaded(self, number: int, total: int) -> None:
        self.say(f"task: file {number} of {total} is uploaded")

    def deferred(self, manifest: Manifest, deadline: float) -> None:  # noqa: ARG002 - as for everybody
        self.say(f"task: deferred once, for {len(manifest.parts)} jobs")

    def started(self, import_job_id: str, place: str) -> None:
        self.say(f"trigger: job {import_job_id[:8]} runs, {place.rpartition(', ')[2]}")

    def ended(self, import_job_id: str, error: WisdomError | None) -> None:
        self.say(f"trigger: job {import_job_id[:8]} is {error or 'COMPLETE'}")

    def concluded(self, account: Account) -> None:
        self.summary = account.summary()
        self.say(f"task: the reports are read, {self.summary['rowsRefused']} rows are refused")


def _run_dags() -> None:
    """Run the DAGs in this process, and leave their ends behind in a file."""
    # Standard output is for the progress alone: all else that is printed here goes to the log.
    progress = _Lines(os.fdopen(os.dup(sys.stdout.fileno()), "w"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    from airflow.utils.db import check_migrations, initdb

    try:
        check_migrations(0)
    except TimeoutError:
        initdb()
    with telling(progress):
        states = [_import(progress), *_sync(progress)]
    RESULT.write_text(json.dumps({"states": states, "summary": progress.summary}))


def _import(progress: _Lines) -> str:
    from import_quick_responses import dag

    run = dag.test()
    progress.say(f"DAG import_quick_responses: {run.state}")
    return str(run.state)


def _sync(progress: _Lines) -> Iterator[str]:
    """Sync a table for three days, and yield how each ended."""
    from sync_quick_responses import dag

    for day, table in enumerate((TABLE, TABLE_OF_DAY_TWO, TABLE_OF_DAY_TWO), 1):
        progress.say(f"day {day}: {table.name} is compared with Amazon Connect")
        run = dag.test(run_conf={"source": str(table)})
        progress.say(f"DAG sync_quick_responses, day {day}: {run.state}")
        yield str(run.state)


def _conclude() -> int:
    result = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    summary = result.get("summary")
    if not summary:
        print(f"\nThe DAG runs did not succeed. Airflow's log: {LOG}", file=sys.stderr)
        return 1
    print_summary(summary, shutil.get_terminal_size().columns)
    return 0 if summary["status"] == "COMPLETE" and set(result["states"]) == {"success"} else 1


def print_summary(summary: dict[str, Any], width: int) -> None:
    """Print what the import did, for a terminal of so many columns."""
    print(f"\nStatus      {summary['status']}")
    print(f"Imported    {summary['rowsImported']} of {summary['rowsRead']} quick responses\n")
    _print_jobs(summary["importJobs"], width)
    print(f"\nInvalid, and not sent: {summary['rowsInvalid']}")
    places = [f"{it['unit']} {it['line']}, {it['column']}" for it in summary["invalidRows"]]
    _print_list(places, [it["reason"] for it in summary["invalidRows"]], width)
    print(f"\nRefused by AWS: {summary['rowsRefused']}")
    records = summary["failedRecords"]
    _print_list([record["Name"] for record in records], [record["Error"] for record in records], width)
    print(f"\nInvalid rows   {summary['invalidRowsPath']}")
    print(f"Refused rows   {summary['failedRecordsPath']}")
    print(f"Airflow's log  {LOG}")


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
        print(_wrapped(text, width, first, further))


if __name__ == "__main__":
    if sys.argv[1:] == ["run-dags"]:
        _run_dags()
    else:
        sys.exit(main())
