"""What a history can tell of: steps, and the blocks of which they are made, each with its place in the source.

A plan has no nesting left. Its marks keep the nesting of the text, so that whoever watches a run can tell at each step
which blocks are open and which were left, also by a jump or an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hakobune.core.workflows.frames import Place
from hakobune.core.workflows.positions import Position


class StepType(StrEnum):
    """Source: Workflow Executions API v1, StepEntry.StepType."""

    ASSIGN = "STEP_ASSIGN"
    STD_LIB_CALL = "STEP_STD_LIB_CALL"
    CONNECTOR_CALL = "STEP_CONNECTOR_CALL"
    SUBWORKFLOW_CALL = "STEP_SUBWORKFLOW_CALL"
    SWITCH = "STEP_SWITCH"
    CONDITION = "STEP_CONDITION"
    FOR = "STEP_FOR"
    FOR_ITERATION = "STEP_FOR_ITERATION"
    PARALLEL_FOR = "STEP_PARALLEL_FOR"
    PARALLEL_BRANCH = "STEP_PARALLEL_BRANCH"
    PARALLEL_BRANCH_ENTRY = "STEP_PARALLEL_BRANCH_ENTRY"
    TRY_RETRY_EXCEPT = "STEP_TRY_RETRY_EXCEPT"
    TRY = "STEP_TRY"
    RETRY = "STEP_RETRY"
    EXCEPT = "STEP_EXCEPT"
    RETURN = "STEP_RETURN"
    RAISE = "STEP_RAISE"
    GOTO = "STEP_GOTO"
    UNSPECIFIED = "STEP_TYPE_UNSPECIFIED"  # a step that only groups others: the API has no name for it


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A step or a block of the source. `parent` is what it stands in, within its routine."""

    type: StepType
    routine: str
    step: str
    position: Position
    parent: Mark | None
    variables: tuple[tuple[str, Place], ...]  # what is visible there, innermost first
