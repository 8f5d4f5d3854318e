"""Flow control of StreamingPull: how much a stream has been sent that is neither acknowledged nor over.

Acks come on the stream, by calls of their own, or by REST; so all streams have one ledger, by ack id. It is a matter of
courtesy, not of truth, and so of memory alone: what is delivered is in the store.
Source: the reference of StreamingPullRequest, `max_outstanding_messages` and `max_outstanding_bytes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import anyio

from hakobune.core.pubsub.model import Delivery

_UNBOUNDED = 1 << 62


class Ledger:
    """Whose stream each delivery went to."""

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}

    def flow(self, messages_max: int, bytes_max: int) -> Flow:
        """The flow of a new stream; a bound of 0 and less is none."""
        return Flow(self._flows, messages_max, bytes_max)

    def settle(self, ack_ids: Iterable[str], deadline_s: int) -> None:
        """These deliveries end so many seconds from now; 0: at once. Those of no stream are passed by."""
        flows = self._flows
        for ack_id in ack_ids:
            flow = flows.get(ack_id)
            if flow is not None:
                flow.settle(ack_id, deadline_s)


class Flow:
    """What one stream may still be sent."""

    def __init__(self, flows: dict[str, Flow], messages_max: int, bytes_max: int) -> None:
        self._flows = flows
        self._messages_max = messages_max if messages_max > 0 else _UNBOUNDED
        self._bytes_max = bytes_max if bytes_max > 0 else _UNBOUNDED
        self._is_bounded = messages_max > 0 or bytes_max > 0
        self._sent: dict[str, tuple[int, float]] = {}  # ack id: size, when its time is over by the loop's clock
        self._bytes = 0
        self._has_settled = anyio.Event()

    @property
    def messages_left(self) -> int:
        """So many messages may be sent."""
        return max(0, self._messages_max - len(self._sent))

    @property
    def bytes_left(self) -> int:
        """They may have so many bytes. A message that is larger than the bound is sent alone."""
        return max(0, self._bytes_max - self._bytes)

    @property
    def is_full(self) -> bool:
        """Whether nothing may be sent now."""
        return self.messages_left == 0 or self.bytes_left == 0

    def sent(self, deliveries: Sequence[Delivery], lease_s: float) -> None:
        """These are on their way."""
        if not self._is_bounded:
            return
        end_s = anyio.current_time() + lease_s
        for delivery in deliveries:
            size_bytes = len(delivery.body)
            self._sent[delivery.ack_id] = (size_bytes, end_s)
            self._bytes += size_bytes
            self._flows[delivery.ack_id] = self

    def settle(self, ack_id: str, deadline_s: int) -> None:
        """A delivery ends so many seconds from now."""
        if deadline_s > 0:
            size_bytes, _ = self._sent[ack_id]
            self._sent[ack_id] = (size_bytes, anyio.current_time() + deadline_s)
        else:
            self._forget(ack_id)
            self._has_settled.set()

    async def settled(self, most_s: float) -> None:
        """Wait until something is settled or over, at most so long."""
        end_s = anyio.current_time() + most_s
        while not self._drop_over() and (now_s := anyio.current_time()) < end_s:
            self._has_settled = anyio.Event()
            first_s = min((over_s for _, over_s in self._sent.values()), default=end_s)
            with anyio.move_on_after(min(first_s, end_s) - now_s):
                await self._has_settled.wait()
                return

    def close(self) -> None:
        """The stream is gone."""
        for ack_id in tuple(self._sent):
            self._forget(ack_id)

    def _drop_over(self) -> bool:
        now_s = anyio.current_time()
        over = [ack_id for ack_id, (_, over_s) in self._sent.items() if over_s <= now_s]
        for ack_id in over:
            self._forget(ack_id)
        return bool(over)

    def _forget(self, ack_id: str) -> None:
        size_bytes, _ = self._sent.pop(ack_id)
        self._bytes -= size_bytes
        del self._flows[ack_id]
