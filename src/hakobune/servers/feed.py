"""The change feed: what changed after a commit number, by long poll or as server-sent events.

An answer and its `seq` come from one read, so lists and counts that a reader folds from it are those of one instant.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

import anyio

from hakobune.core.errors import OutOfRange
from hakobune.core.names import check_project
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.query import count, only
from hakobune.store.api import Change, ReadTx
from hakobune.wire import run_v2
from hakobune.wire.executions_v1 import View, execution_to_json
from hakobune.wire.workflows_v1 import workflow_to_json

CHANGES_MAX = 500  # of one answer; a commit is never cut in two
_WAIT_MAX_S = 55.0  # proxies and clients of the web hang up after a minute of silence
_HEARTBEAT_S = 15.0  # a comment at least this often tells a reader of events that we live, and us that it does
_BURST_S = 0.05  # a burst of commits becomes one look
_STREAM = "text/event-stream"


class Feed:
    """Handlers of `/hakobune/v1/changes`."""

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store

    def routes(self, router: Router) -> None:
        """Register the path."""
        router.add("GET", "/hakobune/v1/changes", only("since project wait", self.changes))

    async def changes(self, request: Request) -> Response:
        """`?since=SEQ&project=P&wait=SECONDS`: resources that changed after commit SEQ, each once, in its newest
        picture, and the commit up to which that is all. With `wait` an empty answer is held back until something
        changes. With `Accept: text/event-stream` a stream that never ends. Raises InvalidArgument, OutOfRange."""
        fields = request.query_fields()
        since = count(fields.get("since", "0"), "since")
        wait_s = min(float(count(fields.get("wait", "0"), "wait")), _WAIT_MAX_S)
        project = check_project(fields["project"], field="project") if fields.get("project") else None
        if _STREAM in request.headers.get("accept", ""):
            last = request.headers.get("last-event-id", "")
            since = count(last, "Last-Event-ID") if last else since
            headers = [("Content-Type", _STREAM), ("Cache-Control", "no-store")]
            return Response(headers=headers, stream=self._events(since, project))
        seq, found = await self._changes(since, project)
        if not found and wait_s:
            seq, found = await self._awaited(seq, project, wait_s)
        return json_response({"seq": str(seq), "changes": [change_to_json(change) for change in found]})

    async def _changes(self, since: int, project: str | None) -> tuple[int, list[Change]]:
        """Changes after `since`, and the commit up to which they are complete. Raises OutOfRange."""
        return await self._store.read(lambda tx: _complete(tx, since, project))

    async def _awaited(self, since: int, project: str | None, wait_s: float) -> tuple[int, list[Change]]:
        """As `_changes`, as soon as there is one, or after `wait_s`. Commits of other projects do not end it."""
        end_s = anyio.current_time() + wait_s
        while True:
            await self._store.wait_for_change(since, max(0.0, end_s - anyio.current_time()))
            since, found = await self._changes(since, project)
            left_s = end_s - anyio.current_time()
            if found or left_s <= 0:
                return since, found
            await anyio.sleep(min(_BURST_S, left_s))

    async def _events(self, since: int, project: str | None) -> AsyncGenerator[bytes, None]:
        spoken_s = anyio.current_time()
        while True:
            text = ""
            try:
                since, found = await self._changes(since, project)
                text = _events_of(found)
            except OutOfRange:  # a reader that was away for long lists again
                since = await self._store.read(lambda tx: tx.seq)
                text = f"id: {since}\nevent: reset\ndata: {{}}\n\n"
            if not text and anyio.current_time() - spoken_s >= _HEARTBEAT_S:
                text = ": nothing new\n\n"
            if text:
                spoken_s = anyio.current_time()
                yield text.encode()
            await self._store.wait_for_change(since, _HEARTBEAT_S)
            await anyio.sleep(_BURST_S)


def _complete(tx: ReadTx, since: int, project: str | None) -> tuple[int, list[Change]]:
    if since > tx.seq:
        raise OutOfRange(f"There is no commit {since} yet, the newest is {tx.seq}: list again.")
    found = tx.changes(since, CHANGES_MAX, project)
    has_more = bool(found) and bool(tx.changes(found[-1].seq, 1, project))
    return (found[-1].seq if has_more else tx.seq), found


def _events_of(found: list[Change]) -> str:
    """One event for each change. Only the last one of a commit has an id: who comes back with it has all before it."""
    parts: list[str] = []
    for place, change in enumerate(found, 1):
        is_last = place == len(found) or found[place].seq != change.seq
        data = json.dumps(change_to_json(change), separators=(",", ":"))
        mark = f"id: {change.seq}\n" if is_last else ""
        parts.append(f"{mark}event: {change.kind}\ndata: {data}\n\n")
    return "".join(parts)


def change_to_json(change: Change) -> dict[str, object]:
    """A change, with the picture of what changed."""
    found: dict[str, object] = {"seq": str(change.seq), "kind": change.kind.value, "name": change.name}
    if change.job is not None:
        found["job"] = run_v2.job_to_json(change.job)
    if change.execution is not None:
        found["execution"] = run_v2.execution_to_json(change.execution)
    if change.workflow is not None:
        found["workflow"] = workflow_to_json(change.workflow)
    if change.workflow_execution is not None:
        # What may be large stays where it is: a change of 500 executions is one answer.
        found["workflowExecution"] = execution_to_json(change.workflow_execution, View.BASIC)
    if change.task is not None:
        found["task"] = {"index": change.task.index, "state": change.task.state.value, "retried": change.task.retried}
    return found
