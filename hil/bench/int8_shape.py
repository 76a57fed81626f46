"""The 8-bit form of a float network, quantised here from noise: for speed and liveness only."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

CALIBRATION_INPUTS = 2


class _Noise(CalibrationDataReader):  # type: ignore[misc]
    """A few inputs of noise."""

    def __init__(self, feed: Mapping[str, np.ndarray]) -> None:
        self._left = [dict(feed) for _ in range(CALIBRATION_INPUTS)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next input, None at the end."""
        return self._left.pop() if self._left else None


def quantised(source: Path, target: Path, feed: Mapping[str, np.ndarray]) -> Path:
    """Static quantisation with symmetric 8-bit weights per channel, as QDQ pairs."""
    quantize_static(
        str(source),
        str(target),
        _Noise(feed),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"WeightSymmetric": True},
    )
    return target
