"""How the arguments of a method become a request: host, path, query, body.

Source: https://cloud.google.com/workflows/docs/reference/googleapis and the pages of the methods; that values are put
into a path as they are: the samples for Cloud Storage, which encode the names of objects themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias
from urllib.parse import quote

from hakobune.core.workflows import limits
from hakobune.core.workflows.connectors.methods import Method, MethodParameter
from hakobune.core.workflows.effects import HttpRequest, Token, TokenKind
from hakobune.core.workflows.failures import type_error, value_error
from hakobune.core.workflows.stdlib.arguments import given, is_given, mapping, text
from hakobune.core.workflows.stdlib.charsets import utf8
from hakobune.core.workflows.stdlib.http_requests import USER_AGENT
from hakobune.core.workflows.stdlib.registry import Missing
from hakobune.core.workflows.stdlib.strings import percent_encoded
from hakobune.core.workflows.values import Value, number_text, to_json, type_name

BODY: Final = "body"
UPLOAD_TYPE: Final = "uploadType"
ALT: Final = "alt"
UNLISTED: Final = "*"  # arguments that the method's description does not list: a map
_QUERY: Final = "query"

Arguments: TypeAlias = Mapping[str, Value | Missing]

_PLACE = re.compile(r"\{\+?([\w.$-]+)\}")
_LOCATION = re.compile(r"[a-z0-9][a-z0-9-]*", re.ASCII)
# What a URL cannot hold is encoded; all else stays as the author wrote it, percent signs too. Source: RFC 3986, 2.2.
_KEPT: Final = "%:/?[]@!$&'()*+,;=~"
_JSON: Final = "application/json; charset=utf-8"


def build_request(method: Method, function: str, arguments: Arguments, scopes: tuple[str, ...]) -> HttpRequest:
    """The request of a method that is called as `function`. Raises Failure (TypeError, ValueError)."""
    is_media = method.is_upload and is_given(arguments[UPLOAD_TYPE])
    if is_media:
        _check_media(function, arguments)
    body, content_type = _body(method, function, arguments, is_media=is_media)
    url = root(method, function, arguments) + ("upload/" if is_media else "") + _path(method, function, arguments)
    headers = [("User-Agent", USER_AGENT)]
    if content_type:
        headers.append(("Content-Type", content_type))
    return HttpRequest(
        method=method.verb,
        url=with_query(function, url, _query(method, function, arguments)),
        headers=tuple(headers),
        body=body,
        timeout_s=limits.HTTP_TIMEOUT_S_MAX,
        token=Token(kind=TokenKind.OAUTH2, scopes=scopes),
        service=method.service,
    )


def root(method: Method, function: str, arguments: Arguments) -> str:
    """Where paths begin: the service's host, or that of a region. Raises Failure (TypeError, ValueError)."""
    if not method.region_parameter or not is_given(arguments[method.region_parameter]):
        return method.root
    region = text(function, method.region_parameter, arguments[method.region_parameter])
    if not _LOCATION.fullmatch(region):
        raise value_error(f'{function}: {method.region_parameter} is no region: "{region[:60]}"')
    return method.regional_root.replace("{}", region)


def path_value(function: str, name: str, value: Value | Missing) -> str:
    """An argument as it stands in a path. Raises Failure (TypeError, ValueError)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return number_text(value)
    written = text(function, name, value)
    if not written:
        raise value_error(f"{function}: {name} must not be empty")
    return written


def escaped(function: str, path: str) -> str:
    """A path that a URL can hold. Raises Failure (ValueError)."""
    return quote(utf8(function, path), safe=_KEPT)


def with_query(function: str, url: str, query: Iterable[tuple[str, str]]) -> str:
    """The address with a query. Raises Failure (ValueError)."""
    pairs = [f"{percent_encoded(function, key)}={percent_encoded(function, value)}" for key, value in query]
    if not pairs:
        return url
    return f"{url}{'&' if '?' in url else '?'}{'&'.join(pairs)}"


def places(path: str) -> frozenset[str]:
    """The parameters that a path has places for."""
    return frozenset(_PLACE.findall(path))


def _path(method: Method, function: str, arguments: Arguments) -> str:
    filled = _PLACE.sub(lambda place: path_value(function, place[1], arguments[place[1]]), method.path)
    return escaped(function, filled)


def _query(method: Method, function: str, arguments: Arguments) -> list[tuple[str, str]]:
    in_path = places(method.path)
    pairs = [
        (parameter.name, element)
        for parameter in method.parameters
        if parameter.name not in in_path
        for element in _elements(function, parameter, arguments[parameter.name])
    ]
    extra = [name for name in extra_parameters(method) if is_given(arguments[name])]
    unlisted = mapping(function, UNLISTED, given(arguments.get(UNLISTED), {}))
    return [
        *pairs,
        *((name, text(function, name, arguments[name])) for name in extra),
        *(
            (name, _scalar(function, name, element))
            for name, value in unlisted.items()
            for element in (value if isinstance(value, list) else [value])
            if element is not None
        ),
    ]


def unlisted_arguments(method: Method, arguments: Arguments) -> Arguments:
    """The arguments, with what was not listed in its place. A map stands for parameters with dotted names
    (`updateMask: {fieldPaths: […]}`); the map `query` for parameters with the names of its keys. Those that the method
    knows are taken as its own, all others as more parameters of the query.

    Source: samples of the connectors for Firestore, Translation and Application Integration. Inferred: the rule.
    """
    found = arguments[UNLISTED]
    assert isinstance(found, dict)
    known = {parameter.name for parameter in method.parameters}
    taken: dict[str, Value | Missing] = dict(arguments)
    others: dict[str, Value] = {}
    for name, value in found.items():
        prefix = "" if name == _QUERY else f"{name}."
        for key, part in value.items() if isinstance(value, dict) else ((None, value),):
            full = name if key is None else f"{prefix}{key}"
            if full in known:
                taken[full] = part
            else:
                others[full] = part
    taken[UNLISTED] = others
    return taken


def extra_parameters(method: Method) -> tuple[str, ...]:
    """Parameters of the query that all methods with raw content share, and that their own lists leave out."""
    return (*((ALT,) if method.is_download else ()), *((UPLOAD_TYPE,) if method.is_upload else ()))


def _elements(function: str, parameter: MethodParameter, value: Value | Missing) -> list[str]:
    if isinstance(value, Missing) or value is None:
        return []
    if isinstance(value, list) and parameter.is_repeated:
        return [_scalar(function, parameter.name, element) for element in value]
    return [_scalar(function, parameter.name, value)]


def _scalar(function: str, name: str, value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    raise type_error(f"{function}: argument '{name}' must be a string, number or boolean, not '{type_name(value)}'")


# -- bodies -----------------------------------------------------------------------------------------------------


def _check_media(function: str, arguments: Arguments) -> None:
    if arguments[UPLOAD_TYPE] != "media":
        raise value_error(f'{function}: uploadType must be "media"')
    if "name" in arguments and not is_given(arguments["name"]):
        raise type_error(f"{function}: missing argument name")


def _body(method: Method, function: str, arguments: Arguments, *, is_media: bool) -> tuple[bytes | None, str]:
    """The body and its type. A message that is not given is an empty one (inferred: published samples leave it out)."""
    if is_media:
        return _content(function, given(arguments[BODY], ""))
    if not method.has_body:
        return None, ""
    message = mapping(function, BODY, given(arguments[BODY], {}))
    return utf8(function, to_json(message)), _JSON


def _content(function: str, body: Value) -> tuple[bytes, str]:
    """Raw content: bytes and texts as they are, all else as JSON. The types are inferred."""
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return utf8(function, body), "text/plain; charset=utf-8"
    return utf8(function, to_json(body)), _JSON
