"""The names of the standard library: functions, constants, modules and retry predicates."""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.connectors import table
from hakobune.core.workflows.stdlib import (
    arithmetic,
    binary,
    callbacks,
    child_executions,
    containers,
    conversions,
    http_calls,
    json_text,
    kubernetes,
    regular_expressions,
    retries,
    strings,
    system,
    times,
)
from hakobune.core.workflows.stdlib.registry import LibraryFunction
from hakobune.core.workflows.stdlib.retries import Predicate
from hakobune.core.workflows.values import Value

CONNECTORS = "googleapis"

_CHAPTERS: Final = (
    arithmetic,
    binary,
    callbacks,
    child_executions,
    containers,
    conversions,
    http_calls,
    json_text,
    kubernetes,
    regular_expressions,
    retries,
    strings,
    system,
    times,
)
_FUNCTIONS: Final[dict[str, LibraryFunction]] = {
    function.name: function for chapter in _CHAPTERS for function in chapter.FUNCTIONS
}
_NAMES: Final = frozenset({*_FUNCTIONS, *retries.VALUES})


def _prefixes(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


_MODULES: Final = frozenset({prefix for path in _NAMES for prefix in _prefixes(path)} | {CONNECTORS})


def find(path: str) -> LibraryFunction | None:
    """The function of this full name (`text.split`, `len`, a connector's), or None."""
    return table.find(path) if path.startswith(f"{CONNECTORS}.") else _FUNCTIONS.get(path)


def find_value(path: str) -> Value:
    """The constant of this full name (`retry.default_backoff`), or None. No constant is null."""
    return retries.VALUES.get(path)


def is_module(name: str) -> bool:
    """Whether functions stand under this name: `text`, `experimental`, `experimental.executions`, `googleapis`."""
    return name in _MODULES


def predicate(name: str) -> Predicate | None:
    """The retry predicate of this full name, or None where the function is none."""
    return retries.PREDICATES.get(name)


def names() -> frozenset[str]:
    """The full names of all functions and constants but connectors, to guess what was meant."""
    return _NAMES
