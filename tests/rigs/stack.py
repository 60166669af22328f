"""A real Airflow for as long as a `with` block lasts: a database, and every Airflow component a process of its own."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import requests

from airflow_wisdom.testing import FakeWisdom

BIN = Path(sys.executable).parent
DAGS = Path(__file__).parents[1] / "dags" / "e2e"
PARALLELISM = 6
TRIES = 10
"""How often the API server is asked that has an error of its own, as where its database is locked."""
COMPONENTS = {
    "api-server": ["--workers", "1"],
    "dag-processor": [],
    "scheduler": ["--skip-serve-logs"],
    "triggerer": ["--skip-serve-logs"],
}


class Postgres:
    """A database server of its own in a temporary folder.

    :param folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = self.url_of_api_server = f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/postgres"
        # It refuses to run as root.
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def start(self, stack: ExitStack) -> None:
        binaries = _postgres_binaries()
        if self._user:
            shutil.chown(self.folder, "postgres", "postgres")
        data = str(self.folder / "data")
        initdb = [
            binaries / "initdb",
            "--auth=trust",
            "--username=postgres",
            "--no-sync",
            "--encoding=UTF8",
            "-D",
            data,
        ]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)
        settings = ["fsync=off", "max_connections=300", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}"]
        options = [part for setting in settings for part in ("-c", setting)]
        server = [binaries / "postgres", "-D", data, "-p", str(self.port), *options]
        stack.enter_context(process(server, self.folder / "log", stop=signal.SIGINT, **self._user))
        until(self._answers, 30, "PostgreSQL to answer")

    def _answers(self) -> bool:
        import psycopg2

        with suppress(psycopg2.OperationalError):
            return self.query("select 1") == [(1,)]
        return False

    def query(self, sql: str, *values: object) -> list[tuple]:
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres")
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def dump(self) -> subprocess.Popen:
        """Begin to write the whole database as text, to the standard output."""
        command = [_postgres_binaries() / "pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.Popen(command, stdout=subprocess.PIPE)


class Sqlite:
    """A database in a file.

    :param folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "airflow.db"
        # Several processes write, and none of them waits long by itself.
        self.url = f"sqlite:///{self.path}?timeout=60"
        # The API server writes its audit log in its event loop, where it may wait for a thread that waits for the loop
        # (seen on Airflow 3.3.2): let it give up early. Whoever called tries again.
        self.url_of_api_server = f"sqlite:///{self.path}?timeout=2"

    def start(self, stack: ExitStack) -> None:
        """Do nothing: Airflow makes the file."""

    def query(self, sql: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
            return connection.execute(sql.replace("%s", "?"), values).fetchall()


class Airflow:
    """All of Airflow, and the fake service that its connection `aws_default` leads to.

    :param settings: Options of Airflow's configuration, as ``SECTION__OPTION``, beside those that all need.
    """

    def __init__(self, home: Path, database: Postgres | Sqlite, endpoint: str, dags: Path, settings: dict) -> None:
        self.home = home
        self.database = database
        self.endpoint = endpoint
        self.query = database.query
        self.fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        # Who watches a knowledge base has to know it when the DAG is parsed.
        fake = FakeWisdom(endpoint)
        self.watched, self.loaded = fake.create_knowledge_base("watched"), fake.create_knowledge_base("loaded")
        self._port = free_port()
        self._session = requests.Session()
        self._turn = threading.Lock()
        self._triggerer = ExitStack()
        self._pids: dict[str, int] = {}
        self._environment = self._make_environment(dags, settings)

    def start(self, stack: ExitStack) -> None:
        self.run("db", "migrate")
        stack.enter_context(self._triggerer)
        for name, options in COMPONENTS.items():
            where = ["--host", "127.0.0.1", "--port", str(self._port)] if name == "api-server" else []
            mine = self._triggerer if name == "triggerer" else stack
            mine.enter_context(self._component(name, *options, *where))
        until(self._log_in, 120, "the API server to answer")
        # In the metadata database: one from the environment would never be asked for through the API.
        extra = f'{{"region_name": "us-east-1", "endpoint_url": "{self.endpoint}"}}'
        self.add_connection({"connection_id": "aws_default", "conn_type": "aws", "extra": extra})

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
        self._triggerer.close()

    def start_triggerer(self) -> None:
        self._triggerer.enter_context(self._component("triggerer", *COMPONENTS["triggerer"]))

    def kill(self) -> None:
        """End every component at once, as if the machine had gone down."""
        for pid in self._pids.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def triggerer_rss(self) -> int:
        """Return the resident memory of the triggerer's processes, in bytes."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        mine = [pid for pid in pids if _group(pid) == self._pids["triggerer"]]
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in mine)
        return pages * os.sysconf("SC_PAGE_SIZE")

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

    def trigger(self, dag_id: str, conf: dict | None = None) -> str:
        """Run a DAG, and return the run's id."""
        self.unpause(dag_id)
        body = {"logical_date": None, "conf": conf or {}}
        return self._call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def set_state(self, dag_id: str, run_id: str, task_id: str, state: str, map_index: int | None = None) -> None:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self._call("PATCH", path if map_index is None else f"{path}/{map_index}", {"new_state": state})

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Let a task run again, as the user does in the UI."""
        which = {"dag_run_id": run_id, "task_ids": [task_id], "only_failed": False, "dry_run": False}
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", which)

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
            answer = self._session.get(f"http://127.0.0.1:{self._port}/auth/token", timeout=10)
            if answer.ok:
                self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                return True
        return False

    def _call(self, method: str, path: str, body: dict) -> dict:
        return self._send(method, path, body).json()

    def _send(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        url = f"http://127.0.0.1:{self._port}/api/v2{path}"
        for _ in range(TRIES):
            # On SQLite the API server does not get far with several at a time.
            with self._turn:
                answer = self._session.request(method, url, json=body, timeout=60)
            if answer.status_code != requests.codes.server_error:
                break
            time.sleep(0.5)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    @contextmanager
    def _component(self, name: str, *options: str):
        command = [BIN / "airflow", name, *options]
        environment = dict(self._environment)
        if name == "api-server":
            environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = self.database.url_of_api_server
        with process(command, self.home / f"{name}.log", env=environment) as started:
            self._pids[name] = started.pid
            yield

    def _make_environment(self, dags: Path, own: dict) -> dict[str, str]:
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
        }


@contextmanager
def airflow(*, keep: bool = False, database: type[Postgres | Sqlite] = Postgres, dags: Path = DAGS, **settings: str):
    """Start everything, yield the Airflow and stop everything.

    :param keep: Whether the folder with logs and database stays.
    :param database: What Airflow keeps its data in.
    :param dags: The folder of DAGs.
    :param settings: As for :class:`Airflow`.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="airflow-wisdom-e2e-"))
        folder.chmod(0o755)
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in ("database", "airflow"):
            (folder / name).mkdir()
        data = database(folder / "database")
        data.start(stack)
        real = Airflow(folder / "airflow", data, _fake_service(stack, folder), dags, settings)
        real.start(stack)
        yield real


@contextmanager
def process(command: list, log: Path, *, stop: signal.Signals = signal.SIGTERM, **how):
    """Run a process, and end it with all that it has started, whatever happens in the block."""
    with log.open("a") as output:
        # A group of its own: Ctrl-C reaches this process alone, which then stops the others in order.
        started = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            **how,
        )
    try:
        with _guard(started.pid):
            try:
                yield started
            finally:
                _end(started, stop)
    finally:
        started.wait()


@contextmanager
def _guard(session: int):
    """Kill what is left of a session after the block, also should this process die in it."""
    command = [sys.executable, "-I", "-S", Path(__file__).with_name("guard.py"), str(session)]
    # Of its own, so that Ctrl-C does not reach it.
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


def _end(started: subprocess.Popen, stop: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(started.pid, stop)
    with suppress(subprocess.TimeoutExpired):
        started.wait(timeout=20)


def _fake_service(stack: ExitStack, folder: Path) -> str:
    log = folder / "service.log"
    command = [sys.executable, "-m", "airflow_wisdom.testing.server", "--port", "0"]
    stack.enter_context(process(command, log))
    until(lambda: "http" in log.read_text(), 60, "the fake service to listen")
    return log.read_text().split()[-1]


def _postgres_binaries() -> Path:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    if not candidates and not on_path:
        sys.exit("PostgreSQL's server is needed: on Debian, apt-get install postgresql")
    return candidates[-1] if candidates else Path(on_path).parent


def _group(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(condition, seconds: float, what: str, every: float = 0.25):
    """Wait until the condition holds, and return what it says."""
    ends = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > ends:
            raise TimeoutError(f"Waited {seconds:.0f} s for {what}, in vain")
        time.sleep(every)
    return answer
