"""`http.get`, `http.post` and the like: one request, one answer.

Source: https://cloud.google.com/workflows/docs/reference/stdlib/http/get and the pages beside it
"""

from __future__ import annotations

from collections.abc import Callable

from hakobune.core.workflows import limits
from hakobune.core.workflows.effects import Procedure
from hakobune.core.workflows.frames import Context
from hakobune.core.workflows.stdlib.arguments import text
from hakobune.core.workflows.stdlib.http_messages import exchange, http_value
from hakobune.core.workflows.stdlib.http_requests import build_request
from hakobune.core.workflows.stdlib.registry import Kind, LibraryFunction, LibraryParameter, Missing
from hakobune.core.workflows.values import Value

_URL = LibraryParameter("url")
_TIMEOUT = LibraryParameter("timeout", is_required=False, default=limits.HTTP_TIMEOUT_S)
_BODY = LibraryParameter("body", is_required=False)
_REST = tuple(
    LibraryParameter(name, is_required=False)
    for name in ("headers", "query", "auth", "private_service_name", "ca_certificate")
)


def _function(name: str, method: str | None, parameters: tuple[LibraryParameter, ...]) -> LibraryFunction:
    """`method` None: the caller names it."""
    return LibraryFunction(name=name, parameters=parameters, kind=Kind.BLOCKING, run=_runner(name, method, parameters))


def _runner(name: str, method: str | None, parameters: tuple[LibraryParameter, ...]) -> Callable[..., Procedure]:
    def run(_context: Context, *arguments: Value | Missing) -> Procedure:
        named = {parameter.name: value for parameter, value in zip(parameters, arguments, strict=True)}
        request = build_request(name, method or text(name, "method", named["method"]), named)
        response = yield from exchange(request)
        return http_value(response)

    return run


FUNCTIONS = (
    _function("http.get", "GET", (_URL, _TIMEOUT, *_REST)),
    _function("http.delete", "DELETE", (_URL, _TIMEOUT, _BODY, *_REST)),
    _function("http.patch", "PATCH", (_URL, _TIMEOUT, _BODY, *_REST)),
    _function("http.post", "POST", (_URL, _TIMEOUT, _BODY, *_REST)),
    _function("http.put", "PUT", (_URL, _TIMEOUT, _BODY, *_REST)),
    _function("http.request", None, (LibraryParameter("method"), _URL, _TIMEOUT, _BODY, *_REST)),
)
