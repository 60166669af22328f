"""The page in Airflow's UI, as Airflow meets it: how it is registered, what importing it costs, and the file."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from rigs.versions import is_at_least

from airflow_wisdom import operators, plugin, transfers
from airflow_wisdom.links import XCOM_KEY as CONSOLE_KEY
from airflow_wisdom.plugin import FILE, NAME, PREFIX, AmazonConnectPlugin, OneFile
from airflow_wisdom.runs.counting import XCOM_KEY as PROGRESS_KEY
from airflow_wisdom.runs.summary import ERROR_KEY, VERSION
from airflow_wisdom.runs.sync import SyncAccount

SOURCES = Path(plugin.__file__).parent / "ui" / "src"
PATH = f"{PREFIX}/{FILE.name}"

needs_react = pytest.mark.airflow("3.1", because="Airflow 3.0 has no pages of plugins")


def ask(path=PATH, method="GET", kind="http", headers=(), root=""):
    """What the application sends in answer to one request."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "root_path": root, "headers": list(headers)}
    asyncio.run(OneFile(FILE)(scope, None, send))
    return sent


def test_airflow_finds_the_plugin():
    (entry,) = [e for e in entry_points(group="airflow.plugins") if e.value.startswith("airflow_wisdom")]
    assert entry.load() is AmazonConnectPlugin


def loaded():
    """What Airflow makes of all plugins there are."""
    code = (
        "import json; from airflow.plugins_manager import get_plugin_info;"
        "print(json.dumps([each for each in get_plugin_info() if each['name'] == 'amazon_connect'], default=str))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (ours,) = json.loads(done.stdout.splitlines()[-1])
    return ours


@needs_react
def test_airflow_shows_a_page_under_browse_and_a_tab():
    page, tab = loaded()["react_apps"]
    assert (page["destination"], page["category"], page["name"]) == ("nav", "browse", "Amazon Connect")
    assert (tab["destination"], tab["name"]) == ("task_instance", "Amazon Connect")
    assert page["bundle_url"] == tab["bundle_url"] == PATH
    assert page["url_route"] != tab["url_route"]


@pytest.mark.skipif(is_at_least("3.1"), reason="what Airflow 3.0 does")
def test_an_airflow_without_such_pages_gets_none():
    assert loaded()["fastapi_apps"] == []


@needs_react
@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("", PATH),
        ("http://host:8080", PATH),
        ("https://host/team/airflow/", f"/team/airflow{PATH}"),
        ("/a", f"/a{PATH}"),
    ],
)
def test_the_address_is_below_that_of_airflow(monkeypatch, base, expected):
    """Absolute, because Airflow 3.1 and 3.2 would take another one relative to a script of their own."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert plugin._url() == expected


def test_importing_it_loads_nothing_of_aws():
    """It is imported wherever Airflow's plugins are, which is in every component."""
    code = (
        "import sys, airflow.plugins_manager; before = set(sys.modules);"
        "import airflow_wisdom.plugin; print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"airflow_wisdom"} == {"airflow_wisdom.plugin"}


@pytest.mark.parametrize("root", ["", "/team/airflow", f"/team/airflow{PREFIX}"])
def test_it_serves_its_file(root):
    start, body = ask(root=root)
    assert (start["status"], body["body"]) == (200, FILE.read_bytes())
    headers = dict(start["headers"])
    assert headers[b"content-type"].startswith(b"text/javascript")
    assert headers[b"content-length"] == str(FILE.stat().st_size).encode()
    assert ask(f"/team/airflow{PATH}", root=root)[0]["status"] == 200


def test_a_browser_that_has_it_gets_it_only_if_it_has_changed():
    tag = dict(ask()[0]["headers"])[b"etag"]
    start, body = ask(headers=[(b"if-none-match", tag)])
    assert (start["status"], body["body"]) == (304, b"")
    for tags in (b'"older", ' + tag, b"W/" + tag, b'W/"older",W/' + tag, b"*"):
        assert ask(headers=[(b"if-none-match", tags)])[0]["status"] == 304
    assert ask(headers=[(b"if-none-match", b'"older"'), (b"if-none-match", tag)])[0]["status"] == 304
    for tags in (b'"older"', b"", b'W/"older", "oldest"'):
        assert ask(headers=[(b"if-none-match", tags)])[0]["status"] == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/",
        PREFIX,
        f"{PREFIX}/docs",
        f"{PREFIX}/openapi.json",
        f"{PREFIX}/../__init__.py",
        f"{PREFIX}/%2e%2e/__init__.py",
        f"{PREFIX}/x/{FILE.name}",
        f"{PREFIX}//etc/passwd",
    ],
)
def test_it_serves_nothing_else(path):
    start, body = ask(path)
    assert (start["status"], body["body"]) == (404, b"")


def test_it_is_only_read():
    assert ask(method="HEAD")[1]["body"] == b""
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(method=method)[0]["status"] == 405
    assert ask(kind="websocket") == [{"type": "websocket.close"}]


def constant(name):
    """A constant of the page, as its TypeScript has it."""
    text = (SOURCES / "runs.ts").read_text() + (SOURCES / "summary.ts").read_text() + (SOURCES / "main.tsx").read_text()
    return re.search(rf"export const {name} = (.*?)(?: as const)?;\n", text, re.DOTALL)[1]


def test_the_page_knows_what_the_package_knows():
    assert ast.literal_eval(constant("NAME")) == NAME
    assert ast.literal_eval(constant("PROGRESS_KEY")) == PROGRESS_KEY
    assert ast.literal_eval(constant("CONSOLE_KEY")) == CONSOLE_KEY
    assert ast.literal_eval(constant("ERROR_KEY")) == ERROR_KEY
    assert int(constant("VERSION")) == VERSION


def test_the_page_looks_for_every_operator_that_feeds_a_knowledge_base():
    """Those that only read, export, delete or wait, feed none."""
    others = {"Get", "Delete", "Export"}
    every = {name for room in (operators, transfers) for name in room.__all__}
    feeding = {name for name in every if not any(name.startswith(f"Wisdom{other}") for other in others)}
    assert set(ast.literal_eval(constant("FEEDING"))) == feeding


def test_a_sync_has_every_number_that_the_page_takes_from_its_event():
    assert "const outcome of PLOTTED" in (SOURCES / "runs.ts").read_text()
    taken = re.search(r"PLOTTED = \[(.*?)\]", (SOURCES / "words.ts").read_text(), re.DOTALL)[1]
    numbers = re.findall(r'"(\w+)": ', inspect.getsource(SyncAccount.numbers.func))
    assert set(numbers) <= set(re.findall(r'"(\w+)"', taken))
