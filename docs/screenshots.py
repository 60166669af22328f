"""Take the screenshots of the docs: `make screenshots` runs the example DAG in a whole Airflow, with the fake service.

Needs Chromium and its driver (on Debian, `apt-get install chromium chromium-driver`). All that is started ends with
this script, listens on free ports and writes to a temporary folder; Airflow's log servers listen on all addresses, as
`airflow standalone` has it. Exit status 0: every page showed what it is there to show.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from airflow_wisdom.testing import FakeWisdom
from airflow_wisdom.testing.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
DAG_ID = "import_quick_responses"
TASK_ID = "import"
LINK = "Amazon Connect"
SECONDS_OF_WORK = 5.0
SIZE = (1280, 720)

EXPAND = "[data-testid=expand-all-button]"
PAGES = {
    "ui-xcom": (f"/tasks/{TASK_ID}/xcom", EXPAND, ["amazon_connect_console", "rowsRead", "rowsImported"]),
    "ui-link": (f"/tasks/{TASK_ID}/details", "", [LINK]),
    "ui-graph": ("", "g", ["React Flow", "report"]),
}
"""Name of the image -> page of the run, what to do there, and what it then has to show.

A key of Airflow's UI is pressed, `g` turns the grid into a graph; a button is clicked.
"""


def main() -> int:
    """Run the DAG, take the pictures, and say where they are."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="airflow-screenshots-")))
        fake = FakeWisdom(stack.enter_context(running()))
        fake.import_jobs(after_seconds=SECONDS_OF_WORK)
        airflow = Airflow(home, fake)
        stack.enter_context(
            _process([Path(sys.executable).parent / "airflow", "standalone"], airflow.environment, home)
        )
        try:
            _until(airflow.logs_in, 180, "Airflow to answer")
            run_id = airflow.run(DAG_ID)
            _until(lambda: airflow.has_ended(DAG_ID, run_id), 180, "the DAG to end")
            _take(stack.enter_context(_browser(home)), f"{airflow.url}/dags/{DAG_ID}/runs/{quote(run_id)}")
        except Exception:
            print((home / "log").read_text()[-5000:], file=sys.stderr)
            raise
    return 0


class Airflow:
    """An `airflow standalone`, to be started by others, and its REST API.

    :param home: An empty folder.
    :param fake: The service that the Airflow connection `aws_default` leads to.
    """

    def __init__(self, home: Path, fake: FakeWisdom) -> None:
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = self._environment(home, port, fake)
        self._session = requests.Session()

    def logs_in(self) -> bool:
        """Get a token, if the API server is there."""
        with suppress(requests.ConnectionError):
            answer = self._session.get(f"{self.url}/auth/token", timeout=10)
            if answer.ok:
                self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            return answer.ok
        return False

    def run(self, dag_id: str) -> str:
        """Run a DAG as soon as Airflow knows it, and return the run's id."""
        _until(lambda: self._call("GET", f"dags/{dag_id}").ok, 120, f"the DAG {dag_id}")
        self._call("PATCH", f"dags/{dag_id}", {"is_paused": False}).raise_for_status()
        answer = self._call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def has_ended(self, dag_id: str, run_id: str) -> bool:
        """Return whether a run is successful.

        :raises RuntimeError: It failed.
        """
        state = self._call("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}").json()["state"]
        if state == "failed":
            raise RuntimeError(f"The run {run_id} failed")
        return bool(state == "success")

    def _call(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self._session.request(method, f"{self.url}/api/v2/{path}", json=body, timeout=60)

    @staticmethod
    def _environment(home: Path, port: int, fake: FakeWisdom) -> dict[str, str]:
        extra = {"region_name": fake.region_name, "endpoint_url": fake.endpoint_url}
        extra |= {"knowledge_base_id": fake.create_knowledge_base("contact-centre"), "reports": str(home / "reports")}
        settings = {
            "API__HOST": "127.0.0.1",
            "API__PORT": str(port),
            "CORE__DAGS_FOLDER": str(ROOT / "dags_examples"),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "CORE__LOAD_EXAMPLES": "False",
            # No password to log in with: nobody else reaches it.
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
            "LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        }
        # No setting of an Airflow or an AWS account that this machine may have besides must shine through.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))}
        return {
            **inherited,
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            "AIRFLOW_HOME": str(home),
            # It looks for its own command there.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(
                {"conn_type": "aws", "login": "testing", "password": "testing", "extra": extra}
            ),
        }


def _take(browser: webdriver.Chrome, run: str) -> None:
    for name, (page, action, expected) in PAGES.items():
        browser.get(run + page)
        _await(browser, [DAG_ID])
        if action == EXPAND:
            browser.find_element("css selector", action).click()
        elif action:
            browser.find_element("tag name", "body").send_keys(action)
        _await(browser, expected)
        image = IMAGES / f"{name}.png"
        browser.save_screenshot(str(image))
        print(f"{image.relative_to(ROOT)}: {image.stat().st_size:,} bytes")


def _await(browser: webdriver.Chrome, expected: list[str]) -> None:
    try:
        _until(lambda: _shows(browser, expected), 60, f"{expected} on {browser.current_url}")
    except TimeoutError:
        print(browser.execute_script("return document.body.innerText"), file=sys.stderr)
        raise
    # What is on its way, such as a graph that is still being laid out, has arrived when nothing moves any more.
    _until(lambda: _stands_still(browser), 30, "the page to stand still")


def _shows(browser: webdriver.Chrome, expected: list[str]) -> bool:
    with suppress(WebDriverException):
        text = browser.execute_script("return document.body.innerText")
        return all(words in text for words in expected)
    return False


def _stands_still(browser: webdriver.Chrome) -> bool:
    before = browser.get_screenshot_as_png()
    time.sleep(2)
    return before == browser.get_screenshot_as_png()


@contextmanager
def _browser(home: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = _installed("chromium", "google-chrome")
    width, height = SIZE
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        "--lang=en",
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={home / 'browser'}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(_installed("chromedriver")))
    try:
        # A window has a frame, also where nobody sees it: the page itself is to be of that size.
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        yield browser
    finally:
        browser.quit()


def _installed(*names: str) -> str:
    found = [path for path in map(shutil.which, names) if path]
    if not found:
        sys.exit(f"{names[0]} was not found: on Debian, apt-get install chromium chromium-driver")
    return found[0]


@contextmanager
def _process(command: list[Any], environment: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Run a command and whatever it starts, for as long as this block lasts."""
    with (folder / "log").open("w") as log:
        started = subprocess.Popen(  # noqa: S603 - our own
            command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            _end(started)


def _end(started: subprocess.Popen[bytes]) -> None:
    """End a process and its whole group: Airflow leaves its children behind."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(started.pid, number)
        with suppress(subprocess.TimeoutExpired):
            started.wait(timeout=15)


def _until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:.0f} s for {what}")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
