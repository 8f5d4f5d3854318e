"""`events.create_callback_endpoint` and `events.await_callback`.

Source: https://cloud.google.com/workflows/docs/creating-callback-endpoints and the pages of `events` in the library's
reference
"""

from __future__ import annotations

import re
from typing import Final

from hakobune.core.instants import timestamp_to_text
from hakobune.core.workflows import limits
from hakobune.core.workflows.effects import AwaitCallback, CallbackRequest, Done, Procedure
from hakobune.core.workflows.failures import timeout_error, value_error
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.arguments import given, mapping, number, text
from hakobune.core.workflows.stdlib.http_messages import decode_body, unexpected
from hakobune.core.workflows.stdlib.http_requests import METHODS
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.values import Value, number_text

_EXECUTION_ID: Final = "GOOGLE_CLOUD_WORKFLOW_EXECUTION_ID"
_CALLBACK = re.compile(r".*/executions/(?P<execution>[^/?#]+)/callbacks/(?P<id>[^/?#]+)", re.DOTALL)


def create_callback_endpoint(context: Context, http_callback_method: Value | Missing) -> Value:
    """`{url}` of a new endpoint of this execution. Raises Failure (TypeError, ValueError)."""
    function = "events.create_callback_endpoint"
    method = text(function, "http_callback_method", given(http_callback_method, "POST"))
    if method not in METHODS:
        raise value_error(f'{function}: unsupported method "{method[:20]}", want one of {", ".join(METHODS)}')
    return {"url": context.create_callback(method)}


def await_callback(context: Context, callback: Value, timeout: Value | Missing) -> Procedure:
    """The next request to an endpoint of this execution. Raises Failure (TypeError, ValueError, TimeoutError)."""
    timeout_s = number("events.await_callback", "timeout", given(timeout, limits.CALLBACK_TIMEOUT_S))
    if not 0 <= timeout_s <= limits.CALLBACK_TIMEOUT_S_MAX:
        most = number_text(limits.CALLBACK_TIMEOUT_S_MAX)
        raise value_error(f"events.await_callback: timeout must be between 0 and {most} seconds")
    effect = AwaitCallback(callback=_callback_id(context, callback), until_s=context.now_s() + timeout_s)
    answer = yield effect
    match answer:
        case CallbackRequest():
            return request_value(answer)
        case Done():
            raise timeout_error(f"no callback was received within {number_text(timeout_s)} seconds")
        case _:
            raise unexpected(effect, answer)


def _callback_id(context: Context, callback: Value) -> str:
    """The last part of the endpoint's path. The address before it may have been another one when it was made."""
    url = text(
        "events.await_callback", "callback.url", mapping("events.await_callback", "callback", callback).get("url")
    )
    match = _CALLBACK.fullmatch(url)
    if match is None:
        raise value_error("events.await_callback: callback is not what events.create_callback_endpoint gives")
    if match["execution"] != context.environment.get(_EXECUTION_ID, match["execution"]):
        raise value_error("events.await_callback: the callback endpoint belongs to another execution")
    return match["id"]


def request_value(request: CallbackRequest) -> Value:
    """The result of `await_callback`. A query parameter that came several times is a list (inferred)."""
    query: dict[str, Value] = {}
    for name, value in request.query:
        before = query.get(name)
        if before is None:
            query[name] = value
        else:
            query[name] = [*before, value] if isinstance(before, list) else [before, value]
    return {
        "http_request": {
            "body": decode_body(request.headers, request.body) if request.body else None,
            "headers": dict[str, Value](request.headers),
            "method": request.method,
            "query": query,
            "url": request.url,
        },
        "received_time": timestamp_to_text(request.received_s),
        "type": "HTTP",
    }


FUNCTIONS = (
    LibraryFunction(
        name="events.create_callback_endpoint",
        parameters=(LibraryParameter("http_callback_method", is_required=False, default="POST"),),
        kind=Kind.CONTEXT,
        run=create_callback_endpoint,
    ),
    LibraryFunction(
        name="events.await_callback",
        parameters=(
            LibraryParameter("callback"),
            LibraryParameter("timeout", is_required=False, default=limits.CALLBACK_TIMEOUT_S),
        ),
        kind=Kind.BLOCKING,
        run=await_callback,
    ),
)
