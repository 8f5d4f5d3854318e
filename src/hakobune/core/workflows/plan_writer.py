"""What every chapter of the plan writes with: marks, exits, frames, and stores.

Control never falls out of a construct by itself: whoever writes a construct is told the label where control goes
`after` it. So a jump over ops costs nothing, and the end of a block is nothing but the label of what follows it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from hakobune.core.workflows.assembly import Assembler, Label, RoutinePlan
from hakobune.core.workflows.branches import Branch, Op
from hakobune.core.workflows.elements import set_element
from hakobune.core.workflows.expr.compile import Evaluate, Unresolved, compile_expression, not_initialized
from hakobune.core.workflows.frames import UNSET, Frame, FrameShape, Place
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.meter import HEAVY
from hakobune.core.workflows.model import StackFrame
from hakobune.core.workflows.plan_expressions import Around, Exit, ExpressionWriter
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.scopes import FRAME_KINDS, RoutineScopes, Scope
from hakobune.core.workflows.syntax import Body, Jump, Routine, Step, Target
from hakobune.core.workflows.values import Value

Store: TypeAlias = Callable[[Branch, Value], None]


class Writer(ExpressionWriter):
    """Writes one routine. The chapters write what they know and come back here for what stands inside."""

    def __init__(
        self, assembler: Assembler, routine: Routine, scopes: RoutineScopes, routines: Mapping[str, RoutinePlan]
    ) -> None:
        super().__init__(assembler, scopes, routines)
        self.routine = routine
        self.exits: dict[str, Exit] = {}  # of the steps, by name
        self._stubs: list[tuple[Label, int, Exit]] = []
        self._shapes: dict[int, FrameShape] = {}
        self._visible: dict[int, tuple[tuple[str, Place], ...]] = {}  # by block: the marks of one block share them

    @abstractmethod
    def steps(self, steps: Sequence[Step], around: Around, after: Label) -> None:
        """Write a list of steps; control goes to `after` at its end."""

    @abstractmethod
    def body(self, body: Body, around: Around, after: Label) -> None:
        """Write the body of a step that was begun."""

    # -- marks and jumps ----------------------------------------------------------------------------------------

    def block(self, kind: StepType, around: Around, position: Position, scope: Scope | None = None) -> Mark:
        """The mark of a block within the step of `around`."""
        name = "" if around.step is None else around.step.name
        return self.mark(kind, name, position, around.mark, scope or around.scope)

    def mark(self, kind: StepType, step: str, position: Position, parent: Mark | None, scope: Scope) -> Mark:
        """A mark with the variables that are visible in a scope."""
        visible = self._visible.get(scope.block)
        if visible is None:  # scopes are complete before the plan is made
            visible = self._visible[scope.block] = _visible(scope)
        return Mark(kind, self.routine.name, step, position, parent, visible)

    def way(self, jump: Jump | None, around: Around, otherwise: Label) -> Label:
        """Where a jump goes from here; without one, `otherwise`."""
        if jump is None:
            return otherwise
        special = {"end": around.end, "break": around.leave, "continue": around.again}
        target = special.get(jump.target) or self.exits.get(jump.target)
        if target is None:
            raise Unresolved(f"no step '{jump.target}'")
        return self.way_out(around.guards - target.guards, target)

    def way_out(self, guards: int, target: Exit) -> Label:
        """A label from which control goes to `target`, after it left so many `try` bodies."""
        if guards <= 0:
            return target.label
        label = Label()
        self._stubs.append((label, guards, target))
        return label

    def finish(self) -> None:
        """Write what jumps need on their way, and fix the sizes of the frames."""
        self.assembler.source = None
        for label, guards, target in self._stubs:
            self.assembler.place(label)
            self._write_leave(guards, target.label)
        for block, shape in self._shapes.items():
            shape.slots = self.scopes.frame_size(block)

    def _write_leave(self, guards: int, target: Label) -> None:
        self.assembler.emit(lambda _: _leave_guards(guards, target.address))

    # -- frames -------------------------------------------------------------------------------------------------

    def open_frame(self, block: int, shape: FrameShape) -> FrameShape:
        """The shape of the frame that a block has of its own; nothing was allocated in it yet."""
        shape.variables = self.scopes.frame_size(block)
        self._shapes[block] = shape
        return shape

    def shape(self, scope: Scope) -> FrameShape:
        """The shape of the frame in which a scope's variables live."""
        while scope.kind not in FRAME_KINDS:
            if scope.outer is None:
                raise Unresolved("a scope without a frame")
            scope = scope.outer
        return self._shapes[scope.block]

    # -- stores -------------------------------------------------------------------------------------------------

    def write_place(self, name: str, scope: Scope) -> Place:
        """Where an assignment to this name goes."""
        place = scope.lookup_for_write(name)
        if not isinstance(place, Place):
            raise Unresolved(f"'{name}' cannot be assigned here")
        return place

    def store(self, target: Target, around: Around) -> Store:
        """What assigns to a target whose path calls no routine."""
        names = self.names(around.scope)
        keys = [compile_expression(key, names) for key in target.path]
        return self.store_at(target, keys, around)

    def store_at(self, target: Target, keys: Sequence[Evaluate], around: Around) -> Store:
        """What assigns to a target with such keys."""
        place = self.write_place(target.name, around.scope)
        return _element_store(target.name, place, tuple(keys)) if keys else variable_store(place)


# -- helpers of the writer --------------------------------------------------------------------------------------


def _visible(scope: Scope) -> tuple[tuple[str, Place], ...]:
    found: dict[str, Place] = {}
    level = 0
    outer: Scope | None = scope
    while outer is not None:
        for name, slot in outer.own_names.items():
            found.setdefault(name, Place(level, slot))
        level += outer.kind in FRAME_KINDS
        outer = outer.outer
    return tuple(found.items())


def source_of(routine: Routine, step: Step) -> StackFrame:
    """How a stack trace names a step."""
    return StackFrame(step=step.name, routine=routine.name, position=step.position)


# -- ops and what they are made of ------------------------------------------------------------------------------


def variable_store(place: Place) -> Store:
    """What assigns to a variable."""
    level, slot = place.level, place.slot

    def store(branch: Branch, value: Value) -> None:
        frame_at(branch.frame, level).slots[slot] = value
        if type(value) in HEAVY:
            branch.memory.charge(value)

    return store


def _element_store(name: str, place: Place, keys: tuple[Evaluate, ...]) -> Store:
    level, slot = place.level, place.slot

    def store(branch: Branch, value: Value) -> None:
        frame = branch.frame
        path = [key(frame) for key in keys]
        slots = frame_at(frame, level).slots
        base = slots[slot]
        if base is UNSET:
            raise not_initialized(name)
        slots[slot] = set_element(base, path, value, frame.context.meter)
        branch.memory.charge(value, sum(len(key) * 6 + 4 for key in path if isinstance(key, str)))

    return store


def frame_at(frame: Frame, level: int) -> Frame:
    """The frame so many levels outwards."""
    for _ in range(level):
        if frame.outer is None:
            raise Unresolved("a frame has no frame around it")
        frame = frame.outer
    return frame


def go_to(address: int) -> Op:
    """Does nothing but go on elsewhere."""
    return lambda _: address


def _leave_guards(guards: int, address: int) -> Op:
    def op(branch: Branch) -> int:
        del branch.guards[-guards:]
        return address

    return op
