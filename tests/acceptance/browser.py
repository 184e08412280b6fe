"""A real browser without a window, which notes what it asks for and what it complains of."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MILLISECONDS = 240_000  # drawing takes long where other tests use the processors


@dataclass
class Browser:
    """One window, the addresses that it asked for, and the errors that its pages wrote or raised."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error of the console."""
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url')})")


@contextmanager
def browsing() -> Iterator[Browser]:
    """The installed Chromium with an empty profile; without one, the test is skipped."""
    found = next((path for path in map(shutil.which, NAMES) if path is not None), None)
    if found is None:
        pytest.skip(f"there is no browser here: none of {', '.join(NAMES)}")
    # Chromium's sandbox refuses to work for root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=arguments)
        page = chromium.new_page(viewport={"width": 1600, "height": 1200})
        page.set_default_timeout(MILLISECONDS)
        browser = Browser(page)
        page.on("request", lambda request: browser.asked.append(request.url))
        page.on("console", browser.note)
        page.on("pageerror", lambda error: browser.complaints.append(str(error)))
        yield browser
        chromium.close()
