"""Waits until its input ends, as it does however its parent ends, and kills every process of a session."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def members(session: int) -> list[int]:
    """Return the processes of a session: Airflow puts each task into a process group of its own, but not further."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if _session(pid) == session]


def _session(pid: int) -> int | None:
    """Return the session of a process that runs: one that has ended stays listed until its parent asks how."""
    with suppress(OSError):
        # Its name comes first, in brackets, and may hold anything.
        state, _parent, _group, session, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else int(session)
    return None


if __name__ == "__main__":
    sys.stdin.read()
    # What one of them starts meanwhile is killed in the next round.
    while left := members(int(sys.argv[1])):
        for pid in left:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
