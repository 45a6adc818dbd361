"""The pictures of the page and of the lens: the drawn sample, dropped on a running service, in Chromium.

python scripts/draw_page_picture.py docs/images      writes page.png and lens.png there
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from draw_sample import draw_sample
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

_SIZE = {"width": 1240, "height": 900}
#: The least files that the sample's answers can be seen with; the text that it holds is left out.
_SUFFIXES = {".jpg", ".jpeg", ".png", ".heic", ".webp"}


def main() -> None:
    """Draw, serve, drop, take the picture."""
    chromium = shutil.which("chromium") or sys.exit("needs Chromium")
    with tempfile.TemporaryDirectory() as folder:
        draw_sample(Path(folder))
        photos = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in _SUFFIXES)
        command = [sys.executable, "-m", "landsight", "serve", "--port", "0"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service, sync_playwright() as playwright:
            found = re.search(r"http://[^ ]+", service.stderr.readline() if service.stderr else "")
            if not found:
                sys.exit("the service did not start")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
            )
            page = browser.new_page(viewport=_SIZE)  # type: ignore[arg-type]
            taken(page, found[0], photos, Path(sys.argv[1]) / "page.png")
            looked_into(page, f"{found[0]}/lens", Path(sys.argv[1]) / "lens.png")
            browser.close()
            service.kill()


def taken(page: Page, address: str, photos: list[Path], out: Path) -> None:
    """The page with all photos answered."""
    page.goto(address)
    page.set_input_files("#files", photos)
    expect(page.locator(".card[data-status=done], .card[data-status=failed]")).to_have_count(len(photos), timeout=60_000)
    page.locator("#sort").select_option("place")
    page.wait_for_timeout(2500)
    page.evaluate("scrollTo(0, 0)")
    page.locator(".card:has(.why) .picture").first.hover()
    page.wait_for_timeout(500)
    keep(page, out)


def looked_into(page: Page, address: str, out: Path) -> None:
    """The lens on the bundle's own photo: the first convolution, whose kernels are colours, and a number where it finds an edge."""
    page.set_viewport_size({"width": 1240, "height": 1180})
    page.goto(address)
    expect(page.locator("#step .check")).to_be_visible(timeout=60_000)
    for place, number in enumerate(("2", "66", "47")):
        page.locator("#unit input").nth(place).fill(number)
        page.locator("#unit input").nth(place).press("Enter")
    expect(page.locator("#step .check")).to_be_visible()
    keep(page, out)


def keep(page: Page, out: Path) -> None:
    """A PNG of 256 colours."""
    page.screenshot(path=out)
    with Image.open(out) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(out, optimize=True)


if __name__ == "__main__":
    main()
