"""Headless Chromium, and what a page did in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PROGRAM = shutil.which("chromium")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that was opened: what it asked for, and what it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """From the navigation to the end of the load event."""
        entry = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        milliseconds: float = self.page.evaluate(entry)
        return milliseconds / 1000

    @property
    def names(self) -> list[str]:
        """The machines that are shown, from the top."""
        return self.page.locator(".rows > li:not([hidden]) h3").all_text_contents()


@contextmanager
def visit(browser: Browser, file: Path, **options: Any) -> Iterator[Visit]:
    """``file`` in a window of its own; ``options`` are those of ``new_context``."""
    context = browser.new_context(**options)
    seen = Visit(context.new_page())
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.goto(file.as_uri(), wait_until="load")
    yield seen
    context.close()
