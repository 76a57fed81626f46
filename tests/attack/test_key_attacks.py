"""Attacks on keys and counters (A23 to A25, A31, A34), each through the whole stack."""

import ast
import base64
import os
import pty
import statistics
import time
from collections import Counter
from contextlib import closing
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from flight_sw.__main__ import main
from flight_sw.dictionary.reason import Reason
from flight_sw.dictionary.telecommands import arming
from flight_sw.space_link.key_wrap import key_check, wrap_keys
from flight_sw.space_link.keys import KeySet, format_keys, new_keys, next_keys, reserved_test_keys
from flight_sw.space_link.refusal import FrameRefused, Refusal
from flight_sw.space_link.sdls import MAC_BYTES, SdlsReceiver, SdlsSender
from flight_sw.store.counters import CeilingStore, ceiling_name
from tests.attack.attacked import Attacked, Forged
from tests.flight_sw.stack import BOARDS, StackStorage
from tests.flight_sw.test_key_change import Change, unsound

ROOT = Path(__file__).resolve().parents[2]
USER_ERROR = 2
TIMED = 3000
NOISE = 0.1
# Names that hold what an attacker would like to guess byte by byte.
GUESSED = frozenset({"mac", "tag", "check", "key_check"})
COMPARING = ("flight_sw/space_link", "flight_sw/services/st131_keys.py", "hil/ground/key_change.py")


def armed(payload: Attacked, keys: KeySet, master: bytes | None = None) -> bytes:
    """Arm for `load-keys` with these; what it is to carry."""
    wrapped = wrap_keys(payload.keys.master or b"" if master is None else master, keys)
    payload.send("arm", **arming("load-keys", {"wrapped": wrapped}))
    payload.run(0.1)
    return wrapped


@pytest.mark.parametrize("kind", unsound())
def test_a23_unsound_keys(kind: str) -> None:
    """The same, foreign, zero, equal or reserved keys, and SPIs in use, are BAD_KEY."""
    payload = Attacked()
    wrapped = armed(payload, unsound()[kind](Change()))
    with payload.refuses(Reason.BAD_KEY):
        payload.send("load-keys", wrapped=wrapped)


def test_a23_keys_wrapped_by_a_stranger() -> None:
    """BAD_KEY."""
    payload = Attacked()
    keys = next_keys(payload.keys, bytes(range(64)), 1)
    wrapped = armed(payload, keys, bytes(range(32)))
    with payload.refuses(Reason.BAD_KEY):
        payload.send("load-keys", wrapped=wrapped)


def test_a23_keys_in_the_wrong_state() -> None:
    """Proof and activation are NOT_ALLOWED under the old keys, and nothing to drop is NO_SUCH_ENTRY."""
    payload = Attacked()
    with payload.refuses(Reason.NOT_ALLOWED):
        payload.send("activate-keys", key=1)
    with payload.refuses(Reason.NOT_ALLOWED):
        payload.send("verify-keys", challenge=bytes(16))
    with payload.refuses(Reason.NO_SUCH_ENTRY):
        payload.send("drop-keys")


def test_a23_a_key_id_that_was_here_before() -> None:
    """KEY_IN_USE, though the keys were dropped."""
    payload = Attacked()
    keys = next_keys(payload.keys, bytes(range(64)), 1)
    payload.send("load-keys", wrapped=armed(payload, keys))
    payload.run(0.5)
    payload.send("drop-keys")
    payload.run(0.5)
    wrapped = armed(payload, keys)
    with payload.refuses(Reason.KEY_IN_USE):
        payload.send("load-keys", wrapped=wrapped)


def test_a23_a_mac_that_does_not_answer_the_challenge_is_told_apart() -> None:
    """Two keys never answer one challenge alike, so the ground cannot be led to a wrong pair."""
    keys = [next_keys(reserved_test_keys(), bytes(range(n, n + 64)), 1) for n in range(8)]
    assert len({key_check(one, bytes(16)) for one in keys}) == len(keys)


def started(folder: Path, profile: str, keys: KeySet) -> int:
    """How a controller with these keys ends that must not start."""
    (folder / "board.yaml").write_text(profile)
    key_file = folder / "keys.json"
    key_file.touch(0o600)
    key_file.write_text(format_keys(keys))
    ends = pty.openpty()
    with closing(os.fdopen(ends[0], "wb", 0)), closing(os.fdopen(ends[1], "wb", 0)):
        return main(
            [
                *("controller", "--profile", str(folder / "board.yaml")),
                *("--board-port", os.ttyname(ends[1]), "--space", "tcp://127.0.0.1:0"),
                *("--keys", str(key_file), "--state", str(folder / "state")),
            ]
        )


def flight_profile() -> str:
    """The emulated board's profile, as if it flew."""
    text = (BOARDS / "emulated.yaml").read_text().replace("kind: sysfs", "kind: none")
    return text.replace("use: bench", "use: flight")


def test_a24_test_keys_in_a_flight_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published keys do not start a flight; one line says so and names no key byte."""
    assert "use: flight" in flight_profile()
    assert started(tmp_path, flight_profile(), reserved_test_keys()) == USER_ERROR
    told = capsys.readouterr().err
    assert "reserved test key" in told
    assert not spilled(told.encode(), reserved_test_keys())


def test_a24_key_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key of zeros and a key id of zero are no keys."""
    zeros = new_keys(1, bytes(32) + bytes(range(64)))
    assert started(tmp_path, flight_profile(), zeros) == USER_ERROR
    assert "zeros" in capsys.readouterr().err
    no_id = new_keys(1, bytes(range(96)), key_id=0)
    assert started(tmp_path, flight_profile(), no_id) == USER_ERROR
    assert "key_id" in capsys.readouterr().err


def test_a25_refusing_takes_the_same_time_wherever_the_mac_is_wrong() -> None:
    """A MAC that is wrong in its first byte and one wrong in its last are refused equally fast."""
    keys = new_keys(1, bytes(range(96)))
    sender, receiver = SdlsSender(keys.tc, 0), SdlsReceiver(keys.tc, 0)
    sender.ceiling_confirmed(10)
    receiver.ceiling_confirmed(10)
    good = sender.protect(b"", bytes(64))
    frames = []
    for at in (0, MAC_BYTES - 1):
        wrong = bytearray(good)
        wrong[at - MAC_BYTES] ^= 1
        frames.append(bytes(wrong))
    taken_ns: tuple[list[int], list[int]] = ([], [])
    for turn in range(TIMED):
        pairs = list(zip(frames, taken_ns, strict=True))
        for frame, times in pairs if turn % 2 else reversed(pairs):
            start = time.perf_counter_ns()
            with pytest.raises(FrameRefused):
                receiver.open(b"", frame)
            times.append(time.perf_counter_ns() - start)
    first, last = (statistics.median(times) for times in taken_ns)
    assert abs(first - last) <= NOISE * max(first, last)


def test_a25_no_code_compares_a_secret_answer_with_equals() -> None:
    """What is compared with an answer of the other end goes through the library or compare_digest."""
    found = []
    for place in COMPARING:
        path = ROOT / place
        for file in sorted(path.glob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Compare):
                    continue
                equal = any(isinstance(one, ast.Eq | ast.NotEq) for one in node.ops)
                names = {getattr(one, "id", getattr(one, "attr", "")) for one in ast.walk(node)}
                if equal and names & GUESSED:
                    found.append(f"{file.name}:{node.lineno}: {ast.unparse(node)}")
    assert not found


def spoil(storage: StackStorage, name: str, slots: str) -> None:
    """One bit of these slots rots."""
    for slot in slots:
        content = bytearray(storage.blobs[f"{name}.{slot}"])
        content[-1] ^= 1
        storage.blobs[f"{name}.{slot}"] = bytes(content)


@pytest.mark.parametrize("slot", ["a", "b"])
def test_a31_one_counter_record_lost(slot: str) -> None:
    """Either copy alone keeps every recorded frame out."""
    payload = Attacked()
    lines = [payload.send("ping") for _ in range(300)]
    payload.run(5.0)
    spoil(payload.blobs, ceiling_name(payload.keys.tc), slot)
    payload.boot_controller()
    payload.run(0.2)
    with payload.refuses(Refusal.REPLAY, times=len(lines)):
        payload.inject(b"".join(lines))


def test_a31_one_copy_ahead_of_the_other() -> None:
    """The higher one counts."""
    payload = Attacked()
    name = ceiling_name(payload.keys.tc)
    before = payload.blobs.blobs[f"{name}.a"]
    CeilingStore(payload.blobs, payload.keys.tc).save(5000)
    payload.blobs.blobs[f"{name}.a"] = before
    payload.boot_controller()
    payload.run(0.2)
    with payload.refuses(Refusal.REPLAY):
        payload.attack(payload.forge(payload.packet(), Forged(counter=4999)))


def test_a31_both_telecommand_counters_lost() -> None:
    """Nothing passes, old or new; the payload sits in SAFE and says so in telemetry."""
    payload = Attacked()
    lines = [payload.send("ping") for _ in range(20)]
    payload.run(0.5)
    spoil(payload.blobs, ceiling_name(payload.keys.tc), "ab")
    payload.boot_controller()
    payload.events.clear()
    payload.run(0.5)
    assert payload.housekeeping[1]["mode"] == "SAFE"
    assert "key-worn-out" in payload.events
    counts, served = payload.counts(), len(payload.told("alive"))
    payload.inject(b"".join(lines))
    fresh = [payload.forge(payload.packet(), Forged(counter=n)) for n in (0, 300, 1 << 40)]
    payload.attack(*fresh)
    assert payload.counts() - counts == Counter(frames_refused_exhausted=len(lines) + len(fresh))
    assert len(payload.told("alive")) == served


def test_a31_both_telemetry_counters_lost() -> None:
    """Not one frame goes down under a number that may have been used; telecommands still pass."""
    payload = Attacked()
    payload.run(0.5)
    spoil(payload.blobs, ceiling_name(payload.keys.tm), "ab")
    payload.boot_controller()
    heard: list[bytes] = []
    payload._hear = heard.append  # type: ignore[method-assign]
    payload.run(2.0)
    accepted = payload.controller._services.commanding.verification.accepted
    payload.attack(payload.good())
    assert not any(heard)
    assert payload.controller._services.commanding.verification.accepted == accepted + 1


def test_a31_all_counters_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A payload that could neither hear nor speak does not start, and one line says what to do."""
    keys = new_keys(1, os.urandom(96))
    state = tmp_path / "state"
    state.mkdir()
    for key in (keys.tc, keys.tm):
        for slot in "ab":
            (state / f"{ceiling_name(key)}.{slot}").write_bytes(b"rotten")
    assert started(tmp_path, flight_profile(), keys) == USER_ERROR
    assert "vanallen keys new" in capsys.readouterr().err.splitlines()[-1]


def spilled(content: bytes, keys: KeySet) -> bool:
    """Whether a key, as bytes, hex or base64, is in there."""
    for secret in (keys.tc.secret, keys.tm.secret, keys.master):
        if secret is None:
            continue
        forms = (secret, secret[:16], secret.hex().encode(), secret.hex().upper().encode())
        if any(
            form in content
            for form in (*forms, base64.b64encode(secret)[:40], repr(secret).encode())
        ):
            return True
    return False


def representations(thing: object, depth: int = 4) -> str:
    """`repr` of an object and of what it is made of, as a crash dump would show it."""
    text = repr(thing)
    if depth == 0:
        return text
    if is_dataclass(thing) and not isinstance(thing, type):
        parts = [getattr(thing, one.name, None) for one in fields(thing)]
    else:
        parts = list(getattr(thing, "__dict__", {}).values())
    whole = [part for part in parts if not isinstance(part, bytes)]  # their owner's repr tells
    return text + "".join(representations(part, depth - 1) for part in whole)


def test_a34_no_key_byte_in_anything_that_comes_out() -> None:
    """Neither telemetry, stored records, memory dumps, refusals nor `repr` show a byte of a key."""
    payload = Attacked()
    out: list[bytes] = []
    hear, take = payload._hear, payload._take
    payload._hear = lambda data: (out.append(data), hear(data))[1]  # type: ignore[method-assign]
    payload._take = lambda one: (out.append(one.data), take(one))[1]  # type: ignore[method-assign]
    payload.fly()
    after = next_keys(payload.keys, bytes(range(100, 164)), 1)
    payload.send("load-keys", wrapped=armed(payload, after))
    for region in payload.controller.memory_regions():
        payload.send("dump-region", region=region.name, offset=0, length=min(region.length, 4096))
    for name in ("report-keys", "report-regions", "report-parameters", "report-files"):
        payload.send(name)
    payload.attack(payload.forge(payload.packet(), Forged(secret=bytes(range(32)))))
    payload.run(5.0)
    everything = b"".join(out) + b"".join(payload.blobs.blobs.values())
    everything += (representations(payload.controller) + " ".join(payload.sentences)).encode()
    assert len(everything) > 100_000
    assert len(payload.told("region-dump")) == len(payload.controller.memory_regions())
    for keys in (payload.keys, after):
        assert not spilled(everything, keys)
    assert spilled(everything + payload.keys.tc.secret.hex().encode(), payload.keys)
