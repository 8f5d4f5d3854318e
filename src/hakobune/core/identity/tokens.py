"""JSON Web Tokens as texts (RFC 7519, RFC 7515): how one is written, taken apart, and what its claims must be.

Pure: no key is touched here. Whoever reads claims has checked the signature before. Only the canonical form of a part
is taken, so that no second text means the same token.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from hakobune.core.errors import Unauthenticated
from hakobune.core.identity import limits

ALGORITHM = "RS256"
ISSUER = "https://accounts.google.com"
_ISSUERS = frozenset({ISSUER, "accounts.google.com"})  # both are Google's: openid-connect reference, `iss`


@dataclass(frozen=True, slots=True, kw_only=True)
class Unverified:
    """A text that has the form of a token. Nothing of `body` is read before `signature` over `content` is checked."""

    key_id: str
    content: bytes
    signature: bytes
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a token says; "" for what it does not. Instants in seconds since the epoch."""

    issuer: str
    subject: str
    email: str
    audience: str
    issued_s: float
    expires_s: float
    scopes: tuple[str, ...] = ()
    not_before_s: float = 0.0
    target_audience: str = ""  # of a grant that asks for an ID token


def encode_part(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_part(text: str) -> bytes:
    """The bytes of a part in its canonical form. Raises ValueError."""
    raw = text.encode("ascii")
    data = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    if encode_part(data) != text:
        raise ValueError("not in its canonical form")
    return data


def signing_input(key_id: str, claims: Mapping[str, object]) -> str:
    """Header and claims, as they are signed."""
    header = {"alg": ALGORITHM, "kid": key_id, "typ": "JWT"}
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, claims))
    return ".".join(encode_part(part) for part in parts)


def split(text: str) -> Unverified:
    """Take a token apart. Raises Unauthenticated: it is none, or is not signed with RS256 under a named key."""
    try:
        if len(text) > limits.TOKEN_MAX_CHARS:
            raise ValueError("too long")
        head, body, signature = text.split(".")
        if len(head) > limits.TOKEN_HEAD_MAX_CHARS:
            raise ValueError("the header is too long")
        header = _object(head)
        key_id = header.get("kid")
        # RFC 8725: the reader decides on the algorithm, never the token.
        if header.get("alg") != ALGORITHM or not isinstance(key_id, str) or "crit" in header:
            raise ValueError("not signed with RS256 under a named key")
        return Unverified(
            key_id=key_id, content=f"{head}.{body}".encode("ascii"), signature=decode_part(signature), body=body
        )
    except (ValueError, binascii.Error, RecursionError) as error:
        raise not_ours() from error


def claims_of(body: str) -> Claims:
    """The claims of a token whose signature is good. Raises Unauthenticated: one is of a wrong type, or an
    instant is missing."""
    try:
        found = _object(body)
        return Claims(
            issuer=_text(found, "iss"),
            subject=_text(found, "sub"),
            email=_text(found, "email"),
            audience=_text(found, "aud"),
            issued_s=_instant(found, "iat"),
            expires_s=_instant(found, "exp"),
            scopes=tuple(_text(found, "scope").split()),
            not_before_s=_instant(found, "nbf") if "nbf" in found else 0.0,
            target_audience=_text(found, "target_audience"),
        )
    except (ValueError, binascii.Error, RecursionError) as error:
        raise not_ours() from error


def check_time(claims: Claims, now_s: float) -> None:
    """Raises Unauthenticated: the token has expired, or comes from the future."""
    if claims.expires_s + limits.LEEWAY_S < now_s:
        raise Unauthenticated('The token has expired. Take a new one: eval "$(hakobune env)".')
    begin_s = max(claims.issued_s, claims.not_before_s)
    if begin_s - limits.LEEWAY_S > now_s or claims.expires_s < begin_s:
        raise Unauthenticated("The token is not valid yet: it was issued in the future.")


def is_issuer(name: str) -> bool:
    """Whether `iss` names the issuer of this runtime's own tokens."""
    return name in _ISSUERS


def scopes_text(scopes: Sequence[str]) -> str:
    """The claim `scope`."""
    return " ".join(scopes)


def not_ours() -> Unauthenticated:
    """The refusal of a text that is no token of this runtime."""
    return Unauthenticated('The token was not issued by this runtime. Take a new one: eval "$(hakobune env)".')


def _object(part: str) -> Mapping[str, object]:
    found: object = json.loads(decode_part(part), parse_constant=_refuse)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return cast("dict[str, object]", found)


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name, "")
    return value if isinstance(value, str) else _refuse(name)


def _instant(found: Mapping[str, object], name: str) -> float:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(name)
    try:
        instant_s = float(value)
    except OverflowError:
        _refuse(name)
    return instant_s if math.isfinite(instant_s) else _refuse(name)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is missing or of a wrong type")
