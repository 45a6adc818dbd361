"""The heat map lies over the part of the picture that the network saw, wherever the picture lies in its frame."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from bundle_factory import COLOURS, HEAD, make_bundle
from landsight.photo.prepare import Preparation
from serve_child import running

#: Of the middle row of the canvas: red and opacity of each pixel, and where the canvas and the picture stand.
_ROW = """() => {
  const canvas = document.querySelector('.heat canvas'), image = document.querySelector('.picture img');
  const {data} = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1);
  const at = (node) => [node.clientWidth, node.clientHeight, getComputedStyle(node).objectFit, node.width / node.height > 0];
  return {row: [...Array(canvas.width).keys()].map((i) => [data[4 * i], data[4 * i + 3]]), canvas: [canvas.width, canvas.height],
    image: [image.naturalWidth, image.naturalHeight], same: String(at(canvas)) === String(at(image))};
}"""


@pytest.mark.parametrize(("rule", "seen"), [("crop", (0.25, 0.75)), ("letterbox", (0.0, 1.0)), ("squash", (0.0, 1.0))])
def test_it_lies_where_the_network_looked(browser: Browser, tmp_path: Path, rule: str, seen: tuple[float, float]) -> None:
    make_bundle(tmp_path / "bundle", arrays=HEAD, preparation=Preparation(width=32, height=32, resize=rule))  # type: ignore[arg-type]
    picture = Image.new("RGB", (960, 480), (90, 90, 90))
    picture.paste(COLOURS["blue_bay"], (528, 0, 624, 480))  # 0.55 to 0.65 of the width
    out = io.BytesIO()
    picture.save(out, "PNG")
    with running("--bundle", str(tmp_path / "bundle")) as (_, address):
        page = browser.new_page()
        page.goto(address)
        page.set_input_files("#files", [{"name": "a.png", "mimeType": "image/png", "buffer": out.getvalue()}])
        expect(page.locator(".card[data-status=done]")).to_have_count(1, timeout=30_000)
        page.locator(".why").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".heat .caption")).to_contain_text("Blue Bay")
        found = page.evaluate(_ROW)
        page.close()
    assert found["canvas"] == found["image"] and found["same"]
    width = len(found["row"])
    hot = [i for i, (red, opacity) in enumerate(found["row"]) if red > 200 and opacity > 100]
    assert 0.53 < hot[0] / width < 0.58 and 0.62 < hot[-1] / width < 0.68
    dimmed = [i / width for i, (red, opacity) in enumerate(found["row"]) if red == 0 and opacity > 100]
    assert all(x < seen[0] + 0.01 or x > seen[1] - 0.01 for x in dimmed) and (len(dimmed) > 0) == (rule == "crop")
