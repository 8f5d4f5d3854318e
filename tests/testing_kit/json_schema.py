"""A small check of JSON against a schema: the words of draft 7 that our schemas use, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
_WORDS = frozenset(
    {"$schema", "$id", "title", "description", "definitions", "$ref", "type", "properties", "required", "enum", "const"}
    | {"additionalProperties", "minProperties", "maxProperties", "items", "minItems", "maxItems", "pattern"}
    | {"minimum", "maximum", "anyOf", "allOf", "if", "then"}
)


def is_valid(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value fits."""
    unknown = schema.keys() - _WORDS
    assert not unknown, unknown
    if "$ref" in schema:
        return is_valid(value, root["definitions"][schema["$ref"].rpartition("/")[2]], root)
    return all(_checks(value, schema, root))


def _checks(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[bool]:
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        yield any(_is_of(value, name) for name in types)
    if "enum" in schema:
        yield value in schema["enum"]
    if "const" in schema:
        yield value == schema["const"]
    if "anyOf" in schema:
        yield any(is_valid(value, one, root) for one in schema["anyOf"])
    if "allOf" in schema:
        yield all(is_valid(value, one, root) for one in schema["allOf"])
    if "if" in schema and is_valid(value, schema["if"], root):
        yield is_valid(value, schema["then"], root)
    if isinstance(value, str) and "pattern" in schema:
        yield re.search(schema["pattern"], value) is not None
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield schema.get("minimum", value) <= value <= schema.get("maximum", value)
    if isinstance(value, list):
        yield schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        yield all(is_valid(item, schema.get("items", {}), root) for item in value)
    if isinstance(value, dict):
        yield from _check_map(value, schema, root)


def _check_map(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> Iterator[bool]:
    yield schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value))
    yield set(schema.get("required", ())) <= value.keys()
    properties = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    for key, element in value.items():
        if key in properties:
            yield is_valid(element, properties[key], root)
        elif isinstance(more, dict):
            yield is_valid(element, more, root)
        else:
            yield more


def _is_of(value: Any, name: str) -> bool:
    if name in ("number", "integer"):
        return isinstance(value, int | float if name == "number" else int) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])
