"""As much of an Airflow worker as the operators use, and what a task costs it."""

from __future__ import annotations

import gc
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class TaskInstance:
    """As much of a task instance as the operators use."""

    dag_id, run_id, task_id, map_index, try_number = "dag", "run", "task", -1, 1

    def xcom_push(self, key: str, value: Any) -> None:
        """Take what goes to XCom, as JSON."""
        json.dumps({key: value})


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Give what the block costs this process; the numbers are there when the block has ended."""
    gc.collect()
    cost: dict[str, float] = {"idle_bytes": _memory("VmRSS")}
    # The kernel begins again to note the peak.
    Path("/proc/self/clear_refs").write_text("5")
    started, cpu = time.perf_counter(), time.process_time()
    yield cost
    cost |= {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "growth_bytes": _memory("VmHWM") - cost["idle_bytes"],
    }


def _memory(name: str) -> int:
    """Return a line of the kernel's account of this process's memory, in bytes."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(lines[name].split()[0])
