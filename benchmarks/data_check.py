"""``landsight data check`` on the training photos: how long it takes, which planted near-duplicates it finds, and what else it takes for one.

Planted: copies of 600 training photos, each changed in one way (crop to 90 % of both sides at a random place, JPEG at quality 50, mirror
image, brighter or darker by 20 to 30 %), written beside the 8,848 photos and the test parts, and the whole checked as a user would. A pair
that touches a planted copy is true when both come from the same photo (or from two that are near-duplicates themselves).

Pairs among the real photos have no truth: ``--sheet FILE`` draws 200 of the reported pairs to be judged by eye, real ones first, and
``--false-by-eye N`` puts the verdict into the result.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from common import Figure, Report, Settings, landsight_command, run, settings, stop, use_same_cores, warm
from PIL import Image, ImageDraw, ImageEnhance

from landsight.studio.data.duplicates import groups
from landsight.studio.data.inspect import Inspection, inspect
from landsight.studio.metrics import wilson
from landsight.studio.random import generator
from landsight.studio.recipe import DataRecipe

KINDS = ("crop 10 %", "JPEG 50", "mirror", "brighter", "darker")
PLANTED, SEED, SHEET_PAIRS = 600, 7, 200
_PAIRED = ("two_labels", "leak", "exact_duplicate", "near_duplicate")
_PREFIX = "planted-"


def main() -> None:
    """Plant, check, count, time."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--sheet", type=Path, default=None)
    parser.add_argument("--false-by-eye", type=int, default=None)
    own, rest = parser.parse_known_args()
    chosen = settings(__doc__ or "", rest)
    photos = chosen.data / "landmarks"
    if not (photos / "train").is_dir():
        stop("LANDSIGHT_DATA has no landmarks/train")
    use_same_cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "photos"
        originals = _linked(photos, folder, chosen)
        planted = _plant(folder / "train", originals, 40 if chosen.quick else PLANTED)
        inspection = inspect(DataRecipe(root=str(folder)), with_labels=False)
        figures, details = _count(inspection, planted)
        pairs = _real_pairs(inspection)
        if own.sheet is not None:
            _draw_sheet(inspection, own.sheet)
    figures += _by_eye(len(pairs), own.false_by_eye)
    seconds, cpu = _time(photos / "train", chosen)
    figures += [
        Figure("8,848 training photos, labels ranked", "s", seconds, 180),
        Figure("the same, processor time", "s", cpu),
    ]
    report = Report("data_check", "landsight data check on the training photos", chosen, details=details)
    report.notes = [
        f"{PLANTED} photos, each planted in {len(KINDS)} ways, seed {SEED}; whole set with the test parts: {len(inspection.survey.seen)} pictures",
        "found: the pair of photo and copy is reported; intervals are Wilson's, 95 %",
        f"pairs among the real photos of all parts: {len(pairs)}, all looked at; the rest of the {SHEET_PAIRS} on the sheet were planted ones",
    ]
    report.finish(figures)


def _linked(photos: Path, folder: Path, chosen: Settings) -> list[Path]:
    """Links to all photos; returns the training ones."""
    train: list[Path] = []
    for part in ("train", "test", "test_small", "fullsize"):
        for place in sorted(p for p in (photos / part).iterdir() if p.is_dir()):
            (folder / part / place.name).mkdir(parents=True)
            for number, path in enumerate(sorted(place.iterdir())):
                if not chosen.quick or number < 8:
                    (folder / part / place.name / path.name).symlink_to(path)
                    train += [path] if part == "train" else []
    return train


def _plant(train: Path, originals: list[Path], count: int) -> dict[str, tuple[str, str]]:
    """Write the copies; returns name of a copy -> (kind, name of its original), as the check names them."""
    rng = generator(SEED, "planted copies")
    planted: dict[str, tuple[str, str]] = {}
    for number in rng.choice(len(originals), count, replace=False):
        path = originals[int(number)]
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        for kind, changed in zip(KINDS, _changes(image, rng), strict=True):
            name = f"{_PREFIX}{kind.split()[0]}-{path.stem}.jpg"
            changed.save(train / path.parent.name / name, quality=50 if kind == "JPEG 50" else 95)
            planted[f"train/{path.parent.name}/{name}"] = (kind, f"train/{path.parent.name}/{path.name}")
    return planted


def _changes(image: Image.Image, rng: np.random.Generator) -> list[Image.Image]:
    width, height = round(0.9 * image.width), round(0.9 * image.height)
    left, top = (int(rng.integers(0, whole - part + 1)) for whole, part in ((image.width, width), (image.height, height)))
    light = ImageEnhance.Brightness(image)
    return [
        image.crop((left, top, left + width, top + height)), image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        light.enhance(rng.uniform(1.2, 1.3)), light.enhance(rng.uniform(0.7, 0.8)),
    ]  # fmt: skip


def _pairs(inspection: Inspection) -> list[tuple[str, str, float]]:
    names = [seen.sample.name for seen in inspection.survey.seen]
    return [
        (names[f.index], names[f.other], f.score or 0.0)
        for kind in _PAIRED for f in inspection.of(kind) if f.index is not None and f.other is not None
    ]  # fmt: skip


def _real_pairs(inspection: Inspection) -> list[tuple[str, str, float]]:
    pairs = [p for p in _pairs(inspection) if _PREFIX not in p[0] and _PREFIX not in p[1]]
    return sorted(pairs, key=lambda p: -p[2])


def _count(inspection: Inspection, planted: dict[str, tuple[str, str]]) -> tuple[list[Figure], dict[str, object]]:
    """Recall of each kind, and the false share among reported pairs that touch a planted copy."""
    pairs = _pairs(inspection)
    reported = {frozenset(p[:2]) for p in pairs}
    found = Counter(kind for copy, (kind, original) in planted.items() if frozenset((copy, original)) in reported)
    total = Counter(kind for kind, _ in planted.values())
    # Two photos that are reported themselves count as one: their planted copies are then rightly reported too.
    number = {seen.sample.name: i for i, seen in enumerate(inspection.survey.seen)}
    real = groups(len(number), ((number[a], number[b]) for a, b, _ in _real_pairs(inspection)))
    touching = [(a, b) for a, b, _ in pairs if a in planted or b in planted]
    wrong = [p for p in touching if len({real[number[planted.get(n, ("", n))[1]]] for n in p}) > 1]
    figures = [Figure(f"found: {kind}", "%", [100 * found[kind] / total[kind]], 95, ">=") for kind in KINDS]
    figures.append(Figure("false among pairs that touch a planted copy", "%", [100 * len(wrong) / len(touching)], 1))
    details: dict[str, object] = {
        "recall": {
            kind: {"found": found[kind], "of": total[kind], "wilson_95": [round(v, 4) for v in wilson(found[kind], total[kind])]} for kind in KINDS
        },
        "pairs_touching_planted": len(touching),
        "false_by_planted_truth": len(wrong),
        "false_wilson_95": [round(v, 4) for v in wilson(len(wrong), len(touching))],
        "pairs_among_real_photos": len(_real_pairs(inspection)),
    }  # fmt: skip
    return figures, details


def _by_eye(real: int, false: int | None) -> list[Figure]:
    if false is None:
        return []
    return [
        Figure(f"false by eye among {SHEET_PAIRS} reported pairs", "%", [100 * false / SHEET_PAIRS], 1),
        Figure(f"false by eye among the {real} real ones of them", "%", [100 * false / max(real, 1)]),
    ]


def _draw_sheet(inspection: Inspection, path: Path) -> None:
    """200 pairs, numbered: all real ones, the least alike last; then planted ones."""
    real = _real_pairs(inspection)
    others = [p for p in _pairs(inspection) if p not in set(real)]
    rng = generator(SEED, "sheet")
    chosen = [*real[:SHEET_PAIRS], *(others[int(i)] for i in rng.permutation(len(others))[: max(0, SHEET_PAIRS - len(real))])]
    source = {seen.sample.name: seen.sample.path for seen in inspection.survey.seen}
    across, cell_w, cell_h, side = 5, 300, 166, 146
    sheet = Image.new("RGB", (across * cell_w, -(-len(chosen) // across) * cell_h), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (a, b, likeness) in enumerate(chosen):
        x, y = number % across * cell_w, number // across * cell_h
        draw.text((x + 2, y + 2), f"{number} {likeness:.2f} {a.split('/')[1][:16]} | {b.split('/')[1][:16]}", fill="black")
        for column, name in enumerate((a, b)):
            with Image.open(source[name]) as image:
                sheet.paste(image.convert("RGB").resize((side, side)), (x + column * (side + 2), y + 17))
    sheet.save(path)
    print(f"{len(chosen)} pairs ({min(len(real), SHEET_PAIRS)} real) drawn: {path}", file=sys.stderr)


def _time(train: Path, chosen: Settings) -> tuple[list[float], list[float]]:
    """Wall and processor seconds of the command, files in the page cache."""
    warm(p for p in train.rglob("*") if p.is_file())
    wall, cpu = [], []
    for _ in range(chosen.rounds if not chosen.quick else 1):
        with tempfile.TemporaryDirectory() as out:
            ran = run(
                landsight_command("data", "check", str(train), "-o", f"{out}/check", "-q", *(["--no-labels"] if chosen.quick else []))
            )
        wall.append(ran.wall_s)
        cpu.append(ran.cpu_s)
    return wall, cpu


if __name__ == "__main__":
    main()
