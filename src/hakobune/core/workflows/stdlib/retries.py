"""When to try again: `retry.*`, and the predicates and policies of `http`.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/http/default_retry and the pages beside it,
https://cloud.google.com/workflows/docs/reference/stdlib/retry/default_backoff
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter
from hakobune.core.workflows.values import FunctionValue, Value

Predicate: TypeAlias = Callable[[Value], bool]

DEFAULT_MAX_RETRIES: Final = 5
DEFAULT_INITIAL_DELAY_S: Final = 1.0
DEFAULT_MAX_DELAY_S: Final = 60.0
DEFAULT_MULTIPLIER: Final = 1.25

_IDEMPOTENT_CODES: Final = frozenset({429, 502, 503, 504})
_IDEMPOTENT_TAGS: Final = frozenset({"ConnectionError", "ConnectionFailedError", "TimeoutError"})
_NON_IDEMPOTENT_CODES: Final = frozenset({429, 503})
_NON_IDEMPOTENT_TAGS: Final = frozenset({"ConnectionFailedError"})


def default_backoff_s(attempt: int) -> float:
    """Seconds to wait before retry `attempt` (≥ 1) under `retry.default_backoff`: 1, 1.25, 1.5625, … at most 60."""
    # 1.25^19 is beyond the maximum already: no power of a large number is taken.
    return min(DEFAULT_INITIAL_DELAY_S * DEFAULT_MULTIPLIER ** min(attempt - 1, 100), DEFAULT_MAX_DELAY_S)


def is_retried(error: Value) -> bool:
    """`http.default_retry_predicate`: what may pass, for requests that may arrive twice."""
    return _is_among(error, _IDEMPOTENT_CODES, _IDEMPOTENT_TAGS)


def is_retried_non_idempotent(error: Value) -> bool:
    """`http.default_retry_predicate_non_idempotent`: what may pass, where nothing was done for sure."""
    return _is_among(error, _NON_IDEMPOTENT_CODES, _NON_IDEMPOTENT_TAGS)


def _is_among(error: Value, codes: frozenset[int], tags: frozenset[str]) -> bool:
    # A map that a workflow raised itself counts by its `code` alone (inferred); whatever is no map is not retried.
    if not isinstance(error, dict):
        return False
    code, own_tags = error.get("code"), error.get("tags")
    if isinstance(code, int | float) and code in codes:
        return True
    return isinstance(own_tags, list) and any(isinstance(tag, str) and tag in tags for tag in own_tags)


def always(_error: Value) -> bool:
    """`retry.always`."""
    return True


def never(_error: Value) -> bool:
    """`retry.never`."""
    return False


PREDICATES: Final[Mapping[str, Predicate]] = {
    "http.default_retry_predicate": is_retried,
    "http.default_retry_predicate_non_idempotent": is_retried_non_idempotent,
    "retry.always": always,
    "retry.never": never,
}

# A plain number with an integral value stays an integer: it prints as the documentation shows it.
_BACKOFF: Final[dict[str, Value]] = {
    "initial_delay": int(DEFAULT_INITIAL_DELAY_S),
    "max_delay": int(DEFAULT_MAX_DELAY_S),
    "multiplier": DEFAULT_MULTIPLIER,
}


def _policy(predicate: str) -> dict[str, Value]:
    return {"predicate": FunctionValue(predicate), "max_retries": DEFAULT_MAX_RETRIES, "backoff": _BACKOFF}


VALUES: Final[Mapping[str, Value]] = {
    "retry.default_backoff": _BACKOFF,
    "http.default_retry": _policy("http.default_retry_predicate"),
    "http.default_retry_non_idempotent": _policy("http.default_retry_predicate_non_idempotent"),
}

FUNCTIONS = tuple(
    LibraryFunction(name=name, parameters=(LibraryParameter("exception"),), kind=Kind.PURE, run=run)
    for name, run in PREDICATES.items()
)
