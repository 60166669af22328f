"""Large sources: what memory an import of one takes, and how fast one is read and uploaded."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from measurement import HERE, environment, run_script, url_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1_000_000
SOURCE_BYTES = 200 * MB
UPLOAD_BYTES = 100 * MB
READ_BYTES = 20 * MB
CONTENT = ("Thank you for your patience. I have looked into your order, and this is what I found: " * 12)[:1000]
KINDS = {"file": "a local CSV", "s3": "a CSV on Amazon S3", "sql": "a query on SQLite"}


def measure_importing() -> Iterator[dict[str, Any]]:
    """Import a source of 200 MB from each kind of place, each in a process of its own."""
    with TemporaryDirectory(prefix="airflow-bench-") as folder:
        source, database = Path(folder, "source.csv"), Path(folder, "answers.db")
        rows = write_csv(source)
        write_database(database, rows)
        for kind, name in KINDS.items():
            where = {"file": str(source), "s3": "s3://bucket/source.csv", "sql": ""}[kind]
            with sink(source) as port:
                result = run_child("importer.py", folder, port, kind, where, database=database)
            yield {"source": name, "bytes": source.stat().st_size} | result


def measure_upload(rounds: int) -> dict[str, Any]:
    """Upload 100 MB with the hook and with curl, in turn."""
    with TemporaryDirectory(prefix="airflow-bench-") as folder:
        file = Path(folder, "upload.csv")
        file.write_bytes(b"x" * UPLOAD_BYTES)
        with sink() as port:
            result = run_child("uploader.py", folder, port, str(file), str(port), str(rounds))
    return {"bytes": UPLOAD_BYTES} | result


def measure_reading(rounds: int) -> dict[str, Any]:
    """Read and check a CSV, and read it with the csv module, in turn."""
    with TemporaryDirectory(prefix="airflow-bench-") as folder:
        source = Path(folder, "source.csv")
        write_csv(source, READ_BYTES)
        result = run_child("reader.py", folder, 0, str(source), str(rounds))
        return {"bytes": source.stat().st_size} | result


def rate(upload: dict[str, Any], side: str) -> float:
    """Return the bytes a second of the median round."""
    return upload["bytes"] / median(upload[f"{side}_seconds"])


def write_csv(path: Path, size: int = SOURCE_BYTES) -> int:
    """Write valid rows until the file is large enough, and return how many there are."""
    number = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "Content"])
        while file.tell() < size:
            for _ in range(1_000):
                number += 1
                writer.writerow([f"Answer {number}", CONTENT])
    return number


def write_database(path: Path, rows: int) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE answers (id INTEGER PRIMARY KEY, name TEXT, content TEXT)")
        numbers = range(1, rows + 1)
        database.executemany("INSERT INTO answers VALUES (?, ?, ?)", ((n, f"Answer {n}", CONTENT) for n in numbers))
        database.commit()


@contextmanager
def sink(*arguments: object) -> Iterator[int]:
    """Run what takes the uploads, and give its port."""
    command = [sys.executable, HERE / "sink.py", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield int(process.stdout.readline())
        process.stdin.close()


def run_child(script: str, home: str, port: int, *arguments: str, database: Path | None = None) -> dict[str, Any]:
    own = {
        "AIRFLOW__WISDOM__CALLS_PER_SECOND": "1000",
        "AIRFLOW_CONN_ANSWERS": json.dumps({"conn_type": "sqlite", "host": str(database)}),
        # The source is split in there.
        "TMPDIR": home,
    }
    return run_script(script, *arguments, environment=environment(home, url_of(port)) | own)
