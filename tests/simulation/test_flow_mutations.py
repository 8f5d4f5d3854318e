"""The checkers of workflows can fail: a runtime with a defect is found within a few seeds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from hakobune.core.workflows import journal
from hakobune.core.workflows.effects import HttpRequest
from hakobune.core.workflows.events import CancelRequested, Command, Stamped
from hakobune.runtime import workflow_calls, workflow_driver
from hakobune.runtime.wheel import Turn
from hakobune.runtime.workflow_driver import Driver
from hakobune.runtime.workflow_loading import Folding
from hakobune.runtime.workflow_logs import WorkflowLog
from hakobune.runtime.workflow_mailbox import Letter
from hakobune.runtime.workflow_quota import Beginnings, Quota
from hakobune.runtime.workflow_seats import Seat, Seats
from hakobune.store.sqlite.operations import SqliteOperationsWrite
from hakobune.store.sqlite.workflows import SqliteWorkflowsRead, SqliteWorkflowsWrite
from hakobune.testing import simulator
from hakobune.testing.simulator import Part, SimulationFailed, run_seed

FIRST = 80_000
SEEDS_MAX = 20

Patch = pytest.MonkeyPatch


def commands_leave_before_the_commit(patch: Patch) -> None:
    settle, commit, start = Driver._settle, Driver._commit, Driver._start

    async def settled(self: Any, group: Any, letters: Any) -> bool:
        self.group = group
        return await settle(self, group, letters)

    async def committed(self: Any, entries: Any, rests_until_s: Any) -> bool:
        for command in self.machine.waiting.values():
            self._start(self.group, command)
        return await commit(self, entries, rests_until_s)

    def started(self: Any, group: Any, command: Command) -> None:
        if command.call not in self._in_flight:
            start(self, group, command)

    patch.setattr(Driver, "_settle", settled)
    patch.setattr(Driver, "_commit", committed)
    patch.setattr(Driver, "_start", started)


def an_answer_is_not_on_record(patch: Patch) -> None:
    append, numbers = SqliteWorkflowsWrite.append, itertools.count(1)

    def appended(self: Any, uid: str, seq: int, entries: Sequence[bytes]) -> bool:
        kept = [entry for entry in entries if b'"answered"' not in entry or next(numbers) % 4]
        return append(self, uid, seq, kept)

    patch.setattr(SqliteWorkflowsWrite, "append", appended)


def the_last_entry_is_not_read(patch: Patch) -> None:
    fold = Folding.fold

    async def folded(self: Any, execution: Any, revision: Any, entries: Any, **rest: Any) -> Any:
        return await fold(self, execution, revision, entries[:-1] if len(entries) > 1 else entries, **rest)

    patch.setattr(Folding, "fold", folded)


def no_timer_is_set_at_rest(patch: Patch) -> None:
    patch.setattr(Turn, "wake_at", lambda *arguments: None)
    patch.setattr(simulator, "TIME_MAX_S", 5_000.0)


def keys_change_with_each_try(patch: Patch) -> None:
    keyed, numbers = workflow_calls._keyed, itertools.count()

    def unstable(request: HttpRequest, key: str) -> HttpRequest:
        name, _, call = key.rpartition("/")
        return keyed(request, f"{name}-{next(numbers)}/{call}")

    patch.setattr(workflow_calls, "_keyed", unstable)


def a_call_is_repeated_under_the_key_of_another(patch: Patch) -> None:
    keyed = workflow_calls._keyed
    patch.setattr(workflow_calls, "_keyed", lambda request, key: keyed(request, f"{key.rpartition('#')[0]}#1"))


def letters_for_who_rests_are_dropped(patch: Patch) -> None:
    post = Seats.post

    async def posted(self: Any, execution: Any, event: Any, check: Any) -> None:
        if execution.uid in self:
            await post(self, execution, event, check)

    patch.setattr(Seats, "post", posted)


def nobody_is_promoted(patch: Patch) -> None:
    patch.setattr(Quota, "promote", lambda *arguments: 0)
    patch.setattr(simulator, "TIME_MAX_S", 5_000.0)


def the_quota_is_one_too_many(patch: Patch) -> None:
    init = Quota.__init__

    def made(self: Any, wheel: Any, settings: Any, *rest: Any) -> None:
        init(self, wheel, replace(settings, workflow_executions_max=settings.workflow_executions_max + 1), *rest)

    patch.setattr(Quota, "__init__", made)


def calls_begin_twice_after_a_start(patch: Patch) -> None:
    run = Driver.run

    async def doubled(self: Any) -> None:
        start = self._start

        def twice(group: Any, command: Command) -> None:
            start(group, command)
            start(group, command)

        self._start = twice if self._written > 1 else start
        await run(self)

    patch.setattr(Driver, "run", doubled)


def sleeps_end_early(patch: Patch) -> None:
    dues = Driver._dues
    patch.setattr(
        Driver,
        "_dues",
        lambda self: {call: until_s - (1.5 if until_s else 0.0) for call, until_s in dues(self).items()},
    )


def dice_are_thrown_again_after_a_crash(patch: Patch) -> None:
    def encode(stamped: Stamped) -> bytes:
        return journal.encode(replace(stamped, seed=stamped.seed ^ 1))

    patch.setattr(workflow_driver, "journal", SimpleNamespace(encode=encode))


def who_rests_keeps_a_seat(patch: Patch) -> None:
    leave = Seats.leave

    def left(self: Any, uid: str, refusal: Any) -> None:
        leave(self, uid, refusal)
        self._taken[uid] = Seat()

    patch.setattr(Seats, "leave", left)


def a_beginning_is_kept_for_ever(patch: Patch) -> None:
    patch.setattr(Beginnings, "take", lambda self, uid: self._kept.get(uid))


def a_cancel_is_answered_too_soon(patch: Patch) -> None:
    post = Seats.post

    async def posted(self: Any, execution: Any, event: Any, check: Any) -> None:
        if isinstance(event, CancelRequested) and execution.uid in self:
            self[execution.uid].mailbox.put(Letter(event, check))
        else:
            await post(self, execution, event, check)

    patch.setattr(Seats, "post", posted)


def the_end_is_told_at_leisure(patch: Patch) -> None:
    ended = WorkflowLog.ended

    async def told(self: Any, execution: Any, *, is_repeat: bool) -> None:
        if is_repeat:
            await ended(self, execution, is_repeat=True)

    patch.setattr(WorkflowLog, "ended", told)


def executions_forget_their_keys(patch: Patch) -> None:
    patch.setattr(SqliteOperationsWrite, "keep_key", lambda *arguments: None)


def running_executions_take_the_newest_revision(patch: Patch) -> None:
    def newest(self: Any, workflow_uid: str, revision: str) -> Any:
        del revision
        found = self.workflow_by_uid(workflow_uid)
        return None if found is None else found.revision

    patch.setattr(SqliteWorkflowsRead, "find_revision", newest)
    patch.setattr(simulator, "TIME_MAX_S", 5_000.0)


MUTATIONS: list[Callable[[Patch], None]] = [
    commands_leave_before_the_commit,
    an_answer_is_not_on_record,
    the_last_entry_is_not_read,
    no_timer_is_set_at_rest,
    keys_change_with_each_try,
    a_call_is_repeated_under_the_key_of_another,
    letters_for_who_rests_are_dropped,
    nobody_is_promoted,
    the_quota_is_one_too_many,
    calls_begin_twice_after_a_start,
    sleeps_end_early,
    dice_are_thrown_again_after_a_crash,
    who_rests_keeps_a_seat,
    a_beginning_is_kept_for_ever,
    a_cancel_is_answered_too_soon,
    the_end_is_told_at_leisure,
    executions_forget_their_keys,
    running_executions_take_the_newest_revision,
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_given_a_defect_when_seeds_are_run_then_one_finds_it(
    mutation: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    mutation(monkeypatch)
    for seed in range(FIRST, FIRST + SEEDS_MAX):
        try:
            run_seed(seed, part=Part.WORKFLOWS)
        except SimulationFailed:
            return
    pytest.fail(f"{SEEDS_MAX} seeds found nothing")
