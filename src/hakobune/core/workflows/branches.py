"""What a run consists of: branches, each with its stack of calls and guards.

A *branch* is one thread of an execution: the execution itself, a branch or an iteration of a `parallel` step. It holds
the address of its next op, the frame of the routine that it is in, the calls to come back from, and the *guards*: the
`try` steps that it is inside, innermost last. All of that is data; nothing of a run lives on Python's stack.

An op of a plan is a function of the branch. It gives the address of the next op, or HALT after it noted in the branch
why the branch cannot go on by itself; the machine does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol, TypeAlias

from hakobune.core.workflows.effects import Answer, Procedure
from hakobune.core.workflows.events import Stamped
from hakobune.core.workflows.failures import failure
from hakobune.core.workflows.frames import FrameShape, RunFrame, forget
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.marks import Mark
from hakobune.core.workflows.memory import Memory
from hakobune.core.workflows.model import StackFrame
from hakobune.core.workflows.values import Value

HALT: Final = -1  # the address of the last op of every plan, which raises Halted


class Halted(Exception):
    """The op before this one noted in its branch why it stops."""


@dataclass(frozen=True, slots=True, eq=False)
class Return:
    """Where to go on after a call: the caller's frame, its guards, the op to go to, and the op that called."""

    frame: RunFrame
    guards: int
    back: int
    site: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An error that a step met: its value, and where, innermost first."""

    value: Value
    trace: tuple[StackFrame, ...]
    is_catchable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and when a `try` is tried again. Delays in seconds."""

    predicate: str
    max_retries: int
    initial_delay_s: float
    max_delay_s: float
    multiplier: float

    def delay_s(self, retry: int) -> float:
        """The wait before retry number `retry` (from 1): initial × multiplier^(retry-1), at most max_delay."""
        try:
            delay_s = self.initial_delay_s * self.multiplier ** (retry - 1)
        except OverflowError:
            return self.max_delay_s if self.initial_delay_s else 0.0
        return min(delay_s, self.max_delay_s)


class GuardMode(Enum):
    """What a guard is doing, and so whose error it meets."""

    BODY = "body"  # the protected steps run
    POLICY = "policy"  # the values of `retry` are evaluated: an error there takes the place of the first
    PREDICATE = "predicate"  # the predicate is asked: an error there is dropped, and the first one stands


@dataclass(frozen=True, slots=True, eq=False)
class TryPlan:
    """The addresses of a `try`. `left` are the slots of the loops and `except` blocks within its body, whose mark is
    `mark`; `loops` are these loops."""

    handler: int | None
    decide: int | None
    left: tuple[int, ...]
    loops: range
    mark: Mark


@dataclass(slots=True, eq=False)
class Guard:
    """A `try` that a branch is inside."""

    plan: TryPlan
    frame: RunFrame
    calls: int
    mode: GuardMode = GuardMode.BODY
    retries: int = 0
    policy: Policy | None = None
    raised: Raised | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Thread:
    """One branch or iteration that is to be started: its name in errors, where it begins, and its own values."""

    id: str
    entry: int
    shape: FrameShape
    mark: Mark
    values: tuple[tuple[int, Value], ...] = ()


@dataclass(slots=True, eq=False)
class Fork:
    """A `parallel` step under way. `threads` are those that did not begin yet."""

    parent: Branch
    path: str
    threads: Iterator[Thread]
    width: int  # how many there are in all
    limit: int  # how many may run at once
    started: int = 0
    running: int = 0
    errors: list[tuple[int, str, Raised]] = field(default_factory=list[tuple[int, str, Raised]])


class Halt(Enum):
    """Why a branch stopped."""

    WAIT = "wait"  # `procedure` has to be driven
    FORK = "fork"  # `fork` has to be started
    END = "end"  # `value` is its result
    FAIL = "fail"  # `raised` was not handled


class Recorder(Protocol):
    """Somebody who watches a run. Where there is none, a run does no work for it."""

    def happened(self, stamped: Stamped) -> None:
        """An event is about to be handled: all that follows has its instant."""
        ...

    def begin(self, branch: Branch, mark: Mark, number: int = 0, expected: int = 0) -> None:
        """The branch enters a step or a block; `number` of `expected` where blocks are numbered (0: count them)."""
        ...

    def called(self, branch: Branch, callee: str, given: list[Value] | dict[str, Value]) -> None:
        """The `call` step that the branch is in calls this, with arguments by position or by name."""
        ...

    def answered(self, branch: Branch, value: Value) -> None:
        """The call of the step gave a value."""
        ...

    def expect(self, branch: Branch, number: int) -> None:
        """The step that the branch is in will have so many iterations or branches."""
        ...

    def left(self, branch: Branch, mark: Mark) -> None:
        """A block of the branch is done without an error; its variables still have their values."""
        ...

    def returned(self, branch: Branch) -> None:
        """The branch came back from a call."""
        ...

    def caught(self, branch: Branch, raised: Raised) -> None:
        """The innermost guard of the branch got an error; frame and calls of the branch are the guard's again."""
        ...

    def ended(self, branch: Branch, raised: Raised | None) -> None:
        """The branch is over."""
        ...

    def finished(self) -> None:
        """The execution is over, and with it whatever is still open."""
        ...


@dataclass(slots=True, eq=False)
class Branch:
    """One thread of an execution. `depth` counts the `parallel` steps, `calls_outside` the calls around it."""

    path: str
    frame: RunFrame
    pc: int
    memory: Memory
    limits: RunLimits
    recorder: Recorder | None
    depth: int = 0
    calls_outside: int = 0
    index: int = 0  # among the threads of its fork
    id: str = ""
    origin: Fork | None = None  # of which fork it is a thread
    calls: list[Return] = field(default_factory=list[Return])
    guards: list[Guard] = field(default_factory=list[Guard])
    value: Value = None  # what the last call gave
    raised: Raised | None = None  # the error that a handler is to bind, or that ended the branch
    halt: Halt | None = None
    procedure: Procedure | None = None
    answer: Answer | None = None
    fork: Fork | None = None  # the `parallel` step that it waits for
    requests: int = 0  # how many effects its procedure asked for
    sequence: int = 0  # of its call ids
    forks: int = 0  # how many `parallel` steps it began

    def enter(self, entry: int, frame: RunFrame, back: int, site: int) -> int:
        """Call a routine. Raises Failure (RecursionError) where calls are too deep."""
        if self.calls_outside + len(self.calls) + 1 >= self.limits.call_depth:
            raise failure(
                ["RecursionError"],
                f"RecursionError: the call stack is deeper than {self.limits.call_depth} calls",
            )
        self.calls.append(Return(self.frame, len(self.guards), back, site))
        self.frame = frame
        return entry

    def leave(self, value: Value, site: int) -> int:
        """Come back from a routine with its value; from the outermost one the branch ends."""
        self.value = value
        if not self.calls:
            self.pc = site
            self.halt = Halt.END
            return HALT
        call = self.calls.pop()
        del self.guards[call.guards :]
        self.frame = call.frame
        if self.recorder is not None:
            self.recorder.returned(self)
        return call.back

    def wait(self, procedure: Procedure, site: int) -> int:
        """Let the machine drive a procedure; the branch goes on at the op after `site` with its value."""
        self.procedure = procedure
        self.requests = 0
        self.pc = site
        self.halt = Halt.WAIT
        return HALT

    def unwind(self, raised: Raised) -> int:
        """Where an error goes: to the innermost guard that takes it, else the branch fails."""
        while self.guards and raised.is_catchable:
            guard = self.guards[-1]
            self.frame = guard.frame
            del self.calls[guard.calls :]
            for at in guard.plan.loops:
                guard.frame.end_loop(at)
            if self.recorder is not None:
                self.recorder.caught(self, raised)
            if guard.mode is GuardMode.BODY and guard.plan.decide is not None:
                guard.raised = raised
                return guard.plan.decide
            if guard.mode is GuardMode.PREDICATE and guard.raised is not None:
                raised = guard.raised
            self.guards.pop()
            if guard.plan.handler is not None:
                forget(guard.frame, guard.plan.left)
                self.raised = raised
                return guard.plan.handler
        self.raised = raised
        self.halt = Halt.FAIL
        return HALT

    def give_up(self) -> int:
        """The innermost guard tries no more: its error goes to its handler, or outwards."""
        guard = self.guards[-1]
        guard.mode = GuardMode.PREDICATE
        assert guard.raised is not None
        return self.unwind(guard.raised)

    def take_raised(self) -> Raised:
        """The error that is being handled."""
        raised, self.raised = self.raised, None
        assert raised is not None
        return raised

    def take_value(self) -> Value:
        """What the last call gave; it is not kept."""
        value, self.value = self.value, None
        return value


Op: TypeAlias = Callable[[Branch], int]
