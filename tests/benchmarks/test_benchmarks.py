"""What the benchmarks work out and write down; the measuring itself is no test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bundle_factory import draw_photo, make_bundle

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = ("speed_photos", "speed_small", "only_gps", "cold_start", "memory", "service", "page")


@pytest.fixture(scope="module", autouse=True)
def _on_path() -> Iterator[None]:
    """The scripts import each other as they do when they are started by hand."""
    before = list(sys.path)
    sys.path[:0] = [str(FOLDER), str(FOLDER / "sides")]
    yield
    sys.path[:] = before


def module(name: str) -> ModuleType:
    return import_module(name)


def ran(wall_s: float, stdout: str = "") -> object:
    return module("common").Ran(wall_s, wall_s, 100.0, stdout)


def test_a_figure_knows_its_spread_and_whether_it_reaches_its_target() -> None:
    figure_of = module("common").Figure
    faster = figure_of("faster", "x", [6.5, 5.0, 7.0], 6.0, ">=")
    assert (faster.median, faster.met) == (6.5, True)
    assert figure_of("slow", "s", [1.3, 1.1, 1.25], 1.2).met is False
    assert figure_of("told", "s", [1.0]).met is None
    row = faster.to_dict()
    assert (row["low"], row["high"], row["target"], row["rounds"]) == (5.0, 7.0, ">= 6", [6.5, 5.0, 7.0])


def test_sides_take_turns_and_every_second_round_runs_backwards() -> None:
    order: list[str] = []
    sides = {name: (lambda name=name: order.append(name) or len(order)) for name in "abc"}
    results = module("common").in_turns(sides, 3)
    assert "".join(order) == "abccbaabc"
    assert results == {"a": [1, 6, 7], "b": [2, 5, 8], "c": [3, 4, 9]}


def test_a_report_names_machine_and_versions_but_no_path_and_no_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    common = module("common")
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    bundle = make_bundle(tmp_path / "bundle")
    chosen = common.Settings(rounds=5, quick=False, bundle=bundle.root, data=tmp_path)
    common.Report("drawn", "a drawn benchmark", chosen, bundle, notes=["a note"]).finish([common.Figure("time", "s", [1.0, 2.0], 3.0)])
    assert "a note" in capsys.readouterr().out
    text = (tmp_path / "results" / "drawn.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert record["figures"][0]["met"] is True
    assert record["bundle"]["sha256"] == bundle.bundle_hash
    assert {"processor", "cores_used", "memory_gb"} <= set(record["machine"])
    assert record["versions"]["numpy"] == np.__version__
    assert str(tmp_path) not in text and str(Path.home()) + "/" not in text and os.uname().nodename not in text


def test_quick_mode_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = module("common")
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    chosen = common.Settings(rounds=2, quick=True, bundle=None, data=tmp_path)
    common.Report("drawn", "a drawn benchmark", chosen).finish([common.Figure("time", "s", [1.0])])
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_without_data_a_script_says_so_and_measures_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANDSIGHT_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--quick"])
    script = module(name)
    if name == "only_gps":
        monkeypatch.setattr(script.shutil, "which", lambda _: "/bin/true")
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2


def test_without_exiftool_the_script_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    script = module("only_gps")
    monkeypatch.setattr(script.shutil, "which", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2
    assert "libimage-exiftool-perl" in capsys.readouterr().err


def test_speed_is_compared_as_whole_processes_and_strictly_with_the_faster_floor() -> None:
    speed = module("photo_speed")
    results = {
        "straight": [(ran(14.0), {"loop_s": 12.0, "top1": []})] * 2,
        "light": [ran(1.6)] * 2,
        "fast": [ran(1.25)] * 2,
        "floor, threads": [(ran(1.5), {"loop_s": 1.3})] * 2,
        "floor, processes": [(ran(1.25), {"loop_s": 1.0})] * 2,
    }
    rows = {row.name: row for row in speed.figures(results, speed.Target(6.0, 1.3, 1.45), 10)}
    assert rows["straight / fast, whole processes"].median == pytest.approx(11.2)
    assert rows["straight's loop / fast's whole process"].median == pytest.approx(9.6)
    assert rows["fast / floor, whole processes"].median == pytest.approx(1.0)
    assert rows["fast's whole process / floor's loop"].met is True
    assert rows["light's whole process / floor's loop"].met is False
    assert rows["light, whole process"].median == pytest.approx(160.0)


def test_the_choice_of_doctor_is_read_fastest_first(tmp_path: Path) -> None:
    (tmp_path / "choices").mkdir()
    timings = [{"runtime": "a", "precision": "fp32", "pictures_per_s": 10}, {"runtime": "b", "precision": "bf16", "pictures_per_s": 30}]
    (tmp_path / "choices" / "x.json").write_text(json.dumps({"timings": timings}), encoding="utf-8")
    assert list(module("photo_speed").measured(tmp_path)) == ["b bf16", "a fp32"]


def test_agreement_counts_photos_that_both_sides_answered() -> None:
    lines = "\n".join(json.dumps({"candidates": [{"class": name}] if name else []}) for name in ("a", "b", "", "b"))
    assert module("photo_speed").agreement(lines, [0, 0, 0, -1], ["a", "b"]) == 0.5


def test_the_straight_side_computes_what_the_bundle_computes(tmp_path: Path) -> None:
    """A blue photo, from its bytes: the factory's logits are 4 times the mean of each normalised colour."""
    straight, twin = module("straight"), module("torch_twin")
    bundle = make_bundle(tmp_path / "bundle")
    photo = tmp_path / "blue.jpg"
    photo.write_bytes(draw_photo((10, 10, 250)))
    (tmp_path / "broken.jpg").write_bytes(photo.read_bytes()[:40])
    preparation = bundle.manifest.input.to_dict()
    for layout in straight.LAYOUTS:
        net = twin.TorchTwin(bundle.model_path("fp32"), layout)
        assert straight.look(photo, net, preparation) == 2
        assert straight.look(tmp_path / "broken.jpg", net, preparation) == -1
    from PIL import Image

    from landsight.photo.prepare import normalise, prepare
    from landsight.runtime.onnxruntime import OnnxRuntimeEngine

    image = Image.effect_noise((80, 60), 60).convert("RGB")
    expected = OnnxRuntimeEngine(bundle.model_path("fp32")).run(
        normalise(prepare(np.asarray(image), bundle.manifest.input)[None], bundle.manifest.input), ("logits",)
    )["logits"]
    assert np.allclose(net(straight.to_input(image, preparation)).numpy(), expected, atol=1e-4)


def test_the_floor_decodes_and_counts_what_is_no_jpeg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(draw_photo((10, 10, 250)))
    (tmp_path / "b.jpg").write_bytes(b"no photo")
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'a.jpg'}\n{tmp_path / 'b.jpg'}", encoding="utf-8")
    command = [sys.executable, str(FOLDER / "sides" / "floor.py"), "--list", str(tmp_path / "list.txt"), "--min-px", "32"]
    said = json.loads(subprocess.run([*command, "--with", "threads"], capture_output=True, text=True, check=True).stdout)
    assert (said["decoded"], said["refused"]) == (1, 1) and said["loop_s"] > 0


def test_files_are_repeated_under_other_names(tmp_path: Path) -> None:
    photos = [tmp_path / "x.jpg", tmp_path / "y.heic"]
    for photo in photos:
        photo.write_bytes(photo.name.encode())
    files = module("only_gps").repeated(photos, tmp_path / "many", 5)
    assert [file.name for file in files] == ["00000_x.jpg", "00001_y.heic", "00002_x.jpg", "00003_y.heic", "00004_x.jpg"]
    assert [file.read_bytes() for file in files] == [b"x.jpg", b"y.heic", b"x.jpg", b"y.heic", b"x.jpg"]
    assert files[2].samefile(files[0]) and not files[0].samefile(photos[0])
    folder = module("memory").linked(photos, tmp_path, 5)
    assert len(list(folder.iterdir())) == 5 and all(path.is_file() and not path.is_symlink() for path in folder.iterdir())


def test_only_gps_is_compared_with_the_fastest_form_of_exiftool() -> None:
    script = module("only_gps")
    results = {"landsight": [ran(1.0)], "exiftool, csv": [ran(5.0)], "exiftool, json": [ran(4.0)], "two exiftools, csv": [ran(2.5)]}
    rows = script.figures(results, 100)
    assert (rows[0].name, rows[0].median, rows[0].met) == ("exiftool, json / landsight, whole processes", 4.0, True)
    assert rows[1].median == 2.5
    assert script.positions_of_landsight('{"camera": null}\n{"camera": {"latitude": 1}}') == 1
    assert script.positions_of_exiftool('[{"SourceFile": "a"}, {"GPSLatitude": 1, "GPSLongitude": 2}]') == 1


def test_memory_counts_the_whole_tree() -> None:
    memory = module("memory")
    assert memory.kb_in("55-66 ---p 00 [rollup]\nRss:   900 kB\nPss:   700 kB\nPss_Anon:  10 kB\n", "Pss:") == 700
    child = "import subprocess, sys; b = bytearray(60_000_000); b[::4096] = b[::4096]; "
    parent = child + f"subprocess.run([sys.executable, '-c', {child + 'import time; time.sleep(0.5)'!r}])"
    peak = memory.peak_of([sys.executable, "-c", parent], {})
    assert peak.tree_mb > 115 and 55 < peak.parent_mb < peak.tree_mb
    rows = memory.figures({"10": [peak], "20": [peak]}, (10, 20))
    assert rows[0].median == 1.0 and rows[0].met is True


def test_every_limit_of_a_cold_start_is_held() -> None:
    cold = module("cold_start")
    rows = {
        row.name: row for row in cold.figures({"locate a photo": [ran(1.1)], "landsight --help": [ran(0.4)], "Python alone": [ran(0.1)]})
    }
    assert [rows[name].met for name in rows] == [True, False, None]


def test_layouts_of_the_straight_side_are_both_timed(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    times = module("straight").time_layouts(bundle.model_path("fp32"), bundle.manifest.input.to_dict(), 5)
    assert set(times) == {"contiguous", "channels_last"} and min(times.values()) > 0


def test_the_mix_has_a_camera_photo_in_every_tenth_place(tmp_path: Path) -> None:
    for name in ("camera/a.jpg", "camera/b.jpg", "landmarks/test/x/1.jpg", "landmarks/test/x/2.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.stem for path in module("service").mixed(tmp_path, 30)]
    assert [found[0], found[10], found[20]] == ["a", "b", "a"]
    assert all(stem in "12" for i, stem in enumerate(found) if i % 10)


def test_the_service_is_compared_round_by_round() -> None:
    service = module("service")
    loads = [service.Load(rate, 100.0, 250.0, 0, 1000, 1.0, 40.0, 300.0, 306.0) for rate in (40.0, 30.0)]
    results = {"service": loads, "locate": [50.0, 30.0], "alone": [([30.0] * 3, [25.0] * 3)] * 2}
    found = {figure.name: figure for figure in service.figures(results)}
    assert found["64 clients / landsight locate, photos a second"].rounds == [0.8, 1.0]
    assert found["p99 / p50"].median == 2.5 and found["one request alone / decoding and network, p50"].median == 1.2
    assert found["memory, last 10 s / first 10 s, all processes"].met and not any("LitServe" in name for name in found)
