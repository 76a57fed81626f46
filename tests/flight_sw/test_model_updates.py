"""A model update from telecommand to trial, through both links, with the real runtime on the board.

Ground, controller and node on a virtual clock; the model store is a real folder.
"""

import hashlib
import zlib

import numpy as np
import pytest

from flight_sw.board_updates import KEEP_PERIOD_S, STARTS_MAX
from flight_sw.dictionary.reason import Reason
from flight_sw.inference import worker_messages as w
from flight_sw.inference.compiled import Guarding, compile_bundle
from flight_sw.inference.store import ModelStore
from hil.applications.models import find_model
from hil.model_upload import pack_model
from tests.flight_sw.conftest import packed
from tests.flight_sw.shelf_stack import ShelfStack

SOURCE = find_model("telemetry-anomaly")
CHUNK = 16_384
FILE = 3
WITHIN_S = 20.0
INPUT = np.random.default_rng(5).normal(0, 30, 18).astype("<f4").tobytes()


class UpdateStack(ShelfStack):
    """Uploads, installs and asks."""

    def upload(self, content: bytes, file: int = FILE) -> None:
        """Into a file slot, chunk by chunk."""
        digest = hashlib.sha256(content).digest()
        self.send("begin-file", slot=file, size=len(content), chunk=CHUNK, digest=digest)
        for number in range(-(-len(content) // CHUNK)):
            data = content[number * CHUNK : (number + 1) * CHUNK]
            self.send("write-chunk", slot=file, chunk=number, data=data)
            self.run(0.1)

    def install(self, slot: int = 1, within: float = WITHIN_S) -> None:
        """Ask for the update in the file slot, and give it time."""
        self.send("install-model", model=slot, file=FILE, within=within)
        self.run(3.0)

    def answer(self, job: int, protection: str = "standard", slot: int = 1) -> float | None:
        """What the model in a slot says to the usual input."""
        self.send(
            "submit-job",
            job=job,
            model=slot,
            protection=protection,
            priority=1,
            deadline=60.0,
            input=INPUT,
        )
        self.run(3.0)
        found = [r["output"] for r in self.told("result") if r["job"] == job]
        return float(np.frombuffer(found[-1], "<f4")[0]) if found else None

    @property
    def last(self) -> tuple[str, str]:
        """State and reason of the last thing said about an update."""
        told = self.told("model-update")[-1]
        return told["state"], Reason(told["reason"]).name if told["reason"] else ""


@pytest.fixture
def flying(versions, tmp_path) -> UpdateStack:
    """In NOMINAL with version 1 in slot 1."""
    ModelStore(tmp_path / "store").install(versions[0], 1)
    stack = UpdateStack(tmp_path)
    stack.fly()
    stack.run(1.0)
    return stack


def test_an_update_goes_up_serves_on_trial_and_is_kept(flying, versions) -> None:
    """Every class is there again, and after the confirmation nothing undoes it, not even a restart."""
    before = flying.answer(1)
    flying.upload(versions[2])
    flying.install()
    assert flying.last == ("ON_TRIAL", "")
    after = flying.answer(2)
    assert after is not None
    assert after != before
    assert flying.answer(3, "high") == pytest.approx(after, rel=1e-5)
    flying.send("confirm-model", model=1)
    flying.run(WITHIN_S + 5)
    assert flying.last == ("CONFIRMED", "")
    flying.send("power-cycle-board")
    flying.run(5.0)
    assert flying.answer(4) == after
    assert not flying.told("withdrawal")


def test_an_update_that_nobody_confirms_is_undone(flying, versions) -> None:
    """In its time, and the first answer is the answer again."""
    before = flying.answer(1)
    flying.upload(versions[2])
    flying.install()
    assert flying.answer(2) != before
    flying.run(WITHIN_S)
    assert flying.last == ("ROLLED_BACK", "")
    assert flying.answer(3) == before
    flying.send("confirm-model", model=1)
    flying.run(0.5)
    assert flying.last == ("NO_TRIAL", "")


def test_the_time_of_a_trial_goes_on_after_a_restart(flying, versions) -> None:
    """A power cut neither ends nor renews it; what is left is told to the ground."""
    before = flying.answer(1)
    flying.upload(versions[2])
    flying.install()
    flying.run(6.0)
    flying.send("power-cycle-board")
    flying.run(4.0)
    assert flying.last == ("ON_TRIAL", "")
    left = flying.told("model-update")[-1]["left"]
    assert WITHIN_S - 13 < left < WITHIN_S - 6 + KEEP_PERIOD_S
    assert flying.answer(2) != before
    flying.run(left)
    assert flying.last == ("ROLLED_BACK", "")
    assert flying.answer(3) == before


def test_a_trial_that_sees_too_many_starts_is_undone(flying, versions) -> None:
    """A model that brings the board down must not do so until its time is up."""
    before = flying.answer(1)
    flying.upload(versions[2])
    flying.install(within=600.0)
    for _ in range(STARTS_MAX):
        flying.send("power-cycle-board")
        flying.run(3.0)
    assert flying.answer(2) == before


def test_rolling_back_on_order_empties_a_slot_that_was_empty(flying, versions) -> None:
    """A first model in a slot goes as it came, and jobs for it are refused."""
    flying.upload(versions[2])
    flying.install(slot=5)
    assert flying.answer(1, slot=5) is not None
    flying.send("roll-back-model", model=5)
    flying.run(2.0)
    assert flying.last == ("ROLLED_BACK", "")
    assert flying.answer(2, slot=5) is None
    assert flying.answer(3) is not None


def test_the_same_model_in_two_slots_keeps_its_regions_apart(flying, versions, tmp_path) -> None:
    """Two slots may hold one model: their regions have names of their own."""
    flying.upload(packed(versions[0], tmp_path / "again"))
    flying.install(slot=2)
    assert flying.last == ("ON_TRIAL", "")
    names = [region.name for region in flying.node.memory_regions()]
    assert len(names) == len(set(names))
    assert flying.answer(1, slot=2) == flying.answer(2, slot=1)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[: len(data) // 2], "BAD_FORMAT"),
        (lambda data: b"not a model at all", "BAD_FORMAT"),
        (lambda data: zlib.compress(bytes(80 << 20), 9), "TOO_LARGE"),
        (lambda data: zlib.compress(zlib.decompress(data).replace(b"w.bin", b"x.bin")), "FOREIGN"),
        (lambda data: zlib.compress(zlib.decompress(data)[:-1] + b"\x7f"), "WRONG_ANSWER"),
    ],
    ids=["cut short", "rubbish", "bomb", "file elsewhere", "another answer"],
)
def test_a_bad_update_is_refused_with_its_reason(flying, versions, spoil, reason) -> None:
    """The model that serves stays, and serves."""
    before = flying.answer(1)
    flying.upload(spoil(versions[2]))
    flying.install()
    state, why = flying.last
    assert (state, why[: len(reason)]) == ("REFUSED", reason)
    assert flying.answer(2) == before
    assert "update-refused" in flying.events


def test_a_model_with_other_inputs_is_refused(flying, tmp_path) -> None:
    """Jobs for the slot would not fit it."""
    source = find_model("hotspot")
    compile_bundle(source, tmp_path / "hotspot", zlib.crc32, Guarding())
    flying.upload(packed(tmp_path / "hotspot", tmp_path / "m"))
    flying.install()
    assert flying.last == ("REFUSED", "WRONG_SHAPE")


def test_an_update_that_kills_the_worker_is_refused(flying, versions) -> None:
    """The board lives, and the model serves on."""
    before = flying.answer(1)
    flying.upload(versions[2])
    flying.worker.dies_on = w.Rehearse
    flying.install()
    assert flying.last == ("REFUSED", "MODEL_FAILED")
    assert flying.answer(2) == before


def test_no_file_no_bytes_and_no_board_are_refused_at_once(flying, versions) -> None:
    """Each with its own reason on the link."""
    flying.send("install-model", model=1, file=FILE, within=WITHIN_S)
    flying.run(0.5)
    flying.controller._services.files.put(4, b"")
    flying.send("install-model", model=1, file=4, within=WITHIN_S)
    flying.run(0.5)
    flying.upload(versions[2])
    flying.board_frozen = True
    flying.run(2.0)
    flying.send("install-model", model=1, file=FILE, within=WITHIN_S)
    flying.run(0.5)
    reasons = [Reason(r["reason"]) for r in flying.told("failed")]
    assert reasons == [Reason.NO_SUCH_ENTRY, Reason.EMPTY, Reason.BOARD_AWAY]


def test_a_second_update_waits_for_the_end_of_the_first_trial(flying, versions) -> None:
    """BUSY, and the trial goes on."""
    flying.upload(versions[2])
    flying.install()
    flying.install()
    assert flying.last == ("REFUSED", "BUSY")
    flying.send("confirm-model", model=1)
    flying.run(0.5)
    assert flying.last == ("CONFIRMED", "")


def test_a_board_that_loses_power_anywhere_on_the_way_has_one_whole_model(flying, versions) -> None:
    """The ground hears of it and asks again: the file is still in its slot."""
    before = flying.answer(1)
    flying.upload(versions[2])
    for steps in (1, 3, 5, 8, 12, 20):
        flying.send("install-model", model=1, file=FILE, within=WITHIN_S)
        flying.run(steps * 0.02)
        flying.boot_board()
        flying.run(4.0)
        assert flying.answer(100 + steps) is not None
        flying.send("roll-back-model", model=1)
        flying.run(3.0)
        assert flying.answer(200 + steps) == before
    flying.install()
    assert flying.last == ("ON_TRIAL", "")


def test_jobs_on_their_way_during_a_change_are_answered_by_one_model_or_the_other(
    flying, versions
) -> None:
    """None is lost, none is answered twice."""
    before = flying.answer(1)
    flying.upload(versions[2])
    flying.send("install-model", model=1, file=FILE, within=WITHIN_S)
    for job in range(10, 40):
        flying.send(
            "submit-job",
            job=job,
            model=1,
            protection="standard",
            priority=1,
            deadline=60.0,
            input=INPUT,
        )
        flying.run(0.04)
    flying.run(3.0)
    after = flying.answer(99)
    answers = {}
    for told in flying.told("result"):
        assert told["job"] not in answers
        answers[told["job"]] = float(np.frombuffer(told["output"], "<f4")[0])
    assert set(answers) == {1, 99, *range(10, 40)}
    assert set(answers.values()) == {before, after}


def test_golden_shards_that_rot_on_storage_are_found_and_mended(flying, monkeypatch) -> None:
    """Before anybody needs them; a copy beyond mending comes back from the live bytes."""
    golden = flying.folder / "store"
    shards = sorted(golden.rglob("golden/*.shard"))
    assert len(shards) >= 11
    right = {shard: shard.read_bytes() for shard in shards}
    monkeypatch.setattr("flight_sw.board_golden.PERIOD_S", 0.04)
    flying.run(5.0)  # the first order waits for the usual period
    for count in (1, 5):  # parity mends three of eleven; more come back from verified live weights
        for shard in shards[:count]:
            data = bytearray(right[shard])
            data[len(data) // 2] ^= 8
            shard.write_bytes(data)
        flying.run(4.0)
        assert {shard: shard.read_bytes() for shard in shards} == right
    assert flying.events.count("golden-mended") == 2
    assert "golden-lost" not in flying.events


def test_a_language_model_goes_up_like_any_other_and_answers(flying) -> None:
    """Tokenizer and all, into an empty slot; tensors and questions each find their own model."""
    pytest.importorskip("tokenizers")
    flying.upload(pack_model(find_model("telemetry-text"), Guarding()))
    flying.send("install-model", model=2, file=FILE, within=60.0)
    flying.run(20.0)
    assert flying.last == ("ON_TRIAL", "")
    question = {"protection": "standard", "priority": 1, "deadline": 9.0, "tokens": 9, "seed": 0}
    flying.send("ask-model", job=70, model=2, temperature=0.0, prompt=b"Hot?", **question)
    flying.run(1.0)
    (answer,) = [r for r in flying.told("result") if r["job"] == 70]
    assert answer["output"].decode()
    assert flying.answer(71) is not None


@pytest.mark.parametrize(("file", "why"), [("manifest.json", "files"), ("o.onnx", "digest")])
def test_a_stored_model_that_cannot_be_read_is_named_and_an_upload_serves_again(
    file, why, flying, versions
) -> None:
    """A slot that is filled and serves nothing must not look like an empty one."""
    (flying.folder / "store" / "slot-01" / file).write_bytes(b"rot")
    flying.send("power-cycle-board")
    flying.run(5.0)
    assert flying.sentences.count(f"Model 1 does not load: {why}") == 1
    assert flying.answer(1) is None
    flying.upload(versions[2])
    flying.install()
    assert flying.last == ("ON_TRIAL", "")
    assert flying.answer(2) is not None
