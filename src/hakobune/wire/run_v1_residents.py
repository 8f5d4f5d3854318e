"""Services and worker pools of the Cloud Run Admin API v1: what gcloud sends, and what it reads. The way goes through
canonical v2 JSON, so that both APIs mean the same by construction."""

from __future__ import annotations

import math
import re

from hakobune.core.instants import duration_from_text
from hakobune.core.services.conditions import resident_conditions
from hakobune.core.services.model import Resident, ResidentDraft, Share
from hakobune.core.services.names import Kind, ResidentName
from hakobune.wire import run_v1_annotations as annotated
from hakobune.wire.run_resident_rules import check_resident
from hakobune.wire.run_resident_urls import service_uri, service_urls
from hakobune.wire.run_v1_containers import (
    container_from_v1,
    container_to_v1,
    sandboxes_from_v1,
    sandboxes_to_v1,
    volume_from_v1,
    volume_to_v1,
)
from hakobune.wire.run_v1_objects import (
    ACCELERATOR,
    API_VERSION,
    LOCATION_LABEL,
    SERVING_VERSION,
    check_identity,
    condition_to_v1,
    metadata_to_v1,
    node_selector_from_v1,
    note,
    own_labels,
    pruned,
)
from hakobune.wire.run_v1_paths import v1_path
from hakobune.wire.run_v1_resident_annotations import (
    resident_annotations_to_v1,
    resident_fields_from_v1,
    template_annotations_to_v1,
    template_fields_from_v1,
)
from hakobune.wire.run_v1_resident_schema import SERVICE, WORKER_POOL
from hakobune.wire.run_v2_resident_schema import LATEST, REVISION, SPLIT_PREFIX, TRAFFIC_PREFIX
from hakobune.wire.run_v2_resident_templates import template_settings_to_tree
from hakobune.wire.run_v2_residents import (
    resident_draft_from_tree,
    resident_fields_to_tree,
    scaled_annotations,
    shares_now,
)
from hakobune.wire.schema import Json, Message, Reader
from hakobune.wire.violations import Violations

_SPEC = "spec.template.spec"
_MESSAGES: dict[Kind, Message] = {Kind.SERVICE: SERVICE, Kind.POOL: WORKER_POOL}
OBJECTS = {Kind.SERVICE: "Service", Kind.POOL: "WorkerPool"}
VERSIONS = {Kind.SERVICE: SERVING_VERSION, Kind.POOL: API_VERSION}
PLURALS = {Kind.SERVICE: "services", Kind.POOL: "workerpools"}
_SHARES = {Kind.SERVICE: "traffic", Kind.POOL: "instanceSplits"}
_PREFIXES = {Kind.SERVICE: TRAFFIC_PREFIX, Kind.POOL: SPLIT_PREFIX}
_CREATOR, _LAST_MODIFIER = "serving.knative.dev/creator", "serving.knative.dev/lastModifier"
# Knative has these, Cloud Run has not: saying so is better than a service that quietly lacks them.
_NOT_SUPPORTED = ("imagePullSecrets", "runtimeClassName", "enableServiceLinks")
_PATHS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"^template\.revision$", "spec.template.metadata.name"),
        (r"^template\.maxInstanceRequestConcurrency$", f"{_SPEC}.containerConcurrency"),
        (
            r"^template\.scaling\.(min|max)InstanceCount$",
            r"spec.template.metadata.annotations['autoscaling.knative.dev/\1Scale']",
        ),
        (r"^scaling\.(min|max)InstanceCount$", r"metadata.annotations['run.googleapis.com/\1Scale']"),
        (r"^scaling\.manualInstanceCount$", "metadata.annotations['run.googleapis.com/manualInstanceCount']"),
        (r"^description$", "metadata.annotations['run.googleapis.com/description']"),
        (r"^(traffic|instanceSplits)(\[\d+\])\.revision$", r"spec.\1\2.revisionName"),
        (r"^(traffic|instanceSplits)\b", r"spec.\1"),
    )
)


def resident_v1_path(path: str) -> str:
    """The path in a v1 body of the field of a service or a worker pool at a v2 `path`."""
    for pattern, text in _PATHS:
        if pattern.search(path):
            return pattern.sub(text, path)
    return v1_path(path)


def resident_draft_from_v1(
    kind: Kind, value: object, *, namespace: str, service_account: str = ""
) -> tuple[str, ResidentDraft]:
    """(id, draft), checked, defaults filled in. `namespace` is the project of the URL; `service_account` is what one
    without it gets. Raises InvalidArgument with all that is wrong."""
    found = Violations(resident_v1_path)
    tree = Reader(found=found, protobuf_paths=False).message(_MESSAGES[kind], value, "")
    found.check()

    def check_id(name: str) -> None:
        ResidentName.make(kind, namespace, "any", name, field="metadata.name")

    name = check_identity(tree, namespace, OBJECTS[kind], VERSIONS[kind], check_id, found)
    draft = _resident_from_v1(kind, tree, found)
    check_resident(kind, draft, name, found)
    found.check()
    return name, resident_draft_from_tree(kind, draft, name, service_account)


def _resident_from_v1(kind: Kind, tree: Json, found: Violations) -> Json:
    """Canonical v2 JSON of a resident."""
    metadata: Json = tree.get("metadata", {})
    spec: Json = tree.get("spec", {})
    resident = resident_fields_from_v1(metadata.get("annotations", {}), found)
    if kind is Kind.POOL:
        resident["scaling"] = _pool_scaling(resident.get("scaling", {}), found)
    resident["labels"] = own_labels(metadata)
    if metadata.get("resourceVersion"):
        resident["etag"] = f'"{metadata["resourceVersion"]}"'
    shares: list[Json] = spec.get(_SHARES[kind], [])
    if shares:
        prefix, path = _PREFIXES[kind], f"spec.{_SHARES[kind]}"
        resident[_SHARES[kind]] = [
            _share_from_v1(prefix, share, f"{path}[{number}]", found) for number, share in enumerate(shares)
        ]
    if "template" in spec:
        resident["template"] = _template_from_v1(spec["template"], found)
    return resident


def _pool_scaling(scaling: Json, found: Violations) -> Json:
    """Pools have a number of instances, whatever else their annotations may say."""
    if scaling.get("scalingMode") == "AUTOMATIC" or "minInstanceCount" in scaling or "maxInstanceCount" in scaling:
        note(found, "metadata.annotations", "worker pools are scaled by hand: give their number of instances")
    return {key: value for key, value in scaling.items() if key == "manualInstanceCount"}


def _share_from_v1(prefix: str, tree: Json, where: str, found: Violations) -> Json:
    is_latest, revision = tree.get("latestRevision", False), tree.get("revisionName", "")
    if is_latest and revision:
        note(found, f"{where}.revisionName", "must be empty when latestRevision is true")
    elif not is_latest and not revision:
        note(found, where, "needs a revisionName, or latestRevision: true")
    share: Json = {
        "type": prefix + (LATEST if is_latest else REVISION),
        "revision": "" if is_latest else revision,
        "percent": tree.get("percent", 0),
        "tag": tree.get("tag", ""),
    }
    return pruned(share) if is_latest or revision else {"percent": share["percent"]}


def _template_from_v1(tree: Json, found: Violations) -> Json:
    metadata: Json = tree.get("metadata", {})
    spec: Json = tree.get("spec", {})
    annotations: dict[str, str] = dict(metadata.get("annotations", {}))
    containers: list[Json] = [
        container_from_v1(item, f"{_SPEC}.containers[{number}]", found)
        for number, item in enumerate(spec.get("containers", []))
    ]
    volumes: list[Json] = [
        volume_from_v1(item, f"{_SPEC}.volumes[{number}]", found) for number, item in enumerate(spec.get("volumes", []))
    ]
    annotated.take_cloud_sql(annotations, containers, volumes)
    annotated.take_start_order(annotations, containers, found)
    template = template_fields_from_v1(annotations, containers, found)
    for field in _NOT_SUPPORTED:
        if spec.get(field):
            note(found, f"{_SPEC}.{field}", "is not supported by Cloud Run")
    if "timeoutSeconds" in spec:
        template["timeout"] = f"{spec['timeoutSeconds']}s"
    if "sandboxes" in spec:
        template["sandboxes"] = sandboxes_from_v1(spec["sandboxes"], f"{_SPEC}.sandboxes", found)
    given: Json = {
        "revision": metadata.get("name", ""),
        "labels": own_labels(metadata),
        "serviceAccount": spec.get("serviceAccountName", ""),
        "maxInstanceRequestConcurrency": spec.get("containerConcurrency", 0),
        "containers": containers,
        "volumes": volumes,
    }
    return {**template, **pruned(given), **node_selector_from_v1(spec, _SPEC, found)}


def resident_to_v1(resident: Resident) -> Json:
    """A service or a worker pool as v1 prints it."""
    name, kind = resident.name, resident.name.kind
    tree = resident_fields_to_tree(resident) | {"description": resident.description}
    is_service = kind is Kind.SERVICE
    if not is_service:
        manual = resident.scaling.manual
        tree["scaling"] = {"manualInstanceCount": 1 if manual is None else manual, "scalingMode": "MANUAL"}
    annotations = {
        **resident.annotations,
        **scaled_annotations(resident),
        **resident_annotations_to_v1(tree, service_urls(resident) if is_service else []),
        **authors_to_v1(resident.creator, resident.last_modifier),
    }
    shares = [_share_to_v1(resident, share, is_latest=not share.revision) for share in _declared(resident)]
    status: Json = {
        "observedGeneration": resident.observed_generation,
        "conditions": [condition_to_v1(condition) for condition in resident_conditions(resident)],
        "latestReadyRevisionName": resident.latest_ready,
        "latestCreatedRevisionName": resident.latest_created,
        _SHARES[kind]: [_share_to_v1(resident, share, is_latest=latest) for share, latest in shares_now(resident)],
    }
    if is_service and not resident.default_uri_disabled:
        status["url"] = service_uri(name)
        status["address"] = {"url": service_uri(name)}
    return {
        "apiVersion": VERSIONS[kind],
        "kind": OBJECTS[kind],
        "metadata": metadata_to_v1(
            kind=PLURALS[kind],
            name=name.id,
            namespace=name.project,
            uid=resident.uid,
            etag=resident.etag,
            generation=resident.generation,
            create_time_s=resident.create_time_s,
            labels=resident_labels(resident),
            annotations=annotations,
            api_version=VERSIONS[kind],
        ),
        "spec": {"template": _template_to_v1(resident), _SHARES[kind]: shares},
        "status": pruned(status),
    }


def _declared(resident: Resident) -> tuple[Share, ...]:
    return resident.shares or (Share(percent=100),)


def resident_labels(resident: Resident) -> dict[str, str]:
    """The labels of a resident as v1 shows and selects them."""
    return {**resident.labels, LOCATION_LABEL: resident.name.location}


def authors_to_v1(creator: str, last_modifier: str = "") -> dict[str, str]:
    """Who made something, and who changed it last, under the names of Knative."""
    texts = {_CREATOR: creator, _LAST_MODIFIER: last_modifier}
    return {key: value for key, value in texts.items() if value}


def _share_to_v1(resident: Resident, share: Share, *, is_latest: bool) -> Json:
    tree: Json = {
        "latestRevision": is_latest,
        "percent": share.percent,
        "revisionName": share.revision,
        "tag": share.tag,
        "url": service_uri(resident.name, share.tag) if share.tag and share.revision else "",
    }
    return pruned(tree)


def _template_to_v1(resident: Resident) -> Json:
    template = resident.template
    spec, annotations = revision_spec_to_v1(resident.name.kind, template_settings_to_tree(resident.name.kind, template))
    metadata: Json = {
        "name": template.revision,
        "labels": dict(template.labels),
        "annotations": {**template.annotations, **annotations},
    }
    return {"metadata": pruned(metadata), "spec": spec}


def revision_spec_to_v1(kind: Kind, tree: Json) -> tuple[Json, dict[str, str]]:
    """(RevisionSpec, the annotations that say the rest) of the settings of a template in canonical v2 JSON."""
    annotations = template_annotations_to_v1(tree)
    containers: list[Json] = [container_to_v1(item) for item in tree["containers"]]
    volumes: list[Json] = list(tree.get("volumes", []))
    annotated.give_cloud_sql(annotations, containers, volumes)
    annotated.give_start_order(annotations, containers)
    spec: Json = {
        "containerConcurrency": tree.get("maxInstanceRequestConcurrency", 0),
        # Whole seconds are all that v1 has; a fraction counts as a second, so that no request loses time.
        "timeoutSeconds": math.ceil(duration_from_text(tree["timeout"])) if kind is Kind.SERVICE else 0,
        "serviceAccountName": tree.get("serviceAccount", ""),
        "nodeSelector": {ACCELERATOR: tree["nodeSelector"].get("accelerator", "")} if "nodeSelector" in tree else {},
        "containers": containers,
        "volumes": [volume_to_v1(volume) for volume in volumes],
        "sandboxes": sandboxes_to_v1(tree["sandboxes"]) if "sandboxes" in tree else {},
    }
    return pruned(spec), annotations
