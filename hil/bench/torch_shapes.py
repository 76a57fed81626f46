"""The shapes of `shapes.py` as torch modules, for the peer alone (extra `bench-peers`)."""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import nn

from hil.bench.shapes import CLASSES

_INVERTED: Final = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip


class _Residual(nn.Module):
    """Two paths added; the side is the input itself where the shapes allow it."""

    def __init__(self, path: nn.Module, side: nn.Module | None, *, with_relu: bool) -> None:
        super().__init__()
        self.path = path
        self.side = side if side is not None else nn.Identity()
        self.last = nn.ReLU() if with_relu else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The sum."""
        return self.last(self.path(x) + self.side(x))


def _conv(into: int, out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(into, out, size, stride, size // 2, groups=groups)


def resnet18() -> nn.Module:
    """11.7 M weights."""
    layers: list[nn.Module] = [_conv(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for out in (64, 128, 256, 512):
        for repeat in range(2):
            stride = 2 if repeat == 0 and out != 64 else 1
            path = nn.Sequential(_conv(width, out, 3, stride), nn.ReLU(), _conv(out, out, 3))
            side = None if width == out else _conv(width, out, 1, stride)
            layers.append(_Residual(path, side, with_relu=True))
            width = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, CLASSES))


def mobilenet_v2() -> nn.Module:
    """3.5 M weights."""
    layers: list[nn.Module] = [_conv(3, 32, 3, 2), nn.ReLU6()]
    width = 32
    for expansion, out, repeats, first_stride in _INVERTED:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            wide = width * expansion
            steps = [] if expansion == 1 else [_conv(width, wide, 1), nn.ReLU6()]
            steps += [_conv(wide, wide, 3, stride, wide), nn.ReLU6(), _conv(wide, out, 1)]
            path = nn.Sequential(*steps)
            is_same = stride == 1 and width == out
            layers.append(_Residual(path, None, with_relu=False) if is_same else path)
            width = out
    tail = [_conv(width, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, *tail, nn.Linear(1280, CLASSES))


def small_cnn() -> nn.Module:
    """47 k weights."""
    return nn.Sequential(
        _conv(1, 16, 3), nn.ReLU(), _conv(16, 32, 3, 2), nn.ReLU(), nn.Flatten(),
        nn.Linear(512, 80), nn.ReLU(), nn.Linear(80, 10),
    )  # fmt: skip


BUILDERS: Final[Mapping[str, Callable[[], nn.Module]]] = {
    "small-cnn": small_cnn,
    "mobilenet-v2": mobilenet_v2,
    "resnet18": resnet18,
}
