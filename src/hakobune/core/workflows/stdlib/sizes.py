"""How large a result may be before it is made. The exact limits of an execution are kept where variables are set."""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.values import Value

# Characters that one call may make out of its arguments, also with `--limits off`: one short expression must not fill
# the memory of the machine. Inferred: 64 times the largest string, as a bound against hostile input.
RESULT_CHARACTERS_MAX: Final = 64 * 262_144


def check_text(value: Value, string_bytes: int = RunLimits().string_bytes) -> None:
    """Refuse a string longer than `string_bytes` of UTF-8. Raises Failure (ResourceLimitError, not catchable)."""
    if not isinstance(value, str) or len(value) * 4 <= string_bytes:
        return
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > string_bytes:
        raise resource_limit(f"string of {size} bytes is longer than {string_bytes} bytes")


def check_result(function: str, characters: int) -> None:
    """Refuse a result that cannot be afforded, before it is built. Raises Failure (ResourceLimitError)."""
    if characters > RESULT_CHARACTERS_MAX:
        raise resource_limit(f"{function}: the result would have {characters} characters")
