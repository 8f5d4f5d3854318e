"""Bytes in JSON: base64 in either alphabet, with or without padding (https://protobuf.dev/programming-guides/json/)."""

from __future__ import annotations

import base64
import binascii


def octets_from_text(text: str) -> bytes:
    """The bytes of a field. Raises ValueError."""
    try:
        plain = text.encode("ascii").replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError(f"is not base64: {error}") from None


def octets_to_text(data: bytes) -> str:
    """The standard alphabet, padded."""
    return base64.b64encode(data).decode("ascii")
