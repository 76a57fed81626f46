"""The rig's eyes and hands in the guest: publishes where protected memory lies, sends signals.

Not flight software: it stands for what a bench has on a real board, a debugger's probe. It talks by
a stretch of the RAM window that Linux does not own, so neither serial line carries any of it.

Layout, from the mailbox's start: at `OUT` a record of ours, at `IN` one of the rig's. A record is
length and CRC-32 (little endian), then JSON; a record whose CRC is wrong is being written.

An emulated processor has little to give: what is read ten times a second here is taken from the
node and the worker. Orders are looked for often, for that costs nothing; the rest seldom, and more
seldom still where a busy machine makes every round long.
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
ORDER_PERIOD_S = 0.1
REPORT_PERIOD_S = 0.3
REST = 9  # times as long as a round took: a tenth of one core at most
MAP_PERIOD_S = 0.5  # pages hardly ever move, but the kernel may move them
FILE_BYTES = 1 << 16  # more than any of the kernel's files that are read here
PAGE = 4096
PRESENT, FRAME = 1 << 63, (1 << 55) - 1
REGIONS = Path("/run/vanallen/regions.json")
CGROUP = "/sys/fs/cgroup/payload"
HEAD = struct.Struct("<II")


def main():
    """Publish and obey, for ever."""
    fd = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
    window = mmap.mmap(fd, SIZE, offset=WINDOW)
    done, outcome, mapped, due_s = 0, "", MemoryMap(), 0.0
    while True:
        now_s = time.monotonic()
        order = _take(window)
        if order and order["number"] != done:
            done, due_s = order["number"], now_s
            outcome = _obey(order)
        if now_s >= due_s:
            due_s = now_s + REPORT_PERIOD_S
            mapped.look(now_s)
            _put(window, _report(done, outcome), mapped.encoded)
        time.sleep(_rest_s(time.monotonic() - now_s))


def _rest_s(spent_s):
    """How long to stand still after a round that took so long."""
    return max(ORDER_PERIOD_S, REST * spent_s)


class MemoryMap:
    """Regions and frames as the record has them; made anew only when a page has moved.

    Decoding thousands of page entries all the time was a sixth of what an idle board computes.
    """

    def __init__(self):
        self.encoded = "[]"
        self._regions, self._stamp, self._due_s, self._raw = [], None, 0.0, None

    def look(self, now_s):
        """Read the map if the node wrote another, and now and then where its pages are."""
        stamp = _mtime()
        if stamp == self._stamp and now_s < self._due_s:
            return
        if stamp != self._stamp:
            self._stamp, self._regions, self._raw = stamp, _regions(), None
        self._due_s = now_s + MAP_PERIOD_S
        raw = [_pages_of(one["pid"], one["address"], one["length"]) for one in self._regions]
        if raw != self._raw:
            self._raw = raw
            found = zip(self._regions, map(_frames, raw), strict=True)
            lines = [{**region, "frames": frames} for region, frames in found if frames]
            self.encoded = json.dumps(lines, separators=(",", ":"))


def _take(window):
    length, crc = HEAD.unpack(window[IN : IN + HEAD.size])
    if not 0 < length < RECORD_BYTES:
        return None
    data = window[IN + HEAD.size : IN + HEAD.size + length]
    return json.loads(data) if zlib.crc32(data) == crc else None


def _put(window, record, regions):
    text = json.dumps(record, separators=(",", ":"))
    data = f'{text[:-1]},"regions":{regions}}}'.encode()
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


def _regions():
    try:
        return json.loads(REGIONS.read_text())
    except (OSError, ValueError):
        return []


def _pages_of(pid, address, length):
    """The kernel's words on these pages."""
    first, last = address // PAGE, (address + length - 1) // PAGE
    return _content(f"/proc/{pid}/pagemap", (last - first + 1) * 8, first * 8) or b""


def _frames(data):
    entries = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
    return [entry & FRAME if entry & PRESENT else 0 for entry in entries]


def _report(done, outcome):
    members = _pids()
    node = next((pid for pid, command in members if b"node" in command), None)
    workers = [pid for pid, command in members if b"flight_sw.inference.worker" in command]
    return {
        "up_s": _uptime(),
        "boot": _read("/run/vanallen/boots"),
        "node": node,
        "worker": max(workers, default=None),
        "cpu_s": _cpu_s(),
        "quota": _read(f"{CGROUP}/worker/cpu.max"),
        "done": done,
        "outcome": outcome,
    }


def _pids():
    members = []
    listed = [_read(f"{CGROUP}/{leaf}cgroup.procs") for leaf in ("", "node/", "worker/")]
    for word in " ".join(text or "" for text in listed).split():
        command, state = _content(f"/proc/{word}/cmdline"), _read(f"/proc/{word}/stat")
        if command and state and state.rpartition(")")[2].split()[0] not in "ZX":
            members.append((int(word), command.split(b"\0")))
    return members


def _cpu_s():
    for line in (_read(f"{CGROUP}/cpu.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / 1e6
    return 0.0


def _uptime():
    return float((_read("/proc/uptime") or "0").split()[0])


def _read(path):
    content = _content(path)
    return None if content is None else content.decode().strip()


def _content(path, limit=FILE_BYTES, offset=0):
    """A file by bare system calls: pathlib and text layers cost the board more than the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.pread(fd, limit, offset)
    except OSError:
        return None
    finally:
        os.close(fd)


if __name__ == "__main__":
    main()
