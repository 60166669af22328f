"""The watcher on virtual time: what it shares, what it spends, whom it tells, and that it survives everything."""

from __future__ import annotations

import asyncio
import json
import random
from statistics import median

import pytest
from botocore.exceptions import ConnectionClosedError
from rigs.network import clients_counted
from rigs.virtual import EPOCH, world

from airflow_wisdom.cadence import Cadence
from airflow_wisdom.exceptions import (
    AirflowConnectionNotFoundError,
    ImportJobFailedError,
    ImportJobTimeoutError,
    InvalidCredentialsError,
    ResourceNotFoundError,
    UnknownImportJobStatusError,
    WisdomError,
)
from airflow_wisdom.hooks import connection as connection_room
from airflow_wisdom.hooks.calls import Calls
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.watcher import ImportJobWatcher
from airflow_wisdom.watcher.waits import GRACE


def connection(**changes):
    parameters = {
        "aws_conn_id": None,
        "region_name": "us-east-1",
        "verify": None,
        "botocore_config": None,
        "service_name": "wisdom",
    }
    return AwsConnection(**{**parameters, **changes})


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AIRFLOW__WISDOM__CALLS_PER_SECOND", "5")


@pytest.fixture
def run(monkeypatch):
    """Run a scenario `async def scenario(service)` in a world of its own, and check that nothing is left of it."""

    def run(scenario, **options):
        with world(monkeypatch, **options) as (loop, service):
            result = loop.run_until_complete(scenario(service))
            assert [calls for calls in ImportJobWatcher._watchers if calls.loop is loop] == []
            assert Calls._all.get(loop, {}) == {}
            loop.run_until_complete(asyncio.sleep(0))
            assert asyncio.all_tasks(loop) == set()
            return service, result

    return run


def wait(job, knowledge_base="kb", over=None, **options):
    return ImportJobWatcher.wait_for(over or connection(), knowledge_base, job, **options)


def kinds(outcomes):
    return [type(outcome.error) for outcome in outcomes]


OK = type(None)


def test_a_single_job_is_looked_at_at_once_and_then_at_growing_intervals(run):
    async def scenario(service):
        service.add("kb", "job", 100)
        outcome = await wait("job")
        return outcome, service.loop.now - EPOCH

    service, (outcome, noticed) = run(scenario)
    assert outcome.error is None
    assert outcome.job.status == "COMPLETE"
    assert 100 <= noticed <= 111
    assert set(service.calls) == {"GetImportJob"}
    times = [when for when, _, _ in service.log]
    assert times[0] - EPOCH < 0.1
    assert times[-1] - times[-2] > 3 * (times[1] - times[0])
    assert len(times) < 40


def test_many_waits_in_one_knowledge_base_share_one_walk(run):
    async def scenario(service):
        for n in range(300):
            service.add("kb", f"job{n}", 30)
        return await asyncio.gather(*(wait(f"job{n}") for n in range(300)))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 300
    # 3 pages show all of them: a look at all costs 3 calls, however many wait.
    assert service.calls["GetImportJob"] <= 3
    assert service.calls["ListImportJobs"] <= 3 * 30


def test_two_waits_for_one_job_cost_one_look(run):
    async def scenario(service):
        service.add("kb", "job", 3)
        return await asyncio.gather(wait("job"), wait("job"), wait("job"))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 3
    assert service.peak() <= 5
    assert sum(service.calls.values()) < 8


def test_the_client_is_made_once_for_everybody(run):
    async def scenario(service):
        for n in range(20):
            service.add(f"kb{n % 4}", f"job{n}", 5)
        await asyncio.gather(*(wait(f"job{n}", f"kb{n % 4}") for n in range(20)))

    with clients_counted() as made:
        run(scenario)
    assert made == [1]


@pytest.mark.parametrize("wanted", ["True", "False"])
def test_the_collector_is_spared_unless_that_is_not_wanted(run, monkeypatch, wanted):
    frozen = []
    monkeypatch.setattr(connection_room.gc, "freeze", lambda: frozen.append(1))
    monkeypatch.setenv("AIRFLOW__WISDOM__GC_FREEZE", wanted)
    connection_room.spare_the_collector.cache_clear()

    async def scenario(service):
        for n in range(3):
            service.add("kb", f"job{n}", 5)
            await wait(f"job{n}")

    run(scenario)
    # Once when the first watcher is made, once when the first client is.
    assert frozen == ([1, 1] if wanted == "True" else [])


def test_another_connection_has_a_watcher_of_its_own(run):
    async def scenario(service):
        service.add("kb", "job", 5)
        others = [connection(), connection(service_name="qconnect"), connection(botocore_config={"read_timeout": 9})]
        waits = [asyncio.ensure_future(wait("job", over=other)) for other in others]
        await asyncio.sleep(1)
        watchers = len(ImportJobWatcher._watchers)
        return watchers, kinds(await asyncio.gather(*waits))

    _, (watchers, ends) = run(scenario)
    assert watchers == 3
    assert ends == [OK] * 3


@pytest.mark.parametrize("jobs", [1, 7, 400])
def test_the_budget_is_kept_whatever_the_number_of_jobs(run, jobs):
    async def scenario(service):
        for n in range(jobs):
            service.add(f"kb{n % 10}", f"job{n}", 10 + n % 20)
        return await asyncio.gather(*(wait(f"job{n}", f"kb{n % 10}") for n in range(jobs)))

    service, outcomes = run(scenario, tps=10)
    assert kinds(outcomes) == [OK] * jobs
    assert service.peak() <= 5


def test_a_smaller_budget_is_a_matter_of_configuration(run, monkeypatch):
    monkeypatch.setenv("AIRFLOW__WISDOM__CALLS_PER_SECOND", "0.5")

    async def scenario(service):
        for n in range(10):
            service.add("kb", f"job{n}", 10)
        await asyncio.gather(*(wait(f"job{n}") for n in range(10)))

    service, _ = run(scenario)
    assert service.peak(2.0) == 1


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_long_history_is_not_read_again_and_again(run, newest_first):
    """5 jobs after 3,000 others: where the list shows them last, a call for each is cheaper than 31 pages."""

    async def scenario(service):
        for n in range(3000):
            service.add("kb", f"old{n}", 1, created=EPOCH - 9000)
        for n in range(5):
            service.add("kb", f"job{n}", 600)
        return await asyncio.gather(*(wait(f"job{n}") for n in range(5)))

    service, outcomes = run(scenario, newest_first=newest_first)
    assert kinds(outcomes) == [OK] * 5
    calls = service.calls
    if newest_first:
        assert calls["GetImportJob"] < calls["ListImportJobs"]
    else:
        assert calls["ListImportJobs"] <= 15 < calls["GetImportJob"]


def test_many_jobs_behind_a_long_history_are_worth_the_walk(run):
    async def scenario(service):
        for n in range(2000):
            service.add("kb", f"old{n}", 1, created=EPOCH - 9000)
        for n in range(300):
            service.add("kb", f"job{n}", 900)
        return await asyncio.gather(*(wait(f"job{n}") for n in range(300)))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 300
    assert service.calls["GetImportJob"] < service.calls["ListImportJobs"] / 5


@pytest.mark.parametrize("newest_first", [True, False])
def test_it_never_spends_more_than_twice_what_the_better_way_would(run, newest_first):
    """Whatever the order, the history and the number of jobs, which are drawn by lot."""
    for seed in range(12):
        draw = random.Random(seed)
        history, jobs = draw.choice([0, 150, 1500]), draw.choice([1, 3, 20, 120])

        async def scenario(service, history=history, jobs=jobs):
            for n in range(history):
                service.add("kb", f"old{n}", 1, created=EPOCH - 9000)
            for n in range(jobs):
                service.add("kb", f"job{n}", 300)
            await asyncio.gather(*(wait(f"job{n}", cadence=Cadence.of(60)) for n in range(jobs)))

        service, _ = run(scenario, newest_first=newest_first)
        pages = -(-jobs // 100) if newest_first else -(-(history + jobs) // 100)
        rounds = 6 + 1  # the looks at 0 to 300 s, and one for what the walk itself takes
        assert sum(service.calls.values()) <= 2 * rounds * min(pages, jobs) + 2 * jobs


def test_jobs_that_come_later_are_found_wherever_the_list_puts_them(run):
    async def scenario(service, newest_first):
        waits = []
        for n in range(120):
            service.add("kb", f"job{n}", 40)
            waits.append(asyncio.ensure_future(wait(f"job{n}")))
            await asyncio.sleep(1)
        return await asyncio.gather(*waits)

    for newest_first in (True, False):
        _, outcomes = run(lambda s, n=newest_first: scenario(s, n), newest_first=newest_first)
        assert kinds(outcomes) == [OK] * 120


def test_a_knowledge_base_with_slow_answers_does_not_hold_up_the_others(run):
    async def scenario(service):
        service.add("slow", "job", 1)
        service.add("quick", "job", 1)

        def hang(request):
            if "/slow/" in request.url:
                service.latency = 60

        service.next(*[hang] * 3)
        slow = asyncio.ensure_future(wait("job", "slow"))
        await wait("job", "quick")
        noticed = service.loop.now - EPOCH
        await slow
        return noticed

    _, noticed = run(scenario)
    assert noticed < 5


def test_every_knowledge_base_gets_its_share_of_the_budget(run):
    """One with 40 pages does not keep a small one waiting."""

    async def scenario(service):
        for n in range(4000):
            service.add("large", f"job{n}", 120)
        service.add("small", "job", 20)
        large = [asyncio.ensure_future(wait(f"job{n}", "large")) for n in range(4000)]
        await wait("job", "small")
        noticed = service.loop.now - EPOCH
        await asyncio.gather(*large)
        return noticed

    service, noticed = run(scenario)
    assert noticed < 25
    assert service.peak() <= 5


def test_throttling_is_waited_out_with_one_line_of_log(run, caplog):
    async def scenario(service):
        for n in range(50):
            service.add("kb", f"job{n}", 120)
        service.next(*[("ThrottlingException", 429)] * 8)
        return await asyncio.gather(*(wait(f"job{n}") for n in range(50)))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 50
    assert caplog.text.count("Still waiting") == 1
    # Each throttled call doubles the pause: 8 of them take minutes, not two seconds.
    ninth = service.log[8][0] - EPOCH
    assert ninth > 30


@pytest.mark.parametrize(
    "weather",
    [
        ("InternalServerException", 500),
        ("ServiceUnavailable", 503),
        ("TooManyRequestsException", 429),
        b"<html>gateway</html>",
        b"{}",
        b'{"importJob": {"status": "COMPLETE"}}',
        b'{"importJob": null}',
    ],
)
def test_whatever_passes_is_waited_out(run, weather):
    async def scenario(service):
        service.add("kb", "job", 10)
        service.next(weather, weather)
        return await wait("job")

    _, outcome = run(scenario)
    assert outcome.error is None


def test_a_job_whose_answer_is_always_an_error_does_not_keep_the_others_waiting(run, caplog):
    def broken(request):
        return ("InternalServerException", 500) if "importJobs/broken" in request.url else None

    async def scenario(service):
        service.page_size = 0  # a list that shows nothing: every job is looked at alone
        for n in range(5):
            service.add("kb", f"job{n}", 60)
        service.add("kb", "broken", 1)
        service.next(*[broken] * 5000)
        good = [asyncio.ensure_future(wait(f"job{n}")) for n in range(5)]
        bad = asyncio.ensure_future(wait("broken", deadline=EPOCH + 600))
        outcomes = await asyncio.gather(*good)
        noticed = service.loop.now - EPOCH
        return outcomes, await bad, noticed

    _, (outcomes, bad, noticed) = run(scenario)
    assert kinds(outcomes) == [OK] * 5
    assert isinstance(bad.error, ImportJobTimeoutError)
    assert noticed < 90
    assert caplog.text.count("Still waiting") < 3


def test_a_job_that_is_waited_for_again_is_a_new_streak(run, caplog):
    """What is remembered of streaks goes with those who waited."""

    def broken(request):
        return ("InternalServerException", 500) if "importJobs/broken" in request.url else None

    async def scenario(service):
        service.page_size = 0
        service.add("kb", "good", 900)
        service.add("kb", "broken", 1)
        service.next(*[broken] * 5000)
        good = asyncio.ensure_future(wait("good"))
        for deadline in (200, 400, 600):
            await asyncio.sleep(60)
            outcome = await wait("broken", deadline=EPOCH + deadline)
            assert isinstance(outcome.error, ImportJobTimeoutError)
        return await good

    _, outcome = run(scenario)
    assert outcome.error is None
    assert caplog.text.count("Still waiting") == 3


def test_a_list_that_always_fails_is_not_needed(run):
    def no_lists(request):
        return None if "importJobs/" in request.url else ("InternalServerException", 500)

    async def scenario(service):
        for n in range(30):
            service.add("kb", f"job{n}", 60)
        service.next(*[no_lists] * 5000)
        outcomes = await asyncio.gather(*(wait(f"job{n}") for n in range(30)))
        return outcomes, service.loop.now - EPOCH

    _, (outcomes, noticed) = run(scenario)
    assert kinds(outcomes) == [OK] * 30
    assert noticed < 180


def test_a_knowledge_base_that_does_not_exist_is_told_to_all_its_waits_at_once(run):
    def missing(request):
        return ("ResourceNotFoundException", 404) if "/gone/" in request.url else None

    async def scenario(service):
        service.add("kb", "job", 10)
        service.next(*[missing] * 500)
        return await asyncio.gather(wait("job"), *(wait(f"job{n}", "gone") for n in range(200)))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK, *[ResourceNotFoundError] * 200]
    assert sum(service.calls.values()) < 30


def test_a_clock_that_is_set_back_changes_nothing(run, monkeypatch):
    async def scenario(service):
        service.add("kb", "job", 100)
        task = asyncio.ensure_future(wait("job", deadline=EPOCH + 200))
        await asyncio.sleep(20)
        monkeypatch.setattr("time.time", lambda: service.loop.now - 86_400)
        outcome = await task
        return outcome, service.loop.now - EPOCH

    _, (outcome, noticed) = run(scenario)
    assert outcome.error is None
    assert noticed < 115


def test_a_complete_job_that_cannot_be_read_alone_is_complete_all_the_same(run):
    def no_gets(request):
        return ("InternalServerException", 500) if "importJobs/" in request.url else None

    async def scenario(service):
        for n in range(3):
            service.add("kb", f"job{n}", 10)
        service.next(*[no_gets] * 5000)
        return await asyncio.gather(*(wait(f"job{n}", whole=True, deadline=EPOCH + 100) for n in range(3)))

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 3
    assert all(outcome.job.url is None for outcome in outcomes)


def surprising(_request):
    """Raise what nobody thought of where botocore sends a request."""
    raise RuntimeError("what?")


def test_a_surprise_is_survived(run):
    """Twice, and then no more."""

    async def scenario(service):
        service.add("kb", "job", 5)
        service.next(surprising, surprising)
        return await wait("job")

    _, outcome = run(scenario)
    assert outcome.error is None


def test_a_connection_that_is_reset_is_weather(run):
    def reset(_request):
        raise ConnectionClosedError(endpoint_url="https://wisdom")

    async def scenario(service):
        service.add("kb", "job", 10)
        service.next(reset, reset)
        return await wait("job")

    _, outcome = run(scenario)
    assert outcome.error is None


def test_what_is_final_for_one_job_ends_its_wait_alone(run):
    async def scenario(service):
        service.add("kb", "good", 20)
        service.add("kb", "bad", 5, status="FAILED")
        service.add("kb", "odd", 5, status="ON_HOLD")
        service.add("other", "good", 20)
        waits = [wait("good"), wait("bad"), wait("odd"), wait("missing"), wait("good", "other"), wait("x", "gone")]
        return await asyncio.gather(*waits)

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [
        OK,
        ImportJobFailedError,
        UnknownImportJobStatusError,
        ResourceNotFoundError,
        OK,
        ResourceNotFoundError,
    ]
    assert outcomes[1].job.status == "FAILED"


def test_a_job_that_is_deleted_while_it_is_waited_for_is_missing(run):
    async def scenario(service):
        for n in range(5):
            service.add("kb", f"job{n}", 30)
        waits = [asyncio.ensure_future(wait(f"job{n}")) for n in range(5)]
        await asyncio.sleep(5)
        del service.jobs["kb"]["job3"]
        return await asyncio.gather(*waits)

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [OK, OK, OK, ResourceNotFoundError, OK]
    assert outcomes[3].job.status == "START_IN_PROGRESS"


def test_without_permission_to_list_each_job_is_looked_at_alone(run):
    def deny_lists(request):
        return None if "importJobs/" in request.url else ("AccessDeniedException", 403)

    async def scenario(service):
        for n in range(5):
            service.add("kb", f"job{n}", 10)
        service.next(*[deny_lists] * 500)
        return await asyncio.gather(*(wait(f"job{n}") for n in range(5)))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 5
    assert service.calls["ListImportJobs"] == 1


def test_one_knowledge_base_in_trouble_does_not_slow_down_the_others(run):
    def broken(request):
        return ("InternalServerException", 500) if "/bad/" in request.url else None

    async def scenario(service):
        for n in range(20):
            service.add(f"kb{n}", "job", 20)
        service.next(*[broken] * 5000)
        bad = asyncio.ensure_future(wait("job", "bad", deadline=EPOCH + 120))
        await asyncio.gather(*(wait("job", f"kb{n}") for n in range(20)))
        noticed = service.loop.now - EPOCH
        return noticed, await bad

    _, (noticed, bad) = run(scenario)
    assert noticed < 20 + 8
    assert isinstance(bad.error, ImportJobTimeoutError)


def test_keys_that_are_rotated_in_the_middle_of_a_wait_are_taken_up(run, monkeypatch):
    """AWS refuses the old key; the Airflow connection has the new one by then."""

    def put(key):
        extra = {"region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": key, "password": "s", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_KEYS", json.dumps(connection))

    def only_the_new(request):
        return None if b"NEWKEY" in request.headers["Authorization"] else ("UnrecognizedClientException", 403)

    async def scenario(service):
        put("OLDKEY")
        over = connection(aws_conn_id="keys")
        for n in range(5):
            service.add(f"kb{n % 2}", f"job{n}", 100)
        waits = [asyncio.ensure_future(wait(f"job{n}", f"kb{n % 2}", over)) for n in range(5)]
        await asyncio.sleep(20)
        put("NEWKEY")
        service.next(*[only_the_new] * 5000)
        return await asyncio.gather(*waits)

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 5


@pytest.mark.parametrize("days", [0.01, 4])
def test_a_look_up_that_fails_for_a_while_is_weather(run, monkeypatch, days):
    """Airflow's API server is being upgraded: no fake of it is at hand, so that the look-up is patched."""
    make = AwsConnection.hook

    async def scenario(service):
        def hook(self, **how):
            if service.loop.now < EPOCH + days * 86_400:
                raise RuntimeError("API_SERVER_ERROR")
            return make(self, **how)

        monkeypatch.setattr(AwsConnection, "hook", hook)
        service.add("kb", "job", 5)
        return await wait("job")

    _, outcome = run(scenario)
    assert outcome.error is None


@pytest.mark.parametrize("rate", ["0", "-3", "many"])
def test_a_budget_that_is_no_number_does_not_fail_the_waits(run, monkeypatch, caplog, rate):
    monkeypatch.setenv("AIRFLOW__WISDOM__CALLS_PER_SECOND", rate)

    async def scenario(service):
        service.add("kb", "job", 5)
        return await wait("job")

    service, outcome = run(scenario)
    assert outcome.error is None
    assert service.peak() <= 5
    assert "calls_per_second" in caplog.text
    assert "using the default" in caplog.text


def test_jobs_that_are_overdue_all_at_once_get_their_last_look(run):
    """After a night without a triggerer: 100 knowledge bases, and the budget allows 5 looks a second."""

    async def scenario(service):
        for n in range(100):
            service.add(f"kb{n}", "job", 5, created=EPOCH - 900)
        return await asyncio.gather(*(wait("job", f"kb{n}", deadline=EPOCH - 300) for n in range(100)))

    service, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 100
    assert service.peak() <= 5


def test_a_wait_that_is_cancelled_at_once_leaves_no_task(run):
    async def scenario(service):
        for ticks in range(7):
            service.add("kb", f"job{ticks}", 50)
            first = asyncio.ensure_future(wait(f"job{ticks}"))
            await asyncio.sleep(3)
            second = asyncio.ensure_future(wait("another"))
            for _ in range(ticks):
                await asyncio.sleep(0)
            for task in (first, second):
                task.cancel()
            await asyncio.gather(first, second, return_exceptions=True)

    run(scenario)


def test_an_id_that_aws_spells_differently_is_the_id_that_was_asked_for(run):
    async def scenario(service):
        service.add("kb", "job", 20)
        summary = service._summary
        service._summary = lambda kb, job: {**summary(kb, job), "importJobId": job.upper()}
        return await wait("job", deadline=EPOCH + 60)

    _, outcome = run(scenario)
    assert outcome.error is None


def test_what_is_final_for_the_connection_is_told_to_everybody_at_once(run):
    async def scenario(service):
        for n in range(200):
            service.add(f"kb{n % 3}", f"job{n}", 3600)
        waits = [asyncio.ensure_future(wait(f"job{n}", f"kb{n % 3}")) for n in range(200)]
        await asyncio.sleep(10)
        service.next(*[("ExpiredTokenException", 403)] * 10)
        outcomes = await asyncio.gather(*waits)
        return outcomes, service.loop.now - EPOCH

    _, (outcomes, when) = run(scenario)
    assert kinds(outcomes) == [InvalidCredentialsError] * 200
    assert when < 20


def test_a_missing_connection_is_told_and_asked_for_again_by_the_next(run, monkeypatch):
    async def scenario(service):
        over = connection(aws_conn_id="mispelt")
        first = await asyncio.gather(wait("a", over=over), wait("b", over=over))
        monkeypatch.setenv("AIRFLOW_CONN_MISPELT", '{"conn_type": "aws", "extra": {"region_name": "us-east-1"}}')
        service.add("kb", "a", 5)
        return [*first, await wait("a", over=over)]

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [AirflowConnectionNotFoundError] * 2 + [OK]


def test_a_wait_ends_at_its_deadline_after_one_last_look(run):
    async def scenario(service):
        service.add("kb", "long", 3600)
        service.add("kb", "just in time", 59.9)
        outcomes = await asyncio.gather(
            wait("long", deadline=EPOCH + 60, cadence=Cadence.of(45)),
            wait("just in time", deadline=EPOCH + 60, cadence=Cadence.of(45)),
        )
        return outcomes, service.loop.now - EPOCH

    _, (outcomes, when) = run(scenario)
    assert kinds(outcomes) == [ImportJobTimeoutError, OK]
    assert outcomes[0].error.status == "START_IN_PROGRESS"
    assert 60 <= when < 61.5


def test_a_wait_ends_at_its_deadline_even_if_no_answer_comes(run):
    async def scenario(service):
        service.add("kb", "job", 1)

        def hang(_request):
            service.latency = 900

        service.next(hang)
        outcome = await wait("job", deadline=EPOCH + 60)
        return outcome, service.loop.now - EPOCH

    _, (outcome, when) = run(scenario)
    assert isinstance(outcome.error, ImportJobTimeoutError)
    assert when == 60 + GRACE


def test_a_deadline_that_has_passed_leaves_one_look(run):
    """As when a triggerer starts again after a long night."""

    async def scenario(service):
        service.add("kb", "done", 5, created=EPOCH - 100)
        service.add("kb", "running", 500)
        return await asyncio.gather(wait("done", deadline=EPOCH - 50), wait("running", deadline=EPOCH - 50))

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [OK, ImportJobTimeoutError]


def test_an_interval_that_a_user_sets_is_kept(run):
    async def scenario(service):
        service.add("kb", "job", 100)
        await wait("job", cadence=Cadence.of(30))

    service, _ = run(scenario)
    times = [round(when - EPOCH) for when, _, _ in service.log]
    assert times == [0, 30, 60, 90, 120]


def test_a_whole_job_is_read_alone_once_it_is_complete(run):
    async def scenario(service):
        for n in range(20):
            service.add("kb", f"job{n}", 10)
        return await asyncio.gather(*(wait(f"job{n}", whole=n < 3) for n in range(20)))

    _, outcomes = run(scenario)
    assert all(outcome.job.url for outcome in outcomes[:3])
    assert not all(outcome.job.url for outcome in outcomes[3:])


def test_a_cancelled_wait_leaves_the_others_alone(run):
    async def scenario(service):
        for n in range(4):
            service.add("kb", f"job{n}", 30)
        waits = [asyncio.ensure_future(wait(f"job{n}")) for n in range(4)]
        await asyncio.sleep(5)
        waits[1].cancel()
        rest = await asyncio.gather(*waits, return_exceptions=True)
        assert isinstance(rest[1], asyncio.CancelledError)
        return rest[:1] + rest[2:]

    _, outcomes = run(scenario)
    assert kinds(outcomes) == [OK] * 3


@pytest.mark.parametrize("seed", range(10))
def test_waits_may_come_and_go_at_any_moment(run, seed):
    """A day at random: joins, cancellations, failures of the service; every wait that stays gets its answer."""
    draw = random.Random(seed)
    disasters = [("ThrottlingException", 429), ("InternalServerException", 500), b"?", b"{}"]

    async def scenario(service):
        waits, cancelled = [], set()
        for n in range(150):
            knowledge_base, duration = f"kb{draw.randrange(4)}", draw.choice([0, 1, 10, 100])
            status = draw.choice(["COMPLETE"] * 5 + ["FAILED", "STRANGE"])
            service.add(knowledge_base, f"job{n}", duration, status=status)
            waits.append((status, asyncio.ensure_future(wait(f"job{n}", knowledge_base))))
            if draw.random() < 0.2:
                service.next(draw.choice(disasters))
            if draw.random() < 0.2:
                victim = draw.randrange(len(waits))
                if waits[victim][1].cancel():
                    cancelled.add(victim)
            await asyncio.sleep(draw.choice([0, 0, 0.01, 0.3, 5, 200]))
        ends = await asyncio.gather(*(task for _, task in waits), return_exceptions=True)
        for n, ((status, _), end) in enumerate(zip(waits, ends, strict=True)):
            if n in cancelled:
                assert isinstance(end, asyncio.CancelledError)
            else:
                assert (end.error is None) is (status == "COMPLETE")

    service, _ = run(scenario)
    assert service.peak() <= 5


def test_a_loop_that_ends_in_the_middle_leaves_nothing_for_the_next(monkeypatch):
    """Two loops one after the other, and what the first did not finish."""
    with world(monkeypatch) as (first, service):
        service.add("kb", "job", 3600)
        task = first.create_task(wait("job"))
        first.run_until_complete(asyncio.sleep(10))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            first.run_until_complete(task)
        first.run_until_complete(asyncio.sleep(0))
    with world(monkeypatch) as (second, service):
        service.add("kb", "job", 5)
        assert second.run_until_complete(wait("job")).error is None
        assert ImportJobWatcher._watchers == {}
        assert list(Calls._all) == [second]


def test_two_loops_at_once_have_a_watcher_each(monkeypatch):
    with world(monkeypatch) as (one, service), world(monkeypatch) as (other, _):
        for loop in (one, other):
            loop.service = service
            loop.create_task(wait("job"))
            loop.run_until_complete(asyncio.sleep(0))
        assert len({calls.loop for calls in ImportJobWatcher._watchers}) == 2
        for loop in (one, other):
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.run_until_complete(asyncio.sleep(0))


def test_a_bug_ends_in_the_open(run, caplog):
    async def scenario(service):
        service.add("kb", "job", 5)
        service.next(*[surprising] * 100)
        outcome = await wait("job")
        assert 7 < service.loop.now - EPOCH < 60
        return outcome

    _, outcome = run(scenario)
    assert type(outcome.error) is WisdomError
    assert "what?" in str(outcome.error)
    assert "Traceback" in caplog.text


def test_expiring_credentials_are_refreshed_in_the_middle_of_a_wait(run, monkeypatch):
    """The connection assumes a role whose credentials are about to expire, again and again."""
    extra = {"region_name": "us-east-1", "role_arn": "arn:aws:iam::123456789012:role/importer"}
    monkeypatch.setenv("AIRFLOW_CONN_ROLE", json.dumps({"conn_type": "aws", "extra": extra}))

    async def scenario(service):
        service.add("kb", "job", 20)
        return await wait("job", over=connection(aws_conn_id="role"))

    service, outcome = run(scenario)
    assert outcome.error is None
    assert len(service.credentials) > 3


def test_the_delay_in_noticing_an_end_is_a_tenth_of_the_duration(run):
    async def delay(service, n):
        duration = 5 + 10 * n
        service.add("kb", f"job{n}", duration)
        began = service.loop.now
        await wait(f"job{n}")
        return (service.loop.now - began - duration) / duration

    async def scenario(service):
        with Calls.of(connection()).kept():
            return [await delay(service, n) for n in range(40)]

    _, delays = run(scenario)
    assert max(delays) < 0.25
    assert median(delays) < 0.1
