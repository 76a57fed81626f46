"""Proofs of a campaign's boards: known bytes are proven once, other bytes anew."""

from pathlib import Path

import pytest

from flight_sw.inference.manifest import GRAPH_FILE, WEIGHTS_FILE
from flight_sw.inference.prove import Proof
from hil.campaign.trials import proofs
from hil.campaign.trials.proofs import KEPT_MAX, KnownProofs


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[bytes]]:
    """A staged model, and what was proven of it, proof after proof."""
    (tmp_path / GRAPH_FILE).write_bytes(b"graph")
    (tmp_path / WEIGHTS_FILE).write_bytes(b"weights")
    proven: list[bytes] = []

    def prove(_: object, folder: Path) -> Proof:
        proven.append((folder / WEIGHTS_FILE).read_bytes())
        return Proof(1.0, len(proven), 1, (), 0)

    monkeypatch.setattr(proofs, "prove", prove)
    return tmp_path, proven


def test_the_same_bytes_are_proven_once(live: tuple[Path, list[bytes]]) -> None:
    """A board that boots again loads what was proven before."""
    folder, proven = live
    known = KnownProofs()
    assert known(None, folder) == known(None, folder)  # type: ignore[arg-type]
    assert len(proven) == 1


@pytest.mark.parametrize("file", [GRAPH_FILE, WEIGHTS_FILE])
def test_one_changed_bit_is_proven_anew(live: tuple[Path, list[bytes]], file: str) -> None:
    """A fault that fell into a model while it was loading is not vouched for by an older proof."""
    folder, proven = live
    known = KnownProofs()
    known(None, folder)  # type: ignore[arg-type]
    content = bytearray((folder / file).read_bytes())
    content[0] ^= 1
    (folder / file).write_bytes(bytes(content))
    known(None, folder)  # type: ignore[arg-type]
    assert len(proven) == 2


def test_damaged_bytes_do_not_fill_the_memory(live: tuple[Path, list[bytes]]) -> None:
    """Every kind of damage is another content; what is remembered has a limit."""
    folder, proven = live
    known = KnownProofs()
    for number in range(KEPT_MAX + 2):
        (folder / WEIGHTS_FILE).write_bytes(b"%d" % number)
        known(None, folder)  # type: ignore[arg-type]
    assert len(proven) == KEPT_MAX + 2
    assert len(known._known) <= KEPT_MAX
