"""What a library function is, and how its arguments are bound. The functions themselves stand in the other chapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from hakobune.core.workflows.effects import Procedure
from hakobune.core.workflows.failures import type_error
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.meter import LIGHT, Meter
from hakobune.core.workflows.values import Value


class Missing:
    """Stands for an optional argument that was not given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class Kind(StrEnum):
    """What a function needs."""

    PURE = "pure"  # run(*arguments) -> Value
    CONTEXT = (
        "context"  # run(context, *arguments) -> Value: it reads clock, dice or environment as the journal has them
    )
    METERED = "metered"  # run(meter, *arguments) -> Value: how much work it is comes out while it runs
    BLOCKING = "blocking"  # run(context, *arguments) -> Procedure: never inside an expression


@dataclass(frozen=True, slots=True)
class LibraryParameter:
    """`default` is a value, or MISSING where absence itself means something."""

    name: str
    is_required: bool = True
    default: Value | Missing = MISSING


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryFunction:
    """A function of the library or a connector's method. Parameters stand in their positional order.

    `is_open`: names that are not listed are taken too (query parameters of a generic connector), in `run`'s last
    argument, a map. `is_expression_allowed`: it waits for one answer only, and so may be called inside an expression
    although its kind is BLOCKING (connectors of methods that are not long-running). `ns`: nominal nanoseconds of work
    for each character or element of its arguments and of its value (measured, rounded up); 0 where sizes do not matter,
    or where it charges its work itself.
    """

    name: str
    parameters: tuple[LibraryParameter, ...]
    kind: Kind
    run: Callable[..., Value] | Callable[..., Procedure]
    ns: int = 0
    is_open: bool = False
    is_expression_allowed: bool = False

    def parameter(self, name: str) -> LibraryParameter | None:
        """The parameter of this name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def bind_positional(function: LibraryFunction, given: Sequence[Value]) -> list[Value | Missing]:
    """Arguments for `run`, in order. Raises Failure (TypeError)."""
    if len(given) > len(function.parameters):
        raise type_error(f"{function.name} takes {len(function.parameters)} arguments, got {len(given)}")
    return bind_named(function, {p.name: value for p, value in zip(function.parameters, given, strict=False)})


def bind_named(function: LibraryFunction, given: Mapping[str, Value]) -> list[Value | Missing]:
    """Arguments for `run`, in order. Raises Failure (TypeError)."""
    bound: list[Value | Missing] = []
    known = 0
    for parameter in function.parameters:
        if parameter.name in given:
            bound.append(given[parameter.name])
            known += 1
        elif parameter.is_required:
            raise type_error(f"{function.name}: missing argument {parameter.name}")
        else:
            bound.append(parameter.default)
    unknown = [] if known == len(given) else [name for name in given if function.parameter(name) is None]
    if function.is_open:
        bound.append({name: given[name] for name in unknown})
    elif unknown:
        raise type_error(f"{function.name}: unknown argument {unknown[0]}")
    return bound


def invoke(function: LibraryFunction, context: Context, bound: Sequence[Value | Missing]) -> Value | Procedure:
    """The value of a function, or the procedure that will give it. The work is charged. Raises Failure."""
    if function.ns:
        _charge(function, context.meter, bound)
    match function.kind:
        case Kind.PURE:
            value = function.run(*bound)
        case Kind.METERED:
            value = function.run(context.meter, *bound)
        case Kind.CONTEXT | Kind.BLOCKING:
            value = function.run(context, *bound)
        case _:
            assert_never(function.kind)
    if function.ns and isinstance(value, str | bytes | list | dict) and len(value) > LIGHT:
        context.meter.spend(len(value) * function.ns)
    return value


def _charge(function: LibraryFunction, meter: Meter, bound: Sequence[Value | Missing]) -> None:
    size = 0
    for argument in bound:
        if isinstance(argument, str | bytes | list | dict):
            size += len(argument)
    if size > LIGHT:
        meter.spend(size * function.ns)
