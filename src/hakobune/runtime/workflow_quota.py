"""The quota of workflows: an execution begins, or waits in the queue until another one has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hakobune.core.errors import ResourceExhausted
from hakobune.core.names import WorkflowExecutionName, project_number
from hakobune.core.workflows import journal
from hakobune.core.workflows.events import Stamped, Started
from hakobune.core.workflows.model import ExecutionState, Revision, Workflow, WorkflowExecution
from hakobune.core.workflows.states import ExecutionSignal, next_state
from hakobune.core.workflows.values import from_json
from hakobune.runtime.clock import Seeds
from hakobune.runtime.settings import Settings
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.runtime.workflow_driver import DRIVE, ROOM
from hakobune.runtime.workflow_loading import no_revision

_BEGUN_KEPT = 1_000
_BEGUN_BYTES = 16_384  # of definition and first entry: all that is kept takes at most 16 MB, for a moment
_BEGUN_AT_ONCE = 200  # queued executions that one turn begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An execution with its first entry, as a turn has written them."""

    execution: WorkflowExecution
    revision: Revision
    entry: bytes


class Beginnings:
    """Small executions that have begun and that nobody drives yet: they need not be read again."""

    def __init__(self) -> None:
        self._kept: dict[str, Begun] = {}

    def keep(self, begun: Begun) -> None:
        """Remember a beginning, if it is small."""
        if len(begun.entry) + len(begun.revision.source_contents) > _BEGUN_BYTES:
            return
        if len(self._kept) >= _BEGUN_KEPT:  # those of turns that failed are never asked for
            self._kept.clear()
        self._kept[begun.execution.uid] = begun

    def take(self, uid: str) -> Begun | None:
        """The beginning of an execution, once."""
        return self._kept.pop(uid, None)


class Quota:
    """Which executions may begin. `turn` is the one in which that becomes true: of a request, or of an end."""

    def __init__(self, wheel: Wheel, settings: Settings, seeds: Seeds, begun: Beginnings) -> None:
        self._wheel = wheel
        self._settings = settings
        self._seeds = seeds
        self._begun = begun

    def create(self, turn: Turn, workflow: Workflow, draft: WorkflowExecution) -> WorkflowExecution:
        """Store a new execution; it begins now, or is queued. Raises ResourceExhausted."""
        name = draft.name
        load = turn.tx.workflows.load(name.project, name.location)
        is_free = load.get(ExecutionState.ACTIVE, 0) < self._settings.workflow_executions_max
        if is_free and not load.get(ExecutionState.QUEUED, 0):
            active = replace(draft, state=next_state(draft.state, ExecutionSignal.BEGIN), start_s=draft.create_s)
            turn.tx.workflows.add_execution(active)
            return self._begin(turn, workflow.revision, draft)
        if draft.disable_buffering:
            raise ResourceExhausted(
                f"The quota of {self._settings.workflow_executions_max} concurrent executions in {name.location} is "
                "used up, and disableConcurrencyQuotaOverflowBuffering is set: try again later."
            )
        if load.get(ExecutionState.QUEUED, 0) >= self._settings.workflow_backlog_max:
            raise ResourceExhausted(f"The backlog of {name.location} is full: try again later.")
        turn.tx.workflows.add_execution(draft)
        if not is_free:
            return draft
        self.promote(turn, name.project, name.location)  # those before it first
        return turn.tx.workflows.execution_by_uid(draft.uid) or draft

    def _begin(self, turn: Turn, revision: Revision, execution: WorkflowExecution) -> WorkflowExecution:
        """Write the first entry of the journal, and have the execution driven."""
        active = replace(execution, state=next_state(execution.state, ExecutionSignal.BEGIN), start_s=turn.now_s)
        argument = None if execution.argument is None else from_json(execution.argument)
        started = Started(
            argument=argument,
            environment=environment(active.name, revision),
            execution=str(active.name),
            base_url=self._settings.base_url,
        )
        stamped = Stamped(event=started, at_s=round(turn.now_s, 6), seed=self._seeds.draw())
        entry = journal.encode(stamped)
        turn.tx.workflows.append(active.uid, 0, [entry])
        turn.emit(ROOM, active.uid, DRIVE)
        self._begun.keep(Begun(execution=active, revision=revision, entry=entry))
        return active

    def ended(self, turn: Turn, execution: WorkflowExecution) -> None:
        """In the turn of the end: the room that it leaves goes to the first in the queue."""
        self.promote(turn, execution.name.project, execution.name.location)

    def promote(self, turn: Turn, project: str, location: str) -> int:
        """Begin queued executions for which there is room now, the oldest first: how many. A bounded number of them."""
        load = turn.tx.workflows.load(project, location)
        room = min(self._settings.workflow_executions_max - load.get(ExecutionState.ACTIVE, 0), _BEGUN_AT_ONCE)
        if room <= 0 or not load.get(ExecutionState.QUEUED, 0):
            return 0
        queued = turn.tx.workflows.first_queued(project, location, room)
        for uid in queued:
            execution = turn.tx.workflows.execution_by_uid(uid)
            assert execution is not None  # read in the same transaction
            revision = turn.tx.workflows.find_revision(execution.workflow_uid, execution.revision_id)
            if revision is None:  # its neighbours must not wait for it
                state = next_state(execution.state, ExecutionSignal.SET_ASIDE)
                begun = replace(execution, state=state, state_detail=no_revision(execution))
            else:
                begun = self._begin(turn, revision, execution)
            turn.tx.workflows.save_execution(begun)
        return len(queued)

    async def fill(self, project: str, location: str) -> None:
        """Begin as many queued executions as there is room for, however many."""
        while await self._wheel.persist(lambda turn: self.promote(turn, project, location)) == _BEGUN_AT_ONCE:
            pass

    async def catch_up(self) -> None:
        """At a start: try once more what another version could not go on with, and begin what was queued if the quota
        was raised meanwhile."""
        stuck = await self._wheel.store.read(lambda tx: tx.workflows.stuck())
        for start in range(0, len(stuck), _BEGUN_AT_ONCE):
            uids = stuck[start : start + _BEGUN_AT_ONCE]
            await self._wheel.persist(partial(_try_again, uids=uids))
        for project, location in await self._wheel.store.read(lambda tx: tx.workflows.queued_places()):
            await self.fill(project, location)


def _try_again(turn: Turn, uids: Sequence[str]) -> None:
    for uid in uids:
        execution = turn.tx.workflows.execution_by_uid(uid)
        if execution is None or execution.state is not ExecutionState.UNAVAILABLE:
            continue
        signal = ExecutionSignal.QUEUE_AGAIN if execution.start_s is None else ExecutionSignal.GO_ON
        state = next_state(execution.state, signal)
        turn.tx.workflows.save_execution(replace(execution, state=state, state_detail=""))
        if state is ExecutionState.ACTIVE:
            turn.emit(ROOM, uid, DRIVE)


def environment(name: WorkflowExecutionName, revision: Revision) -> Mapping[str, str]:
    """What `sys.get_env` reads. Source: Workflows documentation, "Use environment variables"."""
    account = revision.service_account.rpartition("/")[2]
    return {
        **revision.user_env_vars,
        "GOOGLE_CLOUD_LOCATION": name.location,
        "GOOGLE_CLOUD_PROJECT_ID": name.project,
        "GOOGLE_CLOUD_PROJECT_NUMBER": project_number(name.project),
        "GOOGLE_CLOUD_SERVICE_ACCOUNT_NAME": account,
        "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ATTEMPT": "1",
        "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID": name.execution,
        "GOOGLE_CLOUD_WORKFLOW_ID": name.workflow,
        "GOOGLE_CLOUD_WORKFLOW_REVISION_ID": revision.id,
    }
