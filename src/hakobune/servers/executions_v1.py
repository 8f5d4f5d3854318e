"""Workflow Executions API v1 and v1beta: executions (https://cloud.google.com/workflows/docs/reference/executions/rest).

Their steps, callbacks and exports: `executions_v1_parts`.
"""

from __future__ import annotations

from dataclasses import replace

from hakobune.core import paging
from hakobune.core.filters import filter_from_text, orders_from_text
from hakobune.core.filters_of_workflows import EXECUTION_FIELDS, FULL_EXECUTION_FIELDS
from hakobune.core.names import WorkflowExecutionName
from hakobune.core.workflows.model import WorkflowExecution
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import PAGE_BYTES, idempotency_key, page_of
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.servers.workflows_v1 import workflow_name
from hakobune.store.api import Page
from hakobune.store.workflows_api import ExecutionField, ExecutionOrder
from hakobune.wire.executions_v1 import (
    View,
    cancel_request_from_json,
    execution_draft_from_json,
    execution_to_json,
    pubsub_draft_from_json,
    view_from_text,
)
from hakobune.wire.pages import list_to_json

# Default and largest pages. Source: the reference of `executions.list`.
_PAGE = 100
_FULL_BATCH = 10  # whole executions read at a time: each may have a megabyte
_PAGE_MAX = {View.BASIC: 1_000, View.FULL: 100}


def execution_name(request: Request) -> WorkflowExecutionName:
    """The execution in the path. Raises InvalidArgument."""
    found = request.parameters
    return WorkflowExecutionName.make(found["project"], found["location"], found["workflow"], found["execution"])


class ExecutionsV1:
    """Handlers over the workflows room."""

    def __init__(self, runtime: Runtime) -> None:
        self._workflows = runtime.workflows
        self._clock = runtime.clock

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for version in ("v1", "v1beta"):
            workflow = f"/{version}/projects/{{project}}/locations/{{location}}/workflows/{{workflow}}"
            base = workflow + "/executions"
            table: list[tuple[str, str, str, Handler]] = [
                ("POST", base, "", self.create),
                ("GET", base, "pageSize pageToken view filter orderBy", self.list_all),
                ("GET", base + "/{execution}", "view", self.get),
                ("POST", base + "/{execution}:cancel", "", self.cancel),
                ("POST", workflow + ":triggerPubsubExecution", "", self.trigger),
            ]
            for method, pattern, query, handler in table:
                router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`POST …/executions`: begins one, and answers at once."""
        draft = execution_draft_from_json(await body_of(request))
        key = idempotency_key(request)
        return json_response(execution_to_json(await self._workflows.execute(workflow_name(request), draft, key=key)))

    async def trigger(self, request: Request) -> Response:
        """`POST …/workflows/W:triggerPubsubExecution`: begins one with a message as its argument."""
        name = workflow_name(request)
        draft = pubsub_draft_from_json(await body_of(request), str(name), self._clock.now_s())
        execution = await self._workflows.execute(name, draft, key=idempotency_key(request))
        return json_response(execution_to_json(execution))

    async def get(self, request: Request) -> Response:
        """`GET …/executions/E`, whole if `view` does not say otherwise."""
        view = view_from_text(request.query_fields().get("view", ""), View.FULL)
        return json_response(
            execution_to_json(await self._workflows.questions.get_execution(execution_name(request)), view)
        )

    async def cancel(self, request: Request) -> Response:
        """`POST …/executions/E:cancel`."""
        name = execution_name(request)
        cancel_request_from_json(await body_of(request), str(name))
        return json_response(execution_to_json(await self._workflows.cancel(name)))

    async def list_all(self, request: Request) -> Response:
        """`GET …/executions`, newest first if `orderBy` does not say otherwise."""
        name = workflow_name(request)
        fields = request.query_fields()
        text, order = fields.get("filter", ""), fields.get("orderBy", "")
        view = view_from_text(fields.get("view", ""), View.BASIC)
        wanted = filter_from_text(text, EXECUTION_FIELDS)
        kind = f"workflow-executions/{name}?{text}&{order}"
        page = page_of(request, kind, default=_PAGE, most=_PAGE_MAX[view])
        needs_all = wanted is not None and bool(wanted.fields & FULL_EXECUTION_FIELDS)
        matches = None if wanted is None else wanted.matches
        found: list[WorkflowExecution] = []
        after, size = page.after, 0
        is_full = view is View.FULL or needs_all
        while len(found) < page.limit - 1 and size <= PAGE_BYTES:
            left = page.limit - 1 - len(found)
            part = Page(limit=min(left, _FULL_BATCH) if is_full else left, after=after)
            more, after = await self._workflows.questions.list_executions(
                name, _order(order), matches, part, is_full=is_full
            )
            found += more
            size += sum(map(_size, more))
            if not after:
                break
        items = [execution_to_json(execution, view) for execution in found]
        return json_response(list_to_json("executions", items, paging.encode(kind, after) if after else ""))


def _size(execution: WorkflowExecution) -> int:
    """About how many characters it takes in a page."""
    error = 0 if execution.error is None else len(execution.error.payload) + len(execution.error.context)
    return len(execution.argument or "") + len(execution.result or "") + error


def _order(text: str) -> ExecutionOrder:
    """What `orderBy` says. Raises InvalidArgument."""
    orders = orders_from_text(text, tuple(ExecutionField))
    if not orders:
        return ExecutionOrder()
    first, *others = (
        ExecutionOrder(field=ExecutionField(order.field), is_falling=order.is_falling) for order in orders
    )
    return replace(first, then=tuple(others))
