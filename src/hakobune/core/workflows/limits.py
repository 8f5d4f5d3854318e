"""The bounds of the language and of an execution, each with its source: spec of the service's quotas page.

Source of every number, where nothing else is said: https://cloud.google.com/workflows/quotas and the syntax cheat
sheet. Marked "inferred" where the page does not say it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Strictness(StrEnum):
    """`--limits`: keep them as the real service does, only warn, or take none of them."""

    STRICT = "strict"
    WARN = "warn"
    OFF = "off"


SOURCE_BYTES = 131_072
ASSIGNMENTS_PER_STEP = 50
CONDITIONS_PER_SWITCH = 50
BRANCHES_PER_STEP = 10
PARAMETERS_PER_ROUTINE = 10  # published JSON schema
EXPRESSION_CHARACTERS = 400
# Values inside one another; a chain of operators counts as one. Inferred: 400 characters have room for no more but of
# prefixes. With limits off: the stack's bound.
EXPRESSION_DEPTH = 200
DESCRIPTION_CHARACTERS = 1_000
USER_ENV_VARS = 20
USER_ENV_VAR_BYTES = 4_096
LABELS = 64
LABEL_CHARACTERS = 63
ARGUMENT_BYTES = 524_288
SLEEP_S_MAX = 31_536_000
HTTP_TIMEOUT_S = 300.0
HTTP_TIMEOUT_S_MAX = 1_800.0
HTTP_RESPONSE_BYTES = 2_097_152
CALLBACK_TIMEOUT_S = 43_200.0
CALLBACK_TIMEOUT_S_MAX = 31_536_000.0  # inferred: one year, as a sleep
CONNECTOR_TIMEOUT_S = 1_800.0
CONNECTOR_TIMEOUT_S_MAX = 31_536_000.0  # of long-running methods
REDIRECTS = 10  # inferred: what common HTTP clients follow
EXECUTION_S_MAX = 31_536_000.0
RETENTION_S = 90 * 86_400.0
CONCURRENT_EXECUTIONS = 10_000
BACKLOG = 100_000
SOURCE_NODES = 100_000  # our own: values that a source stands for once its aliases are written out; against bombs
NESTING_DEPTH = 100  # inferred: levels of maps and lists in a source or in JSON; a bound against hostile input

JSON_CONTAINERS = 200_000  # our own: lists and maps of one text; the memory of an execution has room for 175,000

# What one execution may hold of the memory of the machine, whatever `--limits` says: our own bounds, about a hundred
# times those of the service, so that one definition cannot take the whole runtime down.
CEILING_BYTES = 64 * 1_048_576
CEILING_CHARACTERS = 16 * 1_048_576  # of one string or result: four bytes each at most


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What a running execution may use up."""

    steps: int = 100_000
    call_depth: int = 20
    parallel_depth: int = 2
    concurrent_branches: int = 20
    unhandled_exceptions: int = 100
    memory_bytes: int = 524_288
    string_bytes: int = 262_144
    result_bytes: int = 524_288


NO_LIMITS = RunLimits(
    steps=2**62,
    call_depth=10_000,
    parallel_depth=100,
    concurrent_branches=10_000,
    unhandled_exceptions=2**62,
    memory_bytes=CEILING_BYTES,
    string_bytes=CEILING_BYTES // 2,
    result_bytes=CEILING_BYTES,
)
"""Of `--limits warn` and `off`: none of the service's limits, and what the machine can bear."""


def exceeded(*, steps: int, argument_bytes: int, result_bytes: int) -> list[str]:
    """Of a run without limits: those of the service that would have ended it, a sentence each."""
    service = RunLimits()
    used = (
        ("steps were executed", steps, service.steps),
        ("bytes were in the argument", argument_bytes, ARGUMENT_BYTES),
        ("bytes were in the result", result_bytes, service.result_bytes),
    )
    return [f"{count} {what}, the limit of the service is {most}" for what, count, most in used if count > most]
