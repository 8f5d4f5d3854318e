"""The plan and its outcome, for people and as JSON."""

from __future__ import annotations

from hakobune.cli.apply.carrying import Outcome, Result
from hakobune.cli.apply.plan import Action, Plan, Step
from hakobune.cli.document import Document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-", Action.KEEP: "!", Action.WAIT: "…"}
_FIELDS_MAX = 60  # of one resource; the rest is counted


def plan_text(plan: Plan) -> str:
    """What differs, resource by resource, and the sum."""
    lines = [line for step in plan.steps if step.action is not Action.NONE for line in _lines(step)]
    return "\n".join([*lines, summary(plan), ""])


def _lines(step: Step) -> Iterator[str]:
    yield f"{_SIGNS[step.action]} {step.key}" + (f": {step.note}" if step.note else "")
    told = [line for change in step.changes for line in change.lines()]
    yield from (f"    {line}" for line in told[:_FIELDS_MAX])
    if len(told) > _FIELDS_MAX:
        yield f"    … and {len(told) - _FIELDS_MAX} more"


def summary(plan: Plan) -> str:
    """How much there is to do, in one line."""
    if plan.is_empty:
        return f"Nothing to change: {_counted(plan.count(Action.NONE))} as defined."
    counts = (
        (plan.count(Action.CREATE), "to create"),
        (plan.count(Action.UPDATE), "to change"),
        (plan.count(Action.DELETE), "to remove"),
        (plan.count(Action.WAIT), "to wait for"),
        (plan.count(Action.KEEP), "kept"),
        (plan.count(Action.NONE), "unchanged"),
    )
    return ", ".join(f"{count} {words}" for count, words in counts if count) + "."


def _counted(count: int) -> str:
    return "1 resource is" if count == 1 else f"{count} resources are"


def end_text(outcomes: Sequence[Outcome]) -> str:
    """What was done, in one line."""
    words = (
        (Action.CREATE, "created"),
        (Action.UPDATE, "changed"),
        (Action.DELETE, "removed"),
        (Action.WAIT, "ready"),
    )
    parts = [
        (sum(one.result is Result.DONE and one.step.action is action for one in outcomes), word)
        for action, word in words
    ]
    parts += [
        (sum(one.result is result for one in outcomes), result.value)
        for result in (Result.FAILED, Result.LEFT_OUT, Result.UNCHANGED)
    ]
    return "Applied: " + ", ".join(f"{count} {word}" for count, word in parts if count) + ".\n"


def as_documents(outcomes: Sequence[Outcome]) -> list[Document]:
    """One document for each resource, for `--format`."""
    return [_document(outcome) for outcome in outcomes]


def _document(outcome: Outcome) -> Document:
    step = outcome.step
    found: Document = {
        "kind": step.key.kind,
        "name": step.key.id,
        "location": step.key.location,
        "action": step.action.value,
        "result": outcome.result.value,
        "changes": [{"field": one.path, "before": one.before, "after": one.after} for one in step.changes],
        "note": outcome.reason or step.note,
    }
    return {name: value for name, value in found.items() if value}


def planned(plan: Plan) -> list[Outcome]:
    """The outcomes of a plan that is not carried out."""
    return [
        Outcome(step=step, result=Result.UNCHANGED if step.action in (Action.NONE, Action.KEEP) else Result.PLANNED)
        for step in plan.steps
    ]
