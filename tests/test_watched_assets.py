"""An asset with a watcher, and what Airflow's DAG processor and triggerer make of it: both are real, on SQLite."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from rigs.parsing import PARSED
from rigs.processes import process, until
from rigs.running import start_job

from airflow_wisdom.assets import imports_of
from airflow_wisdom.testing import FakeWisdom
from airflow_wisdom.triggers.endings import SETTLING

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PATIENCE = 120
OUR_WARNINGS_ALONE = pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")

NAMED = """
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow_wisdom.assets import create_asset
from airflow_wisdom.triggers import WisdomEndingsTrigger

asset = create_asset(knowledge_base_id={arn!r}, name="named twice")
"""
# It looks when it starts, and then no more as long as a test lasts: what it reports, a restart has found.
WITH_WATCHERS = """
asset.watchers = [AssetWatcher(name="w", trigger=WisdomEndingsTrigger(
    knowledge_base_id={arn!r}, region_name="eu-west-2", poll_interval=9999
))]
with DAG("with_watchers", schedule=[asset]):
    EmptyOperator(task_id="read")
"""
WITHOUT_WATCHERS = """
with DAG("without_watchers", schedule="@daily"):
    EmptyOperator(task_id="load", outlets=[asset, Asset.ref(name="Support answers")])
"""


class Airflow:
    """A database, a triggerer, and a DAG processor that reads files when it is asked to.

    :param folder: An empty folder.
    :param environment: What DAGs need beside the service.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        home = folder / "home"
        home.mkdir()
        self.log = folder / "log"
        self._database = home / "airflow.db"
        migrated = Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
        with closing(sqlite3.connect(migrated)) as source, closing(sqlite3.connect(self._database)) as copy:
            source.backup(copy)
        self.bundles = {name: folder / name for name in ("one", "other")}
        local = "airflow.dag_processing.bundles.local.LocalDagBundle"
        bundles = [
            {"name": name, "classpath": local, "kwargs": {"path": str(path)}} for name, path in self.bundles.items()
        ]
        self._environment = {
            **os.environ,
            **environment,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}?timeout=60",
        }

    @contextmanager
    def running(self):
        """Run the processes as long as the block lasts."""
        # With a supervisor, as deployments have one: that of Airflow 3.0 may die as it starts triggers ("Response read
        # out of order").
        triggerer = ["bash", "-c", 'while :; do "$@"; sleep 1; done', "-", BIN / "airflow", "triggerer"]
        parser = [sys.executable, ROOT / "tests" / "rigs" / "parsing.py"]
        with (
            process([*triggerer, "--skip-serve-logs"], self.log, env=self._environment, stop=signal.SIGKILL),
            self.log.open("a") as log,
            subprocess.Popen(
                parser, env=self._environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            ) as self._parser,
        ):
            yield

    def parse(self, bundle: str) -> None:
        """Let the DAG processor read every file of a bundle once."""
        print(bundle, file=self._parser.stdin, flush=True)
        if not any(line.strip() == PARSED for line in self._parser.stdout):
            raise RuntimeError(f"The DAG processor has ended: {self.log.read_text()[-2000:]}")

    def triggers(self) -> dict[str, int]:
        """Return the trigger of each asset that has one, by the asset's name."""
        return dict(
            self._query("select a.name, w.trigger_id from asset a join {watchers} w on w.asset_id = a.id order by 1")
        )

    def told(self) -> list[str]:
        """Return the import jobs of all events."""
        extras = self._query("select extra from asset_event order by id")
        return [job["importJobId"] for (extra,) in extras for job in imports_of(json.loads(extra))]

    def _query(self, sql: str) -> list[tuple]:
        with closing(sqlite3.connect(self._database, timeout=60)) as connection, connection:
            tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
            watchers = "asset_watcher" if "asset_watcher" in tables else "asset_trigger"
            return connection.execute(sql.format(watchers=watchers)).fetchall()


@pytest.fixture
def service(fake_wisdom_over_http):
    """A region of the fake service, with books of its own, in which import jobs run until somebody ends them."""
    fake = FakeWisdom(fake_wisdom_over_http.endpoint_url, region_name="eu-west-2")
    fake.import_jobs(after_seconds=24 * 3600)
    return fake


@OUR_WARNINGS_ALONE
def test_endings_survive_a_second_file_that_names_the_asset_without_its_watchers(
    airflow_database, fake_wisdom_over_http, service, tmp_path
):
    """While the watcher of an asset that is named in one module, or by reference, just runs on."""
    support, base = fake_wisdom_over_http.create_knowledge_base(), service.create_knowledge_base()
    jobs = [start_job(service, base, f"Name,Content\nName {n},Text\n".encode()) for n in range(2)]
    airflow = Airflow(tmp_path, WISDOM_SUPPORT=f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{support}")
    shutil.copytree(ROOT / "tests" / "dags" / "assets", airflow.bundles["one"])
    airflow.bundles["other"].mkdir()
    arn = f"arn:aws:wisdom:eu-west-2:123456789012:knowledge-base/{base}"
    (airflow.bundles["one"] / "with_watchers.py").write_text((NAMED + WITH_WATCHERS).format(arn=arn))
    (airflow.bundles["other"] / "without_watchers.py").write_text((NAMED + WITHOUT_WATCHERS).format(arn=arn))

    def is_watched():
        airflow.parse("one")
        return "named twice" in airflow.triggers()

    with airflow.running():
        # Before Airflow 3.2 a file has to be read twice until an asset that is new is watched.
        until(is_watched, PATIENCE, "the watchers to be known")
        first = airflow.triggers()
        until(lambda: service.calls().get("ListImportJobs"), PATIENCE, "the first look")
        for number, job in enumerate(jobs, start=1):
            airflow.parse("other")
            assert airflow.triggers() == {"Support answers": first["Support answers"]}
            service.set_status(job, "COMPLETE")
            airflow.parse("one")
            until(lambda number=number: len(airflow.told()) >= number, PATIENCE, "the event of what ended meanwhile")
            time.sleep(SETTLING + 1)
        last = airflow.triggers()
    assert airflow.told() == jobs
    assert (last.keys(), last["Support answers"]) == (first.keys(), first["Support answers"])
