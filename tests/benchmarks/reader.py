"""Reads and checks one CSV, and reads it with the csv module alone, in turn, and prints how long each took.

Usage: ``python reader.py FILE ROUNDS``
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from airflow_wisdom.rows import DEFAULT_TEMPLATE, Rules, Validator, prepare, read

if TYPE_CHECKING:
    from collections.abc import Callable


def peer(path: str) -> int:
    """Read the rows as a script would: a dict for each."""
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        return sum(1 for row in rows if dict(zip(header, row, strict=True)))


def reading(path: str) -> int:
    """Read the rows."""
    with Path(path).open("rb") as file:
        return sum(1 for _ in read(file, name=path).rows)


def preparing(path: str) -> int:
    """Read the rows, check them and write the import files."""
    with Path(path).open("rb") as file, TemporaryDirectory() as folder, Validator(DEFAULT_TEMPLATE, Rules({})) as judge:
        return prepare(read(file, name=path, knows=judge.knows), judge, Path(folder)).rows_valid


def seconds(work: Callable[[str], int], path: str, rows: int) -> float:
    """Return the CPU time of some work, and fail if it does not find all rows."""
    started = time.process_time()
    found = work(path)
    if found != rows:
        raise SystemExit(f"{work.__name__} found {found} rows of {rows}")
    return time.process_time() - started


def main() -> None:
    path, rounds = sys.argv[1], int(sys.argv[2])
    rows = peer(path)
    works = (peer, reading, preparing)
    # The first round loads what is loaded once, and is forgotten.
    times = [[seconds(work, path, rows) for work in works] for _ in range(rounds + 1)][1:]
    by_work = {work.__name__: taken for work, taken in zip(works, zip(*times, strict=True), strict=True)}
    sys.stdout.write(json.dumps({"rows": rows, "cpu_seconds": by_work}) + "\n")


if __name__ == "__main__":
    main()
