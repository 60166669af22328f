"""What an Airflow keeps its data in: PostgreSQL, SQLite and Redis, of its own, in a temporary folder, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rigs.processes import Component, free_port, until

if TYPE_CHECKING:
    from contextlib import ExitStack


class Postgres:
    """A database server.

    :param folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = self.url_of_api_server = f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/postgres"
        # It refuses to run as root.
        self._user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        self._binaries = debian("postgresql", _postgres_binaries)
        data = str(folder / "data")
        settings = ["fsync=off", "max_connections=300", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}"]
        options = [part for setting in settings for part in ("-c", setting)]
        server = [self._binaries / "postgres", "-D", data, "-p", str(self.port), *options]
        # SIGINT ends it without waiting for its clients.
        self.server = Component("postgres", server, folder / "log", stop=signal.SIGINT, **self._user)

    def start(self, stack: ExitStack) -> None:
        if self._user:
            shutil.chown(self.folder, "postgres", "postgres")
        data = str(self.folder / "data")
        flags = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "-D", data]
        initdb = [self._binaries / "initdb", *flags]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._user)
        stack.callback(self.server.stop)
        self.server.start()
        self.until_it_answers()

    def until_it_answers(self) -> None:
        until(self._answers, 60, "PostgreSQL to answer")

    def _answers(self) -> bool:
        import psycopg2

        with suppress(psycopg2.OperationalError):
            return self.query("select 1") == [(1,)]
        return False

    def query(self, sql: str, *values: object) -> list[tuple]:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall()

    def dump(self) -> subprocess.Popen:
        """Begin to write the whole database as text, to the standard output."""
        command = [self._binaries / "pg_dump", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def values(self):
        """Yield ``table.column`` and value for every text and every blob there is."""
        tables = self.query("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in tables:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                cursor.execute(f"select * from {table}")
                columns = [column.name for column in cursor.description]
                for row in cursor:
                    yield from _texts(table, zip(columns, row, strict=True))

    def _connect(self):
        import psycopg2

        return psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres")


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

    def values(self):
        """Yield ``table.column`` and value for every text and every blob there is."""
        with closing(sqlite3.connect(self.path, timeout=60)) as connection:
            tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
            for table in tables:
                rows = connection.execute(f'select * from "{table}"')
                columns = [column for column, *_ in rows.description]
                for row in rows:
                    yield from _texts(table, zip(columns, row, strict=True))


class Redis:
    """Celery's broker, which writes each command that it is given to a file.

    :param folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        settings = ["--port", self.port, "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", ""]
        program = debian("redis-server", lambda: shutil.which("redis-server"))
        self.server = Component("redis", [program, *settings], folder / "log")

    def start(self, stack: ExitStack) -> None:
        stack.callback(self.server.stop)
        self.server.start()
        until(lambda: "Ready to accept connections" in (self.folder / "log").read_text(), 60, "Redis to be ready")


def _texts(table: str, values):
    """Yield what could hold a secret, as bytes."""
    for column, value in values:
        if isinstance(value, (bytes, memoryview)):
            yield f"{table}.{column}", bytes(value)
        elif isinstance(value, (str, dict, list)):
            yield f"{table}.{column}", str(value).encode()


def debian(package: str, find):
    """Return what is found of a package of Debian, which is installed if it is missing."""
    found = find()
    if not found:
        _install(package)
        found = find() or sys.exit(f"Debian's package {package} was installed, but is not where it should be")
    return found


def _install(package: str) -> None:
    by_hand = f"{package} is needed, and could not be installed: on Debian, apt-get install {package}"
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(by_hand)
    print(f"Installing Debian's package {package}", flush=True)  # noqa: T201
    # Somebody else may be installing something.
    get = ["apt-get", "--option", "DPkg::Lock::Timeout=300"]
    commands = [*get, "update"], [*get, "install", "--yes", "--no-install-recommends", package]
    for command in commands:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    if done.returncode:
        sys.exit(f"{done.stdout[-1000:]}\n{by_hand}")


def _postgres_binaries() -> Path | None:
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if candidates:
        return candidates[-1].parent
    return Path(on_path).parent if on_path else None
