"""Runs a plan: events in, commands out.

The machine is fed the journal's events, one after the other. Each is handled until nothing can go on any more: every
branch waits for an answer, or the execution is over. Branches that can run do so in a fixed order, each until it waits
or ends; where a slice of work was used up, the same branch goes on in the next slice. So the order of everything that
happens follows from the journal alone: the same events give the same commands, under the same call ids.

    machine = Machine(plan, limits=RunLimits())
    machine.feed(stamped)              # appended to the journal before
    while not machine.advance(1_000):  # in slices, so that the caller stays responsive
        ...
    for command in machine.take_commands():
        ...                            # carry it out; its answer comes back as an event

After a crash `resume` folds the journal. What was asked for and has no answer is in `waiting`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, assert_never

from hakobune.core.errors import CorruptJournal
from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.branches import HALT, Branch, Fork, Halt, Halted, Raised, Recorder, Thread
from hakobune.core.workflows.effects import CallbackRequest, HttpResponse
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    CancelRequested,
    Command,
    Event,
    Expired,
    Moved,
    Stamped,
    Started,
)
from hakobune.core.workflows.failures import Failure, resource_limit, timeout_error
from hakobune.core.workflows.forks import Forks
from hakobune.core.workflows.frames import RunFrame
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.memory import Memory
from hakobune.core.workflows.model import CurrentStep, StepCounts
from hakobune.core.workflows.open_calls import OpenCalls, is_poll
from hakobune.core.workflows.outcomes import Cancelled, Failed, Outcome, Succeeded, result_text
from hakobune.core.workflows.raising import describe, trace
from hakobune.core.workflows.values import measured_size
from hakobune.core.workflows.world import Callback, World

__all__ = ["Cancelled", "Failed", "Machine", "Outcome", "Succeeded", "resume"]

_READ_NS: Final = 45  # of work for each byte of an answer, which may be JSON; measured
_CONTAINER_NS: Final = 250  # for each list or map in it; measured


class Machine:
    """One execution."""

    def __init__(self, plan: Plan, *, limits: RunLimits, recorder: Recorder | None = None) -> None:
        self.outcome: Outcome | None = None
        self._plan = plan
        self._limits = limits
        self._recorder = recorder
        self._world = World()
        self._meter = self._world.meter
        self._memory = Memory(limits, self._frames, self._meter)
        self._inbox: deque[Stamped] = deque()
        self._is_started = False
        self._ready: deque[Branch] = deque()
        self._alive: dict[str, Branch] = {}
        self._forks = Forks(limits)
        self._calls = OpenCalls(limits, self._world.callbacks)
        self._steps = 0
        self._last_steps: tuple[CurrentStep, ...] = ()

    # -- what the runtime sees ----------------------------------------------------------------------------------

    def feed(self, stamped: Stamped) -> None:
        """An event happened. It is handled by `advance`, after those that were fed before."""
        self._inbox.append(stamped)

    def advance(self, budget_steps: int) -> bool:
        """Go on for at most so many steps, or as many as the meter allows: a slice may end between the ops of one step.
        True: there is nothing more to do until the next event.

        Raises CorruptJournal where an event cannot belong to this execution.
        """
        self._meter.begin_slice()
        while self.outcome is None:
            if self._ready:
                if budget_steps <= 0 or self._meter.is_used_up:
                    return False
                budget_steps -= self._run(self._ready.popleft(), budget_steps)
            elif self._inbox:
                self._handle(self._inbox.popleft())
            else:
                return True
        self._inbox.clear()
        return True

    @property
    def slice_ns(self) -> int:
        """The work of the last slice, beside its steps."""
        return self._meter.slice_ns

    def take_commands(self) -> list[Command]:
        """What is to be carried out, as far as it was not taken yet."""
        return self._calls.take_commands()

    @property
    def waiting(self) -> Mapping[CallId, Command]:
        """What was asked for and has no answer."""
        return self._calls.waiting

    @property
    def callbacks(self) -> Mapping[str, Callback]:
        """The callback endpoints of the execution, by id."""
        return self._world.callbacks

    @property
    def current_steps(self) -> tuple[CurrentStep, ...]:
        """The steps being executed, one for each branch; those executed last, once the execution is over."""
        if self.outcome is not None:
            return self._last_steps
        return self._standing()

    @property
    def steps(self) -> StepCounts:
        """The steps executed so far. Source: Workflows pricing page (internal and external steps)."""
        return StepCounts(internal=self._steps - self._calls.external, external=self._calls.external)

    # -- events -------------------------------------------------------------------------------------------------

    def _handle(self, stamped: Stamped) -> None:
        event: Event = stamped.event
        if isinstance(event, Started) == self._is_started:
            raise CorruptJournal("a journal begins with Started, and has it once")
        self._world.begin(stamped)
        if self._recorder is not None:
            self._recorder.happened(stamped)
        match event:
            case Started():
                self._start(event)
            case Answered():
                self._wake(self._calls.answered(event))
            case CallbackArrived():
                self._wake(self._calls.called_back(event))
            case CancelRequested():
                self._end(Cancelled())
            case Expired():
                self._fail_at(self._root(), timeout_error("the execution lasted longer than it may"))
            case Moved():
                pass  # the world took note
            case _:
                assert_never(event)

    def _start(self, event: Started) -> None:
        self._is_started = True
        main = self._plan.main
        frame = RunFrame(main.shape, self._world)
        if main.parameters and (event.argument is not None or main.parameters[0] in main.required):
            frame.slots[0] = event.argument
        root = self._branch("0", frame, main.entry.address)
        self._alive[root.path] = root
        self._ready.append(root)
        self._memory_opened(root)

    def _branch(self, path: str, frame: RunFrame, entry: int) -> Branch:
        return Branch(path, frame, entry, self._memory, self._limits, self._recorder)

    def _memory_opened(self, branch: Branch) -> None:
        try:
            self._memory.open(branch.frame)
        except Failure as failure:
            self._fail_at(branch, failure)

    def _root(self) -> Branch:
        return self._alive["0"]

    def _wake(self, branch: Branch | None) -> None:
        if branch is not None:
            self._ready.append(branch)

    # -- running ------------------------------------------------------------------------------------------------

    def _run(self, branch: Branch, budget: int) -> int:
        """Run a branch until it stops, or to the beginning of the step after the last one of the budget, or until the
        work of the slice is done.

        Gives the number of steps executed. Two loops: the first one counts; when the budget is used up, the second one
        goes on to where the next step begins. An op that noted in the branch why it stops is always followed by the
        last op of the plan, whose address is HALT.
        """
        ops, counts, marks = self._plan.ops, self._plan.counts, self._plan.marks
        recorder, meter = self._recorder, self._meter
        is_over = False
        budget = left = min(budget, self._limits.steps - self._steps)
        pc = branch.pc
        while True:
            try:
                if branch.halt is not None:
                    pc = self._settle(branch, branch.halt)
                if recorder is None:
                    while left > 0 and not is_over:
                        left -= counts[pc]
                        pc = ops[pc](branch)
                        if meter.op_ns:
                            is_over = meter.op_ended() and pc != HALT
                    while not counts[pc] and not is_over:
                        pc = ops[pc](branch)
                        if meter.op_ns:
                            is_over = meter.op_ended() and pc != HALT
                else:
                    while (left > 0 or not counts[pc]) and not is_over:
                        left -= counts[pc]
                        mark = marks[pc]
                        if mark is not None:
                            recorder.begin(branch, mark)
                        pc = ops[pc](branch)
                        if meter.op_ns:
                            is_over = meter.op_ended() and pc != HALT
                if not left and counts[pc] and self._steps + budget >= self._limits.steps:
                    raise resource_limit(f"more than {self._limits.steps} steps were executed")
                branch.pc = pc
                self._ready.appendleft(branch)
                break
            except Halted:
                if branch.halt is None:
                    break
                pc = branch.pc
            except Failure as failure:
                branch.pc = pc
                pc = branch.unwind(self._raised(branch, pc, failure))
                is_over = meter.op_ended() and pc != HALT
        self._steps += budget - left
        return budget - left

    def _settle(self, branch: Branch, halt: Halt) -> int:
        """Do what the branch stopped for. Gives where it goes on, or HALT: it waits, or is over.

        Raises Failure (the error of a procedure, or a result that cannot be one).
        """
        branch.halt = None
        match halt:
            case Halt.WAIT:
                return self._drive(branch)
            case Halt.FORK:
                return self._fork(branch)
            case Halt.END:
                if branch.origin is None:
                    result = result_text(branch.take_value(), self._limits.result_bytes)
                    self._thread_ended(branch, None)
                    self._end(Succeeded(result=result))
                else:
                    self._thread_ended(branch, None)
                return HALT
            case Halt.FAIL:
                self._thread_ended(branch, branch.take_raised())
                return HALT
            case _:
                assert_never(halt)

    def _drive(self, branch: Branch) -> int:
        """Let a procedure go on with its answer, to its next effect or to its end."""
        procedure = branch.procedure
        assert procedure is not None
        answer, branch.answer = branch.answer, None
        if isinstance(answer, HttpResponse | CallbackRequest):
            containers = answer.body.count(b"[") + answer.body.count(b"{")
            self._meter.note(len(answer.body) * _READ_NS + containers * _CONTAINER_NS)
        while True:
            try:
                effect = next(procedure) if answer is None else procedure.send(answer)
                branch.requests += 1
                self._steps += is_poll(effect, branch.requests)
                answer = self._calls.ask(branch, effect, self._plan.sources[branch.pc])
            except StopIteration as stop:
                branch.procedure = None
                branch.value = stop.value
                return branch.pc + 1
            except Failure:
                branch.procedure = None
                raise
            if answer is None:
                return HALT

    # -- branches -----------------------------------------------------------------------------------------------

    def _fork(self, branch: Branch) -> int:
        """Begin a `parallel` step. The branch itself does not count as running while it waits for its threads."""
        fork = branch.fork
        assert fork is not None
        if fork.width == 0:
            return branch.pc
        self._forks.begin(fork)
        self._start_threads()
        return HALT

    def _start_threads(self) -> None:
        while self.outcome is None and (begun := self._forks.next_thread()) is not None:
            self._start_thread(*begun)

    def _start_thread(self, fork: Fork, index: int, thread: Thread) -> None:
        parent = fork.parent
        frame = RunFrame(thread.shape, self._world, parent.frame)
        for slot, value in thread.values:
            frame.slots[slot] = value
        branch = self._branch(f"{fork.path}.{index}", frame, thread.entry)
        branch.depth = parent.depth + 1
        branch.calls_outside = parent.calls_outside + len(parent.calls)
        branch.index = index
        branch.id = thread.id
        branch.origin = fork
        self._alive[branch.path] = branch
        self._ready.append(branch)
        if self._recorder is not None:
            self._recorder.begin(branch, thread.mark, index + 1, fork.width)
        self._memory_opened(branch)

    def _thread_ended(self, branch: Branch, raised: Raised | None) -> None:
        """A branch is over, with an error or without."""
        fork = branch.origin
        if raised is not None and (fork is None or not raised.is_catchable):
            self._fail(branch, raised)
            return
        if self._recorder is not None:
            self._recorder.ended(branch, raised)
        if fork is None:
            return
        del self._alive[branch.path]
        try:
            is_last = self._forks.ended(fork, branch, raised)
        except Failure as failure:
            self._fail_at(branch, failure)
            return
        if is_last:
            self._ready.append(fork.parent)
        self._start_threads()

    # -- errors and the end -------------------------------------------------------------------------------------

    def _raised(self, branch: Branch, pc: int, failure: Failure) -> Raised:
        """An error outlives the variables that it was made of: it is bounded as a result is."""
        if measured_size(failure.value) > self._limits.result_bytes:
            failure = resource_limit(f"an error is larger than {self._limits.result_bytes} bytes")
        frames = tuple(trace(branch, pc, self._plan.sources))
        return Raised(value=failure.value, trace=frames, is_catchable=failure.is_catchable)

    def _fail_at(self, branch: Branch, failure: Failure) -> None:
        self._fail(branch, self._raised(branch, branch.pc, failure))

    def _fail(self, branch: Branch, raised: Raised) -> None:
        if self._recorder is not None:
            self._recorder.ended(branch, raised)
        self._end(Failed(error=describe(raised)))

    def _end(self, outcome: Outcome) -> None:
        self._last_steps = self._standing()
        self.outcome = outcome
        if self._recorder is not None:
            self._recorder.finished()
        self._calls.clear()
        self._alive.clear()
        self._ready.clear()

    def _standing(self) -> tuple[CurrentStep, ...]:
        """Where each branch is that does not wait for branches of its own."""
        standing: list[CurrentStep] = []
        for branch in self._alive.values():
            if branch.fork is None:
                frame = next(trace(branch, branch.pc, self._plan.sources), None)
                if frame is not None:
                    standing.append(CurrentStep(routine=frame.routine, step=frame.step))
        return tuple(standing)

    def _frames(self) -> Iterator[RunFrame]:
        """All frames that are alive, for the measuring of their variables."""
        return chain.from_iterable(
            (branch.frame, *(call.frame for call in branch.calls)) for branch in self._alive.values()
        )


def resume(plan: Plan, journal: Iterable[Stamped], limits: RunLimits, recorder: Recorder | None = None) -> Machine:
    """The machine of an execution, as its journal has it. What is to be done again is in its `waiting`.

    Raises CorruptJournal where the journal does not fit the plan.
    """
    machine = Machine(plan, limits=limits, recorder=recorder)
    for stamped in journal:
        machine.feed(stamped)
        while not machine.advance(limits.steps):
            pass
    machine.take_commands()
    return machine
