"""``landsight explain SOURCE --sanity``: both tests over labelled pictures, as a page, a picture and numbers. Looks at test parts are counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landsight.bundle.load import MANIFEST_NAME, Bundle, bundle_root, load
from landsight.errors import PhotoError, UsageError
from landsight.explain.source import Source, of_bundle
from landsight.photo.prepare import ImageU8
from landsight.studio.collect import prepared_pictures
from landsight.studio.data.samples import Samples
from landsight.studio.engine import Trained, open_run
from landsight.studio.evaluate import count_look, read_part
from landsight.studio.explain import of_trained
from landsight.studio.folders import make_folder
from landsight.studio.recipe import DataRecipe
from landsight.studio.robustness import stratified
from landsight.studio.sanity import randomise
from landsight.studio.sanity.deletion import KINDS, Deletion, Hidden, deletion, hide
from landsight.studio.sanity.randomise import Randomised, Randomiser
from landsight.studio.train.checkpoint import write_atomic

#: Pictures whose maps are compared at every step: means of so many are known to a few hundredths.
COMPARED = 40
#: Pictures that the page shows.
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: a source, how its weights are drawn anew, the data that it knows, and what to call it."""

    source: Source
    randomiser: Randomiser
    data: DataRecipe | None
    name: str


@dataclass(frozen=True, slots=True)
class Sanity:
    """Both tests. ``looks``: how often the part was looked at by now, None for parts of training. ``page``: the file, once written."""

    name: str
    method: str
    part: str
    engine: str
    deletion: Deletion
    randomised: Randomised
    looks: int | None = None
    page: Path | None = None

    def to_json(self) -> str:
        """For programs."""
        figures = {f: getattr(self, f) for f in ("name", "method", "part", "engine", "looks")}
        more = {"deletion": asdict(self.deletion), "randomised": asdict(self.randomised)}
        return json.dumps({**figures, **more}, indent=1, ensure_ascii=False) + "\n"

    def sentences(self) -> list[str]:
        """The figures in words."""
        d, r = self.deletion, self.randomised
        lines = [f"{self.method} maps of {self.name}, {d.n} pictures of {self.part!r}; mean confidence {d.before:.3f}"]
        for fill, margins in d.margin.items():
            against = ", ".join(f"{KINDS[k]} {m.value:+.3f} ({m.low:+.3f} to {m.high:+.3f})" for k, m in margins.items())
            after = d.after[fill]["hottest"]
            lines.append(f"hottest {d.share:.0%} hidden by {fill}: {after:.3f} is left; lost beyond {against}")
        steps = ", ".join(f"{s.layers} {s.likeness.value:+.2f}" for s in r.steps)
        lines.append(
            f"rank correlation of maps with random weights in the last layers (of {r.layers}): {steps}; between pictures {r.others.value:+.2f}"
        )
        if self.looks is not None:
            lines.append(f"look {self.looks} at {self.part!r}")
        return lines


def sanity(
    path: Path, *, method: str | None = None, which: str = "best", part: str = "validation", root: str | None = None, sample: int = 200,
    out: Path | None = None, say: Callable[[str], None] = lambda _: None,
) -> Sanity:  # fmt: skip
    """Test ``method`` (default: as ``landsight explain`` would choose) on at most ``sample`` pictures of ``part``, evenly over the classes.

    Leaves explain-sanity-PART.html, .png and .json in ``out`` (default: the run; ``explained`` for a bundle), and counts a look at a test
    part there. Raises: UsageError, DataError, BundleError.
    """
    subject = _run_of(path, which) if (path / "recipe.toml").is_file() and not (path / MANIFEST_NAME).exists() else _bundle_of(path)
    data = subject.data
    if root is not None:
        data = replace(data, root=root) if data else DataRecipe(root=root)
    if data is None:
        raise UsageError("no_data", f"{path} is a bundle: it does not know its data.", "Give the data folder (--data).")
    explainer = subject.source.explainer(method)
    run = path if root is None else None
    samples = stratified(read_part(data, part, subject.source.manifest.labels, run=run), sample)
    out = out or (path if subject.data else Path("explained"))
    looks = count_look(out, part, f"{subject.source.engine.name}, sanity of {explainer.method} maps")
    pictures = readable(samples, subject.source)
    found = measure(subject.source, subject.randomiser, explainer.method, pictures, say=say)
    result = Sanity(subject.name, explainer.method, part, subject.source.engine.name, found.deletion, found.randomised, looks)
    return _written(result, found, pictures, subject.source, out)


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures, and each picture's own numbers."""

    deletion: Deletion
    randomised: Randomised
    hidden: Sequence[Hidden]


def measure(
    source: Source, randomiser: Randomiser, method: str, pictures: Sequence[ImageU8], *, say: Callable[[str], None] = lambda _: None
) -> Measured:
    """Both tests on prepared ``pictures``, at least two. Raises: UsageError when there are fewer."""
    if len(pictures) < 2:
        raise UsageError("no_photos", f"There are {len(pictures)} readable pictures; this needs at least two.", "Give more data.")
    explainer = source.explainer(method)
    hidden = []
    for number, picture in enumerate(pictures):
        hidden.append(hide(source, explainer, picture, number))
        if number % 50 == 49:
            say(f"{number + 1} of {len(pictures)} pictures")
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(COMPARED, len(pictures))).round().astype(int))
    say("drawing weights anew ...")
    randomised = randomise.compare(
        randomiser, method, [pictures[i] for i in chosen], [hidden[i].what for i in chosen], [hidden[i].signed for i in chosen]
    )
    return Measured(deletion(hidden), randomised, hidden)


def readable(samples: Samples, source: Source) -> list[ImageU8]:
    """Prepared pictures of those files that can be read."""
    found = prepared_pictures(samples.items, source.manifest.input)
    return [picture for _, picture in found if not isinstance(picture, PhotoError)]


def _run_of(path: Path, which: str) -> Subject:
    trained: Trained = open_run(path, which)
    return Subject(of_trained(trained), randomise.of_torch(trained), trained.recipe.data, path.name)


def _bundle_of(path: Path) -> Subject:
    bundle: Bundle = load(bundle_root(path))
    return Subject(of_bundle(bundle.root, runtime="onnxruntime", precision="fp32"), randomise.of_onnx(bundle), None, bundle.manifest.name)


def _written(result: Sanity, found: Measured, pictures: Sequence[ImageU8], source: Source, out: Path) -> Sanity:
    from landsight.studio.sanity.page import figure, page

    make_folder(out)
    stem = f"explain-sanity-{result.part}"
    shown: list[tuple[ImageU8, Any]] = list(zip(pictures, found.hidden, strict=True))[:: max(1, len(pictures) // SHOWN)][:SHOWN]
    write_atomic(out / f"{stem}.json", result.to_json().encode("utf-8", "surrogateescape"))
    write_atomic(out / f"{stem}.png", figure(result))
    write_atomic(out / f"{stem}.html", page(result, shown, source).encode())
    return replace(result, page=out / f"{stem}.html")
