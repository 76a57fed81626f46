"""A disk that counts: each create, write, truncate, sync, rename, unlink and link below one folder.

The code under test runs unchanged on a real folder while its calls are watched. What a power cut could
leave behind is worked out afterwards from the list of operations, as strictly as POSIX allows: without a
sync of the file its data may be missing, without a sync of the folder its name may be, in any order.
A failure (no room, input/output error, short write) is injected while the code runs.
"""

import builtins
import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@unique
class Kind(StrEnum):
    """What an operation does; the value is how a report names it."""

    CREATE = "create"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    RENAME = "rename"
    UNLINK = "unlink"
    LINK = "link"
    MKDIR = "mkdir"


@unique
class Failure(StrEnum):
    """What a disk may answer instead of doing as told."""

    NO_ROOM = "ENOSPC"
    IO_ERROR = "EIO"
    SHORT = "short write, then ENOSPC"


@dataclass(frozen=True, slots=True)
class Op:
    """One operation on node `node`: its data changed at an offset, or names in a folder.

    `size` None is a write; else the file is cut to that size. A failed sync makes nothing durable.
    """

    kind: Kind
    node: int
    what: str
    data: bytes = b""
    offset: int = 0
    size: int | None = None
    names: tuple[tuple[str, int | None], ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """That a value was about to be stored, or, with `done`, was promised to be durable."""

    at: int
    name: str
    value: object
    done: bool


@dataclass(slots=True)
class Disk:
    """Watches one folder; node 0 is the folder itself. `links` are the targets of symbolic links."""

    root: Path
    fail_at: int | None = None
    failure: Failure = Failure.IO_ERROR
    ops: list[Op] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    base: dict[int, bytes | dict[str, int]] = field(default_factory=dict)
    links: dict[int, str] = field(default_factory=dict)
    calls: int = 0
    _live: dict[int, dict[str, int]] = field(default_factory=dict)
    _open: dict[int, int] = field(default_factory=dict)
    _real: dict[str, Any] = field(default_factory=dict)
    _nodes: int = 0
    _broken: bool = False

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        self._adopt(self.root)

    def offer(self, name: str, value: object) -> None:
        """The value may be found from now on."""
        self.notes.append(Note(len(self.ops), name, value, done=False))

    def done(self, name: str, value: object) -> None:
        """The value has been promised: from now on no older one may be found."""
        self.notes.append(Note(len(self.ops), name, value, done=True))

    def store(self, name: str, value: object, act: Callable[[], object], *errors: type) -> bool:
        """Carry out one save, noting offer and promise; False if it answered one of `errors`."""
        self.offer(name, value)
        try:
            act()
        except errors:
            return False
        self.done(name, value)
        return True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Everything that is done below the folder is counted, and may fail."""
        hooks = {
            "open": self._os_open, "write": self._os_write, "fsync": self._fsync,
            "fdatasync": self._fsync, "ftruncate": self._ftruncate, "rename": self._rename,
            "replace": self._rename, "unlink": self._unlink, "remove": self._unlink,
            "rmdir": self._unlink, "symlink": self._symlink, "link": self._hard_link,
            "mkdir": self._mkdir, "sendfile": self._sendfile,
        }  # fmt: skip
        self._real = {name: getattr(os, name) for name in hooks} | {"io": io.open}
        try:
            for name, hook in hooks.items():
                setattr(os, name, hook)
            io.open = builtins.open = self._io_open
            yield
        finally:
            for name in hooks:
                setattr(os, name, self._real[name])
            io.open = builtins.open = self._real["io"]

    def _adopt(self, path: Path) -> int:
        """Take over what is on the disk already, as durable."""
        node = self._new()
        if path.is_symlink():
            self.base[node], self.links[node] = b"", str(path.readlink())
        elif path.is_dir():
            names = {entry.name: self._adopt(entry) for entry in sorted(path.iterdir())}
            self.base[node], self._live[node] = dict(names), names
        else:
            self.base[node] = path.read_bytes()
        return node

    def _new(self) -> int:
        self._nodes += 1
        return self._nodes - 1

    def _place(self, path: object, dir_fd: int | None = None) -> tuple[int, str] | None:
        """The folder's node and the last name of a path below the root.

        None for one elsewhere, or in no folder: then the system gives the error.
        """
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        text = os.fsdecode(path)
        if dir_fd is not None:
            text = os.path.join(Path(f"/proc/self/fd/{dir_fd}").readlink(), text)  # noqa: PTH118
        folder, name = os.path.split(os.path.abspath(text))  # noqa: PTH100
        below = os.path.relpath(os.path.realpath(folder), self.root)
        if below.startswith(".."):
            return None
        node = 0
        for part in [] if below == "." else below.split("/"):
            inner = self._live[node].get(part)
            if inner not in self._live:
                return None
            node = inner
        return node, name

    def _node_of(self, path: object, dir_fd: int | None = None) -> int | None:
        """The node that a path leads to, links followed."""
        if not isinstance(path, str | bytes | os.PathLike):
            return None
        text = os.fsdecode(path)
        if dir_fd is None:
            text = os.path.realpath(text)
            if text == str(self.root):
                return 0
        place = self._place(text, dir_fd)
        return None if place is None else self._live[place[0]].get(place[1])

    def _do(self, op: Op, act: Callable[[], Any]) -> Any:
        """Fail if this is the operation to fail; else carry it out and write it down."""
        number, self.calls = self.calls, self.calls + 1
        if self._fails(number):
            if op.kind is Kind.SYNC:
                self.ops.append(Op(op.kind, op.node, op.what, failed=True))
            code = errno.EIO if self.failure is Failure.IO_ERROR else errno.ENOSPC
            raise OSError(code, os.strerror(code))
        result = act()
        self.ops.append(op)
        for name, node in op.names:
            if node is None:
                self._live[op.node].pop(name, None)
            else:
                self._live[op.node][name] = node
        return result

    def _fails(self, number: int) -> bool:
        if self._broken:
            self._broken = False
            return True
        return self.fail_at == number and self.failure is not Failure.SHORT

    def _os_open(
        self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:
        def act() -> int:
            return self._real["open"](path, flags, mode, dir_fd=dir_fd)

        place = self._place(path, dir_fd) if flags & WRITING else None
        node = self._node_of(path, dir_fd)
        if place is not None and node is None and flags & os.O_CREAT:
            folder, name = place
            node = self._new()
            self.base[node] = b""
            fd = self._do(Op(Kind.CREATE, folder, f"create {name}", names=((name, node),)), act)
        elif place is not None and node is not None and flags & os.O_TRUNC:
            fd = self._do(Op(Kind.TRUNCATE, node, f"empty {place[1]}", size=0), act)
        else:
            fd = act()
        self._open.pop(fd, None)
        if node is not None:
            self._open[fd] = node
        return fd

    def _io_open(self, file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
        is_write = any(letter in mode for letter in "wxa+")
        inside = file in self._open if isinstance(file, int) else self._place(file) is not None
        if not (is_write and inside):
            return self._real["io"](file, mode, *rest, **named)
        if not isinstance(file, int):
            flags = os.O_RDWR if "+" in mode else os.O_WRONLY
            flags |= {"w": os.O_CREAT | os.O_TRUNC, "x": os.O_CREAT | os.O_EXCL, "r": 0}[mode[0]]
            file = self._os_open(file, flags | os.O_CLOEXEC, 0o666)
        raw = _Raw(self, file, mode.replace("t", "").replace("b", ""))
        if named.get("buffering", rest[0] if rest else -1) == 0:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, named.get("encoding"))

    def written(self, fd: int, data: Any, act: Callable[[bytes], int]) -> int:
        """One write to a file that is open; may be cut short."""
        node = self._open.get(fd)
        if node is None:
            return act(data)
        content = bytes(data)
        if self.fail_at == self.calls and self.failure is Failure.SHORT:
            content, self._broken, self.fail_at = content[: len(content) // 2], True, None
        offset = os.lseek(fd, 0, os.SEEK_CUR)
        op = Op(Kind.WRITE, node, f"write {len(content)} bytes", content, offset)
        return self._do(op, lambda: act(content))

    def _os_write(self, fd: int, data: Any) -> int:
        return self.written(fd, data, lambda content: self._real["write"](fd, content))

    def _sendfile(self, out: int, source: int, offset: int, count: int) -> int:
        return self._os_write(out, os.pread(source, min(count, 1 << 20), offset))

    def _fsync(self, fd: int) -> None:
        node = self._open.get(fd)
        if node is None:
            self._real["fsync"](fd)
        else:
            self._do(Op(Kind.SYNC, node, "sync"), lambda: self._real["fsync"](fd))

    def _ftruncate(self, fd: int, size: int) -> None:
        node = self._open.get(fd)
        act = lambda: self._real["ftruncate"](fd, size)  # noqa: E731
        act() if node is None else self._do(
            Op(Kind.TRUNCATE, node, f"truncate to {size}", size=size), act
        )

    def _rename(self, source: Any, target: Any, **named: Any) -> None:
        before, after = self._place(source), self._place(target)
        act = lambda: self._real["replace"](source, target, **named)  # noqa: E731
        if before is None or after is None:
            act()
            return
        if before[0] != after[0]:
            raise NotADirectoryError("a rename between two folders is not modelled")
        names = ((before[1], None), (after[1], self._live[before[0]][before[1]]))
        self._do(Op(Kind.RENAME, before[0], f"rename {before[1]} {after[1]}", names=names), act)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        place = self._place(path, dir_fd)
        is_folder = place is not None and self._live[place[0]].get(place[1]) in self._live
        act = lambda: self._real["rmdir" if is_folder else "unlink"](path, dir_fd=dir_fd)  # noqa: E731
        if place is None or place[1] not in self._live[place[0]]:
            act()
            return
        op = Op(Kind.UNLINK, place[0], f"unlink {place[1]}", names=((place[1], None),))
        self._do(op, act)

    def _symlink(self, target: Any, path: Any, *rest: Any, **named: Any) -> None:
        place = self._place(path)
        act = lambda: self._real["symlink"](target, path, *rest, **named)  # noqa: E731
        if place is None:
            act()
            return
        node = self._new()
        self.base[node], self.links[node] = b"", os.fsdecode(target)
        self._do(Op(Kind.LINK, place[0], f"link {place[1]}", names=((place[1], node),)), act)

    def _hard_link(self, source: Any, path: Any, **named: Any) -> None:
        node, place = self._node_of(source), self._place(path)
        act = lambda: self._real["link"](source, path, **named)  # noqa: E731
        if place is None:
            act()
            return
        self._do(Op(Kind.LINK, place[0], f"link {place[1]}", names=((place[1], node),)), act)

    def _mkdir(self, path: Any, mode: int = 0o777, **named: Any) -> None:
        place = self._place(path)
        act = lambda: self._real["mkdir"](path, mode, **named)  # noqa: E731
        if place is None or place[1] in self._live[place[0]]:
            act()
            return
        node = self._new()
        self.base[node], self._live[node] = {}, {}
        self._do(Op(Kind.MKDIR, place[0], f"mkdir {place[1]}", names=((place[1], node),)), act)


class _Raw(io.FileIO):
    """A file whose writes are counted."""

    def __init__(self, disk: Disk, fd: int, mode: str) -> None:
        super().__init__(fd, mode.replace("x", "w"))
        self._disk = disk

    def write(self, data: Any) -> int:
        return self._disk.written(self.fileno(), data, super().write)

    def truncate(self, size: int | None = None) -> int:
        os.ftruncate(self.fileno(), self.tell() if size is None else size)
        return self.tell() if size is None else size
