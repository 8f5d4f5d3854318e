"""StreamingPull: messages as they come, acks and longer deadlines on the way back.

A stream has two tasks: one reads what the client says, one pulls and sends. It pulls again when the last answer is on
its way, so a client that does not read holds no more than one answer here. What was leased and cannot be sent any more
comes again when its deadline is over.
Source: the reference of StreamingPullRequest and StreamingPullResponse.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
import grpc.aio

from hakobune.core.errors import HakobuneError, InvalidArgument, Unavailable
from hakobune.core.pubsub.failures import AckFailure
from hakobune.core.pubsub.limits import ACK_DEADLINE_MAX_S, ACK_DEADLINE_MIN_S, PULL_MESSAGES
from hakobune.core.pubsub.model import Delivery
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.servers.front import refused_by_the_machine
from hakobune.servers.grpc.callers import Caller
from hakobune.servers.grpc.calls import Calls, Context
from hakobune.servers.grpc.pubsub_flow import Flow, Ledger
from hakobune.servers.grpc.pubsub_forms import Confirmation, StreamRequest, stream_request_of, streamed

# The real service ends streams after about half an hour; not all at once.
STREAM_LIFE_S = 1_800.0
_LIFE_SPREAD = 16
_LIFE_SPREAD_SHARE = 0.1
_PULL_S = 60.0  # a pull that brings nothing is asked again
_TURNS = 4  # streams of a subscription that ask at once
_SHARE_MESSAGES = 100  # of one pull, where several streams share a subscription
_ANSWER_BYTES = 3_000_000  # clients take 4 MiB by default; the rest is for ids and instants
_PROPERTIES_S = 5.0  # how old may be what is said about the subscription
_TRANSIENT = "TRANSIENT_"


class Streams:
    """All streams of one runtime."""

    def __init__(self, room: PubsubRoom, calls: Calls, ledger: Ledger, *, life_s: float) -> None:
        self._room = room
        self._calls = calls
        self._ledger = ledger
        self._life_s = life_s
        self._served = 0
        self._open: set[_Stream] = set()
        self._shares: dict[SubscriptionName, _Share] = {}
        self._is_stopping = False

    async def serve(
        self,
        requests: AsyncIterator[bytes],
        context: Context,
        caller: Caller,
        permitted: Callable[[str], Awaitable[SubscriptionName]],
    ) -> None:
        """Serve a stream until its client says that it is done. `permitted` names the subscription, if the caller may
        consume it. Raises what ends the stream otherwise, as HakobuneError."""
        if self._is_stopping:
            raise _stopping()
        first = await _first(requests)
        if first is None:
            return
        name = await self._calls.performed(partial(permitted, first.subscription))
        flow = self._ledger.flow(first.messages_max, first.bytes_max)
        share = self._shares.setdefault(name, _Share())
        stream = _Stream(self._room, self._calls, context, caller, name, first, flow, share)
        self._open.add(stream)
        share.streams += 1
        try:
            await stream.run(requests, self._next_life_s())
        finally:
            flow.close()
            self._open.discard(stream)
            share.streams -= 1
            if not share.streams:
                del self._shares[name]

    def stop(self) -> None:
        """End all streams, and take no more."""
        self._is_stopping = True
        for stream in tuple(self._open):
            stream.end(_stopping())

    def _next_life_s(self) -> float:
        self._served += 1
        return self._life_s * (1 + _LIFE_SPREAD_SHARE * (self._served % _LIFE_SPREAD) / _LIFE_SPREAD)


@dataclass(slots=True)
class _Share:
    """The streams of one subscription. Few of them ask for messages at once, in turn: else each message would wake all
    of a thousand, for one."""

    streams: int = 0
    turns: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(_TURNS))


class _Stream:
    """One stream."""

    def __init__(
        self,
        room: PubsubRoom,
        calls: Calls,
        context: Context,
        caller: Caller,
        name: SubscriptionName,
        first: StreamRequest,
        flow: Flow,
        share: _Share,
    ) -> None:
        self._room = room
        self._calls = calls
        self._context = context
        self._caller = caller
        self._name = name
        self._first = first
        self._flow = flow
        self._share = share
        self._lease_s = first.ack_deadline_s
        self._scope = anyio.CancelScope()
        self._error: HakobuneError | None = None
        self._writing = anyio.Lock()
        self._is_exactly_once = False
        self._is_ordered = False
        self._known_until_s = 0.0

    async def run(self, requests: AsyncIterator[bytes], life_s: float) -> None:
        """Until the client is done. Raises what ends the stream otherwise, as HakobuneError."""
        await self._look_up()
        await self._context.send_initial_metadata(())
        with self._scope:
            async with anyio.create_task_group() as group:
                group.start_soon(self._guarded, partial(self._read, requests))
                group.start_soon(self._guarded, self._send)
                await anyio.sleep(life_s)
                self.end(Unavailable("The stream was open for a long time: open another one."))
        if self._error is not None:
            raise self._error

    def end(self, error: HakobuneError) -> None:
        """End the stream with an error."""
        self._error = self._error or error
        self._scope.cancel()

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """When one side of the stream is over, both are."""
        try:
            await work()
        except HakobuneError as error:
            self.end(error)
        except OSError as error:
            self.end(refused_by_the_machine(error))
        except grpc.aio.BaseError:
            self._scope.cancel()  # the client is gone
        else:
            self._scope.cancel()

    # -- what the client says ---------------------------------------------------------------------------------------

    async def _read(self, requests: AsyncIterator[bytes]) -> None:
        await self._take(self._first)
        async for content in requests:
            request = stream_request_of(content)
            _check_later(request)
            if request.ack_deadline_s:
                self._lease_s = _checked_deadline(request.ack_deadline_s)
            await self._take(request)

    async def _take(self, request: StreamRequest) -> None:
        if request.ack_ids:
            await self._acknowledge(request.ack_ids)
        seconds = sorted({seconds for _, seconds in request.deadlines})
        for deadline_s in seconds:
            await self._modify([ack_id for ack_id, own_s in request.deadlines if own_s == deadline_s], deadline_s)
        if request.is_beat and self._first.protocol_version > 0:
            await self._write()

    async def _acknowledge(self, ack_ids: Sequence[str]) -> None:
        failures = await self._tried("acknowledge", partial(self._room.acknowledge, self._name, ack_ids))
        if self._is_exactly_once:
            await self._write(acknowledged=_confirmation(ack_ids, failures))

    async def _modify(self, ack_ids: Sequence[str], deadline_s: int) -> None:
        work = partial(self._room.modify_ack_deadline, self._name, ack_ids, deadline_s)
        failures = await self._tried("modifyAckDeadline", work)
        if self._is_exactly_once:
            await self._write(modified=_confirmation(ack_ids, failures))

    async def _tried(self, verb: str, work: Callable[[], Awaitable[None]]) -> Mapping[str, str]:
        """What failed, by ack id. Without exactly-once delivery nothing does."""
        try:
            await self._calls.performed(partial(self._caller.does, self._name, verb, work))
        except AckFailure as failure:
            return failure.failures
        return {}

    # -- what it is sent --------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            if self._flow.is_full:
                await self._flow.settled(_PULL_S)
                continue
            lease_s = self._lease_s
            async with self._share.turns:
                deliveries = await self._calls.performed(partial(self._pulled, lease_s))
            if deliveries:
                self._flow.sent(deliveries, lease_s)
                await self._look_up()
                await self._write(deliveries)

    async def _pulled(self, lease_s: float) -> list[Delivery]:
        most = PULL_MESSAGES if self._share.streams == 1 else _SHARE_MESSAGES
        return await self._room.pull(
            self._name,
            min(self._flow.messages_left, most),
            wait_s=_PULL_S,
            lease_s=lease_s,
            limit_bytes=min(self._flow.bytes_left, _ANSWER_BYTES),
        )

    async def _look_up(self) -> None:
        """What clients must know about the subscription. Raises NotFound."""
        now_s = anyio.current_time()
        if now_s >= self._known_until_s:
            found = await self._room.subscriptions.get(self._name)
            self._is_exactly_once = found.enable_exactly_once_delivery
            self._is_ordered = found.enable_message_ordering
            self._known_until_s = now_s + _PROPERTIES_S

    async def _write(
        self,
        deliveries: Sequence[Delivery] = (),
        *,
        acknowledged: Confirmation | None = None,
        modified: Confirmation | None = None,
    ) -> None:
        content = streamed(
            deliveries,
            is_exactly_once=self._is_exactly_once,
            is_ordered=self._is_ordered,
            acknowledged=acknowledged,
            modified=modified,
        )
        async with self._writing:
            await self._context.write(content)


async def _first(requests: AsyncIterator[bytes]) -> StreamRequest | None:
    """The message that opens a stream; None if the client left without one. Raises InvalidArgument."""
    async for content in requests:
        request = stream_request_of(content)
        _checked_deadline(request.ack_deadline_s)
        return request
    return None


def _checked_deadline(deadline_s: int) -> int:
    if not ACK_DEADLINE_MIN_S <= deadline_s <= ACK_DEADLINE_MAX_S:
        raise InvalidArgument(
            f"stream_ack_deadline_seconds must be from {ACK_DEADLINE_MIN_S} to {ACK_DEADLINE_MAX_S}, not {deadline_s}."
        )
    return deadline_s


def _check_later(request: StreamRequest) -> None:
    """Raises InvalidArgument for what only the first message may say."""
    for name, is_set in (
        ("subscription", bool(request.subscription)),
        ("max_outstanding_messages", bool(request.messages_max)),
        ("max_outstanding_bytes", bool(request.bytes_max)),
        ("protocol_version", bool(request.protocol_version)),
    ):
        if is_set:
            raise InvalidArgument(f"{name} is for the first message of a stream only.")


def _confirmation(ack_ids: Sequence[str], failures: Mapping[str, str]) -> Confirmation:
    return Confirmation(
        good=[ack_id for ack_id in ack_ids if ack_id not in failures],
        invalid=[ack_id for ack_id, reason in failures.items() if not reason.startswith(_TRANSIENT)],
        failed=[ack_id for ack_id, reason in failures.items() if reason.startswith(_TRANSIENT)],
    )


def _stopping() -> Unavailable:
    return Unavailable("The runtime is stopping: try again when it has started.")
