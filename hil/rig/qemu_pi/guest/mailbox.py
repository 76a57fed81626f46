"""The rig's eyes and hands in the guest: publishes where protected memory lies, sends signals.

Not flight software: it stands for what a bench has on a real board, a debugger's probe. It talks by
a stretch of the RAM window that Linux does not own, so neither serial line carries any of it.

Layout, from the mailbox's start: at `OUT` a record of ours, at `IN` one of the rig's. A record is
length and CRC-32 (little endian), then JSON; a record whose CRC is wrong is being written.
"""

import json
import mmap
import os
import struct
import time
import zlib
from pathlib import Path

# Behind the registers, which drivers have claimed: the kernel gives /dev/mem only what is nobody's.
WINDOW, SIZE = 0x3EF10000, 0xE0000
OUT, IN = 0x0, 0x70000
RECORD_BYTES = 0x60000
PERIOD_S = 0.1
MAP_PERIOD_S = 0.2  # pages hardly ever move, but the kernel may move them
PAGE = 4096
PRESENT, FRAME = 1 << 63, (1 << 55) - 1
REGIONS = Path("/run/vanallen/regions.json")
CGROUP = Path("/sys/fs/cgroup/payload")
HEAD = struct.Struct("<II")


def main():
    """Publish and obey, ten times a second, for ever."""
    fd = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
    window = mmap.mmap(fd, SIZE, offset=WINDOW)
    done, outcome, mapped_s, regions, stamp = 0, "", 0.0, [], None
    while True:
        order = _take(window)
        if order and order["number"] != done:
            done = order["number"]
            outcome = _obey(order)
        now = time.monotonic()
        seen = _mtime()
        if seen != stamp or now - mapped_s > MAP_PERIOD_S:
            stamp, mapped_s, regions = seen, now, _locate()
        _put(window, _report(regions, done, outcome))
        time.sleep(PERIOD_S)


def _take(window):
    length, crc = HEAD.unpack(window[IN : IN + HEAD.size])
    if not 0 < length < RECORD_BYTES:
        return None
    data = window[IN + HEAD.size : IN + HEAD.size + length]
    return json.loads(data) if zlib.crc32(data) == crc else None


def _put(window, record):
    data = json.dumps(record, separators=(",", ":")).encode()
    window[OUT : OUT + HEAD.size] = HEAD.pack(0, 0)
    window[OUT + HEAD.size : OUT + HEAD.size + len(data)] = data
    window[OUT : OUT + HEAD.size] = HEAD.pack(len(data), zlib.crc32(data))


def _obey(order):
    try:
        os.kill(order["pid"], order["signal"])
    except OSError as error:
        return error.strerror
    return ""


def _mtime():
    try:
        return REGIONS.stat().st_mtime_ns
    except OSError:
        return None


def _locate():
    """Every region with the physical frames of its pages."""
    try:
        regions = json.loads(REGIONS.read_text())
    except (OSError, ValueError):
        return []
    found = []
    for region in regions:
        frames = _frames_of(region["pid"], region["address"], region["length"])
        if frames:
            found.append({**region, "frames": frames})
    return found


def _frames_of(pid, address, length):
    first, last = address // PAGE, (address + length - 1) // PAGE
    try:
        with Path(f"/proc/{pid}/pagemap").open("rb", buffering=0) as file:
            file.seek(first * 8)
            data = file.read((last - first + 1) * 8)
    except OSError:
        return []
    entries = struct.unpack(f"<{len(data) // 8}Q", data)
    return [entry & FRAME if entry & PRESENT else 0 for entry in entries]


def _report(regions, done, outcome):
    members = _pids()
    node = next((pid for pid, command in members if b"node" in command), None)
    workers = [pid for pid, command in members if b"flight_sw.inference.worker" in command]
    return {
        "up_s": _uptime(),
        "boot": _read("/run/vanallen/boots"),
        "node": node,
        "worker": max(workers, default=None),
        "cpu_s": _cpu_s(),
        "quota": _read(CGROUP / "worker/cpu.max"),
        "regions": regions,
        "done": done,
        "outcome": outcome,
    }


def _pids():
    members = []
    listed = [
        _read(place / "cgroup.procs") for place in (CGROUP, CGROUP / "node", CGROUP / "worker")
    ]
    for word in " ".join(text or "" for text in listed).split():
        try:
            command = Path(f"/proc/{word}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{word}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state not in "ZX":
            members.append((int(word), command))
    return members


def _cpu_s():
    for line in (_read(CGROUP / "cpu.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    return 0.0


def _uptime():
    return float((_read("/proc/uptime") or "0").split()[0])


def _read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


if __name__ == "__main__":
    main()
