"""How the arguments of `http.*` become a request: address, query, headers, body, credentials.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/http/request, …/docs/http-requests,
…/docs/authenticate-from-workflow
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from hakobune.core.workflows import limits
from hakobune.core.workflows.effects import HttpRequest, Token, TokenKind
from hakobune.core.workflows.failures import Failure, system_error, type_error, value_error
from hakobune.core.workflows.stdlib.arguments import given, is_given, mapping, number, text
from hakobune.core.workflows.stdlib.charsets import utf8
from hakobune.core.workflows.stdlib.http_messages import header, is_json, media_type
from hakobune.core.workflows.stdlib.registry import Missing
from hakobune.core.workflows.stdlib.strings import percent_encoded
from hakobune.core.workflows.values import Value, number_text, to_json, type_name

USER_AGENT: Final = "GoogleCloudWorkflows; (+https://cloud.google.com/workflows/docs)"
CLOUD_PLATFORM: Final = "https://www.googleapis.com/auth/cloud-platform"
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110, 5.6.2
_NO_HOST = re.compile(r'[\s<>"\\^`{|}]')
# Characters of a URL that stay as they are: RFC 3986, 2.2 and 2.3, and `%` of what is encoded already.
_KEPT: Final = "%:/?#[]@!$&'()*+,;=~"
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
# They describe the connection or the length, and who sends a request knows these best. Go's net/http, with which the
# service seems to be made, does not send a user's own either.
_OWN_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "trailer"})
_SERVICE_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/namespaces/[^/]+/services/[^/]+")
_SCOPE_SEPARATOR = re.compile(r"[\s,]+")
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class _Body:
    """What is sent, and the type that it has unless the headers name one."""

    content: bytes | None
    content_type: str = ""


_NO_BODY: Final = _Body(None)


def build_request(function: str, method: str, arguments: Mapping[str, Value | Missing]) -> HttpRequest:
    """The request that the arguments (by their documented names) describe.

    Whether its host may be called with a token is not decided here. Raises Failure (TypeError, ValueError; SystemError
    for `private_service_name`).
    """
    if method not in METHODS:
        raise value_error(f'{function}: unsupported method "{method[:20]}", want one of {", ".join(METHODS)}')
    url = text(function, "url", arguments["url"])
    address = _split_url(function, url)
    timeout_s = _timeout_s(function, arguments["timeout"])
    headers = _headers(function, arguments["headers"])
    query = _pairs(function, "query", given(arguments["query"], {}))
    body = _body(function, given(arguments.get("body")), headers)
    token = _token(function, arguments["auth"], url)
    certificate = _certificate(function, arguments["ca_certificate"])
    if is_given(arguments["private_service_name"]):
        raise _no_private_service(function, arguments["private_service_name"], address)
    if body.content_type:
        headers.append(("Content-Type", body.content_type))
    return HttpRequest(
        method=method,
        url=_joined_url(function, address, query),
        headers=tuple(headers if token is None else [item for item in headers if item[0].lower() != "authorization"]),
        body=body.content,
        timeout_s=timeout_s,
        token=token,
        ca_certificate=certificate,
    )


# -- address ----------------------------------------------------------------------------------------------------


def _split_url(function: str, url: str) -> SplitResult:
    """Raises Failure (ValueError)."""
    return _known_url(function, url) if len(url) <= _KNOWN_CHARACTERS else _checked_url(function, url)


def _checked_url(function: str, url: str) -> SplitResult:
    utf8(function, url)
    if _CONTROL.search(url) or url != url.strip():
        raise value_error(f"{function}: the URL has control characters, or spaces around it")
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise value_error(f'{function}: invalid URL "{url[:200]}": {error}') from error
    if parts.scheme not in ("http", "https"):
        raise value_error(f'{function}: invalid URL "{url[:200]}": it must begin with http:// or https://')
    if not is_complete or _NO_HOST.search(parts.netloc):
        raise value_error(f'{function}: invalid URL "{url[:200]}": it names no host')
    return parts


# Most calls of a workflow go to few addresses: to look at each of them once is half the cost of a request.
_KNOWN_CHARACTERS: Final = 1_000
_known_url = lru_cache(maxsize=1_000)(_checked_url)


def _joined_url(function: str, address: SplitResult, query: list[tuple[str, str]]) -> str:
    """The address without its fragment, in ASCII but for the host, with the query at its end."""
    if not query and sum(map(len, address)) <= _KNOWN_CHARACTERS:
        return _known_text(address)
    own = _escaped(address.query)
    added = "&".join(f"{percent_encoded(function, key)}={percent_encoded(function, value)}" for key, value in query)
    whole = f"{own}&{added}" if own and added else own or added
    return _text_of(address, whole)


@lru_cache(maxsize=1_000)
def _known_text(address: SplitResult) -> str:
    return _text_of(address, _escaped(address.query))


def _text_of(address: SplitResult, query: str) -> str:
    return address._replace(path=_escaped(address.path) or "/", query=query, fragment="").geturl()


def _escaped(part: str) -> str:
    return quote(_BARE_PERCENT.sub("%25", part), safe=_KEPT)


def _pairs(function: str, name: str, value: Value) -> list[tuple[str, str]]:
    """Keys and texts of a query or a form; an entry for each element of a list."""
    pairs: list[tuple[str, str]] = []
    for key, element in mapping(function, name, value).items():
        elements = element if isinstance(element, list) else [element]
        pairs.extend((key, _scalar_text(function, f"{name}.{key}", item)) for item in elements)
    return pairs


def _scalar_text(function: str, name: str, value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    raise type_error(f"{function}: '{name}' must be a string, number or boolean, not '{type_name(value)}'")


def _no_private_service(function: str, value: Value | Missing, address: SplitResult) -> Failure:
    name = text(function, "private_service_name", value)
    if not _SERVICE_NAME.fullmatch(name):
        form = "projects/P/locations/L/namespaces/N/services/S"
        return value_error(f"{function}: private_service_name must have the form {form}")
    if address.port is not None:
        return value_error(f"{function}: with private_service_name the URL must not have a port")
    return system_error(f"{function}: private_service_name is not supported here, call the service's own address")


def _timeout_s(function: str, value: Value | Missing) -> float:
    timeout_s = number(function, "timeout", given(value, limits.HTTP_TIMEOUT_S))
    if not 0 < timeout_s <= limits.HTTP_TIMEOUT_S_MAX:
        most = number_text(limits.HTTP_TIMEOUT_S_MAX)
        raise value_error(f"{function}: timeout must be above 0 and at most {most} seconds")
    return float(timeout_s)


# -- headers and credentials ------------------------------------------------------------------------------------


def _headers(function: str, value: Value | Missing) -> list[tuple[str, str]]:
    """The headers of the arguments, and the one that says who asks."""
    headers: list[tuple[str, str]] = []
    user_agent = ""
    for name, raw in mapping(function, "headers", given(value, {})).items():
        if not _HEADER_NAME.fullmatch(name):
            raise value_error(f'{function}: invalid header name "{name[:60]}"')
        content = _scalar_text(function, f"headers.{name}", raw).strip(" \t")
        if _HEADER_CONTROL.search(content):
            raise value_error(f"{function}: header {name[:60]} has control characters")
        utf8(function, content)
        if name.lower() == "user-agent":
            user_agent = content
        elif name.lower() not in _OWN_HEADERS:
            headers.append((name, content))
    headers.append(("User-Agent", f"{user_agent} {USER_AGENT}" if user_agent else USER_AGENT))
    return headers


def _token(function: str, value: Value | Missing, url: str) -> Token | None:
    """The credentials of `auth`. Keys of the other type are checked and have no effect (inferred)."""
    if not is_given(value):
        return None
    auth = mapping(function, "auth", value)
    unknown = sorted(auth.keys() - {"type", "audience", "scope", "scopes"})
    if unknown:
        raise value_error(f'{function}: unknown key "{unknown[0][:60]}" in auth')
    kind = text(function, "auth.type", auth.get("type", ""))
    audience = text(function, "auth.audience", given(auth.get("audience"), ""))
    scopes = (*scope_list(function, auth.get("scope")), *scope_list(function, auth.get("scopes")))
    if kind == TokenKind.OIDC:
        return Token(kind=TokenKind.OIDC, audience=audience or url)
    if kind == TokenKind.OAUTH2:
        return Token(kind=TokenKind.OAUTH2, scopes=scopes or (CLOUD_PLATFORM,))
    raise value_error(f'{function}: auth.type must be OIDC or OAuth2, not "{kind[:60]}"')


def scope_list(function: str, value: Value | Missing) -> tuple[str, ...]:
    """Scopes from a string with spaces or commas between them, or from a list of such strings.

    Raises Failure (TypeError).
    """
    if not is_given(value):
        return ()
    elements = value if isinstance(value, list) else [text(function, "scopes", value)]
    texts = [text(function, "scopes", element) for element in elements]
    return tuple(scope for element in texts for scope in _SCOPE_SEPARATOR.split(element) if scope)


def _certificate(function: str, value: Value | Missing) -> bytes | None:
    if not is_given(value):
        return None
    if isinstance(value, bytes):
        return value
    raise value_error(f"{function}: ca_certificate must be the bytes of a DER certificate")


# -- body -------------------------------------------------------------------------------------------------------


def _body(function: str, body: Value, headers: Iterable[tuple[str, str]]) -> _Body:
    """The bytes of a body, as its type asks for them; no type: bytes as they are, all else as JSON."""
    if body is None:
        return _NO_BODY
    content_type = header(headers, "Content-Type")
    if content_type is None:
        if isinstance(body, bytes):
            return _Body(body, "application/octet-stream")
        return _Body(utf8(function, to_json(body)), "application/json; charset=utf-8")
    if isinstance(body, bytes):
        return _Body(body)
    if isinstance(body, str):
        return _Body(utf8(function, body))
    media = media_type(content_type)
    if is_json(media):
        return _Body(utf8(function, to_json(body)))
    if media == _FORM and isinstance(body, dict):
        return _Body(_form(function, body))
    raise value_error(f"{function}: a body of type '{type_name(body)}' cannot be sent as {content_type[:60]}")


def _form(function: str, body: dict[str, Value]) -> bytes:
    fields = [
        f"{percent_encoded(function, key)}={percent_encoded(function, value)}".replace("%20", "+")
        for key, value in _pairs(function, "body", body)
    ]
    return "&".join(fields).encode("ascii")
