"""What v1 says of services, worker pools and their templates by annotations and v2 by fields, both ways. Annotations
that no field stands for are kept as they are.

Names: the reference of v1 annotations (https://cloud.google.com/run/docs/reference/rest/v1/ObjectMeta).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from hakobune.wire import run_v1_annotations as annotated
from hakobune.wire.run_v1_objects import note
from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

_RUN = "run.googleapis.com/"
_KNATIVE = "autoscaling.knative.dev/"
_INGRESS = _RUN + "ingress"
_INGRESS_STATUS = _RUN + "ingress-status"
_DESCRIPTION = _RUN + "description"
_AUDIENCES = _RUN + "custom-audiences"
_URLS = _RUN + "urls"
_MODE = _RUN + "scalingMode"
_CPU_THROTTLING = _RUN + "cpu-throttling"
_CPU_BOOST = _RUN + "startup-cpu-boost"
_FLAG_FIELDS = {
    "invokerIamDisabled": _RUN + "invoker-iam-disabled",
    "defaultUriDisabled": _RUN + "default-url-disabled",
    "iapEnabled": _RUN + "iap-enabled",
}
_TEMPLATE_FLAG_FIELDS = {
    "sessionAffinity": _RUN + "sessionAffinity",
    "healthCheckDisabled": _RUN + "health-check-disabled",
}
_SCALING_FIELDS = {
    "minInstanceCount": _RUN + "minScale",
    "maxInstanceCount": _RUN + "maxScale",
    "manualInstanceCount": _RUN + "manualInstanceCount",
}
_TEMPLATE_SCALING_FIELDS = {
    "minInstanceCount": _KNATIVE + "minScale",
    "maxInstanceCount": _KNATIVE + "maxScale",
}
_CONTAINER_FLAGS = {"cpuIdle": _CPU_THROTTLING, "startupCpuBoost": _CPU_BOOST}
_INGRESSES = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-cloud-load-balancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
_INGRESS_TEXTS = {value: key for key, value in _INGRESSES.items()}
_MODES = {"automatic": "AUTOMATIC", "manual": "MANUAL"}
_MODE_TEXTS = {value: key for key, value in _MODES.items()}
_ENVIRONMENTS = {"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2"}
_ENVIRONMENT_TEXTS = {value: key for key, value in _ENVIRONMENTS.items()}
_METADATA = "metadata.annotations"
_COUNT_MAX_DIGITS = 9


def resident_fields_from_v1(annotations: Mapping[str, str], found: Violations) -> Json:
    """v2 fields of a service or a worker pool, `annotations` with the rest among them."""
    tree = annotated.job_fields_from_v1(annotations, found)
    rest: dict[str, str] = dict(tree.pop("annotations", {}))
    for name in (_INGRESS_STATUS, _URLS):
        rest.pop(name, None)
    tree["ingress"] = _INGRESSES.get(annotated.one_of(rest, _INGRESS, _INGRESSES, _METADATA, found), "")
    tree["description"] = rest.pop(_DESCRIPTION, "")
    tree["customAudiences"] = _audiences(rest.pop(_AUDIENCES, ""), found)
    tree |= _flags_from_v1(rest, _FLAG_FIELDS, _METADATA, found)
    scaling = _counts_from_v1(rest, _SCALING_FIELDS, _METADATA, found)
    mode = annotated.one_of(rest, _MODE, _MODES, _METADATA, found)
    if mode:
        scaling["scalingMode"] = _MODES[mode]
    tree["scaling"] = scaling
    tree["annotations"] = rest
    return {key: value for key, value in tree.items() if value}


def resident_annotations_to_v1(tree: Json, urls: Sequence[str]) -> dict[str, str]:
    """The annotations that stand for fields of a resident in canonical v2 JSON, and those that only tell."""
    scaling: Json = tree.get("scaling", {})
    audiences: list[str] = tree.get("customAudiences", [])
    ingress = _INGRESS_TEXTS.get(tree.get("ingress", ""), "")
    texts: dict[str, str] = {
        **annotated.job_annotations_to_v1(tree),
        _INGRESS: ingress,
        _INGRESS_STATUS: ingress,
        _DESCRIPTION: tree.get("description", ""),
        _AUDIENCES: annotated.compact(audiences) if audiences else "",
        _URLS: annotated.compact(list(urls)) if urls else "",
        _MODE: _MODE_TEXTS.get(scaling.get("scalingMode", ""), ""),
        **_flags_to_v1({field: True for field in _FLAG_FIELDS if tree.get(field)}, _FLAG_FIELDS),
        **_counts_to_v1(scaling, _SCALING_FIELDS),
    }
    return {key: value for key, value in texts.items() if value}


def template_fields_from_v1(annotations: Mapping[str, str], containers: Sequence[Json], found: Violations) -> Json:
    """v2 fields of a template, `annotations` with the rest among them. What is said of the CPU goes to the containers.

    Instances of Cloud SQL and the start order of containers belong elsewhere: `take_cloud_sql`, `take_start_order`.
    """
    where = annotated.TEMPLATE_ANNOTATIONS
    rest = annotated.without_server_owned(annotations)
    tree = annotated.placement_from_v1(rest, found)
    environment = annotated.one_of(rest, annotated.EXECUTION_ENVIRONMENT, _ENVIRONMENTS, where, found)
    tree |= {
        "executionEnvironment": _ENVIRONMENTS.get(environment, ""),
        "scaling": _counts_from_v1(rest, _TEMPLATE_SCALING_FIELDS, where, found),
        **_flags_from_v1(rest, _TEMPLATE_FLAG_FIELDS, where, found),
    }
    flags = _flags_from_v1(rest, _CONTAINER_FLAGS, where, found)
    for container in containers:
        if flags:
            container["resources"] = {**container.get("resources", {}), **flags}
    tree["client"] = rest.pop(annotated.CLIENT_NAME, "")
    tree["clientVersion"] = rest.pop(annotated.CLIENT_VERSION, "")
    tree["annotations"] = rest
    return {key: value for key, value in tree.items() if value or key == "gpuZonalRedundancyDisabled"}


def template_annotations_to_v1(tree: Json) -> dict[str, str]:
    """The annotations that stand for fields of a template in canonical v2 JSON."""
    containers: list[Json] = tree.get("containers", [])
    resources = cast("Json", containers[0].get("resources", {})) if containers else {}
    texts: dict[str, str] = {
        annotated.CLIENT_NAME: tree.get("client", ""),
        annotated.CLIENT_VERSION: tree.get("clientVersion", ""),
        annotated.EXECUTION_ENVIRONMENT: _ENVIRONMENT_TEXTS.get(tree.get("executionEnvironment", ""), ""),
        **_flags_to_v1(tree, _TEMPLATE_FLAG_FIELDS),
        **_flags_to_v1(resources, _CONTAINER_FLAGS),
        **_counts_to_v1(tree.get("scaling", {}), _TEMPLATE_SCALING_FIELDS),
    }
    return {key: value for key, value in texts.items() if value} | annotated.placement_to_v1(tree)


def _audiences(text: str, found: Violations) -> list[str]:
    if not text:
        return []
    path = f"{_METADATA}[{_AUDIENCES!r}]"
    content = annotated.parsed(text, path, found)
    if not isinstance(content, list) or not all(isinstance(item, str) for item in cast("list[object]", content)):
        note(found, path, "must be a JSON list of texts")
        return []
    return cast("list[str]", content)


def _flags_from_v1(rest: dict[str, str], fields: Mapping[str, str], where: str, found: Violations) -> Json:
    tree: Json = {}
    for field, name in fields.items():
        text = annotated.one_of(rest, name, annotated.FLAGS, where, found)
        if text:
            tree[field] = annotated.FLAGS[text]
    return tree


def _flags_to_v1(tree: Json, fields: Mapping[str, str]) -> dict[str, str]:
    return {name: annotated.flag_text(is_set=tree[field]) for field, name in fields.items() if field in tree}


def _counts_from_v1(rest: dict[str, str], fields: Mapping[str, str], where: str, found: Violations) -> Json:
    tree: Json = {}
    for field, name in fields.items():
        text = rest.pop(name, "")
        if text.isascii() and text.isdigit() and len(text) <= _COUNT_MAX_DIGITS:
            tree[field] = int(text)
        elif text:
            note(found, f"{where}[{name!r}]", f"must be a whole number, not {text[:40]!r}")
    return tree


def _counts_to_v1(tree: Json, fields: Mapping[str, str]) -> dict[str, str]:
    return {name: str(tree[field]) for field, name in fields.items() if field in tree}
