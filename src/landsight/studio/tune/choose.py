"""How the next trial is chosen and a hopeless one is ended: Optuna's samplers and pruners by name, drawn from addresses."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from landsight.studio.random import generator, torch_seed
from landsight.studio.resolve import resolve
from landsight.studio.tune.plan import StudyPlan

#: Trial attribute that Optuna gives to a repetition: the number of the first try.
FIRST_TRY = "failed_trial"
#: Name of a sampler -> function (plan, number of the draw) -> BaseSampler.
SAMPLERS: dict[str, str] = {
    "tpe": "landsight.studio.tune.choose:tpe",
    "gp": "landsight.studio.tune.choose:gp",
    "random": "landsight.studio.tune.choose:uniform",
    "grid": "landsight.studio.tune.choose:Grid",
}
#: Name of a pruner -> function (epochs of a trial) -> BasePruner.
PRUNERS: dict[str, str] = {
    "median": "landsight.studio.tune.choose:median",
    "hyperband": "landsight.studio.tune.choose:hyperband",
    "halving": "landsight.studio.tune.choose:halving",
    "none": "landsight.studio.tune.choose:never",
}
#: Trials before TPE and the Gaussian process begin to learn, and before the median says anything.
STARTUP_TRIALS, STARTUP_PRUNING = 10, 4


class Addressed(BaseSampler):
    """A sampler made anew for each trial, from the address (seed of the study, number of the draw).

    What a draw gives follows from that and from the trials before it, never from how often the search was interrupted, or which worker asks.
    (A sampler with one seed would begin again with its first draws after each restart.)
    """

    def __init__(self, plan: StudyPlan) -> None:
        self._plan = plan
        self._make: Callable[[StudyPlan, int], BaseSampler] = resolve(SAMPLERS, plan.sampler, "sampler")
        self._inner: dict[int, BaseSampler] = {}

    def reseed_rng(self) -> None:
        """Nothing to do: there is no stream."""

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """See BaseSampler."""
        self._of(study, trial).before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See BaseSampler."""
        return self._of(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """See BaseSampler."""
        with quiet_experimental():
            return self._of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """See BaseSampler."""
        return self._of(study, trial).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """See BaseSampler."""
        self._of(study, trial).after_trial(study, trial, state, values)
        self._inner.pop(trial.number, None)

    def _of(self, study: optuna.Study, trial: FrozenTrial) -> BaseSampler:
        if trial.number not in self._inner:
            # All trials: Hyperband hands out a study that shows one bracket alone.
            trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
            with quiet_experimental():
                self._inner[trial.number] = self._make(self._plan, draw_of(trial, trials))
        return self._inner[trial.number]


def draw_of(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """The number of a trial's draw: trials are counted without those that repeat an earlier one; a repetition has the draw of the first try."""
    first = int(trial.system_attrs.get(FIRST_TRY, trial.number))
    return first - sum(t.number < first and FIRST_TRY in t.system_attrs for t in trials)


def pruner_of(plan: StudyPlan) -> BasePruner:
    """Raises: RecipeError for an unknown name."""
    made: BasePruner = resolve(PRUNERS, plan.pruner, "pruner")(plan.recipe.epochs)
    return made


def tpe(plan: StudyPlan, draw: int) -> BaseSampler:
    """Tree-structured Parzen estimator over all keys together; running trials count as poor, so that workers do not crowd.

    Source: J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011.
    """
    return TPESampler(seed=_seed(plan, draw), multivariate=True, constant_liar=True, n_startup_trials=STARTUP_TRIALS)


def gp(plan: StudyPlan, draw: int) -> BaseSampler:
    """Gaussian process with expected improvement, for few, costly trials; figures are taken for noisy."""
    return GPSampler(seed=_seed(plan, draw), n_startup_trials=STARTUP_TRIALS, deterministic_objective=False)


def uniform(plan: StudyPlan, draw: int) -> BaseSampler:
    """Independent draws. Better than a grid when few keys matter: J. Bergstra, Y. Bengio, JMLR 13 (2012)."""
    return RandomSampler(seed=_seed(plan, draw))


class Grid(BaseSampler):
    """Every combination once, in an order shuffled by the study's seed, so that a part of a grid is spread over all of it.

    Optuna's own may give a combination to two workers at once, and counts one that was broken off as done; here the draw is the combination.
    """

    def __init__(self, plan: StudyPlan, draw: int) -> None:
        order = generator(plan.seed, "grid").permutation(grid_size(plan))
        number = int(order[draw % len(order)])
        self._values: dict[str, Any] = {}
        for dimension in plan.space:
            values = dimension.grid()
            number, which = divmod(number, len(values))
            self._values[dimension.key] = values[which]

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """See BaseSampler."""
        return {}

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """See BaseSampler."""
        return {}

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """See BaseSampler."""
        return self._values[param_name]


def _seed(plan: StudyPlan, draw: int) -> int:
    return torch_seed(plan.seed, "tune", draw) % (1 << 32)


def grid_size(plan: StudyPlan) -> int:
    """Combinations of a grid."""
    size = 1
    for dimension in plan.space:
        size *= len(dimension.grid())
    return size


def median(epochs: int) -> BasePruner:
    """Ends a trial whose best look so far is below the median of the others' at the same epoch; the first quarter of a trial is safe."""
    return MedianPruner(n_startup_trials=STARTUP_PRUNING, n_warmup_steps=epochs // 4)


def hyperband(epochs: int) -> BasePruner:
    """Source: L. Li et al., "Hyperband", JMLR 18 (2018). Several brackets of successive halving, from bold to none."""
    return HyperbandPruner(min_resource=1, max_resource=max(1, epochs), reduction_factor=3)


def halving(epochs: int) -> BasePruner:
    """Only the best third goes on after 1, 3, 9 ... looks (asynchronous: nobody waits). Source: L. Li et al., ASHA, MLSys 2020."""
    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)


def never(epochs: int) -> BasePruner:
    """Every trial is trained to its end."""
    return NopPruner()


@contextmanager
def quiet_experimental() -> Iterator[None]:
    """Without the warnings by which Optuna calls some of its long-standing parts experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
