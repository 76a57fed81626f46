"""Hits on the voted state of both programs, between two steps and in the middle of one."""

import ctypes
import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("stack", Path(__file__).with_name("stack.py"))
stack_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stack_module)
Stack = stack_module.Stack

# By program: what its step does after it voted, so a hit there meets the reads that follow.
LATER = {"controller": "_hear_ground", "node": "_hear_controller"}


@pytest.fixture
def flying():
    """A payload in NOMINAL with its model loaded."""
    stack = Stack()
    stack.fly()
    assert stack.housekeeping[1]["mode"] == "NOMINAL"
    return stack


def strike(program, copies):
    """Turn over the same bit in some of the three copies."""
    places = [one for one in program.memory_regions() if one.name.startswith("voted-")]
    for copy in copies:
        ctypes.c_uint8.from_address(places[copy].address).value ^= 0x04


def strike_within_a_step(monkeypatch, stack, name, copies):
    """The next step is hit after its vote, before it reads the state again."""
    program = getattr(stack, name)
    real = getattr(program, LATER[name])

    def later(*args):
        monkeypatch.undo()
        strike(program, copies)
        return real(*args)

    monkeypatch.setattr(program, LATER[name], later)


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("copy", range(3))
def test_a_hit_on_one_copy_is_outvoted_and_told(flying, name, copy):
    """Between two steps: one event, and the payload flies on."""
    strike(getattr(flying, name), [copy])
    flying.run(0.5)
    assert flying.events.count("vote-repaired") == 1
    assert flying.controller.mode.name == "NOMINAL"


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("copy", range(3))
def test_a_hit_within_a_step_is_told_too(flying, monkeypatch, name, copy):
    """Whichever read mends the copy, or whatever is written over it: the next vote tells."""
    strike_within_a_step(monkeypatch, flying, name, [copy])
    flying.run(0.5)
    assert flying.events.count("vote-repaired") == 1
    assert flying.controller.mode.name == "NOMINAL"


@pytest.mark.parametrize("name", LATER)
def test_a_lost_vote_within_a_step_ends_as_between_two(flying, monkeypatch, name):
    """Two copies hit alike: the controller goes to SAFE and says why, the node takes the next order."""
    strike_within_a_step(monkeypatch, flying, name, [0, 1])
    flying.run(2.0)
    assert flying.events.count("vote-lost") == 1
    if name == "controller":
        assert flying.controller.mode.name == "SAFE"
        assert "Mode BOOT → SAFE: voted record lost its vote" in flying.sentences
    else:
        assert flying.controller.mode.name == "NOMINAL"
