"""Containers and volumes in the shape of v1 (Kubernetes), to canonical v2 JSON and back."""

from __future__ import annotations

from collections.abc import Sequence

from hakobune.wire.schema import Json
from hakobune.wire.violations import Violations

_GCS_DRIVER = "gcsfuse.run.googleapis.com"
_SQL_DRIVER = "cloudsql.run.googleapis.com"
_MEDIA = {"": "", "Memory": "MEMORY", "Disk": "DISK"}
_MEDIUM_TEXTS = {value: key for key, value in _MEDIA.items()}
_PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
# Kubernetes has these, Cloud Run has not. Saying so is better than a job that quietly lacks them.
_NOT_SUPPORTED = ("envFrom", "securityContext")
# No harm is done by leaving these out: they change nothing for a task of a job.
_IGNORED = ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy")
# Fields of v2 that v1 has no place for.
_ONLY_V2 = ("baseImageUri", "buildConfig", "sourceCode")


def container_from_v1(tree: Json, where: str, found: Violations) -> Json:
    """Canonical v2 JSON of a container."""
    rest = dict(tree)
    for field in _NOT_SUPPORTED:
        if field in rest:
            _refuse(f"{where}.{field}", found)
    for field in (*_NOT_SUPPORTED, *_IGNORED):
        rest.pop(field, None)
    if "env" in rest:
        rest["env"] = [env_from_v1(item, f"{where}.env[{number}]", found) for number, item in enumerate(rest["env"])]
    if "resources" in rest:
        given: dict[str, str] = rest.pop("resources").get("limits", {})
        if given:
            rest["resources"] = {"limits": given}
    for field, dropped in (("ports", "protocol"), ("volumeMounts", "readOnly")):
        if field in rest:
            rest[field] = [_without(item, dropped) for item in rest[field]]
    for field in _PROBES:
        if field in rest:
            rest[field] = _probe_from_v1(rest[field], f"{where}.{field}", found)
    return rest


def container_to_v1(tree: Json) -> Json:
    """A container as v1 prints it."""
    rest = _without(tree, *_ONLY_V2)
    if "env" in rest:
        rest["env"] = [env_to_v1(item) for item in rest["env"]]
    if "resources" in rest:  # a sandbox has none
        rest["resources"] = {"limits": rest["resources"]["limits"]}
    return rest


def sandboxes_from_v1(tree: Json, where: str, found: Violations) -> Json:
    """Canonical v2 JSON of sandboxes, whose templates are containers in small."""
    templates: list[Json] = tree.get("templates", [])
    return _pruned(
        {
            "templates": [
                container_from_v1(template, f"{where}.templates[{number}]", found)
                for number, template in enumerate(templates)
            ]
        }
    )


def sandboxes_to_v1(tree: Json) -> Json:
    """Sandboxes as v1 prints them."""
    return {**tree, **_pruned({"templates": [container_to_v1(template) for template in tree.get("templates", [])]})}


def env_from_v1(tree: Json, where: str, found: Violations) -> Json:
    """Canonical v2 JSON of a variable."""
    rest = dict(tree)
    source: Json | None = rest.pop("valueFrom", None)
    if source is None:
        return rest
    if rest.get("value"):
        found.add_line(where, "has a value and a source", f"{where}: has a value and a source: give one of them")
    if "configMapKeyRef" in source:
        _refuse(f"{where}.valueFrom.configMapKeyRef", found)
        return {"name": rest.get("name", "")}
    value_source: Json = {}
    if "secretKeyRef" in source:
        reference: Json = source["secretKeyRef"]
        named: str = reference.get("name", "") or reference.get("localObjectReference", {}).get("name", "")
        value_source["secretKeyRef"] = _pruned({"secret": named, "version": reference.get("key", "")})
    return {**rest, "valueSource": value_source}


def env_to_v1(tree: Json) -> Json:
    """A variable as v1 prints it."""
    if "valueSource" not in tree:
        return tree
    reference: Json = tree["valueSource"].get("secretKeyRef", {})
    secret = {"name": reference.get("secret", ""), "key": reference.get("version", "")}
    return {"name": tree.get("name", ""), "valueFrom": {"secretKeyRef": _pruned(secret)}}


def _probe_from_v1(tree: Json, where: str, found: Violations) -> Json:
    probe = _without(tree, "successThreshold", "exec")
    if "exec" in tree:
        _refuse(f"{where}.exec", found)
    actions = [action for action in ("httpGet", "tcpSocket", "grpc") if action in probe]
    for action in actions:
        probe[action] = _without(probe[action], "host", "scheme")
    if len(actions) > 1:
        found.add_line(where, "has several actions", f"{where}: has several actions: give one of {', '.join(actions)}")
    return probe


def volume_from_v1(tree: Json, where: str, found: Violations) -> Json:
    """Canonical v2 JSON of a volume."""
    named = _pruned({"name": tree.get("name", "")})
    sources = [field for field in ("csi", "emptyDir", "nfs", "filestore", "secret", "configMap") if field in tree]
    if len(sources) > 1:
        found.add_line(where, "has several sources", f"{where}: has several sources: give one of {', '.join(sources)}")
        return named
    if not sources:
        return named  # the rules for volumes say so
    source = sources[0]
    content: Json = tree[source]
    match source:
        case "csi":
            return named | _csi_from_v1(content, f"{where}.csi", found)
        case "emptyDir":
            return named | {"emptyDir": _empty_dir_from_v1(content, f"{where}.emptyDir.medium", found)}
        case "secret":
            return named | {"secret": _secret_from_v1(content)}
        case "configMap":
            _refuse(f"{where}.configMap", found)
            return named
        case _:
            return named | {source: content}


def _csi_from_v1(content: Json, where: str, found: Violations) -> Json:
    driver: str = content.get("driver", "")
    attributes: dict[str, str] = dict(content.get("volumeAttributes", {}))
    volume: Json = {}
    if driver == _GCS_DRIVER:
        gcs: Json = {
            "bucket": attributes.pop("bucketName", ""),
            "readOnly": content.get("readOnly", False),
            "mountOptions": _listed(attributes.pop("mountOptions", "")),
        }
        volume = {"gcs": _pruned(gcs)}
    elif driver == _SQL_DRIVER:
        volume = {"cloudSqlInstance": _pruned({"instances": _listed(attributes.pop("instances", ""))})}
    else:
        words = f"must be {_GCS_DRIVER} or {_SQL_DRIVER}, not {driver[:80]!r}"
        found.add_line(f"{where}.driver", words, f"{where}.driver: {words}")
        return {}
    for name in attributes:
        path = f"{where}.volumeAttributes[{name[:80]!r}]"
        found.add_line(path, "is no attribute of this driver", f"{path}: is no attribute of {driver}")
    return volume


def _empty_dir_from_v1(content: Json, where: str, found: Violations) -> Json:
    medium: str = content.get("medium", "")
    if medium not in _MEDIA:
        found.add_line(where, "must be Memory or Disk", f"{where}: must be Memory or Disk, not {medium[:80]!r}")
        return {}
    return _pruned({"medium": _MEDIA[medium], "sizeLimit": content.get("sizeLimit", "")})


def _secret_from_v1(content: Json) -> Json:
    items: list[Json] = content.get("items", [])
    secret: Json = {
        "secret": content.get("secretName", ""),
        "items": [_renamed(item, "key", "version") for item in items],
        "defaultMode": content.get("defaultMode", 0),
    }
    return _pruned(secret)


def volume_to_v1(tree: Json) -> Json:
    """A volume as v1 prints it."""
    named: Json = {"name": tree["name"]}
    if "gcs" in tree:
        gcs: Json = tree["gcs"]
        attributes = {"bucketName": gcs["bucket"], "mountOptions": ",".join(gcs.get("mountOptions", []))}
        csi: Json = {"driver": _GCS_DRIVER, "readOnly": gcs.get("readOnly", False)}
        return named | {"csi": _pruned(csi | {"volumeAttributes": _pruned(attributes)})}
    if "cloudSqlInstance" in tree:
        instances: Sequence[str] = tree["cloudSqlInstance"].get("instances", [])
        csi = {"driver": _SQL_DRIVER, "volumeAttributes": _pruned({"instances": ",".join(instances)})}
        return named | {"csi": _pruned(csi)}
    if "emptyDir" in tree:
        empty: Json = dict(tree["emptyDir"])
        if "medium" in empty:
            empty["medium"] = _MEDIUM_TEXTS[empty["medium"]]
        return named | {"emptyDir": empty}
    if "secret" in tree:
        secret: Json = {
            **tree["secret"],
            "items": [_renamed(i, "version", "key") for i in tree["secret"].get("items", [])],
        }
        return named | {"secret": _pruned(_renamed(secret, "secret", "secretName"))}
    return dict(tree)  # nfs and filestore are the same in both


def _refuse(path: str, found: Violations) -> None:
    found.add_line(path, "is not supported by Cloud Run", f"{path}: is not supported by Cloud Run")


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _without(tree: Json, *fields: str) -> Json:
    return {key: value for key, value in tree.items() if key not in fields}


def _renamed(tree: Json, old: str, new: str) -> Json:
    return {new if key == old else key: value for key, value in tree.items()}


def _pruned(tree: Json) -> Json:
    return {key: value for key, value in tree.items() if value}
