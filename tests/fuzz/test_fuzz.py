"""Whatever bytes come, every decoder gives a value or its own error, at once, and keeps nothing.

The C decoders are fuzzed by libFuzzer in tests/native/test_c_gates.py: a million inputs each.
"""

import time

import pytest

from flight_sw.board_link import messages as m
from flight_sw.errors import DecodeError
from tests.figures.scale import FUZZ_TIMES
from tests.fuzz import drive, engine
from tests.fuzz.inputs import Input, joined, with_length

# Inputs in CI, a million in all: each target gets a second or two, so the cheap ones get the most.
INPUTS = {
    "board_link": 110_000,
    "board_news": 1_500,
    "cfdp": 6_000,
    "cltu": 130_000,
    "commands": 800,
    "dictionary": 210_000,
    "inventory": 1_700,
    "model_file": 10_000,
    "model_update": 10_000,
    "packets": 230_000,
    "profile": 1_500,
    "sdls": 110_000,
    "tc_frame": 160_000,
    "telemetry": 3_500,
    "worker_pipe": 20_000,
}
ALIVE = ("board_news", "commands")  # a whole payload; its logs fill up to their limits first
GROWTH_BYTES_MAX = 64 << 10
FINDS = [(path.parent.name, path.name) for path in sorted(drive.DATA.glob("*/*"))]


def test_every_target_has_its_number_of_inputs():
    """A target that is added is fuzzed in CI too, and all together get a million inputs."""
    assert set(INPUTS) == set(drive.NAMES)
    assert sum(INPUTS.values()) >= 1_000_000


@pytest.mark.figure("F6")
@pytest.mark.parametrize("name", drive.NAMES)
def test_damaged_input_gives_a_value_or_the_right_error(name, figure):
    """Mutations of sound input raise nothing but what the target allows, each within a second."""
    drive.fuzz_here(name, INPUTS[name])
    figure("F6.python_inputs", INPUTS[name])
    figure("F6.foreign", 0)  # any is raised, with its input


@pytest.mark.parametrize(("name", "find"), FINDS)
def test_an_input_that_once_was_a_find_is_none_any_more(name, find):
    """Each input that ever broke a decoder is kept and passes."""
    with engine.timed(drive.target(name).run) as run:
        run((drive.DATA / name / find).read_bytes())


@pytest.mark.parametrize("name", [name for name in drive.NAMES if name not in ALIVE])
def test_decoders_keep_nothing_of_what_they_were_given(name):
    """The same inputs again do not need more memory."""
    assert drive.growth_bytes(name, 3) < GROWTH_BYTES_MAX


@pytest.mark.long
@pytest.mark.figure("F6")
@pytest.mark.parametrize("name", drive.NAMES)
def test_guided_fuzzing_finds_nothing(name, figure):
    """atheris, or without it more mutations under another seed, finds nothing in many more inputs."""
    done = drive.fuzz(name, FUZZ_TIMES.value * INPUTS[name], seed=int(time.time()))
    figure("F6.python_inputs", done.inputs)
    figure("F6.foreign", done.find is not None)
    assert done.find is None, done.find
    assert done.inputs >= FUZZ_TIMES.value * INPUTS[name]


def test_an_input_that_never_ends_is_a_find(monkeypatch):
    """The oracle sees a hang, or it would wait for ever."""
    monkeypatch.setattr(engine, "SLOW_S", 0.05)

    def hang(_: bytes) -> None:
        while True:
            pass

    with pytest.raises(engine.TooSlow), engine.timed(hang) as run:
        run(b"")


def test_another_exception_is_a_find_and_names_its_input(monkeypatch):
    """The oracle sees any exception that a target does not allow, and gives the input with it."""
    monkeypatch.setattr(drive.target("packets"), "run", lambda data: [][len(data)])
    with pytest.raises(IndexError) as found:
        drive.fuzz_here("packets", 10)
    assert "the input: " in found.value.__notes__[0]


def test_memory_that_is_kept_is_a_find(monkeypatch):
    """The oracle sees growth."""
    kept: list[bytes] = []
    monkeypatch.setattr(drive.target("packets"), "run", lambda data: kept.append(bytes(20_000)))
    assert drive.growth_bytes("packets", 3) > GROWTH_BYTES_MAX


def test_inputs_are_taken_apart_as_they_are_put_together():
    """Pieces come back whole, and what is missing is zero or empty."""
    given = Input(joined(b"one", b"", b"three"))
    assert given.pieces() == [b"one", b"", b"three"]
    assert (given.byte(), given.take(5), given.left) == (0, b"", 0)
    assert len(with_length(bytes(10))) == 12


@pytest.mark.parametrize(
    "message",
    [
        m.WantPart(1, 0, 1 << 21),
        m.PageHit("model", 1, 3, "MELTED", 1, 77, 90, ("standard",)),
        m.SubmitJob(1, 1, 1, b"", "standard\n"),
        m.Heartbeat(1, None, None, None, 0, at_rest=True, tick=-1),
        m.Region("x" * 2000, 0, 0),
        m.JobResult(1, 1, b"", float("nan"), 0, 0),
    ],
)
def test_a_message_out_of_range_is_no_message(message):
    """What would not fit telemetry, or the channel, is refused when it is decoded."""
    for decode in (m.decode_for_controller, m.decode_for_node):
        with pytest.raises(DecodeError):
            decode(m.encode(message))
