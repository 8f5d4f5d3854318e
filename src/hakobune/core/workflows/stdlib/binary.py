"""Functions on bytes: `base64.*` and `hash.*`.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/base64/decode, …/base64/encode,
…/hash/compute_checksum, …/hash/compute_hmac
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Final

from hakobune.core.workflows.failures import value_error
from hakobune.core.workflows.stdlib.arguments import flag, given, octets, text
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.values import Value

_ALPHABET = re.compile(r"[A-Za-z0-9+/]*(={0,2})", re.ASCII)

# Case counts (inferred).
ALGORITHMS: Final = {
    "MD5": "md5",
    "SHA1": "sha1",
    "SHA224": "sha224",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
}


def decode(data: Value, padding: Value | Missing) -> Value:
    """The bytes of a Base64 text (standard alphabet); line ends in it are passed over.

    Without `padding` the text has no `=` and any length but 4n+1. Raises Failure (TypeError, ValueError).
    """
    source = text("base64.decode", "data", data).replace("\r", "").replace("\n", "")
    is_padded = flag("base64.decode", "padding", given(padding, True))
    match = _ALPHABET.fullmatch(source)
    if match is None or (match[1] and not is_padded):
        raise value_error("base64.decode: data has characters outside the Base64 alphabet")
    if (is_padded and len(source) % 4) or len(source) % 4 == 1:
        raise value_error("base64.decode: data has the wrong length; is its padding missing?")
    return base64.b64decode(source + "=" * (-len(source) % 4))


def encode(data: Value, padding: Value | Missing) -> Value:
    """The Base64 text of bytes, in the standard alphabet, on one line. Raises Failure (TypeError)."""
    encoded = base64.b64encode(octets("base64.encode", "data", data)).decode("ascii")
    return encoded if flag("base64.encode", "padding", given(padding, True)) else encoded.rstrip("=")


def compute_checksum(data: Value, algorithm: Value) -> Value:
    """The digest of bytes. Raises Failure (TypeError, ValueError)."""
    content = octets("hash.compute_checksum", "data", data)
    name = _algorithm("hash.compute_checksum", algorithm)
    return hashlib.new(name, content, usedforsecurity=False).digest()


def compute_hmac(key: Value, data: Value, algorithm: Value) -> Value:
    """The keyed digest of bytes (RFC 2104). Raises Failure (TypeError, ValueError)."""
    secret = octets("hash.compute_hmac", "key", key)
    content = octets("hash.compute_hmac", "data", data)
    return hmac.digest(secret, content, _algorithm("hash.compute_hmac", algorithm))


def _algorithm(function: str, value: Value) -> str:
    name = text(function, "algorithm", value)
    if name not in ALGORITHMS:
        raise value_error(f'{function}: unsupported algorithm "{name[:60]}", want one of {", ".join(ALGORITHMS)}')
    return ALGORITHMS[name]


_PADDED = (LibraryParameter("data"), LibraryParameter("padding", is_required=False, default=True))

FUNCTIONS = (
    LibraryFunction(name="base64.decode", parameters=_PADDED, kind=Kind.PURE, run=decode, ns=3),
    LibraryFunction(name="base64.encode", parameters=_PADDED, kind=Kind.PURE, run=encode, ns=3),
    LibraryFunction(
        name="hash.compute_checksum",
        parameters=(LibraryParameter("data"), LibraryParameter("algorithm")),
        kind=Kind.PURE,
        run=compute_checksum,
        ns=3,
    ),
    LibraryFunction(
        name="hash.compute_hmac",
        parameters=(LibraryParameter("key"), LibraryParameter("data"), LibraryParameter("algorithm")),
        kind=Kind.PURE,
        run=compute_hmac,
        ns=3,
    ),
)
