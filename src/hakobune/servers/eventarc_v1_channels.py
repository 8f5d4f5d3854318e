"""Eventarc API v1: channels; and the publishing API, by which events of one's own come to them
(https://cloud.google.com/eventarc/docs/reference/publishing/rest)."""

from __future__ import annotations

from hakobune.core.triggers.limits import PAGE_ITEMS
from hakobune.core.triggers.model import Channel, ChannelName
from hakobune.runtime.app import Runtime
from hakobune.servers.eventarc_v1 import new_id, refuse_filter
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.operations import operation_response
from hakobune.servers.parents import cut, location_of, page_of, project_of
from hakobune.servers.query import flag, only
from hakobune.servers.run_v2 import body_of
from hakobune.wire.cloudevents import events_from_json
from hakobune.wire.eventarc_v1 import channel_patch_from_json, channel_to_json, new_channel_from_json
from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2 import empty_request_from_json


def channel_name(request: Request) -> ChannelName:
    """The channel in the path. Raises InvalidArgument."""
    found = request.parameters
    return ChannelName.make(found["project"], found["location"], found["channel"])


class EventarcV1Channels:
    """Handlers over the triggers room."""

    def __init__(self, runtime: Runtime) -> None:
        self._triggers = runtime.triggers

    def routes(self, router: Router) -> None:
        """Register all paths."""
        channels = "/v1/projects/{project}/locations/{location}/channels"
        channel = channels + "/{channel}"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", channels, "channelId validateOnly", self.create),
            ("GET", channels, "pageSize pageToken orderBy", self.list_all),
            ("GET", channel, "", self.get),
            ("PATCH", channel, "updateMask validateOnly", self.patch),
            ("DELETE", channel, "validateOnly", self.delete),
            ("POST", channel + ":publishEvents", "", self.publish),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`POST …/channels?channelId=`."""
        found = request.parameters
        name = ChannelName.make(found["project"], found["location"], new_id(request, "channelId"), field="channel_id")
        make = new_channel_from_json(await body_of(request), name)
        operation = await self._triggers.create_channel(name, make, validate_only=flag(request, "validateOnly"))
        return operation_response(request, operation)

    async def get(self, request: Request) -> Response:
        """`GET …/channels/C`."""
        return json_response(channel_to_json(await self._triggers.get_channel(channel_name(request))))

    async def list_all(self, request: Request) -> Response:
        """`GET …/channels`, by id. `-` stands for all locations."""
        refuse_filter(request)
        project, location = project_of(request), location_of(request)
        kind = f"channels/{project}/{location}"
        page = page_of(request, kind, default=PAGE_ITEMS, most=PAGE_ITEMS)
        found, token = cut(await self._triggers.list_channels(project, location, page), page, kind, _place)
        return json_response(list_to_json("channels", [channel_to_json(channel) for channel in found], token))

    async def patch(self, request: Request) -> Response:
        """`PATCH …/channels/C`."""
        name = channel_name(request)
        change = channel_patch_from_json(await body_of(request), name, request.query_fields().get("updateMask"))
        operation = await self._triggers.patch_channel(name, change, validate_only=flag(request, "validateOnly"))
        return operation_response(request, operation)

    async def delete(self, request: Request) -> Response:
        """`DELETE …/channels/C`."""
        empty_request_from_json(await body_of(request))
        operation = await self._triggers.delete_channel(
            channel_name(request), validate_only=flag(request, "validateOnly")
        )
        return operation_response(request, operation)

    async def publish(self, request: Request) -> Response:
        """`POST …/channels/C:publishEvents`."""
        name = channel_name(request)
        await self._triggers.publish(name, events_from_json(await body_of(request)))
        return json_response({})


def _place(channel: Channel) -> str:
    return f"{channel.name.id}/{channel.name.location}"
