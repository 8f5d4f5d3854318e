"""Preconditions: whether a call may be done, given the version that it is about.

`ifGenerationMatch=0` passes only when there is no live object; every other condition fails then. On reads the NotMatch
conditions answer "not modified". Where a call is about an object that must exist and does not, the caller says
NothingFound before it comes here. Source: Cloud Storage documentation, "Request preconditions".
"""

from __future__ import annotations

from hakobune.core.objects.failures import ConditionNotMet, NotModified
from hakobune.core.objects.model import Preconditions


def check(conditions: Preconditions, generation: int | None, metageneration: int | None, *, is_read: bool) -> None:
    """Return if all hold for a version (None: there is none). Raises ConditionNotMet, NotModified (of reads)."""
    is_met = _matches(conditions.generation_match, generation or 0) and _matches(
        conditions.metageneration_match, metageneration
    )
    if not is_met:
        raise not_met()
    is_other = _differs(conditions.generation_not_match, generation or 0) and _differs(
        conditions.metageneration_not_match, metageneration
    )
    if not is_other:
        if is_read:
            raise NotModified("Not Modified")
        raise not_met()


def _matches(wanted: int | None, found: int | None) -> bool:
    return wanted is None or wanted == found


def _differs(unwanted: int | None, found: int | None) -> bool:
    """No version differs from nothing: without one, NotMatch fails."""
    return unwanted is None or (bool(found) and unwanted != found)


def not_met() -> ConditionNotMet:
    """As Cloud Storage says it."""
    return ConditionNotMet("At least one of the pre-conditions you specified did not hold.")
