"""The calls of one AWS connection on virtual time: one client, one budget, credentials renewed once, and an end."""

from __future__ import annotations

import asyncio
import json

import pytest
from rigs.network import clients_counted
from rigs.virtual import EPOCH, world

from airflow_wisdom.exceptions import InvalidCredentialsError, ThrottlingError
from airflow_wisdom.hooks.calls import Calls
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.watcher import ImportJobWatcher

PARAMETERS = {
    "aws_conn_id": None,
    "region_name": "us-east-1",
    "verify": None,
    "botocore_config": None,
    "service_name": "wisdom",
}


def connection(**changes):
    return AwsConnection(**{**PARAMETERS, **changes})


@pytest.fixture
def run(monkeypatch):
    """Run a scenario `async def scenario(service)` in a world of its own, and check that nothing is left of it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AIRFLOW__WISDOM__CALLS_PER_SECOND", "5")

    def run(scenario, **options):
        with world(monkeypatch, **options) as (loop, service):
            result = loop.run_until_complete(scenario(service))
            assert Calls._all.get(loop, {}) == {}
            return service, result

    return run


def times(service):
    return [round(when - EPOCH, 3) for when, _, _ in service.log]


def look(calls, job="job"):
    return calls.ask(lambda hook: hook.get_import_job("kb", job))


def test_all_who_need_the_same_connection_share_a_client_and_a_budget(run):
    async def scenario(service):
        service.add("kb", "job", 0)
        with Calls.of(connection()).kept() as one, Calls.of(connection()).kept() as other:
            assert one is other
            await asyncio.gather(*(look(calls) for calls in (one, other) * 10))

    with clients_counted() as made:
        service, _ = run(scenario)
    assert made == [1]
    assert len(service.log) == 20
    assert service.peak() <= 5


OTHERS = {
    "aws_conn_id": "other",
    "region_name": "eu-west-2",
    "verify": False,
    "botocore_config": {"read_timeout": 9},
    "service_name": "qconnect",
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_connections_that_differ_in_anything_share_nothing(run, name):
    """Least of all in whether certificates are verified."""

    async def scenario(service):
        same, other = connection(), connection(**{name: OTHERS[name]})
        with Calls.of(same).kept() as one, Calls.of(connection()).kept() as again, Calls.of(other).kept() as apart:
            watchers = [ImportJobWatcher._of(each) for each in (same, connection(), other)]
            for watcher in watchers:
                watcher._close_if_unused()
            return one is again, one is apart, watchers[0] is watchers[1], watchers[0] is watchers[2]

    assert run(scenario)[1] == (True, False, True, False)


def test_throttling_holds_the_budget_of_everybody(run):
    """The quota is one for all callers of the account: nobody else would fare better."""

    async def scenario(service):
        service.add("kb", "job", 0)
        service.next(("ThrottlingException", 400), ("ThrottlingException", 429))
        with Calls.of(connection()).kept() as calls:
            for _ in range(2):
                with pytest.raises(ThrottlingError):
                    await look(calls)
            await asyncio.gather(*(look(calls) for _ in range(3)))

    service, _ = run(scenario)
    first, second, third, *rest = times(service)
    # Half of a pause is left to chance; without one, calls are 0.2 s apart.
    assert second - first >= 0.5
    assert third - second >= 1.0
    assert max(rest) - third < 1.0


def test_a_burst_of_throttling_counts_once(run):
    """What was on its way already says nothing about whether the pause was long enough."""

    async def scenario(service):
        service.add("kb", "job", 0)
        service.usual_latency = 3
        service.next(*[("ThrottlingException", 429)] * 8)
        with Calls.of(connection()).kept() as calls:
            ends = await asyncio.gather(*(look(calls) for _ in range(8)), return_exceptions=True)
            assert {type(end) for end in ends} == {ThrottlingError}
            throttled = service.loop.now - EPOCH
            await look(calls)
            return throttled

    service, throttled = run(scenario)
    # As after a first failure: a second at most, from the first of the answers.
    assert times(service)[-1] - throttled <= 1.0


def test_answers_to_what_was_sent_before_do_not_end_a_streak_of_throttling(run):
    async def scenario(service):
        service.add("kb", "job", 0)

        def slowly(_request):
            service.latency = 40

        with Calls.of(connection()).kept() as calls:
            service.next(slowly)
            slow = asyncio.ensure_future(look(calls))
            await asyncio.sleep(1)
            service.next(*[("ThrottlingException", 429)] * 6)
            for _ in range(5):
                with pytest.raises(ThrottlingError):
                    await look(calls)
            await slow
            with pytest.raises(ThrottlingError):
                await look(calls)
            await look(calls)

    service, _ = run(scenario)
    *_, before_last, last = times(service)
    # The sixth in a row: 32 s, of which 30 are allowed, and half of them left to chance.
    assert last - before_last >= 15


def test_credentials_that_worked_before_are_renewed_once(run, monkeypatch):
    def put(key):
        extra = {"region_name": "us-east-1"}
        monkeypatch.setenv(
            "AIRFLOW_CONN_KEYS", json.dumps({"conn_type": "aws", "login": key, "password": "s", "extra": extra})
        )

    def only_the_new(request):
        return None if b"NEWKEY" in request.headers["Authorization"] else ("ExpiredTokenException", 403)

    async def scenario(service):
        put("OLDKEY")
        service.add("kb", "job", 0)
        with Calls.of(connection(aws_conn_id="keys")).kept() as calls:
            await look(calls)
            put("NEWKEY")
            service.next(*[only_the_new] * 100)
            await asyncio.gather(*(look(calls) for _ in range(8)))

    with clients_counted() as made:
        run(scenario)
    assert made == [1, 1]


def test_credentials_that_never_worked_are_final(run):
    async def scenario(service):
        service.next(*[("UnrecognizedClientException", 403)] * 2)
        with Calls.of(connection()).kept() as calls, pytest.raises(InvalidCredentialsError):
            await look(calls)

    with clients_counted() as made:
        service, _ = run(scenario)
    assert made == [1]
    assert len(service.log) == 1


def test_the_last_who_leaves_closes_it_and_whoever_comes_next_gets_another(run):
    async def scenario(service):
        service.add("kb", "job", 0)
        with Calls.of(connection()).kept() as first:
            with Calls.of(connection()).kept():
                await look(first)
            # Somebody is still there.
            await look(first)
        assert first._executor._shutdown
        with Calls.of(connection()).kept() as second:
            await look(second)
        return first is second

    with clients_counted() as made:
        _, same = run(scenario)
    assert not same
    assert made == [1, 1]


def test_a_hook_that_could_not_be_made_is_made_again_by_the_next_call(run, monkeypatch):
    async def scenario(service):
        service.add("kb", "job", 0)
        with Calls.of(connection(aws_conn_id="late")).kept() as calls:
            with pytest.raises(Exception, match="does not exist"):
                await look(calls)
            monkeypatch.setenv("AIRFLOW_CONN_LATE", '{"conn_type": "aws", "extra": {"region_name": "us-east-1"}}')
            return await look(calls)

    assert run(scenario)[1].import_job_id == "job"
