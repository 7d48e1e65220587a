"""The console in a real browser: a page that remembers what went wrong in it and whom it asked for anything."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
GRAVE: Final = ("serious", "critical")

expect.set_options(timeout=15_000)


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium. Its sandbox does not work for root, and nothing but our own page is opened in it."""
    sandbox = [] if os.getuid() else ["--no-sandbox"]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*sandbox, "--disable-dev-shm-usage"])


class Console:
    """The console of a gateway, opened in a browser context of its own."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.url = url
        self._context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **context})
        self.page: Page = self._context.new_page()
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda message: self._said(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"{kind}: {text}")

    def open(self, place: str = "") -> Console:
        """Open the page; ``place`` is the part after ``#``."""
        self.page.goto(f"{self.url}/{place and '#' + place}")
        return self

    def live(self, place: str = "") -> Console:
        """Open the page, and wait until the feed runs."""
        self.open(place)
        expect(self.page.locator("#feed")).to_have_text("● live")
        return self

    def close(self) -> None:
        """The end of a look. Raises AssertionError where the page complained or asked another host."""
        self._context.close()
        assert self.faults == []
        assert self.hosts == {urlsplit(self.url).netloc}

    def row(self, words: str) -> Locator:
        """The rows of the list that hold these words."""
        return self.page.locator(".rows .row:visible").filter(has_text=words)

    @property
    def detail(self) -> Locator:
        return self.page.locator("#detail")

    def stage(self, name: str, attempt: int | None = None) -> Locator:
        """A row of the diagram, which tells its marks in words to those who do not see it."""
        of = f" of attempt {attempt}" if attempt else ""
        return self.detail.get_by_role("img", name=re.compile(f"^{name}{of}: "))

    def grave(self) -> list[str]:
        """What axe-core finds serious or worse in what is shown now."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {each['help']}: {node['html'][:160]}"
            for each in found
            if each["impact"] in GRAVE
            for node in each["nodes"]
        ]

    @property
    def too_wide(self) -> int:
        """Pixels by which the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
