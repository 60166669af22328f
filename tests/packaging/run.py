"""Checks what is published: the wheel and the sdist, as somebody meets them who has nothing but those.

`make package` builds them into `dist` and runs it. Everything else it writes goes to `build/packaging`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
WORK = ROOT / "build" / "packaging"
VENV = WORK / "venv"
HERE = Path(__file__).parent

MADE = {"PKG-INFO"}
"""In the sdist, but not in the checkout."""

IMPORT_ALL = """
import importlib, pkgutil, airflow_wisdom
EXTRA = ("airflow_wisdom.testing", "airflow_wisdom.lineage")
# `testing` needs moto and `lineage` OpenLineage, which only the extras of these names install.
found = [m.name for m in pkgutil.walk_packages(airflow_wisdom.__path__, "airflow_wisdom.", onerror=print)]
public = [name for name in found if "._" not in name and (WITH_EXTRAS or not name.startswith(EXTRA))]
for name in public:
    importlib.import_module(name)
assert "site-packages" in airflow_wisdom.__file__, airflow_wisdom.__file__
print(len(public), "modules")
"""

WRONG = "from airflow_wisdom.hooks import WisdomHook\n\nWisdomHook().get_import_job(1, 'job')\n"


class WrongError(Exception):
    """A package is not as it should be."""


def main() -> int:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for check in (
        contents_of_the_wheel,
        contents_of_the_sdist,
        metadata,
        installation,
        types,
        tests_from_the_sdist,
    ):
        started = time.monotonic()
        try:
            found = check()
        except WrongError as exc:
            say(f"WRONG  {check.__name__}: {exc}")
            return 1
        say(f"{time.monotonic() - started:5.1f} s  {check.__name__}: {found}")
    return 0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command's output


def require(condition: object, text: str) -> None:
    if not condition:
        raise WrongError(text)


def the_only(pattern: str) -> Path:
    """Return the one file in `dist` of that pattern."""
    found = sorted(DIST.glob(pattern))
    require(len(found) == 1, f"one {pattern} in {DIST}, not {len(found)}")
    return found[0]


def call(*command: str | Path, cwd: Path = WORK, may_fail: bool = False, env: dict[str, str] | None = None) -> str:
    """Run a command outside of the checkout and return what it printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTHON"))}
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**clean, "AIRFLOW_HOME": str(WORK / "airflow"), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    require(may_fail or done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def tool(name: str) -> Path:
    """Return the path of a tool of the everyday environment."""
    return Path(sys.executable).parent / name


def python(*arguments: str | Path, cwd: Path = WORK) -> str:
    """Run the Python that has the wheel and what it depends on."""
    return call(VENV / "bin" / "python", *arguments, cwd=cwd)


def install(*what: str | Path) -> None:
    """Install more beside the wheel."""
    python = VENV / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    call(
        sys.executable,
        HERE / "run_uv.py",
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        constraints,
        *what,
    )


def contents_of_the_wheel() -> str:
    """The package and its metadata, no tests of it."""
    names = ZipFile(the_only("*.whl")).namelist()
    tops = {name.split("/")[0].split("-")[0] for name in names}
    require(tops == {"airflow_wisdom"}, f"nothing but the package, not {tops}")
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "airflow_wisdom").rglob("*.py")}
    missing = {*sources, "airflow_wisdom/py.typed", "airflow_wisdom/plugin/static/amazon-connect.js"} - set(names)
    require(not missing, f"these are missing: {missing}")
    page = [name for name in names if name.startswith("airflow_wisdom/plugin/ui/")]
    require(not page, f"no sources of the page, as {page}")
    tests = [name for name in names if Path(name).name.startswith(("test_", "conftest"))]
    require(not tests, f"no tests, as {tests}")
    return f"{len(names)} files"


def contents_of_the_sdist() -> str:
    """Everything that is under version control."""
    with tarfile.open(the_only("*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    # Python's own way of unpacking safely came with 3.11.4.
    (WORK / "sdist").mkdir()
    call("tar", "--extract", "--file", the_only("*.tar.gz"), "--directory", WORK / "sdist")
    tracked = set(call("git", "ls-files", cwd=ROOT).splitlines())
    require(names - MADE == tracked, f"what is tracked, but for {sorted((names - MADE) ^ tracked)}")
    return f"{len(names)} files"


def metadata() -> str:
    """As the package index and its users want it."""
    files = [the_only("*.whl"), the_only("*.tar.gz")]
    call(tool("twine"), "check", "--strict", *files)
    call(tool("check-wheel-contents"), files[0])
    return "twine and check-wheel-contents are content"


def installation() -> str:
    """`pip install` of the wheel into an empty environment, with nothing else named."""
    call(sys.executable, HERE / "run_uv.py", "venv", "--quiet", "--seed", "--python", sys.executable, VENV)
    pins = [] if os.environ.get("UNPINNED") else ["--constraint", ROOT / "constraints.txt"]
    python("-m", "pip", "install", "--quiet", *pins, the_only("*.whl"))
    python("-m", "pip", "check")
    listed = python("-m", "airflow", "providers", "get", "airflow-wisdom")
    require(the_only("*.whl").name.split("-")[1] in listed, f"Airflow lists the provider:\n{listed}")
    return python("-W", "ignore", "-c", f"WITH_EXTRAS = False\n{IMPORT_ALL}").splitlines()[-1]


def types() -> str:
    """`py.typed` is honoured: a user's mypy knows our annotations, and the example DAGs have no errors."""
    install("mypy")
    user = WORK / "user"
    user.mkdir()
    wrong = user / "wrong.py"
    wrong.write_text(WRONG)
    mypy = VENV / "bin" / "mypy"
    said = call(mypy, "--strict", wrong, cwd=user, may_fail=True)
    require("[arg-type]" in said, f"mypy sees that an argument is wrong:\n{said}")
    shutil.copytree(ROOT / "dags_examples", user / "dags")
    return call(mypy, "--config-file", HERE / "mypy.ini", "dags", cwd=user).splitlines()[-1]


def tests_from_the_sdist() -> str:
    """They can be run from there, against the installed wheel; the whole of them is run elsewhere."""
    (folder,) = (WORK / "sdist").iterdir()
    install(f"{the_only('*.whl')}[openlineage,testing]", "--group", f"{folder / 'pyproject.toml'}:tests")
    python("-W", "ignore", "-c", f"WITH_EXTRAS = True\n{IMPORT_ALL}")
    pytest = VENV / "bin" / "pytest"
    collected = call(pytest, "--collect-only", "-q", cwd=folder).strip().splitlines()[-1]
    passed = call(pytest, "-q", "tests/test_package.py", cwd=folder)
    return f"{collected}; {passed.strip().splitlines()[-1]}"


if __name__ == "__main__":
    sys.exit(main())
