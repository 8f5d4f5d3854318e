"""Drives one machine until it ends: its calls and its waits are real, its journal is nowhere.

The server's driver (runtime/workflow_driver.py) commits every event before anything follows from it. Here nothing
outlives the process, so an event only goes through the machine.
"""

from __future__ import annotations

import secrets
from collections import deque

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from hakobune.cli.local_run.progress import Progress
from hakobune.core.errors import NotFound, ResourceExhausted
from hakobune.core.workflows.assembly import Plan
from hakobune.core.workflows.effects import AwaitCallback, CallbackRequest, Done, Wait
from hakobune.core.workflows.events import (
    Answered,
    CallbackArrived,
    CallId,
    Command,
    Event,
    Stamped,
    Started,
)
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Cancelled, Machine, Outcome
from hakobune.core.workflows.model import WorkflowExecution
from hakobune.runtime.clock import Clock
from hakobune.runtime.workflow_driver import Calls
from hakobune.runtime.workflow_slices import SLICE_STEPS


class WrongMethod(NotFound):
    """A callback endpoint was called with another method than its own."""

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This callback takes {allowed} only.")
        self.allowed = allowed


class Loop:
    """One execution. `calls` carries out what is no wait; `progress` is told of all that happens."""

    def __init__(
        self,
        plan: Plan,
        execution: WorkflowExecution,
        calls: Calls,
        clock: Clock,
        limits: RunLimits,
        progress: Progress,
    ) -> None:
        self.machine = Machine(plan, limits=limits, recorder=progress)
        self._execution = execution
        self._calls = calls
        self._clock = clock
        self._progress = progress
        self._inbox: deque[Event] = deque()
        self._arrived = anyio.Event()
        self._running: dict[CallId, anyio.CancelScope] = {}
        self._last_s = 0.0
        self._is_cancelled = False

    async def run(self, started: Started) -> Outcome:
        """From the first event to the outcome."""
        self._inbox.append(started)
        outcome: Outcome | None = None
        async with anyio.create_task_group() as group:
            while (outcome := await self._turn()) is None:
                for command in self.machine.take_commands():
                    self._start(group, command)
                self._stop_answered()
                await self._arrived.wait()
            group.cancel_scope.cancel()
        assert outcome is not None  # the group was left by the way of its last line
        return outcome

    def cancel(self) -> None:
        """End the execution, also in the middle of a loop without an end; what it waits for is given up."""
        self._is_cancelled = True
        self._arrived.set()

    def deliver(self, callback: str, request: CallbackRequest) -> None:
        """A request to a callback endpoint. Raises NotFound (there is none), WrongMethod, ResourceExhausted (a request
        waits there already)."""
        endpoint = self.machine.callbacks.get(callback)
        if endpoint is None or self.machine.outcome is not None:
            raise NotFound(f"Callback '{callback[:80]}' does not exist.")
        if endpoint.method != request.method:
            raise WrongMethod(endpoint.method)
        on_the_way = any(isinstance(event, CallbackArrived) and event.callback == callback for event in self._inbox)
        if endpoint.pending is not None or on_the_way:
            raise ResourceExhausted("A request waits at this callback already: try again when it was taken.")
        self._post(CallbackArrived(callback=callback, request=request))

    # -- one turn -------------------------------------------------------------------------------------------------

    async def _turn(self) -> Outcome | None:
        """Let the machine handle what has arrived. Others get their turn in between: Ctrl-C, for example."""
        self._arrived = anyio.Event()
        while self._inbox and self.machine.outcome is None:
            self.machine.feed(self._stamped(self._inbox.popleft()))
            while not self._is_cancelled and not self.machine.advance(SLICE_STEPS):
                await anyio.lowlevel.checkpoint()
        return Cancelled() if self._is_cancelled else self.machine.outcome

    def _stamped(self, event: Event) -> Stamped:
        """Instants rise, whatever the clock does."""
        self._last_s = max(round(self._clock.now_s(), 6), self._last_s + 0.000_001)
        return Stamped(event=event, at_s=self._last_s, seed=secrets.randbits(64))

    def _post(self, event: Event) -> None:
        self._inbox.append(event)
        self._arrived.set()

    # -- calls and waits ------------------------------------------------------------------------------------------

    def _start(self, group: TaskGroup, command: Command) -> None:
        if command.call in self.machine.waiting:
            scope = anyio.CancelScope()
            self._running[command.call] = scope
            group.start_soon(self._perform, command, scope)

    async def _perform(self, command: Command, scope: anyio.CancelScope) -> None:
        with scope:
            self._progress.asked(command)
            if isinstance(command.effect, Wait | AwaitCallback):
                answered = await self._wait(command.call, command.effect.until_s)
            else:
                answered = await self._calls.perform(self._execution, command)
            self._running.pop(command.call, None)
            self._progress.replied(command, answered.answer)
            self._post(answered)

    async def _wait(self, call: CallId, until_s: float) -> Answered:
        left_s = until_s - self._clock.now_s()
        while left_s > 0:
            await anyio.sleep(left_s)
            left_s = until_s - self._clock.now_s()  # the clock may have been set back
        return Answered(call=call, answer=Done())

    def _stop_answered(self) -> None:
        """What nobody waits for any more is given up."""
        for call in [call for call in self._running if call not in self.machine.waiting]:
            self._running.pop(call).cancel()
