"""What callers may ask of the workflows room: deploys, revisions, lists with filters, histories."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import pytest
from workflow_world import NAME, World, a_flow, a_get, a_sleep

from hakobune.core.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from hakobune.core.names import WorkflowName
from hakobune.core.workflows.build import InvalidDefinition, check_source, compile_source
from hakobune.core.workflows.drafts import ExecutionDraft, WorkflowDraft
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.model import ExecutionState, HistoryLevel, Revision, Workflow, WorkflowExecution
from hakobune.runtime import workflow_histories, workflow_kept_histories, workflow_plans, workflow_questions
from hakobune.runtime.threads import WorkerThreads
from hakobune.runtime.workflow_observer import Observer
from hakobune.store.api import Page
from hakobune.store.workflows_api import ExecutionField, ExecutionOrder

pytestmark = pytest.mark.anyio
NEWEST = ExecutionOrder()
BY_STATE = ExecutionOrder(field=ExecutionField.STATE)


@pytest.fixture
def anyio_backend(virtual_backend: Any) -> Any:
    return virtual_backend


async def test_given_a_definition_with_problems_when_deployed_then_the_operation_says_so_and_nothing_is_stored() -> (
    None
):
    world = World()
    async with world.up():
        made = await world.room.changes.create(
            NAME, WorkflowDraft(source_contents="main: {steps: [{a: {next: nowhere}}]}")
        )
        assert made.error is not None
        assert "nowhere" in made.error[1]
        with pytest.raises(NotFound):
            await world.room.questions.get(NAME)
        dry = await world.room.changes.create(
            NAME, WorkflowDraft(source_contents=a_flow("return: 1")), validate_only=True
        )
        assert dry.error is None
        with pytest.raises(NotFound):
            await world.room.questions.get(NAME)


async def test_given_a_change_when_patched_then_only_what_is_pinned_makes_a_revision() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow("return: 1"))
        await world.room.changes.patch(NAME, WorkflowDraft(description="new"), frozenset({"description"}))
        assert (await world.room.questions.get(NAME)).revision.ordinal == 1
        draft = WorkflowDraft(source_contents=a_flow("return: 2"))
        await world.room.changes.patch(NAME, draft, frozenset({"source_contents"}))
        await world.room.changes.patch(NAME, draft, frozenset({"source_contents"}))
        found = await world.room.questions.get(NAME)
        assert (found.revision.ordinal, found.description) == (2, "new")
        bad = await world.room.changes.patch(NAME, WorkflowDraft(source_contents="?"), frozenset({"source_contents"}))
        assert bad.error is not None
        assert (await world.room.questions.get(NAME)).revision == found.revision
        revisions = await world.room.questions.list_revisions(NAME, Page(limit=10))
        assert [revision.revision.ordinal for revision in revisions] == [2, 1]
        old = await world.room.questions.get(NAME, revisions[1].revision.id)
        assert "return: 1" in old.revision.source_contents


async def test_given_a_running_execution_when_its_workflow_is_patched_then_it_keeps_its_revision() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow(a_sleep(60), "return: old"))
        execution = await world.run()
        await world.at_rest(execution)
        draft = WorkflowDraft(source_contents=a_flow("return: new"))
        await world.room.changes.patch(NAME, draft, frozenset({"source_contents"}))
        assert (await world.ended(await world.run())).result == '"new"'
    async with world.up():
        assert (await world.ended(execution)).result == '"old"'


async def test_given_an_idempotency_key_when_used_twice_then_one_execution_begins() -> None:
    world = World()
    async with world.up():
        await world.deploy(a_flow("return: ok"))
        first = await world.room.execute(NAME, ExecutionDraft(argument="1"), key="k")
        again = await world.room.execute(NAME, ExecutionDraft(argument="1"), key="k")
        assert again.uid == first.uid
        with pytest.raises(InvalidArgument, match="another request"):
            await world.room.execute(NAME, ExecutionDraft(argument="2"), key="k")


async def listed(
    world: World, matches: Any, limit: int, order: ExecutionOrder = NEWEST
) -> tuple[list[WorkflowExecution], int, list[int]]:
    """All that a list shows, page by page: the executions, the pages, and how long each page is."""
    found: list[WorkflowExecution] = []
    lengths: list[int] = []
    after = ""
    while True:
        page = Page(limit=limit, after=after)
        part, after = await world.room.questions.list_executions(NAME, order, matches, page, is_full=False)
        found += part
        lengths.append(len(part))
        if not after:
            return found, len(lengths), lengths


@pytest.mark.parametrize("order", [NEWEST, BY_STATE])
async def test_given_a_filter_when_little_matches_then_a_page_looks_at_a_bounded_number_and_says_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch, order: ExecutionOrder
) -> None:
    monkeypatch.setattr(workflow_questions, "_LOOKED_AT_MAX", 40)
    monkeypatch.setattr(workflow_questions, "_BATCH", 10)
    monkeypatch.setattr(workflow_questions, "_BATCH_SORTED", 20)
    world = World()
    world.begin()  # nobody drives: all stay as they are
    await world.deploy(a_flow("return: ok"))
    executions = [await world.run() for _ in range(100)]
    wanted = {executions[3].uid, executions[4].uid, executions[97].uid}
    found, pages, lengths = await listed(world, lambda execution: execution.uid in wanted, 100, order)
    assert [execution.uid for execution in found] == [executions[number].uid for number in (97, 4, 3)]
    assert (pages, lengths) == (3, [1, 0, 2])
    nothing, pages, _ = await listed(world, lambda _: False, 100, order)
    assert (nothing, pages) == ([], 3)


@pytest.mark.parametrize("limit", [1, 7, 99, 100, 101])
async def test_given_a_list_when_paged_then_each_comes_once_and_the_last_page_has_no_token(limit: int) -> None:
    world = World()
    world.begin()
    await world.deploy(a_flow("return: ok"))
    executions = [await world.run() for _ in range(100)]
    found, pages, _ = await listed(world, None, limit)
    assert [execution.uid for execution in found] == [execution.uid for execution in reversed(executions)]
    assert pages == -(-100 // limit)
    odd = {execution.uid for execution in executions[::2]}
    some, _, lengths = await listed(world, lambda execution: execution.uid in odd, limit)
    assert {execution.uid for execution in some} == odd
    assert max(lengths) <= limit


async def test_given_an_execution_in_memory_when_shown_then_its_steps_are_those_of_now() -> None:
    world = World()

    async def slow(*_: object) -> Any:
        await anyio.sleep_forever()

    world.calls.answer = slow
    async with world.up():
        await world.deploy(a_flow("assign: [{x: 1}]", a_get("http://a"), "return: ok"))
        execution = await world.run()
        await anyio.sleep(1)
        shown = await world.look(execution)
        assert [step.step for step in shown.current_steps] == ["s1"]
        (in_list,), _ = await world.room.questions.list_executions(NAME, NEWEST, None, Page(limit=5), is_full=True)
        assert in_list == shown


class TestHistories:
    """With worker threads, so on a loop that waits for them."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_given_an_ended_execution_when_its_history_is_read_and_deleted_then_the_journal_stays(self) -> None:
        world = World()
        async with world.up():
            await world.deploy(a_flow("assign: [{x: 1}]", a_get("http://a"), "return: ok"))
            execution = await world.ended(await world.run("1"))
            entries = await world.room.histories.step_entries(execution.name, list)
            assert [entry.step for entry in entries] == ["s0", "s1", "s2"]
            exported = json.loads(await world.room.histories.export(execution.name, str))
            assert [event["event"] for event in exported["events"]] == ["started", "answered"]
            await world.room.delete_history(execution.name)
            assert await world.room.histories.step_entries(execution.name, list) == []
            assert (await world.look(execution)).state is ExecutionState.SUCCEEDED
            active = await world.run()
            with pytest.raises(FailedPrecondition, match="has ended"):
                await world.room.delete_history(active.name)
            with pytest.raises(NotFound):
                await world.room.histories.export(NAME.execution("gone"), str)

    async def test_given_many_who_ask_when_an_execution_is_folded_then_it_is_folded_once_and_remembered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folds: list[int] = []
        real = workflow_histories._Fold.feed

        def feed(self: Any, part: Any, stopped: Any) -> None:
            folds.append(threading.get_ident())
            real(self, part, stopped)

        monkeypatch.setattr(workflow_histories._Fold, "feed", feed)
        world = World(threads=WorkerThreads())
        lengths: list[int] = []

        async def ask() -> None:
            lengths.append(await world.room.histories.step_entries(execution.name, len))

        async with world.up():
            await world.deploy(a_flow("assign: [{x: 1}]", "return: ok"))
            execution = await world.ended(await world.run("1"))
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(ask)
        assert lengths == [2] * 10
        assert len(folds) == 1
        assert folds[0] != threading.get_ident()

    async def test_given_what_was_done_when_selected_then_that_happens_in_a_thread(self) -> None:
        world = World(threads=WorkerThreads())
        async with world.up():
            await world.deploy(a_flow("return: ok"))
            execution = await world.ended(await world.run())
            where = await world.room.histories.step_entries(execution.name, lambda _: threading.get_ident())
            exported = await world.room.histories.export(execution.name, lambda _: threading.get_ident())
        assert threading.get_ident() not in (where, exported)

    async def test_given_too_many_who_ask_when_all_places_are_taken_then_the_next_one_is_told_to_come_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workflow_histories, "_WAIT_S", 0.05)
        world = World()
        async with world.up():
            await world.deploy(a_flow("return: ok"))
            execution = await world.ended(await world.run())
            async with world.room.histories._place(), world.room.histories._place():
                with pytest.raises(Unavailable, match="Too many"):
                    await world.room.histories.step_entries(execution.name, len)
            assert await world.room.histories.step_entries(execution.name, len) == 1
            monkeypatch.setattr(workflow_histories, "_WAITING_MAX", 0)
            with pytest.raises(Unavailable, match="Too many"):
                await world.room.histories.export(execution.name, len)

    async def test_given_histories_when_there_is_no_room_for_all_then_the_oldest_are_forgotten(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workflow_kept_histories, "KEPT_BYTES", 200_000)
        monkeypatch.setattr(workflow_histories, "ENTRY_BYTES", 30_000)
        world = World()
        async with world.up():
            await world.deploy(a_flow("assign: [{x: 1}]", "return: ok"))
            made = [await world.ended(await world.run()) for _ in range(5)]
            for execution in (*made, made[2]):
                assert await world.room.histories.step_entries(execution.name, len) == 2
            assert world.room.histories._kept.uids == [made[3].uid, made[4].uid, made[2].uid]

    async def test_given_a_detailed_history_when_gone_through_page_by_page_then_its_journal_is_folded_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folds = 0
        real = workflow_histories._Fold.feed

        def feed(self: Any, part: Any, stopped: Any) -> None:
            nonlocal folds
            folds += 1
            real(self, part, stopped)

        monkeypatch.setattr(workflow_histories._Fold, "feed", feed)
        world = World()
        async with world.up():
            await world.deploy(a_flow("assign: [{x: 1}]", a_sleep(3_600), "assign: [{x: 2}]", "return: ok"))
            execution = await world.run(history_level=HistoryLevel.DETAILED)
            await world.at_rest(execution)
            for _ in range(5):
                entries = await world.room.histories.step_entries(execution.name, list)
                assert [entry.variables for entry in entries] == [{"input": None, "x": 1}] * 2
            assert folds == 1
            world.pass_time(3_600)
            await world.executions.wake(execution.uid)
            await world.ended(execution)
            for _ in range(5):
                entries = await world.room.histories.step_entries(execution.name, list)
                assert [entry.variables for entry in entries][2:] == [{"input": None, "x": 2}] * 2
            assert folds == 2

    async def test_given_a_detailed_history_when_its_variables_hold_too_much_then_it_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workflow_histories, "_HELD_BYTES_MAX", 10_000)
        world = World()
        grow = "for: {value: i, range: [1, 30], steps: [{s: {assign: [{t: '${t + \"aaaaaaaaaa\"}'}]}}]}"
        async with world.up():
            await world.deploy(a_flow("assign: [{t: ''}]", a_get("http://a"), grow, a_get("http://b"), "return: ok"))
            basic = await world.ended(await world.run())
            detailed = await world.ended(await world.run(history_level=HistoryLevel.DETAILED))
            count = await world.room.histories.step_entries(basic.name, len)
            with pytest.raises(FailedPrecondition, match="too much"):
                await world.room.histories.step_entries(detailed.name, len)
            monkeypatch.setattr(workflow_histories, "_HELD_BYTES_MAX", 100_000)
            assert await world.room.histories.step_entries(detailed.name, len) == count

    async def test_given_a_pile_of_questions_when_all_their_threads_are_busy_then_deploys_and_starts_go_on(
        self,
    ) -> None:
        go = threading.Event()
        world = World(threads=WorkerThreads())
        async with world.up():
            await world.deploy(a_flow("return: ok"))
            execution = await world.ended(await world.run())
            async with anyio.create_task_group() as group:
                for _ in range(6):
                    group.start_soon(world.room.histories.step_entries, execution.name, lambda _: go.wait(20))
                try:
                    with anyio.fail_after(10):
                        await anyio.sleep(0.1)
                        other = WorkflowName(project="p", location="tokyo", workflow="other")
                        await world.deploy(a_flow("return: fine"), other)
                        assert (await world.ended(await world.run(name=other))).result == '"fine"'
                finally:
                    go.set()

    async def test_given_a_large_execution_when_listed_or_exported_then_it_is_refused_by_its_size(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workflow_histories, "_EXPORT_BYTES_MAX", 100)
        monkeypatch.setattr(workflow_histories, "_ENTRIES_MAX", 1)
        world = World()
        async with world.up():
            await world.deploy(a_flow("assign: [{x: 1}]", "return: ok"))
            execution = await world.ended(await world.run())
            with pytest.raises(FailedPrecondition, match="more than 100 bytes"):
                await world.room.histories.export(execution.name, len)
            with pytest.raises(FailedPrecondition, match="too much"):
                await world.room.histories.step_entries(execution.name, len)

    async def test_given_definitions_when_compiled_then_that_happens_in_a_thread_and_once_for_a_revision(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where: list[int] = []

        def compile_here(source: str, *, strictness: Strictness) -> Any:
            where.append(threading.get_ident())
            return compile_source(source, strictness=strictness)

        def check_here(source: str, *, strictness: Strictness) -> Any:
            checked.append(threading.get_ident())
            return check_source(source, strictness=strictness)

        checked: list[int] = []
        monkeypatch.setattr(workflow_plans, "compile_source", compile_here)
        monkeypatch.setattr(workflow_plans, "check_source", check_here)
        plans = workflow_plans.Plans(Strictness.STRICT, WorkerThreads())
        revision = Revision(id="1", ordinal=1, create_s=0.0, source_contents=a_flow("return: ok"), service_account="a")
        found: list[object] = []

        async def ask() -> None:
            found.append(await plans.plan("w", revision))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
        assert len(set(map(id, found))) == len(where) == 1
        with pytest.raises(InvalidDefinition):
            await plans.check("main: 1")
        assert threading.get_ident() not in (*where, *checked)
        assert checked

    async def test_given_deploys_and_questions_without_end_when_an_execution_needs_its_plan_then_it_waits_for_neither(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go = threading.Event()

        def compile_slowly(source: str, *, strictness: Strictness) -> Any:
            if "slow" in source:
                go.wait(20)
            return compile_source(source, strictness=strictness)

        def check_slowly(source: str, *, strictness: Strictness) -> Any:
            if "slow" in source:
                go.wait(20)
            return check_source(source, strictness=strictness)

        monkeypatch.setattr(workflow_plans, "compile_source", compile_slowly)
        monkeypatch.setattr(workflow_plans, "check_source", check_slowly)
        plans = workflow_plans.Plans(Strictness.STRICT, WorkerThreads())

        def revision(number: int, result: str) -> Revision:
            source = a_flow(f"return: {result}")
            return Revision(id=str(number), ordinal=number, create_s=0.0, source_contents=source, service_account="a")

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(partial(plans.plan, "w", revision(number, "slow"), is_question=True))
            try:
                await anyio.sleep(0.05)
                with anyio.fail_after(10):
                    await plans.check(a_flow("return: fast"))
                    for _ in range(5):
                        group.start_soon(plans.check, a_flow("return: slow"))
                    await anyio.sleep(0.05)
                    await plans.plan("w", revision(9, "fast"))
            finally:
                go.set()


class TestWarnings:
    """What an author is warned of when a definition is taken all the same."""

    async def test_given_limits_that_only_warn_when_deployed_then_each_warning_is_told_once_for_a_revision(
        self,
    ) -> None:
        told: list[tuple[str, str, str]] = []

        class Listening(Observer):
            def deployed(self, workflow: Workflow, warnings: Sequence[str]) -> None:
                told.extend((workflow.name.workflow, workflow.revision.id[:6], text) for text in warnings)

        world = World()
        world.observer = Listening()
        world.strictness = Strictness.WARN
        wide = a_flow(*("assign: [" + ", ".join(f"{{v{n}: 1}}" for n in range(size)) + "]" for size in (51, 52, 3)))
        async with world.up():
            await world.room.changes.create(NAME, WorkflowDraft(source_contents=wide), validate_only=True)
            assert told == []
            await world.deploy(wide)
            assert [found[:2] for found in told] == [(NAME.workflow, "000001")] * 2
            assert all("limit" in text for _, _, text in told), told
            await world.room.changes.patch(NAME, WorkflowDraft(description="x"), frozenset({"description"}))
            assert len(told) == 2
            await world.room.changes.patch(
                NAME, WorkflowDraft(source_contents=f"{wide}\n"), frozenset({"source_contents"})
            )
            assert [found[1] for found in told] == ["000001"] * 2 + ["000002"] * 2
