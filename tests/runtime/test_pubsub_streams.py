"""A stream of messages that was open for long ends, and its client comes again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from house import a_house

grpc_aio = pytest.importorskip("grpc.aio")
pubsub_v1 = pytest.importorskip("google.pubsub_v1")

from hakobune.servers.grpc.callers import Callers  # noqa: E402
from hakobune.servers.grpc.calls import Calls  # noqa: E402
from hakobune.servers.grpc.pubsub import PubsubCalls  # noqa: E402
from hakobune.servers.http.relays import Relays  # noqa: E402

pytestmark = pytest.mark.anyio
SUBSCRIPTION = "projects/p/subscriptions/worker"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def a_port(directory: Path, *, stream_life_s: float) -> AsyncIterator[tuple[Any, PubsubCalls]]:
    """A client of a gRPC port whose streams live so long, and the port."""
    async with a_house(directory) as house, anyio.create_task_group() as group:
        await house.ok("PUT", "/v1/projects/p/topics/topic", {})
        await house.ok("PUT", f"/v1/{SUBSCRIPTION}", {"topic": "projects/p/topics/topic"})
        calls = PubsubCalls(house.front, Callers(house.front, Relays()), Calls(group), stream_life_s=stream_life_s)
        server = grpc_aio.server(handlers=[calls])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc_aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel, calls
        calls.stop()
        await server.stop(1)
        group.cancel_scope.cancel()


def opened(channel: Any) -> Any:
    stream = channel.stream_stream("/google.pubsub.v1.Subscriber/StreamingPull")
    request = pubsub_v1.StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=60)

    async def requests() -> AsyncIterator[bytes]:
        yield pubsub_v1.StreamingPullRequest.serialize(request)
        await anyio.sleep_forever()

    return stream(requests())


async def test_given_a_stream_that_was_open_for_long_then_it_ends_as_unavailable(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with a_port(tmp_path, stream_life_s=0.05) as (channel, _):
            first, second = opened(channel), opened(channel)
            assert [(await stream.code()).name for stream in (first, second)] == ["UNAVAILABLE", "UNAVAILABLE"]
            assert "open another one" in await first.details()


async def test_given_a_port_that_stops_then_open_streams_end_and_no_other_is_opened(tmp_path: Path) -> None:
    with anyio.fail_after(30):
        async with a_port(tmp_path, stream_life_s=600) as (channel, calls):
            before = opened(channel)
            await before.initial_metadata()
            calls.stop()
            for stream in (before, opened(channel)):
                assert (await stream.code()).name == "UNAVAILABLE"
                assert "is stopping" in await stream.details()
