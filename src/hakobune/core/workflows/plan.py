"""A program → a plan: a flat list of ops with integer addresses, with nothing nested any more.

The chapters `plan_steps`, `plan_calls`, `plan_loops`, `plan_tries` and `plan_parallel` write one kind of construct
each; `plan_writer` is what they write with. A program that `resolve` found good always has a plan; for another one
`Unresolved` is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from hakobune.core.workflows.assembly import Assembler, Label, Plan, RoutinePlan
from hakobune.core.workflows.expr.compile import Evaluate, Unresolved
from hakobune.core.workflows.frames import FrameShape
from hakobune.core.workflows.plan_calls import write_call, write_call_in_expression, write_defaults
from hakobune.core.workflows.plan_expressions import Around, Exit
from hakobune.core.workflows.plan_loops import write_for
from hakobune.core.workflows.plan_parallel import write_parallel
from hakobune.core.workflows.plan_steps import (
    step_type,
    write_assign,
    write_end,
    write_goto,
    write_group,
    write_raise,
    write_return,
    write_switch,
)
from hakobune.core.workflows.plan_tries import write_try
from hakobune.core.workflows.plan_writer import Writer, source_of
from hakobune.core.workflows.scopes import build_scopes
from hakobune.core.workflows.syntax import (
    Assign,
    Body,
    Call,
    For,
    Goto,
    Group,
    Parallel,
    Program,
    Raise,
    Return,
    Routine,
    Step,
    Switch,
    Try,
)

__all__ = ["Plan", "make_plan"]


def make_plan(program: Program) -> Plan:
    """The plan of a program without mistakes. Raises Unresolved."""
    assembler = Assembler()
    routines = {routine.name: _outline(routine) for routine in program.routines}
    main = routines.get("main")
    if main is None:
        raise Unresolved("there is no 'main'")
    for routine in program.routines:
        _RoutineWriter(assembler, routine, build_scopes(routine), routines).write(routines[routine.name])
    return assembler.finish(main)


def _outline(routine: Routine) -> RoutinePlan:
    return RoutinePlan(
        name=routine.name,
        entry=Label(),
        shape=FrameShape(),
        parameters=tuple(parameter.name for parameter in routine.parameters),
        required=frozenset(parameter.name for parameter in routine.parameters if parameter.default is None),
    )


class _RoutineWriter(Writer):
    """Writes one routine."""

    def write(self, plan: RoutinePlan) -> None:
        """All its ops."""
        self.open_frame(self.routine.block, plan.shape)
        end = Label()
        around = Around(scope=self.scopes.scope(self.routine.block), guards=0, end=Exit(end, 0))
        self._name_exits(self.routine.steps, 0)
        self.assembler.source = None
        self.assembler.place(plan.entry)
        write_defaults(self, around)
        self.steps(self.routine.steps, around, end)
        write_end(self, end)
        self.finish()

    def _name_exits(self, steps: Sequence[Step], guards: int) -> None:
        for step in steps:
            self.exits[step.name] = Exit(Label(), guards)
            self._name_exits_within(step.body, guards)

    def _name_exits_within(self, body: Body, guards: int) -> None:
        match body:
            case Group() | For():
                self._name_exits(body.steps, guards)
            case Switch():
                for case in body.cases:
                    if case.body is not None:
                        self._name_exits_within(case.body, guards)
            case Try():
                self._name_exits_within(body.body, guards + 1)
                if body.handler is not None:
                    self._name_exits(body.handler.steps, guards)
            case Parallel():
                works = [body.work] if isinstance(body.work, For) else body.work
                for work in works:
                    self._name_exits(work.steps, 0)
            case Assign() | Call() | Raise() | Return() | Goto():
                pass
            case _:
                assert_never(body)

    def steps(self, steps: Sequence[Step], around: Around, after: Label) -> None:
        """Write a list of steps; control goes to `after` at its end."""
        following = [*(self.exits[step.name].label for step in steps[1:]), after]
        for step, next_label in zip(steps, following, strict=True):
            self._step(step, around, next_label)

    def _step(self, step: Step, around: Around, following: Label) -> None:
        outer = self.assembler.source
        self.assembler.source = source_of(self.routine, step)
        self.assembler.place(self.exits[step.name].label)
        kind = step_type(step.body, tuple(self.routines))
        mark = self.mark(kind, step.name, step.position, around.mark, around.scope)
        self.assembler.mark(mark, is_counted=True)
        after = self.way(step.next, around, following)
        self.body(step.body, replace(around, step=step, mark=mark), after)
        self.assembler.source = outer

    def body(self, body: Body, around: Around, after: Label) -> None:
        """Write the body of a step that was begun."""
        match body:
            case Assign():
                write_assign(self, body, around, after)
            case Call():
                write_call(self, body, around, after)
            case Switch():
                write_switch(self, body, around, after)
            case For():
                write_for(self, body, around, after)
            case Parallel():
                write_parallel(self, body, around, after)
            case Try():
                write_try(self, body, around, after)
            case Raise():
                write_raise(self, body, around)
            case Return():
                write_return(self, body, around)
            case Group():
                write_group(self, body, around, after)
            case Goto():
                write_goto(self, after)
            case _:
                assert_never(body)

    def call_in_expression(self, path: str, arguments: Sequence[Evaluate]) -> None:
        """Write a call with arguments by position; it comes back to the next op with its value."""
        write_call_in_expression(self, path, arguments)
