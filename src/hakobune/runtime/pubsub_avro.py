"""Schemas in Avro (https://avro.apache.org/docs/1.11.1/specification/): definitions and JSON by fastavro, binary
messages by a reader of our own, whose work is bounded.

What could make a small message endless is refused: types that hold themselves, lists whose items have no bytes, and
definitions that stand for very much. Default values are not taken for what a JSON message leaves out, as with Avro's
own reader.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import IO, NoReturn, Protocol, cast

from hakobune.core.errors import FieldViolation, HakobuneError, InvalidArgument, Unimplemented
from hakobune.core.pubsub.avro_binary import DEPTH, binary_reader
from hakobune.core.pubsub.model import Encoding

_SHOWN_CHARACTERS = 500
_NAMED = frozenset({"record", "error", "enum", "fixed"})


class _Fastavro(Protocol):
    """What is used of the library, whose own types say less."""

    def parse_schema(self, schema: object, named: dict[str, object], /) -> object: ...

    def json_reader(self, stream: IO[str], schema: object) -> Iterable[object]: ...

    def validate(self, datum: object, schema: object, *, raise_errors: bool, strict: bool) -> bool: ...


def avro_checker(definition: str) -> Callable[[bytes, Encoding], str]:
    """What says why a message does not fit a definition. Raises InvalidArgument, Unimplemented, ImportError."""
    library: _Fastavro = cast("_Fastavro", import_module("fastavro"))
    try:
        tree: object = json.loads(definition)
        if not isinstance(tree, dict) or cast("dict[str, object]", tree).get("type") != "record":
            raise ValueError("the type of the whole must be a record")
        _Bounds().check(cast("dict[str, object]", tree), 0)
        named: dict[str, object] = {}
        binary_problem = binary_reader(library.parse_schema(cast("object", tree), named), named)
        schema = library.parse_schema(_without_defaults(cast("object", tree)), {})
    except HakobuneError:
        raise
    except Exception as error:  # noqa: BLE001 - the library raises whatever its reading meets: all mean "no definition"
        unknown = getattr(error, "name", None)
        _refuse(f"{unknown!r} is no type" if unknown else str(error) or type(error).__name__, error)

    def problem(data: bytes, encoding: Encoding) -> str:
        if encoding is not Encoding.JSON:
            return binary_problem(data)
        try:
            line = json.dumps(json.loads(data))  # the reader takes one value a line
            for datum in library.json_reader(io.StringIO(line), schema):
                library.validate(datum, schema, raise_errors=True, strict=True)
        except Exception as error:  # noqa: BLE001 - as above: all mean "no fit"
            return f"{type(error).__name__}: {error}"[:_SHOWN_CHARACTERS]
        return ""

    return problem


def _refuse(problem: str, cause: Exception) -> NoReturn:
    text = f"is no Avro definition: {problem[:_SHOWN_CHARACTERS]}"
    violation = FieldViolation(field="schema.definition", description=text)
    raise InvalidArgument(f"schema.definition: {text}.", violations=[violation]) from cause


def _without_defaults(tree: object) -> object:
    """A definition whose fields have no default values."""
    if isinstance(tree, list):
        return [_without_defaults(item) for item in cast("list[object]", tree)]
    if not isinstance(tree, dict):
        return tree
    found = cast("dict[str, object]", tree)
    plain = {name: _without_defaults(value) for name, value in found.items()}
    if found.get("type") in ("record", "error"):
        for field in cast("list[dict[str, object]]", plain.get("fields", [])):
            field.pop("default", None)
    return plain


class _Bounds:
    """Walks a definition: its depth, types that hold themselves, lists of nothing."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def check(self, tree: object, depth: int) -> None:
        """Raises Unimplemented, ValueError."""
        if depth > DEPTH:
            raise ValueError(f"nested deeper than {DEPTH} levels")
        if isinstance(tree, str):
            if tree.rpartition(".")[2] in self._open:
                raise Unimplemented(f"Avro types that hold themselves ({tree[:80]}) are not supported.")
        elif isinstance(tree, list):
            for branch in cast("list[object]", tree):
                self.check(branch, depth + 1)
        elif isinstance(tree, dict):
            self._check_type(cast("dict[str, object]", tree), depth)
        else:
            raise ValueError("a type is a text, a list or an object")

    def _check_type(self, tree: dict[str, object], depth: int) -> None:
        kind = tree.get("type")
        if kind == "array":
            if _has_no_bytes(tree.get("items")):
                raise Unimplemented("Avro arrays whose items have no bytes are not supported.")
            self.check(tree.get("items"), depth + 1)
        elif kind == "map":
            self.check(tree.get("values"), depth + 1)
        elif kind in ("record", "error"):
            self._open.append(str(tree.get("name", "")).rpartition(".")[2])
            for field in cast("list[dict[str, object]]", tree.get("fields", [])):
                self.check(field.get("type"), depth + 1)
            self._open.pop()
        elif kind not in _NAMED:
            self.check(kind, depth + 1)


def _has_no_bytes(tree: object) -> bool:
    """Whether a value of this type is written as nothing."""
    if tree == "null":
        return True
    if not isinstance(tree, dict):
        return False
    found = cast("dict[str, object]", tree)
    kind = found.get("type")
    if kind in ("record", "error"):
        fields = cast("list[dict[str, object]]", found.get("fields", []))
        return all(_has_no_bytes(field.get("type")) for field in fields)
    if kind == "fixed":
        return found.get("size") == 0
    return kind not in _NAMED | {"array", "map"} and _has_no_bytes(kind)
