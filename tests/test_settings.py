"""Section [wisdom] of Airflow's configuration: every option is read, described, and over-ruled by a constructor."""

from __future__ import annotations

import inspect
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import conf
from rigs.running import GOOD_CSV, fire, start_job

from airflow_wisdom import redaction, settings
from airflow_wisdom.exceptions import OptionError, UploadTooLargeError
from airflow_wisdom.hooks import WisdomHook
from airflow_wisdom.provider_info import get_provider_info
from airflow_wisdom.redaction import redact
from airflow_wisdom.sensors import WisdomImportJobSensor
from airflow_wisdom.triggers import WisdomJobsCompleteTrigger

OPTIONS = get_provider_info()["config"]["wisdom"]["options"]
DEFAULTS = {
    "service_name": "wisdom",
    "upload_max_bytes": 1_000_000,
    "max_active_import_jobs": 3,
    "import_template": None,
    "sample_size": 20,
    "redacted_parameters": (),
    "calls_per_second": 5.0,
    "gc_freeze": True,
}


def value(option):
    return getattr(settings, option)()


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for option in OPTIONS:
        monkeypatch.delenv(f"AIRFLOW__WISDOM__{option.upper()}", raising=False)


@pytest.fixture
def choose(monkeypatch):
    def choose(option, text):
        monkeypatch.setenv(f"AIRFLOW__WISDOM__{option.upper()}", text)

    return choose


def test_every_option_that_is_described_can_be_read():
    assert {option: value(option) for option in OPTIONS} == DEFAULTS
    functions = {name for name, item in vars(settings).items() if inspect.isfunction(item) and name[0] != "_"}
    assert {name for name in functions if vars(settings)[name].__module__ == settings.__name__} == set(OPTIONS)


def test_the_defaults_hold_where_airflow_does_not_know_the_section(monkeypatch):
    monkeypatch.setattr("airflow.providers.common.compat.sdk.conf", Unknowing())
    assert {option: value(option) for option in OPTIONS} == DEFAULTS


class Unknowing(type(conf)):
    """Airflow's configuration before any provider is known."""

    def __init__(self):
        """Read no file."""

    def get(self, section, option, *, fallback, **how):
        return fallback


@pytest.mark.parametrize(
    ("option", "text", "expected"),
    [
        ("service_name", "qconnect ", "qconnect"),
        ("upload_max_bytes", "5_000_000", 5_000_000),
        ("max_active_import_jobs", " 1 ", 1),
        ("sample_size", "0", 0),
        ("import_template", "/opt/Responses Import Template.csv", "/opt/Responses Import Template.csv"),
        ("import_template", "s3://bucket/template.csv", "s3://bucket/template.csv"),
        ("import_template", 'Name, Shortcut key,"Content, plain"', ("Name", "Shortcut key", "Content, plain")),
        ("redacted_parameters", "token, sig,,", ("token", "sig")),
        ("calls_per_second", "0.5", 0.5),
        ("gc_freeze", "f", False),
        ("gc_freeze", "false # as everywhere", False),
    ],
)
def test_an_option_is_what_the_deployment_says(choose, option, text, expected):
    choose(option, text)
    assert value(option) == expected


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("service_name", "lambda"),
        ("service_name", ""),
        ("upload_max_bytes", "0"),
        ("upload_max_bytes", "1 MB"),
        ("max_active_import_jobs", "0"),
        ("sample_size", "-1"),
        ("sample_size", ""),
        ("import_template", "Name,,Content"),
        ("import_template", "Name,Content,Name"),
    ],
)
def test_an_error_names_section_and_option(choose, option, text):
    choose(option, text)
    with pytest.raises(OptionError) as raised:
        value(option)
    assert names(option, str(raised.value))
    assert raised.value.option == option


def names(option, message):
    """Return whether a message names section and option, in our words or in Airflow's."""
    return f"[wisdom] {option} must be " in message or f'"{option}" key in "wisdom" section' in message


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("calls_per_second", "0"),
        ("calls_per_second", "nan"),
        ("calls_per_second", "inf"),
        ("calls_per_second", "many"),
        ("gc_freeze", "perhaps"),
    ],
)
def test_a_slip_in_the_options_of_the_watcher_is_logged(choose, caplog, option, text):
    choose(option, text)
    with caplog.at_level(logging.ERROR):
        assert value(option) == DEFAULTS[option]
    assert names(option, caplog.text)


@pytest.mark.parametrize("option", OPTIONS)
def test_the_example_of_an_option_is_a_value_of_it(choose, option):
    choose(option, OPTIONS[option]["example"])
    assert value(option) not in (DEFAULTS[option], None)


def test_a_task_says_otherwise(fake_wisdom, knowledge_base, choose):
    choose("service_name", "qconnect")
    assert WisdomImportJobSensor(task_id="t", knowledge_base_id="kb", import_job_id="j").hook.client_type == "qconnect"
    assert WisdomHook(service_name="wisdom").client_type == "wisdom"


def test_the_size_of_a_file_is_limited_as_configured(fake_wisdom, knowledge_base, choose):
    choose("upload_max_bytes", "10")
    with pytest.raises(UploadTooLargeError, match="at most 10"):
        WisdomHook().upload(knowledge_base, GOOD_CSV)
    assert WisdomHook().upload(knowledge_base, GOOD_CSV, max_bytes=1000)


def test_the_triggerer_uses_what_the_worker_was_configured_for(fake_wisdom, knowledge_base, choose, monkeypatch):
    choose("service_name", "qconnect")
    trigger = WisdomJobsCompleteTrigger(
        knowledge_base_id=knowledge_base, import_job_ids=[start_job(fake_wisdom, knowledge_base)]
    )
    assert trigger.serialize()[1]["service_name"] == "qconnect"
    choose("service_name", "no client at all")
    assert fire(trigger)["status"] == "success"


@pytest.mark.airflow("3.3", because="older ones are not asked to start the trigger")
def test_a_dag_with_a_sensor_is_parsed_whatever_the_configuration_holds(choose):
    for option in OPTIONS:
        choose(option, "\N{SNOWMAN}")
    sensor = WisdomImportJobSensor(task_id="t", knowledge_base_id="kb", import_job_id="j", start_from_trigger=True)
    assert sensor.start_trigger_args.trigger_kwargs["service_name"] is None


@pytest.fixture
def forget_parameters(monkeypatch):
    monkeypatch.setattr(redaction, "_marks", [*redaction._marks])


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy/file?token=abc",
        "https://proxy/file?a=1&TOKEN=abc",
        "https://proxy/file?a=1&amp;token=abc",
        "target=https%3A%2F%2Fproxy%2Ffile%3Fa%3D1%26token%3Dabc",
        "https://proxy/file?a.b=abc",
    ],
)
def test_a_configured_parameter_gives_a_presigned_url_away(forget_parameters, url):
    assert redact(url) == url
    redaction.redact_also(["token", "a.b"])
    redaction.redact_also([])
    assert "abc" not in redact(url)
    assert redact(url).endswith("file?<redacted>")


@pytest.mark.parametrize("url", ["https://proxy/file?mytoken=1", "https://proxy/token=1", "https://proxy/?tokens=1"])
def test_other_urls_stay_as_they_are(forget_parameters, url):
    redaction.redact_also(["token"])
    assert redact(url) == url


@pytest.mark.parametrize("code", ["from airflow_wisdom.hooks import WisdomHook", "TRIGGER"])
def test_the_configured_parameters_are_known_where_a_client_is_made(fake_wisdom_over_http, monkeypatch, choose, code):
    """In a process of its own, as a worker or a triggerer is one."""
    choose("redacted_parameters", "token")
    knowledge_base = fake_wisdom_over_http.create_knowledge_base()
    fake_wisdom_over_http.fault("GetImportJob", "ValidationException", message="See https://proxy/file?token=abc .")
    if code == "TRIGGER":
        arguments = {"knowledge_base_id": knowledge_base, "import_job_ids": ["5" * 8 + "-1111-2222-3333-" + "4" * 12]}
        code = (
            f"import sys, asyncio; sys.path.insert(0, {str(Path(__file__).parent)!r});"
            "from rigs.running import fire; from airflow_wisdom.triggers import WisdomJobsCompleteTrigger;"
            f"print(fire(WisdomJobsCompleteTrigger(**{json.dumps(arguments)}))['message'])"
        )
    else:
        code += "; from airflow_wisdom.redaction import redact; print(redact('See https://proxy/file?token=abc .'))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "See https://proxy/file?<redacted> ." in said
