"""Elements of lists and maps: reading them, and building a container that differs in one of them."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.workflows.failures import Failure, index_error, key_error, type_error
from hakobune.core.workflows.kinds import Value, type_name
from hakobune.core.workflows.meter import LIGHT, Meter


def get_member(of: Value, key: str) -> Value:
    """`of.key`. Raises Failure (KeyError, TypeError)."""
    if isinstance(of, dict):
        try:
            return of[key]
        except KeyError:
            raise key_error(key) from None
    if isinstance(of, list):
        raise _bad_list_index(key)
    raise _no_container(of)


def get_index(of: Value, index: Value) -> Value:
    """`of[index]`. An integer finds the key of a map by its decimal text. Raises Failure (IndexError, KeyError,
    TypeError).
    """
    if isinstance(of, dict):
        return get_member(of, _map_key(index))
    if isinstance(of, list):
        return of[_list_index(of, index)]
    raise _no_container(of)


_COPY_NS = 20  # of work for each element of a container that is copied; measured (maps)


def set_element(base: Value, keys: Sequence[Value], value: Value, meter: Meter) -> Value:
    """A container like `base`, in which the element at the path `keys` (one at least) is `value`.

    The containers on the way are copied, which is charged; `base` stays as it is. Maps that are missing on the way are
    created; a list does not grow. Raises Failure (TypeError, IndexError, ResourceLimitError).
    """
    root = _copied(base, meter)
    container = root
    for key in keys[:-1]:
        if isinstance(container, dict):
            name = _map_key(key)
            inner = _copied(container.get(name, {}), meter)
            container[name] = inner
        else:
            index = _list_index(container, key)
            inner = _copied(container[index], meter)
            container[index] = inner
        container = inner
    last = keys[-1]
    if isinstance(container, dict):
        container[_map_key(last)] = value
    else:
        container[_list_index(container, last)] = value
    return root


def _copied(value: Value, meter: Meter) -> list[Value] | dict[str, Value]:
    if isinstance(value, dict | list):
        if len(value) > LIGHT:
            meter.spend(len(value) * _COPY_NS)
        return value.copy()
    raise _no_container(value)


def _map_key(key: Value) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return str(key)  # so that m[1] finds what YAML's `1:` made
    raise type_error(f"map keys must be strings, not '{type_name(key)}'")


def _list_index(of: list[Value], index: Value) -> int:
    if not isinstance(index, int) or isinstance(index, bool):
        raise _bad_list_index(index)
    if not 0 <= index < len(of):
        raise index_error(f"list index out of range: {index} (length {len(of)})")
    return index


def _bad_list_index(index: Value) -> Failure:
    return type_error(f"list indices must be integers, not '{type_name(index)}'")


def _no_container(value: Value) -> Failure:
    return type_error(f"'{type_name(value)}' object is not a list or map: it has no elements")
