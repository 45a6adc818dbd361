"""Photos to answers over the whole road: workers, network, decision; order, errors, sidecars, memory, interruption."""

from __future__ import annotations

import gc
import hashlib
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import landsight
from bundle_factory import COLOURS, LABELS, draw_photo, make_bundle
from landsight.bundle.load import MANIFEST_NAME, load
from landsight.errors import BundleError, RuntimeUnavailable, UsageError
from landsight.photo.limits import Limits
from landsight.runtime.choose import recall
from landsight.runtime.lane import Item
from landsight.whereabouts.predictor import Predictor

SYDNEY = (-33.8568, 151.2153)
SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="{latitude},0.0N" exif:GPSLongitude="12,29.532E"/>
</rdf:RDF></x:xmpmeta>"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("predictor") / "bundle"
    make_bundle(root)
    return root


@pytest.fixture(scope="module")
def predictor(bundle: Path) -> Iterator[Predictor]:
    with Predictor(bundle, workers=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for label, colour in COLOURS.items():
        (folder / f"{label}.jpg").write_bytes(draw_photo(colour))
    (folder / "here.jpg").write_bytes(draw_photo(COLOURS["red_rock"], gps=SYDNEY))
    (folder / "text.jpg").write_text("This is text.\n" * 50)
    whole = draw_photo(COLOURS["blue_bay"], gps=SYDNEY, size=(640, 480))
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    return folder


def test_one_photo_of_every_label(predictor: Predictor, photos: Path) -> None:
    for label in LABELS:
        located = predictor.locate(photos / f"{label}.jpg")
        assert located.outcome == "landmark"
        assert located.shown is not None
        assert located.shown.label == label
        assert located.shown.probability > 0.98
        assert located.path == str(photos / f"{label}.jpg")


def test_position_and_picture_side_by_side(predictor: Predictor, photos: Path) -> None:
    located = predictor.locate(photos / "here.jpg")
    assert located.outcome == "gps"
    assert located.camera is not None
    assert (located.camera.latitude, located.camera.longitude) == pytest.approx(SYDNEY, abs=1e-5)
    assert located.camera.place is not None
    assert located.camera.place.country_code == "AU"
    assert located.shown is not None
    assert located.shown.label == "red_rock"
    assert [c.kind for c in located.conflicts] == ["camera_shown"]


def test_many_keep_the_order_and_lose_nothing(predictor: Predictor, photos: Path) -> None:
    names = [f"{label}.jpg" for label in LABELS] + ["here.jpg", "text.jpg", "cut.jpg", "missing.jpg"]
    sources = [photos / name for name in itertools.islice(itertools.cycle(names), 100)]
    answers = list(predictor.locate_many(sources))
    assert [a.path for a in answers] == [str(s) for s in sources]
    for source, located in zip(sources, answers, strict=True):
        if source.stem in LABELS:
            assert located.candidates[0].label == source.stem
        elif source.stem == "here":
            assert located.outcome == "gps"
        else:
            assert located.outcome == "error"
            assert located.error is not None
            assert located.error.code == {"text": "not_a_photo", "cut": "damaged", "missing": "unreadable"}[source.stem]
            assert (located.camera is not None) == (source.stem == "cut")


def test_bytes_and_text_paths(predictor: Predictor, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (photos / "green_hill.jpg").read_bytes()
    by_bytes = predictor.locate(content, name="upload.jpg")
    assert by_bytes.path == "upload.jpg"
    assert by_bytes.candidates == predictor.locate(photos / "green_hill.jpg").candidates
    monkeypatch.chdir(photos)
    assert predictor.locate("./green_hill.jpg").path == "./green_hill.jpg"
    assert [a.outcome for a in predictor.locate_many([content, b"", b"nothing"])] == ["landmark", "error", "error"]


def test_a_name_that_is_not_utf8(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b'/\xff\xfe \n".jpg'))
    path.write_bytes((photos / "red_rock.jpg").read_bytes())
    located = predictor.locate(path)
    assert located.outcome == "landmark"
    assert located.path == str(path)
    located.to_line()["path"].encode("utf-8")


def test_sources_may_be_endless_and_stopped(predictor: Predictor, photos: Path) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield photos / "red_rock.jpg"

    stream = predictor.locate_many(endless())
    assert [next(stream).outcome for _ in range(5)] == ["landmark"] * 5
    stream.close()
    assert taken <= 5 + 64
    assert predictor.locate(photos / "red_rock.jpg").outcome == "landmark"


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert list(predictor.locate_many([])) == []


def test_a_sidecar_speaks_where_the_photo_is_silent(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes((photos / "red_rock.jpg").read_bytes())
    (tmp_path / "a.jpg.xmp").write_text(SIDECAR.format(latitude=41))
    located = predictor.locate(tmp_path / "a.jpg")
    assert located.outcome == "gps"
    assert located.camera is not None
    assert located.camera.source == "sidecar"
    assert located.camera.latitude == pytest.approx(41.0)
    assert located.evidence[0].kind == "sidecar"


def test_a_sidecar_that_contradicts_its_photo_is_told(predictor: Predictor, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes((photos / "here.jpg").read_bytes())
    (tmp_path / "a.xmp").write_text(SIDECAR.format(latitude=41))
    located = predictor.locate(tmp_path / "a.jpg")
    assert "sidecar_differs" in [w.code for w in located.warnings]
    assert located.camera is not None
    assert located.camera.source == "exif"


def test_gps_off_and_pixels_off(bundle: Path, photos: Path) -> None:
    with Predictor(bundle, gps=False, top_k=1) as blind:
        located = blind.locate(photos / "here.jpg")
        assert (located.outcome, located.camera, len(located.candidates)) == ("landmark", None, 1)
    with Predictor(pixels=False) as only_gps:
        here, red, text = only_gps.locate_many([photos / "here.jpg", photos / "red_rock.jpg", photos / "text.jpg"])
        assert (here.outcome, here.looked, here.shown) == ("gps", None, None)
        assert red.error is not None
        assert red.error.code == "no_position"
        assert text.error is not None
        assert text.error.code == "not_a_photo"
        # The pixels of a third of a file are not needed for its position.
        assert only_gps.locate(photos / "cut.jpg").outcome == "gps"
        assert set(only_gps.describe().values()) == {None}


def test_describe_names_what_answers(predictor: Predictor, bundle: Path) -> None:
    assert predictor.describe() == {
        "bundle": "drawn3",
        "bundle_hash": load(bundle).bundle_hash,
        "task": "classify",
        "labels": 3,
        "runtime": "onnxruntime",
        "precision": "fp32",
    }


def test_wrong_options_are_told_at_once(bundle: Path) -> None:
    with pytest.raises(UsageError, match="top_k=0"):
        Predictor(bundle, top_k=0)
    with pytest.raises(UsageError, match="Neither"):
        Predictor(bundle, gps=False, pixels=False)
    with pytest.raises(UsageError, match="worker"):
        Predictor(bundle, workers=0)


def test_unusable_bundles_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as missing:
        Predictor(tmp_path / "nowhere")
    assert missing.value.code == "bundle_missing"
    make_bundle(tmp_path / "other", task="sing")
    with pytest.raises(BundleError) as task:
        Predictor(tmp_path / "other")
    assert task.value.code == "bundle_task"
    make_bundle(tmp_path / "changed")
    with (tmp_path / "changed" / "model.onnx").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(BundleError) as tampered:
        Predictor(tmp_path / "changed")
    assert tampered.value.code == "bundle_tampered"
    assert (tmp_path / "changed" / MANIFEST_NAME).is_file()


def test_a_runtime_that_is_not_there_is_told_with_the_first_photo(bundle: Path, photos: Path) -> None:
    with Predictor(bundle, runtime="abacus") as predictor, pytest.raises(RuntimeUnavailable, match="abacus"):
        predictor.locate(photos / "red_rock.jpg")


def test_limits_reach_the_worker(bundle: Path, photos: Path) -> None:
    with Predictor(bundle, limits=Limits(max_pixels=100)) as predictor:
        located = predictor.locate(photos / "red_rock.jpg")
    assert located.error is not None
    assert located.error.code == "too_many_pixels"


def test_closing_twice_and_closing_early(bundle: Path, photos: Path) -> None:
    predictor = Predictor(bundle)
    stream = predictor.locate_many([photos / "red_rock.jpg"] * 50)
    next(stream)
    predictor.close()
    predictor.close()
    stream.close()
    with pytest.raises(UsageError, match="closed"):
        predictor.locate(photos / "red_rock.jpg")


def test_photos_and_their_folder_are_left_as_they_were(predictor: Predictor, photos: Path) -> None:
    def state() -> list[tuple[str, int, str]]:
        return sorted((p.name, p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest()) for p in photos.iterdir())

    before = state()
    list(predictor.locate_many(sorted(photos.iterdir())))
    assert state() == before


def test_memory_stays_flat(predictor: Predictor, photos: Path) -> None:
    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    source = (photos / "here.jpg").read_bytes()
    seen = [resident_mb() for _ in predictor.locate_many(source for _ in range(1000))]
    # 800 answers kept by mistake with their prepared pictures (3 kB here) and bytes would be 5 MB or more.
    assert max(seen[200:]) - max(seen[:200]) < 4


def test_a_long_run_measures_for_the_next_and_keeps_its_engine(
    bundle: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDSIGHT_CACHE", str(tmp_path))
    source = (photos / "red_rock.jpg").read_bytes()
    with Predictor(bundle) as predictor:
        before = predictor.describe()
        assert len(list(predictor.locate_many([source] * 200))) == 200
        assert list(tmp_path.rglob("*.json")) == []
        predictor.locate(source)
        assert len(list(tmp_path.rglob("*.json"))) == 1
        assert predictor.describe() == before
    assert recall(load(bundle))
    with Predictor(bundle, runtime="onnxruntime", precision="fp32") as pinned:
        assert pinned.describe()["runtime"] == "onnxruntime"


def test_the_function_opens_and_closes_for_one(bundle: Path, photos: Path) -> None:
    located = landsight.locate(photos / "blue_bay.jpg", bundle=bundle, top_k=2)
    assert located.shown is not None
    assert located.shown.label == "blue_bay"
    assert len(located.candidates) == 2


def test_a_bundle_of_many_labels_does_not_locate(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b", task="tag")
    with pytest.raises(BundleError, match="landsight predict"):
        Predictor(tmp_path / "b")


def test_submitted_photos_are_answered_as_one_by_one(predictor: Predictor, photos: Path) -> None:
    paths = [photos / f"{label}.jpg" for label in LABELS] * 20 + [photos / "text.jpg", photos / "here.jpg"]
    futures = [predictor.submit(path, top_k=2, thumbnail_px=32) for path in paths]
    for path, future in zip(paths, futures, strict=True):
        located, looked = future.result(timeout=60)
        alone = predictor.locate(path)
        assert located.to_line() == {**alone.to_line(), "candidates": alone.to_line()["candidates"][:2]}
        assert (looked.item.thumbnail is None) == (located.outcome == "error")
    bytes_, _ = predictor.submit(paths[0].read_bytes(), name="mine").result(timeout=60)
    assert bytes_.path == "mine"


def test_an_answered_photo_is_let_go_without_the_collector(predictor: Predictor, photos: Path) -> None:
    """Each holds the bytes of its file: a service must not wait for Python's collector to have them back."""
    content = (photos / "here.jpg").read_bytes()
    predictor.submit(content).result(timeout=60)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            predictor.submit(content).result(timeout=60)
        # Not isinstance: that asks an object of torch's what it is, which warns.
        left = sum(type(one) is Item for one in gc.get_objects())
    finally:
        gc.enable()
    assert left <= 2  # the network's thread may still have its last one in hand


def test_what_is_submitted_can_be_dropped_and_a_closed_predictor_answers_nobody(bundle: Path, photos: Path) -> None:
    opened = Predictor(bundle, workers=1)
    futures = [opened.submit(photos / "here.jpg") for _ in range(200)]
    dropped = [future for future in futures[100:] if future.cancel()]
    assert len(dropped) > 50
    assert futures[0].result(timeout=60)[0].outcome == "gps"
    opened.close()
    for future in futures:  # answered, or dropped: nobody waits for ever
        assert future.done() or isinstance(future.exception(timeout=10), Exception | CancelledError)
    with pytest.raises(UsageError):
        opened.submit(photos / "here.jpg")
