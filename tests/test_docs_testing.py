"""The page about tests, followed by somebody who has an empty folder and the installed package, and nothing of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "testing.md").read_text()
FILE = re.compile(r"^<!-- (\S+) -->\n\n```\w+\n(.*?)```", re.DOTALL | re.MULTILINE)


@pytest.fixture
def project(tmp_path):
    """A folder with the files of the page."""
    for name, text in FILE.findall(PAGE):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def own_tests(project, *options, **environment):
    """Run pytest in the project, without anything that our own tests have set."""
    ours = ("AIRFLOW_", "AWS_", "PYTEST_", "PYTHON")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    command = [sys.executable, "-m", "pytest", "-q", *options]
    return subprocess.run(
        command, cwd=project, env={**clean, **environment}, capture_output=True, text=True, check=False
    )


def test_the_project_of_the_page_passes_in_an_empty_folder(project):
    """Beside an Airflow of the user's own, of which nothing is touched."""
    home = project / "home"
    database = f"sqlite:///{project}/own.db"
    without_fixtures = re.findall(r"```python\n(from moto.*?)```", PAGE, re.DOTALL)
    (project / "test_moto.py").write_text(*without_fixtures)
    ran = own_tests(project, AIRFLOW_HOME=str(home), AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 passed" in ran.stdout
    assert not home.exists()
    assert not (project / "own.db").exists()


def test_a_folder_of_dags_that_does_not_exist_is_named(project):
    (project / "pytest.ini").write_text("[pytest]\nairflow_dags_folder = src/dags\n")
    ran = own_tests(project)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{project}/src/dags is not a folder; set airflow_dags_folder" in ran.stderr


def test_an_airflow_that_was_imported_too_early_is_reported(project):
    conftest = project / "conftest.py"
    conftest.write_text("import airflow.configuration\n" + conftest.read_text())
    ran = own_tests(project, AIRFLOW_HOME=str(project / "home"))
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Airflow was imported before airflow_wisdom.testing.airflow_home" in ran.stderr
