"""The pieces that our own networks are made of: convolutions, pooling, dense layers; chosen by name where a recipe chooses."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from landsight.errors import RecipeError
from landsight.studio.recipe import NetRecipe
from landsight.studio.resolve import resolve

#: Name of an activation -> its module. None changes what it is given: a layer's output may be looked at later.
ACTIVATIONS: dict[str, str] = {
    "relu": "torch.nn:ReLU", "relu6": "torch.nn:ReLU6", "leaky_relu": "torch.nn:LeakyReLU", "prelu": "torch.nn:PReLU",
    "elu": "torch.nn:ELU", "celu": "torch.nn:CELU", "selu": "torch.nn:SELU", "gelu": "torch.nn:GELU", "silu": "torch.nn:SiLU",
    "mish": "torch.nn:Mish", "hardswish": "torch.nn:Hardswish", "softplus": "torch.nn:Softplus", "tanh": "torch.nn:Tanh",
    "sigmoid": "torch.nn:Sigmoid",
}  # fmt: skip


def activation(recipe: NetRecipe) -> nn.Module:
    """A new module of the recipe's activation. Raises: RecipeError for an unknown name."""
    module: nn.Module = resolve(ACTIVATIONS, recipe.activation, "activation")()
    return module


def scaled(channels: int, width: float) -> int:
    """``channels`` x ``width``, at least 8 and a multiple of 8, which processors like; unchanged when width is 1."""
    return channels if width == 1 else max(8, 8 * round(channels * width / 8))


def padding_px(recipe: NetRecipe, kernel: int, number: int = 0) -> int:
    """Pixels added on each side before a convolution with a kernel of that side.

    "same": kernel // 2, so that stride 1 keeps the size and stride 2 halves it, rounded up; "valid": none; "2": two; "2,1": two in block 0,
    one in block 1 and all after it. A 1x1 convolution looks at no neighbour and gets none. Raises: RecipeError.
    """
    if kernel == 1 or recipe.padding == "valid":
        return 0
    if recipe.padding == "same":
        if kernel % 2 == 0:
            raise RecipeError(
                "bad_value", f"net.kernel: received {kernel}; padding 'same' needs an odd one.", "Take 3 or 5, or say the pixels."
            )
        return kernel // 2
    parts = recipe.padding.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise RecipeError(
            "bad_value", f"net.padding: received {recipe.padding!r}.", "Known: same, valid, pixels such as 2, or pixels by block: 2,1."
        )
    return int(parts[min(number, len(parts) - 1)])


def convolution(
    recipe: NetRecipe, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, number: int = 0, active: bool = True
) -> nn.Sequential:
    """conv, then norm (net.norm, the convolution then has no bias) and activation. ``number``: which block this is, for its padding."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(
        inputs, outputs, kernel, stride, padding_px(recipe, kernel, number), groups=groups, bias=not recipe.norm, padding_mode=recipe.padding_mode
    )  # fmt: skip
    if recipe.norm:
        layers["norm"] = nn.BatchNorm2d(outputs, momentum=recipe.norm_momentum)
    if active:
        layers["activation"] = activation(recipe)
    return nn.Sequential(layers)


def pooling(recipe: NetRecipe, kernel: int, stride: int, padding: int = 0) -> nn.Module:
    """The recipe's pooling: (n, c, h, w) -> (n, c, h', w'), h' = (h + 2 padding - kernel) // stride + 1. Padding counts in no mean."""
    if recipe.pool == "mixed":
        return MixedPool(kernel, stride, padding)
    if recipe.pool == "average":
        return nn.AvgPool2d(kernel, stride, padding, count_include_pad=False)
    return nn.MaxPool2d(kernel, stride, padding)


class MixedPool(nn.Module):
    """a x max + (1 - a) x mean, one learnt a in (0, 1) for the layer; it starts at 1/2.

    Source: Lee, Gallagher, Tu, "Generalizing Pooling Functions in Convolutional Neural Networks" (2016, arXiv 1509.08985), section 3.1,
    where a is learnt as it is; here it is the sigmoid of what is learnt, so that it stays between 0 and 1.
    """

    def __init__(self, kernel: int, stride: int, padding: int = 0) -> None:
        super().__init__()
        self.largest = nn.MaxPool2d(kernel, stride, padding)
        self.mean = nn.AvgPool2d(kernel, stride, padding, count_include_pad=False)
        self.mix = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: as MaxPool2d."""
        share = torch.sigmoid(self.mix).to(x.dtype)
        mean: Tensor = self.mean(x)
        mixed: Tensor = mean + share * (self.largest(x) - mean)
        return mixed


class Flatten(nn.Module):
    """(n, c, h, w) -> (n, c x rows x columns): the map laid flat.

    A map of another size than rows x columns is averaged to it first (as adaptive average pooling, but its gradient is the same on every
    run on a GPU too), so that a network with dense layers takes other sizes than it was made for.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, x: Tensor) -> Tensor:
        """Shape: see the class."""
        height, width = int(x.shape[2]), int(x.shape[3])
        if (height, width) != (self.rows, self.columns):
            x = _averaging(height, self.rows).to(x) @ x @ _averaging(width, self.columns).to(x).T
        return x.flatten(1)


def _averaging(size: int, cells: int) -> Tensor:
    """(cells, size): row i averages the pixels floor(i x size / cells) to ceil((i + 1) x size / cells)."""
    weights = torch.zeros(cells, size)
    for cell in range(cells):
        start, end = cell * size // cells, -(-(cell + 1) * size // cells)
        weights[cell, start:end] = 1 / (end - start)
    return weights


class Dense(nn.Module):
    """One hidden layer on a map laid flat: linear, norm, activation, dropout."""

    def __init__(self, recipe: NetRecipe, channels: int, grid: tuple[int, int], outputs: int) -> None:
        super().__init__()
        self.flatten = Flatten(*grid)
        self.linear = nn.Linear(channels * grid[0] * grid[1], outputs, bias=not recipe.norm)
        self.norm = nn.BatchNorm1d(outputs, momentum=recipe.norm_momentum) if recipe.norm else nn.Identity()
        self.activation = activation(recipe)
        self.dropout = nn.Dropout(recipe.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (n, channels, h, w) -> (n, outputs, 1, 1), a map of one pixel."""
        x = self.dropout(self.activation(self.norm(self.linear(self.flatten(x)))))
        return x[:, :, None, None]
