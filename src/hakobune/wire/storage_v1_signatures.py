"""Signed URLs: what they say, and what was signed. Pure; the signature itself is checked elsewhere.

Sources: Cloud Storage documentation, "V4 signing process", "Canonical requests", "V2 signing process".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from hakobune.wire.storage_v1_errors import XmlRefusal
from hakobune.wire.storage_v1_reading import whole_number
from hakobune.wire.storage_v1_times import compact_time_from_text

EXPIRES_MAX_S = 7 * 24 * 3_600
_SKEW_S = 15 * 60.0
RSA_V4 = "GOOG4-RSA-SHA256"
_HMAC_V4 = "GOOG4-HMAC-SHA256"
_SCOPE = re.compile(r"(.+)/(\d{8})/([^/]+)/storage/goog4_request\Z", re.DOTALL)
_HOST = "storage.googleapis.com"
_COPY_SOURCE = "x-goog-copy-source"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """The parts of a request that a signature is about. `raw_path` and `raw_query` are as they were sent; header names
    are in lower case."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUrl:
    """A signature, who is said to have made it, and the texts it may be of: the host that was signed may be Google's,
    and a client may have written the path in another way."""

    account: str
    is_rsa: bool
    signature: bytes
    contents: tuple[bytes, ...]


def is_signed_query(query: Mapping[str, str]) -> bool:
    """Whether a request shows a signature."""
    return _v4(query) is not None or ("Signature" in query and "GoogleAccessId" in query)


def _v4(query: Mapping[str, str]) -> Mapping[str, str] | None:
    found = {name.lower(): value for name, value in query.items() if name.lower().startswith("x-goog-")}
    return found if "x-goog-signature" in found else None


def signed_url(request: SignedRequest, query: Mapping[str, str], now_s: float) -> SignedUrl:
    """What the signature of a request says. Raises XmlRefusal: it cannot be read, or its time is over."""
    fields = _v4(query)
    return _read_v2(request, query, now_s) if fields is None else _read_v4(request, fields, now_s)


# -- V4 -------------------------------------------------------------------------------------------------------------


def _read_v4(request: SignedRequest, fields: Mapping[str, str], now_s: float) -> SignedUrl:
    algorithm = fields.get("x-goog-algorithm", "")
    if algorithm not in (RSA_V4, _HMAC_V4):
        raise _broken(f"Invalid X-Goog-Algorithm: {algorithm[:60]!r}.")
    scope = _SCOPE.match(fields.get("x-goog-credential", ""))
    if scope is None:
        raise _broken("Invalid X-Goog-Credential: it looks like ACCOUNT/DATE/auto/storage/goog4_request.")
    stamp = fields.get("x-goog-date", "")
    try:
        begin_s = compact_time_from_text(stamp)
    except ValueError as error:
        raise _broken("Invalid X-Goog-Date: it looks like 20260601T000000Z.") from error
    life_s = whole_number(fields.get("x-goog-expires", ""))
    if life_s is None or not 0 <= life_s <= EXPIRES_MAX_S:
        raise _broken(f"Invalid X-Goog-Expires: it is a number of seconds, at most {EXPIRES_MAX_S}.")
    if not stamp.startswith(scope.group(2)):
        raise _broken("X-Goog-Date and the date of X-Goog-Credential differ.")
    if begin_s > now_s + _SKEW_S:
        raise XmlRefusal(403, "RequestTimeTooSkewed", "The signature is from the future.")
    if now_s > begin_s + life_s:
        raise XmlRefusal(400, "ExpiredToken", "Invalid argument. The signed URL has expired.")
    signature = fields["x-goog-signature"]
    try:
        signed = bytes.fromhex(signature)
    except ValueError as error:
        raise _broken("Invalid X-Goog-Signature: it is hexadecimal.") from error
    names = fields.get("x-goog-signedheaders", "").lower().split(";")
    _check_source(request.headers, names)
    path_forms = dict.fromkeys((request.raw_path, quote(unquote(request.raw_path), safe="/~")))
    hosts = dict.fromkeys((request.headers.get("host", ""), _HOST)) if "host" in names else {"": None}
    scope_text = "/".join(scope.groups()[1:]) + "/storage/goog4_request"
    contents = tuple(
        _content_v4(request, (path, host), names, (algorithm, stamp, scope_text))
        for path in path_forms
        for host in hosts
    )
    return SignedUrl(account=scope.group(1), is_rsa=algorithm == RSA_V4, signature=signed, contents=contents)


def _check_source(headers: Mapping[str, str], signed: Sequence[str]) -> None:
    """What is copied must have been signed: else a URL that lets somebody write one object lets him read them all."""
    for name in headers:
        if name.startswith(_COPY_SOURCE) and name not in signed:
            raise XmlRefusal(403, "AccessDenied", f"The header {name} is not among the signed ones.")


def _content_v4(
    request: SignedRequest, place: tuple[str, str], names: Sequence[str], scope: tuple[str, str, str]
) -> bytes:
    path, host = place
    parts = [part.partition("=") for part in request.raw_query.split("&") if part]
    pairs = sorted(
        (_requoted(name), _requoted(value)) for name, _, value in parts if name.lower() != "x-goog-signature"
    )
    headers = request.headers if not host else {**request.headers, "host": host}
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in names]
    canonical = "\n".join(
        [
            request.method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *lines,
            "",
            ";".join(names),
            request.headers.get("x-goog-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
    )
    digest = hashlib.sha256(canonical.encode("latin-1", "replace")).hexdigest()
    return "\n".join([*scope, digest]).encode()


def _requoted(text: str) -> str:
    return quote(unquote(text.replace("+", " ")), safe="-_.~")


# -- V2 -------------------------------------------------------------------------------------------------------------


def _read_v2(request: SignedRequest, query: Mapping[str, str], now_s: float) -> SignedUrl:
    expires_s = whole_number(query.get("Expires", ""))
    if expires_s is None:
        raise _broken("Invalid Expires: it is a number of seconds since 1970.")
    if now_s > expires_s:
        raise XmlRefusal(400, "ExpiredToken", "Invalid argument. The signed URL has expired.")
    try:
        signature = base64.b64decode(query["Signature"].replace(" ", "+"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise _broken("Invalid Signature: it is base64.") from error
    headers = request.headers
    extension = "".join(
        f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers) if name.startswith("x-goog-")
    )
    resources = dict.fromkeys((request.raw_path, quote(unquote(request.raw_path), safe="/~")))
    is_copy = any(name.startswith(_COPY_SOURCE) for name in headers)
    contents = tuple(
        "\n".join(
            [
                request.method,
                headers.get("content-md5", ""),
                content_type,
                str(expires_s),
                extension_headers + resource,
            ]
        ).encode()
        for resource in resources
        for content_type in dict.fromkeys((headers.get("content-type", ""), ""))
        for extension_headers in ((extension,) if is_copy else dict.fromkeys((extension, "")))
    )
    return SignedUrl(account=query["GoogleAccessId"], is_rsa=True, signature=signature, contents=contents)


def _broken(message: str) -> XmlRefusal:
    return XmlRefusal(400, "AuthorizationQueryParametersError", message)
