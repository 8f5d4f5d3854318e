"""Conditions: what a resource says about itself. Both wires print these.

Names of types, states and reasons follow the Cloud Run Admin API v2 reference (message Condition).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConditionState(StrEnum):
    """Condition.State."""

    PENDING = "CONDITION_PENDING"
    RECONCILING = "CONDITION_RECONCILING"
    FAILED = "CONDITION_FAILED"
    SUCCEEDED = "CONDITION_SUCCEEDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One claim and its state since an instant. At most one of the three reasons is set."""

    type: str
    state: ConditionState
    since_s: float
    message: str = ""
    reason: str = ""
    execution_reason: str = ""
    revision_reason: str = ""
