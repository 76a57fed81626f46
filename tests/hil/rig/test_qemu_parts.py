"""The silicon and the memory window of the QEMU Pi, without QEMU."""

import fcntl
import json
import os
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.faults.memory import flip_bit, read_byte
from hil.rig.qemu_pi import process
from hil.rig.qemu_pi.initramfs import pack, resolve
from hil.rig.qemu_pi.machine import quota_share
from hil.rig.qemu_pi.mailbox import IN, OUT, GuestRegion, Mailbox
from hil.rig.qemu_pi.mirror import PAGE, Mirror, runs
from hil.rig.qemu_pi.ram import RSTC, RSTS, THERMAL, WDOG, GuestRam, PowerBlock, Request

PASSWORD = 0x5A000000
FULL_RESET = PASSWORD | 0x20
TICKS_PER_S = 65_536


@pytest.fixture
def ram(tmp_path):
    """A power-on's memory, sparse."""
    ram = GuestRam(tmp_path / "ram")
    yield ram
    ram.close()


def arm(ram, seconds):
    """What bcm2835_wdt writes when it is opened or fed."""
    ram.write(WDOG, PASSWORD | int(seconds * TICKS_PER_S))
    ram.write(RSTC, FULL_RESET)


def test_the_watchdog_bites_once_it_is_no_longer_fed(ram):
    """Armed for 5 s, fed at 4 s, it bites at 9 s and says so in the status register."""
    block = PowerBlock(ram)
    assert block.tick(0.0) is None
    assert block.time_left_s(0.0) is None
    arm(ram, 5)
    assert block.tick(0.0) is None
    arm(ram, 5)
    assert block.tick(4.0) is None
    assert block.time_left_s(4.0) == pytest.approx(5.0)
    assert block.tick(8.9) is None
    assert block.tick(9.0) is Request.RESET
    assert ram.read(RSTS) & 0x20
    assert block.tick(100.0) is None


def test_a_disarmed_watchdog_never_bites(ram):
    """The magic close stops it."""
    block = PowerBlock(ram)
    arm(ram, 1)
    block.tick(0.0)
    ram.write(RSTC, PASSWORD | 0x102)
    assert block.tick(0.5) is None
    assert block.tick(1000.0) is None


def test_power_off_is_told_from_a_reset(ram):
    """Linux asks for partition 63 before it lets the counter run out."""
    block = PowerBlock(ram)
    ram.write(RSTS, PASSWORD | 0x555)
    arm(ram, 0.001)
    block.tick(0.0)
    assert block.tick(1.0) is Request.HALT


def test_the_sensor_reads_what_was_set_to_its_step(ram):
    """Linux computes 412 °C minus 0.538 K for each count."""
    for temp_c in (-20.0, 25.0, 84.0, 95.0):
        ram.set_temperature(temp_c)
        code = ram.read(THERMAL + 4) & 0x3FF
        assert 412.0 - 0.538 * code == pytest.approx(temp_c, abs=0.27)


def test_a_guests_pages_are_one_region_again_and_a_flip_lands_in_its_ram(ram):
    """Three frames out of order look like one stretch; a bit flipped there is flipped in the guest."""
    frames = (700, 300, 301)
    for index, frame in enumerate(frames):
        ram.bytes[frame * PAGE : (frame + 1) * PAGE] = bytes([index + 1]) * PAGE
    mirror = Mirror(ram)
    region = GuestRegion("weights:x", 42, 0x7F0000000010, 2 * PAGE + 100, frames)
    mirror.show([region])
    (seen,) = mirror.regions
    assert seen.pid == os.getpid()
    assert [read_byte(seen.pid, seen.address + at) for at in (0, PAGE, 2 * PAGE)] == [1, 2, 3]
    assert flip_bit(seen.pid, seen.address + PAGE, 7).landed
    assert ram.bytes[300 * PAGE + 0x10] == 2 ^ 0x80
    mirror.close()
    assert read_byte(seen.pid, seen.address) is None


def test_a_region_with_a_missing_page_is_not_shown(ram):
    """What is not in memory cannot be hit."""
    mirror = Mirror(ram)
    mirror.show([GuestRegion("weights:x", 42, 0x1000, 2 * PAGE, (5, 0))])
    assert mirror.regions == []


@given(st.lists(st.integers(1, 60), max_size=40))
def test_runs_cover_every_frame_once(frames):
    """Grouping neighbours loses nothing and repeats nothing."""
    pages = [
        (first + step, frame + step)
        for first, count, frame in runs(frames)
        for step in range(count)
    ]
    assert pages == list(enumerate(frames))


def test_the_mailbox_believes_whole_records_only(ram):
    """A record whose sum is wrong is one that is being written; the last whole one holds."""
    box = Mailbox(ram)
    assert box.state() is None
    state = {
        "up_s": 1.5,
        "boot": "1",
        "node": 7,
        "worker": None,
        "cpu_s": 0.5,
        "quota": "max 100000",
        "regions": [],
        "done": 0,
        "outcome": "",
    }
    data = json.dumps(state).encode()
    ram.bytes[OUT : OUT + 8] = struct.pack("<II", len(data), zlib.crc32(data))
    ram.bytes[OUT + 8 : OUT + 8 + len(data)] = data
    assert box.state().node == 7
    ram.bytes[OUT : OUT + 8] = struct.pack("<II", len(data), 1)
    assert box.state().node == 7
    box.forget()
    assert box.state() is None


def test_orders_are_numbered_so_that_each_is_obeyed_once(ram):
    """The guest compares the number with the last one it obeyed."""
    box = Mailbox(ram)
    assert [box.order_signal(7, 11), box.order_signal(8, 19)] == [1, 2]
    length, crc = struct.unpack("<II", ram.bytes[IN : IN + 8])
    data = ram.bytes[IN + 8 : IN + 8 + length]
    assert zlib.crc32(data) == crc
    assert json.loads(data) == {"number": 2, "pid": 8, "signal": 19}


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("max 100000", 1.0),
        ("25000 100000", 0.25),
        (None, 1.0),
        ("x", 1.0),
        ("1 0", 1.0),
        ("400000 100000", 1.0),
    ],
)
def test_a_quota_reads_as_a_share_of_a_core(text, share):
    """Whatever the guest says, the share is between nothing and one."""
    assert quota_share(text) == share


def test_modules_come_after_what_they_need(tmp_path):
    """Dependencies are read from the modules themselves; the archive is the same every time."""
    folder = tmp_path / "lib/modules/6.1/kernel"
    folder.mkdir(parents=True)
    for name, needs in (
        ("ext4", b"mbcache,jbd2"),
        ("jbd2", b""),
        ("mbcache", b""),
        ("crc32c_generic", b""),
    ):
        (folder / f"{name}.ko").write_bytes(b"\0depends=" + needs + b"\0")
    order = [module.name for module in resolve(tmp_path, ("ext4", "not-there"))]
    assert order.index("ext4") == len(order) - 1
    assert set(order) == {"ext4", "jbd2", "mbcache", "crc32c_generic"}
    (tmp_path / "busybox").write_bytes(b"ELF")
    (tmp_path / "init").write_text("#!/bin/sh\n")
    first = pack(tmp_path, tmp_path / "busybox", tmp_path / "init")
    assert pack(tmp_path, tmp_path / "busybox", tmp_path / "init") == first


def test_two_programs_never_make_the_card_at_once(tmp_path, monkeypatch):
    """Whoever builds holds the cache's lock until the card is there, and gives it back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    seen = []

    def is_free(folder):
        with (folder / process.LOCK).open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    monkeypatch.setattr(process, "build", lambda folder, _say: seen.append(is_free(folder)))
    process.build_image(seen.append)
    assert seen == [False]
    assert is_free(process.image_folder())
