"""A reception over HTTP: a plain ASGI application to mount in Starlette, FastAPI or anything else, and the parts of it
for routes of your own. Starlette is loaded only by the functions that return its responses.

    POST /receipts              202, the receipt, `Location: /receipts/ID`; the header Idempotency-Key is the key
    GET  /receipts/ID           the receipt
    GET  /receipts/ID/events    its changes as server-sent events
"""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, cast

from hakobune.sdk.errors import KeyReused, MissingDependency
from hakobune.sdk.receipts import Receipt
from hakobune.sdk.reception import Reception
from hakobune.sdk.reception_events import events, last_revision

Message = MutableMapping[str, object]
Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

KEY_HEADER = "idempotency-key"
BODY_BYTES_MAX = 256 << 10  # a job's variables and a workflow's argument have less room than that

_EVENT_HEADERS = {"cache-control": "no-cache", "content-type": "text/event-stream", "x-accel-buffering": "no"}
_CODES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE",
          422: "FAILED_PRECONDITION"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: Mapping[str, object]
    headers: tuple[tuple[str, str], ...] = ()


class _Gone(Exception):
    """The caller has hung up."""


class _Refused(Exception):
    def __init__(self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.answer = _Answer(status, _error(status, message), headers)


class ReceptionApp:
    """The ASGI application. A server that speaks the lifespan protocol opens and closes the reception with it; where it
    is mounted within another application, use `lifespan` there."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await _live(self._reception, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"a reception serves HTTP, not {scope['type']}")
        try:
            answer = await self._answer(scope, receive, send)
        except _Gone:
            return
        except _Refused as refused:
            answer = refused.answer
        if answer is not None:
            await _send(answer, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> _Answer | None:
        root = str(scope.get("root_path") or "").rstrip("/")
        path = str(scope["path"])
        parts = path.removeprefix(root).strip("/").split("/")
        match str(scope["method"]), parts:
            case "POST", ["receipts"]:
                headers = _headers(scope)
                request = _parsed(await _body(receive))
                receipt = await accepted(self._reception, request, headers.get(KEY_HEADER))
                return _Answer(202, receipt.to_json(), (("location", f"{root}/receipts/{receipt.id}"),))
            case "GET", ["receipts", receipt_id]:
                return _Answer(200, (await _found(self._reception, receipt_id)).to_json())
            case "GET", ["receipts", receipt_id, "events"]:
                found = await _found(self._reception, receipt_id)
                await _stream(self._reception, found, _headers(scope).get("last-event-id"), receive, send)
                return None
            case _, ["receipts"]:
                raise _Refused(405, "Requests are accepted with POST.", (("allow", "POST"),))
            case _, ["receipts", _] | ["receipts", _, "events"]:
                raise _Refused(405, "Receipts are read with GET.", (("allow", "GET"),))
            case _:
                raise _Refused(404, f"There is nothing at {path[:200]!r}.")


async def accepted(reception: Reception, request: object, key: str | None = None) -> Receipt:
    """`reception.accept` for coroutines; it runs in a thread."""
    try:
        return await asyncio.to_thread(reception.accept, request, key=key)
    except KeyReused as error:
        raise _Refused(422, str(error)) from error
    except (TypeError, ValueError) as error:
        raise _Refused(400, str(error)) from error


@asynccontextmanager
async def lifespan(reception: Reception) -> AsyncGenerator[None, None]:
    """The reception, open: `Starlette(lifespan=lambda _: lifespan(reception))`, and the same for FastAPI."""
    await asyncio.to_thread(reception.open)
    try:
        yield
    finally:
        await asyncio.to_thread(reception.close)


class _Responses(Protocol):
    def JSONResponse(self, content: object, status: int, headers: Mapping[str, str], /) -> object: ...  # noqa: N802
    def Response(self, content: None, status: int, /) -> object: ...  # noqa: N802
    def StreamingResponse(self, content: object, status: int, headers: Mapping[str, str], /) -> object: ...  # noqa: N802


async def accept_response(
    reception: Reception, request: object, *, key: str | None, receipts_url: str = "/receipts"
) -> object:
    """A Starlette response for a route of your own (FastAPI's are the same): 202 with the receipt and its Location.

    receipts_url: where your route serves receipts. Errors are answers, too: 400 for a key or a request that cannot be,
    422 for a key that belongs to another request. Raises MissingDependency without Starlette.
    """
    responses = _starlette()
    try:
        receipt = await accepted(reception, request, key)
    except _Refused as refused:
        return responses.JSONResponse(refused.answer.content, refused.answer.status, dict(refused.answer.headers))
    return responses.JSONResponse(receipt.to_json(), 202, {"location": f"{receipts_url.rstrip('/')}/{receipt.id}"})


async def receipt_response(reception: Reception, receipt_id: str) -> object:
    """A Starlette response with the receipt, or 404. Raises MissingDependency without Starlette."""
    responses = _starlette()
    try:
        return responses.JSONResponse((await _found(reception, receipt_id)).to_json(), 200, {})
    except _Refused as refused:
        return responses.JSONResponse(refused.answer.content, refused.answer.status, {})


async def events_response(reception: Reception, receipt_id: str, *, last_event_id: str | None = None) -> object:
    """A Starlette response that streams the receipt's changes, 404 if there is none, 204 if the caller has the last.

    last_event_id: the request's header Last-Event-ID. Raises MissingDependency without Starlette.
    """
    responses = _starlette()
    try:
        found = await _found(reception, receipt_id)
    except _Refused as refused:
        return responses.JSONResponse(refused.answer.content, refused.answer.status, {})
    after = last_revision(last_event_id)
    if found.is_final and after >= found.revision:
        return responses.Response(None, 204)
    return responses.StreamingResponse(events(reception, found, after), 200, _EVENT_HEADERS)


def _starlette() -> _Responses:
    try:
        return cast("_Responses", importlib.import_module("starlette.responses"))
    except ImportError as error:
        raise MissingDependency("responses of Starlette need it: pip install starlette") from error


async def _found(reception: Reception, receipt_id: str) -> Receipt:
    found = await asyncio.to_thread(reception.receipt, receipt_id)
    if found is None:
        raise _Refused(404, f"There is no receipt {receipt_id[:100]!r}.")
    return found


async def _live(reception: Reception, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await asyncio.to_thread(reception.open)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await asyncio.to_thread(reception.close)
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _stream(reception: Reception, found: Receipt, last_id: str | None, receive: Receive, send: Send) -> None:
    after = last_revision(last_id)
    if found.is_final and after >= found.revision:  # EventSource comes again after every end but this one
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _raw(_EVENT_HEADERS.items())})
    stream = events(reception, found, after)
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(_until_gone(receive))
        sending = group.create_task(_send_all(stream, send))
        await asyncio.wait((leaving, sending), return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        sending.cancel()


async def _send_all(stream: AsyncGenerator[str, None], send: Send) -> None:
    async for text in stream:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += cast("bytes", message.get("body", b""))
        if len(body) > BODY_BYTES_MAX:
            raise _Refused(413, f"A request has at most {BODY_BYTES_MAX} bytes.")
        if not message.get("more_body", False):
            return bytes(body)


def _parsed(body: bytes) -> object:
    try:
        parsed: object = json.loads(body or b"null")
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"The request is no JSON: {error}") from error
    return parsed


def _headers(scope: Scope) -> dict[str, str]:
    pairs = cast("Iterable[tuple[bytes, bytes]]", scope["headers"])
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


async def _send(answer: _Answer, send: Send) -> None:
    body = json.dumps(answer.content, ensure_ascii=False).encode()
    headers = [("content-type", "application/json"), ("content-length", str(len(body))), *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": _raw(headers)})
    await send({"type": "http.response.body", "body": body})


def _raw(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _error(status: int, message: str) -> Mapping[str, object]:
    return {"error": {"code": status, "status": _CODES[status], "message": message}}
