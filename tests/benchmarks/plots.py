"""The plots for the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from pathlib import Path

OURS, PEER = "#0b7285", "#c92a2a"
NAMES = {"peer": "amazon provider's pattern", "ours": "airflow-wisdom"}
CADENCE_COLOURS = {"growing": OURS, "every 5 s": "#e67700", "every 30 s": "#868e96", "every 60 s": "#343a40"}

BY_JOBS = ("100 jobs", "500 jobs", "5,000 jobs", "10,000 jobs, throttled above 10/s")
"""The scenarios that differ in nothing but their size, as far as they can."""

PANELS = {
    "CPU, s": lambda it: it["cpu_seconds"],
    "largest stall, ms": lambda it: 1000 * it["largest_stall_seconds"],
    "memory per trigger, KiB": lambda it: it["memory_per_trigger_bytes"] / 1024,
    "calls": lambda it: it["calls"],
    "peak calls per second": lambda it: it["peak_calls_per_second"],
    "median delay, s": lambda it: it["delay_percentiles_seconds"][50],
}


def draw(results: dict[str, Any], folder: Path) -> list[Path]:
    """Draw all plots as SVG and return their paths."""
    # Text stays text, and the same results give the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "airflow-wisdom", "font.size": 9})
    figures = {
        "performance-waiting": _waiting(results["waiting"]),
        "performance-delay": _delay(results["waiting"]),
        "performance-cadence": _cadence(results["cadence"]),
    }
    return [_save(figure, folder / f"{name}.svg") for name, figure in figures.items()]


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    plt.close(figure)
    return path


def _waiting(waiting: list[dict[str, Any]]) -> Any:
    shown = [it for it in waiting if it["scenario"] in BY_JOBS]
    labels = [f"{it['jobs']:,}" for it in shown]
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
    for axis, (title, value) in zip(axes.flat, PANELS.items(), strict=True):
        bars = axis.bar(range(len(shown)), list(map(value, shown)), color=[_colour(it["side"]) for it in shown])
        axis.bar_label(bars, fmt=_short, fontsize=8)
        axis.set(title=title, yscale="log")
        axis.set_xticks(range(len(shown)), labels, fontsize=7)
        axis.minorticks_off()
        axis.margins(y=0.15)
    axes[1][1].set_xlabel("jobs waited for at once")
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (PEER, OURS)]
    figure.legend(handles, NAMES.values(), loc="outside upper center", ncols=2)
    return figure


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _colour(side: str) -> str:
    return OURS if side == "ours" else PEER


def _delay(waiting: list[dict[str, Any]]) -> Any:
    scenarios = [name for name in ("500 jobs", "500 jobs, longer") if any(it["scenario"] == name for it in waiting)]
    figure, axes = plt.subplots(
        1, len(scenarios), figsize=(4.5 * len(scenarios), 3), layout="constrained", squeeze=False
    )
    for axis, name in zip(axes.flat, scenarios, strict=True):
        for it in (it for it in waiting if it["scenario"] == name):
            axis.plot(it["delay_percentiles_seconds"], range(101), color=_colour(it["side"]), label=NAMES[it["side"]])
        axis.set(title=name, xlabel="delay in noticing a job's end, s", ylabel="% of jobs", xlim=(0, None))
        axis.legend()
        axis.grid(alpha=0.3)
    return figure


def _cadence(simulated: list[dict[str, Any]]) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, member, title in (
        (axes[0], "delay_seconds", "mean delay, s"),
        (axes[1], "calls", "mean number of calls"),
    ):
        for name, colour in CADENCE_COLOURS.items():
            of_name = [it for it in simulated if it["cadence"] == name]
            durations = [it["duration_seconds"] for it in of_name]
            axis.plot(durations, [it[member] for it in of_name], "o-", ms=3, color=colour, label=name)
        axis.set(title=title, xlabel="the job runs for, s", xscale="log", yscale="log")
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter("{x:,g}")
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure
