"""Steps that are a few ops each: `assign`, `switch`, `raise`, `return`, `steps` and a bare `next`."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.workflows.assembly import Label
from hakobune.core.workflows.branches import Branch, Op
from hakobune.core.workflows.expr.compile import Evaluate
from hakobune.core.workflows.failures import Failure, type_error
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.meter import HEAVY
from hakobune.core.workflows.plan_expressions import Around
from hakobune.core.workflows.plan_writer import Store, Writer, go_to
from hakobune.core.workflows.syntax import (
    Assign,
    Assignment,
    Body,
    Call,
    Case,
    Evaluated,
    For,
    Goto,
    Group,
    Parallel,
    Raise,
    Return,
    Switch,
    Template,
    Try,
)
from hakobune.core.workflows.values import type_name

CONNECTORS = "googleapis."


def step_type(body: Body, routines: Sequence[str]) -> StepType:
    """How the history calls a step with this body."""
    if isinstance(body, Call):
        if body.function in routines:
            return StepType.SUBWORKFLOW_CALL
        return StepType.CONNECTOR_CALL if body.function.startswith(CONNECTORS) else StepType.STD_LIB_CALL
    if isinstance(body, Parallel):
        return StepType.PARALLEL_FOR if isinstance(body.work, For) else StepType.PARALLEL_BRANCH
    return _TYPES[type(body)]


_TYPES: dict[type[Body], StepType] = {
    Assign: StepType.ASSIGN,
    Switch: StepType.SWITCH,
    For: StepType.FOR,
    Try: StepType.TRY_RETRY_EXCEPT,
    Raise: StepType.RAISE,
    Return: StepType.RETURN,
    Group: StepType.UNSPECIFIED,
    Goto: StepType.GOTO,
}


# -- assign -----------------------------------------------------------------------------------------------------


def write_assign(writer: Writer, assign: Assign, around: Around, after: Label) -> None:
    """An op for each entry: a slice can end between them, though nobody else runs there."""
    if not assign.entries:
        writer.assembler.emit(lambda _: go_to(after.address))
    for number, entry in enumerate(assign.entries, 1):
        *keys, value = writer.evaluate_all(_parts(entry), around)
        _write_entry(writer, entry, keys, value, around, after if number == len(assign.entries) else None)


def _parts(entry: Assignment) -> list[Template]:
    """The keys of the left side, then the value: the order of evaluation (inferred: that of the text)."""
    return [*(Evaluated(entry.target.text, key, entry.position) for key in entry.target.path), entry.value]


def _write_entry(
    writer: Writer,
    entry: Assignment,
    keys: Sequence[Evaluate],
    evaluate: Evaluate,
    around: Around,
    after: Label | None,
) -> None:
    place = writer.write_place(entry.target.name, around.scope)
    if not keys and place.level == 0:
        writer.assembler.emit(lambda here: _assign_own(place.slot, evaluate, _next(after, here)))
        return
    store = writer.store_at(entry.target, keys, around)
    writer.assembler.emit(lambda here: _assign_one(store, evaluate, _next(after, here)))


def _next(after: Label | None, here: int) -> int:
    return here + 1 if after is None else after.address


def _assign_own(slot: int, evaluate: Evaluate, after: int) -> Op:
    def op(branch: Branch) -> int:
        frame = branch.frame
        value = evaluate(frame)
        frame.slots[slot] = value
        if type(value) in HEAVY:
            branch.memory.charge(value)
        return after

    return op


def _assign_one(store: Store, evaluate: Evaluate, after: int) -> Op:
    def op(branch: Branch) -> int:
        store(branch, evaluate(branch.frame))
        return after

    return op


# -- switch -----------------------------------------------------------------------------------------------------


def write_switch(writer: Writer, switch: Switch, around: Around, after: Label) -> None:
    """One op for all conditions up to the next one that calls a routine; then the bodies."""
    cases = [(case, Label(), _condition_mark(writer, case, around)) for case in switch.cases]
    batch: list[tuple[Evaluate, Label, Mark, int]] = []
    for number, (case, label, mark) in enumerate(cases, 1):
        if batch and writer.has_call(case.condition):
            _write_conditions(writer, batch, len(cases), None)
            batch = []
        batch.append((writer.evaluate(case.condition, around), label, mark, number))
    _write_conditions(writer, batch, len(cases), after)
    for case, label, mark in cases:
        writer.assembler.place(label)
        _write_case(writer, case, _inside(around, mark), after)


def _condition_mark(writer: Writer, case: Case, around: Around) -> Mark:
    return writer.block(StepType.CONDITION, around, case.position)


def _inside(around: Around, mark: Mark) -> Around:
    return Around(
        scope=around.scope,
        guards=around.guards,
        end=around.end,
        leave=around.leave,
        again=around.again,
        step=around.step,
        mark=mark,
    )


def _write_case(writer: Writer, case: Case, around: Around, after: Label) -> None:
    after = writer.way(case.next, around, after)
    if case.body is None:
        writer.assembler.emit(lambda _: go_to(after.address))
    else:
        write_inline(writer, case.body, around, after)


def write_inline(writer: Writer, body: Body, around: Around, after: Label) -> None:
    """A body that stands in a block without being a step of its own."""
    if isinstance(body, Group):
        writer.steps(body.steps, around, after)
        return
    if around.mark is not None:
        kind = step_type(body, tuple(writer.routines))
        mark = writer.mark(kind, around.mark.step, around.mark.position, around.mark, around.scope)
        writer.assembler.mark(mark, is_counted=False)
        around = _inside(around, mark)
    writer.body(body, around, after)


def _write_conditions(
    writer: Writer, batch: Sequence[tuple[Evaluate, Label, Mark, int]], of: int, after: Label | None
) -> None:
    writer.assembler.emit(
        lambda here: _choose(
            [(evaluate, label.address, mark, number) for evaluate, label, mark, number in batch],
            of,
            _next(after, here),
        )
    )


def _choose(cases: Sequence[tuple[Evaluate, int, Mark, int]], of: int, otherwise: int) -> Op:
    def op(branch: Branch) -> int:
        frame = branch.frame
        for evaluate, address, mark, number in cases:
            value = evaluate(frame)
            if value is True:
                if branch.recorder is not None:
                    branch.recorder.begin(branch, mark, number, of)
                return address
            if value is not False:
                raise type_error(f"a condition must be a boolean, not '{type_name(value)}'")
        return otherwise

    return op


# -- raise, return, steps, next ---------------------------------------------------------------------------------


def write_raise(writer: Writer, body: Raise, around: Around) -> None:
    """`raise`: the value as it is."""
    evaluate = writer.evaluate(body.value, around)
    writer.assembler.emit(lambda _: _raise(evaluate))


def _raise(evaluate: Evaluate) -> Op:
    def op(branch: Branch) -> int:
        raise Failure(evaluate(branch.frame))

    return op


def write_return(writer: Writer, body: Return, around: Around) -> None:
    """`return`: back to the caller."""
    evaluate = writer.evaluate(body.value, around)
    writer.assembler.emit(lambda here: _return(evaluate, here))


def _return(evaluate: Evaluate, here: int) -> Op:
    def op(branch: Branch) -> int:
        return branch.leave(evaluate(branch.frame), here)

    return op


def write_end(writer: Writer, end: Label) -> None:
    """The end of a routine or of a parallel branch: null is its value."""
    writer.assembler.place(end)
    writer.assembler.emit(_end)


def _end(here: int) -> Op:
    return lambda branch: branch.leave(None, here)


def write_group(writer: Writer, group: Group, around: Around, after: Label) -> None:
    """`steps`: an op of its own, so that a jump to its first step is not a jump to the group."""
    writer.assembler.emit(lambda here: go_to(here + 1))
    writer.steps(group.steps, around, after)


def write_goto(writer: Writer, after: Label) -> None:
    """A bare `next`."""
    writer.assembler.emit(lambda _: go_to(after.address))
