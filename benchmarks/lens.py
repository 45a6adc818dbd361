"""The lens on ResNet-18 at 224 px in a real browser: from a click on a number to its arithmetic, and from a layer to its maps.

python benchmarks/lens.py [--quick] [--rounds 3]

Needs Debian's chromium. The network is made here, with weights as they are before training: what they are worth plays no part in the time.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import ROOT, Figure, Report, serving, settings, stop, use_same_cores
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(ROOT / "tests"))

from lens_factory import make_lens_bundle

#: Every so many layers, and every so many when quick.
_EACH, _QUICK_EACH = 1, 12
_CLICK = """([x, y]) => new Promise((resolve) => {
  const map = document.getElementById("channel-map"), box = map.getBoundingClientRect(), began = performance.now();
  map.dispatchEvent(new MouseEvent("click", { clientX: box.left + box.width * x, clientY: box.top + box.height * y }));
  requestAnimationFrame(() => { const told = new MessageChannel(); told.port1.onmessage = () => resolve(performance.now() - began); told.port2.postMessage(0); });
})"""
_OPEN = """(number) => new Promise((resolve) => {
  const step = document.getElementById("step"), began = performance.now();
  new MutationObserver((_, seen) => { seen.disconnect(); resolve(performance.now() - began); }).observe(step, { childList: true });
  document.querySelector(`#list button[data-number='${number}']`).click();
})"""
#: Where on a map is clicked, as parts of its sides.
_PLACES = ((0.02, 0.02), (0.5, 0.5), (0.97, 0.6))
NOTES = (
    "A click is counted to the picture after it: sum, frames and tables drawn. A layer is counted from the click in the list to its first sum, "
    "the request for its numbers included (the network runs once for it); a whole layer of maps is drawn within it.",
    "Every layer; the network's own number is held against each sum to 1e-4.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One visit: milliseconds of every click and of every layer, and how far the worst sum was from the network's own number."""

    first_ms: float
    clicks: list[float]
    layers: list[float]
    apart: float


def main() -> None:
    """See the module."""
    chosen = settings(__doc__ or "", sys.argv[1:] if "--rounds" in sys.argv else [*sys.argv[1:], "--rounds", "3"])
    program = shutil.which("chromium")
    if program is None:
        stop("the lens is looked at in chromium: apt-get install chromium")
    use_same_cores()
    report = Report("lens", "the lens on ResNet-18, 224 px", chosen, notes=list(NOTES))
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        bundle = make_lens_bundle(Path(scratch) / "resnet", "resnet", 224)
        with serving(bundle.root) as (_, address), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program)
            seen = [visit(browser, f"{address}/lens", _QUICK_EACH if chosen.quick else _EACH) for _ in range(chosen.rounds)]
            report.details |= {"chromium": browser.version, "layers": len(seen[0].layers), "clicks": len(seen[0].clicks)}
            browser.close()
    report.finish(figures(seen))


def visit(browser: Browser, address: str, each: int) -> Seen:
    """All layers, top to bottom, three clicks each where there is a map."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.goto(address)
    page.wait_for_selector("#step .check", timeout=120_000)
    first_ms = float(page.evaluate("performance.now()"))
    clicks, layers, apart = [], [], 0.0
    for number in range(1, page.locator("#list button").count(), each):
        layers.append(float(page.evaluate(_OPEN, number)))
        apart = max(apart, _apart(page))
        if page.locator("#channel-map").is_visible():
            for place in _PLACES:
                clicks.append(float(page.evaluate(_CLICK, list(place))))
                apart = max(apart, _apart(page))
    page.close()
    return Seen(first_ms, clicks, layers, apart)


def _apart(page: Any) -> float:
    """Of the sum that is shown and the network's own number, as a share of it where that is above 1."""
    told = page.locator("#step .check").evaluate("(one) => [Number(one.dataset.apart), Number(one.dataset.own)]")
    return float(told[0]) / max(1.0, abs(float(told[1])))


def figures(seen: list[Seen]) -> list[Figure]:
    """Goals first."""
    return [
        Figure("slowest click to its arithmetic", "ms", [max(one.clicks) for one in seen], 300),
        Figure("worst sum against the network's own number", "", [one.apart for one in seen], 1e-4),
        Figure("a click, median", "ms", [statistics.median(one.clicks) for one in seen]),
        Figure("a layer opened, median", "ms", [statistics.median(one.layers) for one in seen]),
        Figure("a layer opened, slowest", "ms", [max(one.layers) for one in seen]),
        Figure("from the page's address to the first sum", "ms", [one.first_ms for one in seen]),
    ]


if __name__ == "__main__":
    main()
