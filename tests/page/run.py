"""Looks at the page *Amazon Connect* in a whole Airflow, as `make page` does: what it says has to equal the XComs.

One Airflow is fed for three days, and Chromium looks at it as an administrator, as a viewer who may not read one of the
DAGs, and as somebody who may read none. Exit status 0: everything was as it should be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote, urlencode

import requests

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from auth import PASSWORDS  # noqa: E402 - of this folder
from browser import NARROW, WIDE, Browser, browser  # noqa: E402 - as above
from rigs.processes import interruptible, until  # noqa: E402 - as above
from world import HOSTILE, World, articles, world  # noqa: E402 - as above

AXE = HERE.parents[1] / "airflow_wisdom/plugin/ui/node_modules/axe-core/axe.min.js"
IMAGES = HERE.parents[1] / "docs" / "images"
PAGE = "/plugin/amazon-connect"
PATIENCE = 120
LABELS = {
    "rowsRead": "Rows read",
    "rowsCreated": "Created",
    "rowsUpdated": "Updated",
    "rowsImported": "Imported",
    "itemsRemoved": "Removed",
    "rowsUnchanged": "Unchanged",
    "rowsPresent": "Already there",
    "rowsDiffering": "There with other values",
    "rowsRefused": "Refused by AWS",
    "rowsInvalid": "Invalid",
    "rowsPlanned": "Planned, not applied",
    "rowsOnlyChecked": "Valid, not sent",
}
"""Member of a summary -> what the page calls it."""

CELLS = "return [...document.querySelectorAll('%s')].map((e) => [...e.children].map((c) => c.textContent))"
"""The texts of the children of each element that a selector finds."""

TILES, ROWS, PROBLEMS = (CELLS % each for each in (".acw-tile", ".acw-card tbody tr", ".acw-rows tbody tr"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help="look at nothing, and leave Airflow running until Ctrl-C")
    parser.add_argument("--pictures", action="store_true", help="take the pictures of the docs, too")
    given = parser.parse_args()
    # Airflow's processes find the auth manager there, and the browser no proxy.
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    began = time.monotonic()
    interruptible()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airflow-wisdom-page-")))
        here = stack.enter_context(world(folder))
        runs = here.three_days()
        say(began, f"three days have passed at {here.airflow.url}{PAGE}")
        if given.serve:
            say(began, f"users, whose names are their passwords: {', '.join(PASSWORDS)}. Ctrl-C ends it")
            until(lambda: False, float("inf"), "Ctrl-C")
        page = stack.enter_context(browser(folder / "browser", here.airflow.url))
        for check in [take_pictures, *CHECKS] if given.pictures else CHECKS:
            check(here, page, runs)
            say(began, check.__doc__)
    return 0


def say(began: float, text: str) -> None:
    print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True)  # noqa: T201 - a command's output


def address(dag_id: str, run_id: str, task_id: str) -> str:
    """Return where the page shows a run."""
    return f"{PAGE}?{urlencode({'dag_id': dag_id, 'run_id': run_id, 'task_id': task_id})}"


def tab(dag_id: str, run_id: str, task_id: str) -> str:
    """Return where Airflow shows a task instance, with the page's tab open."""
    return f"/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}/plugin/amazon-connect-run"


def started(here: World, dag_id: str, run_id: str, task_id: str) -> str:
    """Return when a task began, as the page says it."""
    sql = "select start_date from task_instance where dag_id = %s and run_id = %s and task_id = %s"
    return str(here.airflow.query(sql, dag_id, run_id, task_id)[0][0])[:19]


def words(summary: dict) -> str:
    """Return the numbers of a summary as the page lists them."""
    shown = ((label[0].lower() + label[1:], summary.get(name)) for name, label in LABELS.items() if name != "rowsRead")
    return ", ".join(f"{label} {number:,}" for label, number in shown if number) or "nothing to do"


def of_the_feeding(here: World) -> dict[tuple[str, str, str], dict]:
    """Return the XComs of the tasks that feed a knowledge base."""
    return {run: summary for run, summary in here.summaries().items() if run[2] != "get"}


def require_equal(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise AssertionError(f"{what}: the page says {found!r}, and should say {expected!r}")


def the_way_there(here: World, page: Browser, runs: list) -> None:
    """Under Browse there is the page."""
    page.size(WIDE)
    page.sign_in("admin")
    page.open("/")
    page.until_it_says("Browse")
    page.click("//button[contains(., 'Browse')]")
    page.click("//*[@role='menu']//*[contains(text(), 'Amazon Connect')]")
    page.until_it_says("Last run")


def the_page_equals_the_xcoms(here: World, page: Browser, runs: list, *, hidden: str | None = None) -> None:
    """Every run has a row, with the numbers of its XCom."""
    shown = {run: summary for run, summary in of_the_feeding(here).items() if run[0] != hidden}
    if hidden is None:
        require_equal(sorted(run[:2] for run in shown), sorted(runs), "the runs that have a summary")
    expected = {(started(here, *run), f"{run[0]} · {run[2]}", words(summary)) for run, summary in shown.items()}
    page.open(PAGE)
    page.until_it_says("Last run", "Updated")
    page.run("document.querySelectorAll('.acw-card > button').forEach((each) => each.click())")
    rows = page.run(ROWS)
    require_equal({(row[0], row[1], row[3]) for row in rows}, expected, "the runs")
    require_equal(len(rows), len(shown), "how many runs there are")
    require_equal(
        page.run("return document.querySelectorAll('.acw-column').length"), len(shown), "the bars of the plots"
    )


def runs_equal_their_xcoms(here: World, page: Browser, runs: list) -> None:
    """Runs, on the page and on their tabs, have the numbers and the rows of their XComs."""
    some = list(of_the_feeding(here).items())
    for place, (run, summary) in enumerate([*some[::4], some[-1]]):
        page.open(tab(*run) if place % 2 else address(*run))
        page.until_it_says("Rows read")
        said = {label: text for label, text in page.run(TILES) if text != "0"}
        expected = {label: f"{summary[name]:,}" for name, label in LABELS.items() if summary.get(name)}
        require_equal(said, expected, f"the numbers of {run}")
        reasons = [row["reason"] for row in summary["invalidRows"]]
        reasons += [record["Error message"] for record in summary.get("failedRecords", ()) if "Error message" in record]
        require_equal([row[3] for row in page.run(PROBLEMS)][: len(reasons)], reasons[:50], f"the reasons of {run}")


def texts_stay_texts(here: World, page: Browser, runs: list) -> None:
    """A row that would run in a page is shown."""
    hostile = next(run for run, found in of_the_feeding(here).items() if HOSTILE in str(found["invalidRows"]))
    for where in (address(*hostile), tab(*hostile)):
        page.open(where)
        page.until_it_says(HOSTILE)
        require_equal(page.run("return document.querySelectorAll('.acw img').length"), 0, "images")


def ten_thousand_rows(here: World, page: Browser, runs: list) -> None:
    """Ten thousand rows are shown a page at a time, searched, and all of them downloaded."""
    many = next(run for run, found in of_the_feeding(here).items() if found["rowsInvalid"] == 10_000)
    page.open(address(*many))
    page.until_it_says("Entries 1 to 50 of 10,000")
    require_equal(len(page.run(PROBLEMS)), 50, "rows in the document")
    page.click("//button[text()='Download as CSV']")
    files = until(lambda: list(page.downloads.glob("*.csv")), PATIENCE, "the download")
    require_equal(len(files[0].read_text("utf-8-sig").splitlines()), 10_001, "lines of the file")
    page.driver.find_element("css selector", ".acw input[type=search]").send_keys("9,876")
    page.until_it_says("Entries 1 to 1 of 1")


def everybody_can_use_it(here: World, page: Browser, runs: list) -> None:
    """Axe finds nothing wrong, wide and narrow, light and dark, and nothing is wider than the screen."""
    imported = [run for run in of_the_feeding(here) if run[0] == "import_articles"][1]
    synced = [run for run in of_the_feeding(here) if run[0] == "sync_answers"][4]
    places = [(PAGE, "Last run"), (address(*imported), "Rows to look at"), (tab(*synced), "Plan")]
    try:
        for width, theme in ((WIDE, "light"), (NARROW, "dark"), (NARROW, "light"), (WIDE, "dark")):
            page.size(width)
            page.theme(theme)
            for where, shown in places:
                page.open(where)
                page.until_it_says(shown)
                page.run("document.querySelectorAll('.acw details').forEach((each) => each.open = true)")
                page.until_it_stands_still()
                what = f"{where}, {theme}, at {width} pixels"
                require_equal(page.violations(AXE, ".acw"), [], f"what is wrong with {what}")
                too_wide = page.run("return Math.max(0, document.documentElement.scrollWidth - innerWidth)")
                require_equal(too_wide, 0, f"pixels that are too many of {what}")
    finally:
        page.size(WIDE)
        page.theme("light")


def a_narrow_screen_has_all(here: World, page: Browser, runs: list) -> None:
    """On a narrow screen, the numbers of a bar are not cut off, the newest bar is in view, and rows can be sorted."""
    inside = "const {left, right} = document.querySelector('%s').getBoundingClientRect();"
    inside += "return left >= 0 && right <= innerWidth"
    imported = [run for run in of_the_feeding(here) if run[0] == "import_articles"][1]
    try:
        page.size(NARROW)
        page.open(PAGE)
        page.until_it_says("Last run", "Updated")
        page.until_it_stands_still()
        newest = ".acw-bars .acw-column:last-child"
        require_equal(page.run(inside % newest), True, "whether the newest bar is in view")
        for bar in (newest, ".acw-bars .acw-column"):
            page.run(f"document.querySelector('{bar}').focus()")
            require_equal(page.run(inside % ".acw-tip"), True, "whether the numbers are in view")
        page.open(address(*imported))
        page.until_it_says("Rows to look at", "Sort by")
        seen = page.run("return [...document.querySelectorAll('.acw-sort')].filter((e) => e.checkVisibility()).length")
        require_equal(seen, 0, "headings that sort")
    finally:
        page.size(WIDE)


def a_viewer(here: World, page: Browser, runs: list) -> None:
    """A viewer sees the same numbers, and nothing of a DAG that is hidden from him."""
    secret = next(run for run in of_the_feeding(here) if run[0] == "secret_sync")
    page.sign_in("viewer")
    the_page_equals_the_xcoms(here, page, runs, hidden="secret_sync")
    page.until_it_says("sync_answers", "import_articles")
    require_equal("secret_sync" in page.text, False, "whether the hidden DAG is on the page")
    page.open(address(*secret))
    page.until_it_says("You may not see this")
    require_equal("Salaries" in page.text, False, "whether the hidden run is shown")


def a_stranger(here: World, page: Browser, runs: list) -> None:
    """Somebody who may read no DAG is told so."""
    page.sign_in("stranger")
    page.open(PAGE)
    page.until_it_says("You may not see this")


def nobody(here: World, page: Browser, runs: list) -> None:
    """Without a login there is the file, and nothing else."""
    url = f"{here.airflow.url}/amazon-connect-ui"
    require_equal(requests.get(f"{url}/amazon-connect.js", timeout=60).status_code, 200, "the file")
    for path in ("/", "/docs", "/openapi.json", "/static/amazon-connect.js", "/x/amazon-connect.js"):
        require_equal(requests.get(url + path, timeout=60).status_code, 404, path)
    data = requests.get(f"{here.airflow.url}/api/v2/dags/~/dagRuns/~/taskInstances", timeout=60)
    require_equal(data.status_code, 401, "the data")


def while_it_runs(here: World, page: Browser, runs: list) -> None:
    """While an import is deferred, its progress is shown; then its end, without a reload."""
    page.sign_in("admin")
    here.fake.import_jobs(after_seconds=3600)
    rows = [(f"New {name}", text, f"n{place}") for place, (name, text, _) in enumerate(articles(0)) if name]
    run_id = here.feed("import_articles", rows)
    page.open(address("import_articles", run_id, "import"))
    page.until_it_says("0 of 2 import jobs ended, 0 of 111 rows")
    page.run("window.isTheSamePage = true")
    pages = here.fake.client().list_import_jobs(knowledgeBaseId=here.airflow.variables["E2E_LOADED"])
    first, second = [job["importJobId"] for job in pages["importJobSummaries"] if job["status"] == "START_IN_PROGRESS"]
    here.fake.set_status(first, "COMPLETE")
    page.until_it_says("1 of 2 import jobs ended")
    here.fake.set_status(second, "COMPLETE")
    page.until_it_says("Import complete", "Rows read")
    require_equal(page.run("return window.isTheSamePage"), True, "whether it is the same page")
    here.fake.import_jobs(after_seconds=0.5)


def no_complaints(here: World, page: Browser, runs: list) -> None:
    """The browser has nothing to complain of, but for what it was refused."""
    wrong = [entry["message"] for entry in page.complaints() if " 403 " not in entry["message"]]
    require_equal(wrong, [], "complaints")


def take_pictures(here: World, page: Browser, runs: list) -> None:
    """The pictures are taken."""
    page.size(WIDE)
    page.sign_in("admin")
    every = list(of_the_feeding(here))
    refused = [run for run in every if run[0] == "import_articles"][1]
    synced = [run for run in every if run[0] == "sync_answers"][4]
    for name, where, width, height, theme, shown in [
        ("page", PAGE, WIDE, 1_280, "light", "Last run"),
        ("page-run", address(*refused), WIDE, 1_150, "light", "Rows to look at"),
        ("page-tab", tab(*synced), WIDE, 760, "dark", "Plan"),
        ("page-narrow", address(*refused), NARROW, 1_000, "light", "Rows to look at"),
    ]:
        page.size(width, height)
        page.theme(theme)
        page.open(where)
        page.until_it_says(shown)
        image = IMAGES / f"{name}.png"
        image.write_bytes(page.until_it_stands_still())
        print(f"{image}: {image.stat().st_size:,} bytes", flush=True)  # noqa: T201 - a command's output


CHECKS = [
    the_way_there,
    the_page_equals_the_xcoms,
    runs_equal_their_xcoms,
    texts_stay_texts,
    ten_thousand_rows,
    everybody_can_use_it,
    a_narrow_screen_has_all,
    while_it_runs,
    no_complaints,
    a_viewer,
    a_stranger,
    nobody,
]

if __name__ == "__main__":
    sys.exit(main())
