"""From a gRPC request to the REST call that it means, and from its answer back to a message or a status.

So a gRPC client gets past the same checks, to the same handlers, and hears the same words as one that speaks REST.
Rules: https://google.aip.dev/127, https://protobuf.dev/programming-guides/json/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote, urlencode

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from hakobune.core.errors import Code, InvalidArgument, Unimplemented
from hakobune.servers.grpc.methods import Method
from hakobune.servers.grpc.pool import is_known, message_class, pool
from hakobune.servers.http.messages import BytesBody, Request, Response

Json = dict[str, object]

_PARAMETER = re.compile(r"\{([a-z_.]+)=([^}]*)\}")
_STATUS = "google.rpc.Status"
# A status travels in the headers of the answer, of which clients take 8 KiB by default, percent-encoded.
# Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, GRPC_ARG_MAX_METADATA_SIZE.
_MESSAGE_MAX_BYTES = 1_500
_DETAILS_MAX_BYTES = 4_096
_HEADERS = frozenset({"authorization", "idempotency-key"})


# -- requests ---------------------------------------------------------------------------------------------------


def request_of(method: Method, content: bytes, metadata: Mapping[str, str], peer: str) -> Request:
    """The REST call that a gRPC request means. Raises InvalidArgument."""
    tree = _tree(method, content)
    target = _PARAMETER.sub(lambda found: _resource(tree, found[1], found[2]), method.path)
    body: object = None
    if method.body == "*":
        for found in _PARAMETER.finditer(method.path):
            tree.pop(_camel(found[1]), None)
        body, tree = tree, {}
    elif method.body:
        body = tree.pop(_camel(method.body), {})
    query = _query({name: value for name, value in tree.items() if f"{{{name}=" not in method.path})
    return Request(
        method=method.verb,
        target=f"{target}?{urlencode(query)}" if query else target,
        headers={name: value for name, value in metadata.items() if name in _HEADERS},
        body=BytesBody() if body is None else BytesBody(json.dumps(body).encode()),
        peer=peer,
    )


def _tree(method: Method, content: bytes) -> Json:
    """The request as JSON: camelCase, enums by name."""
    try:
        message = message_class(method.request).FromString(content)
        return json_format.MessageToDict(message, descriptor_pool=pool())
    except (DecodeError, json_format.Error, ValueError, TypeError) as error:  # TypeError: an Any of an unknown type
        raise InvalidArgument(f"The request is no {method.request}: {error}") from error


def _resource(tree: Json, path: str, pattern: str) -> str:
    """A field's value as a part of a URL's path. Raises InvalidArgument if it has not the form of the pattern."""
    *outer, last = path.split(".")
    for name in outer:
        inner = tree.get(_camel(name))
        tree = cast("Json", inner) if isinstance(inner, dict) else {}
    text = str(tree.get(_camel(last), ""))
    segments, wanted = text.split("/"), pattern.split("/")
    if wanted[-1] == "**":
        wanted[-1:] = ["*"] * max(1, len(segments) - len(wanted) + 1)
    is_like = len(segments) == len(wanted) and all(
        segment == part or (part == "*" and segment != "") for segment, part in zip(segments, wanted, strict=True)
    )
    if not is_like:
        raise InvalidArgument(f"Invalid value at '{path}': {text[:200]!r} is not of the form {pattern}.")
    return "/".join(quote(segment, safe="") for segment in segments)


def _query(tree: Json, prefix: str = "") -> list[tuple[str, str]]:
    """All fields as those of a query, nested ones with dots."""
    found: list[tuple[str, str]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += _query(cast("Json", value), f"{prefix}{name}.")
        elif isinstance(value, list):
            found += [(prefix + name, _text(item)) for item in cast("list[object]", value)]
        else:
            found.append((prefix + name, _text(value)))
    return found


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


# -- answers ----------------------------------------------------------------------------------------------------


def message_of(method: Method, response: Response) -> bytes:
    """A good answer as a message. Raises Unimplemented for an operation of an API that gRPC has not here yet."""
    tree = cast("Json", json.loads(response.content))
    for operation in cast("list[Json]", tree.get("operations", [])):
        for name in _foreign(operation):
            del operation[name]
    if method.response == "google.longrunning.Operation" and _foreign(tree):
        raise Unimplemented("This operation's API is not supported over gRPC by this version of hakobune: use REST.")
    message = message_class(method.response)()
    json_format.ParseDict(tree, message, ignore_unknown_fields=True, descriptor_pool=pool())
    return message.SerializeToString()


def _foreign(operation: Json) -> list[str]:
    """The parts of an operation whose messages are not in our tables."""
    found: list[str] = []
    for name in ("metadata", "response"):
        part = operation.get(name)
        if isinstance(part, dict) and not is_known(str(cast("Json", part).get("@type", "")).rpartition("/")[2]):
            found.append(name)
    return found


def status_of(response: Response) -> tuple[Code, str, bytes]:
    """A bad answer as (code, message, google.rpc.Status as bytes)."""
    error = cast("Json", cast("Json", json.loads(response.content))["error"])
    code = Code[str(error["status"])]
    text = _cut(str(error["message"]))
    details = error.get("details", [])
    status: Message = message_class(_STATUS)()
    tree = {"code": code.value, "message": text, "details": details}
    json_format.ParseDict(tree, status, descriptor_pool=pool())
    content = status.SerializeToString()
    while len(content) > _DETAILS_MAX_BYTES:
        if not _halved(cast("list[Json]", details)):
            tree["details"] = []
        status = message_class(_STATUS)()
        json_format.ParseDict(tree, status, descriptor_pool=pool())
        content = status.SerializeToString()
    return code, text, content


def _halved(details: list[Json]) -> bool:
    """Leave out half of the metadata: the first ack ids that were refused, say, are better than none."""
    found = False
    for detail in details:
        metadata = cast("Json", detail.get("metadata", {}))
        names = list(metadata)
        for name in names[len(names) // 2 :] if len(names) > 1 else ():
            del metadata[name]
            found = True
    return found


def _cut(text: str) -> str:
    """A message that fits into a header: percent-encoding makes three bytes of each that is not plain ASCII."""
    size = 0
    for place, char in enumerate(text):
        size += 1 if " " <= char <= "~" and char != "%" else 3 * len(char.encode("utf-8", "replace"))
        if size > _MESSAGE_MAX_BYTES:
            return text[:place] + "..."
    return text
