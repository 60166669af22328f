"""The example DAGs: they parse without a warning, and they run."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import aclosing, closing, suppress
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import pytest
from rigs.running import start_job
from rigs.versions import is_at_least

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "dags_examples"
OUR_WARNINGS_ALONE = pytest.mark.filterwarnings("ignore", "error:::airflow_wisdom")
sys.path.insert(0, str(EXAMPLES))

from demo import prepare_connect, print_summary  # noqa: E402 - see above


@pytest.fixture
def dag_files():
    """The examples that this Airflow can parse: before 3.1 it has no operator that asks for approval."""
    left_out = {"demo.py"} if is_at_least("3.1") else {"demo.py", "sync_with_approval.py"}
    return sorted(path for path in EXAMPLES.glob("*.py") if path.name not in left_out)


@pytest.fixture
def aws(fake_wisdom_over_http):
    """The fake service, which all processes reach."""
    return fake_wisdom_over_http


@pytest.fixture(params=["UTC", "America/New_York"])
def zone(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.delenv("TZ")
    time.tzset()


@pytest.fixture
def connect(monkeypatch):
    """Adds to the extra of the Airflow connection what a DAG of the examples expects there."""

    def add(**extra):
        connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
        connection["extra"].update(extra)
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

    return add


def run_dag(module):
    """Run the DAG of an example, and return its end, the state of each task, and what is in XCom."""
    run = import_module(module).dag.test()
    tasks = run.get_task_instances()
    # One by one: Airflow 3.1 cannot pull those of all mapped tasks together outside of a task.
    pulled = [(ti.task_id, ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)) for ti in tasks]
    assert "X-Amz" not in json.dumps(pulled, default=list)
    return str(run.state), {ti.task_id: str(ti.state) for ti in tasks}, dict(pulled)


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


def test_every_task_of_an_example_has_retries(monkeypatch, dag_files):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    for path in dag_files:
        assert [task.task_id for task in import_module(path.stem).dag.tasks if not task.retries] == []


def test_every_operator_is_shown_by_an_example(dag_files):
    from airflow_wisdom import operators

    shown = "".join(path.read_text() for path in dag_files)
    for name in [*operators.__all__, "WisdomImportJobSensor"]:
        assert f"{name}(" in shown


def test_no_example_loads_an_aws_library_to_be_parsed(dag_files):
    # At the first URI of an asset, Airflow itself loads what the amazon provider has for those of Amazon S3.
    names = [path.stem for path in dag_files if "create_asset" not in path.read_text()]
    modules = ", ".join(names)
    code = (
        f"import sys, airflow.sdk; before = set(sys.modules); sys.path.insert(0, {str(EXAMPLES)!r});"
        f"import {modules}; print(*(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(names) < set(loaded)
    slow = ("boto3", "botocore", "requests", "moto", "airflow.providers.amazon.aws", "airflow_wisdom.hooks.wisdom")
    assert [name for name in loaded if name.startswith(slow)] == []


@OUR_WARNINGS_ALONE
def test_250_rows_are_imported_and_each_is_accounted_for(airflow_database, aws, connect, zone, tmp_path):
    knowledge_base = aws.create_knowledge_base()
    prepare_connect(aws, knowledge_base)
    connect(knowledge_base_id=knowledge_base, reports=str(tmp_path))
    aws.import_jobs(after_calls=3)
    state, _, xcoms = run_dag("import_quick_responses")
    assert state == "success"
    summary = xcoms["import"]
    assert [job["rowsSent"] for job in summary["importJobs"]] == [100, 100, 42]
    numbers = {name: summary[name] for name in ("rowsRead", "rowsInvalid", "rowsImported", "rowsRefused")}
    assert numbers == {"rowsRead": 250, "rowsInvalid": 8, "rowsImported": 237, "rowsRefused": 5}
    assert aws.calls()["StartImportJob"] == 3
    assert len(list(csv.DictReader((tmp_path / "invalid-rows.csv").open()))) == 8
    assert len(list(csv.DictReader((tmp_path / "failed-records.csv").open()))) == 5


@OUR_WARNINGS_ALONE
def test_the_steps_run_one_by_one(airflow_database, aws, connect, zone):
    connect(knowledge_base_id=aws.create_knowledge_base())
    aws.import_jobs(after_calls=3)
    state, _, xcoms = run_dag("import_job_step_by_step")
    assert (state, xcoms["import"]["status"], aws.calls()["StartImportJob"]) == ("success", "COMPLETE", 1)


@pytest.fixture
def drop(aws, connect):
    """A bucket to drop files into, with a queue that hears the alarm."""
    s3, sns, sqs = (aws.client(name) for name in ("s3", "sns", "sqs"))
    s3.create_bucket(Bucket="drop")
    topic = sns.create_topic(Name="alarm")["TopicArn"]
    queue = sqs.create_queue(QueueName="alarm")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    connect(knowledge_base_id=aws.create_knowledge_base(), bucket="drop", alert_topic=topic)

    class Drop:
        def put(self, name, body):
            s3.put_object(Bucket="drop", Key=f"incoming/{name}", Body=body)

        def keys(self):
            return [item["Key"] for item in s3.list_objects_v2(Bucket="drop").get("Contents", [])]

        def alarms(self):
            messages = sqs.receive_message(QueueUrl=queue).get("Messages", [])
            return [json.loads(message["Body"])["Message"] for message in messages]

    return Drop()


@OUR_WARNINGS_ALONE
def test_a_dropped_file_is_imported_and_its_refused_rows_raise_the_alarm(airflow_database, aws, drop, zone):
    aws.routing_profiles(["Billing"])
    drop.put("a.csv", b"Name,Content,Routing Profile\nGood,Text,Billing\nEmpty,,Billing\nUnknown,Text,billing\n")
    state, _, xcoms = run_dag("import_s3_drop")
    assert (state, xcoms["import"]["rowsImported"], xcoms["file_away"]) == ("success", 1, "done/a.csv")
    assert drop.keys() == ["done/a.csv", "not-imported/a.csv.invalid.csv", "not-imported/a.csv.refused.csv"]
    (alarm,) = drop.alarms()
    assert "1 rows are invalid: s3://drop/not-imported/a.csv.invalid.csv" in alarm
    assert "1 rows were refused by AWS: s3://drop/not-imported/a.csv.refused.csv" in alarm


@OUR_WARNINGS_ALONE
def test_a_dropped_file_without_a_mistake_raises_no_alarm(airflow_database, aws, drop):
    drop.put("b.csv", b"Name,Content\nGood,Text\n")
    state, states, _ = run_dag("import_s3_drop")
    assert (state, states["alert"], states["file_away"]) == ("success", "skipped", "success")
    reports = [f"not-imported/b.csv.{what}.csv" for what in ("invalid", "refused")]
    assert (drop.keys(), drop.alarms()) == (["done/b.csv", *reports], [])


@OUR_WARNINGS_ALONE
def test_a_dropped_file_that_cannot_be_imported_is_out_of_the_way_and_the_run_is_red(airflow_database, aws, drop):
    drop.put("c.csv", b"Question\nWhy?\n")
    state, states, _ = run_dag("import_s3_drop")
    assert (state, states["import"], states["file_away"]) == ("failed", "failed", "success")
    assert drop.keys() == ["failed/c.csv"]


@OUR_WARNINGS_ALONE
def test_the_rows_of_a_table_are_imported(airflow_database, aws, connect, zone, tmp_path, monkeypatch):
    connect(knowledge_base_id=aws.create_knowledge_base())
    with closing(sqlite3.connect(tmp_path / "answers.db")) as database:
        database.execute("CREATE TABLE answers (id, title, shortcut, answer, language, approved)")
        rows = [(n, f"Answer {n}", f"a{n}", f"Text {n}", "en_US", n % 2) for n in range(1, 301)]
        database.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", rows)
        database.commit()
    monkeypatch.setenv("AIRFLOW_CONN_ANSWERS", json.dumps({"conn_type": "sqlite", "host": f"{tmp_path}/answers.db"}))
    state, _, xcoms = run_dag("import_from_sql")
    assert state == "success"
    assert [job["rowsImported"] for job in xcoms["import"]["importJobs"]] == [100, 50]


@OUR_WARNINGS_ALONE
def test_several_knowledge_bases_get_what_is_theirs(airflow_database, aws, connect, zone, tmp_path):
    knowledge_bases = [aws.create_knowledge_base(name) for name in ("sales", "service")]
    for number, knowledge_base in enumerate(knowledge_bases, 1):
        rows = "".join(f"Answer {n},Text\n" for n in range(100 * number))
        (tmp_path / f"{knowledge_base}.csv").write_text(f"Name,Content\n{rows}")
    connect(imports=[{"knowledge_base_id": one, "source": str(tmp_path / f"{one}.csv")} for one in knowledge_bases])
    state, _, xcoms = run_dag("import_into_several")
    assert state == "success"
    assert xcoms["total"] == {"rowsRead": 300, "rowsInvalid": 0, "rowsImported": 300, "rowsRefused": 0}
    for number, knowledge_base in enumerate(knowledge_bases, 1):
        jobs = aws.client().list_import_jobs(knowledgeBaseId=knowledge_base)["importJobSummaries"]
        assert len(jobs) == number


def demo(folder, hangup=signal.SIG_DFL):
    """The demo as `make demo` runs it, in a checkout of its own; under nohup where it is to ignore hangups."""
    for part in ("dags_examples", "airflow_wisdom"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return subprocess.Popen(
        [sys.executable, str(folder / "dags_examples" / "demo.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hangup),  # noqa: PLW1509 - there are no threads here
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
    for words in ("Status      COMPLETE", "Imported    237 of 250", "line 93, Content", "Order - substitute offered"):
        assert words in said
    for words in ("250 rows read, 8 are invalid", "file 3 of 3 is uploaded", "5 rows are refused"):
        assert words in said
    starts_and_ends = re.findall(r"trigger: job .* (runs|is)\b", said)
    running = list(accumulate(1 if what == "runs" else -1 for what in starts_and_ends))
    assert (len(running), max(running), running[-1]) == (6, 2, 0)
    plans = re.findall(r"plan: (\d.*unchanged)", said)
    assert plans == [
        "8 to create, 0 to update, 0 to deactivate, 0 to remove, 0 unchanged",
        "1 to create, 1 to update, 1 to deactivate, 0 to remove, 6 unchanged",
        "0 to create, 0 to update, 0 to deactivate, 0 to remove, 8 unchanged",
    ]
    assert re.findall(r"day (\d): success", said) == ["1", "2", "3"]
    assert re.search(r'content: "We are here from 8 a\.m\. to 8 p\.m\..* -> ".* to 10 p\.m\.', said)
    for name, rows in (("invalid-rows.csv", 8), ("failed-records.csv", 5)):
        assert str(tmp_path / ".demo" / "reports" / name) in said
        with (tmp_path / ".demo" / "reports" / name).open() as file:
            assert len(list(csv.DictReader(file))) == rows
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 200])
def test_the_demo_fits_into_any_terminal(capsys, columns):
    job = {"importJobId": "1" * 36, "rowsSent": 100, "rowsImported": 98, "rowsRefused": 2, "durationSeconds": 3.1}
    mistake = {"unit": "line", "line": 7, "column": "Shortcut key", "reason": "has too many " + "characters " * 9}
    summary = {"status": "COMPLETE", "rowsImported": 98, "rowsRead": 101, "rowsInvalid": 1, "rowsRefused": 2}
    summary |= {
        "importJobs": [job],
        "invalidRows": [mistake],
        "failedRecords": [{"Name": "n" * 40, "Error": "e " * 50}],
    }
    print_summary(summary | {"invalidRowsPath": "a", "failedRecordsPath": "b"}, columns)
    said = capsys.readouterr().out
    # Numbers and names are not broken; they alone may be wider than a very narrow terminal.
    assert max(map(len, said.splitlines()[3:-4])) <= max(columns, 48)
    assert ("1" * 36 in said) is (columns >= 76)


def until_airflow_starts(process):
    for line in process.stdout:
        if "Airflow starts" in line:
            return


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("pause", [0, 0.005, 0.02, 1])
def test_an_interrupted_demo_leaves_no_process_behind(tmp_path, number, pause):
    """Also when the signal comes in the very moment in which another process is being started."""
    process = demo(tmp_path)
    until_airflow_starts(process)
    assert len(left_behind(tmp_path)) >= 2
    time.sleep(pause)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in said
    assert left_behind(tmp_path) == []


def test_a_demo_under_nohup_survives_the_terminal(tmp_path):
    process = demo(tmp_path, hangup=signal.SIG_IGN)
    until_airflow_starts(process)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert "Interrupted" in said
    assert left_behind(tmp_path) == []


@pytest.mark.airflow("3.2", because="an asset with watchers cannot be the key of a dict before")
def test_the_example_of_a_watcher_tells_of_an_ending(fake_wisdom, monkeypatch, capsys):
    """From the trigger that Airflow would start to the line that the task prints."""
    base = fake_wisdom.create_knowledge_base()
    arn = f"arn:aws:wisdom:us-east-1:123456789012:knowledge-base/{base}"
    monkeypatch.setenv("WISDOM_KNOWLEDGE_BASE", arn)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    # Another test may have imported it for another knowledge base.
    monkeypatch.delitem(sys.modules, "on_import_job_ended", raising=False)
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
    ended = SimpleNamespace(extra={"from_trigger": True, "payload": payload})
    # A task that has the asset as an outlet fires events too; so does whoever does it by hand.
    imported, by_hand = SimpleNamespace(extra=payload), SimpleNamespace(extra={})
    events = {example.knowledge_base: [ended, imported, by_hand]}
    assert show(triggering_asset_events=events) == [f"{job} is COMPLETE"] * 2
    assert job in capsys.readouterr().out
    assert history not in json.dumps(payload)


@pytest.mark.parametrize("page", ["assets", "lineage"])
def test_the_code_of_a_guide_runs(page):
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), flags=re.DOTALL):
        exec(block, {})
