"""The example DAGs: they parse without a warning, and they run."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import aclosing, suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from running import start_job

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "dags_examples"


@pytest.fixture
def dag_files():
    return sorted(path for path in EXAMPLES.glob("*.py") if path.name != "demo.py")


@pytest.fixture
def aws(fake_wisdom_over_http, example_connection):
    return fake_wisdom_over_http


def test_airflow_parses_every_example_without_a_warning(airflow_database, dag_files):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag

    for path in dag_files:
        with warnings.catch_warnings():
            # Airflow's own warnings about its dependencies are not about this DAG.
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="(airflow|pathspec)")
            bag = DagBag(str(path))
        assert bag.import_errors == {}
        assert len(bag.dags) == 1
        assert bag.captured_warnings == {}


def test_every_operator_is_shown_by_an_example(dag_files):
    from airflow_wisdom import operators

    shown = "".join(path.read_text() for path in dag_files)
    for name in [*operators.__all__, "WisdomImportJobSensor"]:
        assert f"{name}(" in shown


@pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
@pytest.mark.parametrize("module", ["import_quick_responses", "import_job_step_by_step"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_example_runs_to_its_end(airflow_database, aws, monkeypatch, module, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    aws.import_jobs(after_calls=3)
    run = import_module(module).dag.test()
    monkeypatch.delenv("TZ")
    time.tzset()
    assert str(run.state) == "success"
    assert aws.calls()["StartImportJob"] == 1
    xcoms = {ti.task_id: ti.xcom_pull(task_ids=ti.task_id) for ti in run.get_task_instances()}
    assert xcoms["import"]["status"] == "COMPLETE"
    assert "X-Amz" not in json.dumps(xcoms)
    if module == "import_quick_responses":
        assert xcoms["report"]["rows"] == 90
        assert len(xcoms["report"]["refused"]) == 7


def demo(folder):
    """The demo as `make demo` runs it, in a checkout of its own."""
    for part in ("dags_examples", "airflow_wisdom"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return subprocess.Popen(
        [sys.executable, str(folder / "dags_examples" / "demo.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
    )


def left_behind(folder):
    """Processes that work in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if (process / "cwd").readlink() == folder:
                found.append((process / "cmdline").read_bytes())
    return found


def test_the_demo_says_what_happened(tmp_path):
    process = demo(tmp_path)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    for words in ("Status      COMPLETE", "Imported    83 of 90", "Refused     7", "Refund - to gift card"):
        assert words in said
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("pause", [0, 0.005, 0.02, 1])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path, number, pause):
    """Also when the signal comes in the very moment in which another process is being started."""
    process = demo(tmp_path)
    for line in process.stdout:
        if "Airflow starts" in line:
            break
    assert len(left_behind(tmp_path)) >= 2
    time.sleep(pause)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in said
    assert left_behind(tmp_path) == []


def test_the_example_of_a_watcher_tells_of_an_ending(fake_wisdom, monkeypatch, capsys):
    """From the trigger that Airflow would start to the line that the task prints."""
    base = fake_wisdom.create_knowledge_base()
    arn = f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{base}"
    monkeypatch.setenv("WISDOM_KNOWLEDGE_BASE", arn)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = import_module("on_import_job_ended")
    (watcher,) = example.knowledge_base.watchers
    history = start_job(fake_wisdom, base)
    fake_wisdom.import_jobs(after_calls=2)
    job = start_job(fake_wisdom, base, b"Name,Content\nOther,Another text\n")
    path, kwargs = watcher.trigger.serialize()
    assert path.endswith(type(watcher.trigger).__name__)
    trigger = type(watcher.trigger)(**json.loads(json.dumps({**kwargs, "poll_interval": 0.01})))

    async def first():
        async with aclosing(trigger.run()) as events:
            return await anext(events)

    payload = asyncio.run(first()).payload
    assert example.knowledge_base.uri == f"wisdom://123456789012/us-east-1/{base}"
    show = example.dag.get_task("show").python_callable
    event = SimpleNamespace(extra={"from_trigger": True, "payload": payload})
    assert show(triggering_asset_events={example.knowledge_base: [event]}) == [f"{job} is COMPLETE"]
    assert job in capsys.readouterr().out
    assert history not in json.dumps(payload)


@pytest.mark.parametrize("page", ["assets", "lineage"])
def test_the_code_of_a_guide_runs(page):
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), flags=re.DOTALL):
        exec(block, {})


def test_the_dag_of_the_readme_is_a_dag():
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    names = {}
    exec(block, names)
    assert len(block.strip().splitlines()) <= 12
    assert names["WisdomStartImportJobOperator"].__name__ in block
