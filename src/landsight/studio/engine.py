"""A trained network as an Engine: the same road from picture to answer as ONNX Runtime and OpenVINO, for evaluation and the export check."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landsight.bundle.manifest import Manifest
from landsight.errors import DataError, RuntimeUnavailable
from landsight.runtime.engine import Outputs
from landsight.runtime.pieces import joined, pieces
from landsight.studio.nets import table
from landsight.studio.nets.net import OUTPUTS, StagedNet
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.tasks.task import Task
from landsight.studio.train.checkpoint import fitting, load_checkpoint, require_finite, saved_recipe

#: Beside a checkpoint: what its outputs mean, as in a bundle's manifest.calibration.
CALIBRATION_NAME = "calibration.json"


class TorchEngine:
    """Runs a network in float32 on the processor, in evaluation mode. Works on a copy: the network given may go on training.

    Like the other engines it runs a batch in small pieces (runtime.pieces): two thirds of the time of 32 pictures at once (EfficientNet-Lite0,
    192 px: 24 against 36 ms of a core each), and a picture's answer hardly depends on which others come with it.
    """

    def __init__(self, net: StagedNet, weights: Mapping[str, Tensor] | None = None) -> None:
        self._net = copy.deepcopy(net).to("cpu").float().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if weights is not None:
            self._net.load_state_dict(dict(weights))
        self._net.eval()

    @property
    def name(self) -> str:
        """Runtime and precision."""
        return "torch fp32"

    @property
    def output_names(self) -> tuple[str, ...]:
        """As in the bundle."""
        names: tuple[str, ...] = self._net.output_names
        return names

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Outputs:
        """See runtime.engine.Engine."""
        if unknown := set(wants) - set(self.output_names):
            raise RuntimeUnavailable(
                "unknown_output", f"The network has no output {sorted(unknown)[0]!r}.", f"Outputs: {', '.join(self.output_names)}."
            )
        with torch.inference_mode():
            rows = [self._run(piece, wants) for piece in pieces(batch_nchw)]
        return joined(wants, rows)

    def _run(self, piece_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> list[NDArray[np.float32]]:
        image = torch.from_numpy(np.ascontiguousarray(piece_nchw)).to(memory_format=torch.channels_last)
        outputs = self._net(image)
        return [outputs[name].contiguous().numpy() for name in wants]


class RoundedEngine(TorchEngine):
    """The same network as a processor with bfloat16 computes it: weights and what each layer hands on are rounded to bf16, sums are fp32.

    For checking that precision on a machine that lacks it. A runtime fuses layers and so rounds less often.
    """

    def __init__(self, net: StagedNet) -> None:
        super().__init__(net)
        for module in self._net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.data.copy_(_rounded(module.weight.data))
                module.register_forward_pre_hook(lambda _, inputs: tuple(_rounded(x) for x in inputs))
            module.register_forward_hook(lambda _module, _inputs, output: _rounded(output) if isinstance(output, Tensor) else output)

    @property
    def name(self) -> str:
        """Runtime and precision."""
        return "torch rounded to bf16"


def _rounded(x: Tensor) -> Tensor:
    return x.to(torch.bfloat16).to(x.dtype)


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished network with all that is needed to ask it: recipe, task, weights, and the checkpoint's own account of itself."""

    recipe: Recipe
    task: Task
    net: StagedNet
    state: dict[str, Any]
    calibration: dict[str, Any] = field(default_factory=dict)

    def engine(self) -> TorchEngine:
        """For evaluation and the export check."""
        return TorchEngine(self.net)

    def manifest(self) -> Manifest:
        """What a decoder needs to know; export fills in the rest."""
        return replace(manifest_of(self.recipe, self.task), calibration=dict(self.calibration))


def manifest_of(recipe: Recipe, task: Task) -> Manifest:
    """A manifest without files, places or decision: enough for the answer module. Outputs are named, their shapes are not known yet."""
    names = (*OUTPUTS, *(("values",) if recipe.net.values else ()))
    return Manifest(
        name=recipe.export.name, task=task.name, made="", input=recipe.input, outputs={name: ["n"] for name in names}, labels=task.labels,
        precisions={}, calibration=task.constants(),
    )  # fmt: skip


def open_run(run: Path, which: str = "best") -> Trained:
    """The network of a run folder: "best" (averaged weights that scored highest in validation) or "last" (averaged weights of the last step).

    Raises: DataError when there is no such checkpoint, or it is damaged.
    """
    checkpoint = load_checkpoint(run / which)
    recipe = saved_recipe(checkpoint.state)
    with fitting(run / which):
        task: Task = resolve(TASKS, recipe.task, "task").from_state(recipe, checkpoint.state["task"])
        bare = replace(recipe.net, pretrained=False)
        net = table.build(bare, len(task.labels), recipe.input)
        weights = checkpoint.part("ema.") or checkpoint.part("net.")
        require_finite(weights)
        net.load_state_dict(weights)
    net.hold(0)  # nothing of a finished network is frozen: explanations differentiate through all of it
    net.eval()
    return Trained(recipe, task, net, checkpoint.state, {**task.constants(), **read_calibration(run / which)})


def read_calibration(folder: Path) -> dict[str, Any]:
    """What studio.calibrate wrote beside a checkpoint; empty when there is none. Raises: DataError for a damaged file."""
    path = folder / CALIBRATION_NAME
    if not path.is_file():
        return {}
    try:
        learnt: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError("bad_checkpoint", f"{path} is not JSON: {error}.", "Remove it; evaluation then does without.") from None
    if not isinstance(learnt, dict):
        raise DataError("bad_checkpoint", f"{path} holds no table of settings.", "Remove it; evaluation then does without.")
    return learnt
