"""Which sizes a network takes, found without computing anything: shapes run through it on torch's meta device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from landsight.errors import RecipeError

#: Channels, height, width.
Shape = tuple[int, int, int]
#: A network that refuses even this side (of photo.prepare's limit) does not refuse because of the size.
_LARGEST_PX = 4096
#: So far are sizes tried one by one.
_LARGEST_FLAT_PX = 512


@dataclass
class _Path:
    """Modules that a forward pass is in, outermost first, each with the shape that reached it."""

    inside: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)


def check_input(net: nn.Module, shape: Shape) -> None:
    """Can ``net`` take pictures of (channels, height, width)?

    Raises: RecipeError that names the layer which cannot, the size that reached it, and the smallest square input that works.
    """
    output_shape(net, shape)


def output_shape(net: nn.Module, shape: Shape) -> tuple[int, ...]:
    """Shape of what ``net`` makes of one picture, of its feature map if it has named outputs; without the batch axis.

    Raises: as ``check_input``.
    """
    path = _Path()
    try:
        return _run(net, shape, path)
    except RuntimeError as error:
        raise _impossible(net, shape, path, str(error)) from None


def smallest_side(net: nn.Module, channels: int) -> int | None:
    """The least s for which a picture of s x s pixels goes through; None when no size does.

    A larger one than one that works works too, except before a linear layer on a map laid flat: that takes one size, so each is tried.
    """
    path = _Path()
    try:
        _run(net, (channels, _LARGEST_PX, _LARGEST_PX), path)
    except RuntimeError:
        is_flat = bool(path.inside) and isinstance(net.get_submodule(path.inside[-1][0]), nn.Linear)
        return next((side for side in range(1, _LARGEST_FLAT_PX) if _takes(net, (channels, side, side))), None) if is_flat else None
    low, high = 0, _LARGEST_PX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _takes(net, (channels, middle, middle)) else (middle, high)
    return high


def _takes(net: nn.Module, shape: Shape) -> bool:
    try:
        _run(net, shape, _Path())
    except RuntimeError:
        return False
    return True


def _run(net: nn.Module, shape: Shape, path: _Path) -> tuple[int, ...]:
    """A forward pass of shapes alone: weights stand in on the meta device, so neither memory nor arithmetic is spent."""
    state = {
        name: torch.empty_like(t, device="meta") for group in (net.named_parameters(), net.named_buffers()) for name, t in group
    }  # fmt: skip
    with _followed(net, path), _evaluating(net), torch.no_grad():
        out = functional_call(net, state, (torch.empty(1, *shape, device="meta"),))
    made: Tensor = out["feature_map"] if isinstance(out, dict) else out
    return tuple(made.shape[1:])


@contextmanager
def _followed(net: nn.Module, path: _Path) -> Iterator[None]:
    """Keeps ``path`` up to date while modules run; what is left in it after an error is where the error was."""

    def enter(name: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        return lambda _, inputs: path.inside.append((name, tuple(inputs[0].shape) if isinstance(inputs[0], Tensor) else ()))

    def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
        path.inside.pop()

    handles = []
    for name, module in net.named_modules():
        handles += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode, and every module's own mode again afterwards."""
    training = [module for module in net.modules() if module.training]
    net.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def _impossible(net: nn.Module, shape: Shape, path: _Path, why: str) -> RecipeError:
    name, reached = path.inside[-1] if path.inside else ("", (1, *shape))
    layer = dict(net.named_modules())[name]
    if isinstance(layer, nn.Conv2d) and reached[1:2] != (layer.in_channels,):
        return RecipeError(
            "impossible_size", f"Layer {name} cannot take {_size(reached[1:])}: it wants {layer.in_channels} channels.",
            "Give pictures of that many channels.",
        )  # fmt: skip
    smallest = smallest_side(net, shape[0])
    if smallest is None:
        return RecipeError(
            "impossible_size", f"Layer {name or 'input'} cannot take {_size(reached[1:])}: {why.splitlines()[0]}.",
            "No size of input works: look at channels and padding.",
        )  # fmt: skip
    return RecipeError(
        "impossible_size",
        f"Layer {name or 'input'} cannot take {_size(reached[1:])}, which is what is left of an input of {_size(shape)}.",
        f"The smallest input that works is {_size((shape[0], smallest, smallest))}.",
    )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
