"""What a power cut may leave: every subset of unsynced operations, torn writes, flipped bits."""

import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from hil.faults.disk import Disk, Kind, Op
from hil.kernel import stream

SUBSETS_OF_MAX = 6  # unsynced operations whose every subset is tried; of more, a sample
SAMPLE = 48

# Path below the root to content: bytes of a file, None for a folder, ("link", target).
Entry = bytes | None | tuple[str, str]
Tree = tuple[tuple[str, Entry], ...]


@dataclass(frozen=True, slots=True)
class State:
    """One disk after a power cut: after `at` operations, under a failure model."""

    at: int
    model: str
    tree: Tree


@dataclass(slots=True)
class Replay:
    """Operations so far: what is durable, and what is not yet."""

    disk: Disk
    durable: dict[int, bytes | dict[str, int]]
    pending: list[Op] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)

    def take(self, op: Op) -> None:
        """The next operation; a sync makes what it covers durable."""
        if op.kind is not Kind.SYNC:
            self.pending.append(op)
            return
        if op.failed:
            # Linux marks a file's pages clean after a failed fsync: a later one does not save them.
            self.lost |= {op.node} - self.folders
        if op.failed or op.node in self.lost:
            return
        for change in self.pending:
            if change.node == op.node:
                _apply(self.durable, change)
        self.pending = [change for change in self.pending if change.node != op.node]

    @property
    def folders(self) -> set[int]:
        """Nodes that hold names."""
        return {node for node, content in self.durable.items() if isinstance(content, dict)}

    def tree(self, changes: list[Op]) -> Tree:
        """The disk with these changes on top of what is durable."""
        content = {n: dict(c) if isinstance(c, dict) else c for n, c in self.durable.items()}
        for change in changes:
            _apply(content, change)
        return tuple(sorted(self._walk(content, 0, "")))

    def _walk(self, content: dict, node: int, path: str) -> Iterator[tuple[str, Entry]]:
        for name, child in content[node].items():
            here = f"{path}{name}"
            if child in self.disk.links:
                yield here, ("link", self.disk.links[child])
            elif isinstance(content[child], dict):
                yield here, None
                yield from self._walk(content, child, here + "/")
            else:
                yield here, content[child]


def crash_states(disk: Disk, *, every_byte_to: int, first: int = 0) -> Iterator[State]:
    """Every disk that a cut may leave at or after operation `first`; torn at each byte if short."""
    replay = Replay(disk, dict(disk.base))
    for at in range(len(disk.ops) + 1):
        if at >= first:
            yield from _unsynced(replay, at)
            if at < len(disk.ops):
                yield from _torn(replay, at, disk.ops[at], every_byte_to)
        if at < len(disk.ops):
            replay.take(disk.ops[at])


def last_state(disk: Disk) -> State:
    """The disk when nothing was cut."""
    replay = Replay(disk, dict(disk.base))
    for op in disk.ops:
        replay.take(op)
    return State(len(disk.ops), "no cut", replay.tree(replay.pending))


def rotten(state: State, *, every_byte_to: int) -> Iterator[tuple[str, State]]:
    """One bit flipped in one file at a time; and which file."""
    for number, (path, content) in enumerate(state.tree):
        if not isinstance(content, bytes):
            continue
        for at in positions(len(content), every_byte_to):
            rot = bytearray(content)
            if at >= len(rot):
                continue
            rot[at] ^= 1 << at % 8
            tree = (*state.tree[:number], (path, bytes(rot)), *state.tree[number + 1 :])
            yield path, replace(state, model=f"bit rot in {path} at {at}", tree=tree)


def lay_out(tree: Tree, folder: Path) -> None:
    """Make a folder hold exactly this."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for path, content in tree:
        here = folder / path
        if content is None:
            here.mkdir(mode=0o700)
        elif isinstance(content, tuple):
            here.symlink_to(content[1])
        else:
            fd = os.open(here, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(fd, content)
            os.close(fd)


def positions(size: int, every_byte_to: int) -> list[int]:
    """Where to tear or flip: at every byte of short content, else at both ends and between."""
    if size <= every_byte_to:
        return list(range(size + 1))
    step = size // every_byte_to + 1 if every_byte_to else size
    return sorted({0, 1, size // 2, size - 1, size, *range(0, size, step)})


def _unsynced(replay: Replay, at: int) -> Iterator[State]:
    """Any subset of what was not synced may have reached the disk, each file in its own order."""
    pending = replay.pending
    if len(pending) <= SUBSETS_OF_MAX:
        chosen = list(itertools.product((False, True), repeat=len(pending)))
    else:
        chance = stream(at, "unsynced")
        chosen = [(flag,) * len(pending) for flag in (False, True)]
        chosen += [tuple(n != out for n in range(len(pending))) for out in range(len(pending))]
        chosen += [tuple(chance.random() < 0.5 for _ in pending) for _ in range(SAMPLE)]
    for choice in chosen:
        taken = [op for op, on in zip(pending, choice, strict=True) if on]
        if len(taken) == len(pending):
            model = "cut"
        else:
            model = "unsynced dropped" if not taken else "unsynced in any order"
        yield State(at, model, replay.tree(taken))


def _torn(replay: Replay, at: int, op: Op, every_byte_to: int) -> Iterator[State]:
    """A write that got only so far, or whose last sectors came first."""
    if op.kind is not Kind.WRITE:
        return
    for size in positions(len(op.data), every_byte_to):
        head = replace(op, data=op.data[:size])
        tail = replace(op, data=op.data[size:], offset=op.offset + size)
        for part in (head, tail):
            yield State(at, f"torn at byte {size}", replay.tree([*replay.pending, part]))


def _apply(content: dict[int, bytes | dict[str, int]], op: Op) -> None:
    held = content[op.node]
    if isinstance(held, dict):
        changed = dict(held)
        for name, node in op.names:
            if node is None:
                changed.pop(name, None)
            else:
                changed[name] = node
        content[op.node] = changed
    elif op.size is not None:
        content[op.node] = held[: op.size].ljust(op.size, b"\0")
    else:
        padded = held.ljust(op.offset, b"\0")
        content[op.node] = padded[: op.offset] + op.data + padded[op.offset + len(op.data) :]
