"""A study as it stands, for plots, tables and best.toml: the trials and what they were drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState

from landsight.studio.tune.plan import StudyPlan
from landsight.studio.tune.space import Space
from landsight.studio.tune.trial import COLUMN


@dataclass(frozen=True, slots=True)
class Results:
    """``trials`` in the order of their numbers, ``goal``: how many there shall be."""

    name: str
    plan: StudyPlan
    trials: tuple[FrozenTrial, ...]
    goal: int

    @property
    def space(self) -> Space:
        """What could vary."""
        return self.plan.space

    @property
    def complete(self) -> list[FrozenTrial]:
        """Trained to the end."""
        return [t for t in self.trials if t.state is TrialState.COMPLETE]

    @property
    def pruned(self) -> list[FrozenTrial]:
        """Ended early, or impossible to train."""
        return [t for t in self.trials if t.state is TrialState.PRUNED]

    @property
    def best(self) -> FrozenTrial | None:
        """The highest figure, the earliest of equals; None while nothing is finished."""
        return max(self.complete, key=lambda t: (figure_of(t) or 0.0, -t.number), default=None)

    @property
    def what(self) -> str:
        """The figure's name for people: "validation top1"."""
        return next((str(t.user_attrs[COLUMN]).replace("_", " ") for t in self.trials if COLUMN in t.user_attrs), "figure")


def results_of(study: optuna.Study, plan: StudyPlan, goal: int) -> Results:
    """Read the study now."""
    return Results(study.study_name, plan, tuple(study.get_trials(deepcopy=False)), goal)


def figure_of(trial: FrozenTrial) -> float | None:
    """A trial's figure: of one that was ended early its last look; None when there was none."""
    looks = trial.intermediate_values
    return trial.value if trial.state is TrialState.COMPLETE else looks[max(looks)] if looks else None
