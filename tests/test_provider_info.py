"""What Airflow shows of the package: its commands know every part of it, and have nothing to complain about."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseOperatorLink
from airflow.triggers.base import BaseTrigger

import airflow_wisdom
from airflow_wisdom import settings
from airflow_wisdom.provider_info import get_provider_info

ROOT = Path(__file__).parent.parent
PARTS = {
    "hooks": BaseHook,
    "triggers": BaseTrigger,
    "sensors": BaseOperator,
    "operators": BaseOperator,
}


COMMANDS = {
    "providers list": ["airflow-wisdom"],
    "providers get airflow-wisdom --full --output json": ["WisdomConsoleLink", "airflow_wisdom.sensors"],
    "providers links": ["airflow_wisdom.links.WisdomConsoleLink"],
    "providers triggers": ["airflow_wisdom.triggers"],
    "providers configs": ["airflow-wisdom"],
    "config list --section wisdom": [*get_provider_info()["config"]["wisdom"]["options"]],
    "config get-value wisdom sample_size": [str(settings.sample_size())],
    "info": ["airflow-wisdom"],
}
"""Commands of Airflow, and what they show."""

PROCESS = """
import contextlib, io, json, sys
from airflow.__main__ import main
shown = {}
for command in json.loads(sys.argv[1]):
    sys.argv = ["airflow", *command.split()]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main()
    shown[command] = out.getvalue()
print(json.dumps(shown))
"""


@pytest.fixture(scope="module")
def process(airflow_database):
    """All commands in one process that begins as `airflow` does: most of their time is what Airflow loads."""
    environment = {**os.environ, "COLUMNS": "1000"}
    return subprocess.run(
        [sys.executable, "-c", PROCESS, json.dumps([*COMMANDS])],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_airflow_shows_the_package(process, command):
    shown = json.loads(process.stdout.splitlines()[-1])[command]
    assert [words for words in COMMANDS[command] if words not in shown] == []


def test_no_command_of_airflow_complains_of_the_package(process):
    complaints = (process.stderr + "".join(process.stdout.splitlines()[:-1])).replace(str(ROOT), "")
    assert [line for line in complaints.splitlines() if "wisdom" in line.lower()] == []


def classes(base):
    """Every public class of the package that is a hook, a trigger, and so on."""
    for module in pkgutil.walk_packages(airflow_wisdom.__path__, "airflow_wisdom."):
        if not module.name.startswith("airflow_wisdom.testing"):
            for item in vars(importlib.import_module(module.name)).values():
                if inspect.isclass(item) and issubclass(item, base) and item.__module__ == module.name:
                    yield item


def listed(part):
    return [module for entry in get_provider_info()[part] for module in entry["python-modules"]]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_listed(part):
    """An operator may be listed by the package that exports it; what operators have in common is none itself."""
    own = [item for item in classes(PARTS[part]) if part in item.__module__]
    found = [item for item in own if not item.__name__.endswith("Task") and not item.__module__.endswith(".base")]
    assert found
    modules = [importlib.import_module(module) for module in listed(part)]
    exported = [getattr(module, name) for module in modules for name in {*dir(module), *module.__all__}]
    assert [item for item in found if item not in exported] == []


def test_every_link_is_listed():
    assert get_provider_info()["extra-links"] == [
        f"{link.__module__}.{link.__name__}" for link in classes(BaseOperatorLink)
    ]


def test_every_transfer_is_listed_between_integrations_that_exist():
    from airflow.providers.common.sql.get_provider_info import get_provider_info as info_of_sql

    info = get_provider_info()
    described = {item["integration-name"] for item in [*info["integrations"], *info_of_sql()["integrations"]]}
    for transfer in info["transfers"]:
        assert importlib.import_module(transfer["python-module"]).__all__
        assert {transfer["source-integration-name"], transfer["target-integration-name"]} <= described
    modules = {transfer["python-module"] for transfer in info["transfers"]}
    assert {item.__module__ for item in classes(BaseOperator) if "transfers" in item.__module__} == modules


def test_the_link_to_the_docs_is_not_the_one_that_airflow_makes_up():
    """Which leads to a page of Airflow's own site: this package has no page there."""
    urls = dict(entry.split(", ") for entry in metadata("airflow-wisdom").get_all("Project-URL"))
    assert urls["Documentation"].startswith("https://")
    assert "airflow.apache.org" not in urls["Documentation"]


def test_every_integration_that_is_named_is_described():
    info = get_provider_info()
    described = {integration["integration-name"] for integration in info["integrations"]}
    assert {entry["integration-name"] for part in PARTS for entry in info[part]} == described


def test_the_description_is_plain_data():
    """Airflow reads it while it is itself being imported."""
    assert json.loads(json.dumps(get_provider_info())) == get_provider_info()
