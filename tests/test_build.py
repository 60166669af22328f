"""The Makefile's commands install from where pip installs, and trust whom the system trusts."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from zipfile import ZipFile

import pytest
from packaging.version import Version

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "packaging" / "run_uv.py"
MADE_UP = "nothing-anybody-published"


def loaded(path):
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return loaded(SCRIPT)


def test_the_tests_run_with_the_lowest_versions_that_are_allowed():
    """`make compat ONLY=lowest` installs them: a bound that is changed is pinned, and so tested."""
    lowest = loaded(SCRIPT.with_name("lowest.py")).lowest((ROOT / "pyproject.toml").read_text())
    pins = dict(line.split("==") for line in (ROOT / "constraints-lowest.txt").read_text().splitlines())
    pins = {name: Version(version.partition(" ;")[0]) for name, version in pins.items()}
    assert {"apache-airflow", "boto3", "moto", "pyarrow"} <= lowest.keys()
    assert {name: pins[name.replace(".", "-")] for name in lowest} == {
        name: Version(version) for name, version in lowest.items()
    }


def test_a_variable_counts_more_than_a_file(script):
    listing = (
        "global.index-url='https://a'\n:env:.index-url='https://c'\ninstall.index-url='https://b'\nglobal.cert='x'"
    )
    assert script.settings_of_pip(listing) == {"index-url": "https://c", "cert": "x"}
    assert script.settings_of_pip("freeze.index-url='https://a'\nglobal.timeout='3'") == {"timeout": "3"}


def test_what_pip_has_uv_gets_and_what_uv_has_it_keeps(script):
    pip = {"index-url": "https://mirror", "extra-index-url": "https://a\nhttps://b", "cert": "/ca.pem"}
    assert script.environment_of_uv(pip, {"UV_DEFAULT_INDEX": "https://own"}) == {
        "UV_SYSTEM_CERTS": "true",
        "UV_DEFAULT_INDEX": "https://own",
        "UV_INDEX": "https://a https://b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/ca.pem",
    }
    assert script.environment_of_uv({}, {}) == {"UV_SYSTEM_CERTS": "true"}


def test_uv_gets_pips_proxy_links_and_certificate(script):
    pip = {"proxy": "http://user:secret@proxy:3128", "find-links": "/wheels\nhttps://links", "client-cert": "/me.pem"}
    assert script.environment_of_uv(pip, {}) == {
        "UV_SYSTEM_CERTS": "true",
        "ALL_PROXY": "http://user:secret@proxy:3128",
        "UV_FIND_LINKS": "/wheels,https://links",
        "SSL_CLIENT_CERT": "/me.pem",
    }


@pytest.mark.parametrize("on", ["1", "true", "yes"])
def test_uv_asks_no_index_where_pip_asks_none(script, on):
    install = ["pip", "install", "-r", "a.txt"]
    assert script.arguments_of_uv({"no-index": on}, install) == ["pip", "install", "--no-index", "-r", "a.txt"]
    assert script.arguments_of_uv({"no-index": on}, ["venv", ".venv"]) == ["venv", ".venv"]
    assert script.arguments_of_uv({"no-index": "false"}, install) == script.arguments_of_uv({}, install) == install


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A package index with one package that no other has."""
    wheel = tmp_path / "simple" / MADE_UP / f"{MADE_UP.replace('-', '_')}-1.0-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    info = f"{MADE_UP.replace('-', '_')}-1.0.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {MADE_UP}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    (wheel.parent / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def install(target, settings):
    """Install what is on the mirror, as the Makefile does it, where pip has these settings."""
    ran = subprocess.run(
        [sys.executable, str(SCRIPT), "pip", "install", "--target", str(target), MADE_UP],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.skipif(not Path(sys.executable).with_name("uv").exists(), reason="only the everyday environment has uv")
def test_uv_installs_from_the_mirror_that_pip_is_told_of(mirror, tmp_path):
    settings = {"PIP_INDEX_URL": mirror, "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1", "UV_NO_CACHE": "1"}
    install(tmp_path / "target", settings)
    assert (tmp_path / "target" / f"{MADE_UP.replace('-', '_')}-1.0.dist-info").is_dir()


@pytest.mark.skipif(not Path(sys.executable).with_name("uv").exists(), reason="only the everyday environment has uv")
def test_uv_installs_without_an_index_from_where_pip_finds_links(mirror, tmp_path):
    settings = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path / "simple" / MADE_UP),
        "PIP_INDEX_URL": "http://127.0.0.1:9/nothing",
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CACHE": "1",
    }
    install(tmp_path / "target", settings)
