"""The NumPy twin, and one run of a test for each instruction set this machine has."""

import importlib.util
from pathlib import Path

import pytest

from flight_sw.radiation import native, outcome


@pytest.fixture(scope="session")
def twin():
    spec = importlib.util.spec_from_file_location("twin", Path(__file__).parent / "twin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(
    scope="session", params=native.supported_isas(), ids=lambda level: level.name.lower()
)
def isa(request):
    before = outcome.Isa[native.isa().upper()]
    native.select_isa(request.param)
    yield request.param
    native.select_isa(before)
