"""Messages in Avro's binary encoding: whether one is written as its schema says. Nothing is built of what is read, and
the work is bounded by the size of the message: a few bytes can stand for very many values.

Source: https://avro.apache.org/docs/1.11.1/specification/, "Binary encoding".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

DEPTH = 64  # ours: levels of a definition, those of the types that it names included
VALUES = 10_000  # ours: values that one definition stands for, without the items of its lists
_VALUES_PER_BYTE = 8  # ours: what a message may hold beyond that; 2 are usual
_INT_BYTES, _LONG_BYTES = 5, 10
_INT_MAX = 2**31
_FIXED_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


class Misfit(Exception):
    """Why a message is not as its schema says."""


class _Input:
    """A message, and how far it has been read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0
        self._left = VALUES + _VALUES_PER_BYTE * len(data)

    @property
    def left_bytes(self) -> int:
        """What has not been read."""
        return len(self._data) - self._place

    def count(self) -> None:
        """One more value. Raises Misfit."""
        self._left -= 1
        if self._left < 0:
            raise Misfit("it holds more values than a message of its size should")

    def take(self, size: int) -> bytes:
        """Raises Misfit."""
        if not 0 <= size <= self.left_bytes:
            raise Misfit(f"{size} bytes are expected, and {self.left_bytes} are left")
        begin, self._place = self._place, self._place + size
        return self._data[begin : self._place]

    def number(self, most_bytes: int = _LONG_BYTES) -> int:
        """A number in zig-zag coding. Raises Misfit."""
        value = 0
        for place in range(most_bytes):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
        raise Misfit("a number has too many bytes")


Read = Callable[[_Input], None]  # reads one value. Raises Misfit


def binary_reader(schema: object, named: Mapping[str, object]) -> Callable[[bytes], str]:
    """What says why a message does not fit. `schema`: a definition that a library has found to be right, with the full
    names of its types; `named`: those types. Raises ValueError: it stands for too much."""
    read = _Reader(named).of(schema, 0)

    def problem(data: bytes) -> str:
        source = _Input(data)
        try:
            read.read(source)
        except Misfit as misfit:
            return str(misfit)
        return f"{source.left_bytes} bytes are left over" if source.left_bytes else ""

    return problem


class _Type:
    """How a type is read, and how much it stands for."""

    def __init__(self, read: Read, inner: Sequence[_Type] = ()) -> None:
        self.values: int = 1 + sum(part.values for part in inner)
        self.depth: int = 1 + max((part.depth for part in inner), default=0)
        if self.values > VALUES:
            raise ValueError(f"it stands for more than {VALUES} values")
        if self.depth > DEPTH:
            raise ValueError(f"nested deeper than {DEPTH} levels")

        def counted(source: _Input) -> None:
            source.count()
            read(source)

        self.read: Read = counted


class _Reader:
    """Makes readers; that of a named type once."""

    def __init__(self, named: Mapping[str, object]) -> None:
        self._named = named
        self._made: dict[str, _Type] = {}

    def of(self, tree: object, level: int) -> _Type:
        """Raises ValueError."""
        if level > DEPTH:
            raise ValueError(f"nested deeper than {DEPTH} levels")
        if isinstance(tree, list):
            return _union([self.of(branch, level + 1) for branch in cast("list[object]", tree)])
        if not isinstance(tree, dict):
            return self._of_name(str(tree), level)
        found = cast("dict[str, object]", tree)
        kind = found.get("type")
        match kind:
            case "record" | "error":
                made = _record([self.of(field["type"], level + 1) for field in _fields(found)])
            case "array":
                made = _blocks(self.of(found["items"], level + 1), has_keys=False)
            case "map":
                made = _blocks(self.of(found["values"], level + 1), has_keys=True)
            case "enum":
                made = _enum(len(cast("list[object]", found["symbols"])))
            case "fixed":
                made = _fixed(int(str(found["size"])))
            case _:
                return self.of(kind, level + 1)
        if "name" in found:
            self._made[str(found["name"])] = made
        return made

    def _of_name(self, name: str, level: int) -> _Type:
        if name in _FIXED_SIZES:
            return _fixed(_FIXED_SIZES[name])
        if name in _PRIMITIVES:
            return _Type(_PRIMITIVES[name])
        made = self._made.get(name)
        if made is None:
            if name not in self._named:
                raise ValueError(f"{name[:80]!r} is no type")
            made = self._made[name] = self.of(self._named[name], level + 1)
        return made


def _fields(record: Mapping[str, object]) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", record.get("fields", []))


def _read_int(source: _Input) -> None:
    if not -_INT_MAX <= source.number(_INT_BYTES) < _INT_MAX:
        raise Misfit("a number is larger than an int")


def _read_long(source: _Input) -> None:
    source.number()


def _read_bytes(source: _Input) -> None:
    source.take(source.number())


def _read_text(source: _Input) -> None:
    try:
        source.take(source.number()).decode()
    except UnicodeDecodeError as error:
        raise Misfit(f"a text is not UTF-8: {error.reason}") from error


_PRIMITIVES: Mapping[str, Read] = {"int": _read_int, "long": _read_long, "bytes": _read_bytes, "string": _read_text}


def _fixed(size: int) -> _Type:
    def read(source: _Input) -> None:
        source.take(size)

    return _Type(read)


def _enum(symbols: int) -> _Type:
    def read(source: _Input) -> None:
        if not 0 <= source.number(_INT_BYTES) < symbols:
            raise Misfit(f"an enum of {symbols} symbols has no such one")

    return _Type(read)


def _record(fields: Sequence[_Type]) -> _Type:
    reads = [field.read for field in fields]

    def read(source: _Input) -> None:
        for one in reads:
            one(source)

    return _Type(read, fields)


def _union(branches: Sequence[_Type]) -> _Type:
    reads = [branch.read for branch in branches]

    def read(source: _Input) -> None:
        place = source.number()
        if not 0 <= place < len(reads):
            raise Misfit(f"a union of {len(reads)} types has no such one")
        reads[place](source)

    return _Type(read, branches)


def _blocks(item: _Type, *, has_keys: bool) -> _Type:
    """A list or a map: blocks of items, each begun by their number."""

    def read(source: _Input) -> None:
        while count := source.number():
            if count < 0:  # the size of the block follows
                count = -count
                source.number()
            for _ in range(count):
                if has_keys:
                    _read_text(source)
                item.read(source)

    return _Type(read, (item,))
