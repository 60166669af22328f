"""Who starts an import job, and by what they know it again: the mark in its metadata."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from rigs.imports import ROWS, ids_of, importing
from rigs.running import FakeTaskInstance, run

from airflow_wisdom.model.import_job import ImportJob
from airflow_wisdom.runs.run import FILE, Origin

ARN = "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb"


def instance(**changes):
    ti = FakeTaskInstance()
    vars(ti).update(changes)
    return ti


def of_task(**changes):
    return Origin.of_task(SimpleNamespace(retries=3), {"ti": instance(**changes)})


def mark(content="hash", knowledge_base="kb", **changes):
    return of_task(**changes).mark(knowledge_base, content)


@pytest.mark.parametrize(
    "other",
    [
        {"dag_id": "other"},
        {"run_id": "other"},
        {"task_id": "other"},
        {"map_index": 0},
        {"map_index": 1},
        {"content": "other"},
        {"knowledge_base": "other"},
    ],
)
def test_no_two_imports_share_a_mark(other):
    assert mark(**other) != mark()
    assert mark(**{"map_index": 2, **other}) != mark(map_index=2)


def test_every_try_has_the_same_mark_whether_a_knowledge_base_is_named_by_id_or_arn():
    assert mark(try_number=5) == mark()
    assert mark(knowledge_base=ARN) == mark()


def test_mapped_task_instances_import_the_same_rows_each_for_itself(fake_wisdom, knowledge_base, no_patience):
    """What the others have sent is no reason to leave anything out."""
    fake_wisdom.import_jobs(status="COMPLETE")
    fake_wisdom.reused_client_token("first")
    jobs = set()
    for map_index in (-1, 0, 1):
        task = importing(knowledge_base, ROWS[:1], on_failed_records="ignore")
        jobs.update(ids_of(run(task, ti=instance(map_index=map_index))))
    assert len(jobs) == 3


def test_a_command_knows_its_file_again_by_its_content():
    origin = Origin.of_command("answers.csv")
    assert origin.mark("kb", "hash") == Origin.of_command("answers.csv").mark("kb", "hash")
    assert origin.mark("kb", "hash") == Origin.of_command("/elsewhere/answers.csv").mark("kb", "hash")
    assert origin.mark("kb", "hash") != origin.mark("kb", "other hash")
    assert origin.mark("kb", "hash") != Origin.of_command("answers.csv", run_id="again").mark("kb", "hash")


def test_a_command_and_a_task_never_share_a_mark():
    command = Origin.of_command("f", run_id="r")
    assert command.mark("kb", "hash") != mark(dag_id="airflow-wisdom", run_id="r")


def test_what_is_said_of_an_origin_to_people_fits_into_metadata():
    described = of_task(task_id="t" * 5_000, map_index=3).describe("https://b/k?X-Amz-Signature=abc123")
    assert len(described["airflow-task"]) == 4_096
    assert described[FILE] == "https://b/k?<redacted>"
    assert Origin.of_command("f.csv").describe("")["airflow-task"] == "airflow-wisdom import f.csv"


def test_an_origin_knows_the_jobs_that_it_started():
    origin = of_task(map_index=1)
    mine = ImportJob("job", "kb", "COMPLETE", metadata={**origin.describe("a file"), "team": "billing"})
    assert origin.has_started(mine)
    assert not of_task(map_index=2).has_started(mine)
    assert not origin.has_started(replace(mine, metadata={}))
