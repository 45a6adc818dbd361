"""Training without epochs: the body stays as it is, its embeddings are computed once, and the head is fitted to them to the end.

The head's problem is convex (the task's own loss, plus a penalty on the squares of the weights), so L-BFGS finds the one answer in
seconds. How strong the penalty is, validation decides. Source: linear probing, as in Kornblith et al. 2019, "Do Better ImageNet Models
Transfer Better?" (arXiv 1805.08974), where it is multinomial logistic regression by L-BFGS with the penalty chosen on validation.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landsight.photo.prepare import Preparation
from landsight.runtime.engine import Engine
from landsight.runtime.onnxruntime import OnnxRuntimeEngine
from landsight.studio.collect import collect_outputs
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.nets.net import StagedNet
from landsight.studio.onnx_export import write_fp32
from landsight.studio.tasks.task import Task
from landsight.studio.train.prepare import Prepared, Say

#: Embeddings are scaled to this mean length, so that one row of penalties does for every network.
LENGTH: Final = 20.0
#: Cost of the squares of the weights, the strongest first: each fit starts from the one before it.
PENALTIES: Final = (3e-4, 1e-4, 3e-5, 1e-5, 3e-6)
_ITERATIONS: Final = 100

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """``weight`` (k, d), ``bias`` (k,); ``penalty`` was chosen, ``loss`` is that of the validation pictures under each penalty."""

    weight: Tensor
    bias: Tensor
    penalty: float
    loss: dict[float, float]


@dataclass(frozen=True, slots=True)
class Embedded:
    """``rows`` (n, d) and the targets of the same n pictures, stacked."""

    rows: Tensor
    targets: dict[str, Tensor]


def body_engine(net: StagedNet, preparation: Preparation) -> Engine:
    """The network in ONNX Runtime: two to three times as fast as torch on processors, with the same numbers to 1e-4."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "body.onnx"
        write_fp32(net, preparation, path, opset=18)
        return OnnxRuntimeEngine(path.read_bytes())


def embed(engine: Engine, samples: Samples, task: Task, preparation: Preparation) -> Embedded:
    """Every readable picture through the network, by the road that evaluation takes."""
    found = collect_outputs(engine, samples.items, preparation, ("embedding",), on_error=lambda number, error: None)
    kept = [samples.items[int(i)] for i in found["index"]]
    return Embedded(torch.from_numpy(np.asarray(found["embedding"], np.float32)), stacked(task, kept))


def stacked(task: Task, samples: list[Sample]) -> dict[str, Tensor]:
    """The targets of pictures that are shown as they are."""
    rows = [task.targets(sample) for sample in samples]
    return {name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]} if rows else {}


def fit_head(task: Task, train: Embedded, validation: Embedded, weights: Mapping[str, float]) -> Head:
    """Fit under each penalty; keep the one whose loss on validation is least (without validation pictures: the middle one).

    ``weights``: of the loss terms, as recipe.train.losses. Shape: logits are (n, len(task.labels)).
    """
    centre = train.rows.mean(0)
    scale = LENGTH / float((train.rows - centre).norm(dim=1).mean().clamp_min(1e-12))
    seen, held = (Embedded((part.rows - centre) * scale, part.targets) for part in (train, validation))
    weight = torch.zeros(len(task.labels), train.rows.shape[1], requires_grad=True)
    bias = torch.zeros(len(task.labels), requires_grad=True)
    found: dict[float, tuple[Tensor, Tensor]] = {}
    losses: dict[float, float] = {}
    for penalty in PENALTIES:
        _minimise(weight, bias, partial(_penalised, task, seen, weight, bias, weights=weights, penalty=penalty))
        found[penalty] = weight.detach().clone(), bias.detach().clone()
        with torch.no_grad():
            losses[penalty] = float(_loss(task, held, weight, bias, weights)) if len(held.rows) else 0.0
    best = min(losses, key=lambda p: losses[p]) if len(held.rows) else PENALTIES[len(PENALTIES) // 2]
    w, b = found[best]
    return Head(w * scale, b - (w * scale) @ centre, best, losses)


def _loss(task: Task, part: Embedded, weight: Tensor, bias: Tensor, weights: Mapping[str, float]) -> Tensor:
    terms = task.losses({"logits": part.rows @ weight.T + bias}, part.targets)
    return torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()


def _penalised(task: Task, part: Embedded, weight: Tensor, bias: Tensor, *, weights: Mapping[str, float], penalty: float) -> Tensor:
    return _loss(task, part, weight, bias, weights) + penalty * weight.square().sum()


def _minimise(weight: Tensor, bias: Tensor, loss_of: Callable[[], Tensor]) -> None:
    """L-BFGS (Liu & Nocedal 1989) with a line search that keeps the strong Wolfe conditions, from where the weights are."""
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-7, tolerance_change=1e-10
    )

    def closure() -> Tensor:
        solver.zero_grad()
        loss = loss_of()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]


def begin(prepared: Prepared, say: Say) -> Head:
    """Fit the head of a trainer's network, and of its average, to the training pictures as they are; both are changed in place."""
    began = time.monotonic()
    trainer, recipe = prepared.trainer, prepared.recipe
    engine = body_engine(trainer.net, recipe.input)
    seen, held = (
        embed(engine, part, prepared.task, recipe.input) for part in (prepared.checked.train, prepared.checked.subsets["validation"])
    )
    # The penalty keeps the head from being too sure already; smoothing beside it cost 1.8 points of the larger photos (docs/log.md).
    bare = replace(recipe, train=replace(recipe.train, label_smoothing=0.0))
    head = fit_head(prepared.task.from_state(bare, prepared.task.state()), seen, held, recipe.train.losses)
    put(trainer.net, head)
    if trainer.average is not None:
        trainer.average.load(trainer.net.state_dict())
    on_validation = f", loss on validation {head.loss[head.penalty]:.3f}" if len(held.rows) else ""
    say(f"head fitted to {len(seen.rows)} pictures in {time.monotonic() - began:.0f} s (penalty {head.penalty:g}{on_validation})")
    return head


def put(net: StagedNet, head: Head) -> None:
    """The fitted head into the network."""
    with torch.no_grad():
        net.head.weight.copy_(head.weight)
        net.head.bias.copy_(head.bias)
