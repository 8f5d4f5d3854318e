"""Tries deliveries: one request to a service, an endpoint, or an API of ours that starts a workflow or a job."""

from __future__ import annotations

import json
import re
from typing import cast

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.services.addresses import cloud_url
from hakobune.core.triggers.deliveries import Attempted, Delivery, DeliveryRules
from hakobune.core.triggers.events import CloudEvent, binary_headers, event_to_json, identity_key, job_variables
from hakobune.core.triggers.limits import JOB_DATA_CHARACTERS
from hakobune.core.triggers.model import DestinationKind, ServiceDestination, Trigger
from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.runtime.outlet import Outlet, shown_url
from hakobune.runtime.workflow_calls import KEY_HEADER

AT_ONCE = 500  # attempts; more of them wait
_SHOWN_CHARACTERS = 500  # of an answer, in what is kept of an attempt

# An answer of the API of executions to a key whose first request had another body.
_KEY_IN_USE = re.compile(r"idempotency key .* was used for another request")


class TriggerAttempts:
    """Makes attempts, so many at once."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    async def make(self, trigger: Trigger, event: CloudEvent, delivery: Delivery, rules: DeliveryRules) -> Attempted:
        """One attempt of a delivery. Raises nothing of the destination's."""
        async with self._limiter:
            try:
                with anyio.fail_after(rules.ack_deadline_s):
                    return await self._send(trigger, event, delivery, rules.ack_deadline_s)
            except TimeoutError:
                text = f"no answer within {rules.ack_deadline_s:g} s, the ack deadline of the trigger's subscription"
                return Attempted(is_accepted=False, message=text)
            except HakobuneError as error:
                return Attempted(is_accepted=False, message=f"no token could be made: {error.message}")
            except ValueError as error:
                return Attempted(is_accepted=False, message=str(error))

    async def _send(self, trigger: Trigger, event: CloudEvent, delivery: Delivery, deadline_s: float) -> Attempted:
        """Raises HakobuneError (no token), ValueError (it cannot be sent as it is)."""
        kind = trigger.destination.kind
        if kind is DestinationKind.WORKFLOW:
            request = await self._execution_of_workflow(trigger, event, delivery)
        elif kind is DestinationKind.JOB:
            request = await self._execution_of_job(trigger, event, delivery)
        else:
            request = await self._event_request(trigger, event, delivery)
        request = HttpRequest(
            method="POST", url=request.url, headers=request.headers, body=request.body, timeout_s=deadline_s
        )
        return _outcome(await self._outlet.sender.send(request), kind)

    async def _event_request(self, trigger: Trigger, event: CloudEvent, delivery: Delivery) -> HttpRequest:
        """The event itself, in binary content mode."""
        service, endpoint = trigger.destination.service, trigger.destination.endpoint
        if service is not None:
            audience = service_url(trigger.name.project, service)
            url = f"{audience}/{service.path.lstrip('/')}"
        else:
            assert endpoint is not None
            url = audience = endpoint.uri
        headers = binary_headers(event, delivery.uid)
        if trigger.service_account:
            headers += (await self._outlet.id_authorization(url, trigger.service_account, audience),)
        return HttpRequest(method="POST", url=url, headers=headers, body=event.data)

    async def _execution_of_workflow(self, trigger: Trigger, event: CloudEvent, delivery: Delivery) -> HttpRequest:
        url = f"https://workflowexecutions.googleapis.com/v1/{trigger.destination.workflow}/executions"
        body = {"argument": json.dumps(event_to_json(event), ensure_ascii=False)}
        return await self._call(url, body, trigger, event, delivery)

    async def _execution_of_job(self, trigger: Trigger, event: CloudEvent, delivery: Delivery) -> HttpRequest:
        variables = job_variables(event)
        size = len(variables["CE_DATA"])
        if size > JOB_DATA_CHARACTERS:
            raise ValueError(f"the event's data has {size} characters; a variable of a job has {JOB_DATA_CHARACTERS}")
        container = {"env": [{"name": name, "value": value} for name, value in variables.items()]}
        url = f"https://run.googleapis.com/v2/{trigger.destination.job}:run"
        return await self._call(url, {"overrides": {"containerOverrides": [container]}}, trigger, event, delivery)

    async def _call(
        self, url: str, body: object, trigger: Trigger, event: CloudEvent, delivery: Delivery
    ) -> HttpRequest:
        headers = (
            ("Content-Type", "application/json"),
            await self._outlet.access_authorization(url, trigger.account),
            (KEY_HEADER, start_key(trigger, event, delivery)),
        )
        return HttpRequest(method="POST", url=url, headers=headers, body=json.dumps(body).encode())


def service_url(project: str, service: ServiceDestination) -> str:
    """The URL of a service, which is also the audience of tokens for it."""
    return cloud_url(service.service, project, service.region)


def start_key(trigger: Trigger, event: CloudEvent, delivery: Delivery) -> str:
    """Under this key an execution is started once. The same for all deliveries of an event to a trigger, unless each
    is to count (`is_strict`); a delivery that is in doubt after a crash is repeated under its key in either case."""
    key = f"eventarc-{trigger.uid}-{delivery.uid if trigger.is_strict else identity_key(event)}"
    return f"{key}-{delivery.repeats}" if delivery.repeats else key


def _outcome(answer: HttpResponse | NoResponse, kind: DestinationKind) -> Attempted:
    if isinstance(answer, NoResponse):
        told = answer.detail.replace("workflows may not call it", "no trigger may call it")
        return Attempted(is_accepted=False, message=told)
    is_start = kind in (DestinationKind.WORKFLOW, DestinationKind.JOB)
    if 200 <= answer.code < 300 or answer.code == 102:
        return Attempted(is_accepted=True, status=answer.code, started=_started(answer.body, kind) if is_start else "")
    text = answer.body[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
    if is_start:
        text = _error_text(answer.body) or text
        if answer.code == 400 and _KEY_IN_USE.search(text):
            # The same source and id, with other contents: the same event, which has started an execution already.
            return Attempted(is_accepted=True, status=answer.code, message=text)
    return Attempted(is_accepted=False, status=answer.code, message=f"it answered {answer.code}: {text}".rstrip(": "))


def _started(body: bytes, kind: DestinationKind) -> str:
    """The name of the execution that an answer of ours tells."""
    tree = _tree(body)
    if kind is DestinationKind.JOB:
        metadata = tree.get("metadata")
        tree = cast("dict[str, object]", metadata) if isinstance(metadata, dict) else {}
    return str(tree.get("name", ""))


def _error_text(body: bytes) -> str:
    error = _tree(body).get("error")
    return str(cast("dict[str, object]", error).get("message", "")) if isinstance(error, dict) else ""


def _tree(body: bytes) -> dict[str, object]:
    try:
        tree = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, object]", tree) if isinstance(tree, dict) else {}


def shown_destination(trigger: Trigger) -> str:
    """A destination as a log may name it: a URL without what may be secret in it."""
    endpoint = trigger.destination.endpoint
    return str(trigger.destination) if endpoint is None else shown_url(endpoint.uri)
