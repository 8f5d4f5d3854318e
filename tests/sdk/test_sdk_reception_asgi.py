"""A reception over HTTP: alone, mounted in Starlette and FastAPI, and in routes of one's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastapi
import pytest
from platform_stand_in import PlatformStandIn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route

from hakobune.sdk import Job, Reception
from hakobune.sdk.reception_asgi import (
    ReceptionApp,
    accept_response,
    events_response,
    lifespan,
    receipt_response,
)
from hakobune.sdk.reception_events import events

WITHIN_S = 10.0


@pytest.fixture
def platform() -> Iterator[PlatformStandIn]:
    with PlatformStandIn() as server:
        yield server


@pytest.fixture
def reception(platform: PlatformStandIn, tmp_path: Path) -> Reception:
    return Reception(Job("thumbs"), tmp_path / "receipts", poll_s=0.01, progress_every_s=0.01, environ=platform.environ)


def alone(reception: Reception) -> Any:
    return ReceptionApp(reception)


def in_starlette(reception: Reception) -> Any:
    return Starlette(routes=[Mount("/", app=ReceptionApp(reception))])


def in_fastapi(reception: Reception) -> Any:
    app = fastapi.FastAPI()
    app.mount("/", ReceptionApp(reception))
    return app


def routes_of_starlette(reception: Reception) -> Any:
    async def accept(request: Request) -> Any:
        return await accept_response(
            reception, await request.json(), key=request.headers.get("idempotency-key"), receipts_url="/receipts/"
        )

    async def show(request: Request) -> Any:
        return await receipt_response(reception, request.path_params["id"])

    async def stream(request: Request) -> Any:
        last = request.headers.get("last-event-id")
        return await events_response(reception, request.path_params["id"], last_event_id=last)

    return Starlette(
        routes=[
            Route("/receipts", accept, methods=["POST"]),
            Route("/receipts/{id}", show),
            Route("/receipts/{id}/events", stream),
        ],
        lifespan=lambda app: lifespan(reception),
    )


def routes_of_fastapi(reception: Reception) -> Any:
    app = fastapi.FastAPI(lifespan=lambda app: lifespan(reception))

    @app.post("/receipts")
    async def accept(body: dict[str, Any], idempotency_key: str | None = fastapi.Header(None)) -> Any:
        return await accept_response(reception, body, key=idempotency_key)

    @app.get("/receipts/{receipt_id}")
    async def show(receipt_id: str) -> Any:
        return await receipt_response(reception, receipt_id)

    @app.get("/receipts/{receipt_id}/events")
    async def stream(receipt_id: str, last_event_id: str | None = fastapi.Header(None)) -> Any:
        return await events_response(reception, receipt_id, last_event_id=last_event_id)

    return app


WAYS = [alone, in_starlette, in_fastapi, routes_of_starlette, routes_of_fastapi]


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_whole: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The receipts of the events, whose ids are their revisions."""
        found = []
        for text in self.body.decode().split("\n\n"):
            if text.startswith("id: "):
                identifier, name, data = text.split("\n")
                receipt = json.loads(data.removeprefix("data: "))
                assert (identifier, name) == (f"id: {receipt['revision']}", "event: receipt")
                found.append(receipt)
        return found


async def call(
    app: Any,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    leave_after: int | None = None,
    answer: Answer | None = None,
    **headers: str,
) -> Answer:
    """One request, as a server hands it over. leave_after: the caller hangs up after so many pieces of the answer.
    answer: filled while it comes."""
    answer, pieces, gone = answer or Answer(), 0, asyncio.Event()
    arriving = [
        {"type": "http.request", "body": body[:5], "more_body": True},
        {"type": "http.request", "body": body[5:]},
    ]

    async def receive() -> Any:
        if arriving:
            return arriving.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal pieces
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        answer.body += message.get("body", b"")
        answer.is_whole = not message.get("more_body", False)
        pieces += 1
        if answer.is_whole or pieces == leave_after:
            gone.set()

    raw = [(b"content-type", b"application/json")]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": raw,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    async with asyncio.timeout(WITHIN_S):
        await app(scope, receive, send)
    return answer


def calls(app: Any, *requests: tuple[Any, ...], **headers: str) -> list[Answer]:
    async def main() -> list[Answer]:
        return [await call(app, *request, **headers) for request in requests]

    return asyncio.run(main())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - what is waited for happens in other threads
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", WAYS)
def test_given_a_request_when_posted_then_202_with_the_receipt_and_where_it_is(
    way: Callable[[Reception], Any], reception: Reception, platform: PlatformStandIn
) -> None:
    app = way(reception)
    first, again = calls(app, *[("POST", "/receipts", b'{"n": 1}')] * 2, idempotency_key="k")
    assert first.status == again.status == 202
    assert first.json == again.json
    assert first.json["state"] == "running"
    assert first.headers["location"] == f"/receipts/{first.json['id']}"
    assert first.headers["content-type"] == "application/json"
    (shown,) = calls(app, ("GET", first.headers["location"]))
    assert (shown.status, shown.json) == (200, first.json)
    assert len(platform.starts()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_given_a_key_of_another_request_or_a_bad_one_then_the_answer_names_it(
    way: Callable[[Reception], Any], reception: Reception
) -> None:
    app = way(reception)
    calls(app, ("POST", "/receipts", b'{"n": 1}'), idempotency_key="k")
    (reused,) = calls(app, ("POST", "/receipts", b'{"n": 2}'), idempotency_key="k")
    (long,) = calls(app, ("POST", "/receipts", b'{"n": 2}'), idempotency_key="k" * 256)
    (missing,) = calls(app, ("GET", "/receipts/none"))
    (no_stream,) = calls(app, ("GET", "/receipts/none/events"))
    assert (reused.status, long.status, missing.status, no_stream.status) == (422, 400, 404, 404)
    assert reused.json["error"]["message"] == "the key 'k' belongs to another request: use a new key for each request"
    assert missing.json["error"] == {"code": 404, "status": "NOT_FOUND", "message": "There is no receipt 'none'."}


@pytest.mark.parametrize("way", WAYS)
def test_given_a_stream_when_the_work_goes_on_then_its_changes_come_and_the_last_one_ends_it(
    way: Callable[[Reception], Any], reception: Reception, platform: PlatformStandIn
) -> None:
    async def main() -> tuple[Answer, Answer, Answer]:
        app = way(reception)
        accepted = (await call(app, "POST", "/receipts", b"{}")).json
        path, watched = f"/receipts/{accepted['id']}/events", Answer()

        async def work() -> None:
            labels = {"run.googleapis.com/execution_name": "e0", "run.googleapis.com/task_index": "0"}
            for done, shown in ((3, b'"fraction": 0.3'), (1, b'"fraction": 0.3'), (7, b'"fraction": 0.7')):
                platform.say(labels, done, 10)
                await until(lambda: shown in watched.body)  # noqa: B023 - called in this round
            platform.end(accepted["execution"], "CONDITION_SUCCEEDED")

        async with asyncio.TaskGroup() as group:
            streaming = group.create_task(call(app, "GET", path, answer=watched))
            group.create_task(work())
        stream = streaming.result()
        middle = str(stream.events[-2]["revision"])
        rest = await call(app, "GET", path, last_event_id=middle)
        over = await call(app, "GET", path, last_event_id=str(stream.events[-1]["revision"]))
        return stream, rest, over

    stream, rest, over = asyncio.run(main())
    assert stream.headers["content-type"] == "text/event-stream"
    assert stream.headers["cache-control"] == "no-cache"
    assert stream.body.startswith(b"retry: 2000\n\n")
    fractions = [receipt["progress"]["fraction"] for receipt in stream.events]
    assert fractions == sorted(fractions)
    assert 0.3 in fractions
    assert 0.7 in fractions
    assert fractions[-1] == 1.0
    assert [receipt["state"] for receipt in stream.events].count("succeeded") == 1
    assert rest.events == stream.events[-1:]
    assert (over.status, over.body) == (204, b"")


@pytest.mark.parametrize("way", [alone, routes_of_starlette])
def test_given_a_caller_that_hangs_up_then_its_stream_ends(
    way: Callable[[Reception], Any], reception: Reception
) -> None:
    async def main() -> Answer:
        app = way(reception)
        accepted = (await call(app, "POST", "/receipts", b"{}")).json
        return await call(app, "GET", f"/receipts/{accepted['id']}/events", leave_after=2)

    answer = asyncio.run(main())  # would run into its time limit else
    assert len(answer.events) == 1
    assert not answer.is_whole


def test_given_silence_then_comments_keep_the_connection(reception: Reception) -> None:
    async def main() -> list[str]:
        receipt = reception.accept({})
        stream = events(reception, receipt, receipt.revision, keep_alive_s=0.02)
        found = [await anext(stream) for _ in range(3)]
        await stream.aclose()
        return found

    assert asyncio.run(main()) == ["retry: 2000\n\n", ": keep-alive\n\n", ": keep-alive\n\n"]


def test_given_receipts_that_cannot_be_read_for_a_moment_then_the_stream_goes_on(
    reception: Reception, platform: PlatformStandIn, tmp_path: Path
) -> None:
    async def main() -> list[str]:
        receipt = reception.accept({})
        stream = events(reception, receipt, 0)
        found = [await anext(stream), await anext(stream)]
        (tmp_path / "receipts").rename(tmp_path / "away")
        (tmp_path / "receipts").write_text("no directory")
        coming = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.05)
        assert not coming.done()
        (tmp_path / "receipts").unlink()
        (tmp_path / "away").rename(tmp_path / "receipts")
        platform.end(receipt.execution, "CONDITION_FAILED", "no frames")
        return [*found, await coming]

    assert '"state": "failed"' in asyncio.run(main())[-1]


@pytest.mark.parametrize("last", ["", "-1", "x", "1" * 16, "٣"])
def test_given_a_last_event_id_that_is_none_of_ours_then_the_stream_begins_anew(
    reception: Reception, platform: PlatformStandIn, last: str
) -> None:
    receipt = reception.accept({})
    platform.end(receipt.execution, "CONDITION_SUCCEEDED")
    path = f"/receipts/{receipt.id}/events"
    (stream,) = calls(alone(reception), ("GET", path), last_event_id=last.encode().decode("latin-1"))
    assert [found["state"] for found in stream.events][-1] == "succeeded"


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (("POST", "/receipts", b"{"), 400, "The request is no JSON"),
        (("POST", "/receipts", b'{"n": NaN}'), 400, "Out of range float values"),
        (("POST", "/receipts", b"[" * 100_000), 400, "The request is no JSON"),
        (("POST", "/receipts", b"\xff\xfe"), 400, "The request is no JSON"),
        (("POST", "/receipts", b'"' + b"x" * (256 << 10) + b'"'), 413, "at most 262144 bytes"),
        (("GET", "/receipts"), 405, "accepted with POST"),
        (("DELETE", "/receipts/x"), 405, "read with GET"),
        (("POST", "/receipts/x/events"), 405, "read with GET"),
        (("GET", "/"), 404, "nothing at '/'"),
        (("GET", "/receipts/x/events/y"), 404, "nothing at"),
    ],
)
def test_given_a_request_that_cannot_be_then_the_answer_says_why(
    reception: Reception, platform: PlatformStandIn, request_: tuple[Any, ...], status: int, message: str
) -> None:
    (answer,) = calls(alone(reception), request_)
    assert (answer.status, answer.json["error"]["code"]) == (status, status)
    assert message in answer.json["error"]["message"]
    assert ("allow" in answer.headers) is (status == 405)
    assert platform.calls == []


def test_given_a_mount_below_a_path_then_the_location_has_it(reception: Reception) -> None:
    app = Starlette(routes=[Mount("/api", app=ReceptionApp(reception))])
    (answer,) = calls(app, ("POST", "/api/receipts", b"{}"))
    assert answer.headers["location"] == f"/api/receipts/{answer.json['id']}"
    (shown,) = calls(app, ("GET", answer.headers["location"]))
    assert shown.json == answer.json


def test_given_a_caller_that_leaves_before_its_request_is_whole_then_nothing_is_accepted(
    reception: Reception, platform: PlatformStandIn
) -> None:
    async def main() -> None:
        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            raise AssertionError(message)

        scope = {"type": "http", "method": "POST", "path": "/receipts", "headers": []}
        await ReceptionApp(reception)(scope, receive, send)

    asyncio.run(main())
    assert platform.calls == []


@asynccontextmanager
async def a_lifespan(app: Any) -> AsyncIterator[None]:
    """As a server leads an application through its life."""
    told: asyncio.Queue[str] = asyncio.Queue()
    ends, begun = asyncio.Event(), False

    async def receive() -> Any:
        nonlocal begun
        if not begun:
            begun = True
            return {"type": "lifespan.startup"}
        await ends.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Any) -> None:
        await told.put(message["type"])

    async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
        group.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
        assert await told.get() == "lifespan.startup.complete"
        yield
        ends.set()
        assert await told.get() == "lifespan.shutdown.complete"


@pytest.mark.parametrize("way", [alone, routes_of_starlette, routes_of_fastapi])
def test_given_a_service_that_starts_then_what_was_in_doubt_is_started(
    way: Callable[[Reception], Any], reception: Reception, platform: PlatformStandIn
) -> None:
    platform.refuse[":run$"] = (503, "later")
    receipt = reception.accept({})
    del platform.refuse[":run$"]

    async def main() -> None:
        async with a_lifespan(way(reception)):
            await until(lambda: bool(platform.executions))

    asyncio.run(main())
    found = reception.receipt(receipt.id)
    assert found is not None
    assert found.state == "running"


def test_given_a_protocol_that_is_not_served_then_it_is_an_error(reception: Reception) -> None:
    with pytest.raises(ValueError, match="not websocket"):
        asyncio.run(ReceptionApp(reception)({"type": "websocket"}, None, None))  # type: ignore[arg-type]
