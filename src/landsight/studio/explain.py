"""Explanations that need gradients: Grad-CAM and the effective receptive field of an answer, for any task, through ``Task.focus``.

Where Grad-CAM looks is found, not asked for: the last layer whose output is still a map, and on which the focus depends. It is found by
listening to what the network does, so that it may be a join of branches, which is no module of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from landsight.bundle.confused import Confused
from landsight.errors import UsageError
from landsight.explain.explainer import Explainer
from landsight.explain.source import METHODS, Source, light_methods
from landsight.photo.prepare import ImageU8, Preparation, normalise
from landsight.studio.effective_field import EffectiveField, measured, thaw
from landsight.studio.engine import Trained, open_run
from landsight.studio.evaluate import confused_of
from landsight.studio.export import head_arrays
from landsight.studio.random import generator
from landsight.studio.tasks.task import Task


@dataclass(frozen=True, slots=True)
class Looked:
    """A layer's output that is a map, (n, c, h, w), and the layer's name as ``landsight describe`` has it."""

    name: str
    output: Tensor


class _Listener(TorchFunctionMode):
    """Notes every map that a network makes of a picture, in order; knows by hooks which module is at work.

    Nothing is noted before a layer with weights has run: the picture itself, padded or resized, is no layer.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self._maps: dict[int, Looked] = {}
        self._open: list[str] = []
        self._has_begun = False
        self._handles = [handle for name, module in net.named_modules() for handle in self._hooks(name, module)]

    def maps(self) -> list[Looked]:
        """In the order of making; a tensor that was changed in place stands where it was changed last."""
        return list(self._maps.values())

    def forget(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run an operation and note what it made."""
        made = func(*args, **(kwargs or {}))
        if self._has_begun and isinstance(made, Tensor):
            kind = str(getattr(func, "__name__", "operation")).strip("_")
            self._note(".".join([*self._open[-1:], kind]).lstrip("."), made)
        return made

    def _hooks(self, name: str, module: nn.Module) -> list[Any]:
        is_leaf = next(module.children(), None) is None
        learns = next(module.parameters(recurse=False), None) is not None

        def enter(_: nn.Module, __: object) -> None:
            self._open.append(name)

        def leave(_: nn.Module, __: object, output: object) -> None:
            self._open.pop()
            self._has_begun |= learns
            if is_leaf and self._has_begun and isinstance(output, Tensor):
                self._note(name, output)

        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]

    def _note(self, name: str, made: Tensor) -> None:
        with torch._C.DisableTorchFunction():  # asking a tensor about itself is an operation, too
            if made.ndim == 4 and made.requires_grad and made.shape[2] * made.shape[3] > 1:
                self._maps.pop(id(made), None)
                self._maps[id(made)] = Looked(name, made)


class _Read(dict[str, Tensor]):
    """Outputs of a network that remember which of them were read."""

    def __init__(self, outputs: Mapping[str, Tensor]) -> None:
        super().__init__(outputs)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return super().__getitem__(name)


class Pass:
    """One picture through a network, kept with its graph, so that it can be asked about several subjects."""

    def __init__(self, net: nn.Module, task: Task, picture_nchw: NDArray[np.float32]) -> None:
        self._task = task
        self.picture = torch.from_numpy(np.ascontiguousarray(picture_nchw, np.float32)).requires_grad_(True)
        listener = _Listener(net)
        try:
            with torch.enable_grad(), listener:
                self.outputs: Mapping[str, Tensor] = net(self.picture)
        finally:
            listener.forget()
        self._maps = listener.maps()

    def focus(self, what: int) -> tuple[Tensor, set[str]]:
        """The scalar to differentiate, and which outputs it was made of."""
        outputs = _Read(self.outputs)
        with torch.enable_grad():
            return self._task.focus(outputs, what), outputs.read

    def target(self, what: int) -> tuple[Looked, Tensor]:
        """The last map on which the focus on ``what`` depends, and the gradient of the focus with respect to it, (n, c, h, w).

        An output that the focus reads is the answer itself, and no layer to look at. A layer whose gradient is 0 everywhere is passed over,
        unless all are. Raises: UsageError no_map when there is none.
        """
        score, read = self.focus(what)
        answers = [self.outputs[name] for name in read]
        dead: tuple[Looked, Tensor] | None = None
        for looked in reversed(self._maps):
            if any(looked.output is answer for answer in answers):
                continue
            (gradient,) = torch.autograd.grad(score, looked.output, retain_graph=True, allow_unused=True)
            if gradient is None:
                continue
            if bool(gradient.any()):
                return looked, gradient
            dead = dead or (looked, gradient)
        if dead is None:
            raise UsageError(
                "no_map", "The network has no map before its answer: every unit sees the whole picture.", "Use --method occlusion."
            )
        return dead

    def gradient(self, what: int) -> Tensor:
        """Of the focus with respect to the picture, (n, c, h, w)."""
        (found,) = torch.autograd.grad(self.focus(what)[0], self.picture, retain_graph=True)
        return found


def grad_cam(passed: Pass, what: int) -> tuple[NDArray[np.float32], str]:
    """Which part of the last map raises the focus on ``what``: its channels, each weighted by the mean of its gradient.

    Returns the map (h, w) with signs, in units of the focus over h x w, and the layer. Where the answer is linear in the mean of that map,
    this is the class-activation map over h x w. Source: Selvaraju et al. 2017, "Grad-CAM" (arXiv 1610.02391), equations 1 and 2; the cut
    at 0 of equation 2 is left to whoever draws.
    """
    looked, gradient = passed.target(what)
    weights = gradient.mean((2, 3), keepdim=True)
    return (weights * looked.output).sum(1)[0].detach().numpy(), looked.name


class GradCam:
    """An Explainer for a network of torch. Raises: UsageError no_map for one without a map, such as an mlp."""

    method = "gradcam"

    def __init__(self, net: nn.Module, task: Task, preparation: Preparation) -> None:
        self._net, self._task, self._preparation = detached(net), task, preparation
        self.layer = Pass(self._net, task, _noise(preparation)).target(0)[0].name

    @property
    def about(self) -> str:
        """See Explainer."""
        return f"Bright: this place raises the answer, by Grad-CAM on the layer {self.layer}."

    def maps(self, prepared_hwc_u8: ImageU8, whats: Sequence[int]) -> NDArray[np.float32]:
        """See Explainer. Cost: one run, and for each of ``whats`` the way back to the layer."""
        passed = Pass(self._net, self._task, normalise(prepared_hwc_u8[None], self._preparation))
        found = [grad_cam(passed, what) for what in whats]
        self.layer = found[0][1]
        return np.stack([signed for signed, _ in found])

    def remark(self, signed: NDArray[np.float32]) -> str:
        """See Explainer: nothing."""
        return ""


class Field:
    """An Explainer: the effective receptive field of an answer, which pixels move it and how much (Luo et al. 2016, arXiv 1701.04128)."""

    method = "field"
    about = "Bright: changing this pixel moves the answer, up or down (mean absolute gradient)."

    def __init__(self, net: nn.Module, task: Task, preparation: Preparation) -> None:
        self._net, self._task, self._preparation = detached(net), task, preparation

    def maps(self, prepared_hwc_u8: ImageU8, whats: Sequence[int]) -> NDArray[np.float32]:
        """See Explainer; never below 0: a gradient says how far the answer moves, and either way is moving. Cost: one run, each of ``whats`` one back."""
        passed = Pass(self._net, self._task, normalise(prepared_hwc_u8[None], self._preparation))
        return np.stack([passed.gradient(what)[0].abs().sum(0).numpy() for what in whats])

    def remark(self, signed: NDArray[np.float32]) -> str:
        """See Explainer: how large the field is."""
        found = around_its_middle(signed)
        return f"half of the heat lies within {found.side_50} px, 95 % within {found.side_95} px" if found.size else "no gradient arrives"


def around_its_middle(heat: NDArray[np.float32]) -> EffectiveField:
    """Sizes of a field of an answer, which has no unit in the middle: squares around its centre of mass."""
    total = float(heat.sum())
    rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
    middle = (float((rows * heat).sum()) / total, float((columns * heat).sum()) / total) if total > 0 else (0.0, 0.0)
    return measured(heat.astype(np.float64), middle)


def detached(net: nn.Module) -> nn.Module:
    """A copy to look into: on the processor, in float32, as in use, with weights that want no gradients and nothing frozen."""
    shadow = copy.deepcopy(net).to("cpu").float().eval().requires_grad_(False)
    thaw(shadow)
    return shadow


def of_run(run: Path, which: str = "best") -> Source:
    """A checkpoint of a run folder, with every method. Raises: DataError."""
    return of_trained(open_run(run, which), confused_of(run, which))


def of_trained(trained: Trained, confused: Confused | None = None) -> Source:
    """The same for a network in memory."""
    engine, p = trained.engine(), trained.recipe.input
    shapes = engine.run(_noise(p), engine.output_names)
    manifest = replace(trained.manifest(), outputs={name: ["n", *array.shape[1:]] for name, array in shapes.items()})
    arrays = head_arrays(trained)
    gradients: dict[str, Callable[[], Explainer]] = {
        "gradcam": lambda: GradCam(trained.net, trained.task, p), "field": lambda: Field(trained.net, trained.task, p)
    }  # fmt: skip
    methods = {**light_methods(engine, manifest, arrays), **gradients}
    return Source(engine, manifest, arrays, confused, {name: methods[name] for name in METHODS})


def _noise(p: Preparation) -> NDArray[np.float32]:
    channels = 3 if p.colour == "RGB" else 1
    return generator(0, "explain").standard_normal((1, channels, p.height, p.width), np.float32)
