"""CRC-32C and MD5 of files and streams, as the API writes them: base64, CRC with its first byte first."""

from __future__ import annotations

import base64
import hashlib
from importlib import import_module
from typing import cast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

BLOCK_BYTES = 1024 * 1024  # read and sent at once; memory stays at a few blocks

_extend = cast("Callable[[int, bytes], int]", getattr(import_module("google_crc32c"), "extend"))  # noqa: B009 - untyped


class Crc32c:
    """The CRC-32C of what was added."""

    __slots__ = ("size_bytes", "value")

    def __init__(self, value: int = 0, size_bytes: int = 0) -> None:
        self.value = value
        self.size_bytes = size_bytes

    def add(self, block: bytes) -> None:
        """Go on with a block."""
        self.value = _extend(self.value, block)
        self.size_bytes += len(block)

    @property
    def text(self) -> str:
        """Base64 of the four bytes."""
        return base64.b64encode(self.value.to_bytes(4, "big")).decode("ascii")

    def copy(self) -> Crc32c:
        """Another one in the same state."""
        return Crc32c(self.value, self.size_bytes)


def crc32c_of(file: BinaryIO, end: int | None = None) -> Crc32c:
    """The CRC-32C from the file's place to `end` (bytes from the start), or to its end."""
    found = Crc32c()
    left = None if end is None else end - file.tell()
    while left is None or left > 0:
        block = file.read(BLOCK_BYTES if left is None else min(left, BLOCK_BYTES))
        if not block:
            break
        found.add(block)
        left = None if left is None else left - len(block)
    return found


def digests_of(path: str) -> tuple[bytes, bytes]:
    """The four bytes of the CRC-32C and the sixteen of the MD5 of a file. Raises OSError."""
    crc = Crc32c()
    md5 = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            crc.add(block)
            md5.update(block)
    return crc.value.to_bytes(4, "big"), md5.digest()
