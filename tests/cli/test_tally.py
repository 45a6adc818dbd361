"""The summary counts every outcome, and files that are no photos apart."""

from __future__ import annotations

from landsight.cli.tally import Tally

from .line_factory import error, landmark, line


def test_sentence_names_outcomes_and_errors_by_kind() -> None:
    tally = Tally()
    for item in (line(), line(), landmark(), landmark(outcome="unknown_place"), line(outcome="not_a_place")):
        tally.add(item, named=False)
    for code in ("damaged", "too_slow", "damaged"):
        tally.add(error(code), named=False)
    tally.add(error("not_a_photo"), named=False)
    assert tally.sentence() == (
        "8 photos: 2 by position in the file, 1 landmark, 1 unknown place, 1 not a place, 3 errors (2 damaged, 1 too_slow); "
        "1 other file (not photos)"
    )
    assert tally.failed


def test_a_file_that_is_no_photo_fails_only_when_it_was_named() -> None:
    walked, named = Tally(), Tally()
    walked.add(error("not_a_photo"), named=False)
    named.add(error("not_a_photo"), named=True)
    assert (walked.failed, walked.photos, walked.others) == (False, 0, 1)
    assert (named.failed, named.photos, named.others) == (True, 1, 0)
    assert named.sentence() == "1 photo: 1 error (not_a_photo)"


def test_conflicts_are_counted() -> None:
    tally = Tally()
    tally.add(line(conflicts=[{"kind": "camera_shown", "distance_m": 1.0, "probability": 0.9}]), named=True)
    assert tally.sentence() == "1 photo: 1 by position in the file; 1 conflict between position and picture"


def test_not_knowing_is_no_failure() -> None:
    tally = Tally()
    tally.add(line(outcome="unknown_place"), named=True)
    assert not tally.failed


def test_a_sidecar_that_was_not_written_fails_the_run() -> None:
    tally = Tally()
    tally.add(line(), named=False)
    tally.add(line(warnings=[{"code": "sidecar_refused", "text": "No."}, {"code": "damaged", "text": "Half."}]), named=False)
    assert tally.failed
    assert tally.sentence() == "2 photos: 2 by position in the file; 1 sidecar not written"
