"""A network of torch, run once on tensors without memory (device "meta"): which layers ran, on what, and the steps between tensors.

Works on any ``nn.Module``, because it listens to the operations themselves (``__torch_dispatch__``): what a network does outside its
layers (adding a branch, padding, a mean) is seen like the layers. Nothing is computed, so that size costs nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from landsight.errors import RecipeError
from landsight.explain.receptive_field import Graph
from landsight.studio.nets.sizes import check_input
from landsight.studio.trace_steps import LAYOUT, STEPS, multiply_adds, operation


@dataclass(frozen=True, slots=True)
class Call:
    """A layer that ran, or an operation between layers. ``parameters``: its own, not those that an earlier call had.

    ``node``: its output in the graph (None: not made from the picture). ``bytes``: newly made by it, float32, all pictures of the batch.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    bytes: int
    node: int | None


@dataclass(frozen=True, slots=True)
class Trace:
    """``calls`` in the order of running; ``idle``: (name, kind, parameters) of layers that did not run; ``outputs``: name -> (shape, node);
    ``peak_bytes``: most that is alive at one time when each tensor is dropped after its last use."""

    calls: tuple[Call, ...]
    idle: tuple[tuple[str, str, int], ...]
    outputs: dict[str, tuple[tuple[int, ...], int | None]]
    graph: Graph
    peak_bytes: int


def trace(net: nn.Module, shape: Sequence[int]) -> Trace:
    """Run a copy of ``net``, as in use (evaluation mode), on a picture of ``shape`` (n, c, h, w).

    Raises: RecipeError when a layer cannot take what reached it: the layer, the size, and the smallest square picture that works.
    """
    shadow = copy.deepcopy(net).to("meta").eval()
    tracer = _Tracer(shadow, tuple(shape))
    try:
        with torch.inference_mode(), tracer:
            outputs = shadow(tracer.picture)
    except (RuntimeError, ValueError) as error:
        tracer.forget()
        check_input(net, (shape[1], shape[2], shape[3]))
        said = " ".join(str(error).split())[:200]
        raise RecipeError("bad_net", f"The network cannot be followed: {said}.", "Report it with the name of the net.") from None
    return tracer.finish(outputs)


@dataclass
class _Open:
    """A module that is running."""

    name: str
    module: nn.Module
    is_leaf: bool
    multiply_adds: int = 0
    bytes: int = 0


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation; knows by hooks which module it belongs to."""

    def __init__(self, net: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        with torch.inference_mode():
            self.picture = torch.empty(shape, device="meta")
        self.graph = Graph.of_picture(shape)
        self._net = net
        self._node: dict[int, int] = {id(self.picture): 0}
        self._kept: list[Tensor] = [self.picture]
        self._calls: list[Call] = []
        self._open: list[_Open] = []
        self._counted: set[int] = set()
        self._ran: set[str] = set()
        self._life: dict[int, list[int]] = {}
        self._clock = 0
        self._handles = [handle for name, module in net.named_modules() for handle in self._hooks(name, module)]

    def _hooks(self, name: str, module: nn.Module) -> list[Any]:
        is_leaf = next(module.children(), None) is None

        def enter(_: nn.Module, __: tuple[Any, ...]) -> None:
            self._open.append(_Open(name, module, is_leaf))

        def leave(_: nn.Module, __: object, output: object) -> None:
            self._leave(self._open.pop(), output)

        return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]

    def forget(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run an operation; a composite one without a step of its own is taken apart."""
        kwargs = kwargs or {}
        name = operation(func)
        if name not in STEPS and name not in LAYOUT:
            apart = func.decompose(*args, **kwargs)
            if apart is not NotImplemented:
                return apart
        output = func(*args, **kwargs)
        first = output[0] if isinstance(output, tuple | list) and output else output
        if isinstance(first, Tensor):
            self._note(name, args, kwargs, output)
        return output

    def _note(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        tensors = [x for x in _flat((*args, *kwargs.values())) if isinstance(x, Tensor)]
        self._clock += 1
        for tensor in tensors:
            self._life.get(_storage(tensor), [0, 0, 0])[1] = self._clock
        known = [t for t in tensors if id(t) in self._node]
        outputs = output if isinstance(output, tuple | list) else (output,)
        step: Callable[..., list[int]] = STEPS.get(name, STEPS["unknown"])
        if known:
            made = step(self.graph, self._node, args, kwargs, output)
            self._node.update({id(t): node for t, node in zip(outputs, made, strict=False)})
        self._kept.extend(t for t in outputs if isinstance(t, Tensor))
        new = sum(self._newly_made(t) for t in outputs[:1] if isinstance(t, Tensor)) if known else 0
        work = multiply_adds(name, args, outputs[0]) if known else 0
        if self._open and self._open[-1].is_leaf:
            self._open[-1].multiply_adds += work
            self._open[-1].bytes += new
        elif known and id(outputs[0]) in self._node:
            path = self._open[-1].name if self._open else ""
            kind = name.rstrip("_")
            self._calls.append(Call(f"{path}.{kind}".lstrip("."), kind, tuple(outputs[0].shape), 0, work, new, self._node[id(outputs[0])]))

    def _newly_made(self, tensor: Tensor) -> int:
        key = _storage(tensor)
        if key in self._life:
            return 0
        size = tensor.numel() * 4
        self._life[key] = [self._clock, self._clock, size]
        return size

    def _leave(self, opened: _Open, output: object) -> None:
        self._ran.add(opened.name)
        own = self._own_parameters(opened.module)
        if not opened.is_leaf and not own:
            return
        if isinstance(opened.module, nn.Identity):
            return
        tensor = next((x for x in _flat((output,)) if isinstance(x, Tensor)), None) if opened.is_leaf else None
        shape = tuple(tensor.shape) if tensor is not None else ()
        node = self._node.get(id(tensor)) if tensor is not None else None
        self._calls.append(Call(opened.name or "net", type(opened.module).__name__, shape, own, opened.multiply_adds, opened.bytes, node))

    def _own_parameters(self, module: nn.Module) -> int:
        """Of this module alone, each counted once."""
        fresh = [p for p in module.parameters(recurse=False) if id(p) not in self._counted]
        self._counted.update(map(id, fresh))
        return sum(p.numel() for p in fresh)

    def finish(self, outputs: object) -> Trace:
        """What was seen."""
        self.forget()
        idle = []
        for name, module in self._net.named_modules():
            own = self._own_parameters(module)
            if own:
                idle.append((name, type(module).__name__, own))
        named = outputs if isinstance(outputs, dict) else {"output": next(x for x in _flat((outputs,)) if isinstance(x, Tensor))}
        ends = {name: (tuple(t.shape), self._node.get(id(t))) for name, t in named.items() if isinstance(t, Tensor)}
        for tensor in named.values():
            if isinstance(tensor, Tensor) and _storage(tensor) in self._life:
                self._life[_storage(tensor)][1] = self._clock
        return Trace(tuple(self._calls), tuple(idle), ends, self.graph, _peak(list(self._life.values()), self.picture.numel() * 4))


def _peak(lives: list[list[int]], picture: int) -> int:
    """Most bytes alive at once; the picture itself stays with who gave it."""
    change: dict[int, int] = {}
    for born, died, size in lives:
        change[born] = change.get(born, 0) + size
        change[died + 1] = change.get(died + 1, 0) - size
    alive = most = 0
    for moment in sorted(change):
        alive += change[moment]
        most = max(most, alive)
    return most + picture


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _flat(values: Sequence[Any]) -> list[Any]:
    """Lists, tuples and dicts opened."""
    found: list[Any] = []
    for value in values:
        if isinstance(value, tuple | list):
            found.extend(_flat(value))
        elif isinstance(value, dict):
            found.extend(_flat(tuple(value.values())))
        else:
            found.append(value)
    return found
