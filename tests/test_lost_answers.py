"""Answers that are lost, or are errors although the call had effect: of an import, a sensor, and triggers that wait.

Each is repeated beyond what botocore itself tries again, at one operation after the other or at any call.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from uuid import uuid4

import pytest
from rigs.imports import ROWS, ids_of, importing, jobs_of, responses
from rigs.running import fire, run, start_job

from airflow_wisdom.exceptions import ResourceNotFoundError, WisdomError, from_dict
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.triggers import WisdomJobsCompleteTrigger

pytestmark = pytest.mark.usefixtures("no_patience", "virtual_time")

BEYOND_BOTOCORE = 7
"""Calls in a row that get no good answer: botocore makes five of each."""

LOSSES = {
    "lost": {"lost": True},
    "lost_after_effect": {"lost": True, "after_effect": True},
    "error_after_effect": {"code": "InternalServerException", "http_status": 500, "after_effect": True},
    "throttled": {"code": "ThrottlingException", "http_status": 429},
}


@pytest.fixture(params=LOSSES)
def loss(request):
    return LOSSES[request.param]


@pytest.fixture(params=[False, True], ids=["in_worker", "deferred"])
def deferrable(request):
    return request.param


@pytest.fixture
def knowledge_base(fake_wisdom):
    """One in which a name of the rows is taken, so that AWS refuses one and writes a report."""
    fake_wisdom.quotas(knowledge_bases=100)
    return base_with_a_name_taken(fake_wisdom)


def base_with_a_name_taken(fake):
    knowledge_base = fake.create_knowledge_base(str(uuid4()))
    fake.client().create_quick_response(
        knowledgeBaseId=knowledge_base, name=ROWS[0]["Name"], content={"content": "was here before"}
    )
    return knowledge_base


def import_of(knowledge_base, **options):
    return importing(knowledge_base, ROWS[:10], on_failed_records="warn", poll_interval=5, **options)


def assert_imported_once(fake, knowledge_base, summary):
    assert (summary["status"], summary["rowsImported"], summary["rowsRefused"]) == ("COMPLETE", 9, 1)
    assert Counter(responses(fake, knowledge_base)) == Counter(row["Name"] for row in ROWS[:10])
    assert [job["importJobId"] for job in jobs_of(fake, knowledge_base)] == ids_of(summary)


@pytest.mark.parametrize(
    "operation", ["StartContentUpload", "PutObject", "StartImportJob", "GetImportJob", "GetObject"]
)
def test_an_import_waits_out_what_is_lost(fake_wisdom, knowledge_base, operation, loss, deferrable):
    fake_wisdom.import_jobs(after_calls=2)
    fake_wisdom.fault(operation, **loss, times=BEYOND_BOTOCORE)
    summary = run(import_of(knowledge_base, deferrable=deferrable))
    assert_imported_once(fake_wisdom, knowledge_base, summary)


def test_a_later_try_waits_out_a_list_that_is_lost(fake_wisdom, knowledge_base, loss, deferrable):
    first = run(import_of(knowledge_base))
    fake_wisdom.fault("ListImportJobs", **loss, times=BEYOND_BOTOCORE)
    summary = run(import_of(knowledge_base, deferrable=deferrable), try_number=2)
    assert ids_of(summary) == ids_of(first)
    assert_imported_once(fake_wisdom, knowledge_base, summary)


def calls_of(fake, work):
    """Do something, and return how many calls it took and what came of it."""
    before = sum(fake.calls().values())
    result = work()
    return sum(fake.calls().values()) - before, result


def test_an_import_waits_out_a_loss_at_any_call(fake_wisdom, knowledge_base, loss):
    fake_wisdom.import_jobs(after_calls=2)
    number, _ = calls_of(fake_wisdom, lambda: run(import_of(knowledge_base)))
    assert number >= 6
    for position in range(number):
        another = base_with_a_name_taken(fake_wisdom)
        fake_wisdom.fault("*", **loss, after=position, times=BEYOND_BOTOCORE)
        assert_imported_once(fake_wisdom, another, run(import_of(another)))


@pytest.mark.parametrize("after_effect", [False, True])
def test_whatever_call_is_denied_the_next_try_comes_to_the_same_end(fake_wisdom, knowledge_base, after_effect):
    """The permission was missing for a moment: the try fails and says so, or does without."""
    fake_wisdom.import_jobs(after_calls=2)
    number, _ = calls_of(fake_wisdom, lambda: run(import_of(knowledge_base)))
    for position in range(number):
        another = base_with_a_name_taken(fake_wisdom)
        fake_wisdom.fault(
            "*", "AccessDeniedException", http_status=403, after=position, times=100, after_effect=after_effect
        )
        with suppress(WisdomError):
            # At the last calls only the report is missing.
            run(import_of(another))
        fake_wisdom.clear_faults()
        assert_imported_once(fake_wisdom, another, run(import_of(another), try_number=2))


@pytest.mark.parametrize("mode", [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}])
def test_a_sensor_waits_out_what_is_lost(fake_wisdom, knowledge_base, loss, mode):
    fake_wisdom.import_jobs(after_calls=2)
    job = start_job(fake_wisdom, knowledge_base)
    fake_wisdom.fault("*", **loss, times=BEYOND_BOTOCORE)
    task = WisdomImportJobSensor(
        task_id="wait", knowledge_base_id=knowledge_base, import_job_id=job, poke_interval=5, timeout=3600, **mode
    )
    assert run(task)["status"] == "COMPLETE"


def test_waits_that_share_a_list_wait_out_what_is_lost(fake_wisdom, knowledge_base, loss):
    fake_wisdom.import_jobs(after_calls=4)
    jobs = [start_job(fake_wisdom, knowledge_base, f"Name,Content\n{n},x\n".encode()) for n in range(5)]
    fake_wisdom.fault("*", **loss, times=BEYOND_BOTOCORE)
    event = fire(WisdomJobsCompleteTrigger(knowledge_base_id=knowledge_base, import_job_ids=jobs))
    assert [job["status"] for job in event["jobs"]] == ["COMPLETE"] * 5
    assert fake_wisdom.calls()["ListImportJobs"] > 1


NOWHERE = str(uuid4())

UNKNOWN = ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
"""What a list of a knowledge base that does not exist may be answered with: AWS's model does not say."""


@pytest.mark.parametrize("code", UNKNOWN)
def test_every_wait_in_a_knowledge_base_that_does_not_exist_says_so(fake_wisdom, code):
    fake_wisdom.list_of_unknown_knowledge_base(code)
    trigger = WisdomJobsCompleteTrigger(knowledge_base_id=NOWHERE, import_job_ids=[str(uuid4()) for _ in range(3)])
    errors = [from_dict(job["error"]) for job in fire(trigger)["jobs"]]
    assert [type(error) for error in errors] == [ResourceNotFoundError] * 3
    assert fake_wisdom.calls()["ListImportJobs"] == 1


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_later_try_of_an_import_into_no_knowledge_base_ends_at_once(fake_wisdom, code):
    fake_wisdom.list_of_unknown_knowledge_base(code)
    with pytest.raises(WisdomError, match=code) as raised:
        run(importing(NOWHERE, ROWS[:1]), try_number=2)
    assert raised.value.where["knowledge_base_id"] == NOWHERE
    assert fake_wisdom.calls() == {"ListImportJobs": 1}
