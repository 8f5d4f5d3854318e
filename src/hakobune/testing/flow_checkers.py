"""What must be true of executions of workflows, whatever went wrong: their books against the world outside."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from hakobune.core.jobs.states import ExecutionState as JobState
from hakobune.core.workflows import journal
from hakobune.core.workflows.effects import HttpResponse, NoResponse
from hakobune.core.workflows.events import Answered
from hakobune.core.workflows.model import FINAL_STATES, ExecutionState, WorkflowExecution
from hakobune.runtime.logs import Shelf
from hakobune.store.api import Page, ReadTx
from hakobune.store.workflows_api import ExecutionField, ExecutionOrder
from hakobune.testing.checkers import demand
from hakobune.testing.flow_model import Asked, Expected, child_of, expect
from hakobune.testing.flow_plans import CHILD_LOCATION, JOB, FlowPlan, FlowRun, FlowScenario, Kind, Revision
from hakobune.testing.partner import NETWORK_FAULTS_MAX, Ledger, Sent
from hakobune.testing.plans import LOCATION, PROJECT
from hakobune.testing.world import World

_STOP_WITHIN_S = 1.0  # between the answer to a delete, and the last call of an execution that it ends
_REFUSALS = frozenset({429, 503})
_PLACES = (LOCATION, CHILD_LOCATION)
_ALL = Page(limit=1_000)
_OLDEST_FIRST = ExecutionOrder(field=ExecutionField.CREATE_TIME, is_falling=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One execution that is still there, and all that is known of it."""

    execution: WorkflowExecution
    revision: Revision
    expected: Expected
    sent: list[Sent]
    entries: list[bytes]
    run: FlowRun | None  # None: a child

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.execution.name.workflow}/{self.execution.uid[:8]}"

    @property
    def may_be_cancelled(self) -> bool:
        """Somebody asked for that."""
        return self.run is not None and self.run.cancel_after_s is not None


async def check(world: World, scenario: FlowScenario) -> None:
    """Raises Violation with the first broken promise."""
    ledger = world.partner.ledger
    demand(not ledger.wrong, "; ".join(ledger.wrong[:5]))
    demand(world.active_most <= scenario.quota, f"{world.active_most} active at once, the quota is {scenario.quota}")
    _check_keys(ledger)
    rows = await world.look().read(_rows)
    cases = [_case(execution, entries, scenario, ledger) for execution, entries in rows]
    _check_all_there(scenario, cases)
    for case in cases:
        _check_end(case)
        _check_calls(case, ledger)
        _check_answers(case, ledger)
    _check_stops(scenario, ledger)
    _check_posts(ledger, {case.execution.uid: case for case in cases})
    _check_children(scenario, cases)
    await _check_jobs(world, scenario, cases)
    _check_logs(world, cases)
    loads = await world.look().read(lambda tx: {place: tx.workflows.load(PROJECT, place) for place in _PLACES})
    _check_counts(scenario, loads, cases)


def ends(scenario: FlowScenario, found_executions: Iterable[WorkflowExecution]) -> dict[str, str]:
    """What runs came to that nobody stopped, by their keys: equal in each world."""
    by_uid = {execution.uid: execution for execution in found_executions}
    found: dict[str, str] = {}
    for run in scenario.runs:
        execution = by_uid.get(run.uid)
        is_plain = run.cancel_after_s is None and run.flow.delete_after_s is None and len(run.flow.revisions) == 1
        if execution is not None and is_plain:
            payload = execution.error.payload if execution.error else ""
            found[run.key] = f"{execution.state} {execution.result} {payload}"
    return found


def executions(tx: ReadTx) -> list[WorkflowExecution]:
    """All that are there, whole, by workflow, oldest first."""
    found: list[WorkflowExecution] = []
    for workflow in tx.workflows.list_workflows(PROJECT, None, _ALL):
        listed = tx.workflows.list_executions(workflow.uid, _OLDEST_FIRST, _ALL, is_full=True)
        found += [item.execution for item in listed]
    return found


def _rows(tx: ReadTx) -> list[tuple[WorkflowExecution, list[bytes]]]:
    return [(execution, tx.workflows.journal(execution.uid)) for execution in executions(tx)]


def _case(execution: WorkflowExecution, entries: list[bytes], scenario: FlowScenario, ledger: Ledger) -> _Case:
    flow = next(flow for flow in scenario.flows if flow.name == execution.name.workflow)
    revision = flow.revisions[int(execution.revision_id.partition("-")[0]) - 1]
    return _Case(
        execution=execution,
        revision=revision,
        expected=expect(revision, _argument(execution), child_of(scenario.flows)),
        sent=[item for item in ledger.sent if item.uid == execution.uid],
        entries=entries,
        run=next((run for run in scenario.runs if run.uid == execution.uid), None),
    )


def _argument(execution: WorkflowExecution) -> int:
    return int(json.loads(execution.argument or "{}")["n"])


# -- all of them --------------------------------------------------------------------------------------------------


def _check_all_there(scenario: FlowScenario, cases: list[_Case]) -> None:
    """None lost, none doubled."""
    there = {case.execution.uid for case in cases}
    wanted: set[str] = set()
    for run in scenario.runs:
        if run.flow.deleted_at_s is not None:
            demand(run.uid not in there, f"{run.name}: deleted, and there again")
            continue
        demand(run.is_accepted, f"{run.key}: never accepted")
        demand(run.uid in there, f"{run.name}: accepted, and gone")
        demand(run.uid not in wanted, f"{run.name}: two keys, one execution")
        wanted.add(run.uid)
    strangers = [case.name for case in cases if case.run is None and case.execution.name.location != CHILD_LOCATION]
    demand(not strangers, f"executions that nobody asked for: {strangers}")


def _check_counts(
    scenario: FlowScenario, loads: Mapping[str, Mapping[ExecutionState, int]], cases: list[_Case]
) -> None:
    """Counts by state are those of the rows."""
    for place, load in loads.items():
        told = {state: count for state, count in load.items() if count}
        real = Counter(case.execution.state for case in cases if case.execution.name.location == place)
        if any(flow.deleted_at_s is not None for flow in scenario.flows):  # their rows may wait to be removed
            told.pop(ExecutionState.CANCELLED, None)
            real.pop(ExecutionState.CANCELLED, None)
        demand(told == dict(real), f"{place}: counts {told}, rows {dict(real)}")


def _check_keys(ledger: Ledger) -> None:
    """A call goes out once in one life; in another one it is the same to the last byte."""
    lives: set[tuple[int, str]] = set()
    first: dict[str, Sent] = {}
    for sent in ledger.sent:
        demand(bool(sent.key), f"{sent.request.url}: no key")
        if "#" in sent.call:  # a connector tries again under one key, which is no call id
            demand((sent.life, sent.key) not in lives, f"{sent.key}: sent twice in life {sent.life}")
        lives.add((sent.life, sent.key))
        before = first.setdefault(sent.key, sent)
        is_same = (before.request.url, before.request.body) == (sent.request.url, sent.request.body)
        demand(is_same, f"{sent.key}: {before.request.body!r} first, {sent.request.body!r} now")


# -- each of them -------------------------------------------------------------------------------------------------


def _check_end(case: _Case) -> None:
    """It ended as the model says, or as somebody asked."""
    execution, expected = case.execution, case.expected
    demand(execution.state in FINAL_STATES, f"{case.name}: {execution.state} {execution.state_detail}")
    demand(execution.end_s is not None, f"{case.name}: ended without an instant")
    if case.run is not None and case.run.was_cancelled:
        demand(execution.state is ExecutionState.CANCELLED, f"{case.name}: cancelled, and {execution.state}")
    if execution.state is ExecutionState.CANCELLED:
        demand(case.may_be_cancelled, f"{case.name}: cancelled, and nobody asked")
        return
    come_to: dict[str, object] = {"acc": expected.acc, "early": 0}
    if case.revision.is_raising:
        told = json.loads(execution.error.payload) if execution.error else execution.state
        come_to["code"] = 55
    else:
        told = json.loads(execution.result) if execution.result else (execution.state, execution.error)
    demand(told == come_to, f"{case.name}: came to {told}, expected {come_to}")


def _check_calls(case: _Case, ledger: Ledger) -> None:
    """Each call was made, none that was not asked for, in the order of the steps, as often as it had to be."""
    expected = case.expected
    keys: dict[Asked, set[str]] = defaultdict(set)
    order: list[Asked] = []
    for sent in case.sent:
        if sent.asked is not None:
            if sent.asked not in keys:
                order.append(sent.asked)
            keys[sent.asked].add(sent.key)
    strange = keys.keys() - expected.calls
    demand(not strange, f"{case.name}: calls that no step makes: {sorted(strange)}")
    stage_of = {asked: place for place, stage in enumerate(expected.stages) for asked in stage}
    stages = [stage_of[asked] for asked in order]
    demand(stages == sorted(stages), f"{case.name}: steps out of their order: {order}")
    for asked, found in keys.items():
        usual = expected.attempts.get(asked, 1)
        losses = ledger.network_faults[case.execution.uid, asked]
        demand(losses <= NETWORK_FAULTS_MAX, f"{case.name}: the network failed {losses} times")
        demand(len(found) <= usual + losses, f"{case.name}: {asked} has {len(found)} keys, {usual} expected")
        if case.execution.state is not ExecutionState.CANCELLED:
            demand(len(found) >= usual, f"{case.name}: {asked} has {len(found)} keys, {usual} expected")
    if case.execution.state is not ExecutionState.CANCELLED:
        missing = expected.calls - keys.keys()
        demand(not missing, f"{case.name}: never called: {sorted(missing)}")
        missing_keys = {sent.key for sent in case.sent if sent.asked} - ledger.arrived.keys() - ledger.losses
        demand(not missing_keys, f"{case.name}: never arrived: {sorted(missing_keys)}")
    _check_constant(case)


def _check_constant(case: _Case) -> None:
    """A UUID and an instant are the same wherever they are sent."""
    seen: dict[str, set[tuple[object, object]]] = defaultdict(set)
    for sent in case.sent:
        if sent.asked is not None:
            body = json.loads(sent.request.body or b"{}")
            if "u" in body:
                seen[sent.asked.step].add((body["u"], body["t"]))
    for step, pairs in seen.items():
        demand(len(pairs) == 1, f"{case.name}: {step} saw {sorted(map(str, pairs))}")


def _check_answers(case: _Case, ledger: Ledger) -> None:
    """What is on record is what the partner answered. Instants rise."""
    at_s = -1.0
    answered: set[str] = set()
    for entry in case.entries:
        stamped = journal.decode(entry)
        demand(stamped.at_s > at_s, f"{case.name}: {stamped.at_s} after {at_s}")
        at_s = stamped.at_s
        event = stamped.event
        if not isinstance(event, Answered):
            continue
        demand(event.call not in answered, f"{case.name}: {event.call} was answered twice")
        answered.add(event.call)
        key = f"{case.execution.name}/{event.call}"
        real = ledger.answers.get(key)
        if isinstance(event.answer, HttpResponse) and real is not None:
            told = (event.answer.code, event.answer.body)
            demand(told == (real.code, real.body), f"{key}: {told} on record, {real} answered")
        if isinstance(event.answer, NoResponse) and "partner" in _url(case.sent, key):
            demand(key in ledger.losses, f"{key}: {event.answer} on record, and the network did not fail")
    if case.execution.state is not ExecutionState.CANCELLED:
        # The tries of a connector call share a key that is no call id ("branch#number").
        open_keys = [item.key for item in case.sent if "#" in item.call and item.call not in answered]
        demand(not open_keys, f"{case.name}: no answer on record: {open_keys}")


def _url(sent: list[Sent], key: str) -> str:
    return next((item.request.url for item in sent if item.key == key), "")


# -- stops, callbacks ---------------------------------------------------------------------------------------------


def _check_stops(scenario: FlowScenario, ledger: Ledger) -> None:
    """Nothing is called after a cancel or a delete was answered."""
    for run in scenario.runs:
        stops = [at_s for at_s in (run.stopped_at_s, run.flow.deleted_at_s) if at_s is not None]
        if stops and run.uid:
            late = [item.key for item in ledger.sent if item.uid == run.uid and item.at_s > min(stops) + _STOP_WITHIN_S]
            demand(not late, f"{run.name}: stopped, and called {late}")


def _check_posts(ledger: Ledger, cases: dict[str, _Case]) -> None:
    """What was posted to a callback was answered as the contract says."""
    for post in ledger.posts:
        case = cases.get(post.uid)
        is_stopped = case is None or case.may_be_cancelled
        fine = {"first": {200}, "second": {200, 404, 429}, "wrong": {405}}[post.how]
        if post.how == "first" and (post.is_in_doubt or _has_second(ledger, post.uid)):
            fine = {200, 404, 429}
        demand(is_stopped or post.status in fine, f"{post.uid}: a {post.how} post was answered {post.status}")


def _has_second(ledger: Ledger, uid: str) -> bool:
    return any(post.how == "second" and post.uid == uid for post in ledger.posts)


# -- what workflows begin -----------------------------------------------------------------------------------------


def _check_children(scenario: FlowScenario, cases: list[_Case]) -> None:
    """One child for each step that runs one. One that was stopped may have come that far, or not."""
    children = Counter(_argument(case.execution) for case in cases if case.execution.name.location == CHILD_LOCATION)
    least: Counter[int] = Counter()
    most: Counter[int] = Counter()
    for case in cases:
        most.update(case.expected.children)
        if case.execution.state is not ExecutionState.CANCELLED:
            least.update(case.expected.children)
    demand(least <= children, f"children {children}, at least {least} expected")
    if not any(flow.is_doomed for flow in scenario.flows):
        demand(children <= most, f"children {children}, at most {most} expected")


async def _check_jobs(world: World, scenario: FlowScenario, cases: list[_Case]) -> None:
    """One execution of the job for each step that runs it; all have ended."""
    if not scenario.has_jobs:
        return
    everything = await world.look().read(lambda tx: tx.jobs.list_executions(PROJECT, None, None, _ALL))
    mine = [execution for execution in everything if execution.name.job == JOB]
    demand(all(execution.state is JobState.SUCCEEDED for execution in mine), "a job of a workflow failed")
    least = sum(case.expected.jobs for case in cases if case.execution.state is not ExecutionState.CANCELLED)
    gone = [run for run in scenario.runs if run.flow.is_doomed or run.cancel_after_s is not None]
    most = least + sum(_jobs_most(run.flow) for run in gone)
    demand(least <= len(mine) <= most, f"{len(mine)} executions of {JOB}, {least} to {most} expected")


def _jobs_most(flow: FlowPlan) -> int:
    return max(sum(part.kind is Kind.JOB for part in revision.parts) for revision in flow.revisions)


# -- the log ------------------------------------------------------------------------------------------------------


def _check_logs(world: World, cases: list[_Case]) -> None:
    """The begin and the end of each execution, and what it wrote: once. A clock that jumps may hide an entry from the
    look that keeps it from being written again."""
    kept = world.log_disk.kept
    may_double = world.has_jumped
    told: Counter[tuple[str, str]] = Counter()
    for _, entry in kept[Shelf.PLATFORM]:
        payload = cast("dict[str, object]", entry.json_payload)
        told[entry.labels["workflows.googleapis.com/execution_id"], str(payload["state"])] += 1
    texts = Counter(entry.insert_id.partition("/")[0] for _, entry in kept[Shelf.USER])
    calls = Counter(entry.insert_id for _, entry in kept[Shelf.CALLS])
    for case in cases:
        execution = case.execution
        if execution.start_s is None:  # it was cancelled in the queue
            continue
        began, ended = told[execution.uid, "ACTIVE"], told[execution.uid, execution.state.value]
        demand(began == 1 or may_double, f"{case.name}: {began} entries of its begin in the log")
        demand(ended == 1 or (may_double and ended > 1), f"{case.name}: {ended} entries of its end in the log")
        if execution.state is not ExecutionState.CANCELLED:
            count, wanted = texts[execution.uid], case.expected.logs
            is_fine = count == wanted or (may_double and count > wanted)
            demand(is_fine, f"{case.name}: {count} entries of its own in the log, {wanted} written")
    doubled = [key for key, count in calls.items() if count > 1]
    demand(may_double or not doubled, f"calls that are twice in the log: {doubled}")
