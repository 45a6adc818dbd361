"""``landsight describe`` on all it can be pointed at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Landsight


def test_a_net_by_name_as_a_table(landsight: Landsight) -> None:
    result = landsight("describe", "cnn", "--input", "3x32x32", "--labels", "4")
    assert result.code == 0, result.err
    assert "cnn on 3x32x32" in result.out
    assert "receptive" not in result.err
    for word in ("sees", "stride", "multiply-adds", "head"):
        assert word in result.out


def test_a_narrow_terminal_keeps_every_column(landsight: Landsight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = landsight("describe", "cnn", "--input", "3x224x224").out.splitlines()
    assert max(map(len, lines[:-5])) <= 80
    first = next(line for line in lines if line.strip().startswith("blocks.0"))
    # 16 x 224 x 224 outputs of 27 products each: 21.7 million.
    assert "16x224x224" in first
    assert "21.7M" in first


def test_as_json_with_a_changed_recipe(landsight: Landsight, tmp_path: Path) -> None:
    plain = json.loads(landsight("describe", "cnn", "--input", "3x32x32", "-f", "json").out)
    recipe = tmp_path / "r.toml"
    recipe.write_text('[net]\nname = "cnn"\nfrozen_blocks = 0\n')
    result = landsight("describe", recipe, "--input", "1x3x32x32", "--set", "net.dropout=0.5", "--labels", 10, "-f", "json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["totals"] == plain["totals"]
    assert plain["outputs"]["logits"] == [10]


def test_a_bundle(landsight: Landsight, bundle: Path, tmp_path: Path) -> None:
    result = landsight("describe", bundle, "--html", tmp_path / "page.html", "--erf", tmp_path / "erf")
    assert result.code == 0, result.err
    assert "parameters" in result.out
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert sorted(p.name for p in (tmp_path / "erf").iterdir()) == ["receptive-field.json", "receptive-field.png", "usage.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cnn", "--input", "3x32"), "3x224x224"),
        (("cnn", "--input", "0x32x32"), "no size"),
        (("nothing",), "Known"),
        (("cnn", "--set", "net.widht=2"), "width"),
    ],
)
def test_wrong_use_is_one_line(landsight: Landsight, arguments: tuple[str, ...], said: str) -> None:
    result = landsight("describe", *arguments)
    assert result.code == 2
    assert said in result.err
    assert result.err.count("\n") == 1
