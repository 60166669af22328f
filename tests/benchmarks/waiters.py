"""Waits for the jobs of a workload with one trigger each, in one event loop, as a triggerer does; prints what it cost.

Usage: ``python waiters.py ours|peer WORKLOAD_JSON PORT [--cold]``
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from array import array
from importlib import import_module
from operator import sub
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from workload import Job

TICK = 0.005
TICKS_PER_SAMPLE = 10
SHORTEST_COLLECTION = 0.001

PRELOADED = {
    "ours": ("airflow_wisdom.triggers", "airflow_wisdom.watcher", "airflow_wisdom.hooks.wisdom", "boto3"),
    "peer": ("peer", "boto3", "aiobotocore.session", "aiobotocore.waiter"),
}
"""What is imported before anything is measured: imports cost a triggerer once, however many jobs there are."""


def make_ours(job: Job) -> Any:
    trigger = import_module("airflow_wisdom.triggers").WisdomJobsCompleteTrigger
    return trigger(knowledge_base_id=job.knowledge_base_id, import_job_ids=[job.id])


def make_peer(job: Job) -> Any:
    return import_module("peer").PeerTrigger(knowledge_base_id=job.knowledge_base_id, import_job_id=job.id)


class Monitor:
    """Watches the event loop from within, the garbage collector, and the memory of the process."""

    def __init__(self) -> None:
        # Arrays, because a measurement must not fill the garbage collector's lists itself.
        self._due, self._woken = array("d"), array("d")
        self._collections: list[tuple[float, float]] = []
        self._collecting_since = 0.0
        self._statm = os.open("/proc/self/statm", os.O_RDONLY)
        self.peak_memory = self.memory_before = self._resident_bytes()
        gc.callbacks.append(self._note_collection)

    async def run(self) -> None:
        """Sleep again and again; what a sleep takes too long is a stall."""
        while True:
            for _ in range(TICKS_PER_SAMPLE):
                due = time.perf_counter() + TICK
                await asyncio.sleep(TICK)
                self._due.append(due)
                self._woken.append(time.perf_counter())
            self.peak_memory = max(self.peak_memory, self._resident_bytes())

    def largest_stall(self) -> float:
        """Return the largest stall, in seconds."""
        return max(map(sub, self._woken, self._due))

    def largest_stall_without_gc(self) -> float:
        """Return the largest stall if no garbage had been collected."""
        return max(map(self._without_gc, self._due, self._woken))

    def _without_gc(self, begin: float, end: float) -> float:
        stall = end - begin
        return stall if stall < TICK else stall - self._collecting(begin, end)

    def _collecting(self, begin: float, end: float) -> float:
        return sum(max(0.0, min(end, until) - max(begin, since)) for since, until in self._collections)

    def _note_collection(self, phase: str, _info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting_since = now
        elif now - self._collecting_since > SHORTEST_COLLECTION:
            self._collections.append((self._collecting_since, now))

    def _resident_bytes(self) -> int:
        return int(os.pread(self._statm, 200, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")


def collect() -> float:
    """Collect all garbage, and return the seconds that it takes when there is none."""
    gc.collect()
    before = time.perf_counter()
    gc.collect()
    return time.perf_counter() - before


async def fire(trigger: Any) -> tuple[float, Any]:
    """Return when a trigger fired, and its event's payload."""
    events = [(time.time(), event.payload) async for event in trigger.run()]
    return events[0]


async def fire_all(make: Callable[[Job], Any], jobs: list[Job]) -> list[tuple[float, Any]]:
    tasks = []
    for job in jobs:
        tasks.append(asyncio.create_task(fire(make(job))))
        # As the triggerer does between two triggers.
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks)


async def measure(side: str, workload: Workload, port: int) -> dict[str, Any]:
    jobs = workload.running
    collection = collect()
    monitor = Monitor()
    watching = asyncio.create_task(monitor.run())
    await asyncio.sleep(2 * TICK)
    started, cpu = start_clock(port), time.process_time()
    events = await fire_all({"ours": make_ours, "peer": make_peer}[side], jobs)
    cpu, finished = time.process_time() - cpu, time.time()
    # One more sample, and the stall in which the last trigger fired.
    await asyncio.sleep(2 * TICKS_PER_SAMPLE * TICK)
    watching.cancel()
    delays = sorted(at - started - job.duration for job, (at, _) in zip(jobs, events, strict=True))
    return {
        "cpu_seconds": cpu,
        "wall_seconds": finished - started,
        "largest_stall_seconds": monitor.largest_stall(),
        "largest_stall_without_gc_seconds": monitor.largest_stall_without_gc(),
        "collection_before_seconds": collection,
        "memory_bytes": monitor.peak_memory - monitor.memory_before,
        "memory_per_trigger_bytes": (monitor.peak_memory - monitor.memory_before) / len(jobs),
        "noticed": sum(payload["status"] == "success" for _, payload in events),
        "delay_percentiles_seconds": [delays[round(percent / 100 * (len(delays) - 1))] for percent in range(101)],
    }


def start_clock(port: int) -> float:
    with urlopen(f"http://127.0.0.1:{port}/bench/start") as answer:
        return json.load(answer)["started"]


def main() -> None:
    side, workload, port, *options = sys.argv[1:]
    if "--cold" not in options:
        for module in PRELOADED[side]:
            import_module(module)
    elif side == "ours":
        import_module("airflow_wisdom.triggers")
    result = asyncio.run(measure(side, Workload.from_json(workload), int(port)))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
