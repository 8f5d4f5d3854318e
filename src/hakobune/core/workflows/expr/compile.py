"""An expression's tree → a closure that gives its value in a frame.

All that can be known before the first evaluation is decided here: where a variable lives, what a dotted name means,
how the arguments of a call are bound, what an expression of number literals gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, assert_never, cast

from hakobune.core.errors import HakobuneError
from hakobune.core.workflows.elements import get_index, get_member
from hakobune.core.workflows.expr import operators
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
from hakobune.core.workflows.expr.walk import Link, chain, dotted_path, nodes, rebuilt
from hakobune.core.workflows.failures import Failure, key_error, value_error
from hakobune.core.workflows.frames import UNSET, Frame, Place
from hakobune.core.workflows.kinds import FunctionValue, Value
from hakobune.core.workflows.limits import EXPRESSION_DEPTH
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, Missing, bind_positional, invoke

Evaluate: TypeAlias = Callable[[Frame], Value]

_NODE_NS: Final = 300  # of work for each node: most take less, a call of the library more; measured
_LARGE: Final = 20  # nodes from which an expression is charged for itself: fewer are done within the time of a step


class Names(Protocol):
    """What names mean at the place of an expression."""

    def place(self, name: str) -> Place | None:
        """Where the variable of this name lives; None where there is none."""
        ...

    def is_routine(self, name: str) -> bool:
        """Whether a routine has this name."""
        ...


@dataclass(frozen=True, slots=True)
class _Site:
    """Where an expression stands. `is_flat`: its chains of operators may be longer than the stack is deep."""

    names: Names
    is_flat: bool


class Unresolved(HakobuneError):
    """A name or a call that is checked, or replaced, before an expression is compiled. Always our bug."""

    reason = "UNRESOLVED"


def compile_expression(node: Expression, names: Names) -> Evaluate:
    """What evaluates the expression in a frame; that raises Failure. Raises Unresolved."""
    size = sum(1 for _ in nodes(node))
    evaluate = _compiled(rebuilt(node, _folded), _Site(names, is_flat=size > EXPRESSION_DEPTH))
    return evaluate if size < _LARGE else _charged(evaluate, size * _NODE_NS)


def _charged(evaluate: Evaluate, nominal_ns: int) -> Evaluate:
    """An expression of many nodes is work, whatever its values are."""

    def charged(frame: Frame) -> Value:
        frame.context.meter.note(nominal_ns)
        return evaluate(frame)

    return charged


def constant(value: Value) -> Evaluate:
    """What gives the same value in each frame."""
    return lambda _: value


def _compiled(node: Expression, site: _Site) -> Evaluate:
    if site.is_flat and isinstance(node, Binary | Logic):
        return _chain(node, site)
    match node:
        case Literal():
            return constant(node.value)
        case Name():
            return _name(node, site)
        case Member():
            return _member(node, site)
        case Index():
            return _index(node, site)
        case Not():
            return _not(node, site)
        case Sign():
            return _sign(node, site)
        case Binary():
            return _binary(node, site)
        case Logic():
            return _logic(node, site)
        case ListOf():
            return _list(node, site)
        case MapOf():
            return _map(node, site)
        case CallOf():
            return _call(node, site)
        case Held():
            return _variable(Place(0, node.slot), f"(held value {node.slot})")
        case _:
            assert_never(node)


# -- what is known beforehand -----------------------------------------------------------------------------------


def _folded(node: Expression) -> Expression:
    """The number that an operation on number literals gives; the operation itself where it would raise: errors belong
    to the execution.
    """
    try:
        if isinstance(node, Sign) and _is_number(node.operand):
            return Literal(cast("float", _signed(node, cast("Literal", node.operand).value)), node.at)
        if isinstance(node, Binary) and _is_number(node.left) and _is_number(node.right):
            left, right = cast("Literal", node.left).value, cast("Literal", node.right).value
            return Literal(cast("float", operators.FUNCTIONS[node.operator](left, right)), node.at)
    except Failure:
        return node
    return node


def _is_number(node: Expression) -> bool:
    return isinstance(node, Literal) and isinstance(node.value, int | float) and not isinstance(node.value, bool)


# -- names ------------------------------------------------------------------------------------------------------


def _name(node: Name, site: _Site) -> Evaluate:
    place = site.names.place(node.name)
    if place is not None:
        return _variable(place, node.name)
    if site.names.is_routine(node.name):
        return constant(FunctionValue(node.name))
    value = _library_value(node.name)
    if value is None:
        raise Unresolved(f"'{node.name}' is neither a variable nor a routine nor part of the library")
    return constant(value)


def _library_value(path: str) -> Value:
    """A function of the library as a value, or one of its constants; None (which none of them is) for neither."""
    return library.find_value(path) if library.find(path) is None else FunctionValue(path)


def not_initialized(name: str) -> Failure:
    """A variable is read before anything was assigned to it."""
    return value_error(f"variable not initialized: {name}")


def _variable(place: Place, name: str) -> Evaluate:
    """What reads a variable: the shorter the way, the more often it is gone."""
    level, slot = place.level, place.slot

    def own(frame: Frame) -> Value:
        value = frame.slots[slot]
        if value is UNSET:
            raise not_initialized(name)
        return value

    def next_outer(frame: Frame) -> Value:
        value = cast("Frame", frame.outer).slots[slot]
        if value is UNSET:
            raise not_initialized(name)
        return value

    def far_outer(frame: Frame) -> Value:
        for _ in range(level):
            frame = cast("Frame", frame.outer)
        return own(frame)

    return own if level == 0 else next_outer if level == 1 else far_outer


# -- elements ---------------------------------------------------------------------------------------------------


def _member(node: Member, site: _Site) -> Evaluate:
    """`of.key`, or a dotted name of the library where no variable begins it."""
    path = dotted_path(node)
    if path is not None:
        first = path.partition(".")[0]
        value = _library_value(path) if site.names.place(first) is None and not site.names.is_routine(first) else None
        if value is not None:
            return constant(value)
    return _element(_compiled(node.of, site), node.key)


def _element(of: Evaluate, key: str) -> Evaluate:
    def member(frame: Frame) -> Value:
        container = of(frame)
        if isinstance(container, dict):
            try:
                return container[key]
            except KeyError:
                raise key_error(key) from None
        return get_member(container, key)

    return member


def _index(node: Index, site: _Site) -> Evaluate:
    of = _compiled(node.of, site)
    if isinstance(node.index, Literal) and isinstance(node.index.value, str):
        return _element(of, node.index.value)
    index = _compiled(node.index, site)
    return lambda frame: get_index(of(frame), index(frame))


# -- operators --------------------------------------------------------------------------------------------------


def _not(node: Not, site: _Site) -> Evaluate:
    operand = _compiled(node.operand, site)
    return lambda frame: not operators.truth("not", operand(frame))


def _sign(node: Sign, site: _Site) -> Evaluate:
    operand = _compiled(node.operand, site)
    operate = operators.negative if node.is_minus else operators.positive
    return lambda frame: operate(operand(frame))


def _signed(node: Sign, value: Value) -> Value:
    return operators.negative(value) if node.is_minus else operators.positive(value)


def _binary(node: Binary, site: _Site) -> Evaluate:
    operate = operators.FUNCTIONS[node.operator]
    left = _compiled(node.left, site)
    charged = operators.CHARGED.get(node.operator)
    if isinstance(node.right, Literal):
        literal = node.right.value
        if charged is not None and isinstance(literal, str):
            return lambda frame: charged(left(frame), literal, frame.context.meter)
        return lambda frame: operate(left(frame), literal)
    right = _compiled(node.right, site)
    if charged is not None:
        return lambda frame: charged(left(frame), right(frame), frame.context.meter)
    return lambda frame: operate(left(frame), right(frame))


def _logic(node: Logic, site: _Site) -> Evaluate:
    left = _compiled(node.left, site)
    right = _compiled(node.right, site)
    truth = operators.truth
    if node.is_and:
        return lambda frame: truth("and", left(frame)) and truth("and", right(frame))
    return lambda frame: truth("or", left(frame)) or truth("or", right(frame))


_Link: TypeAlias = Callable[[Frame, Value], Value]


def _chain(node: Link, site: _Site) -> Evaluate:
    """A chain of operators as a loop over its links: however long it is, it takes one level of the stack."""
    first, links = chain(node)
    begin = _compiled(first, site)
    rest = [_link(link, site) for link in links]

    def loop(frame: Frame) -> Value:
        value = begin(frame)
        for link in rest:
            value = link(frame, value)
        return value

    return loop


def _link(node: Link, site: _Site) -> _Link:
    """What a link of a chain makes of the value to its left."""
    right = _compiled(node.right, site)
    if isinstance(node, Logic):
        truth = operators.truth
        if node.is_and:
            return lambda frame, left: truth("and", left) and truth("and", right(frame))
        return lambda frame, left: truth("or", left) or truth("or", right(frame))
    charged = operators.CHARGED.get(node.operator)
    if charged is not None:
        return lambda frame, left: charged(left, right(frame), frame.context.meter)
    operate = operators.FUNCTIONS[node.operator]
    return lambda frame, left: operate(left, right(frame))


# -- containers -------------------------------------------------------------------------------------------------


def _list(node: ListOf, site: _Site) -> Evaluate:
    items = [_compiled(item, site) for item in node.items]
    return lambda frame: [item(frame) for item in items]


def _map(node: MapOf, site: _Site) -> Evaluate:
    entries = [(key, _compiled(value, site)) for key, value in node.entries]
    return lambda frame: {key: value(frame) for key, value in entries}


# -- calls ------------------------------------------------------------------------------------------------------


def _call(node: CallOf, site: _Site) -> Evaluate:
    """A call of a library function that does not wait."""
    function = library.find(node.path)
    if function is None or function.kind is Kind.BLOCKING:
        raise Unresolved(f"the call of '{node.path}' cannot be made inside an expression")
    arguments = [_compiled(argument, site) for argument in node.arguments]
    run = cast("Callable[..., Value]", function.run)
    tail = _defaults(function, len(arguments))
    if tail is not None and (function.ns or function.kind is Kind.METERED):
        return lambda frame: cast(
            "Value", invoke(function, frame.context, [*[argument(frame) for argument in arguments], *tail])
        )
    if tail is None:  # the binding raises, after the arguments were evaluated
        return lambda frame: run(*bind_positional(function, [argument(frame) for argument in arguments]))
    if function.kind is Kind.CONTEXT:
        return lambda frame: run(frame.context, *[argument(frame) for argument in arguments], *tail)
    match arguments:
        case [one] if not tail:
            return lambda frame: run(one(frame))
        case [one, two] if not tail:
            return lambda frame: run(one(frame), two(frame))
        case _:
            return lambda frame: run(*[argument(frame) for argument in arguments], *tail)


def _defaults(function: LibraryFunction, given: int) -> tuple[Value | Missing, ...] | None:
    """What `run` is given behind the arguments of a call with so many of them; None where it must be refused."""
    rest = function.parameters[given:]
    if given > len(function.parameters) or any(parameter.is_required for parameter in rest):
        return None
    more: tuple[Value, ...] = ({},) if function.is_open else ()
    return (*(parameter.default for parameter in rest), *more)
