"""Flow control of streams: what was sent and is neither acknowledged nor over."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from hakobune.core.pubsub.model import Delivery
from hakobune.servers.grpc.pubsub_flow import Flow, Ledger

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def deliveries(*ack_ids: str, size_bytes: int = 10) -> Sequence[Delivery]:
    return [Delivery(ack_id, 1, 0.0, "", b"x" * size_bytes, 0) for ack_id in ack_ids]


def left(flow: Flow) -> tuple[int, int]:
    return flow.messages_left, flow.bytes_left


async def test_given_deliveries_when_they_are_settled_by_anybody_then_there_is_room_again() -> None:
    ledger = Ledger()
    one, other = ledger.flow(3, 100), ledger.flow(3, 100)
    one.sent(deliveries("a", "b"), 10)
    other.sent(deliveries("c"), 10)
    assert (left(one), left(other)) == ((1, 80), (2, 90))
    ledger.settle(["a", "c", "unknown"], 0)
    ledger.settle(["a"], 0)  # again: no harm
    assert (left(one), left(other)) == ((2, 90), (3, 100))


async def test_given_as_many_messages_or_bytes_as_are_allowed_then_the_flow_is_full() -> None:
    by_count, by_bytes = Ledger().flow(2, 0), Ledger().flow(0, 15)
    by_count.sent(deliveries("a"), 10)
    by_bytes.sent(deliveries("a"), 10)
    assert not by_count.is_full
    assert not by_bytes.is_full
    by_count.sent(deliveries("b"), 10)
    by_bytes.sent(deliveries("b"), 10)  # a message that is larger than what is left
    assert by_count.is_full
    assert by_bytes.is_full


@pytest.mark.parametrize("bound", [0, -1])
async def test_given_no_bounds_then_nothing_is_kept_and_the_flow_is_never_full(bound: int) -> None:
    flow = Ledger().flow(bound, bound)
    before = left(flow)
    flow.sent(deliveries("a", size_bytes=10_000_000), 10)
    assert left(flow) == before
    assert not flow.is_full


async def test_given_a_delivery_whose_time_is_over_then_it_counts_no_more() -> None:
    ledger = Ledger()
    flow = ledger.flow(1, 0)
    flow.sent(deliveries("a"), 0.02)
    with anyio.fail_after(10):
        await flow.settled(5)
    assert not flow.is_full
    ledger.settle(["a"], 0)
    assert flow.messages_left == 1


async def test_given_a_longer_deadline_then_the_delivery_counts_as_long() -> None:
    ledger = Ledger()
    flow = ledger.flow(1, 0)
    flow.sent(deliveries("a"), 0.02)
    ledger.settle(["a"], 600)
    with anyio.fail_after(10):
        await flow.settled(0.1)
    assert flow.is_full


async def test_given_one_that_waits_when_a_delivery_is_settled_then_it_goes_on() -> None:
    ledger = Ledger()
    flow = ledger.flow(1, 0)
    flow.sent(deliveries("a"), 600)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(flow.settled, 600.0)
            await anyio.lowlevel.checkpoint()
            ledger.settle(["a"], 0)
    assert not flow.is_full


async def test_given_a_stream_that_is_gone_then_the_ledger_knows_nothing_of_it() -> None:
    ledger = Ledger()
    flow = ledger.flow(5, 0)
    flow.sent(deliveries("a", "b"), 600)
    flow.close()
    ledger.settle(["a", "b"], 0)
    assert flow.messages_left == 5
