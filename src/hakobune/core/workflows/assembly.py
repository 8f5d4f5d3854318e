"""Ops with addresses, put together one after the other.

An op knows the address of the op after it, which often is not yet there when the op is written down. So an op is
written down as a *build*: a function that makes it once all labels have their addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from hakobune.core.workflows.branches import Branch, Halted, Op
from hakobune.core.workflows.frames import FrameShape
from hakobune.core.workflows.marks import Mark
from hakobune.core.workflows.model import StackFrame

Build: TypeAlias = Callable[[int], Op]  # given the op's own address


@dataclass(slots=True, eq=False)
class Label:
    """An address that is known once the plan is whole."""

    address: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class RoutinePlan:
    """Where a routine begins, what frame it needs, and its parameters (slots 0, 1, …), with the required ones."""

    name: str
    entry: Label
    shape: FrameShape
    parameters: tuple[str, ...]
    required: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A program as ops. The lists go by address.

    `counts`: the steps that an op begins (0 or 1); `marks`: the step or block that begins there; `sources`: the step
    to which the op belongs. The last op raises Halted.
    """

    ops: tuple[Op, ...]
    counts: tuple[int, ...]
    marks: tuple[Mark | None, ...]
    sources: tuple[StackFrame | None, ...]
    main: RoutinePlan


class Assembler:
    """The ops so far. `source` is the step to which the ops to come belong."""

    def __init__(self) -> None:
        self.source: StackFrame | None = None
        self._builds: list[Build] = []
        self._counts: list[int] = []
        self._marks: list[Mark | None] = []
        self._sources: list[StackFrame | None] = []
        self._next_mark: Mark | None = None
        self._next_count = 0

    def mark(self, mark: Mark, *, is_counted: bool) -> None:
        """The next op begins this step or block; a step that is counted is one of the 100,000."""
        self._next_mark = mark
        self._next_count = int(is_counted)

    def count(self) -> None:
        """The next op counts as a step, without being the beginning of one."""
        self._next_count = 1

    def place(self, label: Label) -> None:
        """The label means the next op."""
        label.address = len(self._builds)

    def emit(self, build: Build) -> None:
        """The next op."""
        self._builds.append(build)
        self._counts.append(self._next_count)
        self._marks.append(self._next_mark)
        self._sources.append(self.source)
        self._next_mark = None
        self._next_count = 0

    def finish(self, main: RoutinePlan) -> Plan:
        """The plan: every label that an op uses must have been placed."""
        ops = [build(address) for address, build in enumerate(self._builds)]
        return Plan(
            ops=(*ops, _halted),
            counts=(*self._counts, 0),
            marks=(*self._marks, None),
            sources=(*self._sources, None),
            main=main,
        )


def _halted(_: Branch) -> NoReturn:
    raise Halted
