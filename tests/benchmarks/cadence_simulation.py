"""What the cadence costs and how late it is, against fixed intervals: simulated, without a clock or a service."""

from __future__ import annotations

import random
from statistics import mean
from typing import Any

from airflow_wisdom.cadence import Cadence


def _every(seconds: float) -> Cadence:
    return Cadence(floor=seconds, ceiling=seconds, jitter=0.0)


CADENCES = {
    "growing": Cadence(),
    "every 5 s": _every(5),
    "every 30 s": _every(30),
    "every 60 s": _every(60),
}
DURATIONS = (2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
TRIALS = 500


def simulate() -> list[dict[str, Any]]:
    """Return, for each cadence and duration, the mean delay in noticing the job's end and the mean number of calls."""
    random.seed(0)
    return [
        {"cadence": name, "duration_seconds": duration} | _averages(cadence, duration)
        for name, cadence in CADENCES.items()
        for duration in DURATIONS
    ]


def _averages(cadence: Cadence, duration: float) -> dict[str, float]:
    # Durations around the one asked for, so that none happens to be a multiple of an interval.
    trials = [_wait(cadence, duration * random.uniform(0.8, 1.25)) for _ in range(TRIALS)]
    return {
        "delay_seconds": mean(delay for delay, _ in trials),
        "calls": mean(calls for _, calls in trials),
    }


def _wait(cadence: Cadence, duration: float) -> tuple[float, int]:
    """Return the delay and the number of calls for one job, looked at as soon as it is started."""
    age, calls = 0.0, 1
    while age < duration:
        age += cadence.interval(age)
        calls += 1
    return age - duration, calls
