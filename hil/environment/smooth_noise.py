"""Smooth noise for landscapes and clouds: the same generator state gives the same field."""

import numpy as np
import numpy.typing as npt


def smooth_noise(rng: np.random.Generator, slope: float, size: int) -> npt.NDArray[np.floating]:
    """A square of zero mean and unit spread whose amplitude falls as frequency**-slope."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(size=(size, size))) * frequency**-slope
    values = np.fft.irfft2(spectrum, (size, size))
    centred: npt.NDArray[np.floating] = (values - values.mean()) / values.std()
    return centred
