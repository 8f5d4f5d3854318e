"""What v1 says by annotations and v2 by fields, both ways. Annotations that no field stands for are kept as they are.

Names: outputs of `gcloud run jobs describe --format yaml` and the reference of v1 annotations
(https://cloud.google.com/run/docs/reference/rest/v1/ObjectMeta).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hakobune.core.errors import InvalidArgument
from hakobune.wire.codec import parse_json
from hakobune.wire.run_v1_paths import TEMPLATE
from hakobune.wire.run_v2_schema import NETWORK_INTERFACE
from hakobune.wire.schema import Json, ListOf, Message, Reader, Scalar
from hakobune.wire.violations import Violations

_RUN = "run.googleapis.com/"
TEMPLATE_ANNOTATIONS = f"{TEMPLATE}.metadata.annotations"
LAUNCH_STAGE = _RUN + "launch-stage"
CLIENT_NAME = _RUN + "client-name"
CLIENT_VERSION = _RUN + "client-version"
CREATOR = _RUN + "creator"
LAST_MODIFIER = _RUN + "lastModifier"
OPERATION_ID = _RUN + "operation-id"
_BINARY_AUTHORIZATION = _RUN + "binary-authorization"
_BREAKGLASS = _RUN + "binary-authorization-breakglass"
EXECUTION_ENVIRONMENT = _RUN + "execution-environment"
_ENCRYPTION_KEY = _RUN + "encryption-key"
_GPU_REDUNDANCY = _RUN + "gpu-zonal-redundancy-disabled"
_CONNECTOR = _RUN + "vpc-access-connector"
_EGRESS = _RUN + "vpc-access-egress"
_NETWORK_INTERFACES = _RUN + "network-interfaces"
_CLOUD_SQL = _RUN + "cloudsql-instances"
_DEPENDENCIES = _RUN + "container-dependencies"

# The service writes these; what a client sends back is not an order to change them.
_SERVER_OWNED = frozenset(
    {
        CREATOR,
        LAST_MODIFIER,
        OPERATION_ID,
        _RUN + "creatorEmail",
        _RUN + "lastModifierEmail",
        "serving.knative.dev/creator",
        "serving.knative.dev/lastModifier",
    }
)
_EGRESSES = {"all-traffic": "ALL_TRAFFIC", "private-ranges-only": "PRIVATE_RANGES_ONLY"}
_EGRESS_TEXTS = {value: key for key, value in _EGRESSES.items()}
_STAGES = frozenset({"ALPHA", "BETA", "GA"})
_GENERATIONS = {"gen1", "gen2"}
FLAGS = {"true": True, "false": False, "True": True, "False": False}  # gcloud writes the latter two
# Where gcloud's `--set-cloudsql-instances` puts the sockets.
_SQL_MOUNT: Json = {"name": "cloudsql", "mountPath": "/cloudsql"}
_DEFAULT_POLICY = "default"


def job_fields_from_v1(annotations: Mapping[str, str], found: Violations) -> Json:
    """v2 fields of a job or a service, `annotations` with the rest among them."""
    rest = without_server_owned(annotations)
    stage = one_of(rest, LAUNCH_STAGE, _STAGES, "metadata.annotations", found)
    tree: Json = {
        "launchStage": stage,
        "client": rest.pop(CLIENT_NAME, ""),
        "clientVersion": rest.pop(CLIENT_VERSION, ""),
    }
    binary: Json = {}
    chosen = rest.pop(_BINARY_AUTHORIZATION, "")
    if chosen:
        binary = {"useDefault": True} if chosen == _DEFAULT_POLICY else {"policy": chosen}
    if justification := rest.pop(_BREAKGLASS, ""):
        binary["breakglassJustification"] = justification
    tree["binaryAuthorization"] = binary
    tree["annotations"] = rest
    return {key: value for key, value in tree.items() if value}


def job_annotations_to_v1(tree: Json) -> dict[str, str]:
    """The annotations that stand for fields of a job in canonical v2 JSON."""
    binary: Json = tree.get("binaryAuthorization", {})
    texts: dict[str, str] = {
        LAUNCH_STAGE: tree.get("launchStage", ""),
        CLIENT_NAME: tree.get("client", ""),
        CLIENT_VERSION: tree.get("clientVersion", ""),
        _BINARY_AUTHORIZATION: _DEFAULT_POLICY if binary.get("useDefault") else binary.get("policy", ""),
        _BREAKGLASS: binary.get("breakglassJustification", ""),
    }
    return {key: value for key, value in texts.items() if value}


def template_fields_from_v1(annotations: Mapping[str, str], found: Violations) -> tuple[Json, Json]:
    """(fields of the execution template, fields of the task template); the first holds the remaining annotations.

    Instances of Cloud SQL and the start order of containers belong elsewhere: `take_cloud_sql`, `take_start_order`.
    """
    rest = without_server_owned(annotations)
    one_of(rest, EXECUTION_ENVIRONMENT, _GENERATIONS, TEMPLATE_ANNOTATIONS, found)  # jobs run in the second always
    task = placement_from_v1(rest, found)
    execution: Json = {
        "client": rest.pop(CLIENT_NAME, ""),
        "clientVersion": rest.pop(CLIENT_VERSION, ""),
        "annotations": rest,
    }
    return {key: value for key, value in execution.items() if value}, task


def template_annotations_to_v1(execution: Json, task: Json) -> dict[str, str]:
    """The annotations that stand for fields of an execution template and its task template."""
    texts: dict[str, str] = {
        CLIENT_NAME: execution.get("client", ""),
        CLIENT_VERSION: execution.get("clientVersion", ""),
        EXECUTION_ENVIRONMENT: "gen2",
    }
    return {key: value for key, value in texts.items() if value} | placement_to_v1(task)


def without_server_owned(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations that a client may give an order by."""
    return {key: value for key, value in annotations.items() if key not in _SERVER_OWNED}


def placement_from_v1(rest: dict[str, str], found: Violations) -> Json:
    """Take out the annotations of a template that say where it runs, and with which key; the fields of v2."""
    tree: Json = {"encryptionKey": rest.pop(_ENCRYPTION_KEY, "")}
    redundancy = one_of(rest, _GPU_REDUNDANCY, FLAGS, TEMPLATE_ANNOTATIONS, found)
    access: Json = {
        "connector": rest.pop(_CONNECTOR, ""),
        "egress": _EGRESSES.get(one_of(rest, _EGRESS, _EGRESSES, TEMPLATE_ANNOTATIONS, found), ""),
        "networkInterfaces": _network_interfaces(rest, TEMPLATE_ANNOTATIONS, found),
    }
    tree["vpcAccess"] = {key: value for key, value in access.items() if value}
    tree = {key: value for key, value in tree.items() if value}
    if redundancy:
        tree["gpuZonalRedundancyDisabled"] = FLAGS[redundancy]
    return tree


def placement_to_v1(tree: Json) -> dict[str, str]:
    """The annotations that stand for these fields of a template in canonical v2 JSON."""
    access: Json = tree.get("vpcAccess", {})
    interfaces: list[Json] = access.get("networkInterfaces", [])
    texts: dict[str, str] = {
        _ENCRYPTION_KEY: tree.get("encryptionKey", ""),
        _CONNECTOR: access.get("connector", ""),
        _EGRESS: _EGRESS_TEXTS.get(access.get("egress", ""), ""),
        _NETWORK_INTERFACES: compact(interfaces) if interfaces else "",
    }
    if "gpuZonalRedundancyDisabled" in tree:
        texts[_GPU_REDUNDANCY] = flag_text(is_set=tree["gpuZonalRedundancyDisabled"])
    return {key: value for key, value in texts.items() if value}


def flag_text(*, is_set: bool) -> str:
    """A flag as annotations write it."""
    return "true" if is_set else "false"


def take_cloud_sql(annotations: dict[str, str], containers: Sequence[Json], volumes: list[Json]) -> None:
    """Turn the annotation into a volume that every container mounts."""
    instances = [part.strip() for part in annotations.pop(_CLOUD_SQL, "").split(",") if part.strip()]
    if instances:
        volumes.append({"name": _SQL_MOUNT["name"], "cloudSqlInstance": {"instances": instances}})
        for container in containers:
            container["volumeMounts"] = [*container.get("volumeMounts", []), dict(_SQL_MOUNT)]


def give_cloud_sql(annotations: dict[str, str], containers: Sequence[Json], volumes: list[Json]) -> None:
    """Turn the volume that `take_cloud_sql` makes back into the annotation that gcloud edits."""
    if not volumes or volumes[-1].get("name") != _SQL_MOUNT["name"]:
        return
    instances: list[str] = volumes[-1].get("cloudSqlInstance", {}).get("instances", [])
    mounts: list[list[Json]] = [container.get("volumeMounts", []) for container in containers]
    if not instances or not all(each and each[-1] == _SQL_MOUNT for each in mounts):
        return
    annotations[_CLOUD_SQL] = ",".join(instances)
    volumes.pop()
    for container in containers:
        container["volumeMounts"] = container["volumeMounts"][:-1]
        if not container["volumeMounts"]:
            del container["volumeMounts"]


def take_start_order(annotations: dict[str, str], containers: Sequence[Json], found: Violations) -> None:
    """Turn the annotation into `dependsOn` of the containers that it names."""
    where = f"{TEMPLATE}.metadata.annotations[{_DEPENDENCIES!r}]"
    text = annotations.pop(_DEPENDENCIES, "")
    if not text:
        return
    by_name = {container["name"]: container for container in containers if container.get("name")}
    content = parsed(text, where, found)
    if content is None:
        return
    kind = Message(type_name="Map", fields={name: ListOf(Scalar.TEXT) for name in by_name})
    for name, before in Reader(found=found, protobuf_paths=False).message(kind, content, where).items():
        by_name[name]["dependsOn"] = before


def give_start_order(annotations: dict[str, str], containers: Sequence[Json]) -> None:
    """Turn `dependsOn` back into the annotation."""
    order = {container["name"]: container.pop("dependsOn") for container in containers if "dependsOn" in container}
    if order:
        annotations[_DEPENDENCIES] = compact(order)


def _network_interfaces(rest: dict[str, str], where: str, found: Violations) -> list[Json]:
    text = rest.pop(_NETWORK_INTERFACES, "")
    if not text:
        return []
    path = f"{where}[{_NETWORK_INTERFACES!r}]"
    content = parsed(text, path, found)
    # The reader takes objects: the list stands in one of its own for a moment.
    kind = Message(type_name="List", fields={path: ListOf(NETWORK_INTERFACE)})
    interfaces: list[Json] = Reader(found=found, protobuf_paths=False).message(kind, {path: content}, "").get(path, [])
    return interfaces


def parsed(text: str, path: str, found: Violations) -> object:
    """The JSON in an annotation; None if it is none, which is noted."""
    try:
        return parse_json(text.encode())
    except InvalidArgument as error:
        found.add_line(path, error.message, f"{path}: {error.message}")
        return None


def compact(value: object) -> str:
    """JSON as annotations hold it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def one_of(
    annotations: dict[str, str],
    name: str,
    allowed: Mapping[str, object] | frozenset[str] | set[str],
    where: str,
    found: Violations,
) -> str:
    """Take an annotation out that has a few values only; "" if it is not there, or wrong."""
    text = annotations.pop(name, "")
    if text and text not in allowed:
        path = f"{where}[{name!r}]"
        words = f"must be one of {', '.join(sorted(allowed))}, not {text[:40]!r}"
        found.add_line(path, words, f"{path}: {words}")
        return ""
    return text
