"""Pub/Sub API v1: subscriptions, and the messages that they give."""

from __future__ import annotations

from hakobune.core.pubsub.limits import ACK_REQUEST_BYTES
from hakobune.core.pubsub.model import Subscription
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, page_of, project_of
from hakobune.servers.pubsub_v1 import PAGE_FIELDS, PROJECT
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.wire import codec
from hakobune.wire.pages import list_to_json
from hakobune.wire.pubsub_v1_messages import (
    ack_ids_from_json,
    deadline_from_json,
    deliveries_to_json,
    pull_from_json,
)
from hakobune.wire.pubsub_v1_subscriptions import (
    check_detach,
    push_config_from_json,
    seek_from_json,
    subscription_from_json,
    subscription_patch_from_json,
    subscription_to_json,
)
from hakobune.wire.run_v2 import empty_request_from_json

_EMPTY_PULL_S = 2.0  # ours: less than any client waits


def subscription_name(request: Request) -> SubscriptionName:
    """The subscription in the path. Raises InvalidArgument."""
    return SubscriptionName.make(request.parameters["project"], request.parameters["subscription"])


class PubsubV1Subscriptions:
    """Handlers over the desk of subscriptions and the hot methods."""

    def __init__(self, runtime: Runtime) -> None:
        self._pubsub = runtime.pubsub

    def routes(self, router: Router) -> None:
        """Register all paths."""
        base = PROJECT + "/subscriptions"
        one = base + "/{subscription}"
        table: list[tuple[str, str, str, Handler]] = [
            ("GET", base, PAGE_FIELDS, self.list_all),
            ("PUT", one, "", self.create),
            ("GET", one, "", self.get),
            ("PATCH", one, "", self.patch),
            ("DELETE", one, "", self.delete),
            ("POST", one + ":pull", "", self.pull),
            ("POST", one + ":acknowledge", "", self.acknowledge),
            ("POST", one + ":modifyAckDeadline", "", self.modify_ack_deadline),
            ("POST", one + ":modifyPushConfig", "", self.modify_push_config),
            ("POST", one + ":seek", "", self.seek),
            ("POST", one + ":detach", "", self.detach),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`PUT …/subscriptions/S`."""
        subscription = subscription_from_json(await body_of(request), subscription_name(request))
        return json_response(subscription_to_json(await self._pubsub.subscriptions.create(subscription)))

    async def get(self, request: Request) -> Response:
        """`GET …/subscriptions/S`."""
        found = await self._pubsub.subscriptions.get(subscription_name(request))
        return json_response(subscription_to_json(found))

    async def list_all(self, request: Request) -> Response:
        """`GET …/subscriptions`, by id."""
        project = project_of(request)
        kind = f"subscriptions/{project}"
        page = page_of(request, kind)
        found, token = cut(await self._pubsub.subscriptions.list(project, page), page, kind, _subscription_id)
        return json_response(list_to_json("subscriptions", [subscription_to_json(one) for one in found], token))

    async def patch(self, request: Request) -> Response:
        """`PATCH …/subscriptions/S`: the fields that `updateMask` names."""
        wanted = subscription_patch_from_json(await body_of(request), subscription_name(request))
        found = await self._pubsub.subscriptions.patch(wanted.subscription, wanted.fields)
        return json_response(subscription_to_json(found))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/subscriptions/S`."""
        empty_request_from_json(await body_of(request))
        await self._pubsub.subscriptions.delete(subscription_name(request))
        return json_response({})

    async def pull(self, request: Request) -> Response:
        """`POST …/subscriptions/S:pull`: waits a little for a first message, unless it shall not."""
        name = subscription_name(request)
        wish = pull_from_json(await body_of(request), name)
        wait_s = 0.0 if wish.return_immediately else _EMPTY_PULL_S
        return json_response(deliveries_to_json(await self._pubsub.pull(name, wish.max_messages, wait_s=wait_s)))

    async def acknowledge(self, request: Request) -> Response:
        """`POST …/subscriptions/S:acknowledge`."""
        name = subscription_name(request)
        await self._pubsub.acknowledge(name, ack_ids_from_json(await _ack_body(request), name))
        return json_response({})

    async def modify_ack_deadline(self, request: Request) -> Response:
        """`POST …/subscriptions/S:modifyAckDeadline`; 0 seconds: the delivery failed."""
        name = subscription_name(request)
        wish = deadline_from_json(await _ack_body(request), name)
        await self._pubsub.modify_ack_deadline(name, wish.ack_ids, wish.deadline_s)
        return json_response({})

    async def modify_push_config(self, request: Request) -> Response:
        """`POST …/subscriptions/S:modifyPushConfig`."""
        name = subscription_name(request)
        await self._pubsub.subscriptions.modify_push_config(name, push_config_from_json(await body_of(request), name))
        return json_response({})

    async def seek(self, request: Request) -> Response:
        """`POST …/subscriptions/S:seek`, to a time or a snapshot."""
        name = subscription_name(request)
        wish = seek_from_json(await body_of(request), name)
        if wish.snapshot is not None:
            await self._pubsub.subscriptions.seek_to_snapshot(name, wish.snapshot)
        elif wish.at_s is not None:
            await self._pubsub.subscriptions.seek_to_time(name, wish.at_s)
        return json_response({})

    async def detach(self, request: Request) -> Response:
        """`POST …/subscriptions/S:detach`."""
        name = subscription_name(request)
        check_detach(await body_of(request), name)
        await self._pubsub.subscriptions.detach(name)
        return json_response({})


async def _ack_body(request: Request) -> object:
    return codec.parse_json(await request.content(ACK_REQUEST_BYTES), size_max=ACK_REQUEST_BYTES)


def _subscription_id(subscription: Subscription) -> str:
    return subscription.name.id
