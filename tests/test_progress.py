"""What is told of an import while it runs: by task and trigger, to the log or to whoever asked for it."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace

import pytest
from rigs.running import run, start_job
from rigs.virtual import Loop

from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.operators import WisdomImportQuickResponsesOperator, WisdomSyncQuickResponsesOperator
from airflow_wisdom.rows.mistake import Mistake
from airflow_wisdom.runs.account import Account
from airflow_wisdom.runs.manifest import Manifest
from airflow_wisdom.runs.progress import LogProgress, Progress, now_and_then, telling

ROWS = [{"Name": f"Answer {n}", "Content": f"Text {n}", "Routing Profile": "Billing"} for n in range(1, 151)]
ROWS[0]["Content"] = ""
ROWS[1]["Routing Profile"] = "billing"


class Heard(Progress):
    """Keeps what it is told."""

    def __init__(self):
        self.events = []

    def planned(self, manifest):
        self.events.append(f"planned {manifest.rows_invalid}")

    def uploaded(self, number, total):
        self.events.append(f"uploaded {number} of {total}")

    def deferred(self, manifest, deadline):
        self.events.append(f"deferred {len(manifest.parts)}")

    def started(self, import_job_id, place):
        self.events.append(f"started {place.rpartition(', ')[2][:6]}")

    def ended(self, import_job_id, error):
        self.events.append(f"ended {error}")

    def concluded(self, account):
        self.events.append(f"concluded {account.columns.refused}")


@pytest.fixture
def importing(fake_wisdom, knowledge_base, tmp_path):
    """Imports 150 rows of which one is invalid and one refused, in two jobs, one after the other."""
    fake_wisdom.routing_profiles(["Billing"])
    fake_wisdom.import_jobs(after_calls=2)

    def importing(**kwargs):
        task = WisdomImportQuickResponsesOperator(
            task_id="import",
            knowledge_base_id=knowledge_base,
            source=ROWS,
            on_invalid_rows="skip",
            invalid_rows_path=str(tmp_path / "invalid.csv"),
            failed_records_path=str(tmp_path / "refused.csv"),
            max_active_jobs=1,
            poll_interval=0.01,
            **{"on_failed_records": "warn", **kwargs},
        )
        return run(task)

    return importing


@pytest.mark.parametrize("deferrable", [False, True])
def test_task_and_trigger_tell_whoever_asked_for_it(importing, deferrable):
    heard = Heard()
    with telling(heard):
        importing(deferrable=deferrable)
    assert heard.events == [
        "planned 1",
        "uploaded 1 of 2",
        "uploaded 2 of 2",
        *["deferred 2"] * deferrable,
        "started file 1",
        "ended None",
        "started file 2",
        "ended None",
        "concluded 1",
    ]
    before = list(heard.events)
    importing(deferrable=deferrable)
    assert heard.events == before


def test_an_import_that_is_not_accepted_is_told_to_its_end(importing):
    heard = Heard()
    with telling(heard), pytest.raises(Exception, match="AWS refused 1 of 149 rows"):
        importing(on_failed_records="fail")
    assert heard.events[-1] == "concluded 1"


def test_the_log_has_a_line_at_the_deferral_and_one_at_the_end(importing, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    summary = importing(deferrable=True, timeout=60)
    lines = [record.getMessage() for record in caplog.records if record.name == "airflow_wisdom.runs.progress"]
    (deferral,) = [line for line in lines if line.startswith("Deferred until 2")]
    assert deferral.endswith("+00:00 at the latest: the rows given, 149 of 150 rows in 2 files")
    assert lines[-1] == (
        f"Imported 148 of 150 rows in 2 jobs, {summary['durationSeconds']:.1f} s; "
        f"1 invalid -> {tmp_path}/invalid.csv, 1 refused -> {tmp_path}/refused.csv"
    )


def test_the_line_at_the_end_tells_rows_that_were_not_started_from_those_nobody_knows_of(
    importing, fake_wisdom, caplog
):
    caplog.set_level(logging.INFO)
    fake_wisdom.import_jobs(after_calls=2, status="FAILED")
    fake_wisdom.fault("StartImportJob", "ServiceQuotaExceededException", http_status=402, after=1)
    with pytest.raises(Exception, match="0 of 2 import jobs are COMPLETE"):
        importing()
    assert any(
        line.startswith("Imported 0 of 150 rows in 1 job, ") and line.endswith(", 49 not started, 100 unknown")
        for line in caplog.messages
    )


def test_the_log_shows_no_query_of_a_presigned_url(caplog):
    caplog.set_level(logging.INFO)
    url = "https://bucket/answers.csv?X-Amz-Signature=secret"
    mistake = Mistake(2, "Content", "", "is required, but empty")
    manifest = Manifest("kb", url, "line", 1, 1, 0, 1, (mistake,), invalid_rows_path=url)
    progress = LogProgress()
    for seen in (manifest, replace(manifest, rows_invalid=0)):
        progress.planned(seen)
    progress.deferred(manifest, 0.0)
    progress.concluded(Account(manifest, []))
    assert caplog.text.count("https://bucket/answers.csv?<redacted>") == 5
    assert "secret" not in caplog.text


@pytest.fixture
def virtual_loop():
    """Runs a coroutine on a time that jumps to the next timer."""
    loop = Loop()
    yield loop.run_until_complete
    loop.close()


def test_a_wait_is_heard_of_after_growing_intervals(virtual_loop):
    heard = []

    async def wait():
        loop = asyncio.get_running_loop()
        began = loop.time()
        with now_and_then(lambda: heard.append(round(loop.time() - began))):
            await asyncio.sleep(1000)
        await asyncio.sleep(10_000)

    virtual_loop(wait())
    assert heard == [60, 120, 240, 480, 960]


def test_a_wait_says_how_far_it_has_got(fake_wisdom, knowledge_base, caplog, virtual_time):
    caplog.set_level(logging.INFO)
    fake_wisdom.import_jobs(after_calls=10)
    rows = [{"Name": f"Answer {n}", "Content": "Text"} for n in range(150)]
    task = WisdomImportQuickResponsesOperator(
        task_id="import", knowledge_base_id=knowledge_base, source=rows, max_active_jobs=1, poll_interval=10
    )
    assert run(task)["rowsImported"] == 150
    assert [line.getMessage() for line in caplog.records if line.getMessage().startswith("Still waiting: ")] == [
        "Still waiting: 0 of 2 import jobs have ended, 1 run; 0 of 150 rows are through",
        "Still waiting: 1 of 2 import jobs have ended, 1 run; 100 of 150 rows are through",
    ]


def test_a_single_wait_says_how_it_stands(fake_wisdom, knowledge_base, capsys, virtual_time):
    fake_wisdom.import_jobs(after_calls=20)
    job = start_job(fake_wisdom, knowledge_base)
    WisdomHook().wait_for_import_job(knowledge_base, job, poll_interval=10)
    said = [line for line in capsys.readouterr().out.splitlines() if "which is START_IN_PROGRESS, after" in line]
    assert [int(re.search(r"after (\d+) s", line)[1]) for line in said] == [60, 120]


@pytest.mark.parametrize(
    ("kwargs", "line"),
    [
        ({}, "Synced the rows given: 1 created, 1 unchanged, 1 invalid"),
        ({"mode": "plan"}, "Nothing was written of the rows given: 1 to create, 0 to update"),
    ],
)
def test_a_sync_says_in_one_line_what_it_did(fake_wisdom, knowledge_base, capsys, kwargs, line):
    def sync(rows, **kwargs):
        return run(
            WisdomSyncQuickResponsesOperator(
                task_id="sync", knowledge_base_id=knowledge_base, source=rows, on_invalid_rows="skip", **kwargs
            )
        )

    rows = [{"Name": "there", "Content": "a"}, {"Name": "new", "Content": "b"}, {"Name": "", "Content": "c"}]
    sync(rows[:1])
    capsys.readouterr()
    sync(rows, **kwargs)
    assert line in capsys.readouterr().out


def test_a_long_sync_says_how_many_changes_are_made(fake_wisdom, knowledge_base, caplog, virtual_time):
    caplog.set_level(logging.INFO)
    rows = [{"Name": f"n{number}", "Content": "c"} for number in range(3)]
    run(WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=rows))
    fake_wisdom.fault("UpdateQuickResponse", "ThrottlingException", http_status=429, times=100)
    changed = [row | {"Content": "d"} for row in rows]
    run(WisdomSyncQuickResponsesOperator(task_id="sync", knowledge_base_id=knowledge_base, source=changed))
    assert any(re.fullmatch(r"Still waiting: \d of 3 changes are made", line) for line in caplog.messages)
