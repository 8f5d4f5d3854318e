"""What belongs to one execution of a workflow: step entries, callbacks, its export.

Source: https://cloud.google.com/workflows/docs/reference/executions/rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import parse_qsl

from hakobune.core import paging
from hakobune.core.errors import InvalidArgument, NotFound
from hakobune.core.filters import filter_from_text, orders_from_text, sort
from hakobune.core.filters_of_workflows import STEP_ENTRY_FIELDS, STEP_ENTRY_ORDERS
from hakobune.core.names import WorkflowExecutionName
from hakobune.core.workflows.effects import CallbackRequest
from hakobune.core.workflows.history import StepEntry
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.runtime.app import Runtime
from hakobune.runtime.http_responses import canonical
from hakobune.runtime.workflows import MethodMismatch
from hakobune.servers.executions_v1 import execution_name
from hakobune.servers.http.messages import BodyTooLarge, Request, Response, json_response
from hakobune.servers.http.router import Handler, MethodNotAllowed, Router
from hakobune.servers.parents import PAGE_BYTES, cut, page_of
from hakobune.servers.query import number, only
from hakobune.servers.run_v2 import body_of
from hakobune.wire.executions_v1 import delete_history_request_from_json
from hakobune.wire.executions_v1_parts import (
    callback_to_json,
    entry_view_from_text,
    export_to_json,
    step_entries_to_json,
    step_entry_to_json,
)
from hakobune.wire.pages import list_to_json
from hakobune.wire.schema import Json

_CALLBACK_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
_CALLBACKS_PAGE = 100  # default and largest page. Source: the reference of `callbacks.list`
_UNSEEN = frozenset({"authorization"})  # headers that are for us, and no business of the workflow
_SKIP_MAX = 1 << 31  # `skip` is an int32


class ExecutionPartsV1:
    """Handlers over the workflows room."""

    def __init__(self, runtime: Runtime) -> None:
        self._workflows = runtime.workflows
        self._clock = runtime.clock

    def routes(self, router: Router) -> None:
        """Register all paths. v1beta has none of them."""
        one = "/v1/projects/{project}/locations/{location}/workflows/{workflow}/executions/{execution}"
        steps = one + "/stepEntries"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", one + ":deleteExecutionHistory", "", self.delete_history),
            ("GET", one + ":exportData", "", self.export),
            ("GET", steps, "pageSize pageToken skip filter orderBy view", self.list_steps),
            ("GET", steps + "/{entry}", "view", self.get_step),
            ("GET", one + "/callbacks", "pageSize pageToken", self.list_callbacks),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))
        for method in _CALLBACK_METHODS:  # its query is the workflow's business
            router.add(method, one + "/callbacks/{callback}", self.deliver)

    async def delete_history(self, request: Request) -> Response:
        """`POST …/executions/E:deleteExecutionHistory`."""
        name = execution_name(request)
        delete_history_request_from_json(await body_of(request), str(name))
        await self._workflows.delete_history(name)
        return json_response({})

    async def export(self, request: Request) -> Response:
        """`GET …/executions/E:exportData`."""
        name = execution_name(request)
        return await self._workflows.histories.export(name, lambda data: json_response(export_to_json(data)))

    # -- steps ----------------------------------------------------------------------------------------------------

    async def list_steps(self, request: Request) -> Response:
        """`GET …/stepEntries`, by number if `orderBy` does not say otherwise. A token names a place in the list."""
        name = execution_name(request)
        fields = request.query_fields()
        text, order = fields.get("filter", ""), fields.get("orderBy", "")
        entry_view_from_text(fields.get("view", ""))
        wanted = filter_from_text(text, STEP_ENTRY_FIELDS)
        orders = orders_from_text(order, STEP_ENTRY_ORDERS)
        skip = number(request, "skip", digits_max=10)
        if not 0 <= skip < _SKIP_MAX:
            raise InvalidArgument("skip: must not be negative, nor more than 31 bits can say.")
        kind = f"step-entries/{name}?{text}&{order}&{skip}"
        page = page_of(request, kind)

        def shown(entries: Sequence[StepEntry]) -> Response:
            found = list(entries) if wanted is None else [entry for entry in entries if wanted.matches(entry)]
            sort(found, orders, STEP_ENTRY_FIELDS)
            return _page_of_steps(name, found, kind, int(page.after or skip), page.limit - 1)

        return await self._workflows.histories.step_entries(name, shown)

    async def get_step(self, request: Request) -> Response:
        """`GET …/stepEntries/N`."""
        name, entry_id = execution_name(request), request.parameters["entry"]
        entry_view_from_text(request.query_fields().get("view", ""))

        def shown(entries: Sequence[StepEntry]) -> Response:
            for entry in entries:
                if str(entry.entry_id) == entry_id:
                    return json_response(step_entry_to_json(name, entry))
            raise NotFound(f"Step entry '{entry_id[:40]}' of execution '{name.execution}' does not exist.")

        return await self._workflows.histories.step_entries(name, shown)

    # -- callbacks ------------------------------------------------------------------------------------------------

    async def list_callbacks(self, request: Request) -> Response:
        """`GET …/callbacks`: the open ones, by id."""
        name = execution_name(request)
        kind = f"callbacks/{name}"
        page = page_of(request, kind, default=_CALLBACKS_PAGE, most=_CALLBACKS_PAGE)
        callbacks = await self._workflows.questions.list_callbacks(name)
        wanted = [callback for key, callback in sorted(callbacks.items()) if key > page.after]
        shown, token = cut(wanted[: page.limit], page, kind, lambda callback: callback.id)
        items = [callback_to_json(name, callback) for callback in shown]
        return json_response(list_to_json("callbacks", items, token))

    async def deliver(self, request: Request) -> Response:
        """`…/callbacks/C`, by the method of the endpoint: any headers, query and body. Answered when it is durable."""
        url = f"{request.path}?{request.query}" if request.query else request.path
        try:
            body = await request.content(HTTP_RESPONSE_BYTES)
        except BodyTooLarge as error:
            raise BodyTooLarge(f"A request to a callback has a body of at most {HTTP_RESPONSE_BYTES} bytes.") from error
        received = CallbackRequest(
            method=request.method,
            url=url,
            query=tuple(parse_qsl(request.query, keep_blank_values=True)),
            headers=tuple((canonical(key), value) for key, value in request.headers.items() if key not in _UNSEEN),
            body=body,
            received_s=self._clock.now_s(),
        )
        try:
            await self._workflows.deliver_callback(execution_name(request), request.parameters["callback"], received)
        except MethodMismatch as mismatch:
            raise MethodNotAllowed(mismatch.message, mismatch.allowed) from mismatch
        return json_response({})


def _page_of_steps(
    name: WorkflowExecutionName, entries: Sequence[StepEntry], kind: str, start: int, most: int
) -> Response:
    """At most so many entries, fewer if they are large, and the token of the next ones."""
    items: list[Json] = []
    size = 0
    for entry in entries[start : start + most]:
        if size > PAGE_BYTES:
            break
        items.append(step_entry_to_json(name, entry))
        size += len(json.dumps(items[-1])) if entry.variables or entry.exception else 0
    end = start + len(items)
    token = paging.encode(kind, str(end)) if end < len(entries) else ""
    return json_response(step_entries_to_json(items, token, len(entries)))
