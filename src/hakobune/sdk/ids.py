"""Ids that come out the same however often, and wherever, the work is repeated."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence

from hakobune.sdk.errors import StrideOverflow
from hakobune.sdk.task import Task

Part = None | bool | int | float | str | bytes | Sequence["Part"]

# Room for the local ids of one task: the guide's value.
DEFAULT_STRIDE = 100_000

_DOMAIN = b"hakobune.stable_id.1\0"
_HEX_DIGITS = 32  # 128 bits: a collision among 10^12 ids has a chance of about 10^-15


def global_id(local_id: int, stride: int = DEFAULT_STRIDE, index: int | None = None) -> int:
    """`index × stride + local_id`: a number no other task gives out, the same on every attempt.

    `index` is this task's index unless given. Raises StrideOverflow unless 0 ≤ local_id < stride: the id would be
    another task's. ValueError for a stride below 1 or a negative index.
    """
    if stride < 1:
        raise ValueError(f"the stride must be at least 1, not {stride}")
    position = Task.from_env().index if index is None else index
    if position < 0:
        raise ValueError(f"the task index must not be negative, but is {position}")
    if not 0 <= local_id < stride:
        raise StrideOverflow(
            f"local id {local_id} is outside 0..{stride - 1}: use a larger stride, the same one in all tasks"
        )
    return position * stride + local_id


def stable_id(*parts: Part) -> str:
    """32 hexadecimal digits that depend on the parts only, for ever: on no process, machine or version.

    Parts are None, bool, int, float, str, bytes, or lists and tuples of those (a list and a tuple are the same).
    Each goes into the hash with its type and length, so ("ab", "c") and ("a", "bc"), or 1 and "1", differ. Text is
    taken as it is: two Unicode spellings of one word are two texts. Raises TypeError for other types and ValueError
    for no parts or a float that is not a number.

    The format is fixed: SHA-256 over a domain prefix and, for each part, a type letter, the length of its encoding as
    8 bytes big-endian, and the encoding (integers: the shortest two's complement, big-endian; floats: IEEE 754 double,
    big-endian; text: UTF-8; lists: their parts in the same form); the first 128 bits.
    """
    if not parts:
        raise ValueError("stable_id() needs at least one part")
    return hashlib.sha256(_DOMAIN + b"".join(map(_encoded, parts))).hexdigest()[:_HEX_DIGITS]


def _encoded(part: Part) -> bytes:
    match part:
        case None:
            letter, content = b"n", b""
        case bool():
            letter, content = b"o", b"\x01" if part else b"\x00"
        case int():
            magnitude = ~part if part < 0 else part  # one bit more, the sign, must fit
            letter, content = b"i", int(part).to_bytes((magnitude.bit_length() + 8) // 8, "big", signed=True)
        case float():
            if math.isnan(part):
                raise ValueError("stable_id() cannot take a float that is not a number (NaN)")
            letter, content = b"f", struct.pack(">d", part)
        case str():
            letter, content = b"s", part.encode("utf-8", "surrogatepass")
        case bytes():
            letter, content = b"b", part
        case list() | tuple():
            letter, content = b"l", b"".join(map(_encoded, part))
        case _:
            raise TypeError(f"stable_id() cannot take {type(part).__name__}: turn it into text, a number or bytes")
    return letter + len(content).to_bytes(8, "big") + content
