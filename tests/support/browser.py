"""Debian's Chromium, headless and by its driver, as a person at a page would use it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from . import poll

LIMIT_S = 45
SWITCHES = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


class Browser:
    """One window. Every wait has a deadline."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Go to a page."""
        self.driver.get(url)

    def find(self, selector: str) -> WebElement:
        """Return the first element that matches a CSS selector, as soon as there is one."""
        return poll.until(lambda: self.all(selector), LIMIT_S, f"{selector}\n{self.complaints()}")[0]

    def all(self, selector: str) -> list[WebElement]:
        """Return the elements that match now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """Return the text of what matches, "" where nothing does; in one step, whatever is replaced."""
        found = self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
        assert isinstance(found, str)
        return found

    def until_text(self, selector: str, wanted: str, limit_s: float = LIMIT_S) -> None:
        """Wait until the text of what matches holds `wanted`."""
        poll.until(
            lambda: wanted in self.text(selector),
            limit_s,
            f"{wanted!r} in {selector}: {self.text(selector)!r}",
        )

    def run(self, script: str, *arguments: object) -> object:
        """Run a script in the page and return what it returns."""
        found: object = self.driver.execute_script(script, *arguments)
        return found

    def scheme(self, scheme: Literal["light", "dark"]) -> None:
        """Let the person prefer light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def size(self, width: int, height: int) -> None:
        """Give the page so many pixels."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def screenshot(self, path: Path) -> None:
        """Keep a picture of the window."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))

    def complaints(self) -> list[str]:
        """Return the errors since the last call: of scripts, and what a policy blocked."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # selenium's own
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


def _program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    raise FileNotFoundError(f"{names[0]}: not installed: Debian's chromium and chromium-driver are needed")


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser with an empty profile while the block runs."""
    profile = tempfile.mkdtemp(prefix="heard-browser-")
    options = ChromeOptions()
    for switch in (*SWITCHES, f"--user-data-dir={profile}", "--window-size=1440,1000"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.binary_location = _program("chromium", "google-chrome")
    driver = Chrome(options, ChromeService(_program("chromedriver", "chromium.chromedriver")))
    try:
        driver.set_page_load_timeout(LIMIT_S)
        driver.set_script_timeout(60)
        yield Browser(driver)
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)
