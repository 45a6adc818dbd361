"""What people do on the page: add photos, read answers, ask why, set a place right, take the result along; by mouse, keyboard, on a phone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, FileChooser, FilePayload, Page, expect

from browser_help import AXE
from photos_drawn import eiffel, jpeg

MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
PHOTO, PLACED = jpeg(seed=3), jpeg(exif=eiffel())


def payload(name: str, content: bytes) -> FilePayload:
    """A file as the browser is given it."""
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def add(page: Page, *files: FilePayload) -> None:
    """Choose files, and wait until each is answered or refused."""
    before = page.locator(".card").count()
    page.set_input_files("#files", list(files))
    expect(page.locator(".card[data-status=done], .card[data-status=failed]")).to_have_count(before + len(files), timeout=30_000)


def test_photos_become_cards_and_points_and_what_is_no_photo_says_so(page: Page) -> None:
    add(page, payload("tower.jpg", PLACED), payload("noise.jpg", PHOTO), payload("notes.txt", b"hello"))
    cards = page.locator(".card")
    expect(cards.nth(0)).to_contain_text("Paris, ")
    expect(cards.nth(0)).to_contain_text("position in the file")
    expect(cards.nth(0).locator("img")).to_be_visible()
    expect(cards.nth(2)).to_contain_text("Not a picture that is read: text.")
    expect(page.locator("#summary")).to_contain_text("1 with a position")
    expect(page.locator(".mark")).not_to_have_count(0, timeout=15_000)
    page.locator("#filter").select_option("gps")
    expect(cards).to_have_count(1)
    page.locator("#filter").select_option("all")
    page.locator("#sort").select_option("name")
    expect(cards.nth(0)).to_contain_text("noise.jpg")
    if folder := os.environ.get("LANDSIGHT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "page.png")


def test_why(page: Page) -> None:
    add(page, payload("tower.jpg", PLACED))
    button, canvas = page.locator(".why"), page.locator(".heat canvas")
    expect(canvas).not_to_have_class("on")
    button.focus()
    page.keyboard.press("Enter")
    expect(canvas).to_have_class("on")
    shapes = page.evaluate("(c => { const i = c.closest('.picture').querySelector('img'); return [c.width, c.height, i.naturalWidth, i.naturalHeight]; })(document.querySelector('.heat canvas'))")  # fmt: skip
    assert shapes[:2] == shapes[2:], "the map is fitted into the card as the photo is"
    assert canvas.bounding_box() == page.locator(".picture > img").bounding_box()
    captions = page.locator(".caption").all_inner_texts()
    assert len(set(captions)) == 2 and all(text.startswith("what speaks for ") for text in captions), "the runner-up's map beside it"
    left, right = page.locator(".picture > img").bounding_box(), page.locator(".beside img").bounding_box()
    assert left is not None and right is not None and left["x"] + left["width"] <= right["x"] + 1
    if folder := os.environ.get("LANDSIGHT_SCREENSHOTS"):
        page.locator(".card").first.screenshot(path=Path(folder) / "why.png")
    page.keyboard.press("Enter")
    expect(canvas).not_to_have_class("on")
    expect(page.locator(".beside")).to_have_count(0)


def test_a_wrong_place_is_set_right_and_taken_along(page: Page, tmp_path: Path) -> None:
    add(page, payload("noise.jpg", PHOTO))
    page.get_by_role("button", name="Correct the place").click()
    page.locator("#correct-lat").fill("91")
    page.locator("#correct-lon").fill("2")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#correct-error")).to_contain_text("from -90 to 90")
    page.locator("#correct-lat").fill("48.5")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".card")).to_contain_text("48.5000° N, 2.0000° E")
    for kind in ("json", "csv", "geojson"):
        with page.expect_download() as waiting:
            page.locator(f"[data-export={kind}]").click()
        waiting.value.save_as(tmp_path / kind)
    (line,) = json.loads((tmp_path / "json").read_text())["results"]
    assert line["corrected"] == {"name": "", "latitude": 48.5, "longitude": 2}
    assert "noise.jpg," in (tmp_path / "csv").read_text()
    (feature,) = json.loads((tmp_path / "geojson").read_text())["features"]
    assert feature["geometry"]["coordinates"] == [2, 48.5] and feature["properties"]["corrected"] is True


def test_names_are_words(page: Page, tmp_path: Path) -> None:
    add(page, payload('<img src=x onerror="document.title=1">.jpg', PHOTO), payload("=1+1.jpg", PHOTO))
    expect(page.locator(".card").nth(0)).to_contain_text("<img src=x")
    assert page.locator("img[src=x]").count() == 0 and page.title() != "1"
    with page.expect_download() as waiting:
        page.locator("[data-export=csv]").click()
    waiting.value.save_as(tmp_path / "csv")
    assert "\n'=1+1.jpg," in (tmp_path / "csv").read_text()


def test_metadata_is_words(page: Page) -> None:
    """What a file says of itself comes onto the page as evidence and warnings: never as markup."""
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (48.0, 51.0, 30.24), 3: "E", 4: (2.0, 17.0, 40.2), 27: b"ASCII\0\0\0<b>GPS</b>", 28: MARKUP, 29: MARKUP}
    )
    exif.get_ifd(0x8769).update({0x9003: MARKUP, 0x9286: MARKUP, 0xA434: MARKUP})
    exif.update({0x010E: MARKUP, 0x010F: MARKUP, 0x0110: MARKUP, 0x0131: MARKUP, 0x0132: MARKUP, 0x013B: MARKUP, 0x8298: MARKUP})
    broken = Image.Exif()
    broken.get_ifd(0x8825).update({1: MARKUP, 2: (1e9, 0.0, 0.0), 3: MARKUP, 4: (1.0, 1.0, 1.0)})
    add(page, payload("a.jpg", jpeg(exif=exif.tobytes())), payload("b.jpg", jpeg(exif=broken.tobytes())), payload("c.jpg", MARKUP.encode()))
    for summary in page.locator(".card summary").all():
        summary.click()
    assert page.locator("img[src=x], .card script, .card b").count() == 0 and page.title() == "landsight: where was it taken?"


def test_by_keyboard_alone(page: Page) -> None:
    choosers: list[FileChooser] = []
    page.on("filechooser", lambda asked: choosers.append(asked))  # noqa: PLW0108 - Playwright takes no bound method of a list. Heard from the start: one asked for in the moment of the key can come too late
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#choose")).to_be_focused()
    page.keyboard.press("Enter")
    until = time.monotonic() + 10
    while not choosers and time.monotonic() < until:
        page.wait_for_timeout(50)
    choosers[0].set_files([payload("a.jpg", PHOTO)])
    expect(page.locator(".card[data-status=done]")).to_have_count(1, timeout=30_000)


def test_many_are_cancelled_and_tried_again(page: Page) -> None:
    page.set_input_files("#files", [payload(f"{i}.jpg", PHOTO) for i in range(60)])
    page.locator("#cancel").click()
    expect(page.locator(".card[data-status=failed]").first).to_contain_text("cancelled")
    page.locator("#retry").click()
    expect(page.locator(".card[data-status=done]")).to_have_count(60, timeout=60_000)
    expect(page.locator("#progress")).to_be_hidden()


def test_at_phone_width_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    add(page, payload("a-very-long-name-" * 12 + ".jpg", PLACED), payload("notes.txt", b"hello"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    if folder := os.environ.get("LANDSIGHT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "phone.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: str) -> None:
    """With the page's own policy set aside: the checker is a script from elsewhere."""
    checker = AXE.read_text(encoding="utf-8")
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    add(page, payload("tower.jpg", PLACED), payload("noise.jpg", PHOTO), payload("notes.txt", b"hello"))
    page.evaluate(checker)
    found = page.evaluate("axe.run()")["violations"]
    page.get_by_role("button", name="Correct the place").first.click()
    found += page.evaluate("axe.run()")["violations"]
    context.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
