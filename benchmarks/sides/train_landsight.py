"""landsight's own training, by its public road: ``train(recipe, out)`` into an empty folder, so that decoding into the cache is counted.

python train_landsight.py --recipe R.toml --out DIR [--set KEY=VALUE]

Prints the clock as JSON. Checkpoints and looks between epochs are made as always, but not counted, as on no side.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from training_clock import Clock

from landsight.studio import recipe as recipes
from landsight.studio.train.loop import Event, Trainer
from landsight.studio.train.run import train


class Timed:
    """Listener that tells the clock of each epoch. It is called after the keeper, which saves."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.START:
            self.clock.epoch_begins()
        elif event is Event.STEP:
            self.clock.step_ends()
            if trainer.step % trainer.plan.per_epoch == 0:
                self.clock.epoch_ends()
        elif event is Event.EPOCH:
            self.clock.epoch_begins()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    recipe = recipes.load(given.recipe, given.set)
    clock = Clock(recipe.train.batch)
    train(recipe, given.out, listeners=(Timed(clock),), say=lambda line: print(line, file=sys.stderr))
    print(json.dumps(clock.to_dict()))


if __name__ == "__main__":
    main()
