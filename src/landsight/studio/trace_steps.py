"""Operations of torch (aten) as steps: how each moves positions, and how many multiply-adds it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from landsight.explain.receptive_field import Graph
from landsight.explain.steps import Bins, Concatenate, Enlarge, Everything, Join, Mix, Pad, Permute, Reshape, Slice, Step, Window

#: id of a tensor -> its node.
Nodes = dict[int, int]
Adder = Callable[[Graph, Nodes, tuple[Any, ...], dict[str, Any], Any], list[int]]

#: Operations that only look at the same numbers in another way.
LAYOUT = frozenset({"view", "reshape", "flatten", "unflatten", "_unsafe_view", "_reshape_alias", "squeeze", "unsqueeze", "contiguous", "clone", "detach", "alias", "to", "dropout", "feature_dropout", "expand"})  # fmt: skip


def operation(func: Any) -> str:
    """aten.conv2d.default -> conv2d."""
    return str(func._schema.name).rpartition("::")[2]


def _single(step: Callable[[tuple[Any, ...], dict[str, Any], Any], Step], dim: int = 0) -> Adder:
    """One input (the first that comes from the picture), one output."""

    def add(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
        node = nodes.get(id(args[dim]))
        tensor = output[0] if isinstance(output, tuple | list) else output
        if node is None:
            return _unknown(graph, nodes, args, kwargs, output)
        return [graph.add(step(args, kwargs, tensor), (node,), tuple(tensor.shape))]

    return add


def _known(values: Sequence[Any], nodes: Nodes) -> list[tuple[int, tuple[int, ...]]]:
    found = []
    for value in values:
        if isinstance(value, Tensor) and id(value) in nodes:
            found.append((nodes[id(value)], tuple(value.shape)))
        elif isinstance(value, tuple | list):
            found.extend(_known(value, nodes))
    return found


def _unknown(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    """Unit by unit where shapes allow, else everything sees everything."""
    known = _known((*args, *kwargs.values()), nodes)
    made = []
    for tensor in output if isinstance(output, tuple | list) else (output,):
        if isinstance(tensor, Tensor) and known:
            shape = tuple(tensor.shape)
            step: Step = Join() if all(_fits(given, shape) for _, given in known) else Everything()
            made.append(graph.add(step, [node for node, _ in known], shape))
    return made


def _fits(given: Sequence[int], shape: Sequence[int]) -> bool:
    """Broadcasting gives the output's shape."""
    rank = len(shape)
    return len(given) <= rank and all(n in (1, m) for n, m in zip(given, shape[rank - len(given) :], strict=True))


def _get(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str, otherwise: Any) -> Any:
    value = args[position] if len(args) > position else kwargs.get(name, otherwise)
    return otherwise if value is None else value


def _each(value: Any, n: int) -> tuple[int, ...]:
    """One number for all axes, or one each."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,)
    return values * n if len(values) == 1 else values


def _convolution(args: tuple[Any, ...], kwargs: dict[str, Any], _: Any) -> Step:
    """aten.conv2d(input, weight, bias, stride, padding, dilation, groups) and aten.convolution, whose next two say transposed."""
    kernel = tuple(args[1].shape[2:])
    n = len(kernel)
    stride, dilation = _each(_get(args, kwargs, 3, "stride", 1), n), _each(_get(args, kwargs, 5, "dilation", 1), n)
    padding = _get(args, kwargs, 4, "padding", 0)
    if isinstance(padding, str):
        # Where "same" cannot be equal on both sides, torch pads the end by one more.
        padding = tuple(q * (k - 1) // 2 for k, q in zip(kernel, dilation, strict=True)) if padding == "same" else 0
    return Window(kernel, stride, _each(padding, n), dilation, mixes=args[1].shape[1] > 1 or args[0].shape[1] == 1)


def _transposed(args: tuple[Any, ...], kwargs: dict[str, Any], _: Any) -> Step:
    n = len(args[1].shape) - 2
    return Enlarge(tuple(args[1].shape[2:]), _each(_get(args, kwargs, 3, "stride", 1), n), _each(_get(args, kwargs, 4, "padding", 0), n))


def _general(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    return _single(_transposed if args[6] else _convolution)(graph, nodes, args, kwargs, output)


def _pool(axes: int, dilation_at: int | None) -> Adder:
    def step(args: tuple[Any, ...], kwargs: dict[str, Any], _: Any) -> Step:
        kernel = _each(args[1], axes)
        stride = _each(_get(args, kwargs, 2, "stride", None) or kernel, axes)
        dilation = _each(_get(args, kwargs, dilation_at, "dilation", 1), axes) if dilation_at else (1,) * axes
        return Window(kernel, stride, _each(_get(args, kwargs, 3, "padding", 0), axes), dilation)

    return _single(step)


def _adaptive(axes: int) -> Adder:
    def step(args: tuple[Any, ...], _: dict[str, Any], output: Tensor) -> Step:
        rank = output.ndim
        return Mix(tuple(range(rank - axes, rank))) if set(output.shape[rank - axes :]) == {1} else Bins(axes)

    return _single(step)


def _reduced(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    """mean, sum, amax over some axes, kept or not."""
    tensor = output[0] if isinstance(output, tuple | list) else output
    shape = tuple(args[0].shape)
    given = _get(args, kwargs, 1, "dim", ())
    dims = [d % len(shape) for d in (given if isinstance(given, tuple | list) else (given,))] or list(range(len(shape)))
    kept = tuple(1 if d in dims else n for d, n in enumerate(shape))
    mixed = graph.add(Mix(tuple(dims)), (nodes[id(args[0])],), kept)
    return [mixed if kept == tuple(tensor.shape) else graph.add(Reshape(), (mixed,), tuple(tensor.shape))]


def _linear(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    """x @ weight: the last axis is mixed. addmm has its bias first."""
    known = [x for x in args if isinstance(x, Tensor) and id(x) in nodes]
    first = next((x for x in args[:2] if isinstance(x, Tensor) and id(x) in nodes), None)
    if len(known) != 1 or first is None or first.shape[:-1] != output.shape[:-1]:
        return [graph.add(Everything(), [nodes[id(x)] for x in known], tuple(output.shape))]
    return [graph.add(Mix((first.ndim - 1,)), (nodes[id(first)],), tuple(output.shape))]


def _concatenated(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    dim = _get(args, kwargs, 1, "dim", 0) % output.ndim
    offset, sources, offsets = 0, [], []
    for tensor in args[0]:
        if id(tensor) in nodes:
            sources.append(nodes[id(tensor)])
            offsets.append(offset)
        offset += int(tensor.shape[dim])
    return [graph.add(Concatenate(dim, tuple(offsets)), sources, tuple(output.shape))]


def _widths(flat: Sequence[int], rank: int) -> tuple[tuple[int, int], ...]:
    """torch lists padding from the last axis backwards."""
    pairs = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
    return (*[(0, 0)] * (rank - len(pairs)), *reversed(pairs))


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def _padded(mode: str | None = None) -> Adder:
    return _single(lambda args, kwargs, _: Pad(_widths(args[1], args[0].ndim), _MODES[mode or _get(args, kwargs, 2, "mode", "constant")]))


def _sliced(args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> Step:
    dim = _get(args, kwargs, 1, "dim", 0) % args[0].ndim
    start = _get(args, kwargs, 2, "start", 0)
    return Slice(dim, min(start + args[0].shape[dim] if start < 0 else start, args[0].shape[dim]), _get(args, kwargs, 4, "step", 1))


def _selected(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    dim, index = args[1] % args[0].ndim, args[2] % args[0].shape[args[1]]
    kept = list(args[0].shape)
    kept[dim] = 1
    cut = graph.add(Slice(dim, index), (nodes[id(args[0])],), tuple(kept))
    return [graph.add(Reshape(), (cut,), tuple(output.shape))]


def _split(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    dim = _get(args, kwargs, 2, "dim", 0) % args[0].ndim
    made, offset = [], 0
    for part in output:
        made.append(graph.add(Slice(dim, offset), (nodes[id(args[0])],), tuple(part.shape)))
        offset += int(part.shape[dim])
    return made


def _permuted(args: tuple[Any, ...], _: dict[str, Any], __: Any) -> Step:
    return Permute(tuple(d % args[0].ndim for d in args[1]))


def _transpose(args: tuple[Any, ...], _: dict[str, Any], __: Any) -> Step:
    dims = list(range(args[0].ndim))
    a, b = (args[1], args[2]) if len(args) > 2 else (0, len(dims) - 1)
    dims[a], dims[b] = dims[b], dims[a]
    return Permute(tuple(dims))


def _unshuffled(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    """Patches of f x f pixels moved to channels."""
    f = int(args[1])
    n, c, h, w = args[0].shape
    cut = graph.add(Reshape(), (nodes[id(args[0])],), (n, c, h // f, f, w // f, f))
    moved = graph.add(Permute((0, 1, 3, 5, 2, 4)), (cut,), (n, c, f, f, h // f, w // f))
    return [graph.add(Reshape(), (moved,), tuple(output.shape))]


def _shuffled(graph: Graph, nodes: Nodes, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> list[int]:
    """Channels moved to patches of f x f pixels."""
    f = int(args[1])
    n, c, h, w = args[0].shape
    cut = graph.add(Reshape(), (nodes[id(args[0])],), (n, c // f // f, f, f, h, w))
    moved = graph.add(Permute((0, 1, 4, 2, 5, 3)), (cut,), (n, c // f // f, h, f, w, f))
    return [graph.add(Reshape(), (moved,), tuple(output.shape))]


def _upsampled(blend: bool) -> Adder:
    """Nearest copies; linear blends with the neighbour, over twice the window."""

    def step(args: tuple[Any, ...], _: dict[str, Any], output: Tensor) -> Step:
        factors = tuple(max(1, b // a) for a, b in zip(args[0].shape[2:], output.shape[2:], strict=True))
        return Enlarge(tuple(2 * f if blend else f for f in factors), factors, tuple(f // 2 if blend else 0 for f in factors))

    return _single(step)


STEPS: dict[str, Adder] = {
    "unknown": _unknown,
    "conv1d": _single(_convolution), "conv2d": _single(_convolution), "conv3d": _single(_convolution),
    "convolution": _general, "_convolution": _general, "conv_transpose2d": _single(_transposed),
    "max_pool2d": _pool(2, 4), "max_pool2d_with_indices": _pool(2, 4), "avg_pool2d": _pool(2, None), "max_pool1d": _pool(1, 4),
    "adaptive_avg_pool2d": _adaptive(2), "_adaptive_avg_pool2d": _adaptive(2), "adaptive_max_pool2d": _adaptive(2),
    "mean": _reduced, "sum": _reduced, "amax": _reduced, "amin": _reduced, "logsumexp": _reduced,
    "linear": _linear, "addmm": _linear, "mm": _linear, "matmul": _linear, "bmm": _linear,
    "cat": _concatenated, "concat": _concatenated, "pad": _padded(), "constant_pad_nd": _padded("constant"),
    "reflection_pad2d": _padded("reflect"), "replication_pad2d": _padded("replicate"), "_pad_circular": _padded("circular"),
    "slice": _single(_sliced), "select": _selected, "split": _split, "chunk": _split, "split_with_sizes": _split,
    "permute": _single(_permuted), "transpose": _single(_transpose), "t": _single(_transpose), "numpy_T": _single(_transpose),
    "pixel_unshuffle": _unshuffled, "pixel_shuffle": _shuffled,
    "upsample_nearest2d": _upsampled(False), "upsample_bilinear2d": _upsampled(True), "upsample_bicubic2d": _upsampled(True),
    "softmax": _single(lambda args, kwargs, _: Mix((_get(args, kwargs, 1, "dim", -1) % args[0].ndim,))),
    # Norms work unit by unit as far as positions go: see steps.Join.
    "batch_norm": _unknown, "layer_norm": _unknown, "group_norm": _unknown, "instance_norm": _unknown, "relu6": _unknown, "selu": _unknown,
    **{name: _single(lambda _, __, ___: Reshape()) for name in LAYOUT if name not in ("dropout", "feature_dropout", "expand", "clone", "detach", "alias", "to", "contiguous")},
    **dict.fromkeys(("dropout", "feature_dropout", "expand", "clone", "detach", "alias", "to", "contiguous"), _unknown),
}  # fmt: skip


def multiply_adds(name: str, args: tuple[Any, ...], output: Tensor) -> int:
    """Products of inputs with weights that an operation sums up; 0 for what has none (norms, pooling, activations)."""
    if "conv" in name:
        weight = args[1]
        transposed = "transpose" in name or (name in ("convolution", "_convolution") and args[6])
        return int(args[0].numel() * weight[0].numel()) if transposed else int(output.numel() * weight[0].numel())
    if name == "linear":
        return int(output.numel() * args[0].shape[-1])
    if name in ("mm", "bmm", "matmul"):
        return int(output.numel() * args[0].shape[-1])
    if name == "addmm":
        return int(output.numel() * args[1].shape[-1])
    if name == "scaled_dot_product_attention":
        return int(args[0].numel() * args[1].shape[-2] + args[0].numel() // args[0].shape[-1] * args[1].shape[-2] * args[2].shape[-1])
    return 0
