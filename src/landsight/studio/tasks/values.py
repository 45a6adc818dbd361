"""Numbers beside the labels: their names and spread, their loss, their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from landsight.answer.values import OUTPUT
from landsight.bundle.manifest import Metric
from landsight.errors import RecipeError
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.metrics import RESAMPLES
from landsight.studio.random import generator
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks.losses import VALUE_LOSSES


class Values:
    """What a network learns to predict beside labels: each number less its mean, by its standard deviation in training.

    So that a loss weighs a length in metres like a share, and the head starts at the mean.
    """

    def __init__(self, recipe: Recipe, mean: Sequence[float], scale: Sequence[float]) -> None:
        self.names = recipe.data.value_columns
        self.mean = tuple(mean)
        self.scale = tuple(scale)
        self._losses = {name: resolve(VALUE_LOSSES, name, "loss") for name in recipe.train.losses if name in VALUE_LOSSES}

    @classmethod
    def from_data(cls, recipe: Recipe, train: Samples) -> Self:
        """Mean and spread of the training part. Raises: RecipeError when recipe and data do not say the same about values."""
        require_values(recipe)
        table = np.array([sample.values for sample in train.items], np.float64).reshape(len(train), -1)
        if table.shape[1] != recipe.net.values:
            raise RecipeError(
                "bad_value", f"net.values: received {recipe.net.values}, and the pictures carry {table.shape[1]} numbers.",
                "Name as many columns in data.value_columns, of a table of labels.",
            )  # fmt: skip
        spread = table.std(axis=0)
        return cls(recipe, table.mean(axis=0).tolist(), np.where(spread > 0, spread, 1.0).tolist())

    def constants(self) -> dict[str, Any]:
        """What the decoder needs: see answer.values."""
        return {OUTPUT: {"names": list(self.names), "mean": list(self.mean), "scale": list(self.scale)}} if self.names else {}

    def targets(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """Standardised, (v,) float32."""
        if not self.names:
            return {}
        return {OUTPUT: ((np.array(sample.values) - self.mean) / self.scale).astype(np.float32)}

    def losses(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shape: outputs["values"], targets["values"] (n, v). Empty where the network does not tell values, as while a head is fitted."""
        if OUTPUT not in outputs or not self.names:
            return {}
        return {name: loss(outputs[OUTPUT].float(), targets[OUTPUT]) for name, loss in self._losses.items()}


def require_values(recipe: Recipe) -> None:
    """net.values, data.value_columns and a loss for them belong together. Raises: RecipeError."""
    teaching = [name for name in recipe.train.losses if name in VALUE_LOSSES]
    if len(recipe.data.value_columns) != recipe.net.values:
        raise RecipeError(
            "bad_value", f"net.values: received {recipe.net.values}, and data.value_columns names {len(recipe.data.value_columns)}.",
            "Give each value its column.",
        )  # fmt: skip
    if bool(teaching) != bool(recipe.net.values):
        what = "nothing in train.losses teaches them" if recipe.net.values else f"train.losses has {teaching[0]!r} for none"
        raise RecipeError(
            "bad_value", f"net.values: received {recipe.net.values}, and {what}.",
            "Set train.losses = {cross_entropy = 1.0, smooth_l1 = 1.0}, or leave values out.",
        )  # fmt: skip


def value_errors(predicted: Sequence[Mapping[str, float] | None], truths: Sequence[tuple[float, ...]]) -> dict[str, Metric]:
    """ "mae_NAME": mean absolute error of each value in its own unit, interval by bootstrap of the pictures. Empty without values."""
    if not predicted or predicted[0] is None or len(truths) != len(predicted) or not truths[0]:
        return {}
    rows = [row for row in predicted if row is not None]
    rng = generator(0, "bootstrap values")
    draws = rng.integers(0, len(rows), (RESAMPLES, len(rows)))
    found = {}
    for column, name in enumerate(rows[0]):
        misses = np.abs(np.array([row[name] for row in rows]) - np.array([truth[column] for truth in truths]))
        low, high = np.quantile(misses[draws].mean(axis=1), [0.025, 0.975])
        found[f"mae_{name}"] = Metric(
            float(misses.mean()), float(low), float(high), len(rows), f"mean absolute error of {name}, bootstrap over pictures"
        )
    return found
