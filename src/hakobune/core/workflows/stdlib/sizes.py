"""How large a result may be before it is made. The exact limits of an execution are kept where variables are set."""

from __future__ import annotations

from typing import Final

from hakobune.core.workflows.failures import resource_limit
from hakobune.core.workflows.limits import CEILING_CHARACTERS

# What one element of a list takes besides its text, at least: a reference and an object of its own.
_ELEMENT_CHARACTERS: Final = 8


def check_result(function: str, characters: int) -> None:
    """Refuse a result that cannot be afforded, before it is built. Raises Failure (ResourceLimitError)."""
    if characters > CEILING_CHARACTERS:
        raise resource_limit(
            f"{function}: the result would have {characters} characters, the limit is {CEILING_CHARACTERS}"
        )


def check_elements(function: str, elements: int) -> None:
    """Refuse a list that cannot be afforded, before it is built. Raises Failure (ResourceLimitError)."""
    if elements * _ELEMENT_CHARACTERS > CEILING_CHARACTERS:
        most = CEILING_CHARACTERS // _ELEMENT_CHARACTERS
        raise resource_limit(f"{function}: the result would have {elements} elements or more, the limit is {most}")
