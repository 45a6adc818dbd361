"""fastai's defaults: ImageDataLoaders from folders, a random crop and its usual augmentations, vision_learner of ResNet-18, one cycle, fp32.

python train_fastai.py --data DIR --batch 32 --epochs 2

From scratch, so that nothing is frozen. Validation between epochs is left out, and not counted on any side. Prints the clock as JSON.
"""

from __future__ import annotations

import argparse
import json

from training_clock import Clock, declare_torchvision

declare_torchvision()

from fastai.callback.core import Callback  # noqa: E402 - after the operators it needs
from fastai.callback.schedule import fit_one_cycle  # noqa: E402, F401 - a method that this import gives the learner
from fastai.torch_core import set_seed  # noqa: E402
from fastai.vision.augment import RandomResizedCrop, aug_transforms  # noqa: E402
from fastai.vision.data import ImageDataLoaders  # noqa: E402
from fastai.vision.learner import vision_learner  # noqa: E402
from torchvision.models import resnet18  # noqa: E402


class Timed(Callback):
    """Tells the clock of each training epoch."""

    order = 1000

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def before_train(self) -> None:
        """Before the loader is asked for its first batch."""
        self.clock.epoch_begins()

    def after_batch(self) -> None:
        """Validation has batches too."""
        if self.training:
            self.clock.step_ends()

    def after_train(self) -> None:
        """Before validation."""
        self.clock.epoch_ends()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    given = parser.parse_args()
    clock = Clock(given.batch)
    set_seed(42)
    loaders = ImageDataLoaders.from_folder(
        given.data, train="train", valid="validation", bs=given.batch, item_tfms=RandomResizedCrop(224), batch_tfms=aug_transforms()
    )
    learner = vision_learner(loaders, resnet18, pretrained=False, cbs=Timed(clock))
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(given.epochs)
    print(json.dumps(clock.to_dict()))


if __name__ == "__main__":
    main()
