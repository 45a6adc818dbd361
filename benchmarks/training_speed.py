"""Training speed: ResNet-18 from scratch at 224 px, decode and augmentation included, beside timm's train.py and fastai's defaults.

LANDSIGHT_DATA=... python benchmarks/training_speed.py --others VENV/bin/python [--quick] [--rounds 3]

``--others``: a Python that has timm and fastai and shares this one's torch; neither is a dependency of ours. One way to make it:

    python -m venv VENV
    python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > VENV/lib/python3.11/site-packages/shared.pth
    VENV/bin/pip install --no-deps timm fastai fastcore fasttransform "plum-dispatch<2.10" beartype "fastprogress<1.1" fastdownload \\
        pandas pytz requests urllib3 certifi idna charset-normalizer "huggingface_hub<1" "torchvision==0.28.*"   # the one of torch 2.13

All sides: the same pictures, batches of 32, the same steps, the same two cores, a process of their own; they take turns. A run has
``EPOCHS`` epochs. The first counts everything after the imports, the making of our cache included; later ones count all their steps.
Held against the goals: pictures per second over ten epochs, 10 / (first + 9 x later).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from common import ROOT, SIDES, Figure, Report, Settings, in_turns, ratio, run, stop, use_same_cores, warm

from landsight.studio.train.optimise import uses_bf16

BATCH, EPOCHS, AMORTISED = 32, 2, 10
CLASSES = {"large": 2, "small": 12}
#: Steps an epoch, of BATCH pictures.
STEPS = {"large": 4, "small": 16}
#: At least so many times as fast as the other side, over ten epochs. fastai computes in fp32: that goal is for processors with bf16.
GOALS = {("large", "timm"): 1.3, ("small", "timm"): 1.0, ("large", "fastai"): 2.0, ("small", "fastai"): 2.0}
WHAT = {"large": "8 to 16 megapixels", "small": "small photos"}
SIDE_NAMES = ("landsight", "timm", "fastai")
NOTES = (
    "Held against the goals: pictures per second over ten epochs, the first with the making of our cache. First and later epochs are told beside.",
    "timm: its dataset, loader, transforms, network, SGD and loss, in the order of train.py with --amp --amp-dtype bfloat16 --channels-last "
    "--use-multi-epochs-loader -j 2; without --amp where this processor computes bf16 more slowly (details: bf16). fastai: RandomResizedCrop, aug_transforms, vision_learner, one cycle, fp32, "
    "so that its goal is held only where this processor has bf16.",
    "landsight (benchmarks/sides/training.toml): crops, flips and colours of timm's ranges, timm's SGD and label smoothing; no average of "
    "weights. It stores pictures once, the shorter side at most 448 px; the others decode the whole file each time.",
    "Imports, validation and checkpoints between epochs are counted on no side. Processor seconds are of the whole program, imports included.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of one side: seconds of the first epoch, mean seconds of a later one, pictures in each; processor seconds of all of it."""

    pictures: int
    first_s: float
    later_s: float
    cpu_s: float
    bf16: bool | None = None

    @property
    def amortised(self) -> float:
        """Pictures per second over ten epochs."""
        return AMORTISED * self.pictures / (self.first_s + (AMORTISED - 1) * self.later_s)


def main() -> None:
    """See the module."""
    chosen, others, steps_of = options()
    use_same_cores()
    report = Report("training_speed", "training ResNet-18 at 224 px", chosen, notes=list(NOTES))
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        for kind, steps in steps_of.items():
            data = Path(scratch) / kind
            pictures = laid_out(photos(kind, chosen.data), data, CLASSES[kind], BATCH * (1 if chosen.quick else steps))
            warm(pictures)
            ran = in_turns(sides(data, Path(scratch) / f"run-{kind}", others), chosen.rounds)
            found += figures(kind, ran)
            report.details[kind] = {name: [vars_of(one) for one in runs] for name, runs in ran.items()}
    report.details["others"] = versions_of(others)
    report.details["load_average_at_end"] = round(os.getloadavg()[0], 2)
    report.finish(found)


def options() -> tuple[Settings, Path, dict[str, int]]:
    """Of the command line; steps an epoch by kind last. Ends the program with a sentence when LANDSIGHT_DATA is not set or ``--others`` cannot be started."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="in which all sides take turns (default 3)")
    parser.add_argument(
        "--steps", type=int, nargs=2, metavar=("LARGE", "SMALL"), default=tuple(STEPS.values()), help="an epoch (default 4 16)"
    )
    parser.add_argument("--quick", action="store_true", help="one step an epoch, one round, nothing kept: only to see that it works")
    parser.add_argument("--others", type=Path, required=True, help="a Python that has timm and fastai (see above)")
    given = parser.parse_args()
    data = os.environ.get("LANDSIGHT_DATA", "")
    if not Path(data, "camera").is_dir():
        stop("this benchmark needs the photos that LANDSIGHT_DATA points to (see docs/data.md)")
    if not given.others.is_file():
        stop(f"--others: there is no {given.others}")
    # Not resolved: a venv's python is a link, and knows its packages by where the link lies.
    return (
        Settings(1 if given.quick else max(1, given.rounds), given.quick, None, Path(data).resolve()),
        given.others.absolute(),
        dict(zip(STEPS, given.steps, strict=True)),
    )


def photos(kind: str, data: Path) -> list[list[Path]]:
    """Files of each class, in the order in which they are taken: camera photos in turns; evenly spaced classes of landmarks/train."""
    if kind == "large":
        return [sorted((data / "camera").glob("*.jpg"))] * CLASSES[kind]
    folders = sorted(folder for folder in (data / "landmarks" / "train").iterdir() if folder.is_dir())
    return [sorted(folder.iterdir()) for folder in folders[:: len(folders) // CLASSES[kind]][: CLASSES[kind]]]


def laid_out(classes: Sequence[Sequence[Path]], folder: Path, labels: int, count: int) -> list[Path]:
    """train/CLASS/ with ``count`` files in all, under other names, and validation/CLASS/ with one each. A class begins anew when it is used up."""
    made: list[Path] = []
    for number in range(count):
        label, place = number % labels, number // labels
        source = classes[label][place % len(classes[label])]
        made.append(folder / "train" / f"class_{label:02d}" / f"{number:05d}{source.suffix}")
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, made[-1])
        if place == 0:
            looked_at = folder / "validation" / made[-1].parent.name / made[-1].name
            looked_at.parent.mkdir(parents=True)
            shutil.copyfile(source, looked_at)
    return made


def sides(data: Path, out: Path, others: Path) -> dict[str, Callable[[], Ran]]:
    """One run each; ours into an empty folder each time."""
    common = ["--data", str(data), "--batch", str(BATCH), "--epochs", str(EPOCHS)]
    shared = {"PYTHONPATH": str(SIDES)}

    def landsight() -> Ran:
        shutil.rmtree(out, ignore_errors=True)
        settings = ["--set", f"schedule.stages=[[224, {EPOCHS}]]", "--set", f"train.batch={BATCH}"]
        command = [
            sys.executable,
            str(SIDES / "train_landsight.py"),
            "--recipe",
            str(SIDES / "training.toml"),
            "--out",
            str(out),
            *settings,
        ]
        try:
            return clocked(command, {"TRAINING_PICTURES": str(data), "PYTHONPATH": str(ROOT / "src")})
        finally:
            shutil.rmtree(out, ignore_errors=True)

    return {
        "landsight": landsight,
        "timm": partial(clocked, [str(others), str(SIDES / "train_timm.py"), *common, "--workers", "2"], shared),
        "fastai": partial(clocked, [str(others), str(SIDES / "train_fastai.py"), *common], shared),
    }


def clocked(command: Sequence[str], env: Mapping[str, str]) -> Ran:
    """Run a side and read its clock, the last line that it prints."""
    done = run(command, env=env)
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return Ran(told["pictures"], told["first_s"], statistics.mean(told["later_s"]), done.cpu_s, told.get("bf16"))


def figures(kind: str, ran: Mapping[str, Sequence[Ran]]) -> list[Figure]:
    """Ratios that are held against the goals, then what they are made of. Ends the program when a side left pictures out."""
    what = WHAT[kind]
    if len(seen := {one.pictures for runs in ran.values() for one in runs}) > 1:
        stop(f"{what}: the sides trained on different numbers of pictures: {sorted(seen)}")
    speeds = {name: [one.amortised for one in ran[name]] for name in SIDE_NAMES}
    found = [
        Figure(
            f"{what}: times as fast as {other}, ten epochs",
            "x",
            ratio(speeds["landsight"], speeds[other]),
            GOALS[kind, other] if other == "timm" or uses_bf16("auto", torch.device("cpu")) else None,
            ">=",
        )
        for other in SIDE_NAMES[1:]
    ]
    for name in SIDE_NAMES:
        found.append(Figure(f"{what}: {name}, ten epochs", "pictures/s", speeds[name]))
        found.append(Figure(f"{what}: {name}, first epoch", "pictures/s", [one.pictures / one.first_s for one in ran[name]]))
        found.append(Figure(f"{what}: {name}, later epochs", "pictures/s", [one.pictures / one.later_s for one in ran[name]]))
    return found


def vars_of(one: Ran) -> dict[str, Any]:
    """JSON-ready; ``bf16`` where the side chose."""
    told = {"pictures": one.pictures, "first_s": round(one.first_s, 2), "later_s": round(one.later_s, 2), "cpu_s": round(one.cpu_s, 1)}
    return told if one.bf16 is None else {**told, "bf16": one.bf16}


def versions_of(python: Path) -> dict[str, str]:
    """Of the other sides' packages."""
    program = (
        "import importlib.metadata as m, json; print(json.dumps({n: m.version(n) for n in ('timm', 'fastai', 'torchvision', 'torch')}))"
    )
    found: dict[str, str] = json.loads(run([str(python), "-c", program]).stdout)
    return found


if __name__ == "__main__":
    main()
