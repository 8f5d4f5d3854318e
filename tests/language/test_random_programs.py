"""Random programs, killed at random moments: the end is the one of a life without kills.

Unlike the exploration of the cases, the world goes on here while nobody runs: answers are lost and calls are repeated,
the clock jumps, and answers come in another order than in the life without kills.
"""

from __future__ import annotations

import hashlib
import heapq
import os
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import programs
from runner import START_S

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.effects import Answer, Done, Effect, HttpRequest, HttpResponse, NoResponse, Trouble, Wait
from hakobune.core.workflows.events import Answered, CallId, Command, Stamped, Started
from hakobune.core.workflows.journal import decode, encode
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import Machine, Outcome, Succeeded, resume
from hakobune.core.workflows.model import StepCounts
from hakobune.core.workflows.plan import Plan

EXAMPLES = 3_000 if os.environ.get("HAKOBUNE_SOAK") else 60
LIMITS = RunLimits(steps=20_000)
ENDS_MAX = 20_000  # events of one life; a program that needs more would never end


def number(*parts: object) -> int:
    """Some number that follows from the parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def answer(call: CallId, effect: Effect) -> Answer:
    """What the world says to a call: always the same under the same id, an error for every third request."""
    if not isinstance(effect, HttpRequest):
        return Done()
    die = number(call)
    if die % 9 == 0:
        return NoResponse(trouble=Trouble.CONNECTION_FAILED, detail="refused")
    return HttpResponse(
        code=503 if die % 9 in (1, 2) else 200,
        headers=(("Content-Type", "application/json"),),
        body=str(number(effect.url) % 10).encode(),
    )


@dataclass(slots=True)
class Life:
    """An execution with kills. `kills`: how many rows are written before each; the phase follows from the number."""

    plan: Plan
    kills: list[int]
    journal: list[bytes] = field(default_factory=list)
    performed: dict[CallId, list[Effect]] = field(default_factory=dict)
    now_s: float = START_S
    pending: list[tuple[float, int, CallId]] = field(default_factory=list)

    def live(self) -> tuple[Outcome, StepCounts]:
        """The end, and the steps that it took."""
        machine = Machine(self.plan, limits=LIMITS)
        event = Started(argument=None, environment={}, execution="e", base_url="")
        self._happens(machine, Stamped(event=event, at_s=self.now_s, seed=1))
        left = list(self.kills)
        rows = 0
        while machine.outcome is None:
            assert len(self.journal) < ENDS_MAX
            rows += 1
            if left and rows > left[0]:
                rows = 0
                machine = self._die(lag_s=left.pop(0) * 3.5)
                continue
            at_s, _, call = heapq.heappop(self.pending)
            self.now_s = max(self.now_s, at_s)
            event = Answered(call=call, answer=answer(call, self.performed[call][0]))
            self._happens(machine, Stamped(event=event, at_s=self.now_s, seed=number(rows)))
        return machine.outcome, machine.steps

    def _happens(self, machine: Machine, stamped: Stamped) -> None:
        self.journal.append(encode(stamped))
        machine.feed(stamped)
        while not machine.advance(3):
            pass
        for command in machine.take_commands():
            self._perform(command)

    def _die(self, *, lag_s: float) -> Machine:
        """Nothing but the journal is left; all that has no answer is done again."""
        self.now_s += lag_s
        self.pending.clear()
        machine = resume(self.plan, [decode(row) for row in self.journal], LIMITS)
        for command in machine.waiting.values():
            self._perform(command)
        return machine

    def _perform(self, command: Command) -> None:
        known = self.performed.setdefault(command.call, [])
        known.append(command.effect)
        took_s = number(command.call, len(known)) % 40 / 8
        at_s = command.effect.until_s if isinstance(command.effect, Wait) else self.now_s + took_s
        heapq.heappush(self.pending, (at_s, number(command.call, len(known), "order"), command.call))


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), print_blob=True)
@given(source=programs(), kills=st.lists(st.integers(0, 12), max_size=6))
def test_given_kills_at_random_moments_when_a_random_program_runs_then_it_ends_as_without_them(
    source: str, kills: list[int]
) -> None:
    plan = compile_source(source)
    quiet, killed = Life(plan, []), Life(plan, kills)
    outcome, steps = quiet.live()
    assert killed.live() == (outcome, steps)
    # A call id is never used for another effect, and no call is made that a life without kills does not make.
    for call, effects in killed.performed.items():
        assert all(effect == effects[0] for effect in effects), call
    assert killed.performed.keys() == quiet.performed.keys()
    assert all(len(effects) == 1 for effects in quiet.performed.values())
    # The journal alone tells the end again.
    assert resume(plan, [decode(row) for row in killed.journal], LIMITS).outcome == outcome


@settings(max_examples=EXAMPLES // 3, suppress_health_check=list(HealthCheck), print_blob=True)
@given(source=programs())
def test_given_a_random_program_when_killed_after_every_row_then_each_beginning_of_its_journal_leads_to_its_end(
    source: str,
) -> None:
    plan = compile_source(source)
    life = Life(plan, [])
    outcome, _ = life.live()
    events = [decode(row) for row in life.journal]
    for point in range(1, len(events) + 1, 1 + len(events) // 25):
        machine = resume(plan, events[:point], LIMITS)
        answered = {event.event.call for event in events[:point] if isinstance(event.event, Answered)}
        assert not machine.waiting.keys() & answered
        for event in events[point:]:
            machine.feed(event)
            while not machine.advance(1):
                pass
        assert machine.outcome == outcome


def test_given_the_programs_then_they_wait_fork_fail_and_succeed() -> None:
    """What is drawn is worth running: all kinds are among a few dozen of them."""
    seen: set[str] = set()

    @settings(max_examples=80, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(source=programs())
    def look(source: str) -> None:
        life = Life(compile_source(source), [])
        outcome, _ = life.live()
        seen.add("succeeded" if isinstance(outcome, Succeeded) else "failed")
        seen.update(type(effects[0]).__name__ for effects in life.performed.values())
        seen.update("branch" for call in life.performed if "." in call)

    look()
    assert seen >= {"succeeded", "failed", "HttpRequest", "Wait", "WriteLog", "branch"}
