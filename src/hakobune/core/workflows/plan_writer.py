"""What every chapter of the plan writes with: the place in the text, names, exits, expressions, and stores.

Control never falls out of a construct by itself: whoever writes a construct is told the label where control goes
`after` it. So a jump over ops costs nothing, and the end of a block is nothing but the label of what follows it.

Calls of routines inside expressions. An expression is a closure and cannot wait; a routine can. So such calls are taken
out before: each becomes ops of its own that leave the value in a slot, and the expression reads the slot (`Held`). What
is evaluated to the left of a call is held too, so that the order stays left to right; `and` and `or` become jumps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from hakobune.core.workflows.assembly import Assembler, Label, RoutinePlan
from hakobune.core.workflows.branches import Branch, Op
from hakobune.core.workflows.elements import set_element
from hakobune.core.workflows.expr.compile import Evaluate, Unresolved, compile_expression, not_initialized
from hakobune.core.workflows.expr.nodes import (
    Binary,
    CallOf,
    Expression,
    Held,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Member,
    Name,
    Not,
    Sign,
)
from hakobune.core.workflows.expr.walk import children, contains_call
from hakobune.core.workflows.frames import UNSET, Frame, FrameShape, Place
from hakobune.core.workflows.marks import Mark, StepType
from hakobune.core.workflows.memory import HEAVY
from hakobune.core.workflows.model import StackFrame
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.scopes import FRAME_KINDS, RoutineScopes, Scope
from hakobune.core.workflows.syntax import (
    Body,
    Constant,
    Evaluated,
    Jump,
    ListTemplate,
    MapTemplate,
    Routine,
    Step,
    Target,
    Template,
)
from hakobune.core.workflows.templates import compile_template
from hakobune.core.workflows.values import Value

Store: TypeAlias = Callable[[Branch, Value], None]


@dataclass(slots=True, eq=False)
class Exit:
    """Where a jump may go, and inside how many `try` bodies of the frame that is."""

    label: Label
    guards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a construct stands in. `end`, `leave` and `again` are where `next: end`, `break` and `continue` go."""

    scope: Scope
    guards: int
    end: Exit
    leave: Exit | None = None
    again: Exit | None = None
    step: Step | None = None
    mark: Mark | None = None


class ScopeNames:
    """Names at one place of the text, for the compiler of expressions."""

    def __init__(self, scope: Scope, routines: Mapping[str, RoutinePlan]) -> None:
        self._scope = scope
        self._routines = routines

    def place(self, name: str) -> Place | None:
        """Where the variable of this name lives."""
        return self._scope.lookup(name)

    def is_routine(self, name: str) -> bool:
        """Whether a routine has this name."""
        return name in self._routines


class Writer(ABC):
    """Writes one routine. The chapters write what they know and come back here for what stands inside."""

    def __init__(
        self, assembler: Assembler, routine: Routine, scopes: RoutineScopes, routines: Mapping[str, RoutinePlan]
    ) -> None:
        self.assembler = assembler
        self.routine = routine
        self.scopes = scopes
        self.routines = routines
        self.exits: dict[str, Exit] = {}  # of the steps, by name
        self._stubs: list[tuple[Label, int, Exit]] = []
        self._shapes: dict[int, FrameShape] = {}

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
        return Mark(kind, self.routine.name, step, position, parent, _visible(scope))

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
            self.assembler.emit(lambda _, guards=guards, target=target: _leave_guards(guards, target.label.address))
        for block, shape in self._shapes.items():
            shape.slots = self.scopes.frame_size(block)

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

    # -- expressions --------------------------------------------------------------------------------------------

    def names(self, scope: Scope) -> ScopeNames:
        """What names mean in a scope."""
        return ScopeNames(scope, self.routines)

    def evaluate(self, template: Template, around: Around) -> Evaluate:
        """What gives the value of a template; ops for the calls of routines in it are written first."""
        return compile_template(self.lowered((template,), around)[0], self.names(around.scope))

    def evaluate_all(self, templates: Sequence[Template], around: Around) -> list[Evaluate]:
        """The same for several that are evaluated one after the other."""
        names = self.names(around.scope)
        return [compile_template(template, names) for template in self.lowered(templates, around)]

    def has_call(self, template: Template) -> bool:
        """Whether a routine is called somewhere in it."""
        match template:
            case Constant():
                return False
            case Evaluated():
                return self._calls(template.expression)
            case ListTemplate():
                return any(map(self.has_call, template.items))
            case MapTemplate():
                return any(self.has_call(key) or self.has_call(value) for key, value in template.entries)
            case _:
                assert_never(template)

    def lowered(self, templates: Sequence[Template], around: Around) -> tuple[Template, ...]:
        """The templates without calls of routines: what is left is evaluated after the ops that were written."""
        last = _last(templates, self.has_call)
        return tuple(
            template if at > last else self._without_calls(template, around, is_held=at < last)
            for at, template in enumerate(templates)
        )

    def _without_calls(self, template: Template, around: Around, *, is_held: bool) -> Template:
        if isinstance(template, Constant):
            return template
        template = self._lowered_parts(template, around)
        if not is_held or (isinstance(template, Evaluated) and isinstance(template.expression, Held)):
            return template
        slot = self._hold(compile_template(template, self.names(around.scope)), around)
        return Evaluated("", Held(slot), template.position)

    def _lowered_parts(self, template: Template, around: Around) -> Template:
        match template:
            case Evaluated():
                return replace(template, expression=self._lower(template.expression, around))
            case ListTemplate():
                return replace(template, items=self.lowered(template.items, around))
            case MapTemplate():
                flat = [part for entry in template.entries for part in entry]
                parts = self.lowered(flat, around)
                entries = zip(parts[::2], parts[1::2], strict=True)
                return replace(template, entries=tuple((_key(key), value) for key, value in entries))
            case _:
                return template

    def _calls(self, node: Expression) -> bool:
        return contains_call(node, lambda call: call.path in self.routines)

    def _lower(self, node: Expression, around: Around) -> Expression:
        if not self._calls(node):
            return node
        if isinstance(node, Logic):
            return self._lower_logic(node, around)
        parts = self._lower_all(children(node), around)
        if not (isinstance(node, CallOf) and node.path in self.routines):
            return _with_children(node, parts)
        names = self.names(around.scope)
        arguments = [compile_expression(part, names) for part in parts]
        slot = self.scopes.allocate(around.scope.block)
        self.call_in_expression(self.routines[node.path], arguments)
        self.assembler.emit(lambda here: hold_result(slot, here + 1))
        return Held(slot, node.at)

    @abstractmethod
    def call_in_expression(self, routine: RoutinePlan, arguments: Sequence[Evaluate]) -> None:
        """Write the call of a routine with arguments by position; it comes back to the next op."""

    def _lower_all(self, parts: Sequence[Expression], around: Around) -> list[Expression]:
        last = _last(parts, self._calls)
        done: list[Expression] = []
        for at, part in enumerate(parts):
            if at > last:
                done.append(part)
                continue
            part = self._lower(part, around)
            if at < last and not isinstance(part, Literal | Held):
                part = Held(self._hold(compile_expression(part, self.names(around.scope)), around), part.at)
            done.append(part)
        return done

    def _lower_logic(self, node: Logic, around: Around) -> Expression:
        """`left and right` where one of them calls: the right side is jumped over when the left decides."""
        names = self.names(around.scope)
        slot = self.scopes.allocate(around.scope.block)
        end = Label()
        # `left and true`, `left or false`: the left side's value, after the check that it is a boolean
        neutral = Literal(node.is_and, node.at)
        left = compile_expression(replace(node, left=self._lower(node.left, around), right=neutral), names)
        self.assembler.emit(lambda here: _decide(left, slot, not node.is_and, end.address, here + 1))
        right = compile_expression(replace(node, left=neutral, right=self._lower(node.right, around)), names)
        self.assembler.emit(lambda here: _hold(right, slot, here + 1))
        self.assembler.place(end)
        return Held(slot, node.at)

    def _hold(self, evaluate: Evaluate, around: Around) -> int:
        slot = self.scopes.allocate(around.scope.block)
        self.assembler.emit(lambda here: _hold(evaluate, slot, here + 1))
        return slot

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


def _last(parts: Sequence[Template] | Sequence[Expression], has_call: Callable[..., bool]) -> int:
    """The index of the last part that calls a routine; -1 if none does."""
    return max((at for at, part in enumerate(parts) if has_call(part)), default=-1)


def _key(template: Template) -> Constant | Evaluated:
    if not isinstance(template, Constant | Evaluated):
        raise Unresolved("a key that is a container")
    return template


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


def _with_children(node: Expression, parts: Sequence[Expression]) -> Expression:
    match node:
        case Literal() | Name() | Held():
            return node
        case Member():
            return replace(node, of=parts[0])
        case Index():
            return replace(node, of=parts[0], index=parts[1])
        case Not() | Sign():
            return replace(node, operand=parts[0])
        case Binary() | Logic():
            return replace(node, left=parts[0], right=parts[1])
        case ListOf():
            return replace(node, items=tuple(parts))
        case MapOf():
            return replace(node, entries=tuple((key, part) for (key, _), part in zip(node.entries, parts, strict=True)))
        case CallOf():
            return replace(node, arguments=tuple(parts))
        case _:
            assert_never(node)


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
        slots[slot] = set_element(base, path, value)
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


def _hold(evaluate: Evaluate, slot: int, after: int) -> Op:
    def op(branch: Branch) -> int:
        branch.frame.slots[slot] = evaluate(branch.frame)
        return after

    return op


def hold_result(slot: int, after: int) -> Op:
    """Puts what the last call gave into a slot."""

    def op(branch: Branch) -> int:
        branch.frame.slots[slot] = branch.take_value()
        return after

    return op


def _decide(left: Evaluate, slot: int, deciding: bool, end: int, after: int) -> Op:
    def op(branch: Branch) -> int:
        value = left(branch.frame)
        branch.frame.slots[slot] = value
        return end if value is deciding else after

    return op
