"""Runs the benchmarks, prints what they found, and writes it to `build/benchmarks`.

Fails only if a benchmark could not be run. A target that is missed is printed: a busy machine misses some.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cadence_simulation
import import_cost
import large
import plots
import report
import syncing
from measurement import measure
from workload import Workload

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "benchmarks"
RESULTS = OUTPUT / "results.json"
DOCS_IMAGES = ROOT / "docs" / "images"
DOCS_PAGE = ROOT / "docs" / "performance.md"

DISTRIBUTIONS = ("apache-airflow", "apache-airflow-providers-amazon", "aiobotocore", "boto3")

LONGER = {"shortest": 40.0, "longest": 60.0}
SCENARIOS: list[tuple[str, list[str], Workload, list[str]]] = [
    ("100 jobs", ["peer", "ours"], Workload(100), []),
    ("500 jobs", ["peer", "ours"], Workload(500), []),
    ("500 jobs, longer", ["peer", "ours"], Workload(500, **LONGER), []),
    ("500 jobs, nothing imported yet", ["ours"], Workload(500), ["--cold"]),
    ("500 jobs, after 3,000 old ones", ["ours"], Workload(500, history=600, oldest_first=True), []),
    ("5,000 jobs", ["ours"], Workload(5_000, knowledge_bases=10, shortest=30.0, longest=90.0), []),
    (
        "10,000 jobs, throttled above 10/s",
        ["ours"],
        Workload(10_000, knowledge_bases=20, shortest=60.0, longest=180.0, throttle=10.0),
        [],
    ),
]
QUICK = ("100 jobs", "500 jobs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only 100 and 500 jobs, and one sync")
    parser.add_argument("--imports", action="store_true", help="only large sources; the rest as it was last measured")
    parser.add_argument("--sync", action="store_true", help="only syncs; the rest as it was last measured")
    parser.add_argument("--again", action="store_true", help="measure nothing, show what the last run found")
    parser.add_argument("--docs", action="store_true", help="bring the results into the docs")
    options = parser.parse_args()
    if not options.again:
        measure_all(quick=options.quick, only=[name for name in ("imports", "sync") if getattr(options, name)])
    results = json.loads(RESULTS.read_text())
    tables = report.tables(results)
    say("\n\n".join(tables.values()))
    drawn = plots.draw(results, OUTPUT) if "waiting" in results else []
    if options.docs:
        update_docs(tables, drawn)


def measure_all(*, quick: bool, only: list[str]) -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if only and RESULTS.exists() else {}
    if not only or "imports" in only:
        results["large"] = measure_large(quick=quick)
    if not only or "sync" in only:
        results["sync"] = measure_syncs(quick=quick)
    if not only:
        results |= {"machine": describe_machine(), "cadence": cadence_simulation.simulate()}
        results["waiting"] = list(measure_waiting(quick=quick))
        say("Imports ...")
        results["import_cost"] = import_cost.measure(repeats=3 if quick else 7)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    say(f"Written to {RESULTS.relative_to(ROOT)}\n")


def measure_syncs(*, quick: bool) -> dict[str, Any]:
    runs = []
    for scenario in syncing.SCENARIOS[:1] if quick else syncing.SCENARIOS:
        for side in syncing.SIDES:
            say(f"Sync of {syncing.ROWS} rows, {scenario.name}: {side} ...")
            runs.append(syncing.measure(scenario, side) | {"load": os.getloadavg()[0]})
    return {"machine": describe_machine(), "runs": runs}


def measure_large(*, quick: bool) -> dict[str, Any]:
    say("Large sources ...")
    importing = list(large.measure_importing())
    say("Reading ...")
    reading = large.measure_reading(rounds=5 if quick else 15)
    say("Uploads ...")
    upload = large.measure_upload(rounds=9 if quick else 41)
    found = {"importing": importing, "reading": reading, "upload": upload}
    return {"machine": describe_machine(), "load": os.getloadavg()[0]} | found


def describe_machine() -> dict[str, Any]:
    models = [line.split(": ")[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in DISTRIBUTIONS},
    }


def measure_waiting(*, quick: bool) -> Any:
    for name, sides, workload, options in SCENARIOS:
        if quick and name not in QUICK:
            continue
        for side in sides:
            say(f"{name}: {side} ...")
            result = measure(side, workload, *options)
            # The load tells, afterwards, whether the machine was busy with something else.
            yield {"scenario": name, "side": side, "jobs": workload.jobs, "load": os.getloadavg()[0]} | result


def update_docs(tables: dict[str, str], drawn: list[Path]) -> None:
    """Put the plots beside the page, and the tables between its marks."""
    DOCS_IMAGES.mkdir(exist_ok=True)
    for plot in drawn:
        shutil.copy(plot, DOCS_IMAGES)
    page = DOCS_PAGE.read_text()
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, rest = page.split(begin)
        _, after = rest.split(end)
        page = f"{before}{begin}\n{table}\n\n{end}{after}"
    DOCS_PAGE.write_text(page)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
