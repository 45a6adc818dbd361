"""timm's train.py for one recipe, by timm's own functions: its dataset, loader, transforms, network, optimiser and loss, in its order.

python train_timm.py --data DIR --batch 32 --epochs 2 --workers 2

As ``train.py DIR --model resnet18 --device cpu --amp --amp-dtype bfloat16 --channels-last --use-multi-epochs-loader -j WORKERS``, the rest
as it comes. ``--amp`` is left out where the processor computes bf16 more slowly than fp32 (AVX2 alone: nine times as slowly), which two steps
of either tell before the clock runs: its best flags are meant. Validation and checkpoints between epochs are left out, and not counted on
any side. Prints the clock as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from functools import partial
from typing import Any

import torch
from training_clock import Clock, declare_torchvision

declare_torchvision()

from timm.data import add_img_extensions, create_dataset, create_loader, resolve_data_config  # noqa: E402 - after the operators it needs
from timm.loss import LabelSmoothingCrossEntropy  # noqa: E402
from timm.models import create_model  # noqa: E402
from timm.optim import create_optimizer_v2  # noqa: E402
from timm.utils import AverageMeter, random_seed  # noqa: E402

#: Defaults of train.py.
_SCALE, _RATIO, _JITTER, _SMOOTHING = (0.08, 1.0), (3 / 4, 4 / 3), 0.4, 0.1
_RATE, _MOMENTUM, _DECAY, _SEED = 0.05, 0.9, 2e-5, 42


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    given = parser.parse_args()
    amp = bf16_is_faster(given.batch)
    clock = Clock(given.batch)
    random_seed(_SEED, 0)
    add_img_extensions(".webp")  # or it would leave out such pictures, and say nothing
    dataset = create_dataset("", root=given.data, split="train", is_training=True, batch_size=given.batch)
    model = create_model("resnet18", pretrained=False, num_classes=len(dataset.reader.class_to_idx))
    model.to(device="cpu").to(memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(model, opt="sgd", lr=_RATE, momentum=_MOMENTUM, weight_decay=_DECAY)
    loader = made_loader(dataset, model, given.batch, given.workers)
    loss_fn = LabelSmoothingCrossEntropy(smoothing=_SMOOTHING)
    for _ in range(given.epochs):
        train_one_epoch(model, loader, optimizer, loss_fn, clock, amp=amp)
    print(json.dumps({**clock.to_dict(), "bf16": amp}))


def bf16_is_faster(batch: int) -> bool:
    """Of a second step forwards and backwards each, on a quarter of a batch."""
    model = create_model("resnet18", pretrained=False, num_classes=2).to(memory_format=torch.channels_last).train()
    image = torch.zeros(max(1, batch // 4), 3, 224, 224).contiguous(memory_format=torch.channels_last)
    seconds = {}
    for amp in (False, True):
        for _ in range(2):
            began = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=amp):
                loss = model(image).float().square().mean()
            loss.backward()
            seconds[amp] = time.perf_counter() - began
    return seconds[True] < seconds[False]


def made_loader(dataset: Any, model: Any, batch: int, workers: int) -> Any:
    """What train.py asks create_loader for when nothing else is said."""
    config = resolve_data_config({}, model=model)
    return create_loader(
        dataset, input_size=config["input_size"], batch_size=batch, is_training=True, use_prefetcher=True, scale=_SCALE, ratio=_RATIO,
        hflip=0.5, color_jitter=_JITTER, interpolation="random", mean=config["mean"], std=config["std"], num_workers=workers,
        device=torch.device("cpu"), use_multi_epochs_loader=True,
    )  # fmt: skip


def train_one_epoch(model: Any, loader: Any, optimizer: Any, loss_fn: Any, clock: Clock, *, amp: bool) -> None:
    """One epoch as there: bf16 needs no loss scaler."""
    losses = AverageMeter()
    autocast = partial(torch.autocast, device_type="cpu", dtype=torch.bfloat16, enabled=amp)
    model.train()
    optimizer.zero_grad()
    clock.epoch_begins()
    for batch_image, target in loader:
        image = batch_image.contiguous(memory_format=torch.channels_last)
        with autocast():
            loss = loss_fn(model(image), target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.update(loss.item(), image.size(0))
        clock.step_ends()
    clock.epoch_ends()


if __name__ == "__main__":
    main()
