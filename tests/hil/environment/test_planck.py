"""Radiometry: against tabulated values, and against the bug that once faked a win."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.environment import planck


@pytest.mark.parametrize(
    ("wavelength_um", "temp_k", "expected"),
    [  # by hand from c1 / (lambda^5 (exp(c2 / lambda T) - 1)), CODATA 2018
        (11.0, 300.0, 9.573),
        (3.9, 300.0, 0.6033),
        (3.9, 800.0, 1326.0),
    ],
)
def test_black_body_radiance(wavelength_um, temp_k, expected):
    """Values of the Planck law in W/m2/sr/um."""
    assert planck.radiance(wavelength_um, temp_k) == pytest.approx(expected, rel=2e-3)


def test_total_of_the_planck_law_is_stefan_boltzmann():
    """Integrated over all wavelengths and the half space it gives sigma T^4."""
    wavelengths = np.geomspace(0.5, 1000, 4000)
    values = np.array([planck.radiance(w, 300.0) for w in wavelengths])
    steps = np.diff(wavelengths)
    total = np.pi * np.sum((values[1:] + values[:-1]) / 2 * steps)
    assert total == pytest.approx(5.670374e-8 * 300.0**4, rel=1e-3)


@settings(max_examples=50)
@given(st.sampled_from([3.9, 11.0]), st.floats(180.0, 1500.0))
def test_brightness_temperature_inverts_radiance(wavelength_um, temp_k):
    """A black body's brightness temperature is its temperature."""
    back = planck.brightness_temp_k(wavelength_um, planck.radiance(wavelength_um, temp_k))
    assert back == pytest.approx(temp_k, rel=1e-9)


def test_the_sun_at_four_micrometres():
    """About 9.6 W/m2/um reach the top of the atmosphere at 3.95 um."""
    assert planck.solar_irradiance(3.95) == pytest.approx(9.6, rel=0.02)


def test_a_diffuse_reflector_spreads_the_light_over_pi():
    """The half-space integral of the reflected radiance gives back what came in."""
    reflected = planck.reflected_solar(3.9, 0.25, 0.5)
    assert reflected * np.pi == pytest.approx(0.25 * 0.5 * planck.solar_irradiance(3.9))
    assert planck.reflected_solar(3.9, 0.25, -0.2) == 0.0


def test_bare_soil_by_day_is_a_few_kelvins_brighter_at_four_micrometres():
    """Soil at 310 K under a sun at 40 degrees: 3 to 12 K above its own temperature, not 30."""
    emissivity = 0.85
    cos_sun = float(np.cos(np.radians(40.0)))
    seen = emissivity * planck.radiance(3.9, 310.0)
    seen += planck.reflected_solar(3.9, 1 - emissivity, cos_sun)
    excess_k = planck.brightness_temp_k(3.9, seen) - 310.0
    assert 3.0 < excess_k < 12.0


def test_noise_is_stated_at_its_reference_temperature():
    """Radiance noise turned back into temperature is the NEdT that was asked for."""
    noise = planck.noise_radiance(3.9, 300.0, 0.4)
    seen = planck.radiance(3.9, 300.0) + noise
    assert planck.brightness_temp_k(3.9, seen) - 300.0 == pytest.approx(0.4, rel=0.02)
