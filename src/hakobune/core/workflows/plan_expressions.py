"""Expressions in steps, and the calls in them that can wait.

An expression is a closure and cannot wait; a routine can, and so can some connectors. Their calls are taken out before:
each becomes ops of its own that leave the value in a slot, and the expression reads the slot (`Held`). What is
evaluated to the left of a call is held too, so that the order stays left to right; `and` and `or` become jumps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from hakobune.core.workflows.assembly import Assembler, Label, RoutinePlan
from hakobune.core.workflows.branches import Branch, Op
from hakobune.core.workflows.expr.compile import Evaluate, Unresolved, compile_expression
from hakobune.core.workflows.expr.nodes import CallOf, Expression, Held, Literal, Logic
from hakobune.core.workflows.expr.walk import Link, chain, children, contains_call, with_children
from hakobune.core.workflows.frames import Place
from hakobune.core.workflows.marks import Mark
from hakobune.core.workflows.scopes import RoutineScopes, Scope
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import Kind
from hakobune.core.workflows.syntax import Constant, Evaluated, ListTemplate, MapTemplate, Step, Template
from hakobune.core.workflows.templates import compile_template


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


class ExpressionWriter(ABC):
    """Writes the ops that expressions need before they can be evaluated, and gives what evaluates them."""

    def __init__(self, assembler: Assembler, scopes: RoutineScopes, routines: Mapping[str, RoutinePlan]) -> None:
        self.assembler = assembler
        self.scopes = scopes
        self.routines = routines

    @abstractmethod
    def call_in_expression(self, path: str, arguments: Sequence[Evaluate]) -> None:
        """Write a call with arguments by position; it comes back to the next op with its value."""

    def names(self, scope: Scope) -> ScopeNames:
        """What names mean in a scope."""
        return ScopeNames(scope, self.routines)

    def evaluate(self, template: Template, around: Around) -> Evaluate:
        """What gives the value of a template; ops for the calls in it are written first."""
        return compile_template(self.lowered((template,), around)[0], self.names(around.scope))

    def evaluate_all(self, templates: Sequence[Template], around: Around) -> list[Evaluate]:
        """The same for several that are evaluated one after the other."""
        names = self.names(around.scope)
        return [compile_template(template, names) for template in self.lowered(templates, around)]

    def has_call(self, template: Template) -> bool:
        """Whether something that can wait is called in it."""
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
        """The templates without calls that can wait: what is left is evaluated after the ops that were written."""
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
        return contains_call(node, self._can_wait)

    def _can_wait(self, call: CallOf) -> bool:
        if call.path in self.routines:
            return True
        function = library.find(call.path)
        return function is not None and function.kind is Kind.BLOCKING

    def _lower(self, node: Expression, around: Around) -> Expression:
        """The expression without calls that can wait. A chain of operators is gone along, its nesting gone into."""
        if not self._calls(node):
            return node
        first, links = chain(node)
        left = self._lower_first(first, around)
        for link in links:
            left = self._lower_link(link, left, around)
        return left

    def _lower_first(self, node: Expression, around: Around) -> Expression:
        if not self._calls(node):
            return node
        parts = self._lower_all(children(node), around)
        if not (isinstance(node, CallOf) and self._can_wait(node)):
            return with_children(node, parts)
        names = self.names(around.scope)
        arguments = [compile_expression(part, names) for part in parts]
        slot = self.scopes.allocate(around.scope.block)
        self.call_in_expression(node.path, arguments)
        self.assembler.emit(lambda here: hold_result(slot, here + 1))
        return Held(slot, node.at)

    def _lower_link(self, link: Link, left: Expression, around: Around) -> Expression:
        """A link whose left side is done."""
        has_call = self._calls(link.right)
        if left is link.left and not has_call:
            return link
        if isinstance(link, Logic):
            return self._lower_logic(link, left, around)
        if not has_call:
            return with_children(link, (left, link.right))
        left = self._kept(left, around)
        return with_children(link, (left, self._lower(link.right, around)))

    def _lower_all(self, parts: Sequence[Expression], around: Around) -> list[Expression]:
        last = _last(parts, self._calls)
        done: list[Expression] = []
        for at, part in enumerate(parts):
            if at > last:
                done.append(part)
                continue
            part = self._lower(part, around)
            done.append(self._kept(part, around) if at < last else part)
        return done

    def _kept(self, part: Expression, around: Around) -> Expression:
        """The part, evaluated before the call that stands to the right of it."""
        if isinstance(part, Literal | Held):
            return part
        return Held(self._hold(compile_expression(part, self.names(around.scope)), around), part.at)

    def _lower_logic(self, node: Logic, done: Expression, around: Around) -> Expression:
        """`left and right` where one of them calls: the right side is jumped over when the left, `done`, decides."""
        names = self.names(around.scope)
        slot = self.scopes.allocate(around.scope.block)
        end = Label()
        # `left and true`, `left or false`: the left side's value, after the check that it is a boolean
        neutral = Literal(node.is_and, node.at)
        left = compile_expression(replace(node, left=done, right=neutral), names)
        self.assembler.emit(lambda here: _decide(left, slot, not node.is_and, end.address, here + 1))
        right = compile_expression(replace(node, left=neutral, right=self._lower(node.right, around)), names)
        self.assembler.emit(lambda here: _hold(right, slot, here + 1))
        self.assembler.place(end)
        return Held(slot, node.at)

    def _hold(self, evaluate: Evaluate, around: Around) -> int:
        slot = self.scopes.allocate(around.scope.block)
        self.assembler.emit(lambda here: _hold(evaluate, slot, here + 1))
        return slot


# -- helpers ----------------------------------------------------------------------------------------------------


def _last(parts: Sequence[Template] | Sequence[Expression], has_call: Callable[..., bool]) -> int:
    """The index of the last part that calls a routine; -1 if none does."""
    return max((at for at, part in enumerate(parts) if has_call(part)), default=-1)


def _key(template: Template) -> Constant | Evaluated:
    if not isinstance(template, Constant | Evaluated):
        raise Unresolved("a key that is a container")
    return template


# -- ops --------------------------------------------------------------------------------------------------------


def _hold(evaluate: Evaluate, slot: int, after: int) -> Op:
    def op(branch: Branch) -> int:
        value = evaluate(branch.frame)
        branch.frame.slots[slot] = value
        branch.memory.keep(value)
        return after

    return op


def hold_result(slot: int, after: int) -> Op:
    """Puts what the last call gave into a slot."""

    def op(branch: Branch) -> int:
        value = branch.take_value()
        branch.frame.slots[slot] = value
        branch.memory.keep(value)
        return after

    return op


def _decide(left: Evaluate, slot: int, deciding: bool, end: int, after: int) -> Op:
    def op(branch: Branch) -> int:
        value = left(branch.frame)
        branch.frame.slots[slot] = value
        return end if value is deciding else after

    return op
