"""Commands with leases and epochs, timers, effects, policies: of every store."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_builders import NOW_S

from hakobune.store.api import Effect, EffectPhase, OutboxCommand, Store, Timer, WriteTx
from hakobune.store.sqlite.database import SqliteStore

pytestmark = pytest.mark.anyio


def add(tx: WriteTx, subject: str, *, owner: str = "me", expires_s: float = NOW_S + 60) -> OutboxCommand:
    return tx.outbox.add("jobs", subject, "start", f"payload of {subject}", owner=owner, expires_s=expires_s)


async def test_given_commands_when_claimed_after_their_lease_then_they_come_in_order_with_a_higher_epoch(
    store: Store,
) -> None:
    first = await store.write(lambda tx: [add(tx, "a"), add(tx, "b")])
    second = await store.write(lambda tx: add(tx, "a"))
    assert [command.epoch for command in first] == [1, 1]
    assert first[0].id < first[1].id < second.id

    def claim(tx: WriteTx, now_s: float) -> list[OutboxCommand]:
        return tx.outbox.claim("you", now_s=now_s, expires_s=now_s + 60, limit=2)

    assert await store.write(lambda tx: claim(tx, NOW_S + 59)) == []
    claimed = await store.write(lambda tx: claim(tx, NOW_S + 60))
    assert [(command.id, command.subject, command.payload, command.epoch) for command in claimed] == [
        (command.id, command.subject, f"payload of {command.subject}", 2) for command in first
    ]
    assert [command.id for command in await store.write(lambda tx: claim(tx, NOW_S + 60))] == [second.id]
    assert await store.write(lambda tx: claim(tx, NOW_S + 60)) == []


async def test_given_a_taken_over_command_when_the_old_owner_completes_it_then_nothing_changes(store: Store) -> None:
    old = await store.write(lambda tx: add(tx, "a"))
    [new] = await store.write(lambda tx: tx.outbox.claim("you", now_s=NOW_S + 60, expires_s=NOW_S + 120, limit=10))
    assert await store.write(lambda tx: tx.outbox.complete([old])) == 0
    assert await store.write(lambda tx: tx.outbox.depth()) == 1
    assert await store.write(lambda tx: tx.outbox.complete([new, old])) == 1
    assert await store.write(lambda tx: tx.outbox.complete([new])) == 0
    assert await store.write(lambda tx: tx.outbox.complete([])) == 0
    assert await store.write(lambda tx: tx.outbox.depth()) == 0


async def test_given_a_completed_command_when_others_are_added_then_its_id_never_comes_again(store: Store) -> None:
    old = await store.write(lambda tx: add(tx, "a"))
    await store.write(lambda tx: tx.outbox.complete([old]))
    new = await store.write(lambda tx: [add(tx, "b") for _ in range(3)])
    assert old.id not in [command.id for command in new]
    assert await store.write(lambda tx: tx.outbox.complete([old])) == 0
    assert await store.write(lambda tx: tx.outbox.depth()) == 3


async def test_given_leases_of_two_owners_when_one_gives_his_back_then_only_those_can_be_claimed(store: Store) -> None:
    mine, yours = await store.write(lambda tx: (add(tx, "a"), add(tx, "b", owner="you")))
    assert await store.write(lambda tx: tx.outbox.release("me")) == 1
    claimed = await store.write(lambda tx: tx.outbox.claim("new", now_s=NOW_S, expires_s=NOW_S + 1, limit=10))
    assert [command.id for command in claimed] == [mine.id]
    await store.write(lambda tx: tx.outbox.take_over())
    claimed = await store.write(lambda tx: tx.outbox.claim("new", now_s=0.0, expires_s=NOW_S, limit=10))
    assert [command.id for command in claimed] == [mine.id, yours.id]


async def test_given_commands_when_starts_take_them_over_then_they_are_counted_until_they_are_begun_or_given_back(
    store: Store,
) -> None:
    await store.write(lambda tx: [add(tx, "a"), add(tx, "b"), add(tx, "c", owner="you")])

    async def start() -> list[OutboxCommand]:
        def unit(tx: WriteTx) -> list[OutboxCommand]:
            tx.outbox.take_over()
            return tx.outbox.claim("me", now_s=0.0, expires_s=NOW_S, limit=10)

        return await store.write(unit)

    first = await start()
    assert [(command.starts, command.deaths) for command in first] == [(1, 0)] * 3
    await store.write(lambda tx: tx.outbox.begin_alone(first[0]))
    await store.write(lambda tx: tx.outbox.begun(first[1:2]))
    await store.write(lambda tx: tx.outbox.begun([]))
    second = await start()
    assert [(command.starts, command.deaths) for command in second] == [(2, 1), (1, 0), (2, 0)]
    await store.write(lambda tx: tx.outbox.begin_alone(first[0]))  # of an old epoch
    await store.write(lambda tx: tx.outbox.begin_alone(second[0]))
    third = await start()
    assert [(command.starts, command.deaths) for command in third] == [(3, 2), (2, 0), (3, 0)]
    await store.write(lambda tx: tx.outbox.release("me"))
    assert [(command.starts, command.deaths) for command in await start()] == [(1, 0)] * 3


async def test_given_commands_under_way_when_starts_take_them_over_then_crashes_and_deaths_are_counted(
    store: Store,
) -> None:
    await store.write(lambda tx: [add(tx, "a"), add(tx, "b")])

    async def start() -> list[tuple[int, int]]:
        def unit(tx: WriteTx) -> list[OutboxCommand]:
            tx.outbox.take_over()
            found = tx.outbox.claim("me", now_s=0.0, expires_s=NOW_S, limit=10)
            tx.outbox.begun(found)
            tx.outbox.begin_alone(found[0])
            return found

        commands[:] = await store.write(unit)
        return [(command.crashes, command.deaths) for command in commands]

    commands: list[OutboxCommand] = []
    assert [await start() for _ in range(3)] == [[(1, 0), (1, 0)], [(2, 1), (2, 0)], [(3, 2), (3, 0)]]
    await store.write(lambda tx: tx.outbox.outlived(commands[0]))
    await store.write(lambda tx: tx.outbox.unsuspected(commands[1]))
    assert await start() == [(4, 2), (1, 0)]
    await store.write(lambda tx: tx.outbox.unsuspected(commands[0]))
    await store.write(lambda tx: tx.outbox.outlived(commands[0]))
    assert await start() == [(1, 0), (2, 0)]
    await store.write(lambda tx: tx.outbox.release("me"))
    assert await start() == [(1, 0), (1, 0)]


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "claim", "complete", "late"]), st.sampled_from("ab"), st.integers(0, 3)),
        max_size=40,
    )
)
@settings(max_examples=40, deadline=None)
def test_given_two_owners_in_any_order_when_they_work_then_no_command_is_completed_twice_nor_lost(
    steps: list[tuple[str, str, int]],
) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)

    async def history() -> None:
        store = SqliteStore.inline(connection)
        held: dict[str, list[OutboxCommand]] = {"a": [], "b": []}
        late: list[OutboxCommand] = []
        added: set[int] = set()
        done: set[int] = set()
        for now, (what, owner, count) in enumerate(steps):
            if what == "add":
                command = await store.write(
                    lambda tx, owner=owner, now=now: add(tx, owner, owner=owner, expires_s=now + 3)
                )
                held[owner].append(command)
                added.add(command.id)
            elif what == "claim":
                claimed = await store.write(
                    lambda tx, owner=owner, now=now, count=count: tx.outbox.claim(
                        owner, now_s=now, expires_s=now + 3, limit=count
                    )
                )
                taken = {command.id for command in claimed}
                for who, commands in held.items():
                    late += [command for command in commands if command.id in taken]
                    held[who] = [command for command in commands if command.id not in taken]
                held[owner] += claimed
            elif what == "complete":
                finished, held[owner] = held[owner][:count], held[owner][count:]
                assert await store.write(lambda tx, finished=finished: tx.outbox.complete(finished)) == len(finished)
                assert not done & {command.id for command in finished}
                done |= {command.id for command in finished}
            else:
                assert await store.write(lambda tx, late=tuple(late): tx.outbox.complete(late)) == 0
        left = await store.write(lambda tx: tx.outbox.claim("end", now_s=1e9, expires_s=2e9, limit=1000))
        assert {command.id for command in left} == added - done

    asyncio.run(history())
    connection.close()


# -- timers ---------------------------------------------------------------------------------------------------------


async def test_given_timers_when_due_then_they_come_earliest_first_and_stay_until_cleared(store: Store) -> None:
    def unit(tx: WriteTx) -> None:
        assert tx.timers.next_due_s() is None
        for subject, due_s in (("a", 30.0), ("b", 10.0), ("c", 20.0), ("d", 40.0)):
            tx.timers.set(Timer(room="jobs", subject=subject, due_s=due_s))
        tx.timers.set(Timer(room="other", subject="a", due_s=25.0))

    await store.write(unit)
    due = await store.read(lambda tx: tx.timers_due(30.0, 3))
    assert [(timer.room, timer.subject, timer.due_s) for timer in due] == [
        ("jobs", "b", 10.0),
        ("jobs", "c", 20.0),
        ("other", "a", 25.0),
    ]
    assert await store.read(lambda tx: tx.timers_due(30.0, 100)) == await store.write(lambda tx: tx.timers.due(30.0, 9))
    assert await store.read(lambda tx: tx.next_timer_s()) == 10.0
    await store.write(lambda tx: (tx.timers.clear("jobs", "b"), tx.timers.clear("jobs", "nobody")))
    assert await store.read(lambda tx: tx.next_timer_s()) == 20.0
    assert await store.write(lambda tx: tx.timers.next_due_s()) == 20.0


async def test_given_a_timer_when_set_again_then_it_moves_and_to_the_same_instant_nothing_is_written(
    store: Store,
) -> None:
    await store.write(lambda tx: tx.timers.set(Timer(room="jobs", subject="a", due_s=10.0)))
    await store.write(lambda tx: tx.timers.set(Timer(room="jobs", subject="a", due_s=5.5)))
    seq = await store.read(lambda tx: tx.seq)
    await store.write(lambda tx: tx.timers.set(Timer(room="jobs", subject="a", due_s=5.5)))
    assert await store.read(lambda tx: tx.seq) == seq
    assert await store.read(lambda tx: tx.timers_due(10.0, 9)) == [Timer(room="jobs", subject="a", due_s=5.5)]


# -- effects, policies, facts ---------------------------------------------------------------------------------------


async def test_given_effects_when_more_than_are_kept_are_recorded_then_the_newest_of_each_attempt_stay(
    store: Store,
) -> None:
    def effect(attempt: str, number: int, phase: EffectPhase = EffectPhase.APPLIED) -> Effect:
        return Effect(
            attempt_uid=attempt, call=f"c{number}", phase=phase, target="POST /v2/x", key="k", at_s=NOW_S + number
        )

    def unit(tx: WriteTx) -> None:
        tx.effects.record(effect("e.0.0", 99, EffectPhase.STARTED), keep=3)
        for number in range(10):
            tx.effects.record(effect("e.1.0", number), keep=3)

    await store.write(unit)
    assert await store.read(lambda tx: tx.effects_of("e.1.0")) == [effect("e.1.0", number) for number in (7, 8, 9)]
    assert await store.write(lambda tx: tx.effects.of_attempt("e.0.0")) == [effect("e.0.0", 99, EffectPhase.STARTED)]
    assert await store.read(lambda tx: tx.effects_of("e.2.0")) == []


async def test_given_policies_and_facts_when_set_twice_then_the_last_one_counts(store: Store) -> None:
    def unit(tx: WriteTx) -> None:
        for text in ("1", "2"):
            tx.set_policy("projects/p/locations/l/jobs/j", text)
            tx.set_meta("fact", text)
        assert tx.policy("projects/p/locations/l/jobs/j") == "2"
        assert tx.meta("fact") == "2"

    await store.write(unit)
    assert await store.read(lambda tx: (tx.policy("projects/p/locations/l/jobs/j"), tx.meta("fact"))) == ("2", "2")
    assert await store.read(lambda tx: (tx.policy("other"), tx.meta("other"))) == (None, None)


async def test_given_facts_with_a_common_beginning_when_asked_for_then_only_those_come_until_cleared(
    store: Store,
) -> None:
    def unit(tx: WriteTx) -> None:
        for key in ("source:a", "source:b", "sourcf", "source"):
            tx.set_meta(key, f"of {key}")
        assert tx.metas("source:") == {"source:a": "of source:a", "source:b": "of source:b"}

    await store.write(unit)
    await store.write(lambda tx: (tx.clear_meta("source:a"), tx.clear_meta("nothing")))
    assert await store.read(lambda tx: dict(tx.metas("source:"))) == {"source:b": "of source:b"}
    assert await store.read(lambda tx: tx.meta("source:a")) is None
