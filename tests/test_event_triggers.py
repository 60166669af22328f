"""The trigger of an AssetWatcher, on virtual time: each ending once, over errors and restarts, for few calls."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from contextlib import aclosing

import pytest
from airflow.triggers.base import BaseEventTrigger
from rigs.virtual import EPOCH, world

from airflow_wisdom.assets import imports_of
from airflow_wisdom.hooks.connection import AwsConnection
from airflow_wisdom.triggers import WisdomEndingsTrigger
from airflow_wisdom.triggers.endings import SETTLING
from airflow_wisdom.watcher import ImportJobWatcher
from airflow_wisdom.watcher.history import CLIENT_FOR, FINAL_PAUSE, WHOLE_EVERY

OTHER_THAN_DEFAULT = {
    "knowledge_base_id": "kb",
    "statuses": ["COMPLETE", "FAILED"],
    "catch_up": 60.0,
    "poll_interval": 2.5,
    "aws_conn_id": "other",
    "region_name": "eu-west-2",
    "verify": False,
    "botocore_config": {"read_timeout": 3},
    "service_name": "qconnect",
}
HOUR = 3600


class Store:
    """The state store of an asset, as the triggerer hands it to a trigger of Airflow 3.3.2."""

    def __init__(self):
        self.rows = {}

    async def aget(self, key):
        return json.loads(self.rows[key]) if key in self.rows else None

    async def aset(self, key, value):
        self.rows[key] = json.dumps(value, allow_nan=False)


class BlockingStore:
    """The same of Airflow 3.3.0."""

    def __init__(self):
        self.rows = {}

    def get(self, key):
        return self.rows.get(key)

    def set(self, key, value):
        self.rows[key] = value


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
            loop.run_until_complete(asyncio.sleep(0))
            assert asyncio.all_tasks(loop) == set()
            return service, result

    return run


class Running:
    """A trigger as the triggerer runs it: made from what the database holds, and killed at any moment."""

    def __init__(self, store=None, **parameters):
        parameters = {"knowledge_base_id": "kb", "aws_conn_id": None, "region_name": "us-east-1", **parameters}
        _, kwargs = WisdomEndingsTrigger(**parameters).serialize()
        trigger = WisdomEndingsTrigger(**json.loads(json.dumps(kwargs, allow_nan=False)))
        trigger.asset_state_store = store
        self.payloads = []
        self.times = []
        self.tells = asyncio.Event()
        self._task = asyncio.ensure_future(self._run(trigger))

    async def _run(self, trigger):
        async with aclosing(trigger.run()) as events:
            async for event in events:
                self.payloads.append(json.loads(json.dumps(event.payload, allow_nan=False)))
                self.times.append(asyncio.get_running_loop().time())
                self.tells.set()

    @property
    def told(self):
        return [job["importJobId"] for payload in self.payloads for job in imports_of({"payload": payload})]

    @staticmethod
    def new_triggerer():
        """Forget what only a triggerer's own process knows."""
        WisdomEndingsTrigger._pasts.clear()

    async def kill(self):
        assert not self._task.done()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.told


def test_serialisation_keeps_every_parameter_of_the_constructor():
    signatures = (inspect.signature(kind).parameters for kind in (WisdomEndingsTrigger, AwsConnection))
    parameters = {name: p for signature in signatures for name, p in signature.items() if name != "aws"}
    assert set(OTHER_THAN_DEFAULT) == set(parameters)
    for name, value in OTHER_THAN_DEFAULT.items():
        assert value != parameters[name].default, name
    path, kwargs = WisdomEndingsTrigger(**OTHER_THAN_DEFAULT).serialize()
    assert path == "airflow_wisdom.triggers.WisdomEndingsTrigger"
    assert json.loads(json.dumps(kwargs, allow_nan=False)) == OTHER_THAN_DEFAULT


def test_airflow_takes_it_for_a_watcher_and_one_of_the_same_parameters_for_the_same():
    first, second = (WisdomEndingsTrigger(**OTHER_THAN_DEFAULT).serialize() for _ in range(2))
    assert issubclass(WisdomEndingsTrigger, BaseEventTrigger)
    assert BaseEventTrigger.hash(*first) == BaseEventTrigger.hash(*second)
    # Its place is where the events are: Airflow has no queue for one that belongs to no task.
    assert getattr(WisdomEndingsTrigger, "supports_triggerer_queue", False) is False


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"knowledge_base_id": ""}, "knowledge_base_id"),
        ({"poll_interval": 0}, "poll_interval"),
        ({"catch_up": -1}, "catch_up"),
        ({"statuses": []}, "COMPLETE"),
        ({"statuses": ["DONE"]}, "DONE"),
        ({"statuses": ["START_IN_PROGRESS"]}, "START_IN_PROGRESS"),
    ],
)
def test_what_makes_no_sense_is_refused_when_the_dag_is_parsed(wrong, words):
    with pytest.raises(ValueError, match=words):
        WisdomEndingsTrigger(**{"knowledge_base_id": "kb", **wrong})


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_every_job_that_ends_is_told_once_with_what_a_list_shows(run, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()

    async def scenario(service):
        service.add("kb", "history", 0, created=EPOCH - HOUR)
        service.add("kb", "already running", 30, created=EPOCH - 10)
        trigger = Running()
        await asyncio.sleep(60)
        service.add("kb", "fails", 25, status="FAILED")
        await asyncio.sleep(600)
        return await trigger.kill(), trigger.payloads

    _, (told, payloads) = run(scenario)
    monkeypatch.delenv("TZ")
    time.tzset()
    assert told == ["already running", "fails"]
    (job,) = payloads[1]["importJobs"]
    assert payloads[1] == {
        "knowledgeBaseId": "kb",
        "knowledgeBaseArn": "arn:aws:wisdom:us-east-1:123456789012:knowledge-base/kb",
        "status": "FAILED",
        "importJobs": [
            {
                "importJobId": "fails",
                "importJobType": "QUICK_RESPONSES",
                "status": "FAILED",
                "createdTime": job["createdTime"],
                "lastModifiedTime": job["lastModifiedTime"],
                "metadata": {},
            }
        ],
        "records": {},
    }
    assert job["createdTime"].startswith("2027-01-15T08:01:00")
    assert job["lastModifiedTime"].startswith("2027-01-15T08:01:25")


def test_only_the_wanted_endings_are_told(run):
    async def scenario(service):
        trigger = Running(statuses=["COMPLETE"])
        await asyncio.sleep(20)
        service.add("kb", "bad", 5, status="FAILED")
        service.add("kb", "good", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["good"]


@pytest.mark.parametrize("store", [Store, BlockingStore])
def test_a_restart_with_a_store_loses_nothing_and_repeats_nothing(run, store):
    """However long nobody looked, and whatever the first look after it shows."""

    async def scenario(service):
        kept, told = store(), []
        service.add("kb", "history", 0, created=EPOCH - 100 * HOUR)
        for days in (0.01, 1, 3):
            Running.new_triggerer()
            trigger = Running(kept)
            await asyncio.sleep(20)
            service.add("kb", f"seen {days}", 30)
            service.add("kb", f"running {days}", 20 * HOUR)
            await asyncio.sleep(60)
            told += await trigger.kill()
            service.add("kb", f"unseen {days}", 10)
            await asyncio.sleep(days * 24 * HOUR)
        Running.new_triggerer()
        last = Running(kept)
        await asyncio.sleep(60)
        return told + await last.kill(), [job for job in service.jobs["kb"] if job != "history"]

    _, (told, jobs) = run(scenario)
    assert sorted(told) == sorted(jobs)


def test_a_kill_in_the_moment_of_telling_tells_again_and_later_does_not(run):
    async def scenario(service):
        store = Store()
        first = Running(store)
        await asyncio.sleep(20)
        service.add("kb", "job", 1)
        await first.tells.wait()
        await first.kill()
        second = Running(store)
        await asyncio.sleep(SETTLING + 1)
        told = [first.told, await second.kill()]
        third = Running(store)
        await asyncio.sleep(60)
        return [*told, await third.kill()]

    assert run(scenario)[1] == [["job"], ["job"], []]


@pytest.mark.parametrize(("killed_after", "told_again"), [(0, True), (2, True), (5, False)])
def test_an_ending_counts_as_told_once_airflow_has_had_seconds_to_write_it_down(run, killed_after, told_again):
    """Measured in seconds, whatever the constant is: told too early for told, it might never reach the database."""

    async def scenario(service):
        store = Store()
        first = Running(store)
        await asyncio.sleep(20)
        service.add("kb", "job", 1)
        await first.tells.wait()
        await asyncio.sleep(killed_after)
        await first.kill()
        second = Running(store)
        await asyncio.sleep(60)
        return await second.kill()

    assert run(scenario)[1] == (["job"] if told_again else [])


def test_a_restart_without_a_store_begins_again_or_catches_up(run):
    async def scenario(service):
        for trigger in (Running(), Running(catch_up=2 * HOUR)):
            await asyncio.sleep(20)
            assert await trigger.kill() == []
        service.add("kb", "job", 10)
        await asyncio.sleep(HOUR)
        told = []
        for catch_up in (0, 2 * HOUR):
            Running.new_triggerer()
            trigger = Running(catch_up=catch_up)
            await asyncio.sleep(20)
            told.append(await trigger.kill())
        return tuple(told)

    assert run(scenario)[1] == ([], ["job"])


DROPPED = 2.0
"""Seconds: what was fired so shortly before Airflow stopped a trigger, it may have dropped (measured: 0.8 to 2.0)."""


@pytest.mark.parametrize("store", [Store, lambda: None], ids=["store", "no store"])
@pytest.mark.parametrize(("life", "gap"), [(11.7, 0.7), (17.3, 15.0)])
def test_endings_survive_an_airflow_that_stops_and_starts_the_watcher_all_the_time(run, store, life, gap):
    """As it does where another DAG file names the asset without its watchers."""

    async def scenario(service):
        kept, registered, doubtful = store(), [], set()
        service.add("kb", "history", 0, created=EPOCH - HOUR)
        first = Running(kept)
        await asyncio.sleep(20)
        await first.kill()
        for number in range(40):
            # One each 9.7 s: some end while the trigger runs, some in a gap, some just before it is stopped.
            service.add("kb", f"job{number}", 9.7 * number)
        while service.loop.now < EPOCH + 40 * 9.7 + 60:
            trigger = Running(kept)
            await asyncio.sleep(life)
            stopped = service.loop.now
            await trigger.kill()
            ages = [stopped - when for when in trigger.times]
            registered += [job for job, age in zip(trigger.told, ages, strict=True) if age > DROPPED]
            doubtful |= {job for job, age in zip(trigger.told, ages, strict=True) if DROPPED < age <= SETTLING}
            await asyncio.sleep(gap)
        return registered, doubtful, set(service.jobs["kb"]) - {"history"}

    _, (registered, doubtful, jobs) = run(scenario)
    assert set(registered) == jobs
    assert {job for job in registered if registered.count(job) > 1} <= doubtful
    assert len(doubtful) < len(jobs) / 4


def test_a_trigger_that_starts_before_the_one_before_it_is_stopped_goes_on_where_that_was(run):
    """Airflow starts what is new before it stops what is gone."""

    async def scenario(service):
        old = Running()
        await asyncio.sleep(20)
        service.add("kb", "first", 5)
        await asyncio.sleep(20)
        new = Running()
        await asyncio.sleep(0)
        told = await old.kill()
        service.add("kb", "second", 5)
        await asyncio.sleep(20)
        return told, await new.kill()

    assert run(scenario)[1] == (["first"], ["second"])


@pytest.mark.parametrize(("hours", "told"), [(0.9, ["job"]), (1.1, [])])
def test_a_triggerer_remembers_a_stopped_watcher_for_an_hour(run, hours, told):
    async def scenario(service):
        first = Running()
        await asyncio.sleep(2 * HOUR)
        await first.kill()
        service.add("kb", "job", 10)
        await asyncio.sleep(hours * HOUR)
        second = Running()
        await asyncio.sleep(20)
        return await second.kill()

    assert run(scenario)[1] == told
    assert len(WisdomEndingsTrigger._pasts) == 1


def test_a_watcher_of_other_parameters_begins_from_scratch(run):
    async def scenario(service):
        first = Running()
        await asyncio.sleep(20)
        await first.kill()
        service.add("kb", "job", 5)
        await asyncio.sleep(20)
        others = [Running(statuses=["COMPLETE"]), Running(catch_up=1), Running(region_name="eu-west-2")]
        await asyncio.sleep(20)
        return [await other.kill() for other in others]

    assert run(scenario)[1] == [[], [], []]


@pytest.mark.parametrize(("every", "warnings"), [(30, 2), (250, 0)])
def test_a_watcher_that_is_stopped_and_started_all_the_time_says_why_once_an_hour(run, caplog, every, warnings):
    async def scenario(service):
        for _ in range(4500 // every):
            trigger = Running()
            await asyncio.sleep(every)
            await trigger.kill()

    run(scenario)
    assert caplog.text.count("names the asset without its watchers") == warnings


def test_two_selections_of_one_asset_do_not_share_their_memory(run):
    async def scenario(service):
        store = Store()
        good, bad = Running(store, statuses=["COMPLETE"]), Running(store, statuses=["FAILED"])
        await asyncio.sleep(20)
        await bad.kill()
        service.add("kb", "bad", 5, status="FAILED")
        service.add("kb", "good", 5)
        await asyncio.sleep(60)
        bad = Running(store, statuses=["FAILED"])
        await asyncio.sleep(20)
        return await good.kill(), await bad.kill()

    assert run(scenario)[1] == (["good"], ["bad"])


def test_several_assets_have_no_store_in_common(run, caplog):
    """Airflow hands over all of them, and refuses to choose."""

    class Several:
        async def aget(self, key):
            raise ValueError("Task has 2 concrete inlets and outlets")

    async def scenario(service):
        trigger = Running(Several())
        await asyncio.sleep(20)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    assert caplog.text.count("not remembered") == 1


def test_a_store_that_does_not_answer_is_waited_for_rather_than_forgotten(run, caplog):
    class Unreachable(Store):
        failures = 5

        async def aget(self, key):
            self.failures -= 1
            if self.failures >= 0:
                raise RuntimeError("API server down")
            return await super().aget(key)

    async def scenario(service):
        store = Unreachable()
        store.failures = 0
        first = Running(store)
        await asyncio.sleep(20)
        await first.kill()
        service.add("kb", "job", 5)
        store.failures = 5
        second = Running(store)
        await asyncio.sleep(120)
        return await second.kill()

    assert run(scenario)[1] == ["job"]
    assert caplog.text.count("cannot be read") == 1


@pytest.mark.parametrize("stored", ["a text", [1], 0])
def test_what_no_trigger_has_stored_is_nothing_remembered(run, stored):
    class Foreign(Store):
        async def aget(self, key):
            return stored

    async def scenario(service):
        trigger = Running(Foreign())
        await asyncio.sleep(20)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]


def test_a_store_that_refuses_to_write_does_not_silence_the_trigger(run, caplog):
    class Full(Store):
        async def aset(self, key, value):
            raise RuntimeError("no space")

    async def scenario(service):
        trigger = Running(Full())
        await asyncio.sleep(20)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    assert "may report some endings again" in caplog.text


def test_many_watchers_of_one_knowledge_base_share_one_poll(run):
    async def scenario(service):
        triggers = [Running(poll_interval=10 + n, statuses=["COMPLETE"] if n % 2 else None) for n in range(50)]
        await asyncio.sleep(20)
        service.add("kb", "job", 5)
        await asyncio.sleep(280)
        return [await trigger.kill() for trigger in triggers]

    service, told = run(scenario)
    assert told == [["job"]] * 50
    assert service.calls["ListImportJobs"] <= 31
    assert set(service.calls) == {"ListImportJobs"}


def test_who_comes_later_sees_the_whole_list_first(run):
    async def scenario(service):
        for n in range(500):
            service.add("kb", f"old{n}", 0, created=EPOCH - (500 - n) * HOUR)
        early = Running()
        await asyncio.sleep(60)
        late = Running(catch_up=1000 * HOUR)
        await asyncio.sleep(60)
        return len(await late.kill()), await early.kill()

    service, told = run(scenario, newest_first=True)
    assert told == (500, [])
    assert service.peak() <= 5


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_long_history_costs_little_where_the_order_allows_it(run, newest_first):
    async def scenario(service):
        for n in range(2000):
            service.add("kb", f"old{n}", 0, created=EPOCH - (2000 - n) * HOUR)
        trigger = Running()
        await asyncio.sleep(WHOLE_EVERY)
        service.add("kb", "job", 90)
        await asyncio.sleep(WHOLE_EVERY)
        return await trigger.kill()

    service, told = run(scenario, newest_first=newest_first)
    assert told == ["job"]
    each, whole = 2 * WHOLE_EVERY / 10, (1 + 2) * 21
    assert service.calls["ListImportJobs"] <= (each + whole if newest_first else 2 * WHOLE_EVERY + 21)


def test_a_job_that_runs_for_ever_far_down_does_not_hide_others(run):
    async def scenario(service):
        service.add("kb", "stuck", 1e9, created=EPOCH - 3000 * HOUR)
        for n in range(300):
            service.add("kb", f"old{n}", 0, created=EPOCH - (300 - n) * HOUR)
        trigger = Running()
        await asyncio.sleep(2 * WHOLE_EVERY)
        service.add("kb", "job", 90)
        await asyncio.sleep(2 * WHOLE_EVERY)
        del service.jobs["kb"]["stuck"]
        before = service.calls["ListImportJobs"]
        await asyncio.sleep(2 * WHOLE_EVERY)
        return await trigger.kill(), service.calls["ListImportJobs"] - before

    _, (told, calls) = run(scenario, newest_first=True)
    assert told == ["job"]
    assert calls < 2 * WHOLE_EVERY / 10 * 1.2


def test_weather_is_waited_out_with_one_line_for_each_streak(run, caplog):
    async def scenario(service):
        trigger = Running()
        await asyncio.sleep(20)
        service.next(*[("ThrottlingException", 400)] * 4)
        service.add("kb", "job", 5)
        await asyncio.sleep(300)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    assert caplog.text.count("cannot be listed") == 1
    assert "ThrottlingException" in caplog.text


def test_weather_that_changes_its_kind_is_one_streak(run, caplog):
    """Throttling, an error of the server, nonsense: AWS is left alone for longer and longer all the same."""

    async def scenario(service):
        trigger = Running()
        await asyncio.sleep(20)
        before = len(service.log)
        service.next(*[("ThrottlingException", 429), ("InternalServerException", 500), b"?"] * 6)
        await asyncio.sleep(200)
        calls = len(service.log) - before
        service.answers.clear()
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill(), calls

    _, (told, calls) = run(scenario)
    assert told == ["job"]
    assert caplog.text.count("cannot be listed") == 1
    # Pauses double up to 30 s, and half of each is left to chance; those of a first failure are 1 s at most.
    assert calls <= 18


def test_what_a_person_has_to_fix_is_said_in_the_middle_of_bad_weather_too(run, caplog):
    async def scenario(service):
        trigger = Running()
        await asyncio.sleep(20)
        service.next(*[("ThrottlingException", 429), ("AccessDeniedException", 403)] * 3)
        await asyncio.sleep(6 * FINAL_PAUSE)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if "cannot" in record.getMessage()]
    assert [level for level, _ in lines] == ["WARNING", "ERROR"]
    assert "AccessDeniedException" in lines[1][1]


LASTING = ["AccessDeniedException", "ResourceNotFoundException", "ValidationException", "UnrecognizedClientException"]
"""The first three are what a list of a knowledge base that does not exist may be answered with."""


@pytest.mark.parametrize("code", LASTING)
def test_what_only_a_user_can_fix_is_asked_for_again(run, caplog, code):
    """No task could fail, and a trigger that ends would be started again each second."""

    async def scenario(service):
        service.next(*[(code, 400)] * 10)
        trigger = Running()
        await asyncio.sleep(10 * FINAL_PAUSE + 20)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [code in record.getMessage() for record in errors] == [True]


def test_a_surprise_does_not_end_it(run, caplog):
    def surprising(_request):
        raise RuntimeError("what?")

    async def scenario(service):
        trigger = Running()
        await asyncio.sleep(20)
        service.next(surprising)
        service.add("kb", "job", 5)
        await asyncio.sleep(180)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    assert "what?" in caplog.text
    assert "Traceback" in caplog.text


def test_a_connection_that_is_fixed_is_taken_up(run, monkeypatch, caplog):
    async def scenario(service):
        trigger = Running(aws_conn_id="mispelt")
        await asyncio.sleep(30)
        extra = {"region_name": "us-east-1"}
        monkeypatch.setenv("AIRFLOW_CONN_MISPELT", json.dumps({"conn_type": "aws", "extra": extra}))
        await asyncio.sleep(2 * FINAL_PAUSE)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    assert run(scenario)[1] == ["job"]
    assert caplog.text.count("does not exist") == 1


def test_a_connection_that_is_changed_is_taken_up_after_a_while(run, monkeypatch):
    def connect(key):
        connection = {"conn_type": "aws", "login": key, "password": "s", "extra": {"region_name": "us-east-1"}}
        monkeypatch.setenv("AIRFLOW_CONN_KEYS", json.dumps(connection))

    async def scenario(service):
        connect("FIRST")
        trigger = Running(aws_conn_id="keys")
        await asyncio.sleep(60)
        connect("SECOND")
        await asyncio.sleep(CLIENT_FOR + 60)
        service.add("kb", "job", 5)
        await asyncio.sleep(60)
        return await trigger.kill()

    service, told = run(scenario)
    assert told == ["job"]
    assert {credential.rpartition("=")[2] for credential in service.credentials} == {"FIRST", "SECOND"}


def test_watchers_and_waits_share_a_client_and_a_budget(run):
    async def scenario(service):
        for n in range(100):
            service.add("kb", f"job{n}", 30 + n)
        trigger = Running(poll_interval=1)
        await asyncio.sleep(1)
        connection = WisdomEndingsTrigger(
            knowledge_base_id="kb", aws_conn_id=None, region_name="us-east-1"
        ).connection()
        waits = [ImportJobWatcher.wait_for(connection, "kb", f"job{n}") for n in range(100)]
        outcomes = await asyncio.gather(*waits)
        await asyncio.sleep(20)
        return [outcome.error for outcome in outcomes], await trigger.kill()

    service, (errors, told) = run(scenario)
    assert errors == [None] * 100
    assert sorted(told) == sorted(service.jobs["kb"])
    assert service.peak() <= 5
