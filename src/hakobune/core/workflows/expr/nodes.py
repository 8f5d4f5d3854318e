"""The nodes of an expression. Each knows where it begins in the text between `${` and `}` (in characters)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Operator(StrEnum):
    """Operators of two operands, as they are written; `and` and `or` are a node of their own."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"
    DIVIDE = "/"
    FLOOR_DIVIDE = "//"
    REMAINDER = "%"
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    IN = "in"


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, text, boolean or null."""

    value: bool | int | float | str | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or a routine or library function that is named without being called."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """`of.key`."""

    of: Expression
    key: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    """`of[index]`."""

    of: Expression
    index: Expression
    at: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    """`not x`."""

    operand: Expression
    at: int = 0


@dataclass(frozen=True, slots=True)
class Sign:
    """`-x` (`is_minus`) or `+x`."""

    operand: Expression
    is_minus: bool
    at: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands, both evaluated, left first."""

    operator: Operator
    left: Expression
    right: Expression
    at: int = 0


@dataclass(frozen=True, slots=True)
class Logic:
    """`and` / `or`: the right side is evaluated only when the left does not decide."""

    is_and: bool
    left: Expression
    right: Expression
    at: int = 0


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class MapOf:
    """`{"k": v}`."""

    entries: tuple[tuple[str, Expression], ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class CallOf:
    """`path(arguments)`: `path` is a dotted name (`text.split`, `sub`, `googleapis.…accessString`)."""

    path: str
    arguments: tuple[Expression, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """A value that the plan evaluated before and keeps in slot `slot` of the routine's own frame: never written by
    a person. Subworkflow calls inside an expression become this."""

    slot: int
    at: int = 0


Expression: TypeAlias = Literal | Name | Member | Index | Not | Sign | Binary | Logic | ListOf | MapOf | CallOf | Held
