"""The package as Airflow and its users meet it: registration, names, cost of import, direction of imports."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import entry_points, metadata, version
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.sdk import BaseOperator
from airflow.sdk import DAG, XComArg
from public_names import PUBLIC

import airflow_wisdom
from airflow_wisdom import operators, sensors, transfers
from airflow_wisdom.links import LinksToConsole
from airflow_wisdom.provider_info import get_provider_info
from airflow_wisdom.tasks import WisdomTask

PACKAGE = Path(airflow_wisdom.__file__).parent
TASKS = [
    sensors.WisdomImportJobSensor,
    operators.WisdomDeleteImportJobOperator,
    operators.WisdomExportQuickResponsesOperator,
    operators.WisdomGetImportJobOperator,
    operators.WisdomImportQuickResponsesOperator,
    operators.WisdomStartImportJobOperator,
    operators.WisdomSyncQuickResponsesOperator,
    transfers.SqlToWisdomOperator,
]
REQUIRED = {
    "knowledge_base_id": "kb",
    "import_job_id": "job",
    "path": "path",
    "source": "path",
    "sql": "query",
    "sql_conn_id": "db",
}

ROOMS = [
    "redaction",
    "exceptions",
    "cadence",
    "values",
    "places",
    "model",
    "provider_info",
    "settings",
    "rows",
    "hooks",
    "listing",
    "streams",
    "storage",
    "queries",
    "sources",
    "watcher",
    "runs",
    "kills",
    "triggers",
    "links",
    "assets",
    "lineage",
    "tasks",
    "sensors",
    "operators",
    "transfers",
    "cli",
    "plugin",
]
"""A room imports only from rooms before it, at the top of a module or later."""

FORMS = ["tasks", "sensors", "operators", "transfers", "cli"]
"""What fills in a run: at most one late import a method."""

PATHS = {
    ".".join(("airflow_wisdom", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
"""Every module of the package, and its file."""

MODULES = [name for name, path in PATHS.items() if "testing" not in path.parts]
"""All modules but those of the fake service, which AWS documents."""


def python(code):
    """Run code in a process of its own and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def airflow_command(*arguments):
    command = [sys.executable, "-m", "airflow", *arguments]
    # Airflow 3.0 logs to where it prints.
    quiet = {**os.environ, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=quiet).stdout


def test_the_version_has_one_source():
    assert version("airflow-wisdom") == airflow_wisdom.__version__
    assert metadata("airflow-wisdom")["License-Expression"] == "Apache-2.0"
    assert (PACKAGE / "py.typed").exists()


def test_airflow_finds_the_provider():
    (entry,) = [e for e in entry_points(group="apache_airflow_provider") if e.value.startswith("airflow_wisdom")]
    assert entry.load() is get_provider_info
    listed = json.loads(airflow_command("providers", "list", "--output", "json"))
    (ours,) = [line for line in listed if line["package_name"] == "airflow-wisdom"]
    assert ours["version"] == airflow_wisdom.__version__
    assert airflow_wisdom.__version__ in airflow_command("providers", "get", "airflow-wisdom")


def test_the_provider_info_is_of_the_form_that_airflow_demands():
    """One malformed key makes `import airflow` fail for the whole installation."""
    schema = Path(airflow.__file__).parent / "provider_info.schema.json"
    jsonschema.validate(get_provider_info(), json.loads(schema.read_text()))
    assert get_provider_info()["package-name"] == metadata("airflow-wisdom")["Name"]


def test_every_module_of_the_provider_info_exists():
    listed = [module for key in ("hooks", "triggers", "sensors", "operators") for module in get_provider_info()[key]]
    for item in listed:
        for module in item["python-modules"]:
            assert importlib.import_module(module)


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these(module):
    assert sorted(importlib.import_module(f"airflow_wisdom.{module}").__all__) == PUBLIC[module]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_leads_somewhere(module):
    loaded = importlib.import_module(f"airflow_wisdom.{module}")
    assert [name for name in PUBLIC[module] if getattr(loaded, name, None) is None] == []


def test_nothing_else_is_public():
    """A name that the docs do not name is free to change."""
    listed = {name for name in MODULES if hasattr(importlib.import_module(name), "__all__")}
    assert listed == {f"airflow_wisdom.{module}" for module in PUBLIC if module != "testing"} | {
        "airflow_wisdom.watcher"
    }


def test_importing_the_package_imports_nothing():
    code = "import sys; before = set(sys.modules); import airflow_wisdom; print(set(sys.modules) - before)"
    assert python(code).strip() == "{'airflow_wisdom'}"


def test_parsing_a_dag_loads_no_aws_library():
    """The DAG processor imports these modules again in every parse."""
    code = (
        "import sys, airflow.sdk; before = set(sys.modules);"
        "import airflow_wisdom.operators, airflow_wisdom.sensors, airflow_wisdom.triggers;"
        "print(*(set(sys.modules) - before))"
    )
    loaded = python(code).split()
    assert "airflow_wisdom.operators.import_job" in loaded
    slow = ("boto3", "botocore", "requests", "moto", "airflow.providers.amazon", "airflow_wisdom.hooks.wisdom")
    assert [name for name in loaded if name.startswith(slow)] == []


def test_parsing_a_dag_loads_next_to_nothing_of_the_package_itself():
    code = (
        "import sys, airflow.sdk; before = set(sys.modules);"
        "import airflow_wisdom.operators, airflow_wisdom.sensors;"
        "print(*(name for name in set(sys.modules) - before if name.startswith('airflow_wisdom')))"
    )
    # Some Airflows ask for the provider's description on the way, to know the defaults of its options.
    described = {
        "airflow_wisdom",
        "airflow_wisdom.model",
        "airflow_wisdom.model.limits",
        "airflow_wisdom.provider_info",
    }
    assert set(python(code).split()) - described == {
        "airflow_wisdom.exceptions",
        "airflow_wisdom.hooks",
        "airflow_wisdom.hooks.connection",
        "airflow_wisdom.links",
        "airflow_wisdom.operators",
        "airflow_wisdom.operators.export",
        "airflow_wisdom.operators.import_job",
        "airflow_wisdom.operators.given",
        "airflow_wisdom.operators.quick_responses",
        "airflow_wisdom.operators.rows",
        "airflow_wisdom.operators.sync",
        "airflow_wisdom.redaction",
        "airflow_wisdom.settings",
        "airflow_wisdom.sensors",
        "airflow_wisdom.tasks",
        "airflow_wisdom.values",
    }


def origin(node, module):
    """The module that a statement imports from, which it may name relative to its own."""
    if not node.level:
        return node.module
    parts = module.split(".")
    above = parts[: len(parts) - node.level + (PATHS[module].name == "__init__.py")]
    return ".".join([*above, *filter(None, [node.module])])


def imported(node, module):
    """The modules of the package that a statement of a module imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in PATHS]
    if not isinstance(node, ast.ImportFrom) or not origin(node, module).startswith("airflow_wisdom"):
        return []
    whole = [f"{origin(node, module)}.{alias.name}" for alias in node.names]
    modules = [name for name in whole if name in PATHS]
    return modules if len(modules) == len(whole) else [*modules, origin(node, module)]


def nodes(module):
    return list(ast.walk(ast.parse(PATHS[module].read_text())))


GRAPH = {module: {name for node in nodes(module) for name in imported(node, module)} - {module} for module in PATHS}
"""What each module of the package imports of it: at its top, later, or for the sake of types alone."""


def room_of(module):
    return module.split(".")[1] if "." in module else None


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room):
    below = {None, *ROOMS[: ROOMS.index(room)], room}
    for module, others in GRAPH.items():
        if room_of(module) == room:
            assert {room_of(other) for other in others} <= below, module


def test_the_fake_service_imports_nothing_else_of_the_package():
    assert {room_of(other) for module in PATHS if room_of(module) == "testing" for other in GRAPH[module]} == {
        "testing"
    }


def test_every_module_is_in_a_room():
    assert {room_of(module) for module in PATHS} == {None, *ROOMS, "testing"}


def test_no_module_is_in_a_circle():
    """Nowhere, and not for the sake of types either."""
    assert set(TopologicalSorter(GRAPH).static_order()) == set(PATHS)


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) in FORMS])
def test_a_method_of_a_form_has_one_late_import_at_most(module):
    functions = [node for node in nodes(module) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        assert sum(bool(imported(node, module)) for node in ast.walk(function)) <= 1, function.name


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) in ("rows", "runs")])
def test_rows_and_runs_import_no_airflow(module):
    """Neither themselves nor by what they import, so that whoever has a file needs no Airflow."""
    loaded = python(f"import sys, {module}; print(*sys.modules)").split()
    assert [name for name in loaded if name.split(".")[0] == "airflow"] == []


@pytest.mark.parametrize(
    "room",
    [
        "redaction",
        "exceptions",
        "cadence",
        "values",
        "places",
        "model.import_job",
        "model.endings",
        "provider_info",
        "rows",
    ],
)
def test_pure_rooms_import_neither_airflow_nor_aws(room):
    code = f"import sys, airflow_wisdom.{room}; print(*sys.modules)"
    loaded = python(code).split()
    assert {"airflow", "boto3", "botocore", "requests"}.isdisjoint(loaded)


def test_moto_is_imported_in_the_testing_room_alone():
    for file in PACKAGE.rglob("*.py"):
        if "testing" not in file.parts:
            imported = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert "moto" not in " ".join(map(ast.unparse, imported))


def parameters_of(kind):
    """The parameters of a task, and of its bases in this package."""
    ours = [
        base for base in kind.__mro__ if base.__module__.startswith("airflow_wisdom.") and base is not LinksToConsole
    ]
    return {name for base in ours for name in inspect.signature(base.__init__).parameters} - {"args"}


@pytest.mark.parametrize("kind", TASKS)
def test_the_aws_parameters_are_the_same_everywhere(kind):
    """They are written once, and default arguments of a DAG reach them."""
    parameters = set(inspect.signature(WisdomTask.__init__).parameters) - {"self", "kwargs"}
    assert parameters == {"aws_conn_id", "region_name", "verify", "botocore_config", "service_name"}
    own = parameters_of(kind)
    assert parameters.isdisjoint(inspect.signature(kind.__init__).parameters)
    with DAG(
        "d",
        schedule=None,
        default_args={"aws_conn_id": "other", "region_name": "eu-west-2", "service_name": "qconnect"},
    ):
        task = kind(task_id="t", **{name: REQUIRED[name] for name in own & REQUIRED.keys()})
    assert (task.hook.aws_conn_id, task.hook._region_name) == ("other", "eu-west-2")
    assert task.hook.client_type == "qconnect"


@pytest.mark.parametrize("kind", TASKS)
def test_every_template_field_takes_an_xcom_argument(kind):
    """Which also means that nothing about it is decided before the task runs."""
    with DAG("d", schedule=None):
        source = BaseOperator(task_id="source")
        given = {name: XComArg(source, key=name) for name in kind.template_fields}
        task = kind(task_id="t", **given)
    assert {name: getattr(task, name) for name in given} == given
    assert task.upstream_task_ids == {"source"}


@pytest.mark.parametrize("kind", TASKS)
def test_texts_that_a_dag_author_would_template_are_templates(kind):
    fixed = {
        "self",
        "kwargs",
        "extra_checks",
        "fetch_size",
        "max_report_bytes",
        "sample_size",
        "sql_hook_params",
        "deferrable",
        "delete_jobs_on_kill",
        "adopt",
        "end_from_trigger",
        "protection",
        "include_urls",
        "strict",
        "max_bytes",
        "poke_interval",
        "poll_interval",
        "require_complete",
        "retry_data_errors",
        "start_from_trigger",
        "timeout",
        "wait_for_completion",
    }
    assert parameters_of(kind) - fixed == set(kind.template_fields)
    # What is rendered twice is a template of what a template has become.
    assert len(set(kind.template_fields)) == len(kind.template_fields)


def public(module):
    for name, item in vars(module).items():
        if not name.startswith("_") and getattr(item, "__module__", None) == module.__name__:
            yield item


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_is_documented(name):
    module = importlib.import_module(name)
    for item in [module, *public(module)]:
        if inspect.isclass(item) or inspect.isfunction(item) or inspect.ismodule(item):
            assert item.__doc__, item


@pytest.mark.parametrize(
    "kind", sorted({base for task in TASKS for base in task.mro() if issubclass(base, WisdomTask)}, key=str)
)
def test_a_class_documents_its_own_parameters_and_no_others(kind):
    own = set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"} if "__init__" in vars(kind) else set()
    documented = {
        line.split()[1].rstrip(":") for line in kind.__doc__.splitlines() if line.strip().startswith(":param")
    }
    assert documented == own
