"""What ``describe`` can be pointed at: a net of the table by name, a recipe, a run folder, a bundle folder, an .onnx file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from landsight.bundle.load import MANIFEST_NAME, load
from landsight.errors import UsageError
from landsight.photo.prepare import Preparation
from landsight.studio import recipe as recipes
from landsight.studio.describe import Description, describe
from landsight.studio.describe_onnx import describe_onnx
from landsight.studio.engine import open_run
from landsight.studio.nets import table
from landsight.studio.random import torch_seed
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import nearest

#: Labels of a net that nothing tells how many it has.
DEFAULT_LABELS = 10


@dataclass(frozen=True, slots=True)
class Subject:
    """``nets``: makes "initialised" and, where there are weights that were learnt, "trained"; none for a file of ONNX."""

    description: Description
    preparation: Preparation | None
    nets: Callable[[], dict[str, nn.Module]]


def open_subject(
    source: str, *, image: Sequence[int] | None = None, labels: int | None = None, settings: Sequence[str] = (), which: str = "best"
) -> Subject:
    """Describe what ``source`` names. ``image``: (c, h, w) or (n, c, h, w); default: what the model says of itself.

    ``labels``: of a net by name or a recipe; runs and bundles know their own. ``settings``: "section.key=value", as in training.
    Raises: UsageError, RecipeError, DataError, BundleError.
    """
    path = Path(source)
    is_model = (path / MANIFEST_NAME).is_file() or path.suffix == ".onnx"
    if source in table.NETS or source.startswith("timm:"):
        # What a net of timm was trained to may lie on a hub, which describing must not ask.
        base = {"net": {"name": source, "pretrained": not source.startswith("timm:")}}
        return _from_recipe(source, recipes.from_dict(base, settings), image, labels)
    if path.suffix == ".toml":
        return _from_recipe(path.name, recipes.load(path, settings), image, labels)
    if (is_model or path.is_dir()) and (settings or labels is not None):
        raise UsageError(
            "fixed_net", f"{source} is trained: --set and --labels cannot change it.", "Describe its recipe.toml or a net by name."
        )
    if is_model:
        return _from_model(path, image)
    if path.is_dir():
        return _from_run(path, image, which)
    raise UsageError("unknown_model", f"No net, recipe, run, bundle or .onnx file: received {source!r}.", nearest(source, table.NETS))


def _from_recipe(name: str, recipe: Recipe, image: Sequence[int] | None, labels: int | None) -> Subject:
    resolved = replace(recipe, input=_sized(recipe.input, image))

    bare = _bare(resolved)
    count = labels or DEFAULT_LABELS

    def nets() -> dict[str, nn.Module]:
        made = {"initialised": _built(bare, count)}
        if resolved.net.pretrained:
            trained = _built(resolved, count)
            # Nets without weights of their own ignore the wish: with the same seed they are then the same.
            if not _same(made["initialised"], trained):
                made["trained"] = trained
        return made

    # Without memory for weights: an mlp on 224 pixels would take 45 GB.
    with torch.device("meta"):
        shadow = _built(bare, count)
    found = describe(shadow, tuple(image) if image else _shape(resolved.input), name=name)
    return Subject(found, resolved.input, nets)


def _from_run(run: Path, image: Sequence[int] | None, which: str) -> Subject:
    trained = open_run(run, which)
    bare = _bare(trained.recipe)
    found = describe(trained.net, tuple(image) if image else _shape(trained.recipe.input), name=f"{run.name} ({which})")
    return Subject(
        found,
        _sized(trained.recipe.input, image),
        lambda: {"initialised": _built(bare, len(trained.task.labels)), "trained": trained.net},
    )


def _from_model(path: Path, image: Sequence[int] | None) -> Subject:
    if path.suffix == ".onnx" and not path.is_dir():
        return Subject(describe_onnx(path, image), None, dict)
    bundle = load(path)
    precision = "fp32" if "fp32" in bundle.manifest.precisions else next(iter(bundle.manifest.precisions))
    preparation = bundle.manifest.input
    found = describe_onnx(bundle.model_path(precision), image or _shape(preparation), name=f"{bundle.manifest.name} ({precision})")
    return Subject(found, preparation, dict)


def _bare(recipe: Recipe) -> Recipe:
    return replace(recipe, net=replace(recipe.net, pretrained=False))


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def _built(recipe: Recipe, labels: int) -> nn.Module:
    """With the weights that training would start from."""
    state = torch.get_rng_state()
    try:
        torch.manual_seed(torch_seed(recipe.train.seed, "weights"))
        return table.build(recipe.net, labels, recipe.input)
    finally:
        torch.set_rng_state(state)


def _shape(preparation: Preparation) -> tuple[int, int, int]:
    return (3 if preparation.colour == "RGB" else 1, preparation.height, preparation.width)


def _sized(preparation: Preparation, image: Sequence[int] | None) -> Preparation:
    """The same preparation for pictures of another size. Raises: UsageError for channels that are no picture's."""
    if image is None:
        return preparation
    channels, height, width = image[-3:]
    if channels not in (1, 3):
        raise UsageError("bad_input_size", f"A picture has 1 or 3 channels: received {channels}.", "Give --input, such as 3x224x224.")
    mean, std = (preparation.mean[0],) * channels, (preparation.std[0],) * channels
    if (channels == 3) == (preparation.colour == "RGB"):
        mean, std = preparation.mean, preparation.std
    return replace(preparation, width=width, height=height, colour="RGB" if channels == 3 else "L", mean=mean, std=std)
