"""What all tests share: an Airflow of their own, and the fake service."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

sys.path.insert(0, str(Path(__file__).parent))

from rigs.versions import AIRFLOW, is_at_least, numbers  # noqa: E402 - see above

EVERYDAY = (3, 3)
"""The Airflow of constraints.txt; `make compat` runs the tests on others too."""

# Set before anything imports Airflow, which reads it then. Each process of pytest-xdist has a database of its own.
_home = ROOT / ".airflow-tests" / AIRFLOW / os.environ.get("PYTEST_XDIST_WORKER", "main")
for _name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[_name]
os.environ.update(
    AIRFLOW_HOME=str(_home),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags_examples"),
    # Against a fake there is no quota to spare.
    AIRFLOW__WISDOM__CALLS_PER_SECOND="1000",
    # Hundreds of tests in one process leave garbage that should be collected.
    AIRFLOW__WISDOM__GC_FREEZE="False",
)

import hypothesis  # noqa: E402 - see above
import pytest  # noqa: E402 - see above

# A machine that is busy is no reason for a test to fail.
hypothesis.settings.register_profile("busy", deadline=None)
# A change lands or does not for what it is; new examples are found by everybody's own runs.
hypothesis.settings.register_profile("landing", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "busy"))

pytest_plugins = ["airflow_wisdom.testing.fixtures"]


def pytest_configure(config):
    if numbers(AIRFLOW) < EVERYDAY:
        # What libraries of those days deprecate in one another is over in newer ones.
        for line in ("ignore::DeprecationWarning", "ignore::FutureWarning", "error:::airflow_wisdom"):
            config.addinivalue_line("filterwarnings", line)


def pytest_runtest_setup(item):
    for needed in item.iter_markers("airflow"):
        if not is_at_least(needed.args[0]):
            pytest.skip(f"Needs Airflow {needed.args[0]}, this is {AIRFLOW}: {needed.kwargs['because']}")


@pytest.fixture(scope="session", autouse=True)
def airflow_logs():
    """Let Airflow set up its logging before a test listens: in the middle of one it would take its log away."""
    import airflow.sdk  # noqa: F401


@pytest.fixture(params=["wisdom", "qconnect"])
def service_name(request):
    """Both names of the one service."""
    return request.param


@pytest.fixture
def knowledge_base(fake_wisdom):
    return fake_wisdom.create_knowledge_base()


@pytest.fixture
def virtual_time(monkeypatch):
    """Time that passes only where something waits: nothing is late because the machine is busy, and nothing is slow."""
    from rigs.virtual import jumping_clock

    with jumping_clock(monkeypatch) as clock:
        yield clock


@pytest.fixture(autouse=True)
def nobody_supervises():
    """`dag.test()` leaves behind that this process is supervised: the next test would ask who no longer answers."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    if runner and "SUPERVISOR_COMMS" in vars(runner):
        del runner.SUPERVISOR_COMMS


@pytest.fixture
def no_patience(monkeypatch):
    """Between two looks at a list that may lag behind, no time passes."""
    monkeypatch.setattr("airflow_wisdom.runs.starting.LOOK_BACK_PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture
def example_connection(fake_wisdom_over_http, monkeypatch):
    """The Airflow connection as a DAG of the examples expects it: a knowledge base, whose id this is, in its extra."""
    knowledge_base = fake_wisdom_over_http.create_knowledge_base()
    connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
    connection["extra"]["knowledge_base_id"] = knowledge_base
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.syspath_prepend(str(ROOT / "dags_examples"))
    return knowledge_base


@pytest.fixture(scope="session")
def airflow_database():
    """A migrated metadata database, for tests that run whole DAGs."""
    shutil.rmtree(_home, ignore_errors=True)
    _home.mkdir(parents=True)
    from airflow.utils.db import initdb

    initdb()


WHOLE_AIRFLOW = ("test_approval.py", "test_killing.py", "test_secrets.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let one process have all tests that need a whole Airflow, so that they share one, and begin with them.

    The marks of pytest-xdist itself are without effect: pytest 9.2 no longer lets it rename a test.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "whole Airflow" if nodeid.split("::")[0].endswith(WHOLE_AIRFLOW) else nodeid

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def whole_airflow(tmp_path_factory):
    """A scheduler, an API server, a DAG processor and a triggerer, on SQLite, which log whatever there is to log."""
    if not is_at_least("3.3"):
        pytest.skip("A whole Airflow is run of the newest alone: older ones end and remember tasks in other ways")
    from rigs.stack import Sqlite, airflow

    dags = shutil.copytree(ROOT / "tests" / "dags" / "everyday", tmp_path_factory.mktemp("whole_airflow") / "dags")
    shutil.copy(ROOT / "dags_examples" / "sync_with_approval.py", dags)
    # Who ends a task is told with the next heartbeat.
    with airflow(
        database=Sqlite, dags=dags, LOGGING__LOGGING_LEVEL="DEBUG", WORKERS__MIN_HEARTBEAT_INTERVAL="1"
    ) as real:
        yield real
        # Nobody is going to look at it again.
        real.kill()
