"""What mattered: how much of the spread between trials each key explains, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from landsight.studio.random import generator
from landsight.studio.tune.choose import quiet_experimental

#: Fewer finished trials say nothing about what mattered.
FEWEST = 6
#: Draws of trials for the interval.
RESAMPLES = 12
_TREES = 24


@dataclass(frozen=True, slots=True)
class Importance:
    """Share of the variance that a key alone explains by fANOVA, with the 90 % range over draws of the trials; ``ped``: PED-ANOVA's share.

    PED-ANOVA asks something else: how far the best tenth of the trials differs from all in this key.
    """

    key: str
    share: float
    low: float
    high: float
    ped: float


def importances(trials: Sequence[FrozenTrial]) -> list[Importance]:
    """Of each key, most important first; empty for fewer than FEWEST finished trials, or when all scored the same.

    Source: F. Hutter et al., "An Efficient Approach for Assessing Hyperparameter Importance" (fANOVA), ICML 2014; S. Watanabe et al.,
    "PED-ANOVA", IJCAI 2023. The range is a bootstrap over trials: with few of them it is wide, and that is the truth.
    """
    if len(trials) < FEWEST or len({t.value for t in trials}) < 2:
        return []
    keys = [key for key in trials[0].params if len({t.params[key] for t in trials}) > 1]
    if not keys:
        return []
    central = _fanova(trials, keys)
    draws = [_fanova(drawn, keys) for drawn in _redrawn(trials, keys)]
    ped = _ped(trials, keys)
    found = []
    for key in keys:
        low, high = np.quantile([draw[key] for draw in draws] or [central[key]], [0.05, 0.95])
        found.append(Importance(key, central[key], float(low), float(high), ped.get(key, 0.0)))
    return sorted(found, key=lambda i: -i.share)


def _redrawn(trials: Sequence[FrozenTrial], keys: Sequence[str]) -> list[list[FrozenTrial]]:
    """Trials drawn with replacement; draws in which a key or the figure does not vary are left out, since they say nothing."""
    drawn = []
    for number in range(RESAMPLES):
        rows = generator(0, "importance", item=number).integers(0, len(trials), len(trials))
        picked = [trials[i] for i in rows]
        if len({t.value for t in picked}) > 1 and all(len({t.params[k] for t in picked}) > 1 for k in keys):
            drawn.append(picked)
    return drawn


def _fanova(trials: Sequence[FrozenTrial], keys: Sequence[str]) -> dict[str, float]:
    return get_param_importances(_study_of(trials), evaluator=FanovaImportanceEvaluator(n_trees=_TREES, seed=0), params=list(keys))


def _ped(trials: Sequence[FrozenTrial], keys: Sequence[str]) -> dict[str, float]:
    with quiet_experimental():
        return get_param_importances(_study_of(trials), evaluator=PedAnovaImportanceEvaluator(), params=list(keys))


def _study_of(trials: Sequence[FrozenTrial]) -> optuna.Study:
    """In memory, numbered anew."""
    study = optuna.create_study(direction="maximize")
    study.add_trials([optuna.create_trial(value=t.value, params=t.params, distributions=t.distributions) for t in trials])
    return study
