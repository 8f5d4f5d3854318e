"""The values of the language, and how they compare, measure and become JSON.

Values are never changed in place once a variable, an argument or an answer holds them: whoever changes an element
copies the containers on the way to it. So an assignment copies nothing, and a copy can never see a later change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class FunctionValue:
    """A routine or library function that is named without being called: a retry predicate. JSON cannot hold it."""

    name: str


Value: TypeAlias = bool | int | float | str | bytes | list["Value"] | dict[str, "Value"] | FunctionValue | None
