"""The peer for fault injection, PyTorchFI (Mahmoud 2020), where it and torch are installed.

It hooks a copy of a torch model for every weight that it changes. The same shapes as in `shapes.py`,
random weights, one thread.
"""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, Final

GOALS: Final[Mapping[str, float]] = {"small-cnn": 40.0, "mobilenet-v2": 8.0, "resnet18": 2.5}


def injector(name: str, feed: Mapping[str, Any]) -> Callable[[], object] | None:
    """One injection and one run of the peer; None where it is not installed or has no such shape."""
    if name not in GOALS or not all(map(importlib.util.find_spec, ("torch", "pytorchfi"))):
        return None
    import torch

    from hil.bench.torch_shapes import BUILDERS

    torch.set_num_threads(1)
    return _pytorchfi(BUILDERS[name](), next(iter(feed.values())))


def _pytorchfi(network: Any, image: Any) -> Callable[[], object]:
    import torch
    from pytorchfi.core import fault_injection

    batch = torch.from_numpy(image)
    peer = fault_injection(
        network.eval(),
        1,
        input_shape=list(image.shape[1:]),
        layer_types=[torch.nn.Conv2d],
        use_cuda=False,
    )

    def inject() -> object:
        broken = peer.declare_weight_fi(
            layer_num=[0], k=[0], dim1=[0], dim2=[0], dim3=[0], value=[1e3]
        )
        with torch.no_grad():
            return broken(batch)

    return inject
