"""Pub/Sub API v1: topics and snapshots (https://cloud.google.com/pubsub/docs/reference/rest)."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.core.pubsub.limits import REQUEST_JSON_BYTES
from hakobune.core.pubsub.model import Snapshot, Topic
from hakobune.core.pubsub.names import PubsubName, SnapshotName, SubscriptionName, TopicName
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, page_of, project_of
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.store.api import Page
from hakobune.wire import codec
from hakobune.wire.pages import list_to_json
from hakobune.wire.pubsub_v1 import (
    snapshot_patch_from_json,
    snapshot_to_json,
    snapshot_wish_from_json,
    topic_from_json,
    topic_patch_from_json,
    topic_to_json,
)
from hakobune.wire.pubsub_v1_messages import message_ids_to_json, messages_from_json
from hakobune.wire.run_v2 import empty_request_from_json
from hakobune.wire.schema import Json

PROJECT = "/v1/projects/{project}"
PAGE_FIELDS = "pageSize pageToken"
# The snapshot of this id gets a name of the service's choice: over gRPC the name may be left out.
_ANY_NAME = "_"


def topic_name(request: Request) -> TopicName:
    """The topic in the path. Raises InvalidArgument."""
    return TopicName.make(request.parameters["project"], request.parameters["topic"])


def snapshot_name(request: Request) -> SnapshotName:
    """The snapshot in the path. Raises InvalidArgument."""
    return SnapshotName.make(request.parameters["project"], request.parameters["snapshot"])


class PubsubV1:
    """Handlers over the desks of topics and snapshots."""

    def __init__(self, runtime: Runtime) -> None:
        self._pubsub = runtime.pubsub

    def routes(self, router: Router) -> None:
        """Register all paths."""
        topics, snapshots = PROJECT + "/topics", PROJECT + "/snapshots"
        topic, snapshot = topics + "/{topic}", snapshots + "/{snapshot}"
        table: list[tuple[str, str, str, Handler]] = [
            ("GET", topics, PAGE_FIELDS, self.list_topics),
            ("PUT", topic, "", self.create_topic),
            ("GET", topic, "", self.get_topic),
            ("PATCH", topic, "", self.patch_topic),
            ("DELETE", topic, "", self.delete_topic),
            ("POST", topic + ":publish", "", self.publish),
            ("GET", topic + "/subscriptions", PAGE_FIELDS, self.list_topic_subscriptions),
            ("GET", topic + "/snapshots", PAGE_FIELDS, self.list_topic_snapshots),
            ("GET", snapshots, PAGE_FIELDS, self.list_snapshots),
            ("PUT", snapshot, "", self.create_snapshot),
            ("GET", snapshot, "", self.get_snapshot),
            ("PATCH", snapshot, "", self.patch_snapshot),
            ("DELETE", snapshot, "", self.delete_snapshot),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    # -- topics -------------------------------------------------------------------------------------------------

    async def create_topic(self, request: Request) -> Response:
        """`PUT …/topics/T`."""
        topic = topic_from_json(await body_of(request), topic_name(request))
        return json_response(topic_to_json(await self._pubsub.topics.create(topic)))

    async def get_topic(self, request: Request) -> Response:
        """`GET …/topics/T`."""
        return json_response(topic_to_json(await self._pubsub.topics.get(topic_name(request))))

    async def list_topics(self, request: Request) -> Response:
        """`GET …/topics`, by id."""
        project = project_of(request)
        kind = f"topics/{project}"
        page = page_of(request, kind)
        found, token = cut(await self._pubsub.topics.list(project, page), page, kind, _topic_id)
        return json_response(list_to_json("topics", [topic_to_json(topic) for topic in found], token))

    async def patch_topic(self, request: Request) -> Response:
        """`PATCH …/topics/T`: the fields that `updateMask` names."""
        wanted = topic_patch_from_json(await body_of(request), topic_name(request))
        return json_response(topic_to_json(await self._pubsub.topics.patch(wanted.topic, wanted.fields)))

    async def delete_topic(self, request: Request) -> Response:
        """`DELETE …/topics/T`: its subscriptions stay."""
        empty_request_from_json(await body_of(request))
        await self._pubsub.topics.delete(topic_name(request))
        return json_response({})

    async def publish(self, request: Request) -> Response:
        """`POST …/topics/T:publish`."""
        topic = topic_name(request)
        body = codec.parse_json(await request.content(REQUEST_JSON_BYTES), size_max=REQUEST_JSON_BYTES)
        return json_response(message_ids_to_json(await self._pubsub.publish(topic, messages_from_json(body, topic))))

    async def list_topic_subscriptions(self, request: Request) -> Response:
        """`GET …/topics/T/subscriptions`: names alone."""
        topic = topic_name(request)
        kind = f"{topic}/subscriptions"
        page = page_of(request, kind)
        found: Sequence[SubscriptionName] = await self._pubsub.topics.subscriptions(topic, page)
        return _names_response("subscriptions", found, page, kind)

    async def list_topic_snapshots(self, request: Request) -> Response:
        """`GET …/topics/T/snapshots`: names alone."""
        topic = topic_name(request)
        kind = f"{topic}/snapshots"
        page = page_of(request, kind)
        found: Sequence[SnapshotName] = await self._pubsub.topics.snapshots(topic, page)
        return _names_response("snapshots", found, page, kind)

    # -- snapshots ----------------------------------------------------------------------------------------------

    async def create_snapshot(self, request: Request) -> Response:
        """`PUT …/snapshots/N`."""
        is_named = request.parameters["snapshot"] != _ANY_NAME
        name = snapshot_name(request) if is_named else None
        wish = snapshot_wish_from_json(await body_of(request), "" if name is None else str(name))
        snapshot = await self._pubsub.snapshots.create(name, wish.subscription, wish.labels)
        return json_response(snapshot_to_json(snapshot))

    async def get_snapshot(self, request: Request) -> Response:
        """`GET …/snapshots/N`."""
        return json_response(snapshot_to_json(await self._pubsub.snapshots.get(snapshot_name(request))))

    async def list_snapshots(self, request: Request) -> Response:
        """`GET …/snapshots`, by id."""
        project = project_of(request)
        kind = f"snapshots/{project}"
        page = page_of(request, kind)
        found, token = cut(await self._pubsub.snapshots.list(project, page), page, kind, _snapshot_id)
        return json_response(list_to_json("snapshots", [snapshot_to_json(snapshot) for snapshot in found], token))

    async def patch_snapshot(self, request: Request) -> Response:
        """`PATCH …/snapshots/N`: the fields that `updateMask` names."""
        wanted = snapshot_patch_from_json(await body_of(request), snapshot_name(request))
        return json_response(snapshot_to_json(await self._pubsub.snapshots.patch(wanted.snapshot, wanted.fields)))

    async def delete_snapshot(self, request: Request) -> Response:
        """`DELETE …/snapshots/N`."""
        empty_request_from_json(await body_of(request))
        await self._pubsub.snapshots.delete(snapshot_name(request))
        return json_response({})


def _topic_id(topic: Topic) -> str:
    return topic.name.id


def _snapshot_id(snapshot: Snapshot) -> str:
    return snapshot.name.id


def _names_response(field: str, found: Sequence[PubsubName], page: Page, kind: str) -> Response:
    shown, token = cut(found, page, kind, _place)
    names: Json = {field: [str(name) for name in shown]} if shown else {}
    return json_response(names | ({"nextPageToken": token} if token else {}))


def _place(name: PubsubName) -> str:
    return f"{name.project}/{name.id}"
