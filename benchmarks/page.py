"""The page of the service in a real browser: bytes as sent, time to the first picture, and whether it stays at hand with 200 photos.

LANDSIGHT_DATA=... python benchmarks/page.py [--quick] [--rounds 3] [--bundle DIR]

Needs Debian's chromium. The map is drawn by the processor (SwiftShader), as on a machine without a graphics card.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import Figure, Report, open_bundle, serving, settings, stop, use_same_cores
from playwright.sync_api import Browser, sync_playwright

from service import mixed

PHOTOS, QUICK_PHOTOS = 200, 20
_DRAWN_BY_THE_PROCESSOR = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
#: Heard from the start: everything that keeps the page from answering for 50 ms or more.
_LISTEN = "window.long = []; new PerformanceObserver((l) => long.push(...l.getEntries().map((e) => e.duration))).observe({type: 'longtask', buffered: true})"
#: A drop as a browser tells of it, with the files of a field that only this benchmark has.
_DROP = """() => {
  const data = new DataTransfer();
  for (const file of document.getElementById('bench').files) data.items.add(file);
  window.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
}"""
#: Milliseconds from a choice to the picture after it.
_CHOOSE = """([id, value]) => new Promise((resolve) => {
  const field = document.getElementById(id), began = performance.now();
  field.value = value;
  field.dispatchEvent(new Event('change'));
  requestAnimationFrame(() => { const told = new MessageChannel(); told.port1.onmessage = () => resolve(performance.now() - began); told.port2.postMessage(0); });
})"""
_CHOICES = (("sort", "name"), ("sort", "place"), ("sort", "sure"), ("filter", "landmark"), ("filter", "unknown_place"), ("filter", "all"))


@dataclass(frozen=True, slots=True)
class Seen:
    """One visit."""

    sent_mb: float
    first_ms: float
    ready_ms: float
    longest_ms: float
    long_tasks: int
    answered: int
    drop_s: float
    choice_ms: float


def main() -> None:
    """See the module."""
    chosen = settings(__doc__ or "", sys.argv[1:] if "--rounds" in sys.argv else [*sys.argv[1:], "--rounds", "3"])
    program = shutil.which("chromium")
    if program is None:
        stop("the page is looked at in chromium: apt-get install chromium")
    bundle = open_bundle(chosen)
    use_same_cores()
    count = QUICK_PHOTOS if chosen.quick else PHOTOS
    report = Report("page", f"the page, {count} photos dropped at once", chosen, bundle, notes=list(NOTES))
    with (
        tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch,
        serving(bundle.root) as (_, address),
        sync_playwright() as playwright,
    ):
        files = []
        for number, photo in enumerate(mixed(chosen.data, count)):
            files.append(Path(scratch) / f"{number:03d}{photo.suffix}")
            shutil.copyfile(photo, files[-1])
        browser = playwright.chromium.launch(executable_path=program, args=list(_DRAWN_BY_THE_PROCESSOR))
        seen = [visit(browser, address, files) for _ in range(chosen.rounds)]
        report.details |= {"photos": count, "chromium": browser.version, "long_tasks": [one.long_tasks for one in seen]}
        browser.close()
    report.finish(figures(seen, count))


def visit(browser: Browser, address: str, files: list[Path]) -> Seen:
    """A visitor who was never here, from the first byte to the last answer."""
    context = browser.new_context(viewport={"width": 1300, "height": 850})
    page = context.new_page()
    page.add_init_script(_LISTEN)
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    sent: list[float] = []
    network.on("Network.loadingFinished", lambda event: sent.append(event["encodedDataLength"]))
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".maplibregl-canvas")
    page.wait_for_load_state("networkidle")
    ready_ms = 1e3 * (time.perf_counter() - began)
    first_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    sent_mb = sum(sent) / 1e6
    page.evaluate(
        "() => { const i = document.createElement('input'); i.type = 'file'; i.multiple = true; i.id = 'bench'; document.body.append(i); }"
    )
    page.set_input_files("#bench", [str(file) for file in files])
    page.evaluate("() => { long.length = 0; }")
    began = time.perf_counter()
    page.evaluate(_DROP)
    answered_or_not = page.locator(".card[data-status=done], .card[data-status=failed]")
    answered_or_not.nth(len(files) - 1).wait_for(state="attached", timeout=300_000)
    drop_s = time.perf_counter() - began
    answered = page.locator(".card[data-status=done]").count()
    page.wait_for_timeout(1500)  # the map moves to where the photos are
    choices = [page.evaluate(_CHOOSE, list(choice)) for choice in _CHOICES]
    page.wait_for_timeout(500)
    tasks: list[float] = page.evaluate("long")
    if folder := os.environ.get("LANDSIGHT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "page200.png")
    context.close()
    return Seen(sent_mb, first_ms, ready_ms, max(tasks, default=0.0), len(tasks), answered, drop_s, max(choices))


def figures(seen: list[Seen], count: int) -> list[Figure]:
    """Goals first."""

    def of(name: str) -> list[Any]:
        return [getattr(one, name) for one in seen]

    return [
        Figure("sent for the page, map and all", "MB", of("sent_mb"), 2.5),
        Figure("first contentful paint", "ms", of("first_ms"), 1000),
        Figure(f"longest task, {count} photos dropped, filtered and sorted", "ms", of("longest_ms"), 200),
        Figure("photos answered", "", of("answered"), count, ">="),
        Figure(f"filter or sort {count} cards, to the next picture, the slowest", "ms", of("choice_ms"), 200),
        Figure("page and map ready", "ms", of("ready_ms")),
        Figure(f"{count} photos answered", "s", of("drop_s")),
    ]


NOTES = (
    "Bytes as they came over the wire, heads included, of a browser that had nothing stored. Tasks: what the browser calls long tasks (50 ms or more), "
    "from the drop to the last choice.",
    "Browser, service and map (drawn by SwiftShader) share two cores. Every tenth photo is from a camera, the others from landmarks/test.",
)

if __name__ == "__main__":
    main()
