"""`list.*` and `map.*`: each gives a new container and leaves its arguments as they are.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/list/concat, …/list/prepend, …/map/get, …/map/delete,
…/map/merge, …/map/merge_nested
"""

from __future__ import annotations

from hakobune.core.workflows.failures import type_error
from hakobune.core.workflows.meter import Meter
from hakobune.core.workflows.stdlib.arguments import mapping, sequence, text
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.values import Value, type_name


def concat(meter: Meter, objs: Value, val: Value) -> Value:
    """The list with `val` after its last element; a list as `val` is one element. Raises Failure (TypeError)."""
    old = sequence("list.concat", "objs", objs)
    new = [*old, val]
    meter.grown = (new, old, val)
    return new


def prepend(meter: Meter, objs: Value, val: Value) -> Value:
    """The list with `val` before its first element. Raises Failure (TypeError)."""
    old = sequence("list.prepend", "objs", objs)
    new = [val, *old]
    meter.grown = (new, old, val)
    return new


def get(source: Value, keys: Value) -> Value:
    """The element under a key, or under one key after another; null where there is none, and for what is no map.

    Raises Failure (TypeError) when `keys` is neither a string nor a list of strings.
    """
    found = source
    for key in _path(keys):
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found if isinstance(source, dict) else None


def _path(keys: Value) -> list[str]:
    if isinstance(keys, str):
        return [keys]
    if isinstance(keys, list):
        return [text("map.get", "keys", key) for key in keys]
    raise type_error(f"map.get: argument 'keys' must be 'str' or 'list', not '{type_name(keys)}'")


def delete(source: Value, key: Value) -> Value:
    """The map without a key; one that is not there is no error. Raises Failure (TypeError)."""
    unwanted = text("map.delete", "key", key)
    return {name: value for name, value in mapping("map.delete", "map", source).items() if name != unwanted}


def merge(first: Value, second: Value) -> Value:
    """All entries of both maps; under the same key the second's wins. Raises Failure (TypeError)."""
    return {**mapping("map.merge", "first", first), **mapping("map.merge", "second", second)}


def merge_nested(meter: Meter, first: Value, second: Value) -> Value:
    """As `merge`, and maps under the same key are merged as well. Raises Failure (TypeError, ResourceLimitError).

    With a stack of its own: how deep the maps are is up to the workflow.
    """
    merged = dict(mapping("map.merge_nested", "first", first))
    waiting = [(merged, mapping("map.merge_nested", "second", second))]
    while waiting:
        target, source = waiting.pop()
        meter.spend((len(target) + len(source)) * _MERGE_NS)
        for key, value in source.items():
            own = target.get(key)
            if isinstance(own, dict) and isinstance(value, dict):
                copy = dict(own)
                target[key] = copy
                waiting.append((copy, value))
            else:
                target[key] = value
    return merged


_MERGE_NS = 200  # for each entry of a map that is merged; measured

_APPENDED = (LibraryParameter("objs"), LibraryParameter("val"))
_BOTH = (LibraryParameter("first"), LibraryParameter("second"))

FUNCTIONS = (
    LibraryFunction(name="list.concat", parameters=_APPENDED, kind=Kind.METERED, run=concat, ns=2),
    LibraryFunction(name="list.prepend", parameters=_APPENDED, kind=Kind.METERED, run=prepend, ns=2),
    LibraryFunction(
        name="map.get", parameters=(LibraryParameter("map"), LibraryParameter("keys")), kind=Kind.PURE, run=get
    ),
    LibraryFunction(
        name="map.delete",
        parameters=(LibraryParameter("map"), LibraryParameter("key")),
        kind=Kind.PURE,
        run=delete,
        ns=30,
    ),
    LibraryFunction(name="map.merge", parameters=_BOTH, kind=Kind.PURE, run=merge, ns=15),
    LibraryFunction(name="map.merge_nested", parameters=_BOTH, kind=Kind.METERED, run=merge_nested),
)
