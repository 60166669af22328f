"""A browser that looks at Airflow's UI as one of its users."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from auth import PASSWORDS
from rigs.processes import until
from rigs.servers import debian
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDE, NARROW = 1400, 400
PATIENCE = 60


class Browser:
    """A browser in which somebody is signed in.

    :param driver: What drives it.
    :param url: Where Airflow is.
    :param downloads: The folder where it saves files.
    """

    def __init__(self, driver: webdriver.Chrome, url: str, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads
        self._url = url
        behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)

    def sign_in(self, name: str) -> None:
        self.driver.delete_all_cookies()
        self.open("/auth/login")
        for field, text in (("username", name), ("password", PASSWORDS[name])):
            until(lambda field=field: self.driver.find_elements("name", field), PATIENCE, f"the field {field}")
            self.driver.find_element("name", field).send_keys(text)
        self.driver.find_element("css selector", "button[type=submit]").click()
        until(lambda: "/auth/login" not in self.driver.current_url, PATIENCE, f"{name} to be signed in")

    def open(self, path: str) -> None:
        self.driver.get(self._url + path)

    def size(self, width: int, height: int = 900) -> None:
        # A window has a frame, also where nobody sees it: the page itself is to be of that size.
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def theme(self, name: str) -> None:
        """Let Airflow's UI be light or dark, from the next page on."""
        self.driver.execute_script("localStorage.setItem('theme', arguments[0])", name)

    @property
    def text(self) -> str:
        """What the page says."""
        with suppress(WebDriverException):
            return self.driver.execute_script("return document.body.innerText")
        return ""

    def run(self, script: str):
        """Run JavaScript in the page, and return what it returns."""
        return self.driver.execute_script(script)

    def click(self, xpath: str) -> None:
        """Click what an XPath leads to, as soon as it is there."""

        def is_clicked() -> bool:
            with suppress(WebDriverException):
                self.driver.find_element("xpath", xpath).click()
                return True
            return False

        until(is_clicked, PATIENCE, f"{xpath} to be clicked")

    def violations(self, axe: Path, selector: str) -> list[str]:
        """Return what axe finds wrong in a part of the page, by WCAG's levels A and AA.

        :param axe: Its script.
        :param selector: Which part.
        """
        self.driver.execute_script(axe.read_text("utf-8"))
        found = self.driver.execute_async_script(
            "const [part, tags, done] = arguments;"
            "axe.run(part, {runOnly: tags, resultTypes: ['violations']}).then(({violations}) => done(violations))",
            selector,
            ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
        )
        return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]

    def complaints(self) -> list[dict]:
        """Return the errors that the browser has logged since it was last asked."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def until_it_says(self, *words: str) -> None:
        try:
            until(lambda: all(each in self.text for each in words), PATIENCE, f"{words} on {self.driver.current_url}")
        except TimeoutError:
            print(self.text, *self.driver.get_log("browser"), sep="\n", file=sys.stderr)  # noqa: T201 - a command's output
            raise

    def until_it_stands_still(self) -> bytes:
        """Wait until nothing moves any more, and return a picture."""
        pictures = [self.driver.get_screenshot_as_png()]

        def stands_still() -> bool:
            time.sleep(0.5)
            pictures.append(self.driver.get_screenshot_as_png())
            return pictures[-1] == pictures[-2]

        until(stands_still, PATIENCE, "the page to stand still")
        return pictures[-1]


@contextmanager
def browser(folder: Path, url: str) -> Iterator[Browser]:
    """Start a browser, and end it.

    :param folder: Where it keeps what it has to keep.
    :param url: Where Airflow is.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = debian("chromium", lambda: shutil.which("chromium") or shutil.which("google-chrome"))
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        "--lang=en",
        f"--user-data-dir={folder / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(debian("chromium-driver", lambda: shutil.which("chromedriver")))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        (folder / "downloads").mkdir(parents=True)
        yield Browser(driver, url, folder / "downloads")
    finally:
        driver.quit()
