"""The workflows room of every store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from store_builders import NOW_S
from store_factories import Stores

from hakobune.core.errors import AlreadyExists, CorruptStore, InvalidArgument
from hakobune.core.names import OperationName, WorkflowName, default_service_account
from hakobune.core.operations import Verb, WorkflowOperation
from hakobune.core.workflows import journal
from hakobune.core.workflows.effects import HttpResponse
from hakobune.core.workflows.events import Answered, CallId, Moved, Stamped, Started
from hakobune.core.workflows.model import (
    CurrentStep,
    ExecutionError,
    ExecutionState,
    Revision,
    StepCounts,
    Workflow,
    WorkflowExecution,
)
from hakobune.store.api import ChangeKind, Page, ReadTx, Store, WriteTx
from hakobune.store.workflows_api import ExecutionField, ExecutionOrder

pytestmark = pytest.mark.anyio
ALL = Page(limit=1_000)
NEWEST = ExecutionOrder()


def a_workflow(workflow: str = "w", *, project: str = "p", location: str = "tokyo", uid: str = "") -> Workflow:
    return Workflow(
        name=WorkflowName(project=project, location=location, workflow=workflow),
        uid=uid or f"uid-{project}-{location}-{workflow}",
        create_s=NOW_S,
        update_s=NOW_S,
        revision=a_revision(1, project=project),
        description="早い",
        labels={"team": "video"},
    )


def a_revision(ordinal: int, *, project: str = "p", source: str = "main: {steps: []}") -> Revision:
    return Revision(
        id=f"{ordinal:06d}-abc",
        ordinal=ordinal,
        create_s=NOW_S,
        source_contents=source,
        service_account=f"projects/{project}/serviceAccounts/{default_service_account(project)}",
        user_env_vars={"WORD": "船"},
    )


def an_execution(workflow: Workflow, uid: str, **changes: object) -> WorkflowExecution:
    execution = WorkflowExecution(
        name=workflow.name.execution(uid),
        uid=uid,
        workflow_uid=workflow.uid,
        revision_id=workflow.revision.id,
        state=ExecutionState.ACTIVE,
        create_s=NOW_S,
        start_s=NOW_S,
        argument='{"n": 1}',
        labels={"a": "b"},
        service_account=default_service_account(workflow.name.project),
    )
    return replace(execution, **changes)  # type: ignore[arg-type]


def succeeded(execution: WorkflowExecution, result: str = "42", at_s: float = NOW_S + 5) -> WorkflowExecution:
    steps = StepCounts(internal=3, external=1)
    last = (CurrentStep(routine="main", step="last"),)
    return replace(
        execution, state=ExecutionState.SUCCEEDED, result=result, end_s=at_s, steps=steps, current_steps=last
    )


def entries(base_s: float = NOW_S, code: int = 200) -> list[bytes]:
    """A journal with a call, and bytes that no UTF-8 has."""
    headers = (("Date", str(base_s)), ("X", "\ud800"))
    answer = HttpResponse(code=code, headers=headers, body=b"\xff\x00")
    events = [
        Started(argument=None, environment={}, execution=str(base_s), base_url="http://a"),
        Answered(call=CallId("0#1"), answer=answer),
        Moved(base_url="http://b"),
    ]
    return [journal.encode(Stamped(event=event, at_s=base_s + place, seed=place)) for place, event in enumerate(events)]


async def load(store: Store, project: str = "p", location: str = "tokyo") -> dict[ExecutionState, int]:
    found = await store.read(lambda tx: tx.workflows.load(project, location))
    return {state: count for state, count in found.items() if count}


# -- workflows and revisions ----------------------------------------------------------------------------------------


async def test_given_a_workflow_when_stored_then_it_is_found_by_name_and_its_name_is_taken(
    store: Store,
) -> None:
    workflow = a_workflow()
    await store.write(lambda tx: tx.workflows.add_workflow(workflow))
    assert await store.read(lambda tx: tx.workflows.find_workflow(workflow.name)) == workflow
    with pytest.raises(AlreadyExists, match="workflows/w"):
        await store.write(lambda tx: tx.workflows.add_workflow(replace(workflow, uid="other")))
    for other in ("v", "w2"):
        name = replace(workflow.name, workflow=other)
        assert await store.read(lambda tx, name=name: tx.workflows.find_workflow(name)) is None


async def test_given_a_new_revision_when_stored_then_the_old_one_stays_and_is_found_by_its_id(store: Store) -> None:
    workflow = a_workflow()
    newer = replace(workflow, description="", revision=a_revision(2, source="other"))
    await store.write(lambda tx: tx.workflows.add_workflow(workflow))
    await store.write(lambda tx: tx.workflows.replace_workflow(newer))
    await store.write(lambda tx: tx.workflows.replace_workflow(replace(newer, labels={})))
    assert await store.read(lambda tx: tx.workflows.find_workflow(workflow.name)) == replace(newer, labels={})
    uid = workflow.uid
    assert await store.read(lambda tx: tx.workflows.find_revision(uid, "000001-abc")) == workflow.revision
    for wrong in ("000001-abd", "000003-abc", "latest", "", "9" * 30, "１-abc", "-1-abc"):
        assert await store.read(lambda tx, wrong=wrong: tx.workflows.find_revision(uid, wrong)) is None
    first = await store.read(lambda tx: tx.workflows.list_revisions(uid, Page(limit=1)))
    second = await store.read(lambda tx: tx.workflows.list_revisions(uid, Page(limit=5, after=str(first[0].ordinal))))
    assert [revision.ordinal for revision in first + second] == [2, 1]


async def test_given_workflows_when_listed_page_by_page_then_each_comes_once_by_id_then_location(store: Store) -> None:
    places = [(name, location) for name in ("a", "b", "c") for location in ("osaka", "tokyo")]

    def unit(tx: WriteTx) -> None:
        for name, location in reversed(places):
            tx.workflows.add_workflow(a_workflow(name, location=location))
        tx.workflows.add_workflow(a_workflow("a", project="q"))

    await store.write(unit)
    found: list[tuple[str, str]] = []
    after = ""
    while page := await store.read(
        lambda tx, after=after: tx.workflows.list_workflows("p", None, Page(limit=4, after=after))
    ):
        found += [(workflow.name.workflow, workflow.name.location) for workflow in page]
        after = f"{found[-1][0]}/{found[-1][1]}"
    assert found == places
    tokyo = await store.read(lambda tx: tx.workflows.list_workflows("p", "tokyo", ALL))
    assert [workflow.name.workflow for workflow in tokyo] == ["a", "b", "c"]
    assert await store.read(lambda tx: tx.workflows.count_workflows("p")) == 6
    assert await store.read(lambda tx: tx.workflows.locations("p")) == ["osaka", "tokyo"]


async def test_given_a_workflow_with_executions_when_removed_then_nothing_of_it_is_left(store_factory: Stores) -> None:
    store = await store_factory.open()
    workflow = a_workflow()

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        for uid in ("e1", "e2", "e3"):
            tx.workflows.add_execution(an_execution(workflow, uid))
            tx.workflows.append(uid, 0, entries() * 2_000)
        tx.workflows.save_execution(succeeded(an_execution(workflow, "e1")))
        tx.workflows.add_execution(an_execution(workflow, "e4", state=ExecutionState.QUEUED, start_s=None))
        tx.set_policy(str(workflow.name), "{}")
        tx.operations.keep_key(workflow.uid, "key", "digest", "e2")

    await store.write(unit)
    assert await store.write(lambda tx: tx.workflows.remove_workflow(workflow)) == ["e2", "e3", "e4"]
    assert await store.read(lambda tx: tx.workflows.find_workflow(workflow.name)) is None
    assert await store.read(lambda tx: tx.workflows.execution_by_uid("e2")) is None
    assert await store.read(lambda tx: tx.workflows.journal("e2")) == []
    assert await store.read(lambda tx: tx.policy(str(workflow.name))) is None
    assert await store.read(lambda tx: tx.operations.find_keyed(workflow.uid, "key")) is None
    assert await store.read(lambda tx: tx.workflows.first_queued("p", "tokyo", 10)) == []
    assert await store.read(lambda tx: tx.workflows.stuck()) == []
    assert not await store.write(lambda tx: tx.workflows.append("e2", 6_000, entries()))
    assert not await store.write(lambda tx: tx.workflows.save_execution(an_execution(workflow, "e2")))
    removed = await store.read(lambda tx: tx.changes(0, 100, "p", frozenset({ChangeKind.REMOVED})))
    assert [change.name for change in removed] == [str(workflow.name)]
    # Its rows are removed a little after each commit; the counts follow them.
    for number in range(30):
        await store.write(lambda tx, number=number: tx.set_meta("tick", str(number)))
    assert await load(store) == {}
    await store.write(lambda tx: tx.workflows.add_workflow(a_workflow(uid="new")))  # the name is free
    await store.close()


# -- executions -----------------------------------------------------------------------------------------------------


async def test_given_an_execution_when_stored_and_changed_then_every_field_comes_back(store: Store) -> None:
    workflow = a_workflow()
    execution = an_execution(workflow, "e1", argument='"😀 船"')
    error = ExecutionError(payload='"\ud800"', context="in step x")
    failed = replace(execution, state=ExecutionState.FAILED, error=error, end_s=NOW_S + 0.1, state_detail="x")
    await store.write(lambda tx: tx.workflows.add_workflow(workflow))
    await store.write(lambda tx: tx.workflows.add_execution(execution))
    assert await store.read(lambda tx: tx.workflows.find_execution(execution.name)) == execution
    assert await store.write(lambda tx: tx.workflows.save_execution(failed))
    assert await store.read(lambda tx: tx.workflows.execution_by_uid("e1")) == failed
    with pytest.raises(AlreadyExists, match="executions/e1"):
        await store.write(lambda tx: tx.workflows.add_execution(execution))
    other = replace(execution.name, workflow="v")
    assert await store.read(lambda tx: tx.workflows.find_execution(other)) is None


async def test_given_an_execution_that_has_ended_when_saved_otherwise_then_it_stays_but_for_its_history(
    store: Store,
) -> None:
    workflow = a_workflow()
    ended = succeeded(an_execution(workflow, "e1"))

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        tx.workflows.add_execution(an_execution(workflow, "e1"))
        assert tx.workflows.save_execution(ended)

    await store.write(unit)
    cancelled = replace(ended, state=ExecutionState.CANCELLED, end_s=NOW_S + 9)
    assert not await store.write(lambda tx: tx.workflows.save_execution(cancelled))
    stuck = replace(ended, state=ExecutionState.UNAVAILABLE, end_s=None)
    assert not await store.write(lambda tx: tx.workflows.save_execution(stuck))
    assert await store.write(lambda tx: tx.workflows.save_execution(replace(ended, is_history_deleted=True)))
    found = await store.read(lambda tx: tx.workflows.execution_by_uid("e1"))
    assert found == replace(ended, is_history_deleted=True)


async def test_given_a_journal_when_appended_then_it_comes_back_in_order_and_no_entry_is_written_twice(
    store: Store,
) -> None:
    workflow = a_workflow()
    first, second, third = entries()

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        tx.workflows.add_execution(an_execution(workflow, "e1"))
        assert tx.workflows.append("e1", 0, [first])

    await store.write(unit)
    assert await store.write(lambda tx: tx.workflows.append("e1", 1, [second, third]))
    assert await store.read(lambda tx: tx.workflows.journal("e1")) == [first, second, third]
    with pytest.raises(CorruptStore, match="entry 2 of execution e1"):
        await store.write(lambda tx: tx.workflows.append("e1", 2, [first]))
    assert await store.read(lambda tx: tx.workflows.journal("e1")) == [first, second, third]
    assert not await store.write(lambda tx: tx.workflows.append("nothing", 0, [first]))


@pytest.mark.parametrize(("seq", "limit_bytes", "wanted"), [(0, 1, 1), (0, 10_000, 3), (1, 10_000, 2), (3, 1, 0)])
async def test_given_a_journal_when_a_part_is_read_then_it_has_no_more_than_was_asked_for(
    store: Store, seq: int, limit_bytes: int, wanted: int
) -> None:
    workflow, written = a_workflow(), entries()

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        tx.workflows.add_execution(an_execution(workflow, "e1"))
        tx.workflows.add_execution(an_execution(workflow, "e2"))
        tx.workflows.append("e1", 0, written)

    await store.write(unit)
    part = await store.read(lambda tx: tx.workflows.journal_part("e1", seq, limit_bytes))
    assert part == written[seq : seq + wanted]
    assert await store.read(lambda tx: tx.workflows.journal_end("e1")) == written[-1]
    for uid in ("e2", "nothing"):
        assert await store.read(lambda tx, uid=uid: tx.workflows.journal_part(uid, 0, 1)) == []  # type: ignore[misc]
        assert await store.read(lambda tx, uid=uid: tx.workflows.journal_end(uid)) is None  # type: ignore[misc]


async def test_given_executions_in_all_states_when_counted_then_counts_follow_every_change(store: Store) -> None:
    workflow, elsewhere = a_workflow(), a_workflow(location="osaka")

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        tx.workflows.add_workflow(elsewhere)
        for number in range(4):
            tx.workflows.add_execution(
                an_execution(workflow, f"e{number}", state=ExecutionState.QUEUED, start_s=None, end_s=None)
            )
        tx.workflows.add_execution(an_execution(elsewhere, "o1", state=ExecutionState.QUEUED))

    await store.write(unit)
    assert await store.read(lambda tx: tx.workflows.first_queued("p", "tokyo", 3)) == ["e0", "e1", "e2"]
    assert sorted(await store.read(lambda tx: tx.workflows.queued_places())) == [("p", "osaka"), ("p", "tokyo")]
    stuck = an_execution(workflow, "e1", state=ExecutionState.UNAVAILABLE)
    await store.write(lambda tx: tx.workflows.save_execution(an_execution(workflow, "e0")))
    await store.write(lambda tx: tx.workflows.save_execution(stuck))
    assert await load(store) == {
        ExecutionState.ACTIVE: 1,
        ExecutionState.UNAVAILABLE: 1,
        ExecutionState.QUEUED: 2,
    }
    assert await store.read(lambda tx: tx.workflows.stuck()) == ["e1"]
    assert await store.read(lambda tx: tx.workflows.first_queued("p", "tokyo", 3)) == ["e2", "e3"]
    totals = await store.read(lambda tx: dict(tx.workflows.totals()))
    assert totals["workflow_executions_queued"] == 3


async def test_given_ended_executions_when_old_then_they_are_found_and_removed_with_their_keys(store: Store) -> None:
    workflow = a_workflow()

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        for number in range(4):
            tx.workflows.add_execution(an_execution(workflow, f"e{number}"))
            tx.workflows.append(f"e{number}", 0, entries())
            tx.operations.keep_key(workflow.uid, f"key-{number}", "digest", f"e{number}")
        for number, at_s in ((1, 20.0), (2, 10.0), (3, 30.0)):
            tx.workflows.save_execution(succeeded(an_execution(workflow, f"e{number}"), at_s=NOW_S + at_s))

    await store.write(unit)
    assert await store.read(lambda tx: tx.workflows.ended_before(NOW_S + 25, 10)) == ["e2", "e1"]
    assert await store.read(lambda tx: tx.workflows.ended_before(NOW_S + 25, 1)) == ["e2"]
    await store.write(lambda tx: tx.workflows.remove_execution("e2"))
    await store.write(lambda tx: tx.workflows.remove_execution("e2"))
    assert await store.read(lambda tx: tx.workflows.ended_before(NOW_S + 25, 10)) == ["e1"]
    assert await store.read(lambda tx: tx.operations.find_keyed(workflow.uid, "key-2")) is None
    assert await store.read(lambda tx: tx.operations.find_keyed(workflow.uid, "key-1")) is not None
    removed = await store.read(lambda tx: tx.changes(0, 100, "p", frozenset({ChangeKind.REMOVED})))
    assert [change.name for change in removed] == [str(workflow.name.execution("e2"))]


# -- lists ----------------------------------------------------------------------------------------------------------


async def pages(store: Store, order: ExecutionOrder, limit: int, between: Callable[[WriteTx], object]) -> list[str]:
    """All uids of a list, page by page; `between` changes something after the first page."""
    found: list[str] = []
    after = ""
    while True:
        page = Page(limit=limit, after=after)
        listed = await store.read(
            lambda tx, page=page: tx.workflows.list_executions(a_workflow().uid, order, page, is_full=False)
        )
        if not listed:
            return found
        found += [item.execution.uid for item in listed]
        after = listed[-1].cursor
        await store.write(between)


def twenty(tx: WriteTx) -> None:
    """Executions of which many are alike in what lists are ordered by."""
    workflow = a_workflow()
    tx.workflows.add_workflow(workflow)
    for number in range(20):
        execution = an_execution(
            workflow,
            f"e{(number * 7) % 20:02d}",
            create_s=NOW_S + number // 3,
            start_s=None if number % 5 == 0 else NOW_S + number % 4,
            revision_id=f"{number % 3 + 1:06d}-abc",
        )
        tx.workflows.add_execution(execution)
        if number % 2 and execution.start_s is not None:
            tx.workflows.save_execution(succeeded(execution, at_s=NOW_S + 10 + number % 6))


@pytest.mark.parametrize("is_falling", [False, True])
@pytest.mark.parametrize("field", list(ExecutionField))
async def test_given_an_order_when_paged_while_rows_go_then_each_that_stays_comes_once_in_order(
    store: Store, field: ExecutionField, is_falling: bool
) -> None:
    await store.write(twenty)
    order = ExecutionOrder(field=field, is_falling=is_falling)
    whole = await pages(store, order, 100, lambda tx: None)
    assert len(set(whole)) == 20
    executions = {uid: await store.read(lambda tx, uid=uid: tx.workflows.execution_by_uid(uid)) for uid in whole}

    def place(uid: str) -> object:
        found = executions[uid]
        assert found is not None
        last = float("inf")
        match field:
            case ExecutionField.EXECUTION_ID:
                return found.uid
            case ExecutionField.STATE:
                return found.state.value
            case ExecutionField.CREATE_TIME:
                return found.create_s
            case ExecutionField.START_TIME:
                return last if found.start_s is None else found.start_s
            case ExecutionField.END_TIME:
                return last if found.end_s is None else found.end_s
            case ExecutionField.DURATION:
                return last if found.end_s is None or found.start_s is None else found.end_s - found.start_s
            case ExecutionField.REVISION:
                return found.revision_id

    assert [place(uid) for uid in whole] == sorted(map(place, whole), reverse=is_falling)  # type: ignore[type-var]
    assert await pages(store, order, 3, lambda tx: tx.workflows.remove_execution(whole[2])) == whole


async def test_given_an_order_of_several_fields_when_paged_then_each_counts_where_those_before_are_equal(
    store: Store,
) -> None:
    await store.write(twenty)
    order = ExecutionOrder(
        field=ExecutionField.STATE,
        is_falling=True,
        then=(
            ExecutionOrder(field=ExecutionField.REVISION, is_falling=False),
            ExecutionOrder(field=ExecutionField.CREATE_TIME, is_falling=True),
        ),
    )
    listed = await store.read(lambda tx: tx.workflows.list_executions(a_workflow().uid, NEWEST, ALL, is_full=False))
    wanted = [item.execution for item in listed]  # the newest first
    wanted.sort(key=lambda found: found.create_s, reverse=True)
    wanted.sort(key=lambda found: found.revision_id)
    wanted.sort(key=lambda found: found.state.value, reverse=True)
    uids = [found.uid for found in wanted]
    for limit in (100, 3, 1):
        assert await pages(store, order, limit, lambda tx: None) == uids
    assert await pages(store, order, 3, lambda tx: tx.workflows.remove_execution(uids[2])) == uids
    one = await store.read(lambda tx: tx.workflows.list_executions("uid", NEWEST, Page(limit=1), is_full=False))
    assert one == []
    for wrong in ('["a",1]', '["a","b",1.5,"c"]', "[[],1,2,3]", "7"):
        with pytest.raises(InvalidArgument, match="page token"):
            await store.read(
                lambda tx, wrong=wrong: tx.workflows.list_executions(
                    "uid", order, Page(limit=1, after=wrong), is_full=False
                )
            )


async def test_given_a_basic_list_when_read_then_large_fields_are_left_out(store: Store) -> None:
    workflow = a_workflow()

    def unit(tx: WriteTx) -> None:
        tx.workflows.add_workflow(workflow)
        tx.workflows.add_execution(an_execution(workflow, "e1"))
        tx.workflows.save_execution(succeeded(an_execution(workflow, "e1")))

    await store.write(unit)

    def look(tx: ReadTx, *, is_full: bool) -> WorkflowExecution:
        return tx.workflows.list_executions(workflow.uid, NEWEST, ALL, is_full=is_full)[0].execution

    assert await store.read(lambda tx: look(tx, is_full=True)) == succeeded(an_execution(workflow, "e1"))
    basic = await store.read(lambda tx: look(tx, is_full=False))
    assert (basic.argument, basic.result, basic.current_steps) == (None, None, ())
    assert (basic.state, basic.labels) == (ExecutionState.SUCCEEDED, {"a": "b"})


@pytest.mark.parametrize(
    "token",
    ["x", "[]", "[1]", "[1,2,3]", '["a","b"]', "[null,1]", "[1,-1]", f"[1,{1 << 70}]", f"[{1 << 70},1]", "[[],1]"],
)
async def test_given_a_cursor_of_no_list_when_listed_then_it_is_refused(store: Store, token: str) -> None:
    with pytest.raises(InvalidArgument, match="page token"):
        await store.read(
            lambda tx: tx.workflows.list_executions("uid", NEWEST, Page(limit=1, after=token), is_full=False)
        )


async def test_given_a_store_when_reopened_then_workflows_executions_and_counts_are_there(
    store_factory: Stores,
) -> None:
    first = await store_factory.open()
    await first.write(twenty)
    before = await load(first), await first.read(lambda tx: tx.digest("p"))
    await first.close()
    second = await store_factory.open()
    assert (await load(second), await second.read(lambda tx: tx.digest("p"))) == before
    await second.close()


# -- the feed and operations ----------------------------------------------------------------------------------------


async def test_given_changes_of_workflows_when_the_feed_is_read_then_each_is_told_once_in_its_newest_picture(
    store: Store,
) -> None:
    workflow = a_workflow()
    execution = an_execution(workflow, "e1")
    await store.write(lambda tx: tx.workflows.add_workflow(workflow))
    before = await store.read(lambda tx: tx.seq)
    await store.write(lambda tx: tx.workflows.add_execution(execution))
    await store.write(lambda tx: tx.workflows.append("e1", 0, entries()))
    await store.write(lambda tx: tx.workflows.save_execution(succeeded(execution)))
    await store.write(lambda tx: tx.workflows.replace_workflow(replace(workflow, labels={})))
    await store.write(lambda tx: tx.workflows.add_workflow(a_workflow(project="q")))
    found = await store.read(lambda tx: tx.changes(before, 100, "p"))
    assert [(change.kind, change.name) for change in found] == [
        (ChangeKind.WORKFLOW_EXECUTION, str(execution.name)),
        (ChangeKind.WORKFLOW, str(workflow.name)),
    ]
    # Without what may be large.
    assert found[0].workflow_execution == replace(succeeded(execution), argument=None, result=None)
    assert found[1].workflow == replace(workflow, labels={})
    only = await store.read(lambda tx: tx.changes(0, 100, None, frozenset({ChangeKind.WORKFLOW})))
    assert len(only) == 2
    error = ExecutionError(payload='"\ud800"', context="in step x")
    failed = an_execution(workflow, "e2", state=ExecutionState.FAILED, end_s=NOW_S, error=error)
    start = await store.read(lambda tx: tx.seq)
    await store.write(lambda tx: tx.workflows.add_execution(failed))
    last = await store.read(lambda tx: tx.changes(start, 100, "p"))
    short = replace(failed, argument=None, error=replace(error, payload=""))
    assert [change.workflow_execution for change in last if change.workflow_execution is not None] == [short]
    await store.write(lambda tx: tx.workflows.remove_workflow(workflow))
    last = await store.read(lambda tx: tx.changes(start + 1, 100, "p"))
    assert [(change.kind, change.name) for change in last] == [(ChangeKind.REMOVED, str(workflow.name))]


async def test_given_operations_of_workflows_when_asked_for_then_they_come_as_they_were(store: Store) -> None:
    workflow = a_workflow()
    made, failed = (
        WorkflowOperation(
            name=OperationName(project="p", location="tokyo", operation=operation),
            verb=verb,
            target=workflow.name,
            create_time_s=NOW_S,
            workflow=shown,
            error=error,
        )
        for operation, verb, shown, error in (
            ("o1", Verb.CREATE, workflow, None),
            ("o2", Verb.UPDATE, None, (3, "no good")),
        )
    )
    await store.write(lambda tx: tx.operations.add_workflow_operation(made))
    await store.write(lambda tx: tx.operations.add_workflow_operation(failed))
    assert await store.read(lambda tx: tx.operations.list_operations("p", "tokyo", ALL)) == [failed, made]
    assert await store.read(lambda tx: tx.operations.find_operation(made.name)) == made
    assert await store.read(lambda tx: tx.operations.find_run_operation(made.name)) is None
    assert await store.write(lambda tx: tx.operations.delete_operation(made.name))
    assert await store.read(lambda tx: tx.operations.find_operation(made.name)) is None


# -- snapshots, forks, digests --------------------------------------------------------------------------------------


def fill(tx: WriteTx, project: str = "p", *, uid: str = "", at_s: float = NOW_S, code: int = 200) -> None:
    """A workflow with two revisions, two ended executions with journals, and one under way."""
    workflow = replace(a_workflow(project=project, uid=uid), create_s=at_s, update_s=at_s)
    tx.workflows.add_workflow(workflow)
    newer = replace(a_revision(2, project=project, source="new"), id=f"000002-{uid[:3] or 'def'}", create_s=at_s)
    tx.workflows.replace_workflow(replace(workflow, revision=newer))
    for number, name in enumerate(("b", "a", "c")):
        execution = an_execution(workflow, f"{uid}{project}-{name}", create_s=at_s, start_s=at_s, argument=f"{number}")
        tx.workflows.add_execution(execution)
        tx.workflows.append(execution.uid, 0, entries(at_s, code))
        if name != "c":
            tx.workflows.save_execution(succeeded(execution, f'"{number}"', at_s + 7))


async def digest(store: Store, project: str) -> str:
    return await store.read(lambda tx: tx.digest(project))


async def test_given_workflows_when_snapshotted_and_forked_then_the_copy_is_whole_under_new_uids(store: Store) -> None:
    await store.write(fill)
    await store.write(lambda tx: tx.snapshot("s1", "p", NOW_S))
    original = await store.read(lambda tx: tx.workflows.find_workflow(a_workflow().name))
    assert original is not None
    await store.write(lambda tx: tx.workflows.remove_workflow(original))
    await store.write(lambda tx: tx.fork("s1", "copy"))
    await store.write(lambda tx: tx.fork("s1", "again"))

    copy = await store.read(lambda tx: tx.workflows.find_workflow(replace(original.name, project="copy")))
    assert copy is not None
    assert copy.uid != original.uid
    assert copy.revision.service_account == f"projects/copy/serviceAccounts/{default_service_account('copy')}"
    moved = replace(original.revision, service_account=copy.revision.service_account)
    assert replace(copy, name=original.name, uid=original.uid, revision=moved) == replace(original, revision=moved)
    assert len(await store.read(lambda tx: tx.workflows.list_revisions(copy.uid, ALL))) == 2
    listed = await store.read(lambda tx: tx.workflows.list_executions(copy.uid, NEWEST, ALL, is_full=True))
    executions = [item.execution for item in listed]
    assert [execution.result for execution in executions] == ['"1"', '"0"']  # what was under way is left out
    for execution in executions:
        assert execution.name == copy.name.execution(execution.uid)
        assert execution.workflow_uid == copy.uid
        assert execution.service_account == default_service_account("copy")
        assert await store.read(lambda tx, uid=execution.uid: tx.workflows.journal(uid)) == entries()
        assert await store.read(lambda tx, name=execution.name: tx.workflows.find_execution(name)) == execution
    assert await load(store, "copy") == {ExecutionState.SUCCEEDED: 2}
    assert await digest(store, "copy") == await digest(store, "again") != await digest(store, "nothing")
    with pytest.raises(AlreadyExists, match="not empty"):
        await store.write(lambda tx: tx.fork("s1", "copy"))


async def test_given_the_same_work_at_another_time_and_place_when_digested_then_it_is_the_same(store: Store) -> None:
    await store.write(fill)
    await store.write(lambda tx: fill(tx, "q", uid="another", at_s=NOW_S + 1_000))
    assert await digest(store, "p") == await digest(store, "q")


def _save(tx: WriteTx, execution: WorkflowExecution) -> None:
    assert tx.workflows.save_execution(execution)


@pytest.mark.parametrize("difference", ["label", "revision", "history", "call", "end", "execution", "workflow"])
async def test_given_a_difference_that_users_see_when_digested_then_it_shows(store: Store, difference: str) -> None:
    await store.write(fill)

    def unit(tx: WriteTx) -> None:
        fill(tx, "q", code=500 if difference == "call" else 200)
        workflow = tx.workflows.find_workflow(a_workflow(project="q").name)
        ended, open_ = (tx.workflows.execution_by_uid(f"q-{name}") for name in ("a", "c"))
        assert workflow is not None
        assert ended is not None
        assert open_ is not None
        match difference:
            case "label":
                tx.workflows.replace_workflow(replace(workflow, labels={}))
            case "revision":
                tx.workflows.replace_workflow(replace(workflow, revision=a_revision(3, project="q", source="newest")))
            case "history":
                _save(tx, replace(ended, is_history_deleted=True))
            case "end":
                _save(tx, succeeded(open_))
            case "execution":
                tx.workflows.remove_execution(ended.uid)
            case "workflow":
                tx.workflows.remove_workflow(workflow)
            case _:
                pass

    await store.write(unit)
    assert await digest(store, "p") != await digest(store, "q")
