"""How large a result may be before it is made. The exact limits of an execution are kept where variables are set."""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.failures import resource_limit

# Characters that one call may make out of its arguments, also with `--limits off`: one short expression must not fill
# the memory of the machine. Inferred: 64 times the largest string, as a bound against hostile input.
RESULT_CHARACTERS_MAX: Final = 64 * 262_144


def check_result(function: str, characters: int) -> None:
    """Refuse a result that cannot be afforded, before it is built. Raises Failure (ResourceLimitError)."""
    if characters > RESULT_CHARACTERS_MAX:
        raise resource_limit(f"{function}: the result would have {characters} characters")
