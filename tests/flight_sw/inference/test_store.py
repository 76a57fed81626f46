"""The board's model store: a slot holds the old model or the new one, never half of one."""

import pytest

from flight_sw.errors import ModelError
from flight_sw.inference.live_files import LoadError, verify
from flight_sw.inference.manifest import WEIGHTS_FILE
from flight_sw.inference.store import ModelStore
from flight_sw.inference.worker_messages import MAX_SLOTS


def test_an_installed_model_is_in_the_catalogue(compiled, tmp_path):
    """What goes into a slot can be found and loaded from there."""
    store = ModelStore(tmp_path / "models")
    assert store.catalogue() == {}
    manifest = store.install(compiled("small-cnn"), 2)
    assert store.catalogue() == {2: manifest}
    assert verify(store.directory(2)) == manifest


def test_a_slot_is_replaced_and_the_old_content_removed(compiled, tmp_path):
    """Space on the board is not eaten by models that nobody can reach."""
    store = ModelStore(tmp_path)
    store.install(compiled("small-cnn"), 1)
    store.install(compiled("transformer"), 1)
    assert store.catalogue()[1].name == "transformer"
    assert len(list(tmp_path.iterdir())) == 2  # the link and the content


def test_a_damaged_model_leaves_the_old_one_in_place(compiled, damaged_copy, tmp_path):
    """Installation checks before it replaces."""
    store = ModelStore(tmp_path / "models")
    old = store.install(compiled("small-cnn"), 1)
    data = bytearray((damaged_copy / WEIGHTS_FILE).read_bytes())
    data[0] ^= 1
    (damaged_copy / WEIGHTS_FILE).write_bytes(data)
    with pytest.raises(LoadError):
        store.install(damaged_copy, 1)
    assert store.catalogue() == {1: old}


def test_leftovers_of_a_cut_off_installation_are_cleared(compiled, tmp_path):
    """A power cut between copying and linking leaves rubbish that the next installation removes."""
    store = ModelStore(tmp_path)
    (tmp_path / "content-half").mkdir()
    (tmp_path / "content-half" / WEIGHTS_FILE).write_bytes(b"half")
    store.install(compiled("small-cnn"), 1)
    assert not (tmp_path / "content-half").exists()


def test_removing_empties_a_slot_and_may_be_repeated(compiled, tmp_path):
    """Removing is safe to repeat after an unanswered command."""
    store = ModelStore(tmp_path)
    store.install(compiled("small-cnn"), 1)
    store.remove(1)
    store.remove(1)
    assert store.catalogue() == {}


@pytest.mark.parametrize("slot", [0, -1, MAX_SLOTS + 1])
def test_a_slot_out_of_range_is_refused(tmp_path, slot):
    """Slots are numbers within a range, so nothing from the wire becomes a path."""
    with pytest.raises(ModelError, match=f"slot {slot} does not exist"):
        ModelStore(tmp_path).directory(slot)
