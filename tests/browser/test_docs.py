"""The page of the OpenAPI document: read, with a token; tried; dark; on a phone. No request leaves the machine and no policy is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from bundle_factory import HEAD, make_bundle
from photos_drawn import jpeg
from serve_child import running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that asks for a token."""
    bundle = make_bundle(tmp_path_factory.mktemp("docs") / "bundle", arrays=HEAD)
    with running("--bundle", str(bundle.root), "--token", "secret") as (_, address):
        yield address


def opened(browser: Browser, address: str, said: list[str], **options: object) -> Page:
    """The page, past its question for the token."""
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.on("request", lambda request: None if request.url.startswith((address, "data:", "blob:")) else said.append(request.url))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    page.goto(f"{address}/docs")
    page.locator("#token").fill("secret")
    page.keyboard.press("Enter")
    expect(page.locator(".opblock")).to_have_count(21, timeout=30_000)
    return page


def test_a_photo_is_tried_with_the_token(browser: Browser, guarded: str, tmp_path: Path) -> None:
    said: list[str] = []
    page = opened(browser, guarded, said)
    (tmp_path / "a.jpg").write_bytes(jpeg())
    page.locator("#operations-photos-locate .opblock-summary").click()
    operation = page.locator("#operations-photos-locate")
    operation.locator("input[type=file]").set_input_files(tmp_path / "a.jpg")
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200", timeout=30_000)
    assert json.loads(operation.locator(".live-responses-table .highlight-code code").first.inner_text())["results"][0]["path"] == "a.jpg"
    page.context.close()
    assert said == []


def test_it_is_dark_and_narrow_where_the_browser_is(browser: Browser, guarded: str) -> None:
    said: list[str] = []
    page = opened(browser, guarded, said, color_scheme="dark", viewport={"width": 360, "height": 740})
    page.locator("#operations-photos-locate .opblock-summary").click()
    expect(page.locator("#operations-photos-locate .responses-wrapper").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ground = page.evaluate("getComputedStyle(document.querySelector('.swagger-ui')).backgroundColor")
    assert ground == page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 24, 28)"
    page.context.close()
    assert said == []
