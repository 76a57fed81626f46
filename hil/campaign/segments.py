"""Telemetry segments drawn by chance, as the 18 features that `telemetry-anomaly` takes.

Made-up signals (a slow swing, noise, sometimes a step or a burst of spikes) of the lengths and sizes
seen in OPSSAT-AD, so that a flight needs no data set. They exercise the model; they score nothing.
"""

import numpy as np
import numpy.typing as npt

from hil.applications.opssat import FEATURES

Floats = npt.NDArray[np.float64]
SPANS_S = (75, 600)  # nine in ten nominal segments of OPSSAT-AD
SCALES = (2.5e-5, 0.4)  # photo diodes in amperes, magnetometer in microtesla
SPIKES_MAX = 12
ODD_SHARE = 0.2  # segments with a step or a burst of spikes


def draw_segment(chance: np.random.Generator) -> npt.NDArray[np.float32]:
    """Features of one segment, in the order of `FEATURES`, shape (18,)."""
    sampling_s = int(chance.choice([1, 5]))
    signal = _signal(chance, int(chance.integers(*SPANS_S)) // sampling_s)
    values = _features(signal, sampling_s)
    return np.array([values[name] for name in FEATURES], np.float32)


def _signal(chance: np.random.Generator, count: int) -> Floats:
    time = np.linspace(0, 1, count)
    signal = np.sin(2 * np.pi * (chance.uniform(0.4, 0.9) * time + chance.random()))
    signal += chance.normal(0, chance.uniform(0.0005, 0.01), count)
    if chance.random() < ODD_SHARE / 2:
        signal += chance.uniform(1, 5) * (time > chance.uniform(0.2, 0.8))
    elif chance.random() < ODD_SHARE / 2:
        where = chance.integers(0, count, int(chance.integers(1, SPIKES_MAX)))
        signal[where] += chance.uniform(2, 20)
    return float(chance.choice(SCALES)) * signal


def _features(signal: Floats, sampling_s: int) -> dict[str, float]:
    count = len(signal)
    duration = sampling_s * (count - 1)
    centred = signal - signal.mean()
    variance = float(np.mean(centred**2))
    first, second = np.diff(signal), np.diff(signal, 2)
    return {
        "duration": duration,
        "len": count,
        "mean": float(signal.mean()),
        "var": variance,
        "std": variance**0.5,
        "kurtosis": float(np.mean(centred**4)) / variance**2 - 3,
        "skew": float(np.mean(centred**3)) / variance**1.5,
        "n_peaks": _peaks(signal),
        "smooth10_n_peaks": _peaks(_smooth(signal, 10)),
        "smooth20_n_peaks": _peaks(_smooth(signal, 20)),
        "diff_peaks": _peaks(first),
        "diff2_peaks": _peaks(second),
        "diff_var": float(first.var()),
        "diff2_var": float(second.var()),
        "gaps_squared": sampling_s**2 * (count - 1),
        "len_weighted": sampling_s * count,
        "var_div_duration": variance / duration,
        "var_div_len": variance / count,
    }


def _smooth(signal: Floats, width: int) -> Floats:
    return np.convolve(signal, np.full(width, 1 / width), mode="valid")


def _peaks(signal: Floats) -> int:
    """Excursions into the upper tenth of the signal's range."""
    high = signal > signal.min() + 0.9 * np.ptp(signal)
    return int(np.sum(high[1:] & ~high[:-1])) + int(high[0])
