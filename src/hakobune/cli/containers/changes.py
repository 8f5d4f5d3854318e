"""From flags to a changed template, of whatever runs containers. Fields that no flag names stay as they are.

A template here is that of an instance or of a task: `containers`, `volumes`, and the annotations that belong to it.
"""

from __future__ import annotations

import json
import os

from hakobune import __version__
from hakobune.cli.containers.environment import change_environment, change_secrets
from hakobune.cli.containers.volumes import change_mounts, change_volumes
from hakobune.cli.document import (
    Document,
    as_dict,
    as_list,
    child,
    children,
    is_dict,
    is_list,
    text_at,
)
from hakobune.cli.errors import CommandError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from hakobune.cli.flags import Arguments, Flag

RUN = "run.googleapis.com/"
SOURCE = "hakobune.dev/source"
_NETWORK_ANNOTATIONS = {"vpc-connector": f"{RUN}vpc-access-connector", "vpc-egress": f"{RUN}vpc-access-egress"}
_INTERFACES = f"{RUN}network-interfaces"
_SQL = f"{RUN}cloudsql-instances"
_DEPENDENCIES = f"{RUN}container-dependencies"
LOCAL_IMAGE = "local"  # reserved: command and args as a process of this machine (CONTRACT section 4)


def client_annotations(arguments: Arguments) -> Document:
    """Who changes it, in the words of the API."""
    return {
        f"{RUN}client-name": arguments.text("client-name") or "hakobune",
        f"{RUN}client-version": arguments.text("client-version") or __version__,
    }


def change_template(
    template: Document, annotations: Document, arguments: Arguments, flags: Sequence[Flag], noun: str
) -> None:
    """Change a template and its annotations by all flags that it shares with others; `flags` are those of its
    containers, `noun` is what it is of. Raises CommandError or UsageError naming the flag that does not fit."""
    _change_network(annotations, template, arguments)
    change_volumes(template, arguments)
    _change_containers(template, annotations, arguments, flags, noun)
    if arguments.text("service-account"):
        template["serviceAccountName"] = arguments.text("service-account")


def change_labels(holders: Sequence[Document], arguments: Arguments) -> None:
    """Apply `--labels`, `--update-labels`, `--remove-labels`, `--clear-labels` to each map of labels."""
    for labels in holders:
        if arguments.switch("clear-labels"):
            for key in [key for key in labels if "googleapis.com/" not in key]:
                del labels[key]
        for key in arguments.words("remove-labels"):
            labels.pop(key, None)
        labels.update({**arguments.pairs("labels"), **arguments.pairs("update-labels")})


def _change_network(annotations: Document, task: Document, arguments: Arguments) -> None:
    for name, key in _NETWORK_ANNOTATIONS.items():
        if arguments.text(name):
            annotations[key] = arguments.text(name)
    if arguments.switch("clear-vpc-connector"):
        for key in _NETWORK_ANNOTATIONS.values():
            annotations.pop(key, None)
    interface = {
        "network": arguments.text("network"),
        "subnetwork": arguments.text("subnet"),
        "tags": arguments.words("network-tags"),
    }
    interface = {key: value for key, value in interface.items() if value}
    if arguments.switch("clear-network"):
        annotations.pop(_INTERFACES, None)
    elif interface:
        annotations[_INTERFACES] = json.dumps([interface])
    if any(arguments.given(f"{verb}-cloudsql-instances") for verb in ("set", "add", "remove", "clear")):
        _change_instances(annotations, arguments)
    if arguments.text("gpu-type"):
        child(task, "nodeSelector")[f"{RUN}accelerator"] = arguments.text("gpu-type")


def _change_instances(annotations: Document, arguments: Arguments) -> None:
    held = [name for name in text_at(annotations, _SQL).split(",") if name]
    if arguments.given("set-cloudsql-instances") or arguments.switch("clear-cloudsql-instances"):
        held = arguments.words("set-cloudsql-instances")
    held += [name for name in arguments.words("add-cloudsql-instances") if name not in held]
    held = [name for name in held if name not in arguments.words("remove-cloudsql-instances")]
    if held:
        annotations[_SQL] = ",".join(held)
    else:
        annotations.pop(_SQL, None)


def _change_containers(
    task: Document, annotations: Document, arguments: Arguments, flags: Sequence[Flag], noun: str
) -> None:
    containers = children(task, "containers")
    for name in arguments.words("remove-containers"):
        kept = [container for container in containers if text_at(container, "name") != name]
        if len(kept) == len(containers):
            raise CommandError(f"Container [{name}] does not exist.")
        containers[:] = kept
    scopes = list(arguments.containers)
    mounts = any(text_at(volume, "mount-path") for volume in as_list(arguments.values.get("add-volume")))
    if mounts and arguments.containers:
        raise UsageError("argument --add-volume: With --container, mount the volume by --add-volume-mount.")
    if mounts or any(arguments.given(flag.name[2:]) for flag in flags):
        if arguments.containers and arguments.text("image"):
            raise UsageError("argument --image: Must stand after the --container that it belongs to.")
        scopes.insert(0, ("", arguments))
    if not arguments.containers and len(containers) > 1 and scopes:
        names = ", ".join(text_at(container, "name") for container in containers)
        raise UsageError(f"argument --container: Must be specified: the {noun} has several containers [{names}].")
    for name, scope in scopes:
        _change_container(container_of(containers, name), task, scope)
    _change_source(containers, annotations, arguments)
    _change_dependencies(annotations, arguments)
    for container in containers:
        if not text_at(container, "image"):
            where = f" of the container [{text_at(container, 'name')}]" if len(containers) > 1 else ""
            raise CommandError(f"argument --image: Must be specified{where}.")


def container_of(containers: list[object], name: str) -> Document:
    """The container of that name (the only one for the empty name), made where it is missing."""
    for container in containers:
        if is_dict(container) and (not name or text_at(container, "name") == name):
            return as_dict(container)
    made: Document = {"name": name} if name else {}
    containers.append(made)
    return made


def _change_container(container: Document, task: Document, scope: Arguments) -> None:
    if scope.text("image"):
        container["image"] = scope.text("image")
    for flag, key in (("command", "command"), ("args", "args")):
        if not scope.given(flag):
            continue
        if scope.words(flag):
            container[key] = scope.words(flag)
        else:
            container.pop(key, None)
    if scope.given("workdir"):
        container["workingDir"] = scope.text("workdir")
    for flag, key in (("cpu", "cpu"), ("memory", "memory"), ("gpu", "nvidia.com/gpu")):
        if scope.text(flag):
            child(container, "resources", "limits")[key] = scope.text(flag)
    change_environment(container, scope)
    change_secrets(container, task, scope)
    change_mounts(container, scope)
    for flag, key in (("startup-probe", "startupProbe"), ("liveness-probe", "livenessProbe")):
        _change_probe(container, key, scope, flag)


def _change_probe(container: Document, key: str, scope: Arguments, flag: str) -> None:
    """Put a probe in the place of the one that is there; without any key, take it away."""
    given = scope.values.get(flag)
    if not is_list(given) or not given:
        return
    probe = _probe(as_dict(given[-1]), flag)
    if probe:
        container[key] = probe
    else:
        container.pop(key, None)


def _probe(fields: Document, flag: str) -> Document:
    """`httpGet.path=/x,periodSeconds=10` as nested fields; numbers are numbers."""
    probe: Document = {}
    numbers = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold", "port")
    for key, value in fields.items():
        *parents, last = key.split(".")
        known = (parents and parents[0] in ("httpGet", "grpc", "tcpSocket")) or last in numbers
        if not known or len(parents) > 1:
            raise UsageError(f"argument --{flag}: Unknown key [{key}].")
        if last in numbers and not str(value).isdigit():
            raise UsageError(f"argument --{flag}: [{key}] must be a whole number, not [{value}].")
        child(probe, *parents)[last] = int(str(value)) if last in numbers else value
    return probe


def _change_source(containers: list[object], annotations: Document, arguments: Arguments) -> None:
    """`--source DIR` runs as the local image, from a snapshot; a later `--image`, `local` too, puts it aside."""
    images = [arguments.text("image"), *(scope.text("image") for _, scope in arguments.containers)]
    if not arguments.given("source"):
        if any(images):
            annotations.pop(SOURCE, None)
        return
    if any(images):
        raise UsageError("argument --source: At most one of --image | --source can be specified.")
    annotations[SOURCE] = _source_directory(arguments.text("source"))
    container_of(containers, "")["image"] = LOCAL_IMAGE


def _source_directory(text: str) -> str:
    if text.startswith("gs://"):
        raise CommandError("argument --source: a directory of this machine is expected, not a bucket.")
    path = os.path.abspath(os.path.expanduser(text))
    if not os.path.isdir(path):
        what = "is not a directory" if os.path.exists(path) else "does not exist"
        raise CommandError(f"argument --source: [{text}] {what}. Give the directory that holds the program.")
    return path


def _change_dependencies(annotations: Document, arguments: Arguments) -> None:
    given = {name: scope.words("depends-on") for name, scope in arguments.containers if scope.given("depends-on")}
    if not given:
        return
    try:
        held: object = json.loads(text_at(annotations, _DEPENDENCIES) or "{}")
    except ValueError:
        held = {}
    merged = {name: names for name, names in {**as_dict(held), **given}.items() if names}
    if merged:
        annotations[_DEPENDENCIES] = json.dumps(merged)
    else:
        annotations.pop(_DEPENDENCIES, None)
