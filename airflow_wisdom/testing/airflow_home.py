"""A pytest plugin that gives the tests of your DAGs an Airflow of their own: a home, your folder of DAGs, a database.

Put its name into the `conftest.py` at the root of your tests, beside the fixtures of the fake service::

    pytest_plugins = ["airflow_wisdom.testing.fixtures", "airflow_wisdom.testing.airflow_home"]

Airflow reads its settings when it is first imported, which a test module does with its first DAG. So home and folder
are set before any test is collected: the home is a temporary folder, the folder of DAGs is `dags` beside your pytest
configuration, or the one that its option `airflow_dags_folder` names. DAGs in it can be imported by their module's
name. The fixture `airflow_database` adds a migrated database. Nothing of an Airflow that this machine may have is read
or written; options in other environment variables, such as `AIRFLOW__CORE__XCOM_BACKEND`, stay as they are.
"""

from __future__ import annotations

import os
import sys
from tempfile import TemporaryDirectory

import pytest

OPTION = "airflow_dags_folder"
_AIRFLOW = "airflow.configuration"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(OPTION, "Folder of the DAGs under test, relative to the root of the tests", default="dags")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.rootpath / config.getini(OPTION)
    if not folder.is_dir():
        raise pytest.UsageError(f"{folder} is not a folder; set {OPTION} in the configuration of pytest")
    if _AIRFLOW in sys.modules:
        raise pytest.UsageError(f"Airflow was imported before {__name__}: import it later than that in conftest.py")
    home = TemporaryDirectory(prefix="airflow-tests-", ignore_cleanup_errors=True)
    # Airflow's logging writes to it until the process ends, and so do processes that it has started.
    config.add_cleanup(home.cleanup)
    os.environ.pop("AIRFLOW_CONFIG", None)
    os.environ.update(
        AIRFLOW_HOME=home.name,
        AIRFLOW__CORE__DAGS_FOLDER=str(folder),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        # Wherever a database of yours is: this one is migrated, and filled with the runs of the tests.
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home.name}/airflow.db",
    )
    # As Airflow does it.
    sys.path.insert(0, str(folder))


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """A migrated metadata database, which `dag.test()` needs."""
    from airflow.utils.db import initdb

    initdb()
