"""The pseudo-random sequences against the values printed in the standards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.space_link.randomizer import randomize_tc, randomize_tm


def test_sequences_start_as_published() -> None:
    """The first bits are those of CCSDS 231.0-B, 6.3 and CCSDS 131.0-B, 10.4."""
    assert randomize_tc(bytes(5)).hex() == "ff399e5a68"
    assert randomize_tm(bytes(5)).hex() == "ff480ec09a"


@pytest.mark.parametrize("randomize", [randomize_tc, randomize_tm])
@given(st.binary(max_size=600))
def test_adding_twice_gives_the_data_back(randomize, data: bytes) -> None:
    """The same call removes what it added, over any number of periods."""
    assert randomize(randomize(data)) == data


@pytest.mark.parametrize("randomize", [randomize_tc, randomize_tm])
def test_both_sequences_have_the_longest_period(randomize) -> None:
    """255 bits, neither fewer nor more: the register has a primitive polynomial."""
    bits = "".join(f"{byte:08b}" for byte in randomize(bytes(64)))
    assert bits[255:510] == bits[:255]
    assert all(bits[shift : 255 + shift] != bits[:255] for shift in range(1, 255))
