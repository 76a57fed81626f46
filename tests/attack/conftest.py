"""Models for the attacks on updates."""

from tests.flight_sw.conftest import versions

__all__ = ["versions"]
