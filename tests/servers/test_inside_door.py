"""A workflow's call to one of Google's hosts: through the front door, with no socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

import anyio
import pytest

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse, Trouble
from hakobune.core.workflows.limits import HTTP_RESPONSE_BYTES
from hakobune.servers.front import FrontDoor
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.inside import InsideDoor

pytestmark = pytest.mark.anyio


class Front:
    """A front door with one answer."""

    def __init__(self, answer: Any) -> None:
        self.seen: list[Request] = []
        self._answer = answer

    def service_at(self, url: str) -> str:
        return ""

    async def handle(self, request: Request) -> Response:
        self.seen.append(request)
        return cast("Response", await self._answer(request))


async def asked(
    answer: Any, method: str = "POST", timeout_s: float = 10.0
) -> tuple[HttpResponse | NoResponse, Request]:
    front = Front(answer)
    request = HttpRequest(
        method=method,
        url="https://run.googleapis.com/v2/x?y=%20",
        headers=(("X-One", "1"), ("Content-Type", "text/plain")),
        body=b"body",
        timeout_s=timeout_s,
    )
    return await InsideDoor(cast("FrontDoor", front))(request), front.seen[0]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_given_a_request_when_it_comes_from_inside_then_the_front_door_sees_what_a_client_would_send() -> None:
    async def answer(request: Request) -> Response:
        assert await request.content() == b"body"
        return Response(status=201, headers=[("x-a", "1"), ("X-A", "2")], content=b"made")

    answered, seen = await asked(answer)
    assert answered == HttpResponse(code=201, headers=(("X-A", "1, 2"),), body=b"made")
    assert (seen.method, seen.target, seen.peer) == ("POST", "https://run.googleapis.com/v2/x?y=%20", "")
    assert dict(seen.headers) == {"x-one": "1", "content-type": "text/plain"}


@pytest.mark.parametrize("size", [HTTP_RESPONSE_BYTES, HTTP_RESPONSE_BYTES + 1, 50_000_000])
async def test_given_a_stream_when_it_is_longer_than_a_response_may_be_then_it_is_closed(size: int) -> None:
    ends: list[str] = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        try:
            for start in range(0, size, 65_536):
                yield b"x" * min(65_536, size - start)
            ends.append("whole")
        finally:
            ends.append("closed")

    async def answer(request: Request) -> Response:
        return Response(stream=chunks())

    answered, _ = await asked(answer)
    if size <= HTTP_RESPONSE_BYTES:
        assert isinstance(answered, HttpResponse)
        assert len(answered.body) == size
        assert ends == ["whole", "closed"]
    else:
        assert isinstance(answered, NoResponse)
        assert answered.trouble is Trouble.TOO_LARGE
        assert ends == ["closed"]


async def test_given_head_when_asked_then_there_is_no_body() -> None:
    async def answer(request: Request) -> Response:
        return Response(content=b"body", headers=[("Content-Length", "4")])

    answered, _ = await asked(answer, "HEAD")
    assert answered == HttpResponse(code=200, headers=(("Content-Length", "4"),), body=b"")


async def test_given_a_handler_that_is_slow_when_the_time_is_over_then_it_is_a_timeout() -> None:
    async def answer(request: Request) -> Response:
        await anyio.sleep(60)
        raise AssertionError

    answered, _ = await asked(answer, timeout_s=0.1)
    assert answered == NoResponse(trouble=Trouble.TIMEOUT, detail="no answer within 0.1 s")


async def test_given_a_bug_in_a_handler_when_called_then_the_workflow_sees_a_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(request: Request) -> Response:
        raise KeyError("a bug")

    answered, _ = await asked(answer)
    assert isinstance(answered, HttpResponse)
    assert answered.code == 500
    assert "a bug" in caplog.text
