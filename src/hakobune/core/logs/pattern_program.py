"""What a pattern of a log filter becomes: a list of instructions, and the parts that are put together to make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

_INSTRUCTIONS_MAX = 4_000
_ROUNDS_MAX = 8_000  # of counted repetitions


class PatternError(ValueError):
    """The pattern is not one that RE2 would take, or is beyond our bounds. The text says why."""


class Op(IntEnum):
    """What an instruction does; beside it its two arguments."""

    CHARACTER = 0  # (atom, next)
    SPLIT = 1  # (one, other)
    ASSERT = 2  # (assertion, next)
    MATCH = 3


class Assertion(IntEnum):
    """What may be asked of a place between two characters."""

    TEXT_START = 0
    TEXT_END = 1
    LINE_START = 2
    LINE_END = 3
    WORD_EDGE = 4
    NO_WORD_EDGE = 5


Instruction = tuple[Op, int, int]
Node = Callable[["Program", int], int]  # emits a part that goes on at an address; returns where it begins


@dataclass(slots=True)
class Program:
    """The instructions so far. A part is emitted after what follows it."""

    instructions: list[Instruction] = field(default_factory=list[Instruction])
    rounds: int = 0  # of repetitions that were written out: one of nothing adds no instruction

    def next_round(self) -> None:
        """A repeated part is about to be written out once more. Raises PatternError."""
        self.rounds += 1
        if self.rounds > _ROUNDS_MAX:
            raise PatternError("the expression is too large")

    def add(self, op: Op, first: int, second: int) -> int:
        """One more instruction; gives its address. Raises PatternError."""
        if len(self.instructions) >= _INSTRUCTIONS_MAX:
            raise PatternError("the expression is too large")
        self.instructions.append((op, first, second))
        return len(self.instructions) - 1


def nothing(program: Program, after: int) -> int:
    """A part that takes nothing."""
    del program
    return after


def assertion(asked: Assertion) -> Node:
    """A part that asks, and takes nothing."""
    return lambda program, after: program.add(Op.ASSERT, asked, after)


def all_of(parts: list[Node]) -> Node:
    """Parts one after the other."""

    def emit(program: Program, after: int) -> int:
        for part in reversed(parts):
            after = part(program, after)
        return after

    return emit


def any_of(branches: list[Node]) -> Node:
    """One of several parts."""

    def emit(program: Program, after: int) -> int:
        begin = branches[-1](program, after)
        for branch in reversed(branches[:-1]):
            begin = program.add(Op.SPLIT, branch(program, after), begin)
        return begin

    return emit


def repeated(node: Node, low: int, high: int | None) -> Node:
    """A part from `low` to `high` times; None: without end."""

    def emit(program: Program, after: int) -> int:
        if high is None:
            loop = program.add(Op.SPLIT, after, after)
            program.instructions[loop] = (Op.SPLIT, node(program, loop), after)
            after = loop
        else:
            end = after
            for _ in range(high - low):
                program.next_round()
                after = program.add(Op.SPLIT, node(program, after), end)
        for _ in range(low):
            program.next_round()
            after = node(program, after)
        return after

    return emit
