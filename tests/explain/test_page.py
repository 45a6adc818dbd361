"""The panel and the page: whatever a file is called, it is text; nothing is loaded from anywhere."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bundle_factory import draw_photo
from landsight.bundle.confused import Taken
from landsight.explain.page import Entry, Figure, article, foot, head
from landsight.explain.panel import panel, plain
from landsight.explain.words import confused_words, percent


def test_the_page_escapes_every_name_and_loads_nothing() -> None:
    evil = '<script>alert("x")</script>&amp;"\'\udcff'
    picture = Image.new("RGB", (8, 8))
    html = (
        head(evil, evil)
        + article(Entry(evil, evil, [Figure(picture, evil, [evil])]))
        + article(Entry("b", "no", is_error=True))
        + foot(evil)
    )
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 6
    assert 'alt="&lt;script&gt;alert(&quot;x' in html
    assert not re.findall(r"(?:src|href)=.(?!data:image)", html)
    assert "default-src 'none'" in html
    assert html.rstrip().endswith("</html>")
    assert html.count("<article>") == html.count("</article>") == 2


def test_letters_that_pillow_cannot_draw() -> None:
    assert plain("Sacré-Cœur, Łódź, Straße, Ağrı") == "Sacre-Coeur, Lodz, Strasse, Agri"
    assert plain("東京\n\x1b") == "????"


def test_a_panel_holds_all_pictures_whatever_their_shape() -> None:
    for size in ((640, 427), (200, 900), (12, 9), (1500, 60)):
        photo = Image.fromarray(np.full((size[1], size[0], 3), 60, np.uint8))
        content = panel([photo, photo, photo], ["photo", "A" * 200, "東"], ["x", "97 %", ""], "Bright: " + "word " * 60, "n" * 400)
        with Image.open(io.BytesIO(content)) as made:
            assert made.format == "PNG"
            assert made.width < 2200
            pixels = np.asarray(made.convert("L"))
        assert (pixels[:4] == 255).all()
        assert (pixels[:, -4:] == 255).all()  # nothing is cut at the margin
        assert (pixels == 60).sum() > 3 * 300


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "explain.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "photo.jpg").write_bytes(draw_photo((90, 120, 200)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANDSIGHT_CACHE", str(tmp_path / "cache"))
    exec(code, {})
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_counts_are_told_as_they_are() -> None:
    names = {"b": "Blue Mosque"}
    assert confused_words([Taken("b", 2, 19), Taken("c", 1, 19)], lambda n: names.get(n, n)) == "most often confused with: Blue Mosque (2 of 19 test photos), c (1)"  # fmt: skip
    assert confused_words([]) == "never taken for another in the test"
    assert confused_words(None) == ""
    assert [percent(p) for p in (0.999, 0.97, 0.001, None)] == ["over 99 %", "97 %", "under 1 %", ""]
