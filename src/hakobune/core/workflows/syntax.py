"""The abstract syntax tree of a workflow: frozen nodes, each with its place in the source.

`parse.py` makes them from the tree of `source.py`; `scopes.py`, `resolve.py` and `plan.py` read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from hakobune.core.workflows.expr.nodes import Expression
from hakobune.core.workflows.positions import Position
from hakobune.core.workflows.values import Value

# -- values that may hold expressions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal scalar (also an empty list or map)."""

    value: Value
    position: Position


@dataclass(frozen=True, slots=True)
class Evaluated:
    """`${…}`: `text` is what stands between the braces, `expression` what it says.

    `places`: where stretches of the text stand, by the index of their first character, if the source does not have it
    as it is on one line.
    """

    text: str
    expression: Expression
    position: Position
    places: tuple[tuple[int, Position], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListTemplate:
    """A list, built anew at each execution."""

    items: tuple[Template, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class MapTemplate:
    """A map, built anew at each execution, in document order. A key is a Constant (a string) or Evaluated."""

    entries: tuple[tuple[Constant | Evaluated, Template], ...]
    position: Position


Template: TypeAlias = Constant | Evaluated | ListTemplate | MapTemplate


@dataclass(frozen=True, slots=True)
class Target:
    """The left side of an assignment: a variable, and the path to an element. `path` holds an expression for each
    `[…]` and a Literal string for each `.name`."""

    name: str
    path: tuple[Expression, ...]
    text: str
    position: Position


# -- steps ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Jump:
    """`next: TARGET`. `end`, `break` and `continue` are targets too."""

    target: str
    position: Position


@dataclass(frozen=True, slots=True)
class Assignment:
    """One entry of an `assign` step."""

    target: Target
    value: Template
    position: Position


@dataclass(frozen=True, slots=True)
class Assign:
    """`assign: […]`."""

    entries: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Arguments:
    """`args`: exactly one of the three, or none of them (no `args`). `places`: where the names of `named` stand."""

    named: tuple[tuple[str, Template], ...] | None = None
    positional: tuple[Template, ...] | None = None
    dynamic: Evaluated | None = None
    position: Position | None = None
    places: tuple[Position, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """`call: FUNCTION`, with `args` and `result`."""

    function: str
    function_position: Position
    arguments: Arguments
    result: Target | None


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of a `switch`. `body` is None when it has only a condition and perhaps a `next`."""

    condition: Template
    body: Body | None
    next: Jump | None
    position: Position


@dataclass(frozen=True, slots=True)
class Switch:
    """`switch: […]`."""

    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`range: [a, b]` (two templates), or one expression that gives a list of two."""

    bounds: tuple[Template, Template] | Evaluated
    position: Position


@dataclass(frozen=True, slots=True)
class For:
    """`for`: `over` is the template of `in`, or a Range. `block` is a number of its own in the source."""

    block: int
    value: str
    value_position: Position
    index: str | None
    over: Template | Range
    steps: tuple[Step, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Branch:
    """One named branch of a `parallel` step."""

    block: int
    name: str
    steps: tuple[Step, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Parallel:
    """`parallel`: `branches`, or one For whose iterations run side by side."""

    shared: tuple[tuple[str, Position], ...]
    concurrency_limit: Template | None
    work: tuple[Branch, ...] | For


@dataclass(frozen=True, slots=True)
class RetryBlock:
    """`retry` with its fields. `initial_delay`, `max_delay`, `multiplier` are None where `backoff` is left out."""

    predicate: Template
    max_retries: Template
    initial_delay: Template | None
    max_delay: Template | None
    multiplier: Template | None
    position: Position


@dataclass(frozen=True, slots=True)
class Except:
    """`except`: `name` is the variable of `as`, if there is one."""

    block: int
    name: str | None
    steps: tuple[Step, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Try:
    """`try` with `retry` and `except`. `retry` is a RetryBlock, or an expression that gives a policy."""

    body: Body
    retry: RetryBlock | Evaluated | None
    handler: Except | None


@dataclass(frozen=True, slots=True)
class Raise:
    """`raise: VALUE`."""

    value: Template


@dataclass(frozen=True, slots=True)
class Return:
    """`return: VALUE`."""

    value: Template


@dataclass(frozen=True, slots=True)
class Group:
    """`steps: […]` within a step, a case or a `try`: no scope of its own."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Goto:
    """A step of nothing but `next`."""


Body: TypeAlias = Assign | Call | Switch | For | Parallel | Try | Raise | Return | Group | Goto


@dataclass(frozen=True, slots=True)
class Step:
    """A named step. `position` is that of its name."""

    name: str
    body: Body
    next: Jump | None
    position: Position


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a routine; without `default` it is required."""

    name: str
    default: Template | None
    position: Position


@dataclass(frozen=True, slots=True)
class Routine:
    """`main` or a subworkflow."""

    block: int
    name: str
    parameters: tuple[Parameter, ...]
    steps: tuple[Step, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Program:
    """A whole definition. `main` is in it."""

    routines: tuple[Routine, ...]

    def routine(self, name: str) -> Routine | None:
        """The routine of this name."""
        return next((routine for routine in self.routines if routine.name == name), None)
