"""Volumes and mounts, as flags change them (spec/run.md 6.1)."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, as_list, children, list_at, text_at
from hakobune.cli.errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

# Type → (what must be given, what may be given), beside `name` and `type`.
_TYPES = {
    "in-memory": ((), ("size-limit", "mount-path")),
    "ephemeral-disk": ((), ("size", "mount-path")),
    "cloud-storage": (("bucket",), ("readonly", "mount-options", "mount-path")),
    "nfs": (("location",), ("readonly", "mount-path")),
    "secret": (("secret",), ("version", "path", "mount-path")),
    "cloudsql": (("instances",), ("mount-path",)),
}


def change_volumes(task: Document, arguments: Arguments) -> None:
    """Apply `--add-volume`, `--remove-volume`, `--clear-volumes`."""
    if arguments.switch("clear-volumes"):
        task.pop("volumes", None)
    removed = arguments.words("remove-volume")
    if removed:
        kept = [volume for volume in list_at(task, "volumes") if text_at(volume, "name") not in removed]
        task["volumes"] = kept
    for given in as_list(arguments.values.get("add-volume")):
        made = _volume(as_dict(given))
        volumes = children(task, "volumes")
        volumes[:] = [volume for volume in volumes if text_at(volume, "name") != made["name"]]
        volumes.append(made)
    if not list_at(task, "volumes"):
        task.pop("volumes", None)


def change_mounts(container: Document, scope: Arguments) -> None:
    """Apply `--add-volume-mount`, `--remove-volume-mount`, `--clear-volume-mounts`, and `mount-path=` of volumes."""
    mounts = children(container, "volumeMounts")
    if scope.switch("clear-volume-mounts"):
        mounts.clear()
    removed = scope.words("remove-volume-mount")
    mounts[:] = [mount for mount in mounts if text_at(mount, "mountPath") not in removed]
    added = [as_dict(item) for item in as_list(scope.values.get("add-volume-mount"))]
    added += [
        {"volume": text_at(volume, "name"), "mount-path": text_at(volume, "mount-path")}
        for volume in as_list(scope.values.get("add-volume"))
        if text_at(volume, "mount-path")
    ]
    for given in added:
        if not text_at(given, "volume") or not text_at(given, "mount-path") or len(given) != 2:
            raise CommandError("argument --add-volume-mount: Write volume=NAME,mount-path=/PATH.")
        path = text_at(given, "mount-path")
        mounts[:] = [mount for mount in mounts if text_at(mount, "mountPath") != path]
        mounts.append({"name": text_at(given, "volume"), "mountPath": path})
    if not mounts:
        container.pop("volumeMounts", None)


def _volume(given: Document) -> Document:
    name, kind = text_at(given, "name"), text_at(given, "type")
    if not name:
        raise CommandError("argument --add-volume: All volumes must have a name: name=NAME,type=TYPE.")
    if kind not in _TYPES:
        raise CommandError(f"Volume type {kind or '(none)'} not supported. There are: {', '.join(_TYPES)}.")
    needed, allowed = _TYPES[kind]
    missing = [key for key in needed if not text_at(given, key)]
    if missing:
        raise CommandError(f"Volume {name} of type {kind} requires the following parameters: {', '.join(missing)}")
    for key in given:
        if key not in ("name", "type", *needed, *allowed):
            raise CommandError(f"Volume {name} of type {kind} had unexpected parameter {key}")
    return {"name": name, **_source(kind, given)}


def _source(kind: str, given: Document) -> Document:
    read_only = text_at(given, "readonly").lower() in ("true", "1", "yes")
    match kind:
        case "in-memory":
            size = text_at(given, "size-limit")
            return {"emptyDir": {"medium": "Memory", **({"sizeLimit": size} if size else {})}}
        case "ephemeral-disk":
            size = text_at(given, "size")
            return {"emptyDir": {"medium": "Disk", **({"sizeLimit": size} if size else {})}}
        case "cloud-storage":
            attributes = {"bucketName": text_at(given, "bucket")}
            if text_at(given, "mount-options"):
                attributes["mountOptions"] = text_at(given, "mount-options").replace(";", ",")
            driver = "gcsfuse.run.googleapis.com"
            return {"csi": {"driver": driver, "readOnly": read_only, "volumeAttributes": attributes}}
        case "nfs":
            server, _, path = text_at(given, "location").partition(":")
            return {"nfs": {"server": server, "path": path or "/", "readOnly": read_only}}
        case "secret":
            version = text_at(given, "version") or "latest"
            path = text_at(given, "path") or text_at(given, "secret")
            return {"secret": {"secretName": text_at(given, "secret"), "items": [{"key": version, "path": path}]}}
        case _:
            instances = text_at(given, "instances").replace(";", ",")
            return {"csi": {"driver": "cloudsql.run.googleapis.com", "volumeAttributes": {"instances": instances}}}
