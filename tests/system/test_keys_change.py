"""`vanallen keys change` against a real controller process, cut off at each step and repeated."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight_sw.space_link.keys import KeySet, parse_keys
from hil.bench.link import _profile_text
from hil.ground import key_change
from hil.ground.client import Ground
from hil.ground.send_command import Bench
from tests.system.test_files_over_the_link import flying, profile_of


class CutOff(Exception):
    """The ground's program ends here."""


class Desk:
    """A key file of the ground's own, and the controller that flies with the first keys."""

    def __init__(self, folder: Path, url: str) -> None:
        self.file = folder / "ground.json"
        self.file.touch(0o600)
        self.file.write_text((folder / "keys.json").read_text())
        self._folder, self._url = folder, url

    @property
    def keys(self) -> KeySet:
        return parse_keys(self.file.read_text(), "ground.json")

    def bench(self) -> Bench:
        profile = profile_of(self._folder)
        return Bench(self._url, self.keys, self._folder / "ground", profile)

    def change(self) -> int:
        return key_change.change_command(self.bench(), self.file, as_json=True)

    def ping(self, keys: KeySet) -> None:
        bench = self.bench()
        with Ground(bench.url, keys, bench.state, bench.profile) as ground:
            ground.send("ping").done()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with flying(tmp_path, "tcp", _profile_text()) as ground:
        ground.close()
        yield Desk(tmp_path, ground.url)


def test_keys_change_twice_over_a_real_link(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Each change ends with keys of the next id in the file, mode 0600, and the payload on them."""
    for key_id in (2, 3):
        before = desk.keys
        assert desk.change() == 0
        assert json.loads(capsys.readouterr().out)["key_id"] == key_id
        assert desk.keys.tc.key_id == key_id
        assert desk.keys.master == before.master
        assert desk.file.stat().st_mode & 0o777 == 0o600
        desk.ping(desk.keys)
    assert not desk.file.with_name("ground.json.next").exists()


@pytest.mark.parametrize(
    "step",
    [
        "_send_keys",
        pytest.param("_activate", marks=pytest.mark.long),
        pytest.param("_comes_under", marks=pytest.mark.long),
        "replace_key_file",
    ],
)
def test_a_change_cut_off_at_any_step_is_ended_by_the_same_command(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after the step took effect, the old or the new keys work, and repeating ends well."""
    real = getattr(key_change, step)
    calls = 0

    def cut(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if step == "_comes_under" and calls == 1:
            return real(*arguments)
        if step != "replace_key_file":
            real(*arguments)
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(key_change, step, cut)
        with pytest.raises(CutOff):
            desk.change()
    assert desk.change() == 0
    assert desk.keys.tc.key_id == 2
    desk.ping(desk.keys)


def test_a_draft_that_was_lost_makes_way_for_fresh_keys(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payload drops keys that nobody has any more, and their id does not come back."""
    with monkeypatch.context() as patch:
        patch.setattr(key_change, "_activate", lambda *_: (_ for _ in ()).throw(CutOff))
        with pytest.raises(CutOff):
            desk.change()
    desk.file.with_name("ground.json.next").unlink()
    assert desk.change() == 0
    assert desk.keys.tc.key_id == 3
