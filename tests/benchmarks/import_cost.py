"""What it costs to parse a DAG that uses a module, beyond what Airflow itself costs."""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from measurement import environment

KINDS = ("operators", "sensors", "triggers", "hooks")
OURS = {kind: f"airflow_wisdom.{kind}" for kind in KINDS} | {"hooks": "airflow_wisdom.hooks.wisdom"}
PEER = {kind: [f"airflow.providers.amazon.aws.{kind}.{service}" for service in ("glue", "bedrock")] for kind in KINDS}

_CHILD = """
import airflow.sdk
from airflow.sdk import BaseOperator
import importlib, json, sys, time
modules, cpu, wall = len(sys.modules), time.process_time(), time.perf_counter()
importlib.import_module(sys.argv[1])
cost = {
    "wall_ms": 1000 * (time.perf_counter() - wall),
    "cpu_ms": 1000 * (time.process_time() - cpu),
    "modules": len(sys.modules) - modules,
}
print(json.dumps(cost))
"""


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Return by module the median of its costs; each time in a process of its own."""
    modules = [module for kind in KINDS for module in (OURS[kind], *PEER[kind])]
    with TemporaryDirectory(prefix="airflow-bench-") as home:
        # The first round writes the bytecode, and is forgotten.
        rounds = [{module: _import(module, home) for module in modules} for _ in range(repeats + 1)][1:]
    return {
        module: {cost: median(one[module][cost] for one in rounds) for cost in rounds[0][module]} for module in modules
    }


def ratio(costs: dict[str, dict[str, float]], kind: str) -> float:
    """Return the cost of our module of this kind as a share of the peer's cheapest, in CPU time."""
    return costs[OURS[kind]]["cpu_ms"] / min(costs[module]["cpu_ms"] for module in PEER[kind])


def _import(module: str, home: str) -> dict[str, Any]:
    command = [sys.executable, "-c", _CHILD, module]
    # Elsewhere than in the checkout, whose package would be found before any other is looked for.
    result = subprocess.run(command, cwd=home, env=environment(home), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])
