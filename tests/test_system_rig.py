"""The rig of `make system`: what it starts ends with it, and its mutations still fit the product."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from rigs import processes
from rigs.processes import Component, until

TESTS = Path(__file__).parent
sys.path.insert(0, str(TESTS / "system"))

from mutations import MUTATIONS  # noqa: E402 - the rig's modules are scripts
from scenarios import scenarios  # noqa: E402

# The first leaves another one behind, in a process group of its own, as Airflow's workers do.
TREE = "import subprocess, time; subprocess.Popen(['sleep', '1000'], process_group=0); time.sleep(1000)"
RIG = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from rigs.processes import Component, interruptible
interruptible()
component = Component("tree", [sys.executable, "-c", {TREE!r}], Path(sys.argv[1]))
try:
    component.start()
    while len(component.pids()) < 2:
        time.sleep(0.05)
    print(*component.pids(), flush=True)
    time.sleep(1000)
except KeyboardInterrupt:
    component.stop()
"""

DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(1000)
"""


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="Sessions are looked up in /proc")
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Needs process_group")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_rig_ends_all_that_it_has_started(tmp_path, number):
    """Trees of processes included, and also where it is killed itself."""
    command = [sys.executable, "-c", RIG, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as rig:
        pids = [int(pid) for pid in rig.stdout.readline().split()]
        os.kill(rig.pid, number)
        until(lambda: all(map(has_ended, pids)), 60, "all processes to end")
    assert len(pids) == 2


def test_a_component_that_has_died_is_started_again(tmp_path):
    component = Component("sleep", ["sleep", "1000"], tmp_path / "log")
    component.start()
    try:
        (first,) = component.pids()
        component.kill()
        until(component.has_died, 60, "the component to die")
        component.start_again_if_it_has_died()
        (second,) = component.pids()
    finally:
        component.stop()
    assert first != second
    assert not component.has_died()


@pytest.mark.skipif(sys.platform != "linux", reason="Sessions are looked up in /proc")
def test_a_component_that_does_not_heed_its_signal_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "ORDERLY", 0.1)
    component = Component("deaf", [sys.executable, "-c", DEAF], tmp_path / "log")
    component.start()
    until((tmp_path / "log").read_text, 60, "it to be deaf")
    # In a thread, since what goes wrong here is that it never returns.
    stopping = Thread(target=component.stop, daemon=True)
    stopping.start()
    stopping.join(60)
    assert not stopping.is_alive()


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_mutation_changes_the_product_in_a_scenario_that_exists(name):
    mutation = MUTATIONS[name]
    ast.parse(mutation.broken())
    assert mutation.scenario in scenarios(Path("full"), Path("read-only"))
