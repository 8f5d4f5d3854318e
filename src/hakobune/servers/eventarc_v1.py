"""Eventarc API v1 (https://cloud.google.com/eventarc/docs/reference/rest): triggers, providers, and the deliveries of
events, which are ours. Channels: `eventarc_v1_channels`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from hakobune.core.errors import FieldViolation, InvalidArgument, NotFound
from hakobune.core.filters import orders_from_text
from hakobune.core.names import WILDCARD, check_location, check_project
from hakobune.core.operations import EventarcOperation
from hakobune.core.triggers.deliveries import Delivery
from hakobune.core.triggers.event_types import PROVIDERS
from hakobune.core.triggers.events import CloudEvent
from hakobune.core.triggers.limits import PAGE_ITEMS
from hakobune.core.triggers.model import Condition, Trigger, TriggerName
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.iam_deputies import Deputies, MayUse
from hakobune.servers.operations import operation_response
from hakobune.servers.parents import cut, location_of, page_of, project_of
from hakobune.servers.query import flag, only
from hakobune.servers.run_v2 import body_of
from hakobune.store.triggers_api import DeliveryQuery
from hakobune.wire.eventarc_v1 import (
    new_trigger_from_json,
    provider_to_json,
    trigger_patch_from_json,
    trigger_to_json,
)
from hakobune.wire.eventarc_v1_deliveries import delivery_to_json, object_to_data, redeliver_request_from_json
from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2 import empty_request_from_json

_ORDERS = ("name", "trigger_id")  # a list is by id, whatever is asked: other orders are refused


def new_id(request: Request, field: str) -> str:
    """The id that the query gives a new resource. Raises InvalidArgument."""
    text = request.query_fields().get(field, "")
    if not text:
        raise InvalidArgument(
            f"Missing required query parameter '{field}'.",
            violations=[FieldViolation(field=field, description="must not be empty")],
        )
    return text


def trigger_name(request: Request) -> TriggerName:
    """The trigger in the path. Raises InvalidArgument."""
    found = request.parameters
    return TriggerName.make(found["project"], found["location"], found["trigger"])


class EventarcV1:
    """Handlers over the triggers room."""

    def __init__(self, runtime: Runtime) -> None:
        self._triggers = runtime.triggers
        self._deputies = Deputies(runtime.guard, runtime.store)
        root = f"http://127.0.0.1:{runtime.settings.port}"
        runtime.triggers.events.connect(partial(object_to_data, root=root))

    def routes(self, router: Router) -> None:
        """Register all paths."""
        location = "/v1/projects/{project}/locations/{location}"
        triggers, providers = location + "/triggers", location + "/providers"
        trigger = triggers + "/{trigger}"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", triggers, "triggerId validateOnly", self.create),
            ("GET", triggers, "pageSize pageToken orderBy filter", self.list_all),
            ("GET", trigger, "", self.get),
            ("PATCH", trigger, "updateMask allowMissing validateOnly", self.patch),
            ("DELETE", trigger, "etag allowMissing validateOnly", self.delete),
            ("GET", trigger + "/events", "pageSize pageToken state", self.list_events),
            ("POST", trigger + "/events/{event}:redeliver", "", self.redeliver),
            ("GET", providers, "pageSize pageToken orderBy filter", self.list_providers),
            ("GET", providers + "/{provider}", "", self.get_provider),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    # -- triggers -------------------------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        """`POST …/triggers?triggerId=`."""
        found = request.parameters
        name = TriggerName.make(found["project"], found["location"], new_id(request, "triggerId"), field="trigger_id")
        make = new_trigger_from_json(await body_of(request), name)

        def create(may_use: MayUse) -> Awaitable[EventarcOperation]:
            return self._triggers.create(
                name, partial(_made, make, may_use), validate_only=flag(request, "validateOnly")
            )

        return operation_response(request, await self._deputies.settle(request.account, name.project, create))

    async def get(self, request: Request) -> Response:
        """`GET …/triggers/T`."""
        trigger, conditions = await self._triggers.get(trigger_name(request))
        return json_response(trigger_to_json(trigger, conditions))

    async def list_all(self, request: Request) -> Response:
        """`GET …/triggers`, by id. `-` stands for all locations."""
        refuse_filter(request)
        project, location = project_of(request), location_of(request)
        kind = f"triggers/{project}/{location}"
        page = page_of(request, kind, default=PAGE_ITEMS, most=PAGE_ITEMS)
        found, token = cut(await self._triggers.list_triggers(project, location, page), page, kind, _place)
        items = [trigger_to_json(trigger, conditions) for trigger, conditions in found]
        return json_response(list_to_json("triggers", items, token))

    async def patch(self, request: Request) -> Response:
        """`PATCH …/triggers/T`: the fields that `updateMask` names, without it all that are given."""
        name = trigger_name(request)
        wanted = trigger_patch_from_json(await body_of(request), name, request.query_fields().get("updateMask"))
        make = wanted.make if flag(request, "allowMissing") else None

        def patch(may_use: MayUse) -> Awaitable[EventarcOperation]:
            return self._triggers.patch(
                name,
                lambda trigger: _used(wanted.change(trigger), may_use),
                make=None if make is None else partial(_made, make, may_use),
                etag=wanted.etag,
                validate_only=flag(request, "validateOnly"),
            )

        return operation_response(request, await self._deputies.settle(request.account, name.project, patch))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/triggers/T`."""
        empty_request_from_json(await body_of(request))
        operation = await self._triggers.delete(
            trigger_name(request),
            etag=request.query_fields().get("etag", ""),
            allow_missing=flag(request, "allowMissing"),
            validate_only=flag(request, "validateOnly"),
        )
        return operation_response(request, operation)

    # -- deliveries -----------------------------------------------------------------------------------------------

    async def list_events(self, request: Request) -> Response:
        """`GET …/triggers/T/events`, an extension: deliveries, the newest first. `-` stands for all triggers."""
        project, location, trigger = project_of(request), location_of(request), request.parameters["trigger"]
        state = request.query_fields().get("state", "").upper()
        if state not in ("", "PENDING", "SETTLED"):
            raise _wrong("state", f"must be PENDING or SETTLED, and is {state[:40]!r}")
        wanted = None if trigger == WILDCARD else trigger_name(request)
        query = DeliveryQuery(project=project, location=location, is_open=state == "PENDING" if state else None)
        kind = f"trigger-events/{project}/{location}/{trigger}/{state}"
        page = page_of(request, kind)
        found, token = cut(await self._triggers.list_deliveries(query, wanted, page), page, kind, _delivery_place)
        return json_response(list_to_json("events", [delivery_to_json(*one) for one in found], token))

    async def redeliver(self, request: Request) -> Response:
        """`POST …/triggers/T/events/E:redeliver`, an extension."""
        is_anew = redeliver_request_from_json(await body_of(request))
        found = await self._triggers.redeliver(trigger_name(request), request.parameters["event"], is_anew=is_anew)
        return json_response(delivery_to_json(*found))

    # -- providers ------------------------------------------------------------------------------------------------

    async def list_providers(self, request: Request) -> Response:
        """`GET …/providers`, all of them, by id."""
        refuse_filter(request)
        parent = _parent(request)
        return json_response(list_to_json("providers", [provider_to_json(one, parent) for one in PROVIDERS]))

    async def get_provider(self, request: Request) -> Response:
        """`GET …/providers/P`."""
        parent, wanted = _parent(request), request.parameters["provider"]
        for provider in PROVIDERS:
            if provider.id == wanted:
                return json_response(provider_to_json(provider, parent))
        known = ", ".join(provider.id for provider in PROVIDERS)
        raise NotFound(f"Resource '{parent}/providers/{wanted[:120]}' was not found; there are: {known}")


def refuse_filter(request: Request) -> None:
    """Lists are by id, and of all. Raises InvalidArgument for another order, and for a filter."""
    fields = request.query_fields()
    orders = orders_from_text(fields.get("orderBy", ""), _ORDERS)
    if any(order.is_falling for order in orders):
        raise _wrong("order_by", "only rising order by name is supported here: leave it out")
    if fields.get("filter"):
        raise _wrong("filter", "is not supported here: leave it out")


def _wrong(field: str, text: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {text}.", violations=[FieldViolation(field=field, description=text)])


def _parent(request: Request) -> str:
    location = request.parameters["location"]
    project = check_project(request.parameters["project"])
    return f"projects/{project}/locations/{location if location == WILDCARD else check_location(location)}"


def _place(item: tuple[Trigger, Sequence[Condition]]) -> str:
    name = item[0].name
    return f"{name.id}/{name.location}"


def _delivery_place(item: tuple[Delivery, Trigger, CloudEvent]) -> str:
    return item[0].uid


def _made(make: Callable[[str], Trigger], may_use: MayUse, uid: str) -> Trigger:
    return _used(make(uid), may_use)


def _used(trigger: Trigger, may_use: MayUse) -> Trigger:
    """The trigger, if it may act as its account."""
    may_use(trigger.account)
    return trigger
