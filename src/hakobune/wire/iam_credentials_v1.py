"""Requests of the IAM Service Account Credentials API v1 as JSON.

Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts.
"""

from __future__ import annotations

from dataclasses import dataclass

from hakobune.core.identity import limits
from hakobune.core.instants import duration_from_text, timestamp_to_text
from hakobune.wire.octets import octets_from_text
from hakobune.wire.schema import FieldType, Json, ListOf, Message, Reader, Scalar
from hakobune.wire.violations import Violations

_TEXT = Scalar.TEXT


def _message(name: str, **fields: FieldType) -> Message:
    kind = f"type.googleapis.com/google.iam.credentials.v1.{name}Request"
    return Message(type_name=kind, fields={"name": _TEXT, "delegates": ListOf(_TEXT), **fields})


_ACCESS = _message("GenerateAccessToken", scope=ListOf(_TEXT), lifetime=Scalar.DURATION)
_ID = _message("GenerateIdToken", audience=_TEXT, includeEmail=Scalar.FLAG, organizationNumberIncluded=Scalar.FLAG)
_BLOB = _message("SignBlob", payload=_TEXT)
_JWT = _message("SignJwt", payload=_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenRequest:
    """Scopes, and for how long."""

    scopes: tuple[str, ...]
    life_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenRequest:
    """For whom, and whether the token says the address of the account."""

    audience: str
    includes_email: bool


def access_token_request_from_json(value: object) -> AccessTokenRequest:
    """The body of `:generateAccessToken`. Raises InvalidArgument."""
    tree, found = _read(_ACCESS, value)
    scopes: list[str] = tree.get("scope", [])
    life_s = duration_from_text(tree.get("lifetime", f"{limits.TOKEN_LIFE_S}s"))
    if not 1 <= len(scopes) <= limits.SCOPES_MAX:
        found.add("scope", f"has 1 to {limits.SCOPES_MAX} scopes, not {len(scopes)}")
    if any(not scope or scope.split() != [scope] for scope in scopes):
        found.add("scope", "a scope has no spaces and is not empty")
    if not 0 < life_s <= limits.TOKEN_LIFE_MAX_S:
        found.add("lifetime", f"must be above 0s and at most {limits.TOKEN_LIFE_MAX_S}s")
    found.check()
    return AccessTokenRequest(scopes=tuple(scopes), life_s=life_s)


def access_token_to_json(text: str, expires_s: float) -> Json:
    """The answer of `:generateAccessToken`."""
    return {"accessToken": text, "expireTime": timestamp_to_text(expires_s).replace(".000000", "")}


def id_token_request_from_json(value: object) -> IdTokenRequest:
    """The body of `:generateIdToken`. Raises InvalidArgument."""
    tree, found = _read(_ID, value)
    audience = tree.get("audience", "")
    if not 0 < len(audience) <= limits.AUDIENCE_MAX_CHARS:
        found.add("audience", f"has 1 to {limits.AUDIENCE_MAX_CHARS} characters")
    found.check()
    return IdTokenRequest(audience=audience, includes_email=tree.get("includeEmail", False))


def blob_from_json(value: object) -> bytes:
    """The body of `:signBlob`. Raises InvalidArgument."""
    tree, found = _read(_BLOB, value)
    data = b""
    try:
        data = octets_from_text(tree.get("payload", ""))
    except ValueError as error:
        found.add("payload", str(error))
    if len(data) > limits.BLOB_MAX_BYTES:
        found.add("payload", f"has more than {limits.BLOB_MAX_BYTES} bytes")
    found.check()
    return data


def claims_text_from_json(value: object) -> str:
    """The claims, as JSON text, in the body of `:signJwt`. Raises InvalidArgument."""
    tree, found = _read(_JWT, value)
    text: str = tree.get("payload", "")
    if not 0 < len(text) <= limits.BLOB_MAX_BYTES:
        found.add("payload", f"has 1 to {limits.BLOB_MAX_BYTES} characters")
    found.check()
    return text


def _read(kind: Message, value: object) -> tuple[Json, Violations]:
    found = Violations()
    return Reader(found=found).message(kind, value, ""), found
