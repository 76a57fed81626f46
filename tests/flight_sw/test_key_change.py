"""A change of keys over the link is all or nothing, wherever the power is cut."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from flight_sw.link_profile import link_settings
from flight_sw.space_link.key_wrap import key_check, wrap_keys
from flight_sw.space_link.keys import KeySet, new_keys, next_keys, reserved_test_keys
from flight_sw.space_link.link import TcSender, TmReceiver
from flight_sw.space_link.packet import Telemetry
from flight_sw.space_link.refusal import Refusal
from tests.flight_sw.stack import PowerCut, Stack, StackStorage

CHALLENGE = bytes(range(16))
WRITES = 10  # of the record of keys, both slots each, and more than a change makes


class Change(Stack):
    """A stack whose ground holds the next keys too, and hears telemetry under either."""

    def __init__(self, storage: StackStorage | None = None) -> None:
        self.after = next_keys(reserved_test_keys(), bytes(range(100, 164)), 1)
        super().__init__(storage)
        settings = link_settings(self.profile)
        self.old = self.sender
        self.new = TcSender(self.after.tc, settings, 0)
        self.later = TmReceiver(self.after.tm, settings, 0)
        self.packets = {"old": 0, "new": 0}
        self.frames: list[bytes] = []
        self.run(0.5)

    def _hear(self, data: bytes) -> None:
        for name, receiver in (("old", self.receiver), ("new", self.later)):
            self._store(receiver.security)
            for _, packet in receiver.feed(data):
                self.packets[name] += 1
                self._take(Telemetry.unpack(packet))

    def under(self, sender: TcSender, name: str, **values: object) -> None:
        """One telecommand under the old or the new key."""
        self.sender = sender
        self.frames.append(self.send(name, **values))
        self.sender = self.old
        self.run(0.2)

    def load(self, keys: KeySet) -> None:
        wrapped = wrap_keys(self.keys.master or b"", keys)
        self.fire("load-keys", wrapped=wrapped)
        self.run(0.3)

    def change(self) -> None:
        """The whole change, as the ground does it."""
        self.load(self.after)
        self.under(self.new, "verify-keys", challenge=CHALLENGE)
        self.under(self.new, "activate-keys", key=1)

    def keys_told(self) -> dict:
        self.under(self.old, "report-keys")
        return self.told("keys")[-1]

    def answers(self, sender: TcSender) -> bool:
        """Whether a ping under this key is answered, the ground having found the counter."""
        sender.security.jump_to(sender.security.next_counter + 300)
        before = len(self.told("alive"))
        for _ in range(2):  # the first may only raise the stored ceiling
            self.under(sender, "ping")
        return len(self.told("alive")) > before

    def in_force(self) -> str:
        """Which keys telemetry comes under now."""
        before = dict(self.packets)
        self.connections = ()
        self.run(0.1)
        self.connections = (1,)
        self.run(0.3)
        came = [name for name in before if self.packets[name] > before[name]]
        assert len(came) == 1
        return came[0]

    def refused(self, reason: Refusal) -> int:
        self.run(1.5)
        return self.housekeeping[4][f"frames_refused_{reason.name.lower()}"]


@pytest.fixture
def flying() -> Change:
    return Change()


def reasons(flying: Change) -> list[int]:
    return [one["reason"] for one in flying.told("failed") + flying.told("not-accepted")]


def test_new_keys_work_only_once_they_are_proven_and_activated(flying: Change) -> None:
    """Old keys rule until activation under the new ones; then telemetry comes under the new."""
    flying.load(flying.after)
    assert flying.in_force() == "old"
    assert flying.answers(flying.old)
    flying.under(flying.new, "verify-keys", challenge=CHALLENGE)
    answer = flying.told("key-check")[-1]
    assert answer == {"key": 1, "check": key_check(flying.after, CHALLENGE)}
    assert flying.in_force() == "old"
    flying.under(flying.new, "activate-keys", key=1)
    assert flying.in_force() == "new"
    assert flying.answers(flying.new)
    assert "keys-changed" in flying.events


def test_frames_of_the_old_key_are_refused_and_counted_after_activation(flying: Change) -> None:
    """Every frame ever sent under the old key, and a new one under it, is one refusal each."""
    flying.under(flying.old, "ping")
    old_frames = list(flying.frames)
    flying.change()
    flying.receiver = flying.later
    flying.run(1.5)
    before = flying.housekeeping[4]["frames_refused_spi"]
    alive = len(flying.told("alive"))
    for frame in old_frames:
        flying.inject(frame)
    flying.under(flying.old, "ping")
    flying.run(1.5)
    flying.under(flying.new, "report-housekeeping", structure=4)
    assert flying.housekeeping[4]["frames_refused_spi"] == before + len(old_frames) + 1
    assert len(flying.told("alive")) == alive


def test_pending_keys_carry_nothing_but_their_own_proof(flying: Change) -> None:
    """Any other telecommand under pending keys is NOT_ALLOWED, and activation under the old ones too."""
    flying.load(flying.after)
    flying.under(flying.new, "ping")
    flying.under(flying.old, "activate-keys", key=1)
    assert reasons(flying) == [14, 14]
    assert not flying.told("alive")
    assert flying.in_force() == "old"


def unsound() -> dict[str, Callable[[Change], KeySet]]:
    same = reserved_test_keys()
    return {
        "same key": lambda _: KeySet(
            same.tc.__class__(same.tc.direction, 3, 0, 9, same.tc.secret),
            same.tm.__class__(same.tm.direction, 4, 0, 9, same.tm.secret),
            same.master,
        ),
        "other board": lambda f: next_keys(new_keys(9, bytes(range(96))), bytes(range(64)), 1),
        "zeros": lambda f: next_keys(f.keys, bytes(64), 1),
        "same both ways": lambda f: next_keys(f.keys, bytes(range(32)) * 2, 1),
        "test key id": lambda f: next_keys(f.keys, bytes(range(64)), 0xFFFF),
        "spis in use": lambda f: new_keys(0, bytes(range(64)), 1),
    }


@pytest.mark.parametrize("kind", unsound())
def test_unsound_keys_are_refused_with_one_reason_and_change_nothing(
    flying: Change, kind: str
) -> None:
    """Same, foreign, zero, equal or reserved keys, and SPIs in use, fail BAD_KEY."""
    flying.load(unsound()[kind](flying))
    assert reasons(flying) == [31]
    told = flying.keys_told()
    assert (told["pending"], told["ready"]) == (0, False)


def test_keys_wrapped_by_another_master_key_are_refused(flying: Change) -> None:
    """A wrap that the master key does not open fails BAD_KEY."""
    flying.fire("load-keys", wrapped=wrap_keys(bytes(range(32)), flying.after))
    flying.run(0.3)
    assert reasons(flying) == [31]


def test_key_ids_only_rise_also_after_a_drop(flying: Change) -> None:
    """Dropped keys cannot come back: their frames were on the air."""
    flying.load(flying.after)
    flying.under(flying.new, "verify-keys", challenge=CHALLENGE)
    flying.under(flying.old, "drop-keys")
    flying.load(flying.after)
    assert reasons(flying) == [32]
    assert flying.keys_told()["highest"] == 1


def test_loading_again_what_waits_is_done_and_others_must_wait(flying: Change) -> None:
    """A ground that lost the confirmation may repeat the load; other keys are ALREADY_EXISTS."""
    flying.load(flying.after)
    flying.load(flying.after)
    assert reasons(flying) == []
    flying.load(next_keys(flying.keys, bytes(range(64)), 2))
    assert reasons(flying) == [23]


def test_keys_change_again_and_again(flying: Change) -> None:
    """The pair of SPIs alternates, so a second change works like the first."""
    flying.change()
    third = next_keys(flying.after, bytes(range(30, 94)), 2)
    flying.old, flying.receiver = flying.new, flying.later
    settings = link_settings(flying.profile)
    flying.new, flying.later = TcSender(third.tc, settings, 0), TmReceiver(third.tm, settings, 0)
    flying.sender = flying.old
    flying.load(third)
    flying.under(flying.new, "activate-keys", key=2)
    assert third.tc.spi == 1
    assert flying.in_force() == "new"
    assert flying.answers(flying.new)


def test_pending_keys_survive_a_restart_and_their_frames_cannot_be_replayed(
    flying: Change,
) -> None:
    """After a restart the proof works again, above the stored ceiling, and the old proof does not."""
    flying.load(flying.after)
    flying.under(flying.new, "verify-keys", challenge=CHALLENGE)
    proof = flying.frames[-1]
    flying.reboot()
    flying.old.security.jump_to(flying.housekeeping[2]["tc_counter_next"])
    told = flying.keys_told()
    assert (told["pending"], told["ready"]) == (1, True)
    checks = len(flying.told("key-check"))
    flying.inject(proof)
    flying.run(0.3)
    assert len(flying.told("key-check")) == checks
    flying.new.security.jump_to(told["counter_next"])
    flying.under(flying.new, "verify-keys", challenge=CHALLENGE)
    assert len(flying.told("key-check")) == checks + 1


@pytest.mark.parametrize("cut_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(WRITES))
def test_power_cut_at_any_write_leaves_one_pair_in_force_and_the_change_can_go_on(
    write: int, cut_after: bool
) -> None:
    """Old or new keys answer after the cut, never none or both, and repeating ends with the new."""
    storage = StackStorage()
    flying = Change(storage)
    storage.cut_in, storage.cut_after = write, cut_after
    with suppress(PowerCut):
        flying.change()
    storage.cut_in = None
    flying.boot_controller()
    flying._uplink = b""
    flying.run(0.5)
    in_force = flying.in_force()
    assert flying.answers(flying.old) is (in_force == "old")
    if in_force == "old":
        flying.load(flying.after)
        flying.new.security.jump_to(flying.keys_told()["counter_next"])
        flying.under(flying.new, "activate-keys", key=1)
    assert flying.in_force() == "new"
    assert not flying.answers(flying.old)
    assert flying.answers(flying.new)


def test_storage_that_refuses_keeps_the_old_keys_until_it_works(flying: Change) -> None:
    """Keys that are not stored never stand by; once storage works they do."""
    flying.storage.fails = True
    flying.load(flying.after)
    assert flying.keys_told()["ready"] is False
    assert "storage-failed" in flying.events
    flying.storage.fails = False
    flying.run(1.5)
    assert flying.keys_told()["ready"] is True
