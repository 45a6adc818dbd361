"""The page: escaped, complete in itself, and the same whatever is put in."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from landsight.studio.report.page import Cell, Column, Gallery, Pairs, Picture, Plot, Pre, Section, Table, Text, Tile, Tiles, number, render

URI = "data:image/png;base64,AAAA"
SECTIONS = [
    Section("Figures", [Tiles([Tile("top 1", "94.5 %", "93.2 to 95.6 %")]), Text("Mind <this>.", "warning")], lead="In short."),
    Section("Figures", [Plot(URI, URI.replace("A", "B"), "a curve", "The curve.", 700)]),
    Section("Table", [Table([Column("class"), Column("n", numeric=True)], [["<script>x</script>", 1200], ["b", Cell("5 %", 0.05, 0.05)], ["c", None]])]),
    Section("Rest", [Gallery([Picture(URI, "seen", ["0.9"]), Picture("", "unseen")]), Pairs({"a": "b"}), Pre("x = 1", "recipe", folded=True)]),
]  # fmt: skip


class _Reader(HTMLParser):
    """Collects what a browser would load, and checks that tags close in order."""

    VOID = frozenset({"meta", "img", "source", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.loads += [found[name] or "" for name in ("src", "srcset") if name in found]
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if "href" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def test_the_page_loads_nothing_and_its_links_lead_into_itself() -> None:
    found = read(render("A run", SECTIONS, subtitle="on test", foot="landsight"))
    assert len(found.loads) == 3
    assert all(uri.startswith("data:") for uri in found.loads)
    assert len(set(found.ids)) == len(SECTIONS)
    assert found.links == [f"#{name}" for name in found.ids]


def test_text_is_text() -> None:
    html = render("<b>run</b>", SECTIONS)
    assert "&lt;script&gt;x&lt;/script&gt;" in html
    assert "Mind &lt;this&gt;." in html
    assert html.count("<script>") == 1
    assert "<b>run</b>" not in html


def test_only_our_own_script_may_run() -> None:
    html = render("A run", SECTIONS)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1] or "default-src 'none'" in policy[1]
    assert "script-src 'sha256-" in policy[1]


def test_numbers_sort_by_value() -> None:
    html = render("A run", SECTIONS)
    assert 'data-order="1200">1,200</td>' in html
    assert 'data-order="0.05"><span>5 %</span><i style="--share:0.0500">' in html


def test_names_of_odd_bytes_do_not_stop_the_page() -> None:
    assert "caf?.jpg" in render("A run", [Section("x", [Text("caf\udce9.jpg")])])


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (12345, "12,345"), (0.123456, "0.1235"), ("a", "a")])
def test_number(value: object, text: str) -> None:
    assert number(value) == text
