"""`call` steps, and calls of routines inside expressions.

Arguments are bound by name, by position, or from a map (or list) that is known at run time only. A routine's defaults
are evaluated in its own frame by ops at its beginning. A library function that waits is a procedure: the machine
drives it, and the op after the call stores its value.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TypeAlias

from hakobune.core.workflows.assembly import Label, RoutinePlan
from hakobune.core.workflows.branches import Branch, Op
from hakobune.core.workflows.expr.compile import Evaluate, Unresolved
from hakobune.core.workflows.expr.nodes import Held
from hakobune.core.workflows.failures import system_error, type_error
from hakobune.core.workflows.frames import UNSET, Context, Frame, Place, RunFrame
from hakobune.core.workflows.plan_expressions import Around, hold_result
from hakobune.core.workflows.plan_steps import write_assign
from hakobune.core.workflows.plan_writer import Store, Writer, variable_store
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import (
    Kind,
    LibraryFunction,
    Missing,
    bind_named,
    bind_positional,
    invoke,
)
from hakobune.core.workflows.syntax import Assign, Assignment, Call, Evaluated, Target, Template
from hakobune.core.workflows.values import Value, type_name

# What a call passes: by position or by name.
Given: TypeAlias = list[Value] | dict[str, Value]
Gather: TypeAlias = Callable[[Frame], Given]


def write_call(writer: Writer, call: Call, around: Around, after: Label) -> None:
    """A `call` step: to a routine, else to the library."""
    _write_function(writer, call.function, _gather(writer, call, around), is_step=True)
    _write_result(writer, call.result, around, after)


def write_call_in_expression(writer: Writer, path: str, arguments: Sequence[Evaluate]) -> None:
    """A call with arguments by position; it comes back to the next op with its value."""
    _write_function(writer, path, lambda frame: [argument(frame) for argument in arguments], is_step=False)


def _write_function(writer: Writer, path: str, gather: Gather, *, is_step: bool) -> None:
    """The ops of a call, whatever it calls: the op after them finds its value in the branch. Of calls that are steps
    a recorder is told."""
    told = path if is_step else ""
    routine = writer.routines.get(path)
    function = None if routine is not None else library.find(path)
    if routine is not None:
        writer.assembler.emit(lambda here: _enter(routine, gather, here, told))
    elif function is None:
        writer.assembler.emit(lambda _: _unknown(path))
    elif function.kind is Kind.BLOCKING:
        writer.assembler.emit(lambda here: _begin_procedure(function, gather, here, told))
    else:
        writer.assembler.emit(lambda here: _run(function, gather, here + 1, told))


def _write_result(writer: Writer, result: Target | None, around: Around, after: Label) -> None:
    """What becomes of the value. An element is assigned as by an `assign` step, its keys evaluated after the call."""
    if result is None:
        writer.assembler.emit(lambda _: _drop_value(after.address))
    elif not result.path:
        store = writer.store(result, around)
        writer.assembler.emit(lambda _: _store_value(store, after.address))
    else:
        slot = writer.scopes.allocate(around.scope.block)
        writer.assembler.emit(lambda here: _hold_value(slot, here + 1))
        value = Evaluated("", Held(slot), result.position)
        write_assign(writer, Assign((Assignment(result, value, result.position),)), around, after)


def _hold_value(slot: int, after: int) -> Op:
    hold = hold_result(slot, after)

    def op(branch: Branch) -> int:
        if branch.recorder is not None:
            branch.recorder.answered(branch, branch.value)
        return hold(branch)

    return op


def _store_value(store: Store, after: int) -> Op:
    def op(branch: Branch) -> int:
        if branch.recorder is not None:
            branch.recorder.answered(branch, branch.value)
        store(branch, branch.take_value())
        return after

    return op


def _drop_value(after: int) -> Op:
    def op(branch: Branch) -> int:
        if branch.recorder is not None:
            branch.recorder.answered(branch, branch.value)
        branch.take_value()
        return after

    return op


def _gather(writer: Writer, call: Call, around: Around) -> Gather:
    """What gives the arguments in the caller's frame."""
    arguments = call.arguments
    if arguments.dynamic is not None:
        evaluate = writer.evaluate(arguments.dynamic, around)
        return lambda frame: _map_or_list(call.function, evaluate(frame))
    if arguments.positional is not None:
        values = writer.evaluate_all(arguments.positional, around)
        return lambda frame: [value(frame) for value in values]
    if arguments.named is not None:
        names = [name for name, _ in arguments.named]
        values = writer.evaluate_all([value for _, value in arguments.named], around)
        named = list(zip(names, values, strict=True))
        return lambda frame: {name: value(frame) for name, value in named}
    return lambda _: []


def _map_or_list(function: str, value: Value) -> Given:
    if isinstance(value, dict | list):
        return value
    raise type_error(f"args of {function} must be a map or a list, not '{type_name(value)}'")


# -- routines ---------------------------------------------------------------------------------------------------


def _enter(routine: RoutinePlan, gather: Gather, here: int, told: str) -> Op:
    def op(branch: Branch) -> int:
        given = gather(branch.frame)
        if told and branch.recorder is not None:
            branch.recorder.called(branch, told, given)
        return enter(branch, routine, given, here + 1, here)

    return op


def enter(branch: Branch, routine: RoutinePlan, given: Given, back: int, site: int) -> int:
    """Call a routine. Raises Failure (TypeError, RecursionError, ResourceLimitError)."""
    frame = RunFrame(routine.shape, branch.frame.context)
    bind(routine, given, frame)
    address = branch.enter(routine.entry.address, frame, back, site)
    branch.memory.open(frame)
    return address


def bind(routine: RoutinePlan, given: Given, frame: RunFrame) -> None:
    """Put the arguments into the slots of the parameters. Raises Failure (TypeError)."""
    parameters = routine.parameters
    if isinstance(given, list):
        if len(given) > len(parameters):
            raise type_error(f"{routine.name} takes {len(parameters)} arguments, got {len(given)}")
        frame.slots[: len(given)] = given
    else:
        _bind_named(routine, given, frame)
    for slot, parameter in enumerate(parameters):
        if frame.slots[slot] is UNSET and parameter in routine.required:
            raise type_error(f"{routine.name}: missing argument {parameter}")


def _bind_named(routine: RoutinePlan, given: Mapping[str, Value], frame: RunFrame) -> None:
    for name, value in given.items():
        if name not in routine.parameters:
            raise type_error(f"{routine.name}: unknown argument {name}")
        frame.slots[routine.parameters.index(name)] = value


def write_defaults(writer: Writer, around: Around) -> None:
    """The beginning of a routine: parameters that were not passed get their defaults, left to right."""
    for slot, parameter in enumerate(writer.routine.parameters):
        if parameter.default is not None:
            _write_default(writer, slot, parameter.default, around)


def _write_default(writer: Writer, slot: int, default: Template, around: Around) -> None:
    done = Label()
    writer.assembler.emit(lambda here: _skip_if_passed(slot, done.address, here + 1))
    evaluate = writer.evaluate(default, around)
    store = variable_store(Place(0, slot))
    writer.assembler.emit(lambda here: _default(store, evaluate, here + 1))
    writer.assembler.place(done)


def _skip_if_passed(slot: int, done: int, after: int) -> Op:
    return lambda branch: after if branch.frame.slots[slot] is UNSET else done


def _default(store: Store, evaluate: Evaluate, after: int) -> Op:
    def op(branch: Branch) -> int:
        store(branch, evaluate(branch.frame))
        return after

    return op


# -- the library ------------------------------------------------------------------------------------------------


def _bound(function: LibraryFunction, given: Given) -> list[Value | Missing]:
    return bind_positional(function, given) if isinstance(given, list) else bind_named(function, given)


def call_library(function: LibraryFunction, given: Given, context: Context) -> Value:
    """The value of a function that does not wait. Raises Failure."""
    value = invoke(function, context, _bound(function, given))
    if isinstance(value, Generator):
        raise Unresolved(f"{function.name} waits, and cannot be called here")
    return value


def _run(function: LibraryFunction, gather: Gather, after: int, told: str) -> Op:
    def op(branch: Branch) -> int:
        frame = branch.frame
        given = gather(frame)
        if told and branch.recorder is not None:
            branch.recorder.called(branch, told, given)
        branch.value = call_library(function, given, frame.context)
        return after

    return op


def _begin_procedure(function: LibraryFunction, gather: Gather, here: int, told: str) -> Op:
    def op(branch: Branch) -> int:
        frame = branch.frame
        given = gather(frame)
        if told and branch.recorder is not None:
            branch.recorder.called(branch, told, given)
        procedure = function.run(frame.context, *_bound(function, given))
        if not isinstance(procedure, Generator):
            raise Unresolved(f"{function.name} does not wait")
        return branch.wait(procedure, here)

    return op


def _unknown(function: str) -> Op:
    def op(_: Branch) -> int:
        raise system_error(f"{function} is not supported")

    return op
