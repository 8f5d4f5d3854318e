"""What all objects of the Cloud Run Admin API v1 have in common: identity, metadata, labels, conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hakobune.core.conditions import Condition, ConditionState
from hakobune.core.errors import InvalidArgument
from hakobune.core.instants import timestamp_to_text
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

API_VERSION = "run.googleapis.com/v1"
SERVING_VERSION = "serving.knative.dev/v1"
LOCATION_LABEL = "cloud.googleapis.com/location"
LAST_UPDATED_LABEL = "run.googleapis.com/lastUpdatedTime"  # gcloud prints it: "Last updated on …"
ACCELERATOR = "run.googleapis.com/accelerator"
# Labels that the service gives to what it makes; sent back by clients, they say nothing.
_SERVER_LABELS = frozenset(
    {
        LOCATION_LABEL,
        "run.googleapis.com/job",
        "run.googleapis.com/jobUid",
        "run.googleapis.com/jobGeneration",
        "run.googleapis.com/execution",
        "run.googleapis.com/runningState",
        "run.googleapis.com/servingState",
        LAST_UPDATED_LABEL,
    }
)
_STATUSES = {ConditionState.SUCCEEDED: "True", ConditionState.FAILED: "False"}


def note(found: Violations, path: str, text: str) -> None:
    """The field at a path of v1 is wrong."""
    found.add_line(path, text, f"{path}: {text}")


def check_identity(
    tree: Json, namespace: str, kind: str, api_version: str, check_id: Callable[[str], object], found: Violations
) -> str:
    """The id of an object. `namespace` is the project of the URL; a number in the body stands for it. Raises nothing:
    what is wrong is noted, and what `check_id` finds, too."""
    for field, expected in (("apiVersion", api_version), ("kind", kind)):
        if tree.get(field, expected) != expected:
            note(found, field, f"must be {expected}, not {tree[field][:80]!r}")
    metadata: Json = tree.get("metadata", {})
    given: str = metadata.get("namespace", namespace)
    if given != namespace and not given.isdigit():
        note(found, "metadata.namespace", f"must be {namespace}, not {given[:80]!r}")
    if metadata.get("generateName"):
        note(found, "metadata.generateName", "is not supported by Cloud Run: give a name")
    name: str = metadata.get("name", "")
    try:
        check_id(name)
    except InvalidArgument as error:
        found.add_all(error)
    return name


def own_labels(metadata: Json) -> dict[str, str]:
    """The labels of an object without those that the service gives."""
    labels: dict[str, str] = metadata.get("labels", {})
    return {key: value for key, value in labels.items() if key not in _SERVER_LABELS}


def node_selector_from_v1(spec: Json, path: str, found: Violations) -> Json:
    """The selector of a template as v2 has it: accelerators are all that can be selected."""
    selector: dict[str, str] = dict(spec.get("nodeSelector", {}))
    accelerator = selector.pop(ACCELERATOR, "")
    for key in selector:
        note(found, f"{path}.nodeSelector[{key[:80]!r}]", f"is not supported: there is only {ACCELERATOR}")
    return {"nodeSelector": {"accelerator": accelerator}} if accelerator else {}


def metadata_to_v1(
    *,
    kind: str,
    name: str,
    namespace: str,
    uid: str,
    etag: str,
    generation: int,
    create_time_s: float,
    labels: dict[str, str],
    annotations: Mapping[str, str],
    api_version: str = API_VERSION,
) -> Json:
    """ObjectMeta of anything. `kind` is the plural in paths."""
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "selfLink": f"/apis/{api_version}/namespaces/{namespace}/{kind}/{name}",
        "uid": uid,
        "resourceVersion": etag.strip('"'),
        "generation": generation,
        "creationTimestamp": timestamp_to_text(create_time_s),
        "labels": labels,
        "annotations": pruned(dict(annotations)),
    }
    return pruned(metadata)


def condition_to_v1(condition: Condition) -> Json:
    """A condition as v1 prints it: True, False or Unknown, and a reason in CamelCase."""
    reason = condition.execution_reason or condition.revision_reason or condition.reason
    tree: Json = {
        "type": condition.type,
        "status": _STATUSES.get(condition.state, "Unknown"),
        "reason": "".join(word.capitalize() for word in reason.split("_")),
        "message": condition.message,
        "lastTransitionTime": timestamp_to_text(condition.since_s),
    }
    return pruned(tree)


def pruned(tree: Json) -> Json:
    """Without what says nothing."""
    return {key: value for key, value in tree.items() if value}
