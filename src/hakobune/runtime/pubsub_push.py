"""Pushes messages to the endpoints of push subscriptions: a loop for each, several requests at once, one of a key."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import groupby

import anyio
from anyio.abc import TaskGroup

from hakobune.core.errors import HakobuneError, ResourceExhausted, Unavailable
from hakobune.core.pubsub.failures import AckFailure
from hakobune.core.pubsub.model import Delivery, PushConfig, Subscription
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.core.pubsub.pushing import ACK_STATUSES, push_content, window_after
from hakobune.core.workflows.effects import HttpRequest, NoResponse, Trouble
from hakobune.runtime.outlet import Outlet, shown_url
from hakobune.runtime.pubsub_signals import Signals
from hakobune.runtime.pubsub_traffic import Traffic
from hakobune.runtime.wheel import Wheel

_LOOK_S = 60.0  # at least so often subscriptions are looked at
_PULL_WAIT_S = 60.0
_RETRY_S = 1.0
_ORDERED_AT_ONCE = 20  # messages of an ordered subscription that are leased together: a key's go out one by one
_SHOWN_CHARACTERS = 200  # of an endpoint, in the log
_LEASE_MARGIN_S = 30.0  # a lease outlives its request; at a start all leases of push subscriptions end

_log = logging.getLogger("hakobune.pubsub")


class Push:
    """Keeps one loop for each push subscription."""

    def __init__(self, wheel: Wheel, traffic: Traffic, signals: Signals, outlet: Outlet) -> None:
        self._wheel = wheel
        self._traffic = traffic
        self._signals = signals
        self._outlet = outlet
        self._looping: set[SubscriptionName] = set()

    async def run(self) -> None:
        """Until cancelled. What the last runtime was pushing is pushed again."""
        await self._wheel.persist(lambda turn: turn.tx.messages.release_pushed(turn.now_s))
        async with anyio.create_task_group() as group:
            while True:
                self._signals.settings.arm()
                try:
                    self._begin(group, await self._wheel.store.read(lambda tx: tx.pubsub.push_subscriptions()))
                except HakobuneError as error:
                    _log.error("push subscriptions cannot be looked at now: %s", error.message)
                await self._signals.settings.wait(_LOOK_S)

    def _begin(self, group: TaskGroup, wanted: Sequence[Subscription]) -> None:
        """Begin the loops that are missing. A loop whose subscription is gone or changed ends by itself."""
        for subscription in wanted:
            if subscription.push is not None and subscription.name not in self._looping:
                self._looping.add(subscription.name)
                pusher = Pusher(self._traffic, self._outlet, subscription, subscription.push)
                group.start_soon(self._keep, pusher, subscription.name, group)

    async def _keep(self, pusher: Pusher, name: SubscriptionName, group: TaskGroup) -> None:
        await pusher.run(group)
        self._looping.discard(name)
        self._signals.settings.wake()


class Pusher:
    """Pushes the messages of one subscription."""

    def __init__(self, traffic: Traffic, outlet: Outlet, subscription: Subscription, push: PushConfig) -> None:
        self._traffic = traffic
        self._outlet = outlet
        self._subscription = subscription
        self._push = push
        self._window = 1
        self._under_way = 0
        self._has_room = anyio.Event()
        self._is_failing = False

    async def run(self, group: TaskGroup) -> None:
        """Until the subscription is gone or changed. What is under way then comes to its end in `group`."""
        while True:
            while self._under_way >= self._window:
                self._has_room = anyio.Event()
                await self._has_room.wait()
            try:
                found = await self._pulled()
            except (Unavailable, ResourceExhausted):
                await anyio.sleep(_RETRY_S)
                continue
            except HakobuneError as error:
                _log.info("pushing of %s ends: %s", self._subscription.name, error.message)
                return
            for batch in _batches(found, is_ordered=self._subscription.enable_message_ordering):
                self._under_way += len(batch)
                group.start_soon(self._deliver, batch)

    async def _pulled(self) -> Sequence[Delivery]:
        free = self._window - self._under_way
        limit = min(free, _ORDERED_AT_ONCE) if self._subscription.enable_message_ordering else free
        in_a_row = limit if self._subscription.enable_message_ordering else 1
        lease_s = self._subscription.ack_deadline_s * in_a_row + _LEASE_MARGIN_S
        known = self._subscription
        return await self._traffic.pull(known.name, limit, wait_s=_PULL_WAIT_S, lease_s=lease_s, known=known)

    async def _deliver(self, batch: Sequence[Delivery]) -> None:
        """Push one message after the other. When one fails, those behind it come again with it."""
        try:
            for delivery in batch:
                problem = await self._problem(delivery)
                self._note(problem)
                if await self._settle(delivery, is_acked=not problem) and not problem:
                    continue
                break
        finally:
            self._under_way -= len(batch)
            self._has_room.set()

    async def _settle(self, delivery: Delivery, *, is_acked: bool) -> bool:
        """Acknowledge, or say that it failed. False: that could not be noted; the lease ends by itself."""
        self._window = window_after(self._window, is_acked=is_acked)
        name, ack_ids = self._subscription.name, [delivery.ack_id]
        try:
            if is_acked:
                await self._traffic.acknowledge(name, ack_ids)
            else:
                await self._traffic.modify_ack_deadline(name, ack_ids, 0)
        except AckFailure:
            return False  # its lease is over
        except HakobuneError as error:
            _log.warning("a push of %s could not be noted: %s", name, error.message)
            return False
        return True

    def _note(self, problem: str) -> None:
        """Say when pushes begin to fail, and when they succeed again; not each time."""
        if problem and not self._is_failing:
            _log.warning(
                "push of %s to %s failed: %s", self._subscription.name, plain_endpoint(self._push.endpoint), problem
            )
        elif self._is_failing and not problem:
            _log.info("push of %s succeeds again", self._subscription.name)
        self._is_failing = bool(problem)

    async def _problem(self, delivery: Delivery) -> str:
        """Send one request. Why the message is not acknowledged; "": it is."""
        deadline_s = float(self._subscription.ack_deadline_s)
        headers, body = push_content(self._subscription, self._push, delivery)
        try:
            with anyio.fail_after(deadline_s):
                headers += await self._authorization()
                answer = await self._outlet.sender.send(
                    HttpRequest(
                        method="POST", url=self._push.endpoint, headers=headers, body=body, timeout_s=deadline_s
                    )
                )
        except TimeoutError:
            return f"no answer within {deadline_s:g} s"
        except HakobuneError as error:
            return error.message
        except ValueError as error:
            return str(error)
        if isinstance(answer, NoResponse):
            return _told(answer)
        return "" if answer.code in ACK_STATUSES else f"it answered {answer.code}"

    async def _authorization(self) -> tuple[tuple[str, str], ...]:
        """The header with the token. Raises HakobuneError, ValueError: this endpoint may not see one."""
        oidc = self._push.oidc_token
        if oidc is None:
            return ()
        audience = oidc.audience or self._push.endpoint
        return (await self._outlet.id_authorization(self._push.endpoint, oidc.service_account_email, audience),)


def plain_endpoint(url: str) -> str:
    """What a log may say of an endpoint: without the secrets that its account and its query may be."""
    return shown_url(url)[:_SHOWN_CHARACTERS]


def _batches(found: Sequence[Delivery], *, is_ordered: bool) -> list[list[Delivery]]:
    """What may go out at once: all messages, but of a key only one after the other."""
    if not is_ordered:
        return [[delivery] for delivery in found]
    keyed = sorted((delivery for delivery in found if delivery.ordering_key), key=_key)  # ids keep their order
    batches = [[delivery] for delivery in found if not delivery.ordering_key]
    return batches + [list(batch) for _, batch in groupby(keyed, key=_key)]


def _key(delivery: Delivery) -> str:
    return delivery.ordering_key


def _told(answer: NoResponse) -> str:
    if answer.trouble is Trouble.INVALID:
        return answer.detail.replace("workflows may not call it", "nothing may be pushed to it")
    return answer.detail
