"""A disk that loses power: replays what `recorder.c` noted and builds, for any instant, a directory that holds no more
than what was synced before it.

What the promise of POSIX leaves open is drawn at random. Bytes written since the last fsync of their file are kept,
dropped, or torn at sectors of 512 bytes. A name that was made, moved or removed since the last fsync of its folder is
there or not, whatever became of its file. An fsync of a file says nothing about its name.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

SECTOR_BYTES = 512
_HEADER = struct.Struct("<IIIIIIQQ")
_MAGIC = 0x4B4F4241


class Kind(IntEnum):
    """What was done: the numbers of recorder.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    MKDIR = 8
    RMDIR = 9
    MARK = 10
    SYNC_ALL = 11
    POISON = 12
    SYMLINK = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One recorded operation. Names are relative to the recorded directory."""

    kind: Kind
    pid: int
    inode: int
    offset: int
    name: str
    other: str
    data: bytes


def read_trace(path: Path) -> list[Operation]:
    """All operations, in their one order. A record that a kill cut short ends the trace."""
    content = path.read_bytes()
    found: list[Operation] = []
    place = 0
    while place + _HEADER.size <= len(content):
        magic, kind, pid, name, other, data, inode, offset = _HEADER.unpack_from(content, place)
        assert magic == _MAGIC, f"no record at {place}"
        place += _HEADER.size
        if place + name + other + data > len(content):
            break
        texts = content[place : place + name + other].decode()
        found.append(
            Operation(
                kind=Kind(kind),
                pid=pid,
                inode=inode,
                offset=offset,
                name=texts[:name],
                other=texts[name:],
                data=content[place + name + other : place + name + other + data],
            )
        )
        place += name + other + data
    poison = [operation.name for operation in found if operation.kind is Kind.POISON]
    assert not poison, f"recorded but not understood: {poison}"
    return found


@dataclass(eq=False, slots=True)
class _Change:
    """One change of names: what each (folder, name) leads to after it."""

    effects: list[tuple[_Node, str, _Node | None]]


@dataclass(eq=False, slots=True)
class _Node:
    """A file or a folder: what is synced, and what happened since. Or a symbolic link, which never changes."""

    is_folder: bool = False
    leads_to: str = ""
    synced: bytearray = field(default_factory=bytearray)
    writes: list[Operation] = field(default_factory=list)
    names: dict[str, _Node] = field(default_factory=dict)  # now
    synced_names: dict[str, _Node] = field(default_factory=dict)
    changes: list[_Change] = field(default_factory=list)


class Disk:
    """The recorded directory at one instant: apply operations one by one, cut whenever you like."""

    def __init__(self, root_inode: int) -> None:
        self._root = _Node(is_folder=True)
        self._nodes = {root_inode: self._root}
        self.marks: list[str] = []

    def apply(self, operation: Operation) -> None:
        """Let one operation happen."""
        match operation.kind:
            case Kind.CREATE | Kind.MKDIR:
                # A number that is used again is another file.
                node = self._nodes[operation.inode] = _Node(is_folder=operation.kind is Kind.MKDIR)
                self._name((operation.name, node))
            case Kind.SYMLINK:
                self._name((operation.name, _Node(leads_to=operation.other)))
            case Kind.LINK:
                self._name((operation.name, self._nodes[operation.inode]))
            case Kind.UNLINK | Kind.RMDIR:
                self._name((operation.name, None))
            case Kind.RENAME:
                self._name((operation.name, None), (operation.other, self._find(operation.name)))
            case Kind.WRITE | Kind.TRUNCATE:
                self._nodes[operation.inode].writes.append(operation)
            case Kind.SYNC:
                _sync(self._nodes[operation.inode])
            case Kind.SYNC_ALL:
                for node in self._nodes.values():
                    _sync(node)
            case Kind.MARK:
                self.marks.append(operation.name)
            case Kind.POISON:
                raise AssertionError(f"recorded but not understood: {operation.name}")

    def _find(self, name: str) -> _Node:
        node = self._root
        for part in name.split("/"):
            node = node.names[part]
        return node

    def _name(self, *effects: tuple[str, _Node | None]) -> None:
        change = _Change([])
        for name, node in effects:
            parent, _, last = name.rpartition("/")
            folder = self._find(parent) if parent else self._root
            change.effects.append((folder, last, node))
            _set(folder.names, last, node)
        for folder in {id(folder): folder for folder, _, _ in change.effects}.values():
            folder.changes.append(change)

    def cut(self, target: Path, seed: int) -> str:
        """Power goes now: build in `target` what a reopened disk may hold. Returns what was drawn, for messages."""
        draw = _Draw(seed)
        self._build(self._root, target, draw)
        return draw.mode

    def build_all(self, target: Path) -> None:
        """What the directory holds while power is on."""
        self._build(self._root, target, None)

    def _build(self, folder: _Node, target: Path, draw: _Draw | None) -> None:
        target.mkdir()
        if draw is None:
            names = folder.names
        else:
            names = dict(folder.synced_names)
            for change in _kept(folder, draw):
                for place, name, node in change.effects:
                    if place is folder:
                        _set(names, name, node)
        for name, node in names.items():
            if node.is_folder:
                self._build(node, target / name, draw)
            elif node.leads_to:
                (target / name).symlink_to(node.leads_to)
            else:
                (target / name).write_bytes(_content(node, draw))


def _kept(folder: _Node, draw: _Draw) -> list[_Change]:
    """The changes of a folder that have reached the disk, in order. One that did has all before it that touched the
    same name: no file system writes an entry twice in the wrong order."""
    kept: list[_Change] = []
    needed: set[str] = set()
    for change in reversed(folder.changes):
        touched = {name for place, name, _ in change.effects if place is folder}
        if draw.keeps_name(change, is_needed=bool(touched & needed)):
            kept.append(change)
            needed |= touched
    return kept[::-1]


def _set(names: dict[str, _Node], name: str, node: _Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def _sync(node: _Node) -> None:
    for operation in node.writes:
        _write(node.synced, operation, range(operation.offset, operation.offset + len(operation.data)))
    node.writes.clear()
    for change in node.changes:
        for place, name, target in change.effects:
            if place is node:
                _set(node.synced_names, name, target)
    node.changes.clear()


def _content(node: _Node, draw: _Draw | None) -> bytes:
    content = bytearray(node.synced)
    for operation in node.writes:
        end = operation.offset + len(operation.data)
        pieces = [range(operation.offset, end)] if draw is None else list(draw.pieces(operation))
        for piece in pieces:
            _write(content, operation, piece)
    return bytes(content)


def _write(content: bytearray, operation: Operation, piece: range) -> None:
    """Let a part of a write (or a cut) come true."""
    if operation.kind is Kind.TRUNCATE:
        del content[operation.offset :]
        content.extend(bytes(operation.offset - len(content)))
        return
    if len(content) < piece.start:
        content.extend(bytes(piece.start - len(content)))
    content[piece.start : piece.stop] = operation.data[piece.start - operation.offset : piece.stop - operation.offset]


class _Draw:
    """What becomes of all that was not synced."""

    MODES = ("nothing", "names", "content", "everything", "half", "torn", "early", "late")

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.mode = self._random.choice(self.MODES)
        self._names: dict[int, bool] = {}
        self._edge = self._random.random()

    def keeps_name(self, change: _Change, *, is_needed: bool) -> bool:
        """Whether a change of names has reached the disk: in both folders, or in none, if it crossed folders."""
        if is_needed:
            self._names[id(change)] = True
        elif id(change) not in self._names:
            self._names[id(change)] = {
                "nothing": False,
                "content": False,
                "names": True,
                "everything": True,
            }.get(self.mode, self._random.random() < 0.5)
        return self._names[id(change)]

    def pieces(self, operation: Operation) -> Iterator[range]:
        """The parts of a write that have reached the disk."""
        whole = range(operation.offset, operation.offset + len(operation.data))
        if self.mode in ("content", "everything"):
            yield whole
        elif self.mode in ("nothing", "names"):
            return
        elif self.mode == "half" or operation.kind is Kind.TRUNCATE:
            if self._random.random() < 0.5:
                yield whole
        elif self.mode == "torn":
            start = whole.start
            while start < whole.stop:
                stop = min(whole.stop, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
                if self._random.random() < 0.5:
                    yield range(start, stop)
                start = stop
        else:
            # The beginning or the end of every write, cut at one sector.
            place = whole.start + int(len(whole) * self._edge) // SECTOR_BYTES * SECTOR_BYTES
            yield range(whole.start, place) if self.mode == "early" else range(place, whole.stop)
