"""Every case again, with a crash after every row of its journal.

What a crash leaves is the journal. From each beginning of it an execution is resumed: it asks again for what has no
answer, under the same call ids and with the same effects, and with the rest of what happened it comes to the same end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from runner import Case, play, runnable_cases

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.events import Answered, Command, Stamped
from hakobune.core.workflows.history import History, StepState, fold_history
from hakobune.core.workflows.journal import decode, encode
from hakobune.core.workflows.machine import Machine, resume
from hakobune.core.workflows.model import HistoryLevel

CASES = runnable_cases()
# Two cases execute 100,000 steps: their histories say nothing that the others do not, and take a second each.
WATCHED = [case for case in CASES if case.id not in ("memory_limits/steps", "memory_limits/too-many-steps")]


def go_on(machine: Machine, events: Iterable[Stamped], *, budget_steps: int) -> list[Command]:
    """Feed what happened, and give all that was asked for."""
    commands: list[Command] = []
    for event in events:
        machine.feed(event)
        while not machine.advance(budget_steps):
            pass
        commands += machine.take_commands()
    return commands


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_given_a_crash_after_any_row_when_resumed_then_only_unanswered_calls_are_repeated_and_the_end_is_the_same(
    case: Case,
) -> None:
    plan = compile_source(case.source, strictness=case.strictness)
    run = play(case, plan)
    events = [decode(row) for row in run.journal]
    assert [encode(event) for event in events] == run.journal
    for point in range(1, len(events) + 1):
        machine = resume(plan, events[:point], case.limits)
        assert machine.waiting == run.waiting[point - 1], f"resumed after row {point}"
        # Slices of one step and slices without an end come to the same.
        later = go_on(machine, events[point:], budget_steps=1 if point % 2 else 10**6)
        assert later == [command for at, command in run.issued if at > point], f"resumed after row {point}"
        assert machine.outcome == run.outcome
        assert machine.steps == run.steps
        assert [callback.method for callback in machine.callbacks.values()] == run.callbacks


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_given_answers_that_come_twice_when_run_then_the_second_one_changes_nothing(case: Case) -> None:
    """A call that was repeated after a crash may be answered twice: nobody waits for the second answer."""
    plan = compile_source(case.source, strictness=case.strictness)
    run = play(case, plan)
    doubled: list[Stamped] = []
    for row in run.journal:
        event = decode(row)
        doubled += [event, event] if isinstance(event.event, Answered) else [event]
    machine = Machine(plan, limits=case.limits)
    commands = go_on(machine, doubled, budget_steps=10**6)
    assert [command.call for command in commands] == [command.call for _, command in run.issued]
    assert type(machine.outcome) is type(run.outcome)
    assert machine.steps == run.steps


@pytest.mark.parametrize("case", WATCHED, ids=[case.id for case in WATCHED])
def test_given_somebody_who_watches_when_run_then_nothing_differs_and_what_the_history_showed_once_stays(
    case: Case,
) -> None:
    plan = compile_source(case.source, strictness=case.strictness)
    run = play(case, plan)
    events = [decode(row) for row in run.journal]
    watched = Machine(plan, limits=case.limits, recorder=History(HistoryLevel.DETAILED))
    assert go_on(watched, events, budget_steps=7) == [command for _, command in run.issued]
    assert (watched.outcome, watched.steps) == (run.outcome, run.steps)
    entries = fold_history(plan, events, HistoryLevel.DETAILED, case.limits)
    assert all(entry.state is not StepState.IN_PROGRESS for entry in entries)
    whole = {entry.entry_id: (entry.create_s, entry.routine, entry.step, entry.type) for entry in entries}
    assert len(whole) == len(entries)
    for point in range(1, len(events)):
        for entry in fold_history(plan, events[:point], HistoryLevel.BASIC, case.limits):
            assert whole[entry.entry_id] == (entry.create_s, entry.routine, entry.step, entry.type)


def test_given_the_cases_then_call_ids_are_used_once_and_every_kind_of_event_and_of_waiting_is_explored() -> None:
    kinds: set[str] = set()
    rows = 0
    for case in CASES:
        run = play(case)
        calls = [command.call for _, command in run.issued]
        assert len(calls) == len(set(calls)), case.id
        kinds |= {type(command.effect).__name__ for _, command in run.issued}
        kinds |= {json.loads(row)["event"] for row in run.journal}
        rows += len(run.journal)
    assert kinds >= {"HttpRequest", "Wait", "WriteLog", "AwaitCallback"}
    assert kinds >= {"started", "answered", "callbackArrived", "cancelRequested", "expired", "moved"}
    assert rows >= 1_000
