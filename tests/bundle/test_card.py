"""The card says what the manifest says, and nothing that it does not."""

from __future__ import annotations

from dataclasses import replace

from bundle_factory import make_manifest
from landsight.bundle.card import render_card
from landsight.bundle.manifest import Metric


def test_the_card_carries_numbers_with_intervals_rights_and_data() -> None:
    card = render_card(make_manifest())
    assert "| test_top1 | 0.9000 | 0.8500 to 0.9500 | 200 | share of drawn pictures named right |" in card
    assert "Drawn by the tests; free to use." in card
    assert "pictures: 300" in card
    assert "32 x 32 pixels" in card
    assert "temperature of 1.0" in card
    assert "landsight verify" in card


def test_what_is_absent_is_said_to_be_absent() -> None:
    card = render_card(replace(make_manifest(), metrics={}, data={}, rights="", calibration={}))
    assert "no measured numbers" in card
    assert "does not say what data" in card
    assert "no note on rights" in card
    assert "carries no decision" in card


def test_a_decision_is_written_down_and_long_arrays_are_counted() -> None:
    card = render_card(make_manifest(decision={"kind": "logistic", "threshold": 0.42, "weights": list(range(30)), "of": {"a": 1}}))
    assert "threshold: 0.42" in card
    assert "weights: 30 values" in card
    assert "  * a: 1" in card
    assert "carries no decision" not in card


def test_text_of_a_stranger_stays_text() -> None:
    hostile = "<script>x</script> | y\n# heading"
    card = render_card(replace(make_manifest(), rights=hostile, metrics={"m": Metric(0.5, 0.4, 0.6, 9, hostile)}))
    assert "<script" not in card
    assert "\n# heading" not in card
    row = next(line for line in card.splitlines() if line.startswith("| m |"))
    assert row.replace("\\|", "").count("|") == 6
