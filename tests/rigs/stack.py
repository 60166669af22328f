"""A real Airflow for as long as a `with` block lasts: a database, and every Airflow component a process of its own."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import requests
from rigs.processes import Component, free_port, process, until
from rigs.servers import Postgres, Redis, Sqlite

from airflow_wisdom.testing import FakeWisdom

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Airflow", "Layout", "Postgres", "Sqlite", "airflow", "until"]

BIN = Path(sys.executable).parent
DAGS = Path(__file__).parents[1] / "dags" / "e2e"
PARALLELISM = 6
PATIENCE = 60
"""Seconds for which the API server is asked again while it has an error of its own, as where a database restarts."""

SERVICE = {"MOTO_ALLOW_NONEXISTENT_REGION": "true"}
"""Each run may have a region of its own, with switches and books of its own; AWS has too few of them."""


@dataclass(frozen=True)
class Layout:
    """Which processes an Airflow consists of.

    :param triggerers: How many triggerers there are.
    :param workers: How many Celery workers there are. Default: none, and the scheduler's own processes run the tasks.
    """

    triggerers: int = 1
    workers: int = 0

    def commands(self, port: int, folder: Path) -> dict[str, list[str]]:
        """Return the arguments of ``airflow`` for each component."""
        silent = "--skip-serve-logs"
        triggerers = {name: ["triggerer", silent] for name in self._names("triggerer", self.triggerers)}
        workers = {
            f"worker-{number}": [
                *("celery", "worker", silent, "--without-gossip", "--without-mingle"),
                *("--celery-hostname", f"worker-{number}@%h", "--pid", str(folder / f"worker-{number}.pid")),
            ]
            for number in range(1, self.workers + 1)
        }
        return {
            "api-server": ["api-server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)],
            "dag-processor": ["dag-processor"],
            "scheduler": ["scheduler", silent],
            **triggerers,
            **workers,
        }

    @staticmethod
    def _names(what: str, number: int) -> list[str]:
        return [what] if number == 1 else [f"{what}-{each}" for each in range(1, number + 1)]


class Airflow:
    """All of Airflow, and the fake service that its connection `aws_default` leads to.

    :param home: An empty folder.
    :param database: What it keeps its data in.
    :param endpoint: Where the fake service listens.
    :param dags: The folder of DAGs.
    :param settings: Options of Airflow's configuration, as ``SECTION__OPTION``, beside those that all need.
    :param layout: Which processes it consists of.
    :param broker: What Celery's workers are reached through, if there are any.
    :param login: Name and password of who uses the REST API. Default: everybody is an administrator.
    """

    def __init__(
        self,
        home: Path,
        database: Postgres | Sqlite,
        endpoint: str,
        dags: Path,
        settings: Mapping[str, str],
        layout: Layout,
        broker: Redis | None = None,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.home = home
        self.login = login
        self.database = database
        self.broker = broker
        self.endpoint = endpoint
        self.query = database.query
        self.fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        # Who watches a knowledge base has to know it when the DAG is parsed.
        fake = FakeWisdom(endpoint)
        self.watched, self.loaded = fake.create_knowledge_base("watched"), fake.create_knowledge_base("loaded")
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._session = requests.Session()
        self._turn = threading.Lock()
        self._environment = self._make_environment(dags, settings)
        commands = layout.commands(self._port, home)
        self.components = {name: self._component(name, arguments) for name, arguments in commands.items()}

    def start(self, stack: ExitStack) -> None:
        (self.home / "tmp").mkdir()
        self.run("db", "migrate")
        for component in self.components.values():
            stack.callback(component.stop)
            component.start()
        until(self._log_in, 180, "the API server to answer")
        # In the metadata database: one from the environment would never be asked for through the API.
        self.add_service("aws_default", self.endpoint)

    def run(self, *arguments: str) -> None:
        with (self.home / "commands.log").open("a") as log:
            command = [BIN / "airflow", *arguments]
            subprocess.run(command, check=True, env=self._environment, stdout=log, stderr=subprocess.STDOUT)

    def restart_triggerer(self, meanwhile=None) -> None:
        """End the triggerer by SIGTERM, as a deployment does, and start a new one.

        :param meanwhile: What to do in between.
        """
        self.stop_triggerer()
        if meanwhile:
            meanwhile()
        self.start_triggerer()

    def stop_triggerer(self) -> None:
        self.components["triggerer"].stop()

    def start_triggerer(self) -> None:
        self.components["triggerer"].start()

    def kill(self) -> None:
        """End every component at once, as if the machine had gone down."""
        for component in self.components.values():
            component.kill()

    def triggerer_rss(self) -> int:
        """Return the resident memory of the triggerer's processes, in bytes."""
        pids = self.components["triggerer"].pids()
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
        return pages * os.sysconf("SC_PAGE_SIZE")

    def add_service(self, connection_id: str, endpoint: str, **extra: object) -> None:
        """Add a connection that leads to a fake service."""
        where = {"region_name": "us-east-1", "endpoint_url": endpoint, **extra}
        self.add_connection({"connection_id": connection_id, "conn_type": "aws", "extra": json.dumps(where)})

    def add_connection(self, connection: dict) -> None:
        keys = {"login": "testing", "password": "testing"}
        self._call("POST", "/connections", {**keys, **connection})

    def set_extra(self, connection_id: str, **members: str) -> None:
        """Set members of an AWS connection's extra, beside those that lead to the fake service."""
        extra = json.dumps({"region_name": "us-east-1", "endpoint_url": self.endpoint, **members})
        body = {"connection_id": connection_id, "conn_type": "aws", "extra": extra}
        self._call("PATCH", f"/connections/{connection_id}?update_mask=extra", body)

    def approve(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Answer a task that asks for approval, as a person does in the UI."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._call("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, once Airflow knows it."""
        until(lambda: self._known(dag_id), 60, f"the DAG {dag_id}")
        self._call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, conf: dict | None = None, run_id: str | None = None) -> str:
        """Run a DAG, and return the run's id."""
        self.unpause(dag_id)
        body = {"logical_date": None, "conf": conf or {}, **({"dag_run_id": run_id} if run_id else {})}
        return self._call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def set_state(self, dag_id: str, run_id: str, task_id: str, state: str, map_index: int | None = None) -> None:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._call("PATCH", path if map_index is None else f"{path}/{map_index}", {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Let a task run again, as the user does in the UI."""
        which = {"dag_run_id": run_id, "task_ids": [task_id], "only_failed": False, "dry_run": False}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", which)

    def delete(self, path: str) -> None:
        self._send("DELETE", path)

    def get(self, path: str) -> str:
        """Return what the REST API answers, as text."""
        return self._send("GET", path).text

    def logs(self) -> list[Path]:
        """Return every file that Airflow logs to."""
        return [path for path in self.home.rglob("*.log") if path.is_file()]

    def _known(self, dag_id: str) -> bool:
        return bool(self.query("select 1 from serialized_dag where dag_id = %s", dag_id))

    def _log_in(self) -> bool:
        with suppress(requests.RequestException):
            answer = self._ask_for_token(f"{self.url}/auth/token")
            if answer.ok:
                self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                return True
        return False

    def _ask_for_token(self, url: str) -> requests.Response:
        if self.login is None:
            return self._session.get(url, timeout=10)
        name, password = self.login
        return self._session.post(url, json={"username": name, "password": password}, timeout=10)

    def _call(self, method: str, path: str, body: dict) -> dict:
        return self._send(method, path, body).json()

    def _send(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        url = f"{self.url}/api/v2{path}"
        what = f"{method} {path} to be answered"
        (answer,) = until(lambda: self._answer(method, url, body), PATIENCE, what, every=0.5)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    def _answer(self, method: str, url: str, body: dict | None) -> list[requests.Response]:
        """Return the answer, unless it is an error of the API server's own."""
        # On SQLite the API server does not get far with several at a time.
        with self._turn, suppress(requests.ConnectionError):
            answer = self._session.request(method, url, json=body, timeout=60)
            return [] if answer.status_code >= requests.codes.server_error else [answer]
        return []

    def _component(self, name: str, arguments: list[str]) -> Component:
        environment = dict(self._environment)
        if name == "api-server":
            environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = self.database.url_of_api_server
        return Component(name, [BIN / "airflow", *arguments], self.home / f"{name}.log", env=environment)

    def _make_environment(self, dags: Path, own: Mapping[str, str]) -> dict[str, str]:
        # No setting of an Airflow or an AWS account that this machine may have besides must shine through.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))}
        inherited.pop("PYTHONDONTWRITEBYTECODE", None)
        settings = {
            "API__SECRET_KEY": secrets.token_hex(),
            "API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "CORE__DAGS_FOLDER": str(dags),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self._port}/execution/",
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__FERNET_KEY": self.fernet_key,
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": str(PARALLELISM),
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "DATABASE__SQL_ALCHEMY_CONN": self.database.url,
            **own,
        }
        return {
            **inherited,
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            "AIRFLOW_HOME": str(self.home),
            "E2E_WATCHED": self.watched,
            "E2E_LOADED": self.loaded,
            "PYTHONUNBUFFERED": "1",
            # Who is killed leaves temporary files behind.
            "TMPDIR": str(self.home / "tmp"),
        }


@contextmanager
def airflow(
    *,
    keep: bool = False,
    database: type[Postgres | Sqlite] = Postgres,
    dags: Path = DAGS,
    layout: Layout = Layout(),
    login: tuple[str, str] | None = None,
    **settings: str,
):
    """Start everything, yield the Airflow and stop everything.

    :param keep: Whether the folder with logs and database stays.
    :param database: What Airflow keeps its data in.
    :param dags: The folder of DAGs.
    :param layout: Which processes it consists of.
    :param login: As for :class:`Airflow`.
    :param settings: As for :class:`Airflow`.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="airflow-wisdom-e2e-"))
        folder.chmod(0o755)
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("database", "airflow", "redis"):
            (folder / name).mkdir()
        data = database(folder / "database")
        data.start(stack)
        broker = _start_broker(stack, folder, data, settings) if layout.workers else None
        real = Airflow(folder / "airflow", data, fake_service(stack, folder), dags, settings, layout, broker, login)
        real.start(stack)
        yield real


def _start_broker(stack: ExitStack, folder: Path, data: Postgres, settings: dict) -> Redis:
    broker = Redis(folder / "redis")
    broker.start(stack)
    settings.update(
        CORE__EXECUTOR="CeleryExecutor",
        CELERY__BROKER_URL=broker.url,
        CELERY__RESULT_BACKEND=data.url.replace("postgresql", "db+postgresql", 1),
    )
    return broker


def fake_service(stack: ExitStack, folder: Path, *how: str) -> str:
    """Start a fake service, and return where it listens.

    :param how: What Python is to run. Default: the server as it is.
    """
    log = folder / f"service-{secrets.token_hex(4)}.log"
    command = [sys.executable, *(how or ("-m", "airflow_wisdom.testing.server")), "--port", "0"]
    stack.enter_context(process(command, log, env={**os.environ, **SERVICE}))
    until(lambda: "http" in log.read_text(), 60, "the fake service to listen")
    return log.read_text().split()[-1]
