"""Which variable a name means, and in which slot of which frame it lives.

A *scope* is where names that are assigned for the first time come into being: a routine, the body of a `for`, an
`except` block, a branch or an iteration of a `parallel` step. `steps`, `switch` and `try` open none. A *frame* is what
exists at run time: a routine call has one, and so has each branch and each parallel iteration; the slots of an ordinary
loop or of an `except` block are slots of the frame around it.

One walk in document order declares the names: an assignment means the variable of the nearest scope that has the name
already at that point of the text, else a new one in the innermost scope. Once the walk is over the order no longer
matters: the nearest scope that has the name is the one that the assignment meant, because a name never moves outwards,
and a name that an outer scope gets after a block does not reach assignments that made one of their own before.

A `parallel` step is a barrier to writing: only names that its `shared` lists may be written through it. Names that it
lists and that nothing before it assigned come into being around the step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from hakobune.core.workflows.frames import Place
from hakobune.core.workflows.syntax import (
    Assign,
    Body,
    Branch,
    Call,
    For,
    Goto,
    Group,
    Parallel,
    Raise,
    Return,
    Routine,
    Step,
    Switch,
    Target,
    Try,
)


class ScopeKind(StrEnum):
    """What opens a scope."""

    ROUTINE = "routine"
    LOOP = "loop"
    EXCEPT = "except"
    BRANCH = "branch"
    ITERATION = "iteration"  # the body of a parallel `for`


FRAME_KINDS = frozenset({ScopeKind.ROUTINE, ScopeKind.BRANCH, ScopeKind.ITERATION})


@dataclass(frozen=True, slots=True)
class NotShared:
    """A variable of the code around a `parallel` step (`block`) that does not list it in `shared`: it can be read
    inside, not written."""

    name: str
    block: int


@dataclass(slots=True, eq=False)
class _FrameSize:
    """The number of slots that a frame has so far."""

    slots: int = 0


@dataclass(slots=True, eq=False)
class Scope:
    """The names that live and die with one block. `shared` is what a branch or an iteration may write outside."""

    block: int
    kind: ScopeKind
    outer: Scope | None
    frame: _FrameSize
    shared: frozenset[str] = frozenset()
    _slots: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def own_names(self) -> Mapping[str, int]:
        """The names of this very scope, in the order of the text, with their slots in the frame."""
        return self._slots

    def lookup(self, name: str) -> Place | None:
        """The variable that is read by this name here: the nearest one outwards."""
        found = self._find(name)
        return None if found is None else found[0]

    def lookup_for_write(self, name: str) -> Place | NotShared | None:
        """The variable that an assignment to this name means here. None: nothing of this name is visible."""
        found = self._find(name)
        if found is None:
            return None
        place, barrier = found
        return place if barrier is None else NotShared(name, barrier)

    def declare(self, name: str) -> int:
        """The slot of this scope's own variable `name`; a new one if it has none."""
        if name not in self._slots:
            self._slots[name] = self.frame.slots
            self.frame.slots += 1
        return self._slots[name]

    def _find(self, name: str) -> tuple[Place, int | None] | None:
        """The place, and the outermost block on the way whose `shared` does not have the name."""
        level = 0
        barrier: int | None = None
        scope: Scope | None = self
        while scope is not None:
            slot = scope.own_names.get(name)
            if slot is not None:
                return Place(level, slot), barrier
            if scope.kind in FRAME_KINDS:
                level += 1
                if name not in scope.shared:
                    barrier = scope.block
            scope = scope.outer
        return None


class RoutineScopes:
    """All scopes of one routine, by the number of the block that opens them."""

    def __init__(self, routine: Routine) -> None:
        self._scopes: dict[int, Scope] = {}
        root = self._open(routine.block, ScopeKind.ROUTINE, None)
        for parameter in routine.parameters:
            root.declare(parameter.name)
        self._steps(routine.steps, root)

    def scope(self, block: int) -> Scope:
        """The scope that this block opens. Raises KeyError for a block of another routine."""
        return self._scopes[block]

    def frame_size(self, block: int) -> int:
        """How many slots the frame has in which this block's variables live."""
        return self._scopes[block].frame.slots

    def allocate(self, block: int) -> int:
        """A slot without a name in the frame in which this block's variables live."""
        frame = self._scopes[block].frame
        frame.slots += 1
        return frame.slots - 1

    # -- the walk -----------------------------------------------------------------------------------------------

    def _open(self, block: int, kind: ScopeKind, outer: Scope | None, shared: frozenset[str] = frozenset()) -> Scope:
        frame = _FrameSize() if outer is None or kind in FRAME_KINDS else outer.frame
        scope = Scope(block, kind, outer, frame, shared)
        self._scopes[block] = scope
        return scope

    def _steps(self, steps: Sequence[Step], scope: Scope) -> None:
        for step in steps:
            self._body(step.body, scope)

    def _body(self, body: Body, scope: Scope) -> None:
        match body:
            case Assign():
                for entry in body.entries:
                    _assigned(entry.target, scope)
            case Call():
                if body.result is not None:
                    _assigned(body.result, scope)
            case Switch():
                for case in body.cases:
                    if case.body is not None:
                        self._body(case.body, scope)
            case For():
                self._loop(body, ScopeKind.LOOP, scope)
            case Parallel():
                self._parallel(body, scope)
            case Try():
                self._body(body.body, scope)
                if body.handler is not None:
                    inner = self._open(body.handler.block, ScopeKind.EXCEPT, scope)
                    if body.handler.name is not None:
                        inner.declare(body.handler.name)
                    self._steps(body.handler.steps, inner)
            case Group():
                self._steps(body.steps, scope)
            case Raise() | Return() | Goto():
                pass
            case _:
                assert_never(body)

    def _loop(self, loop: For, kind: ScopeKind, outer: Scope, shared: frozenset[str] = frozenset()) -> None:
        scope = self._open(loop.block, kind, outer, shared)
        scope.declare(loop.value)
        if loop.index is not None:
            scope.declare(loop.index)
        self._steps(loop.steps, scope)

    def _parallel(self, parallel: Parallel, scope: Scope) -> None:
        for name, _ in parallel.shared:
            if scope.lookup(name) is None:
                scope.declare(name)
        shared = frozenset(name for name, _ in parallel.shared)
        if isinstance(parallel.work, For):
            self._loop(parallel.work, ScopeKind.ITERATION, scope, shared)
            return
        for branch in parallel.work:
            self._branch(branch, scope, shared)

    def _branch(self, branch: Branch, outer: Scope, shared: frozenset[str]) -> None:
        self._steps(branch.steps, self._open(branch.block, ScopeKind.BRANCH, outer, shared))


def build_scopes(routine: Routine) -> RoutineScopes:
    """All scopes of a routine; never fails: what is not allowed is for `resolve` to see and to say."""
    return RoutineScopes(routine)


def _assigned(target: Target, scope: Scope) -> None:
    """An assignment to a plain name makes the variable, unless one is visible. An element needs its variable."""
    if not target.path and scope.lookup(target.name) is None:
        scope.declare(target.name)
