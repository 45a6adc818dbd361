"""The lens in a real browser: its arithmetic against the network's own numbers, its kernels against NumPy, its file without a service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from browser_help import AXE
from landsight.explain.kernels import KERNELS, convolve
from lens_factory import make_lens_bundle
from photos_drawn import jpeg
from serve_child import running

#: Of each layer so many numbers are worked out, at places drawn with a fixed seed.
_EACH = 12
_WORK_OUT = """async ([numbers]) => {
  const { ServiceSource } = await import("/lens/source.js"), { unitSum, unravel, at } = await import("/lens/arithmetic.js");
  const source = new ServiceSource(), network = await source.describe();
  await source.look(await source.ownPhoto());
  const apart = [];
  for (const layer of network.layers.slice(1)) {
    const [made, ...inputs] = await source.tensorsOf([layer, ...layer.sources.map((n) => network.layers[n])]), weights = await source.weightsOf(layer);
    for (const share of numbers) {
      const unit = unravel(layer.shape, Math.floor(share * made.data.length)), own = at(made, unit), { result } = unitSum(layer, unit, inputs, weights);
      apart.push([layer.name, layer.arithmetic, unit, own, result]);
    }
  }
  return apart;
}"""


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lens_bundle(tmp_path_factory.mktemp("lens") / "resnet", "resnet", 224).root


@pytest.fixture(scope="module")
def address(resnet: Path) -> Iterator[str]:
    """`landsight serve` with a ResNet-18 on 224 pixels."""
    with running("--bundle", str(resnet)) as (_, found):
        yield f"{found}/lens"


def screenshot(page: Page, name: str) -> None:
    if folder := os.environ.get("LANDSIGHT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def is_right(own: float, result: float) -> bool:
    return abs(own - result) <= 1e-4 * max(1.0, abs(own))


def layer(page: Page, number: int) -> None:
    """Open a layer and wait until its number is worked out."""
    page.locator(f"#list button[data-number='{number}']").click()
    expect(page.locator(f"#list button[data-number='{number}']")).to_have_attribute("aria-current", "true")
    expect(page.locator("#step")).not_to_be_empty()


def test_every_layer_s_arithmetic_gives_the_network_s_own_numbers(page: Page) -> None:
    shares = np.random.default_rng(11).random(_EACH).tolist()
    found = page.evaluate(_WORK_OUT, [shares])
    assert {kind for _, kind, *_ in found} >= {
        "convolution",
        "batch_norm",
        "function",
        "max_pool",
        "add",
        "mean",
        "linear",
        "divide",
        "softmax",
    }
    assert [one for one in found if one[4] is None or not is_right(one[3], one[4])] == []


@pytest.mark.parametrize("name", ["inception", "efficientnet_lite0_two_branch", "fcn", "mlp", "vgg"])
def test_other_networks_too(browser: Browser, name: str, tmp_path: Path) -> None:
    bundle = make_lens_bundle(tmp_path / name, name, 28 if name == "mlp" else 64)
    with running("--bundle", str(bundle.root)) as (_, found):
        opened = browser.new_page()
        opened.goto(f"{found}/lens")
        worked_out = opened.evaluate(_WORK_OUT, [np.random.default_rng(12).random(4).tolist()])
        opened.close()
    assert [one for one in worked_out if one[4] is None or not is_right(one[3], one[4])] == []


def test_a_layer_is_opened_and_a_number_clicked_within_300_ms(page: Page) -> None:
    expect(page.locator("#step .check")).to_contain_text("✓", timeout=30_000)
    expect(page.locator("#told")).to_contain_text("label ")
    screenshot(page, "lens")
    layers = page.locator("#list button").count()
    slowest = 0.0
    for number in (1, 5, layers // 2, layers - 6, layers - 1):
        layer(page, number)
        expect(page.locator("#step .check")).to_contain_text("✓")
        if page.locator("#channel-map").is_visible():
            began = page.evaluate("""() => { const map = document.getElementById("channel-map"), box = map.getBoundingClientRect(), began = performance.now();
              map.dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width * .4, clientY: box.top + box.height * .6 })); return performance.now() - began; }""")
            slowest = max(slowest, float(began))
            expect(page.locator("#step .check")).to_contain_text("✓")
    assert slowest < 300


def test_what_a_number_sees_is_framed_and_moved_by_keys(page: Page) -> None:
    expect(page.locator("#step .check")).to_be_visible(timeout=30_000)
    layer(page, 1)
    expect(page.locator("#photo-words")).to_contain_text("sees 7 × 7 pixels")
    page.locator("#unit input").nth(1).fill("10")
    page.locator("#unit input").nth(1).press("Enter")
    page.locator("#unit input").nth(2).fill("20")
    page.locator("#unit input").nth(2).press("Enter")
    expect(page.locator("#photo-words")).to_have_text("sees 7 × 7 pixels, from column 37, row 17")  # 2 x 20 - 3, 2 x 10 - 3
    page.locator("#channel-map").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#photo-words")).to_contain_text("from column 35, row 17")
    expect(page.locator("#about")).to_contain_text("kernels, in the colours they look for")


def test_all_layers_are_one_stop_of_the_tab_key(page: Page) -> None:
    expect(page.locator("#step .check")).to_be_visible(timeout=30_000)
    layer(page, 2)
    assert page.locator("#list button[tabindex='0']").count() == 1
    page.locator("#list button[data-number='2']").focus()
    for key, number in (("ArrowDown", 3), ("ArrowDown", 4), ("ArrowUp", 3), ("Home", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        expect(page.locator(f"#list button[data-number='{number}']")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#list button[data-number='1']")).to_have_attribute("aria-current", "true")


def test_another_photo_and_what_is_none(page: Page) -> None:
    expect(page.locator("#step .check")).to_be_visible(timeout=30_000)
    before = page.locator("#told").inner_text()
    page.set_input_files("#file", [{"name": "b.jpg", "mimeType": "image/jpeg", "buffer": jpeg(seed=9)}])
    expect(page.locator("#told")).not_to_have_text(before)
    expect(page.locator("#told")).to_contain_text("The answer: ")
    page.set_input_files("#file", [{"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"}])
    expect(page.locator("#told")).to_contain_text("Not a picture that is read: text.")
    expect(page.locator("#step .check")).to_contain_text("✓")


def test_kernels_give_numpy_s_numbers(page: Page) -> None:
    picture = np.random.default_rng(2).integers(0, 256, (11, 14))
    settings = [(s, d, e) for s in (1, 2, 3) for d in (1, 2) for e in ("zero", "crop", "replicate", "reflect", "circular")]
    found = page.evaluate(
        """async ([rows, settings]) => {
          const { KERNELS, convolve, outputSize } = await import("/lens/kernels.js"), picture = { data: rows.flat(), height: rows.length, width: rows[0].length };
          return Object.entries(KERNELS).map(([name, [, kernel]]) => [name, settings.map(([stride, dilation, edges]) => {
            const made = convolve(picture, kernel, { stride, dilation, edges });
            return [made.height, made.width, [...made.data], outputSize(picture.height, 3, { stride, dilation, edges })];
          })]);
        }""",
        [picture.tolist(), [list(one) for one in settings]],
    )
    assert [name for name, _ in found] == list(KERNELS)
    for name, made in found:
        for (stride, dilation, edges), (height, width, data, size) in zip(settings, made, strict=True):
            ours = convolve(picture, KERNELS[name], stride=stride, dilation=dilation, edges=edges)
            assert (height, width) == ours.shape and size == height
            np.testing.assert_allclose(np.reshape(data, ours.shape), ours, atol=1e-9)


def test_the_playground(page: Page) -> None:
    """A horizontal edge, drawn: the horizontal Sobel answers it, the vertical one does not. And a kernel typed by hand."""
    expect(page.locator("#step .check")).to_be_visible(timeout=30_000)
    edge = page.evaluate("""async () => { const c = document.createElement("canvas"); c.width = c.height = 8; const x = c.getContext("2d"); x.fillStyle = "#000"; x.fillRect(0, 0, 8, 8);
      x.fillStyle = "#fff"; x.fillRect(0, 4, 8, 4); const blob = await new Promise((r) => c.toBlob(r)); return [...new Uint8Array(await blob.arrayBuffer())]; }""")
    page.set_input_files("#kernel-file", [{"name": "edge.png", "mimeType": "image/png", "buffer": bytes(edge)}])
    expect(page.locator("#kernel-size")).to_contain_text("⌊(8 + 2 × 1 − 1 × (3 − 1) − 1) / 1⌋ + 1 = 8")
    result = page.locator("#kernel-step [data-result]")
    for name, value in (("sobel_horizontal", "1020"), ("sobel_vertical", "0"), ("scharr_horizontal", "4080")):
        page.locator("#kernel-name").select_option(name)
        for place, number in enumerate((4, 4)):
            page.locator("#kernel-unit input").nth(place).fill(str(number))
            page.locator("#kernel-unit input").nth(place).press("Enter")
        expect(result).to_have_attribute("data-result", value)
    page.locator("#kernel-edges").select_option("crop")
    expect(page.locator("#kernel-size")).to_contain_text("= 6. Width")
    page.locator("#kernel-stride").fill("3")
    expect(page.locator("#kernel-size")).to_contain_text("= 2. Width")
    page.locator("#kernel-stride").fill("12")
    expect(page.locator("#kernel-told")).to_have_text("Stride: a whole number from 1 to 8; 8 is taken.")
    page.locator("#kernel-stride").fill("3")
    expect(page.locator("#kernel-told")).to_be_empty()
    page.locator("#kernel-grid input").first.fill("7")
    expect(page.locator("#kernel-name")).to_have_value("own")
    page.locator("#kernel-dilation").fill("8")
    expect(page.locator("#kernel-size")).to_contain_text("does not fit")


def test_one_file_without_a_service(browser: Browser, resnet: Path, tmp_path: Path) -> None:
    """`landsight lens MODEL PHOTO`: opened from the disk, it asks nothing of anybody and works out the same numbers."""
    (tmp_path / "p.jpg").write_bytes(jpeg(seed=5))
    from click.testing import CliRunner

    from landsight.cli.lens import lens

    done = CliRunner().invoke(lens, [str(resnet), str(tmp_path / "p.jpg"), "--out", str(tmp_path / "p.html")])
    assert done.exit_code == 0, done.output
    asked: list[str] = []
    failures: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None)
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto((tmp_path / "p.html").as_uri())
    expect(page.locator("#step .check")).to_contain_text("✓", timeout=30_000)
    for number in (0, 3, page.locator("#list button").count() - 1):
        layer(page, number)
    expect(page.locator("#step .check")).to_contain_text("✓")
    screenshot(page, "lens-file")
    page.close()
    assert asked == [] and failures == []


def test_a_small_file_says_what_it_leaves_out(browser: Browser, resnet: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from landsight.cli.lens import lens

    (tmp_path / "p.jpg").write_bytes(jpeg(seed=5))
    done = CliRunner().invoke(lens, [str(resnet), str(tmp_path / "p.jpg"), "--out", str(tmp_path / "p.html"), "--limit-mb", "5"])
    assert done.exit_code == 0 and "without their numbers" in done.output
    assert (tmp_path / "p.html").stat().st_size < 8_000_000
    page = browser.new_page()
    page.goto((tmp_path / "p.html").as_uri())
    expect(page.locator("#told")).to_contain_text("The answer: ")
    expect(page.locator("#model")).to_contain_text("too large for this file")
    expect(page.locator("#step .check")).to_contain_text("✓", timeout=30_000)
    layer(page, 1)
    expect(page.locator("#step")).to_contain_text("not in this file")
    expect(page.locator("#about")).to_contain_text("convolution 7×7")
    page.close()


def test_no_answer_is_not_called_one(browser: Browser) -> None:
    """Noise, and the shipped bundle: it says that this is no place that it knows."""
    with running() as (_, found):
        page = browser.new_page()
        page.goto(f"{found}/lens")
        expect(page.locator("#told")).to_contain_text("The answer: Eiffel Tower", timeout=30_000)
        page.set_input_files("#file", [{"name": "b.jpg", "mimeType": "image/jpeg", "buffer": jpeg(seed=9)}])
        expect(page.locator("#told")).to_contain_text("the likeliest would be: ", timeout=30_000)
        page.close()


def test_at_phone_width_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("#step .check")).to_be_visible(timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    screenshot(page, "lens-phone")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#step .check")).to_be_visible(timeout=30_000)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[Any] = []
    for number in (1, 2, 4, page.locator("#list button").count() - 1):
        layer(page, number)
        found += page.evaluate("axe.run()")["violations"]
    screenshot(page, f"lens-{scheme}")
    context.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []
