"""An Airflow with every example DAG ready to click, and a fake Amazon Connect Wisdom: `make playground`.

It runs until Ctrl-C and leaves nothing behind: everything listens on loopback only, at free ports, and is kept in a
temporary folder.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "dags_examples"))

from demo import ROUTING_PROFILES, TABLE, prepare_connect, write_table_of_day_two
from rigs.processes import interruptible
from rigs.servers import Sqlite
from rigs.stack import airflow
from rigs.whole import Run

from airflow_wisdom.testing import FakeWisdom

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "dags_examples"

SECONDS_OF_WORK = 5.0
"""How long the fake service takes for an import job, so that there is something to wait for."""

ACCOUNT = "123456789012"
BUCKET = "playground"
BETWEEN_LOOKS = 2.0
"""Seconds between two looks whether everything still runs."""

READY = """
Airflow's UI   {url}
               Whoever opens it is an admin: there is no login, and no other machine reaches it.
Logs           {home}

Browse > Amazon Connect shows what became of the rows, run by run.

Trigger any DAG there: what the text at its top asks for is prepared.

  sync_quick_responses      has run on three days: the log of each has its plan
  import_quick_responses    has run: 8 of 250 rows were invalid, 5 were refused
  on_import_job_ended       runs by itself whenever an import job ends
  import_s3_drop            imports the file that waits in a bucket, then waits for
                            the next one
  sync_with_approval        waits for you: approve its plan under Required Actions
  notify_on_failure         is red, so that it notifies
  start_over                empties all knowledge bases

Whatever imports the same rows a second time is red, as on AWS: their names are
taken. Run start_over before it.

Ctrl-C ends everything.
"""


def main() -> int:
    """Start everything, let some DAGs run, and wait for Ctrl-C."""
    interruptible()
    # No proxy knows this machine's own address.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    say = _Clock()
    service = Service(say)
    bundles = [_bundle("examples", EXAMPLES), _bundle("playground", HERE / "dags")]
    settings = {
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        # There is no quota to spare.
        "WISDOM__CALLS_PER_SECOND": "50",
    }
    try:
        with airflow(database=Sqlite, dags=EXAMPLES, prepare=service.prepare, **settings) as real:
            service.connect(real)
            _let_run(real, say)
            _print(READY.format(url=real.url, home=real.home))
            while not (dead := [name for name, component in real.components.items() if component.has_died()]):
                time.sleep(BETWEEN_LOOKS)
            for name in dead:
                _print(f"The {name} has ended. Its log:\n{(real.home / f'{name}.log').read_text()[-3000:]}")
    except KeyboardInterrupt:
        _print("\nEverything that was started has been stopped.")
        return 0
    return 1


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command's output


class _Clock:
    """Prints what is being done, and after how many seconds."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, text: str) -> None:
        _print(f"{time.monotonic() - self._started:5.1f} s  {text}")


def _bundle(name: str, folder: Path) -> dict:
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return {"name": name, "classpath": classpath, "kwargs": {"path": str(folder), "refresh_interval": 5}}


class Service:
    """The fake AWS account, with all that the examples need of it.

    :param say: Prints what is being done.
    """

    def __init__(self, say) -> None:
        self._say = say
        self._extra: dict[str, object] = {}

    def prepare(self, endpoint: str) -> dict[str, str]:
        """Create everything, and return the environment variables that the DAGs need."""
        self._say(f"fake Amazon Connect Wisdom listens on {endpoint}; Airflow starts, which takes half a minute")
        fake = FakeWisdom(endpoint)
        fake.import_jobs(after_seconds=SECONDS_OF_WORK)
        names = ("contact-centre", "production", "sales", "service")
        main, production, *others = [fake.create_knowledge_base(name) for name in names]
        prepare_connect(fake, main)
        test_instance = fake.create_instance(main, ROUTING_PROFILES)
        self._extra = {
            "knowledge_base_id": main,
            "instance_id": test_instance,
            "test_instance_id": test_instance,
            "production_instance_id": fake.create_instance(production, ROUTING_PROFILES),
            "bucket": BUCKET,
            "alert_topic": fake.client("sns").create_topic(Name="alert")["TopicArn"],
            "imports": [
                {"knowledge_base_id": one, "source": f"s3://{BUCKET}/{name}.csv"}
                for name, one in zip(names[2:], others, strict=True)
            ],
        }
        _fill_bucket(fake)
        return {"WISDOM_KNOWLEDGE_BASE": f"arn:aws:wisdom:{fake.region_name}:{ACCOUNT}:knowledge-base/{main}"}

    def connect(self, real) -> None:
        """Complete Airflow's connections."""
        folders = {"reports": str(real.home / "reports"), "exports": str(real.home / "exports")}
        real.set_extra("aws_default", **self._extra, **folders)
        database = real.home / "answers.db"
        _write_answers(database)
        where = {"conn_type": "sqlite", "host": str(database), "login": None, "password": None}
        real.add_connection({"connection_id": "answers", **where})


def _fill_bucket(fake: FakeWisdom) -> None:
    """Put a file for each knowledge base into the bucket, and one to be found there."""
    s3 = fake.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    put = partial(s3.put_object, Bucket=BUCKET)
    for name in ("sales", "service"):
        put(Key=f"{name}.csv", Body=f"Name,Content\nWelcome to {name},How can I help you?\n".encode())
    dropped = b"Name,Content,Routing Profile\nBus lines,Lines 4 and 7.,\nNo text,,\nParking,Behind it.,Nobody\n"
    for folder in ("samples", "incoming"):
        put(Key=f"{folder}/branch.csv", Body=dropped)


def _write_answers(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE answers (id, title, shortcut, answer, language, approved)")
        rows = [(n, f"Answer {n}", f"a{n}", f"This is what we say about question {n}.", "en_US", 1) for n in range(150)]
        database.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()


def _let_run(real, say) -> None:
    """Let a table be synced on three days, and a file be imported, so that there is something to see."""
    say("Airflow runs; so that there is something to see, a table is synced on three days, and a file is imported")
    real.unpause("on_import_job_ended")
    second_day = real.home / "faq-day-two.csv"
    write_table_of_day_two(second_day)
    for day, table in enumerate((TABLE, second_day, second_day), 1):
        run = Run(real, "sync_quick_responses", {"source": str(table)}, f"day-{day}")
        say(f"sync_quick_responses, day {day}: {run.until_over()}")
    # It would run again each midnight.
    real.pause("sync_quick_responses")
    run = Run(real, "import_quick_responses", {}, "first-import")
    say(f"import_quick_responses: {run.until_over()}")


if __name__ == "__main__":
    sys.exit(main())
