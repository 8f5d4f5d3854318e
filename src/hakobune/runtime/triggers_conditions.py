"""Why a trigger does not do what it should."""

from __future__ import annotations

from collections.abc import Container

from hakobune.core.errors import Code
from hakobune.core.names import JobName, WorkflowName
from hakobune.core.pubsub.names import SubscriptionName
from hakobune.core.services.names import Kind, ResidentName
from hakobune.core.triggers.model import Condition, DestinationKind, Trigger
from hakobune.store.api import ReadTx


def conditions_of(tx: ReadTx, trigger: Trigger, static_services: Container[str]) -> list[Condition]:
    """Why a trigger does not do what it should: what it names is not there, or does not take its events.
    `static_services`: ids of services that run elsewhere."""
    found: list[Condition] = []
    gone = _gone(tx, trigger, static_services)
    if gone:
        found.append(Condition(reason="DESTINATION_NOT_FOUND", code=Code.NOT_FOUND, message=gone))
    if tx.pubsub.find_subscription(SubscriptionName.parse(trigger.subscription)) is None:
        text = f"The subscription {trigger.subscription} of the trigger was deleted: create the trigger again."
        found.append(Condition(reason="TRANSPORT_NOT_FOUND", code=Code.NOT_FOUND, message=text))
    failing = tx.triggers.failing(trigger.uid)
    if failing is not None and failing.last is not None:
        text = f"A delivery has failed {failing.failures} times; the last time: {failing.last.message}"
        found.append(Condition(reason="DELIVERY_FAILED", code=Code.UNAVAILABLE, message=text))
    return found


def _gone(tx: ReadTx, trigger: Trigger, static_services: Container[str]) -> str:
    destination = trigger.destination
    if destination.service is not None and destination.service.service not in static_services:
        service = ResidentName(
            kind=Kind.SERVICE,
            project=trigger.name.project,
            location=destination.service.region,
            id=destination.service.service,
        )
        if tx.services.find_resident(service) is None:
            return f"Service {service} does not exist: deploy it. Events wait for it for a day."
    if destination.kind is DestinationKind.WORKFLOW:
        parts = destination.workflow.split("/")
        name = WorkflowName(project=parts[1], location=parts[3], workflow=parts[5])
        if tx.workflows.find_workflow(name) is None:
            return f"Workflow {name} does not exist: deploy it. Events wait for it for a day."
    if destination.kind is DestinationKind.JOB:
        parts = destination.job.split("/")
        job = JobName(project=parts[1], location=parts[3], job=parts[5])
        if tx.jobs.find_job(job) is None:
            return f"Job {job} does not exist: deploy it. Events wait for it for a day."
    return ""
