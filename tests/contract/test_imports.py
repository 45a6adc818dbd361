"""Using needs no torch and no network: every use verb runs in a process where importing torch and opening a socket both fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundle_factory import COLOURS, draw_photo, make_bundle
from foreign_factory import GIVEN, foreign

#: Runs the verbs one after the other in one process and reports, for each, exit code and the third-party packages that are loaded.
SCRIPT = """
import contextlib, io, json, socket, sys

BLOCKED = {"torch", "torchvision", "timm", "safetensors", "sklearn", "scipy", "openvino"}

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked")

def refuse(*args, **kwargs):
    raise OSError("the network is cut")

sys.meta_path.insert(0, Blocked())
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse

def loaded():
    tops = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
    return sorted(tops - set(sys.stdlib_module_names) - {"__main__"} - START)

START = {name.partition(".")[0] for name in sys.modules}
import landsight
report = {"import": [0, loaded(), ""]}
dir(landsight)
report["dir"] = [0, loaded(), ""]

from landsight.cli.app import run
for name, arguments in json.loads(sys.argv[1]).items():
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            run(arguments)
        except SystemExit as error:
            code = error.code
    report[name] = [code, loaded(), output.getvalue()]
report["studio"] = [0, [name for name in sys.modules if name.startswith("landsight.studio")], ""]
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, list[str], str]]:
    folder = tmp_path_factory.mktemp("imports")
    bundle, photo = folder / "bundle", folder / "photo.jpg"
    make_bundle(bundle)
    photo.write_bytes(draw_photo(COLOURS["red_rock"], gps=(-25.3, 131.0)))
    verbs = {
        "help": ["--help"],
        "places": ["places", "-33.86", "151.21"],
        "only-gps": ["locate", "--only-gps", "-f", "jsonl", str(photo)],
        "verify": ["verify", str(bundle)],
        "locate": ["locate", "--bundle", str(bundle), str(photo)],
        "sidecar": ["locate", "--bundle", str(bundle), "--write-sidecar", "-f", "csv", str(photo)],
        "predict": ["predict", str(bundle), "-f", "json", str(photo)],
        "explain": ["explain", str(bundle), str(photo), "--out", str(folder / "explained")],
        "doctor": ["doctor", "--bundle", str(bundle)],
        "show": ["bundle", "show", str(bundle)],
        "train": ["train", str(folder)],
    }
    environment = {**os.environ, "LANDSIGHT_CACHE": str(folder / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(verbs)], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, tuple[int, list[str], str]] = json.loads(done.stdout)
    return answer


def test_importing_the_package_loads_nothing_but_itself(report: dict) -> None:
    assert report["import"][1] == ["landsight"]
    assert report["dir"][1] == ["landsight"]


def test_help_loads_click_alone(report: dict) -> None:
    assert set(report["help"][1]) <= {"landsight", "click"}


@pytest.mark.parametrize("verb", ["places", "only-gps", "verify", "locate", "sidecar", "predict", "explain", "doctor", "show"])
def test_every_use_verb_works_without_torch_and_without_a_network(report: dict, verb: str) -> None:
    code, packages, output = report[verb]
    assert (code, "torch" in packages) == (0, False), output


def test_only_gps_loads_no_runtime(report: dict) -> None:
    assert "onnxruntime" not in report["only-gps"][1]


def test_the_studio_is_never_loaded_by_use(report: dict) -> None:
    assert report["studio"][1] == []


def test_training_without_torch_is_one_friendly_line(report: dict) -> None:
    code, _, output = report["train"]
    assert code == 2
    assert "pip install 'landsight[studio]'" in output
    assert output.count("\n") == 1


def test_no_file_of_the_use_side_names_torch() -> None:
    import landsight

    source = Path(landsight.__file__).parent
    sides = ("photo", "places", "bundle", "runtime", "answer", "explain", "whereabouts", "cli")
    named = [
        str(path.relative_to(source))
        for side in sides
        for path in (source / side).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(("import torch", "from torch", "import landsight.studio", "from landsight.studio"))
    ]
    assert named == []


def test_importing_a_model_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(foreign())
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    verbs = {"import": ["bundle", "import", str(tmp_path / "net.onnx"), "--labels", str(tmp_path / "labels.txt"), *GIVEN]}
    environment = {**os.environ, "LANDSIGHT_CACHE": str(tmp_path / "cache"), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SCRIPT, json.dumps(verbs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    code, packages, output = json.loads(done.stdout)["import"]
    assert (code, "torch" in packages) == (0, False), output
