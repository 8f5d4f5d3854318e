"""Revisions, configurations and routes of the Cloud Run Admin API v1, with the labels by which gcloud selects
revisions. Clients read them, and never write them."""

from __future__ import annotations

from hakobune.core.services.conditions import revision_conditions
from hakobune.core.services.model import Resident, Revision, RevisionState
from hakobune.core.services.names import Kind
from hakobune.wire.run_v1_objects import LOCATION_LABEL, SERVING_VERSION, condition_to_v1, metadata_to_v1, pruned
from hakobune.wire.run_v1_residents import authors_to_v1, resident_to_v1, revision_spec_to_v1
from hakobune.wire.run_v2_jobs import observed_generation
from hakobune.wire.run_v2_resident_templates import template_settings_to_tree
from hakobune.wire.schema import Json

SERVICE_LABEL = "serving.knative.dev/service"
POOL_LABEL = "run.googleapis.com/workerPool"
_CONFIGURATION_LABEL = "serving.knative.dev/configuration"
_GENERATION_LABEL = "serving.knative.dev/configurationGeneration"
_SERVICE_UID_LABEL = "serving.knative.dev/serviceUid"


def revision_labels(revision: Revision) -> dict[str, str]:
    """The labels of a revision as v1 shows and selects them."""
    resident = revision.name.resident
    labels = {**revision.template.labels, LOCATION_LABEL: resident.location}
    if resident.kind is Kind.POOL:
        return {**labels, POOL_LABEL: resident.id}
    return {
        **labels,
        SERVICE_LABEL: resident.id,
        _CONFIGURATION_LABEL: resident.id,
        _GENERATION_LABEL: str(revision.generation),
        _SERVICE_UID_LABEL: revision.resident_uid,
    }


def revision_to_v1(revision: Revision) -> Json:
    """A revision as v1 prints it."""
    resident = revision.name.resident
    tree = template_settings_to_tree(resident.kind, revision.template)
    spec, annotations = revision_spec_to_v1(resident.kind, tree)
    is_reconciling = revision.state is RevisionState.DEPLOYING
    observed = observed_generation(revision.generation, is_reconciling=is_reconciling)
    status: Json = {
        "observedGeneration": int(observed or 0),
        "conditions": [condition_to_v1(condition) for condition in revision_conditions(revision)],
        "serviceName": resident.id if resident.kind is Kind.SERVICE else "",
        "desiredReplicas": revision.template.min_instances,
    }
    return {
        "apiVersion": SERVING_VERSION,
        "kind": "Revision",
        "metadata": metadata_to_v1(
            kind="revisions",
            name=revision.name.revision,
            namespace=resident.project,
            uid=revision.uid,
            etag=revision.etag,
            generation=revision.generation,
            create_time_s=revision.create_time_s,
            labels=revision_labels(revision),
            annotations={**revision.template.annotations, **annotations, **authors_to_v1(revision.creator)},
            api_version=SERVING_VERSION,
        ),
        "spec": spec,
        "status": pruned(status),
    }


def configuration_to_v1(service: Resident) -> Json:
    """The configuration of a service: its template, and which revisions came of it."""
    whole = resident_to_v1(service)
    status: Json = whole["status"]
    kept = ("observedGeneration", "latestCreatedRevisionName", "latestReadyRevisionName")
    return _part(
        whole,
        "Configuration",
        {"template": whole["spec"]["template"]},
        {key: status[key] for key in kept if key in status},
        "ConfigurationsReady",
    )


def route_to_v1(service: Resident) -> Json:
    """The route of a service: its traffic, and its address."""
    whole = resident_to_v1(service)
    status: Json = whole["status"]
    kept = ("observedGeneration", "traffic", "url", "address")
    return _part(
        whole,
        "Route",
        {"traffic": whole["spec"]["traffic"]},
        {key: status[key] for key in kept if key in status},
        "RoutesReady",
    )


def _part(service: Json, kind: str, spec: Json, status: Json, condition: str) -> Json:
    """What Knative splits a service into. Its own condition is called Ready there."""
    conditions = [{**item, "type": "Ready"} for item in service["status"]["conditions"] if item["type"] == condition]
    metadata: Json = {**service["metadata"], "labels": {**service["metadata"]["labels"]}}
    metadata["labels"][SERVICE_LABEL] = metadata["name"]
    plural = f"/{kind.lower()}s/"
    metadata["selfLink"] = metadata["selfLink"].replace("/services/", plural)
    return {
        "apiVersion": SERVING_VERSION,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
        "status": {**status, "conditions": conditions},
    }
