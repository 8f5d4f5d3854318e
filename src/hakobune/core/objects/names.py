"""Names of buckets and objects: what they may be, and how they are ordered.

Names are ordered as their UTF-8 bytes are, which is the order of their code points. A name never becomes a path.
Source: Cloud Storage documentation, "About Cloud Storage buckets" and "About Cloud Storage objects".
"""

from __future__ import annotations

import re

from hakobune.core.objects.failures import InvalidRequest
from hakobune.core.objects.limits import BUCKET_NAME_CHARS, BUCKET_NAME_DOTTED_CHARS, OBJECT_NAME_BYTES

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\Z")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}\Z", re.ASCII)
_CHALLENGE = ".well-known/acme-challenge/"
# Paths of the port that serves everything: a bucket of this name could not be reached by the XML API's paths.
RESERVED_BUCKETS = frozenset(
    {"healthz", "metrics", "v1", "v2", "apis", "storage", "upload", "download", "batch", "oauth2", "resumable"}
    | {"computemetadata", "hakobune", "token", "tokeninfo", "robot", "service_accounts", "favicon.ico", "robots.txt"}
)
_LAST_BEFORE_SURROGATES, _FIRST_AFTER = 0xD7FF, "\ue000"
_LAST = 0x10FFFF


def check_bucket(name: str) -> str:
    """Return `name` if a bucket can be made with it. Raises InvalidRequest."""
    is_long = len(name) > (BUCKET_NAME_DOTTED_CHARS if "." in name else BUCKET_NAME_CHARS)
    parts = name.split(".")
    is_bad = (
        is_long
        or not _BUCKET.match(name)
        or _ADDRESS.match(name)
        or name.startswith("goog")
        or any(
            not part or len(part) > BUCKET_NAME_CHARS or part.startswith("-") or part.endswith("-") for part in parts
        )
        or name in RESERVED_BUCKETS
    )
    if is_bad:
        raise InvalidRequest(f"Invalid bucket name: '{name[:80]}'")
    return name


def check_object(name: str) -> str:
    """Return `name` if an object can have it: 1 to 1,024 bytes of UTF-8, no NUL, CR or LF, not `.` or `..`.
    Raises InvalidRequest."""
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest("Object names must be valid Unicode.") from error
    if not name:
        raise InvalidRequest("An object name must not be empty.")
    if size_bytes > OBJECT_NAME_BYTES:
        raise InvalidRequest(f"Object names have at most {OBJECT_NAME_BYTES} bytes; this one has {size_bytes}.")
    if any(character in name for character in "\0\r\n"):
        raise InvalidRequest("Object names must not contain NUL, carriage return or line feed.")
    if name in {".", ".."} or name.startswith(_CHALLENGE):
        raise InvalidRequest(f"Object names must not be '.' or '..', nor begin with '{_CHALLENGE}'.")
    return name


def successor(prefix: str) -> str | None:
    """The least text that comes after all that begin with `prefix`; None if there is no such text."""
    for place in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[place])
        if code == _LAST_BEFORE_SURROGATES:
            return prefix[:place] + _FIRST_AFTER
        if code < _LAST:
            return prefix[:place] + chr(code + 1)
    return None
