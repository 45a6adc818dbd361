"""Makes the shipped bundle ``world110``: trains, learns what it does not know, exports, verifies, measures.

    LANDSIGHT_DATA=... python recipes/world.py --run runs/world --out src/landsight/bundle/world

1. world.toml, then world_finish.toml: the tuned network. ``--tuned model.onnx`` takes it out of an exported model instead.
2. Joined with a network that was never tuned (landsight.studio.join): the run RUN_joined.
3. What tells known from unknown; export; figures, and what is taken for what.

``--confused`` makes nothing anew: it measures again what the bundle at --out takes for what, and seals it with that file alone.

An interrupted run goes on when the same command is given again. Everything that is chosen is chosen on training and validation pictures
and on photos of other things; the test parts are looked at once, at the end, and each look is counted in RUN_joined/looks.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landsight.answer.calibration import softmax
from landsight.answer.classify import WANTS
from landsight.bundle.card import render_card
from landsight.bundle.confused import CONFUSED_NAME, Confused
from landsight.bundle.load import Bundle, load, sha256_of
from landsight.bundle.manifest import Metric
from landsight.bundle.placed import PLACES_NAME, placed
from landsight.bundle.seal import seal
from landsight.errors import PhotoError, RuntimeUnavailable
from landsight.photo.prepare import Preparation, normalise
from landsight.runtime.choose import make
from landsight.runtime.engine import Engine
from landsight.studio import join
from landsight.studio import recipe as recipes
from landsight.studio.collect import collect_outputs, prepared_pictures
from landsight.studio.data.check import check, has_kind
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.decision import Decision, Looks, Scenes, fit, fit_temperature
from landsight.studio.engine import RoundedEngine, open_run
from landsight.studio.evaluate import Evaluation, count_look, evaluate, evaluate_engine, read_part
from landsight.studio.export import export
from landsight.studio.nets.efficientnet_lite import package_weights
from landsight.studio.nets.imagenet_scenes import PLACES
from landsight.studio.nets.read_onnx import read_efficientnet_lite
from landsight.studio.per_class import confusion
from landsight.studio.recipe import DataRecipe, Recipe
from landsight.studio.tasks.classify import Classify
from landsight.studio.train.checkpoint import Checkpoint, save_checkpoint
from landsight.studio.train.run import train

HERE = Path(__file__).resolve().parent
#: Parts that are measured, and how they are called in the card.
PARTS = {
    "test": "landmarks/test: 76 places, real proportions",
    "test_small": "landmarks/test_small: 34 places known from 96 px pictures",
    "fullsize": "landmarks/fullsize: people's ordinary photos, mostly of those 34 places",
}
#: Parts that tell what is taken for what: between them they have photos of every place, and of none twice.
CONFUSED_PARTS = ("test", "test_small")
#: Photos of other things, and which of these show places (street fronts of no fame).
OTHERS = ("coco", "flowers", "architecture")
PLACES_AMONG_OTHERS = frozenset({"architecture"})
#: Size of the EfficientNet-Lite that is joined to the tuned one as ImageNet left it; the tuned one's, so that they share the frozen blocks.
KEPT_SIZE = 0
#: Principal axes of the embedding that the neighbours are sought in: 256 keep the shipped bank at 4 MB.
AXES = 256
#: Shares of the kept branch in the joined head that are tried on validation.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
#: Large pictures are also shown to the kept branch shrunk to this, so that it too knows places without their sharpness.
SHRUNK_PX = 96
#: (side of the input, shrunk before to) that are tried on validation. Larger than 224 would cost more than the speed goals allow.
CANDIDATES: tuple[tuple[int, int | None], ...] = ((208, None), (224, None), (224, 160))
RIGHTS = (
    "The weights are ours, Apache-2.0. They were trained on photos whose single rights were not cleared; none of these photos, and nothing "
    "from which one could be made again, is in this bundle. The start was EfficientNet-Lite0 trained on ImageNet (Google, Apache-2.0)."
)


@dataclass(frozen=True, slots=True)
class Making:
    """The run folder, the data folder, the drawn pictures that the bundle carries, and how pictures are prepared."""

    run: Path
    data: Path
    photos: list[Path]
    preparation: Preparation


def main() -> None:
    """All steps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, default=Path("runs/world"))
    parser.add_argument("--out", type=Path, default=HERE.parent / "src/landsight/bundle/world")
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="pictures that the bundle may carry; default: drawn ones")
    parser.add_argument("--confused", action="store_true", help="only add to the bundle at --out what it takes for what")
    parser.add_argument("--tuned", type=Path, help="a model.onnx with the tuned network, instead of training one")
    options = parser.parse_args()
    data = Path(os.environ.get("LANDSIGHT_DATA") or sys.exit("set LANDSIGHT_DATA (docs/data.md)"))
    if options.confused:
        print(f"{options.out}: {confused_again(load(options.out), data).bundle_hash}")
        return
    finish, joined = (options.run.with_name(f"{options.run.name}_{name}") for name in ("finish", "joined"))
    os.environ["LANDSIGHT_START"] = str(options.run)
    shared_cache = f"data.cache={json.dumps(str(options.run / 'cache'))}"
    second = recipes.load(HERE / "world_finish.toml", (shared_cache,))
    if options.tuned:
        restore(options.tuned, second, finish)
    else:
        trained_in_two_steps(recipes.load(HERE / "world.toml"), options.run, second, finish)
    preparation = choose_preparation(finish)
    join.begin(finish, joined, kept=KEPT_SIZE)
    made = Making(joined, data, options.photos or drawn_photos(joined / "drawn"), preparation)
    draft = _exported(made, "draft", None, {})
    join_heads(make(draft), preparation, joined)
    draft = _exported(made, "draft", None, {})
    decision, temperature = decide(draft, joined, data)
    calibration = {"temperature": temperature, "precisions_checked": _losses(draft, joined)}
    final = _exported(made, "final", decision, calibration)
    bundle = _measured(final, joined, data)
    shutil.rmtree(options.out, ignore_errors=True)
    shutil.copytree(bundle.root, options.out)
    print(
        f"{options.out}: {sum(p.stat().st_size for p in options.out.rglob('*') if p.is_file()) / 1e6:.1f} MB, {load(options.out).bundle_hash}"
    )


def drawn_photos(folder: Path) -> list[Path]:
    """Of the sample that the project draws, one for each thing a picture can show, and one that it should not be sure of."""
    sys.path.insert(0, str(HERE.parent / "scripts"))
    from draw_sample import draw_sample

    draw_sample(folder)
    return [folder / name for name in ("tower.jpg", "lake.jpg", "flower.jpg", "harbour.jpg")]


def trained_in_two_steps(first: Recipe, run: Path, second: Recipe, finish: Path) -> None:
    """The tuned network, by training."""
    for recipe, out in ((first, run), (second, finish)):
        if not train(recipe, out).finished:
            sys.exit("interrupted; give the same command again to go on")


def restore(model: Path, recipe: Recipe, run: Path) -> None:
    """The tuned network, out of an exported model, as if ``run`` had trained it."""
    if (run / "last").exists() and "restored_from" not in open_run(run, "last").state:
        sys.exit(f"{run} holds a trained network; give another --run, or leave --tuned out")
    checked = check(recipe.data, recipe.train.seed, Path(recipe.data.cache))
    state = {"recipe": asdict(recipe), "task": Classify.from_data(recipe, checked).state(), "restored_from": sha256_of(model)}
    net = read_efficientnet_lite(model)
    save_checkpoint(run / "last", Checkpoint({f"net.{name}": t for name, t in net.state_dict().items()}, state))


def join_heads(engine: Engine, preparation: Preparation, run: Path) -> float:
    """What the kept branch says of the places, and how much that weighs: learnt from training pictures, weighed on validation.

    ``engine`` runs the network of ``run``, which join.begin made; returns the share of the kept branch, which is in ``run`` then.
    """
    train_part, validation = parts(run)
    large = [s for s in train_part.items if not s.small]
    small = [s for s in train_part.items if s.small]
    recipe, no_large, no_small = (
        open_run(run, "last").recipe.train,
        *(~np.array(has_kind(train_part, small=kind)) for kind in (False, True)),
    )

    def seen(samples: list[Sample], prepared: Preparation, absent: NDArray[np.bool_], logit: float) -> join.Seen:
        kept = join.halves(looks_of(engine, prepared, [s.path for s in samples]).embedding)[1]
        return join.Seen(kept, np.array([s.truth for s in samples], np.int64), join.offsets(absent, logit, len(samples)))

    kept_head = join.fit_kept_head(
        [
            seen(large, preparation, no_large, recipe.absent_large_logit),
            seen(small, preparation, no_small, recipe.absent_small_logit),
            seen(large, replace(preparation, hide_px=SHRUNK_PX), no_large, recipe.absent_shrunk_logit),
        ]
    )
    looks = looks_of(engine, preparation, [s.path for s in validation.items])
    truths = np.array([s.truth for s in validation.items])
    share = join.choose_share(looks.logits, kept_head.logits(join.halves(looks.embedding)[1]), truths, SHARES)
    print(f"share of the kept branch: {share}")
    join.finish(run, kept_head, share)
    return share


def choose_preparation(run: Path) -> Preparation:
    """Of CANDIDATES the one with the least negative log-likelihood on validation pictures, large and small ones counting equally."""
    trained, validation = open_run(run, "last"), parts(run)[1]
    truths = np.array([s.truth for s in validation.items])
    small = np.array([s.small for s in validation.items])
    scores: dict[Preparation, float] = {}
    for side, hide in CANDIDATES:
        preparation = replace(trained.recipe.input, width=side, height=side, hide_px=hide)
        logits = collect_outputs(trained.engine(), [s.path for s in validation.items], preparation, ("logits",))["logits"]
        losses = -np.log(softmax(logits, fit_temperature(logits, truths))[np.arange(len(truths)), truths].clip(1e-12))
        right = logits.argmax(axis=1) == truths
        scores[preparation] = float((losses[small].mean() + losses[~small].mean()) / 2)
        print(
            f"{side} px, shrunk to {hide}: loss {scores[preparation]:.4f}, top-1 large {right[~small].mean():.4f}, small {right[small].mean():.4f}"
        )
    return min(scores, key=lambda p: scores[p])


def decide(bundle: Bundle, run: Path, data: Path) -> tuple[Decision, float]:
    """The temperature, and what tells known from unknown: from training, validation, and photos of other things."""
    train_part, validation = parts(run)
    engine, preparation = make(bundle, "onnxruntime", "fp32"), bundle.manifest.input
    looks = {
        name: looks_of(engine, preparation, [s.path for s in part.items])
        for name, part in (("train", train_part), ("validation", validation))
    }
    truths = np.array([s.truth for s in validation.items])
    temperature = fit_temperature(looks["validation"].logits, truths)
    others = {name: looks_of_folder(engine, preparation, data / "not_landmarks" / name) for name in OTHERS}
    for name, one in {**looks, **others}.items():
        np.savez(run / f"looks_{name}.npz", logits=one.logits, embedding=one.embedding)
    return fit(
        looks["train"],
        looks["validation"],
        others,
        places=PLACES_AMONG_OTHERS,
        temperature=temperature,
        axes=AXES,
        scenes=imagenet_scenes(),
    ), temperature


def imagenet_scenes() -> Scenes:
    """ImageNet's own last layer: the kept half of the embedding is what it was trained on."""
    weights = package_weights(KEPT_SIZE)
    layer = np.concatenate([weights["head.weight"].numpy(), weights["head.bias"].numpy()[:, None]], axis=1)
    return Scenes(layer.astype(np.float32), np.isin(np.arange(len(layer)), list(PLACES)))


def looks_of_folder(engine: Engine, preparation: Preparation, folder: Path) -> Looks:
    """What the network says of all photos of a folder."""
    return looks_of(engine, preparation, sorted(p for p in folder.iterdir() if p.suffix in (".jpg", ".jpeg", ".png", ".webp")))


def looks_of(engine: Engine, preparation: Preparation, paths: Sequence[Path]) -> Looks:
    """What the network says of these photos."""
    found = collect_outputs(engine, paths, preparation, WANTS)
    return Looks(np.asarray(found["logits"], np.float32), np.asarray(found["embedding"], np.float32))


def parts(run: Path) -> tuple[Samples, Samples]:
    """Training and validation pictures, split as in the run."""
    recipe = open_run(run, "last").recipe
    checked = check(recipe.data, recipe.train.seed, Path(recipe.data.cache) if recipe.data.cache else run / "cache")
    return checked.train, checked.subsets["validation"]


def _exported(made: Making, name: str, decision: Decision | None, calibration: dict[str, object]) -> Bundle:
    out = made.run / name
    shutil.rmtree(out, ignore_errors=True)
    trained_run = open_run(made.run, "last")
    places = placed(trained_run.task.labels, made.data / "landmarks" / PLACES_NAME)
    trained = {
        "training": "8,848 photos of 110 places from public repositories; 34 places from 96 x 96 pictures alone",
        "other photos, for what is unknown": "COCO 300, Oxford flowers 220, ordinary street fronts 300",
        "validation": "8 % of the training photos, whole near-duplicate groups",
        "recipe": "recipes/world.py, recipes/world.toml, recipes/world_finish.toml",
        "network": "EfficientNet-Lite0 twice from its sixth block on: tuned to the places, and as ImageNet left it",
    }
    if calibration.get("precisions_checked"):
        trained["bf16"] = (
            "checked by rounding weights and what every layer hands on, in torch, if the machine that made this bundle has no bf16"
        )
    return export(
        made.run, out, which="last", places=places, calibration=calibration, decision=decision.scalars if decision else {},
        arrays=decision.arrays if decision else {}, data=trained, rights=RIGHTS, photos=made.photos, preparation=made.preparation,
        trace_wanted=False,  # a bundle that is shipped with the package has 25 MB
    )  # fmt: skip


def _losses(bundle: Bundle, run: Path) -> dict[str, float]:
    """Points of validation top-1 that each faster precision loses against fp32 of ONNX Runtime.

    bf16 is checked by rounding (studio.engine.RoundedEngine) where the processor has none.
    Each picture is seen four times (as it is, shrunk to 160 px first, and both mirrored): with one look, a single picture is 0.14 points.
    """
    validation = parts(run)[1]
    truths = np.tile([s.truth for s in validation.items], 4)
    views: list[NDArray[np.float32]] = []
    for hide in (None, 160):
        preparation = replace(bundle.manifest.input, hide_px=hide)
        pictures = [
            image for _, image in prepared_pictures([s.path for s in validation.items], preparation) if not isinstance(image, PhotoError)
        ]
        plain = normalise(np.stack(pictures), preparation)
        views += [plain, np.ascontiguousarray(plain[..., ::-1])]
    top1 = {}
    for runtime, precision in (("onnxruntime", "fp32"), ("openvino", "bf16")):
        try:
            engine: Engine = make(bundle, runtime, precision)
        except RuntimeUnavailable as error:
            if (precision, error.code) not in (("bf16", "precision_missing"), ("bf16", "runtime_missing")):
                raise
            print(f"checked by rounding: {error}")
            engine = RoundedEngine(open_run(run, "last").net)
        guesses = [engine.run(view[i : i + 32], ("logits",))["logits"].argmax(axis=1) for view in views for i in range(0, len(view), 32)]
        top1[f"{runtime} {precision}"] = float((np.concatenate(guesses) == truths).mean())
    reference = top1["onnxruntime fp32"]
    losses = {name: round(100 * (reference - value), 3) for name, value in sorted(top1.items()) if not name.endswith("fp32")}
    print(f"validation top-1 over four views {reference:.4f}; points lost: {losses}")
    return losses


def _measured(bundle: Bundle, run: Path, data: Path) -> Bundle:
    """Write the figures of all test parts into manifest and card."""
    metrics: dict[str, Metric] = {}
    evaluations: dict[str, Evaluation] = {}
    for part, words in PARTS.items():
        found = evaluate(bundle.root, split=part, root=str(data / "landmarks"), out=run)
        evaluations[part] = found
        metrics |= {f"{part} {name}": replace(metric, what=f"{metric.what}; {words}") for name, metric in found.metrics.items()}
        print(part, {name: asdict(m)["value"] for name, m in found.metrics.items()}, f"look {found.looks}")
    return with_confused(seal(bundle.root, replace(bundle.manifest, metrics=metrics)), evaluations, data)


def confused_again(bundle: Bundle, data: Path) -> Bundle:
    """Looks at the test parts, which is counted where the benchmarks count theirs. The network and its answers stay what they are."""
    engine, found = make(bundle, "onnxruntime", "fp32"), {}
    for part in CONFUSED_PARTS:
        count_look(HERE.parent / "benchmarks" / "results", part, f"{bundle.bundle_hash[:12]} what is taken for what")
        samples = read_part(DataRecipe(root=str(data / "landmarks")), part, bundle.manifest.labels)
        found[part] = evaluate_engine(engine, samples, bundle.manifest, bundle.arrays)
        top1 = found[part].metrics["top1"].value
        print(f"{part}: top-1 {top1:.4f}, published {bundle.manifest.metrics[f'{part} top1'].value:.4f}")
    return with_confused(bundle, found, data)


def with_confused(bundle: Bundle, found: dict[str, Evaluation], data: Path) -> Bundle:
    """The bundle sealed again, with counts of what was taken for what; the card says how many files there are."""
    labels, manifest = bundle.manifest.labels, bundle.manifest
    table = np.zeros((len(labels), len(labels)), np.int64)
    for part in CONFUSED_PARTS:
        samples = read_part(DataRecipe(root=str(data / "landmarks")), part, labels)
        truths = np.array([samples.items[int(i)].truth for i in found[part].index])
        table += confusion(truths, np.array([a.order[0] for a in found[part].answers]), len(labels))
    confused = Confused.of_table(labels, table.tolist(), " and ".join(f"landmarks/{part}" for part in CONFUSED_PARTS))
    (bundle.root / CONFUSED_NAME).write_text(confused.to_json(), encoding="utf-8")
    (bundle.root / "card.md").write_text(render_card(seal(bundle.root, manifest).manifest), encoding="utf-8")
    return seal(bundle.root, manifest)


if __name__ == "__main__":
    main()
