"""The schedule through power cuts: nothing lost, nothing run twice, in virtual time."""

import importlib.util
import random
from collections import Counter
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("stack", Path(__file__).with_name("stack.py"))
stack_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stack_module)
Stack, PowerCut = stack_module.Stack, stack_module.PowerCut

ENTRIES = 12
RECORD_BYTES = 20  # of the controller's voted record
RANGES = [(at, n) for at in range(RECORD_BYTES) for n in range(1, RECORD_BYTES + 1 - at)]
# Telecommands whose answers differ, so that the ground sees which one ran.
PROBES = [
    (name, f"voted-{copy}:payload", *span)
    for name in ("dump-region", "check-region")
    for copy in "abc"
    for span in RANGES
][:1000]


def insert(stack, entry, release_s):
    name, region, offset, length = PROBES[entry]
    body = stack.telecommand(name, region=region, offset=offset, length=length).pack()
    stack.send("insert-entry", entry=entry, group=0, release=release_s, packet=body)


def filled(entries=ENTRIES, after_s=1.0, apart_s=0.05):
    stack = Stack()
    stack.run(0.2)
    first_s = stack.clock_s + after_s
    for entry in range(entries):
        insert(stack, entry, first_s + apart_s * entry)
        if entry % 15 == 14:
            stack.run(0.02)
    stack.run(0.3)
    assert stack.told("failed") == []
    assert stack.told("not-accepted") == []
    return stack


def ran(stack):
    dumps = [
        ("dump-region", values["region"], values["offset"], len(values["data"]))
        for values in stack.told("region-dump")
    ]
    sums = [
        ("check-region", values["region"], values["offset"], values["length"])
        for values in stack.told("region-checksum")
    ]
    return Counter(PROBES.index(probe) for probe in dumps + sums)


def interrupted(stack):
    return {
        int(sentence.split()[2]) for sentence in stack.sentences if "will not run again" in sentence
    }


def fly_to_the_end(stack, seconds):
    """Run; after each power cut the payload boots again."""
    end = stack.now + seconds
    cuts = 0
    while stack.now < end - 1e-9:
        try:
            stack.run(min(0.1, end - stack.now))
        except PowerCut:
            cuts += 1
            stack.boot_controller()
    return cuts


def writes_of_one_flight():
    stack = filled()
    before = stack.storage.writes
    fly_to_the_end(stack, 3.0)
    assert ran(stack) == Counter(range(ENTRIES))
    return stack.storage.writes - before


@pytest.mark.parametrize("cut_after", [False, True])
def test_power_cut_at_every_write_loses_nothing_and_repeats_nothing(cut_after):
    """Each entry runs once; if its own DONE mark was cut, it is named instead of run again."""
    doubts = 0
    for cut in range(writes_of_one_flight()):
        stack = filled()
        stack.storage.cut_in, stack.storage.cut_after = cut, cut_after
        assert fly_to_the_end(stack, 4.0) == 1
        seen = ran(stack)
        assert all(count == 1 for count in seen.values()), (cut, seen)
        missing = set(range(ENTRIES)) - set(seen)
        assert missing <= interrupted(stack), (cut, missing)
        doubts += len(missing)
    assert (doubts > 0) is cut_after  # or the test would not have hit the narrow case


def test_thousand_entries_survive_many_power_cuts():
    """1,000 entries and 60 cuts at random writes: nothing lost, nothing run twice."""
    chance = random.Random(11)
    stack = filled(1000, after_s=3.0, apart_s=0.02)
    stack.send("report-schedule")
    stack.run(0.1)
    assert stack.told("schedule-state")[-1]["entries"] == 1000
    cuts = 0
    for _ in range(60):
        stack.storage.cut_in = chance.randrange(12)
        stack.storage.cut_after = chance.random() < 0.5
        cuts += fly_to_the_end(stack, 0.3)
    stack.storage.cut_in = None
    fly_to_the_end(stack, 8.0)
    seen = ran(stack)
    assert cuts > 40
    assert all(count == 1 for count in seen.values())
    assert set(range(1000)) - set(seen) <= interrupted(stack)
    assert len(seen) >= 950


def test_outage_longer_than_the_limit_leaves_entries_out():
    """Found 10 minutes late, an entry is missed and told; a later one still runs."""
    stack = filled(2, after_s=1.0, apart_s=700.0)
    stack.now += 601.0
    stack.boot_controller()
    stack.run(0.5)
    assert "schedule-missed" in stack.events
    assert ran(stack) == Counter()
    stack.now += 100.0
    stack.run(0.5)
    assert ran(stack) == Counter([1])


def test_storage_that_refuses_holds_releases_back():
    """Without a durable mark nothing is released; when storage works again, each runs once."""
    stack = filled()
    stack.storage.fails = True
    stack.run(4.0)
    assert ran(stack) == Counter()
    assert "storage-failed" in stack.events
    stack.storage.fails = False
    stack.run(3.0)
    assert ran(stack) == Counter(range(ENTRIES))
    assert "storage-works" in stack.events


@pytest.mark.parametrize("step_s", [7200.0, -7200.0])
def test_wall_clock_step_moves_no_entry(step_s):
    """Two hours forward or back change time stamps and the flag, and no release."""
    stack = filled()
    stack.wall_by_s = step_s
    stack.run(0.5)
    assert ran(stack) == Counter()
    stack.run(2.0)
    assert ran(stack) == Counter(range(ENTRIES))
    assert "time-suspect" in stack.events
