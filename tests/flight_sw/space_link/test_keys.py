"""Key files: what is read back, what is refused, and that nothing ever prints a key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_sw.errors import KeyFileError
from flight_sw.space_link.keys import (
    KeySet,
    format_keys,
    new_keys,
    next_keys,
    parse_keys,
    reserved_test_keys,
)

RANDOM = bytes(range(64))
KEYS = new_keys(17, RANDOM)


def changed(**fields: object) -> str:
    """The text of a good file with fields of its first key, or of the file, replaced."""
    content = json.loads(format_keys(KEYS))
    for name, value in fields.items():
        place = content["keys"][0] if name in content["keys"][0] else content
        place[name] = value
    return json.dumps(content)


@given(st.integers(0, 65_535), st.binary(min_size=64, max_size=64), st.integers(1, 65_535))
def test_key_file_round_trip(board: int, random_bytes: bytes, key_id: int) -> None:
    """What the key generator wrote is what the controller reads."""
    keys = new_keys(board, random_bytes, key_id)
    if keys.tc.secret == keys.tm.secret or not any(keys.tc.secret) or not any(keys.tm.secret):
        return
    assert parse_keys(format_keys(keys), "keys.json") == keys


def test_no_repr_shows_a_key() -> None:
    """A key set in a log or traceback shows ids and no secret."""
    for text in (repr(KEYS), str(KEYS), f"{KEYS.tc!r} {KEYS.tm}"):
        assert "000102" not in text
        assert repr(RANDOM[:4])[2:-1] not in text
    assert "spi=1" in repr(KEYS)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not the JSON"),
        ("not a key file", "not the JSON"),
        ("\udc80", "not the JSON"),
        ("{}", "missing required field"),
        (changed(format="other"), "not a vanallen-keys file"),
        (changed(version=2), "version 1"),
        (changed(board=70_000), "board"),
        (changed(spi=0), "keys[0].spi"),
        (changed(spi=2), "differ"),
        (changed(key_id=0), "keys[0].key_id"),
        (changed(key="00" * 32), "zeros"),
        (changed(key="abcd"), "keys[0].key"),
        (changed(key=RANDOM[32:].hex()), "differ"),
        (changed(direction="tm"), "one tc key and one tm key"),
        (changed(keys=[]), "keys"),
        (changed(extra=1).replace('"format"', '"fromat"'), "fromat"),
    ],
)
def test_bad_key_files_name_file_place_and_remedy(text: str, part: str) -> None:
    """Every defect is one line with the file, the field and what to type."""
    with pytest.raises(KeyFileError) as caught:
        parse_keys(text, "/etc/keys.json")
    line = str(caught.value)
    assert line.startswith("/etc/keys.json: ")
    assert "\n" not in line
    assert "vanallen keys new" in line
    assert part in line
    assert RANDOM[32:].hex() not in line


def test_flight_refuses_test_keys_under_any_id() -> None:
    """The published keys are refused by id, and by content if somebody renames them."""
    KEYS.require_flight()
    with pytest.raises(KeyFileError, match="vanallen keys new"):
        reserved_test_keys().require_flight()
    test = reserved_test_keys(3)
    renamed = new_keys(3, test.tc.secret + test.tm.secret, key_id=5)
    with pytest.raises(KeyFileError, match="reserved test key"):
        renamed.require_flight()
    by_id = new_keys(3, RANDOM, key_id=0xFFFF)
    with pytest.raises(KeyFileError, match="reserved test key"):
        by_id.require_flight()


def test_key_generation_wants_enough_randomness() -> None:
    """Fewer than 64 random bytes make no keys."""
    with pytest.raises(ValueError, match="64 random bytes, not 63"):
        new_keys(1, bytes(63))


def test_flight_refuses_a_test_key_as_master() -> None:
    """Good keys under the reserved master key could be changed by anyone."""
    master = reserved_test_keys().tc.secret
    with pytest.raises(KeyFileError, match="master key is the reserved"):
        KeySet(KEYS.tc, KEYS.tm, master).require_flight()


def test_a_damaged_key_file_is_named() -> None:
    """A key that still looks like one is found by the check sum."""
    other = "ff" + RANDOM[1:32].hex()
    with pytest.raises(KeyFileError, match="check sum"):
        parse_keys(changed(key=other), "/etc/keys.json")


def test_keys_to_follow_want_64_random_bytes() -> None:
    """Neither more nor fewer."""
    for size in (63, 65, 96):
        with pytest.raises(ValueError, match=f"not {size}"):
            next_keys(KEYS, bytes(size), 2)
