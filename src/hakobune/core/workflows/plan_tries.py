"""`try`: a guard around the body, ops that decide on a retry, and the handler.

    try:      push the guard
              … body …
              pop the guard, go on after the step
    decide:   (an error came, there is a `retry`) evaluate its values once
    ask:      no retry left → give up; call the predicate
    judge:    false → give up; wait for the backoff
    again:    back to the body
    handler:  bind the error; … steps …; forget its variables, go on after the step

An error that reaches the guard leads to `decide`, or to the handler where there is no `retry`. An error in the values
of `retry` takes the place of the first one; an error of the predicate is dropped: the first one is not tried again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from hakobune.core.workflows.assembly import Label, RoutinePlan
from hakobune.core.workflows.branches import Branch, Guard, GuardMode, Op, Policy, TryPlan
from hakobune.core.workflows.effects import Procedure, Wait
from hakobune.core.workflows.failures import type_error, value_error
from hakobune.core.workflows.frames import Context, Frame, forget
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.meter import HEAVY
from hakobune.core.workflows.plan_calls import call_library, enter
from hakobune.core.workflows.plan_expressions import Around
from hakobune.core.workflows.plan_steps import write_inline
from hakobune.core.workflows.plan_writer import Writer
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import Kind
from hakobune.core.workflows.stdlib.retries import DEFAULT_INITIAL_DELAY_S, DEFAULT_MAX_DELAY_S, DEFAULT_MULTIPLIER
from hakobune.core.workflows.syntax import Body, Evaluated, Except, For, Group, RetryBlock, Switch, Template, Try
from hakobune.core.workflows.values import FunctionValue, Value, type_name

EvaluatePolicy: TypeAlias = Callable[[Frame], Policy]


def write_try(writer: Writer, body: Try, around: Around, after: Label) -> None:
    """`try` with `retry` and `except`."""
    assembler = writer.assembler
    position = around.step.position if around.step is not None else writer.routine.position
    mark = writer.block(StepType.TRY, around, position)
    inside, end, decide, handler = Label(), Label(), Label(), Label()
    left = _slots_within(writer, body.body)
    shape = writer.shape(around.scope)
    first_loop = shape.loops
    assembler.emit(
        lambda _: _protect(
            TryPlan(
                handler=None if body.handler is None else handler.address,
                decide=None if body.retry is None else decide.address,
                left=left,
                loops=loops,
                mark=mark,
            ),
            inside.address,
        )
    )
    assembler.place(inside)
    write_inline(writer, body.body, replace(around, guards=around.guards + 1, mark=mark), end)
    loops = range(first_loop, shape.loops)
    assembler.place(end)
    assembler.emit(lambda _: _release(mark, after.address))
    if body.retry is not None:
        assembler.place(decide)
        is_inline = not isinstance(body.body, Group)
        _write_retry(writer, body.retry, around, _Body(inside, mark, left, is_inline))
    if body.handler is not None:
        assembler.place(handler)
        _write_handler(writer, body.handler, around, after)


def _slots_within(writer: Writer, body: Body) -> tuple[int, ...]:
    """The variables of the loops and handlers inside a body, which an error that leaves it leaves behind."""
    slots: list[int] = []
    bodies = [body]
    while bodies:
        inner = bodies.pop()
        match inner:
            case For():
                slots.extend(writer.scopes.scope(inner.block).own_names.values())
                bodies.extend(step.body for step in inner.steps)
            case Try():
                bodies.append(inner.body)
                if inner.handler is not None:
                    slots.extend(writer.scopes.scope(inner.handler.block).own_names.values())
                    bodies.extend(step.body for step in inner.handler.steps)
            case Group():
                bodies.extend(step.body for step in inner.steps)
            case Switch():
                bodies.extend(case.body for case in inner.cases if case.body is not None)
            case _:  # the branches of a `parallel` have frames of their own
                pass
    return tuple(slots)


def _protect(plan: TryPlan, inside: int) -> Op:
    def op(branch: Branch) -> int:
        branch.guards.append(Guard(plan, branch.frame, len(branch.calls)))
        if branch.recorder is not None:
            branch.recorder.begin(branch, plan.mark)
        return inside

    return op


def _release(mark: Mark, after: int) -> Op:
    def op(branch: Branch) -> int:
        branch.guards.pop()
        if branch.recorder is not None:
            branch.recorder.left(branch, mark)
        return after

    return op


# -- except -----------------------------------------------------------------------------------------------------


def _write_handler(writer: Writer, handler: Except, around: Around, after: Label) -> None:
    scope = writer.scopes.scope(handler.block)
    mark = writer.block(StepType.EXCEPT, around, handler.position, scope)
    own = tuple(scope.own_names.values())
    bound = None if handler.name is None else scope.own_names[handler.name]
    end = Label()
    writer.assembler.emit(lambda here: _handle(bound, own, mark, here + 1))
    writer.steps(handler.steps, replace(around, scope=scope, mark=mark), end)
    writer.assembler.place(end)
    writer.assembler.emit(lambda _: _handled(own, mark, after.address))


def _handle(bound: int | None, own: tuple[int, ...], mark: Mark, after: int) -> Op:
    def op(branch: Branch) -> int:
        raised = branch.take_raised()
        frame = branch.frame
        forget(frame, own)
        if bound is not None:
            frame.slots[bound] = raised.value
            if type(raised.value) in HEAVY:
                branch.memory.charge(raised.value)
        if branch.recorder is not None:
            branch.recorder.begin(branch, mark)
        return after

    return op


def _handled(own: tuple[int, ...], mark: Mark, after: int) -> Op:
    def op(branch: Branch) -> int:
        if branch.recorder is not None:
            branch.recorder.left(branch, mark)
        forget(branch.frame, own)
        return after

    return op


# -- retry ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Body:
    """What is tried again. An inline body is a step of its own each time (source: pricing page, "every retry")."""

    label: Label
    mark: Mark
    left: tuple[int, ...]
    is_inline: bool


def _write_retry(writer: Writer, retry: RetryBlock | Evaluated, around: Around, body: _Body) -> None:
    assembler = writer.assembler
    mark = writer.block(StepType.RETRY, around, retry.position)
    ask = Label()
    assembler.emit(lambda here: _decide(ask.address, here + 1))
    evaluate = _policy_of(writer, retry, around)
    assembler.emit(lambda here: _set_policy(evaluate, here + 1))
    assembler.place(ask)
    assembler.emit(lambda here: _ask(writer.routines, here))
    assembler.emit(lambda here: _judge(mark, here))
    if body.is_inline:
        assembler.count()
    assembler.emit(lambda _: _again(body, body.label.address))


def _decide(ask: int, after: int) -> Op:
    def op(branch: Branch) -> int:
        guard = branch.guards[-1]
        if guard.policy is not None:
            return ask
        guard.mode = GuardMode.POLICY
        return after

    return op


def _set_policy(evaluate: EvaluatePolicy, after: int) -> Op:
    def op(branch: Branch) -> int:
        branch.guards[-1].policy = evaluate(branch.frame)
        return after

    return op


def _ask(routines: Mapping[str, RoutinePlan], here: int) -> Op:
    def op(branch: Branch) -> int:
        guard = branch.guards[-1]
        assert guard.policy is not None
        assert guard.raised is not None
        if guard.retries >= guard.policy.max_retries:
            return branch.give_up()
        predicate = guard.policy.predicate
        routine = routines.get(predicate)
        function = None if routine is not None else library.find(predicate)
        if function is not None and function.kind is Kind.BLOCKING:
            function = None
        if routine is None and function is None:
            raise type_error(f"retry: {predicate} cannot be a predicate")
        guard.mode = GuardMode.PREDICATE
        error = guard.raised.value
        if function is None:
            assert routine is not None
            return enter(branch, routine, [error], here + 1, here)
        branch.value = call_library(function, [error], branch.frame.context)
        return here + 1

    return op


def _judge(mark: Mark, here: int) -> Op:
    def op(branch: Branch) -> int:
        guard = branch.guards[-1]
        assert guard.policy is not None
        verdict = branch.take_value()
        if verdict is False:
            return branch.give_up()
        if verdict is not True:
            guard.mode = GuardMode.POLICY
            raise type_error(f"retry: the predicate must give a boolean, not '{type_name(verdict)}'")
        guard.retries += 1
        if branch.recorder is not None:
            branch.recorder.begin(branch, mark, guard.retries, guard.policy.max_retries)
        return branch.wait(_backoff(branch.frame.context, guard.policy.delay_s(guard.retries)), here)

    return op


def _backoff(context: Context, delay_s: float) -> Procedure:
    yield Wait(until_s=context.now_s() + delay_s)
    return None


def _again(body: _Body, inside: int) -> Op:
    def op(branch: Branch) -> int:
        branch.take_value()
        guard = branch.guards[-1]
        guard.mode = GuardMode.BODY
        guard.raised = None
        forget(branch.frame, body.left)
        if branch.recorder is not None:
            branch.recorder.begin(branch, body.mark)
        return inside

    return op


# -- policies ---------------------------------------------------------------------------------------------------


def _policy_of(writer: Writer, retry: RetryBlock | Evaluated, around: Around) -> EvaluatePolicy:
    if isinstance(retry, Evaluated):
        whole = writer.evaluate(retry, around)
        return lambda frame: policy_from_map(whole(frame))
    given: dict[str, Template | None] = {
        "predicate": retry.predicate,
        "max_retries": retry.max_retries,
        "initial_delay": retry.initial_delay,
        "max_delay": retry.max_delay,
        "multiplier": retry.multiplier,
    }
    written = {name: template for name, template in given.items() if template is not None}
    evaluates = dict(zip(written, writer.evaluate_all(list(written.values()), around), strict=True))
    return lambda frame: make_policy({name: evaluate(frame) for name, evaluate in evaluates.items()})


def policy_from_map(policy: Value) -> Policy:
    """A policy that an expression gave. Raises Failure (TypeError, ValueError)."""
    if not isinstance(policy, dict):
        raise type_error(f"retry: a policy must be a map, not '{type_name(policy)}'")
    backoff = policy.get("backoff")
    if backoff is not None and not isinstance(backoff, dict):
        raise type_error(f"retry: backoff must be a map, not '{type_name(backoff)}'")
    return make_policy({**policy, **(backoff or {})})


def make_policy(fields: Mapping[str, Value]) -> Policy:
    """A policy from its fields; delays that are missing are those of `retry.default_backoff`. Raises Failure."""
    for name in ("predicate", "max_retries"):
        if name not in fields:
            raise value_error(f"retry: {name} is missing")
    predicate, max_retries = fields["predicate"], fields["max_retries"]
    if not isinstance(predicate, FunctionValue):
        raise type_error(f"retry: predicate must name a function or subworkflow, not '{type_name(predicate)}'")
    if not isinstance(max_retries, int) or isinstance(max_retries, bool):
        raise type_error(f"retry: max_retries must be an integer, not '{type_name(max_retries)}'")
    if max_retries < 0:
        raise value_error("retry: max_retries must not be negative")
    return Policy(
        predicate=predicate.name,
        max_retries=max_retries,
        initial_delay_s=_amount("initial_delay", fields.get("initial_delay", DEFAULT_INITIAL_DELAY_S)),
        max_delay_s=_amount("max_delay", fields.get("max_delay", DEFAULT_MAX_DELAY_S)),
        multiplier=_amount("multiplier", fields.get("multiplier", DEFAULT_MULTIPLIER)),
    )


def _amount(name: str, value: Value) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise type_error(f"retry: {name} must be a number, not '{type_name(value)}'")
    if not 0 <= value < math.inf:
        raise value_error(f"retry: {name} must be a finite number of at least 0")
    return float(value)
