"""CRC-32C and MD5 as the API writes them, and the CRC of joined contents without reading them.

The CRC of two contents, one after the other, is a linear function of both CRCs and the length of the second: the
register is moved over as many zero bytes by squaring the matrix of one zero bit. Polynomial: Castagnoli, RFC 3720
appendix B.4, bits reversed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from functools import cache

from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.model import Checksums, GivenChecksums

_POLYNOMIAL = 0x82F63B78
_BITS = 32
_MD5_BYTES, _CRC_BYTES = 16, 4


def crc32c_to_text(crc32c: int) -> str:
    """Base64 of the four bytes, the most significant first."""
    return base64.b64encode(crc32c.to_bytes(_CRC_BYTES, "big")).decode()


def crc32c_from_text(text: str) -> int:
    """Raises InvalidRequest."""
    return int.from_bytes(_bytes(text, _CRC_BYTES, "CRC32C"), "big")


def md5_to_text(md5: str) -> str:
    """Base64 of the 16 bytes whose hexadecimal digits these are."""
    return base64.b64encode(bytes.fromhex(md5)).decode()


def md5_from_text(text: str) -> str:
    """Hexadecimal digits. Raises InvalidRequest."""
    return _bytes(text, _MD5_BYTES, "MD5").hex()


def _bytes(text: str, size: int, kind: str) -> bytes:
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest(f"Invalid {kind} checksum: not base64.") from error
    if len(found) != size:
        raise InvalidRequest(f"Invalid {kind} checksum: it has {len(found)} bytes instead of {size}.")
    return found


def verify(found: Checksums, given: GivenChecksums) -> None:
    """Return if the content is what the caller said. Raises InvalidRequest."""
    if given.crc32c is not None and given.crc32c != found.crc32c:
        said, real = crc32c_to_text(given.crc32c), crc32c_to_text(found.crc32c)
        raise InvalidRequest(
            f'Provided CRC32C "{said}" doesn\'t match calculated CRC32C "{real}".',
        )
    if given.md5 is not None and found.md5 and given.md5 != found.md5:
        said, real = md5_to_text(given.md5), md5_to_text(found.md5)
        raise InvalidRequest(f'Provided MD5 hash "{said}" doesn\'t match calculated MD5 hash "{real}".')


def joined(parts: Sequence[tuple[int, int]]) -> int:
    """The CRC-32C of contents one after the other, each given as (CRC-32C, size in bytes)."""
    total = 0
    for crc32c, size_bytes in parts:
        total = _moved(total, size_bytes) ^ crc32c
    return total


def _moved(register: int, size_bytes: int) -> int:
    """A register after so many zero bytes."""
    power = 3  # 2^3 bits are a byte
    while size_bytes:
        if size_bytes & 1:
            register = _times(_zeros(power), register)
        size_bytes >>= 1
        power += 1
    return register


@cache
def _zeros(power: int) -> tuple[int, ...]:
    """The matrix (columns) that moves a register over 2^power zero bits."""
    if power == 0:
        return (_POLYNOMIAL, *(1 << place for place in range(_BITS - 1)))
    half = _zeros(power - 1)
    return tuple(_times(half, column) for column in half)


def _times(matrix: tuple[int, ...], vector: int) -> int:
    total = 0
    place = 0
    while vector:
        if vector & 1:
            total ^= matrix[place]
        vector >>= 1
        place += 1
    return total
