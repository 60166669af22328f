"""`make playground`: what it starts ends with it, and what it prepares is what the examples ask for."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import pytest
from rigs.processes import until

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "playground" / "run.py"
EXAMPLES = sorted(path for path in (ROOT / "dags_examples").glob("*.py") if path.name != "demo.py")


def parents():
    """The parent of each process that there is, but for those that have ended."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, *_ = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if state != "Z":
            yield int(entry.parent.name), int(parent)


def descendants(pid):
    children = [child for child, parent in parents() if parent == pid]
    return {each for child in children for each in (child, *descendants(child))}


@pytest.mark.skipif(sys.platform != "linux", reason="Processes are looked up in /proc")
@pytest.mark.airflow("3.3", because="the playground is run of the newest alone")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_playground_leaves_no_process(tmp_path, number):
    """Here while Airflow starts: the rig's own test has whole trees of processes."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, SCRIPT], stdout=subprocess.PIPE, text=True, env=environment) as playground:
        assert "Airflow starts" in playground.stdout.readline()
        until(
            lambda: len(descendants(playground.pid)) >= 4,
            60,
            "the fake service, a command of Airflow, and their guards",
        )
        started = descendants(playground.pid)
        os.kill(playground.pid, number)
        until(lambda: started.isdisjoint(dict(parents())), 60, "all processes to end")
        said, _ = playground.communicate()
    if number != signal.SIGKILL:
        assert "Everything that was started has been stopped" in said
        assert playground.returncode == 0
        assert list(tmp_path.iterdir()) == []


@pytest.fixture
def playground(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = spec_from_file_location("playground", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_finds_what_it_says_it_needs(playground, fake_wisdom_over_http, tmp_path):
    airflow = SimpleNamespace(home=tmp_path, extra={}, connections=[])
    airflow.set_extra = lambda _, **members: airflow.extra.update(members)
    airflow.add_connection = lambda connection: airflow.connections.append(connection["connection_id"])
    service = playground.Service(print)
    variables = service.prepare(fake_wisdom_over_http.endpoint_url)
    service.connect(airflow)
    for path in EXAMPLES:
        text = path.read_text()
        needed = text.partition("What it needs: ")[2].partition('"""')[0]
        assert needed, path.name
        extra = re.search(r"::\n\n((?: {4}.*\n)+)", needed)
        asked = json.loads(extra[1]).keys() if extra else set()
        assert asked - {"region_name"} <= airflow.extra.keys(), path.name
        assert set(re.findall(r"""extra_dejson(?:\.get\(["']|\.|\[["'])(\w+)""", text)) <= asked | {"knowledge_base_id"}
        assert set(re.findall(r'environ\.get\(\s*"(\w+)"', text)) <= variables.keys()
        assert set(re.findall(r'Param\("(answers)"', text)) <= set(airflow.connections)


def test_after_a_new_start_the_same_rows_are_imported_again(playground, fake_wisdom_over_http, monkeypatch):
    fake = fake_wisdom_over_http
    playground.Service(print).prepare(fake.endpoint_url)
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    connection["extra"]["bucket"] = playground.BUCKET
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    s3 = fake.client("s3")
    s3.delete_object(Bucket=playground.BUCKET, Key="incoming/branch.csv")
    bases = fake.client().list_knowledge_bases()["knowledgeBaseSummaries"]

    def quick_responses():
        return [one for base in bases for one in fake.quick_responses(base["knowledgeBaseId"])]

    assert quick_responses() != []
    monkeypatch.syspath_prepend(str(SCRIPT.parent / "dags"))
    from start_over import dag

    dag.get_task("delete_quick_responses").python_callable()
    dag.get_task("drop_the_sample").python_callable(bucket=playground.BUCKET)
    assert quick_responses() == []
    assert s3.head_object(Bucket=playground.BUCKET, Key="incoming/branch.csv")
