"""Tables and targets, from the results of a run."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import import_cost
import large
import syncing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MS = 1000
MICROSECONDS = 1_000_000
KIB = 1024
LARGEST_STALL = 0.1

COLUMNS = {
    "CPU s": lambda it: f"{it['cpu_seconds']:.2f}",
    "stall ms": lambda it: f"{MS * it['largest_stall_seconds']:.0f}",
    "without GC ms": lambda it: f"{MS * it['largest_stall_without_gc_seconds']:.0f}",
    "KiB/trigger": lambda it: f"{it['memory_per_trigger_bytes'] / KIB:.1f}",
    "calls": lambda it: str(it["calls"]),
    "peak/s": lambda it: str(it["peak_calls_per_second"]),
    "throttled": lambda it: str(it["throttled"]),
    "delay p50 s": lambda it: f"{it['delay_percentiles_seconds'][50]:.1f}",
    "p95 s": lambda it: f"{it['delay_percentiles_seconds'][95]:.1f}",
    "noticed": lambda it: f"{it['noticed']}/{it['jobs']}",
}

MEASURES = {
    "CPU": lambda it: it["cpu_seconds"],
    "largest stall": lambda it: it["largest_stall_seconds"],
    "memory per trigger": lambda it: it["memory_per_trigger_bytes"],
    "calls": lambda it: it["calls"],
    "peak calls per second": lambda it: it["peak_calls_per_second"],
    "median delay": lambda it: it["delay_percentiles_seconds"][50],
}

SYNC_COLUMNS = {
    "calls": lambda it: f"{it['calls']:,}",
    "of which searches": lambda it: f"{it['calls_by_operation']['SearchQuickResponses']:,}",
    "throttled": lambda it: str(it["throttled"]),
    "s": lambda it: f"{it['seconds']:.1f}",
    "calls/s": lambda it: f"{_rate(it):.1f}",
    "CPU s": lambda it: f"{it['cpu_seconds']:.2f}",
    "idle MB": lambda it: f"{it['idle_bytes'] / large.MB:.0f}",
    "growth MB": lambda it: f"{it['growth_bytes'] / large.MB:.1f}",
}

SYNC_MEASURES = {
    "calls": lambda it: it["calls"],
    "time": lambda it: it["seconds"],
    "CPU": lambda it: it["cpu_seconds"],
}

AT_MOST = {"CPU": 20, "largest stall": 50, "memory per trigger": 30, "calls": 5, "median delay": 2}
"""The least factor by which ours is to be below the peer's at 500 jobs."""

READING = {
    "peer": "`csv.reader`, and a dict for each row",
    "reading": "read",
    "preparing": "read, check, and write import files",
}

IMPORTS_AT_MOST = 20
GROWTH_AT_MOST = 20
UPLOAD_AT_LEAST = 0.8
UNCHANGED_AT_MOST = 22
UNCHANGED_CALLS_AT_MOST = 40
CALLS_FOR_A_CHANGE = 2
RATE_AT_LEAST = 0.9

Columns = dict[str, "Callable[[dict[str, Any]], Any]"]
Targets = list[tuple[str, str, bool]]


def judge(results: dict[str, Any]) -> Targets:
    """Return the targets of waiting and parsing, what was measured, and whether it meets them."""
    return [*_at_500(results["waiting"]), *_at_10_000(results["waiting"]), *_imports(results["import_cost"])]


def judge_large(results: dict[str, Any]) -> Targets:
    """Return the targets of large imports, what was measured, and whether it meets them."""
    targets = [
        (
            f"{it['bytes'] / large.MB:.0f} MB from {it['source']}: memory grows by at most {GROWTH_AT_MOST} MB",
            f"{it['growth_bytes'] / large.MB:.1f} MB",
            it["growth_bytes"] <= GROWTH_AT_MOST * large.MB,
        )
        for it in results["importing"]
    ]
    share = large.rate(results["upload"], "ours") / large.rate(results["upload"], "curl")
    name = f"Upload of {results['upload']['bytes'] / large.MB:.0f} MB: at least {UPLOAD_AT_LEAST} of curl's rate"
    return [*targets, (name, f"{share:.2f}", share >= UPLOAD_AT_LEAST)]


def judge_sync(runs: list[dict[str, Any]]) -> Targets:
    """Return the targets of syncs, what was measured, and whether it meets them."""
    ours = {it["scenario"]: it for it in runs if it["side"] == "ours"}
    unchanged, changed, new = (ours.get(scenario.name) for scenario in syncing.SCENARIOS)
    return [
        *_calls_of(unchanged, _find(runs, syncing.UNCHANGED.name, "peer")),
        *(_calls_more(changed, unchanged) if changed else ()),
        *(_rate_of(new) if new else ()),
        *map(_growth_of, ours.values()),
    ]


def _calls_of(unchanged: dict[str, Any], peer: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    calls, times = unchanged["calls"], peer["calls"] / unchanged["calls"]
    yield f"{_what(unchanged)}: at most {UNCHANGED_AT_MOST} calls", str(calls), calls <= UNCHANGED_AT_MOST
    target = f"{_what(unchanged)}: calls at most 1/{UNCHANGED_CALLS_AT_MOST} of the peer's"
    yield target, f"1/{times:.1f}", times >= UNCHANGED_CALLS_AT_MOST


def _calls_more(changed: dict[str, Any], unchanged: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    more = (changed["calls"] - unchanged["calls"]) / changed["changes"]
    target = f"{_what(changed)}: at most {CALLS_FOR_A_CHANGE} calls more for each of {changed['changes']} changes"
    yield target, f"{more:.1f}", more <= CALLS_FOR_A_CHANGE


def _rate_of(new: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    share = _rate(new) / syncing.CALLS_PER_SECOND
    target = f"{_what(new)}: at least {RATE_AT_LEAST:.0%} of the budget of {syncing.CALLS_PER_SECOND} calls a second"
    yield target, f"{share:.0%}", share >= RATE_AT_LEAST
    yield f"{_what(new)}: no call throttled", f"{new['throttled']} throttled", new["throttled"] == 0


def _growth_of(it: dict[str, Any]) -> tuple[str, str, bool]:
    growth = it["growth_bytes"] / large.MB
    target = f"{_what(it)}: memory grows by at most {GROWTH_AT_MOST} MB"
    return target, f"{growth:.1f} MB", growth <= GROWTH_AT_MOST


def _what(it: dict[str, Any]) -> str:
    return f"{it['rows']} rows, {it['scenario']}"


def _rate(it: dict[str, Any]) -> float:
    """Return the calls a second over the whole task."""
    return it["calls"] / it["seconds"]


def _at_500(waiting: list[dict[str, Any]]) -> Iterator[tuple[str, str, bool]]:
    ours, peer = _find(waiting, "500 jobs", "ours"), _find(waiting, "500 jobs", "peer")
    for name, factor in AT_MOST.items():
        times = MEASURES[name](peer) / MEASURES[name](ours)
        yield f"500 jobs: {name} at most 1/{factor} of the peer's", f"1/{times:.1f}", times >= factor
    yield _stall("500 jobs", ours)


def _at_10_000(waiting: list[dict[str, Any]]) -> Iterator[tuple[str, str, bool]]:
    ours = _find(waiting, "10,000 jobs", "ours")
    if ours is None:
        return
    noticed, throttled, memory = ours["noticed"], ours["throttled"], ours["memory_per_trigger_bytes"] / KIB
    yield "10,000 jobs: every job noticed", str(noticed), noticed == ours["jobs"]
    yield "10,000 jobs: no call throttled", f"{throttled} throttled", throttled == 0
    yield _stall("10,000 jobs", ours)
    yield "10,000 jobs: memory per trigger at most 10 KiB", f"{memory:.1f} KiB", memory <= 10


def _stall(name: str, ours: dict[str, Any]) -> tuple[str, str, bool]:
    stall, without_gc = ours["largest_stall_seconds"], ours["largest_stall_without_gc_seconds"]
    measured = f"{MS * stall:.0f} ms ({MS * without_gc:.0f} ms without garbage collection)"
    return f"{name}: stall at most {MS * LARGEST_STALL:.0f} ms", measured, stall <= LARGEST_STALL


def _imports(costs: dict[str, dict[str, float]]) -> Iterator[tuple[str, str, bool]]:
    for kind in ("operators", "sensors", "triggers"):
        times = 1 / import_cost.ratio(costs, kind)
        yield f"Import of {kind} at most 1/{IMPORTS_AT_MOST} of the peer's", f"1/{times:.1f}", times >= IMPORTS_AT_MOST


def _find(waiting: list[dict[str, Any]], scenario: str, side: str) -> Any:
    """Return the measurement of a scenario, given by how its name begins; None if it was not made."""
    return next((it for it in waiting if it["scenario"].startswith(scenario) and it["side"] == side), None)


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return everything that was measured as Markdown, in parts by name."""
    parts = _tables_of_waiting(results) if "waiting" in results else {}
    parts |= _tables_of_sync(results["sync"]) if "sync" in results else {}
    return parts | (_tables_of_large(results["large"]) if "large" in results else {})


def _tables_of_waiting(results: dict[str, Any]) -> dict[str, str]:
    return {
        "machine": _machine(results["machine"], max(it["load"] for it in results["waiting"])),
        "waiting": _side_by_side(results["waiting"], COLUMNS),
        "ratios": _ratio_table(results["waiting"], MEASURES),
        "imports": _import_table(results["import_cost"]),
        "cadence": _cadence_table(results["cadence"]),
        "targets": _target_table(judge(results)),
    }


def _tables_of_sync(results: dict[str, Any]) -> dict[str, str]:
    runs = results["runs"]
    return {
        "machine of syncs": _machine(results["machine"], max(it["load"] for it in runs)),
        "syncs": _side_by_side(runs, SYNC_COLUMNS),
        "ratios of syncs": _ratio_table(runs, SYNC_MEASURES),
        "targets of syncs": _target_table(judge_sync(runs)),
    }


def _tables_of_large(results: dict[str, Any]) -> dict[str, str]:
    return {
        "machine of large imports": _machine(results["machine"], results["load"]),
        "large imports": _importing_table(results["importing"]),
        "reading": _reading_table(results["reading"]),
        "uploads": _upload_table(results["upload"]),
        "targets of large imports": _target_table(judge_large(results)),
    }


def _target_table(targets: Targets) -> str:
    rows = [[target, measured, "met" if met else "NOT met"] for target, measured, met in targets]
    return _table(["target", "measured", ""], rows)


def _importing_table(importing: list[dict[str, Any]]) -> str:
    rows = [
        [
            it["source"],
            f"{it['rows']:,}",
            f"{it['jobs']:,}",
            f"{it['seconds']:.1f}",
            f"{it['cpu_seconds']:.1f}",
            f"{it['rows'] / it['seconds']:,.0f}",
            f"{it['idle_bytes'] / large.MB:.0f}",
            f"{it['growth_bytes'] / large.MB:.1f}",
        ]
        for it in importing
    ]
    return _table(["source", "rows", "jobs", "s", "CPU s", "rows/s", "idle MB", "growth MB"], rows)


def _reading_table(reading: dict[str, Any]) -> str:
    times = {work: median(seconds) for work, seconds in reading["cpu_seconds"].items()}
    rows = [
        [name, f"{MICROSECONDS * times[work] / reading['rows']:.1f}", f"{times[work] / times['peer']:.1f}"]
        for work, name in READING.items()
    ]
    return _table(["", "CPU µs/row, median", "ratio"], rows)


def _upload_table(upload: dict[str, Any]) -> str:
    rows = []
    for side, name in (("ours", "`WisdomHook.upload`"), ("curl", "`curl -T`")):
        times = sorted(upload[f"{side}_seconds"])
        spread = f"{times[0]:.3f} to {times[-1]:.3f}"
        rows.append([name, str(len(times)), f"{large.rate(upload, side) / large.MB:.0f}", spread])
    return _table(["", "rounds", "MB/s, median", "s"], rows)


def _machine(machine: dict[str, Any], load: float) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    hardware = f"{machine['cores']} cores ({machine['cpu']}), load at most {load:.1f}"
    return f"{machine['date']}, {hardware}, Python {machine['python']}, {versions}"


def _side_by_side(runs: list[dict[str, Any]], columns: Columns) -> str:
    rows = [[it["scenario"], it["side"], *(show(it) for show in columns.values())] for it in runs]
    return _table(["scenario", "side", *columns], rows)


def _ratio_table(runs: list[dict[str, Any]], measures: Columns) -> str:
    rows = []
    for peer in (it for it in runs if it["side"] == "peer"):
        ours = next(it for it in runs if it["side"] == "ours" and it["scenario"] == peer["scenario"])
        rows.append([peer["scenario"], *(f"1/{value(peer) / value(ours):.1f}" for value in measures.values())])
    return _table(["scenario", *measures], rows)


def _import_table(costs: dict[str, dict[str, float]]) -> str:
    rows = [
        [f"`{module}`", f"{cost['wall_ms']:.1f}", f"{cost['cpu_ms']:.1f}", f"{cost['modules']:.0f}"]
        for module, cost in costs.items()
    ]
    return _table(["module", "wall ms", "CPU ms", "modules"], rows)


def _cadence_table(simulated: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(it["cadence"] for it in simulated))
    by_place = {(it["duration_seconds"], it["cadence"]): it for it in simulated}
    rows = [
        [f"{duration} s", *(_cell(by_place[duration, name]) for name in names)]
        for duration in dict.fromkeys(it["duration_seconds"] for it in simulated)
    ]
    return _table(["job runs", *names], rows)


def _cell(it: dict[str, Any]) -> str:
    return f"{it['delay_seconds']:.1f} s / {it['calls']:.0f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
