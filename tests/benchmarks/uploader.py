"""Uploads one file with the hook and with curl, in turn, and prints how long each took.

Usage: ``python uploader.py FILE PORT ROUNDS``
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from airflow_wisdom.hooks import WisdomHook

KNOWLEDGE_BASE = "00000000-0000-4000-8000-000000000000"
MAX_BYTES = 1_000_000_000


def with_hook(hook: WisdomHook, path: str) -> float:
    """Return the seconds of an upload, asking for the URL included."""
    started = time.perf_counter()
    hook.upload(KNOWLEDGE_BASE, path, max_bytes=MAX_BYTES)
    return time.perf_counter() - started


def with_curl(port: int, path: str) -> float:
    """Return the seconds by curl's own clock, which begins after the program was loaded; it need not ask first."""
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--header", "Expect:"]
    command += ["--output", "/dev/null", "--write-out", "%{time_total}", "--upload-file", path]
    url = f"http://127.0.0.1:{port}/uploads/curl"
    return float(subprocess.run([*command, url], stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    path, port, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    hook = WisdomHook()
    # The first round loads what is loaded once, and is forgotten.
    times = [(with_hook(hook, path), with_curl(port, path)) for _ in range(rounds + 1)][1:]
    ours, curl = zip(*times, strict=True)
    sys.stdout.write(json.dumps({"ours_seconds": ours, "curl_seconds": curl}) + "\n")


if __name__ == "__main__":
    main()
