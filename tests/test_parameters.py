"""The parameters of the forms, as editors, type checkers, Airflow and readers of the docs see them."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator
from airflow.sdk import DAG
from test_package import REQUIRED, TASKS

from airflow_wisdom import operators, parameters, sensors, transfers
from airflow_wisdom.tasks import WisdomTask

ROOT = Path(__file__).parents[1]
SNIPPET = Path(__file__).parent / "misspelt.py"

UNPACKED = {
    kind: getattr(parameters, re.search(r"Unpack\[(\w+)\]", str(inspect.signature(kind.__init__))).group(1))
    for kind in TASKS
}
"""The parameters that each form has beside those in its own signature."""

AIRFLOWS = {"kwargs", "self", "sla"}
"""What Airflow's own signatures have and nobody should write: an SLA does nothing in Airflow 3."""


def annotations(kind):
    """The parameters that a class adds, name -> annotation."""
    signature = inspect.signature(kind.__init__)
    return {name: each.annotation for name, each in signature.parameters.items() if each.kind is each.KEYWORD_ONLY}


def unpacked(typed):
    """The members of a typed dict and of its bases, name -> annotation, without what says that one is required."""
    return {
        name: re.sub(r"^Required\[(.*)\]$", r"\1", each.__forward_arg__) for name, each in typed.__annotations__.items()
    }


def bases(kind):
    return [base for base in kind.__mro__ if issubclass(base, WisdomTask) and "__init__" in vars(base)]


def every(kind):
    """All parameters of a form that this package defines, name -> annotation."""
    return {name: each for base in reversed(bases(kind)) for name, each in annotations(base).items()}


# Types


@pytest.mark.parametrize("kind", TASKS)
def test_what_a_type_checker_sees_is_what_the_constructors_take(kind):
    """Each parameter of a base stands in two places: they must not differ."""
    airflows = set(inspect.signature(BaseOperator.__init__).parameters) | set(parameters.TaskParameters.__annotations__)
    if issubclass(kind, BaseSensorOperator):
        airflows |= set(inspect.signature(BaseSensorOperator.__init__).parameters)
    typed = {name: each for name, each in unpacked(UNPACKED[kind]).items() if name not in airflows}
    assert {**annotations(kind), **typed} == every(kind)
    assert annotations(kind).keys().isdisjoint(unpacked(UNPACKED[kind]))


@pytest.mark.parametrize("kind", TASKS)
def test_what_must_be_given_is_required(kind):
    needed = {
        name
        for base in bases(kind)
        for name, each in inspect.signature(base.__init__).parameters.items()
        if each.default is each.empty and each.kind is each.KEYWORD_ONLY
    }
    members = UNPACKED[kind].__annotations__.items()
    required = {name for name, each in members if each.__forward_arg__.startswith("Required[")}
    assert required == {"task_id", *(needed - annotations(kind).keys())}


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_a_template_may_be_the_output_of_a_task(kind):
    taken = {name for name, annotation in every(kind).items() if annotation.split(" | ").count("XComArg")}
    assert taken == set(kind.template_fields)


def test_what_airflow_takes_is_taken():
    """On its newest version, exactly that: older ones have less."""
    theirs = set(inspect.signature(BaseOperator.__init__).parameters) - AIRFLOWS
    ours = set(parameters.TaskParameters.__annotations__)
    assert theirs <= ours
    assert ours - theirs <= {"retry_policy", "render_template_as_native_obj"}
    sensors_own = set(inspect.signature(BaseSensorOperator.__init__).parameters) - AIRFLOWS
    assert sensors_own <= {*annotations(sensors.WisdomImportJobSensor), *parameters.SensorParameters.__annotations__}


def test_type_checking_finds_what_is_misspelt():
    pytest.importorskip("mypy")
    # With the settings and the cache of `make types`: without that cache, Airflow's code takes half a minute.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(SNIPPET)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = {int(line.split(":")[1]): line for line in said.splitlines() if ": error: " in line}
    marked = {
        number: line.partition("# wrong: ")[2]
        for number, line in enumerate(SNIPPET.read_text().splitlines(), start=1)
        if "# wrong: " in line
    }
    assert len(marked) > 10
    assert found.keys() == marked.keys(), said
    assert [line for line in found if not re.search(rf"[\"']{marked[line]}[\"']", found[line])] == []


def test_typing_costs_nothing_where_a_dag_is_parsed():
    code = "import sys, airflow_wisdom.operators, airflow_wisdom.sensors, airflow_wisdom.transfers; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "airflow_wisdom.parameters" not in loaded
    assert "airflow_wisdom.transfers" in loaded


# Airflow


@pytest.mark.parametrize("kind", TASKS)
def test_default_arguments_reach_every_parameter(kind):
    values = {name: object() for name in every(kind)}
    values |= {"poke_interval": 7.0, "timeout": 8.0, "start_from_trigger": False}
    given = {name: values[name] for name in every(kind)}
    with DAG("d", schedule=None, default_args=given):
        task = kind(task_id="t")
    assert {name: getattr(task, name) for name in given} == given


@pytest.mark.parametrize("kind", TASKS)
def test_mapping_knows_every_parameter_and_no_other(kind):
    names = [name for name in every(kind) if name not in ("poke_interval", "timeout")]
    for name in names:
        rest = {other: REQUIRED[other] for other in REQUIRED.keys() & every(kind).keys() if other != name}
        with DAG("d", schedule=None):
            kind.partial(task_id="t", **rest).expand(**{name: [1, 2]})
    with DAG("d", schedule=None), pytest.raises(TypeError, match="unexpected keyword argument 'misspelt'"):
        kind.partial(task_id="t", misspelt=1)


@pytest.mark.parametrize("kind", TASKS)
def test_help_shows_every_parameter(kind):
    shown = inspect.signature(kind).parameters
    assert set(shown) == {*every(kind), "kwargs"}
    assert list(shown)[: len(annotations(kind))] == list(annotations(kind))


# Docs


@pytest.fixture
def pages(monkeypatch):
    """The extension of Sphinx that makes the pages of the operators."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    name = "parameters"
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield __import__(name)
    sys.modules.pop(name)


@pytest.mark.parametrize("kind", TASKS)
def test_the_page_of_a_form_has_each_parameter_once_and_in_full(pages, kind):
    assert pages.is_form(kind)
    page = "\n".join(pages.lines(kind))
    told = re.findall(r"^:param (\w+): (.*)$", page, re.MULTILINE)
    assert sorted(name for name, _ in told) == sorted([*every(kind), "kwargs"])
    assert [name for name, text in told if "As for" in text or len(text) < 15] == []
    errors = re.findall(r"^:raises (\w+):", page, re.MULTILINE)
    assert len(errors) == len(set(errors)) > 1
    assert "as for :class:" not in page.replace("The XCom is as for", "")


def test_a_base_has_a_page_of_its_own(pages):
    assert not pages.is_form(WisdomTask)


def test_every_form_is_tested_here():
    public = {getattr(module, name) for module in (operators, sensors, transfers) for name in module.__all__}
    assert public == set(TASKS)
