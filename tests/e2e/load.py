"""Hundreds of deferred tasks of one DAG at the same time, in one triggerer."""

from __future__ import annotations

import json
import random
import re
import statistics
import threading
import time
import uuid
from datetime import datetime
from typing import TYPE_CHECKING

import requests
from rigs.stack import until

if TYPE_CHECKING:
    from pathlib import Path

KNOWLEDGE_BASES = 5
QUIET = 30.0
"""Seconds for which nothing but the triggerer works, once all tasks are deferred."""
PRESIGNED = b"X-Amz-Signature"


class Rate(threading.Thread):
    """Reads once a second how many calls the fake service has answered."""

    def __init__(self, fake) -> None:
        super().__init__(daemon=True)
        self._fake = fake
        self._over = threading.Event()
        self.seen: list[int] = []

    def run(self) -> None:
        before = None
        while not self._over.wait(1.0):
            calls = self._fake.calls()
            looks = calls.get("GetImportJob", 0) + calls.get("ListImportJobs", 0)
            if before is not None:
                self.seen.append(looks - before)
            before = looks

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self.join()


def run_load(airflow, fake, tasks: int, pace: float) -> bool:
    """Defer that many tasks, end their jobs `pace` a second, and say what was seen.

    :returns: Whether everything is as it should be.
    """
    fake.import_jobs(after_seconds=24 * 3600)
    bases = [fake.create_knowledge_base(f"load {number}") for number in range(KNOWLEDGE_BASES)]
    halves = tasks - tasks // 2, tasks // 2
    jobs = _start_jobs(fake, bases, halves[0])
    began = time.monotonic()
    conf = {
        "jobs": [{"knowledge_base_id": base, "import_job_id": job} for base, job in jobs],
        "knowledge_bases": [bases[number % KNOWLEDGE_BASES] for number in range(halves[1])],
    }
    run_id = airflow.trigger("load", conf)
    deferred = _all_deferred(airflow, run_id, tasks)
    took = time.monotonic() - began
    say(f"{deferred} tasks deferred at once, after {took:.0f} s")
    with Rate(fake) as rate:
        time.sleep(QUIET)
        rss = airflow.triggerer_rss()
    mean, most = statistics.mean(rate.seen), max(rate.seen)
    say(f"calls a second while all wait: {mean:.1f} on average, {most} at most; triggerer {rss / 1e6:.0f} MB")
    ended = _end_jobs(fake, bases, pace)
    until(lambda: _state(airflow, run_id) in ("success", "failed"), 3600, "the run to end", every=2)
    say(f"the run ended after {time.monotonic() - began:.0f} s")
    return all([deferred == tasks, *_checks(airflow, run_id, tasks, ended)])


def _start_jobs(fake, bases, number):
    return [(base, start_job(fake, base)) for base in (bases[each % KNOWLEDGE_BASES] for each in range(number))]


def start_job(fake, base: str) -> str:
    """Upload a quick response that is not there yet, start an import job of it and return the job's id."""
    file = f"Name,Content\n{uuid.uuid4().hex},Text\n".encode()
    client = fake.client()
    upload = client.start_content_upload(knowledgeBaseId=base, contentType="text/csv")
    requests.put(upload["url"], file, headers=upload["headersToInclude"], timeout=30).raise_for_status()
    job = client.start_import_job(knowledgeBaseId=base, importJobType="QUICK_RESPONSES", uploadId=upload["uploadId"])
    return job["importJob"]["importJobId"]


def _all_deferred(airflow, run_id, tasks) -> int:
    def most():
        ((deferred, failed),) = airflow.query(
            "select count(*) filter (where state = 'deferred'), count(*) filter (where state = 'failed')"
            " from task_instance where dag_id = 'load' and run_id = %s and task_id in ('start', 'wait')",
            run_id,
        )
        if failed:
            raise RuntimeError(f"{failed} tasks failed before all were deferred")
        return deferred if deferred == tasks else None

    return until(most, 3600, "all tasks to be deferred", every=2)


def _end_jobs(fake, bases, pace) -> dict[str, float]:
    """Complete all jobs, one after the other and in no order, and return when."""
    jobs = [job["importJobId"] for base in bases for job in _list(fake, base)]
    random.shuffle(jobs)
    ended = {}
    began = time.monotonic()
    for number, job in enumerate(jobs):
        time.sleep(max(0.0, began + number / pace - time.monotonic()))
        fake.set_status(job, "COMPLETE")
        ended[job] = time.time()
    return ended


def _list(fake, base):
    pages = fake.client().get_paginator("list_import_jobs").paginate(knowledgeBaseId=base)
    return [job for page in pages for job in page["importJobSummaries"]]


def _state(airflow, run_id) -> str:
    ((state,),) = airflow.query("select state from dag_run where dag_id = 'load' and run_id = %s", run_id)
    return state


def _checks(airflow, run_id, tasks, ended):
    yield check("the run's state is success", _state(airflow, run_id) == "success")
    rows = airflow.query(
        "select x.value, ti.end_date from xcom x join task_instance ti using (dag_id, run_id, task_id, map_index)"
        " where x.dag_id = 'load' and x.run_id = %s and x.task_id in ('start', 'wait') and x.key = 'return_value'",
        run_id,
    )
    metadata = [(value, end) for value, end in rows if value["status"] == "COMPLETE"]
    jobs = {value["importJobId"] for value, _ in metadata}
    yield check(f"{len(jobs)} jobs in XCom with status COMPLETE", len(metadata) == tasks == len(jobs))
    _show_delays("job's end -> trigger's event", [_fired(path) - ended[job] for job, path in _trigger_logs(airflow)])
    _show_delays("job's end -> task's end", [end.timestamp() - ended[job["importJobId"]] for job, end in metadata])
    ((fired,),) = airflow.query("select count(*) from trigger")
    yield check("no trigger is left", fired == 0)
    yield from unblocked(airflow)
    yield from free_of_errors(airflow.logs())
    yield from without_secrets(airflow)


def _trigger_logs(airflow):
    """Return job's id and log of each trigger that has fired."""
    for path in airflow.home.glob("logs/dag_id=load/**/*.trigger.*.log"):
        if job := re.search(r"'importJobId': '([^']+)'", path.read_text()):
            yield job[1], path


def _fired(path: Path) -> float:
    lines = map(json.loads, path.read_text().splitlines())
    (moment,) = [line["timestamp"] for line in lines if line["event"] == "Trigger fired event"]
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def _show_delays(what: str, delays: list[float]) -> None:
    if delays:
        late = sorted(delays)[int(0.95 * len(delays))]
        say(f"{what}: median {statistics.median(delays):.1f} s, 95 % within {late:.1f} s")


def unblocked(airflow):
    warnings = [line for line in _triggerer_log(airflow).splitlines() if "was blocked" in line]
    yield check("the triggerer's log has no 'was blocked'", not warnings, *(line[:130] for line in warnings))


def free_of_errors(logs):
    ours = [line for path in logs for line in _errors(path)]
    yield check("no error of this package in the logs", not ours, *ours[:5])


def _triggerer_log(airflow) -> str:
    return (airflow.home / "triggerer.log").read_text()


def without_secrets(airflow):
    """Look for presigned URLs, with which anybody can read the file, where they do not belong."""
    leaks = [str(path) for path in airflow.logs() if PRESIGNED in path.read_bytes()]
    yield check("no presigned URL in any log", not leaks, *leaks[:5])
    with airflow.database.dump() as dump:
        found = [line[:200].decode(errors="replace") for line in dump.stdout if PRESIGNED in line]
    yield check("no presigned URL in the database", not found and dump.returncode == 0, *found[:5])


def _errors(path: Path) -> list[str]:
    is_error = re.compile(r"\b(error|critical|exception)\b", re.IGNORECASE)
    lines = path.read_text(errors="replace").splitlines()
    return [f"{path.name}: {line[:300]}" for line in lines if "airflow_wisdom" in line and is_error.search(line)]


def check(what: str, holds: bool, *evidence: str) -> bool:
    say(f"{'ok  ' if holds else 'FAIL'}  {what}", *evidence)
    return bool(holds)


def say(*lines: str) -> None:
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    print("\n".join([f"{now}  {lines[0]}", *(f"              {line}" for line in lines[1:])]), flush=True)  # noqa: T201
