"""Pages of lists: how many items, and where the last page ended.

A page token is ours alone: it carries a checksum over the list it belongs to (`kind`, which names the list and its
parent), so a token that was made up, cut, or taken from another list is refused. It is no secret: it only says after
which item the next page begins.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from hakobune.core.errors import FieldViolation, InvalidArgument

PAGE_SIZE_DEFAULT = 100  # ours: what gcloud asks for; Google's default is not published
PAGE_SIZE_MAX = 1_000  # ours; a larger wish gets this many, as https://google.aip.dev/158 says
TOKEN_MAX_CHARS = 2_048  # the name of an object may have 1,024 bytes
_CHECKSUM_BYTES = 8


def page_size(
    wanted: int, *, field: str = "page_size", default: int = PAGE_SIZE_DEFAULT, most: int = PAGE_SIZE_MAX
) -> int:
    """How many items a page has: 0 means the default. Raises InvalidArgument if negative."""
    if wanted < 0:
        text = "must not be negative"
        raise InvalidArgument(f"{field}: {text}", violations=[FieldViolation(field=field, description=text)])
    return min(wanted or default, most)


def encode(kind: str, after: str) -> str:
    """The token of the page that begins after the item `after` of the list `kind`."""
    content = after.encode()
    return base64.urlsafe_b64encode(_checksum(kind, content) + content).decode().rstrip("=")


def decode(kind: str, token: str, *, field: str = "page_token") -> str:
    """The position in a token; "" is the beginning. Raises InvalidArgument for a token not made for this list."""
    if not token:
        return ""
    try:
        if len(token) > TOKEN_MAX_CHARS:
            raise ValueError("longer than any token of ours")
        raw = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        checksum, content = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        if checksum != _checksum(kind, content) or encode(kind, content.decode()) != token:
            raise ValueError("the checksum does not fit")
        return content.decode()
    except (ValueError, binascii.Error) as error:
        text = "is not a page token of this list"
        violation = FieldViolation(field=field, description=text)
        raise InvalidArgument(f"{field}: {text}", violations=[violation]) from error


def _checksum(kind: str, content: bytes) -> bytes:
    return hashlib.sha256(kind.encode() + b"\0" + content).digest()[:_CHECKSUM_BYTES]
