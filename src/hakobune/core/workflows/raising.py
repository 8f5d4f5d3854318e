"""An error on its way: what is told about it when nobody handles it.

Source of the texts: observed `Execution.error` payloads; the rule for raised maps is inferred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hakobune.core.workflows.branches import Branch, Raised
from hakobune.core.workflows.failures import Failure, failure
from hakobune.core.workflows.model import ExecutionError, StackFrame
from hakobune.core.workflows.values import Value, to_json, utf8_length

# How much an UnhandledBranchError tells of its branches' errors. Inferred: the service says that it truncates, not
# where; an eighth of the memory of an execution leaves room to handle the error.
BRANCH_ERRORS_BYTES: Final = 65_536


def trace(branch: Branch, pc: int, sources: Sequence[StackFrame | None]) -> Iterator[StackFrame]:
    """Where a branch is that executes the op at `pc`: a frame for each active call of a routine, innermost first.
    `sources` tells for each op which step it is of."""
    addresses = [pc, *(call.site for call in reversed(branch.calls))]
    while branch.origin is not None:  # the step that forked stands in the same call as the branch begins in
        branch = branch.origin.parent
        addresses.extend(call.site for call in reversed(branch.calls))
    return (source for source in map(sources.__getitem__, addresses) if source is not None)


def describe(raised: Raised) -> ExecutionError:
    """What an execution (or a branch) that ends with this error shows."""
    payload, first_line = _texts(raised.value)
    frames = [
        f'in step "{frame.step}", routine "{frame.routine}", line: {frame.position.line}' for frame in raised.trace
    ]
    return ExecutionError(payload=payload, context="\n".join([first_line, *frames]), stack_trace=raised.trace)


def _texts(value: Value) -> tuple[str, str]:
    """The value as JSON text, and the first line of the context."""
    try:
        payload = to_json(value)
    except Failure as unwritable:  # bytes or a function in a raised value: this error is told in its place
        return _texts(unwritable.value)
    if isinstance(value, dict) and isinstance(value.get("tags"), list):
        message = value.get("message")
        if isinstance(message, str):
            return payload, message
    return payload, f"RuntimeError: {payload}"


def unhandled_branches(errors: Sequence[tuple[int, str, Raised]]) -> Failure:
    """The error of a `parallel` step whose branches ended with errors: (index, id, error), in any order."""
    branches: list[Value] = []
    size = 0
    for _, thread, raised in sorted(errors, key=lambda error: error[0]):
        told = describe(raised)
        size += utf8_length(told.payload) + utf8_length(told.context)
        if size > BRANCH_ERRORS_BYTES:
            break
        branches.append({"id": thread, "error": {"context": told.context, "payload": told.payload}})
    return failure(
        ["UnhandledBranchError", "RuntimeError"],
        "UnhandledBranchError: One or more branches or iterations encountered an unhandled runtime error",
        extra={"branches": branches, "truncated": len(branches) < len(errors)},
    )
