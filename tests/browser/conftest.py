"""A real browser (Debian's Chromium) on a real service. Absent: the tests are skipped and say so; in CI that is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from serve_child import running

#: The map needs WebGL, which processors can draw too.
_DRAWN_BY_THE_PROCESSOR = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A service with the shipped bundle."""
    with running() as (_, found):
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a screen. Not for the whole session: while Playwright lives, its event loop is in every other test's way."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        message = "needs Chromium (apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must not skip: {message}")
        pytest.skip(message)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(_DRAWN_BY_THE_PROCESSOR))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, address: str, tmp_path: Path) -> Iterator[Page]:
    """The page, opened. At the end: nothing was asked of another machine, and no script failed."""
    context = browser.new_context(viewport={"width": 1300, "height": 850}, accept_downloads=True)
    opened, outside, failures = context.new_page(), [], []
    own = "/".join(address.split("/")[:3])
    opened.on("request", lambda request: None if request.url.startswith((f"{own}/", "data:", "blob:")) else outside.append(request.url))
    opened.on("pageerror", lambda error: failures.append(str(error)))
    opened.on("console", lambda said: failures.append(said.text) if "Content Security Policy" in said.text else None)
    opened.goto(address)
    yield opened
    context.close()
    assert outside == [] and failures == []
