"""`json.decode`, `json.encode`, `json.encode_to_string`.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/json/decode, …/json/encode, …/json/encode_to_string.
The layout with `indent` is the one of Go's encoding/json, MarshalIndent (inferred).
"""

from __future__ import annotations

import re

from hakobune.core.workflows.failures import type_error, value_error
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.arguments import given, mapping, text
from hakobune.core.workflows.stdlib.charsets import utf8
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.stdlib.sizes import check_result
from hakobune.core.workflows.values import Value, check_extent, from_json, to_json, type_name

_INDENT = "    "
_PIECE_NS = 300  # for each piece that is laid out; measured
_ELEMENT_NS = 250  # for each element that is written; measured
_CHARACTER_NS = 5  # for each character of the text; measured
# In compact JSON: a string, an empty container, one sign that lays out, or what stands between those.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|\{\}|\[\]|[{}\[\],:]|[^"{}\[\],:]+', re.DOTALL)


def decode(data: Value) -> Value:
    """The value that JSON text, or its UTF-8 bytes, says. Raises Failure (TypeError, ValueError)."""
    if isinstance(data, str | bytes):
        return from_json(data)
    raise type_error(f"json.decode: argument 'data' must be 'bytes' or 'str', not '{type_name(data)}'")


def encode(meter: Meter, data: Value, indent: Value | Missing) -> Value:
    """JSON as UTF-8 bytes, keys ascending. Raises Failure (TypeError, ValueError)."""
    return utf8("json.encode", _encoded(meter, "json.encode", data, indent))


def encode_to_string(meter: Meter, data: Value, indent: Value | Missing) -> Value:
    """JSON as a string, keys ascending. Raises Failure (TypeError, ValueError)."""
    return _encoded(meter, "json.encode_to_string", data, indent)


def _encoded(meter: Meter, function: str, data: Value, indent: Value | Missing) -> str:
    meter.spend(check_extent(data).elements * _ELEMENT_NS)
    wanted = given(indent, False)
    if isinstance(wanted, bool):
        return _laid_out(meter, function, to_json(data), "", _INDENT) if wanted else to_json(data)
    options = mapping(function, "indent", wanted)
    unknown = sorted(options.keys() - {"prefix", "indent"})
    if unknown:
        raise value_error(f'{function}: unknown key "{unknown[0][:60]}" in indent, want prefix or indent')
    prefix = text(function, "indent.prefix", given(options.get("prefix"), ""))
    step = text(function, "indent.indent", given(options.get("indent"), _INDENT))
    return _laid_out(meter, function, to_json(data), prefix, step)


def _laid_out(meter: Meter, function: str, compact: str, prefix: str, indent: str) -> str:
    """Compact JSON with each element on its own line: `prefix`, then `indent` for each level.

    Raises Failure (ResourceLimitError) before the text grows beyond what can be afforded.
    """
    pieces: list[str] = []
    depth = size = 0
    for match in _PIECE.finditer(compact):
        piece = match[0]
        if piece in ("{", "["):
            depth += 1
            piece = f"{piece}\n{prefix}{indent * depth}"
        elif piece in ("}", "]"):
            depth -= 1
            piece = f"\n{prefix}{indent * depth}{piece}"
        elif piece == ",":
            piece = f",\n{prefix}{indent * depth}"
        elif piece == ":":
            piece = ": "
        size += len(piece)
        check_result(function, size)
        meter.spend(_PIECE_NS + len(piece))
        pieces.append(piece)
    return "".join(pieces)


_INDENTED = (LibraryParameter("data"), LibraryParameter("indent", is_required=False))

FUNCTIONS = (
    LibraryFunction(name="json.decode", parameters=(LibraryParameter("data"),), kind=Kind.PURE, run=decode, ns=80),
    LibraryFunction(name="json.encode", parameters=_INDENTED, kind=Kind.METERED, run=encode, ns=_CHARACTER_NS),
    LibraryFunction(
        name="json.encode_to_string", parameters=_INDENTED, kind=Kind.METERED, run=encode_to_string, ns=_CHARACTER_NS
    ),
)
