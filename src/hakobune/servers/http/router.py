"""Which handler a path belongs to. Patterns look like `/v2/projects/{project}/locations/{location}/jobs/{job}:run`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache

from hakobune.core.errors import Code, InvalidArgument, NotFound
from hakobune.servers.http.messages import HttpError, Request, Response, decode_segment

Handler = Callable[[Request], Awaitable[Response]]


class MethodNotAllowed(HttpError):
    """The path exists, the method does not."""

    code = Code.UNIMPLEMENTED
    reason = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class _Route:
    segments: tuple[str, ...]  # literal, or "{name}"; "{name*}" as the last one takes the rest of the path
    handlers: dict[str, Handler]


class Router:
    """A table of routes, looked up by the number of segments and the verb after the last colon."""

    def __init__(self) -> None:
        self._routes: dict[tuple[int, str], list[_Route]] = {}
        self._open_ended: list[_Route] = []
        self._by_place: dict[tuple[tuple[str, ...], str], _Route] = {}

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Register a handler. Literal segments win over parameters: register them first."""
        segments, verb = place = _place(pattern)
        route = self._by_place.get(place)
        if route is not None:
            route.handlers[method] = handler
            return
        is_open = segments[-1].endswith("*}")
        routes = self._open_ended if is_open else self._routes.setdefault((len(segments), verb), [])
        route = self._by_place[place] = _Route(segments, {method: handler})
        routes.append(route)

    async def __call__(self, request: Request) -> Response:
        """Find the handler and call it. Raises NotFound, MethodNotAllowed, InvalidArgument."""
        path = "/" + request.path.lstrip("/")
        plain, verb = _split_verb(path)
        found = self._find(self._routes.get((plain.count("/"), verb), ()), plain)
        if found is None and verb:
            found = self._find(self._routes.get((path.count("/"), ""), ()), path)
        if found is None:
            found = self._find_open_ended(path)
        if found is None:
            raise NotFound(f"The requested URL {request.path[:200]} was not found on this server.")
        route, parameters = found
        handler = route.handlers.get(request.method)
        if handler is None and request.method == "HEAD":
            handler = route.handlers.get("GET")
        if handler is None:
            allowed = ", ".join(sorted(route.handlers))
            raise MethodNotAllowed(f"{request.method} is not allowed on {request.path[:200]}: use {allowed}.", allowed)
        return await handler(replace(request, parameters=parameters))

    def _find(self, routes: list[_Route] | tuple[()], path: str) -> tuple[_Route, dict[str, str]] | None:
        segments = path.split("/")[1:]
        for route in routes:
            parameters: dict[str, str] = {}
            for pattern, segment in zip(route.segments, segments, strict=True):
                if pattern[:1] == "{":
                    if not segment:
                        break
                    parameters[pattern[1:-1]] = segment
                elif pattern != segment:
                    break
            else:
                return route, {name: _decoded(value) for name, value in parameters.items()}
        return None

    def _find_open_ended(self, path: str) -> tuple[_Route, dict[str, str]] | None:
        segments = path.split("/")[1:]
        for route in self._open_ended:
            *fixed, rest = route.segments
            if len(segments) < len(fixed) or any(
                pattern[:1] != "{" and pattern != segment for pattern, segment in zip(fixed, segments, strict=False)
            ):
                continue
            parameters = {
                pattern[1:-1]: _decoded(segment)
                for pattern, segment in zip(fixed, segments, strict=False)
                if pattern[:1] == "{"
            }
            parameters[rest[1:-2]] = "/".join(segments[len(fixed) :])
            return route, parameters
        return None


@cache
def _place(pattern: str) -> tuple[tuple[str, ...], str]:
    """(segments, verb) of a pattern: those of the code, so there are not many."""
    path, verb = _split_verb(pattern)
    return tuple(path.split("/")[1:]), verb


def _split_verb(path: str) -> tuple[str, str]:
    """`/a/b:run` → (`/a/b`, `run`). A colon elsewhere than in the last segment is a part of a name."""
    head, _, last = path.rpartition("/")
    if "}:" in last:
        name, _, verb = last.partition("}:")
        return f"{head}/{name}}}", verb
    name, colon, verb = last.rpartition(":")
    return (f"{head}/{name}", verb) if colon and name else (path, "")


def _decoded(segment: str) -> str:
    text = decode_segment(segment)
    if text in (".", ".."):
        raise InvalidArgument(f"The path holds the segment {text!r}.")
    return text
