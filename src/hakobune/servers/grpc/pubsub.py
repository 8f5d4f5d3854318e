"""The methods of Pub/Sub that messages pass through. They do not go by JSON; the checks and the words are those of
REST, for the room behind them is the same. All other methods are REST calls (`methods`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import cast

import grpc

from hakobune.core.errors import HakobuneError, InvalidArgument
from hakobune.core.pubsub.names import SubscriptionName, TopicName
from hakobune.runtime.pubsub import PubsubRoom
from hakobune.servers.front import FrontDoor, error_response, refused_by_the_machine
from hakobune.servers.grpc.callers import Caller, Callers
from hakobune.servers.grpc.calls import Calls, Context, refuse
from hakobune.servers.grpc.pubsub_flow import Ledger
from hakobune.servers.grpc.pubsub_forms import (
    acknowledge_of,
    modify_deadline_of,
    publish_of,
    published,
    pull_of,
    pulled,
)
from hakobune.servers.grpc.pubsub_stream import STREAM_LIFE_S, Streams

# A pull waits so long for a message, and no longer than its client does.
_WAIT_S = 2.0
_WAIT_SHARE = 0.8
# Clients take 4 MiB by default; the rest is for ids and instants. A larger message comes alone.
ANSWER_BYTES = 3_500_000

_PUBLISHER = "/google.pubsub.v1.Publisher/"
_SUBSCRIBER = "/google.pubsub.v1.Subscriber/"
_Perform = Callable[[bytes, Caller, Context], Awaitable[bytes]]  # (request, who asks, context)


class PubsubCalls(grpc.GenericRpcHandler):
    """Publish, Pull, Acknowledge, ModifyAckDeadline and StreamingPull."""

    def __init__(
        self, front: FrontDoor, callers: Callers, calls: Calls, *, stream_life_s: float = STREAM_LIFE_S
    ) -> None:
        self._front = front
        self._callers = callers
        self._room: PubsubRoom = front.runtime.pubsub
        self._calls = calls
        self._ledger = Ledger()
        self._streams = Streams(self._room, calls, self._ledger, life_s=stream_life_s)
        self._methods: Mapping[str, _Perform] = {
            _PUBLISHER + "Publish": self._publish,
            _SUBSCRIBER + "Pull": self._pull,
            _SUBSCRIBER + "Acknowledge": self._acknowledge,
            _SUBSCRIBER + "ModifyAckDeadline": self._modify_deadline,
        }
        self._room.watch_settled(self._settled)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        """The handler of a method, None if it is none of these."""
        method = handler_call_details.method
        if method == _SUBSCRIBER + "StreamingPull":
            return grpc.stream_stream_rpc_method_handler(self._stream)
        perform = self._methods.get(method)
        return None if perform is None else grpc.unary_unary_rpc_method_handler(partial(self._answer, perform))

    def stop(self) -> None:
        """End all streams: their clients come again when the runtime has started."""
        self._streams.stop()

    # -- calls ------------------------------------------------------------------------------------------------------

    async def _answer(self, perform: _Perform, content: bytes, context: Context) -> bytes:
        try:
            answer = await self._calls.performed(partial(self._performed, perform, content, context))
        except HakobuneError as error:
            return await self._refuse(error, context)
        except OSError as error:
            return await self._refuse(refused_by_the_machine(error), context)
        self._front.runtime.telemetry.request(200)
        return answer

    async def _performed(self, perform: _Perform, content: bytes, context: Context) -> bytes:
        return await perform(content, await self._callers.caller(context), context)

    async def _topic(self, text: str, caller: Caller) -> TopicName:
        """A topic that the caller may publish to. Raises InvalidArgument, PermissionDenied."""
        name = TopicName.parse(text, field="topic")
        await self._front.runtime.guard.check(caller.account, "pubsub.topics.publish", str(name))
        return name

    async def _subscription(self, text: str, caller: Caller) -> SubscriptionName:
        """A subscription that the caller may consume. Raises InvalidArgument, PermissionDenied."""
        name = SubscriptionName.parse(text, field="subscription")
        await self._front.runtime.guard.check(caller.account, "pubsub.subscriptions.consume", str(name))
        return name

    async def _refuse(self, error: HakobuneError, context: Context) -> bytes:
        response = error_response(error)
        self._front.runtime.telemetry.request(response.status)
        return await refuse(response, context)

    async def _publish(self, content: bytes, caller: Caller, context: Context) -> bytes:
        del context
        topic, messages = publish_of(content)
        name = await self._topic(topic, caller)
        return published(await caller.does(name, "publish", partial(self._room.publish, name, messages)))

    async def _pull(self, content: bytes, caller: Caller, context: Context) -> bytes:
        pull = pull_of(content)
        name = await self._subscription(pull.subscription, caller)
        if pull.limit < 1:
            raise InvalidArgument(f"max_messages must be at least 1, not {pull.limit}.")
        left_s = cast("float | None", context.time_remaining())  # None: the client waits for ever
        wait_s = 0.0 if pull.is_immediate else _WAIT_S if left_s is None else min(_WAIT_S, left_s * _WAIT_SHARE)
        work = partial(self._room.pull, name, pull.limit, wait_s=wait_s, limit_bytes=ANSWER_BYTES)
        return pulled(await caller.does(name, "pull", work))

    async def _acknowledge(self, content: bytes, caller: Caller, context: Context) -> bytes:
        del context
        subscription, ack_ids = acknowledge_of(content)
        name = await self._subscription(subscription, caller)
        await caller.does(name, "acknowledge", partial(self._room.acknowledge, name, ack_ids))
        return b""

    async def _modify_deadline(self, content: bytes, caller: Caller, context: Context) -> bytes:
        del context
        subscription, ack_ids, deadline_s = modify_deadline_of(content)
        name = await self._subscription(subscription, caller)
        work = partial(self._room.modify_ack_deadline, name, ack_ids, deadline_s)
        await caller.does(name, "modifyAckDeadline", work)
        return b""

    def _settled(self, ack_ids: Sequence[str], deadline_s: int) -> None:
        self._ledger.settle(ack_ids, deadline_s)

    # -- streams ----------------------------------------------------------------------------------------------------

    async def _stream(self, requests: AsyncIterator[bytes], context: Context) -> None:
        try:
            caller = await self._calls.performed(partial(self._callers.caller, context))
            await self._streams.serve(requests, context, caller, partial(self._subscription, caller=caller))
        except HakobuneError as error:
            await self._refuse(error, context)
        except OSError as error:
            await self._refuse(refused_by_the_machine(error), context)
