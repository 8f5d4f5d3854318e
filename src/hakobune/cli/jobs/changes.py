"""From the flags of `deploy | create | update` to a changed job. Fields that no flag names stay as they are."""

from __future__ import annotations

import json
import os

from hakobune import __version__
from hakobune.cli.document import (
    Document,
    as_dict,
    as_list,
    child,
    children,
    dict_at,
    is_dict,
    is_list,
    list_at,
    text_at,
)
from hakobune.cli.errors import CommandError, UsageError
from hakobune.cli.jobs.environment import change_environment, change_secrets
from hakobune.cli.jobs.volumes import change_mounts, change_volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_RUN = "run.googleapis.com/"
_SOURCE = "hakobune.dev/source"
_EXTENSIONS = {
    "retry-backoff": "hakobune.dev/retry-backoff-seconds",
    "max-failed-tasks": "hakobune.dev/max-failed-tasks",
    "warm": "hakobune.dev/warm-modules",
}
_NETWORK_ANNOTATIONS = {"vpc-connector": f"{_RUN}vpc-access-connector", "vpc-egress": f"{_RUN}vpc-access-egress"}
_INTERFACES = f"{_RUN}network-interfaces"
_SQL = f"{_RUN}cloudsql-instances"
_DEPENDENCIES = f"{_RUN}container-dependencies"
LOCAL_IMAGE = "local"  # reserved: command and args as a process of this machine (CONTRACT section 4)


def new_job(project: str, name: str) -> Document:
    """A job without settings."""
    return {
        "apiVersion": "run.googleapis.com/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": project, "labels": {}, "annotations": {}},
        "spec": {"template": {"metadata": {"labels": {}, "annotations": {}}, "spec": {"template": {"spec": {}}}}},
    }


def apply_flags(job: Document, arguments: Arguments) -> None:
    """Change `job` by all flags. Raises CommandError or UsageError naming the flag that does not fit."""
    template = child(job, "spec", "template")
    annotations = child(template, "metadata", "annotations")
    spec = child(template, "spec")
    task = child(spec, "template", "spec")
    _stamp(job, annotations, arguments)
    _change_counts(spec, task, arguments)
    _change_labels(job, template, arguments)
    _change_extensions(annotations, arguments)
    _change_network(annotations, task, arguments)
    change_volumes(task, arguments)
    _change_containers(task, annotations, arguments)
    if arguments.text("service-account"):
        task["serviceAccountName"] = arguments.text("service-account")
    for key, value in arguments.pairs("update-annotations").items():
        child(job, "metadata", "annotations")[key] = value


def _stamp(job: Document, annotations: Document, arguments: Arguments) -> None:
    client = {
        f"{_RUN}client-name": arguments.text("client-name") or "hakobune",
        f"{_RUN}client-version": arguments.text("client-version") or __version__,
    }
    child(job, "metadata", "annotations").update(client)
    annotations.update(client)


def _change_counts(spec: Document, task: Document, arguments: Arguments) -> None:
    tasks, parallelism = arguments.number("tasks"), arguments.number("parallelism")
    if tasks is not None:
        spec["taskCount"] = tasks
    if parallelism:
        spec["parallelism"] = parallelism
    elif parallelism == 0:
        spec.pop("parallelism", None)
    retries, timeout = arguments.number("max-retries"), arguments.number("task-timeout")
    if retries is not None:
        task["maxRetries"] = retries
    if timeout is not None:
        task["timeoutSeconds"] = str(timeout)


def _change_labels(job: Document, template: Document, arguments: Arguments) -> None:
    for labels in (child(job, "metadata", "labels"), child(template, "metadata", "labels")):
        if arguments.switch("clear-labels"):
            for key in [key for key in labels if "googleapis.com/" not in key]:
                del labels[key]
        for key in arguments.words("remove-labels"):
            labels.pop(key, None)
        labels.update({**arguments.pairs("labels"), **arguments.pairs("update-labels")})


def _change_extensions(annotations: Document, arguments: Arguments) -> None:
    """Our own flags, as annotations; an empty list or a zero backoff takes the annotation away."""
    given = {
        "retry-backoff": arguments.values.get("retry-backoff"),
        "max-failed-tasks": arguments.values.get("max-failed-tasks"),
        "warm": ",".join(arguments.words("warm")) if arguments.given("warm") else None,
    }
    for name, value in given.items():
        if value is None:
            continue
        if value == "" or (name == "retry-backoff" and value == 0):
            annotations.pop(_EXTENSIONS[name], None)
        else:
            annotations[_EXTENSIONS[name]] = f"{value:g}" if isinstance(value, float) else str(value)
    _check_extensions(annotations)


def _check_extensions(annotations: Document) -> None:
    """Refuse a value that the runtime would refuse, by the flag's name."""
    texts = {key: str(value) for key, value in annotations.items() if key in _EXTENSIONS.values()}
    if not texts:
        return
    from hakobune.core.errors import InvalidArgument
    from hakobune.core.jobs.policy import policy_from_annotations

    try:
        policy_from_annotations(texts)
    except InvalidArgument as error:
        flag = next((f"--{name}" for name, key in _EXTENSIONS.items() if key in str(error)), "--warm")
        raise UsageError(f"argument {flag}: {str(error).partition(': ')[2]}") from error


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
        child(task, "nodeSelector")[f"{_RUN}accelerator"] = arguments.text("gpu-type")


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


def _change_containers(task: Document, annotations: Document, arguments: Arguments) -> None:
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
    if mounts or _has_container_flags(arguments):
        if arguments.containers and arguments.text("image"):
            raise UsageError("argument --image: Must stand after the --container that it belongs to.")
        scopes.insert(0, ("", arguments))
    if not arguments.containers and len(containers) > 1 and scopes:
        names = ", ".join(text_at(container, "name") for container in containers)
        raise UsageError(f"argument --container: Must be specified: the job has several containers [{names}].")
    for name, scope in scopes:
        _change_container(_container(containers, name), task, scope)
    _change_source(containers, annotations, arguments)
    _change_dependencies(annotations, arguments)
    for container in containers:
        if not text_at(container, "image"):
            where = f" of the container [{text_at(container, 'name')}]" if len(containers) > 1 else ""
            raise CommandError(f"argument --image: Must be specified{where}.")


def _has_container_flags(arguments: Arguments) -> bool:
    from hakobune.cli.jobs.deploy_flags import CONTAINER_FLAGS

    return any(arguments.given(flag.name[2:]) for flag in CONTAINER_FLAGS)


def _container(containers: list[object], name: str) -> Document:
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
    probe = scope.values.get("startup-probe")
    if is_list(probe) and probe:
        container["startupProbe"] = _probe(as_dict(probe[-1]))


def _probe(fields: Document) -> Document:
    """`httpGet.path=/x,periodSeconds=10` as nested fields; numbers are numbers."""
    probe: Document = {}
    numbers = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold", "port")
    for key, value in fields.items():
        *parents, last = key.split(".")
        known = (parents and parents[0] in ("httpGet", "grpc", "tcpSocket")) or last in numbers
        if not known or len(parents) > 1:
            raise UsageError(f"argument --startup-probe: Unknown key [{key}].")
        if last in numbers and not str(value).isdigit():
            raise UsageError(f"argument --startup-probe: [{key}] must be a whole number, not [{value}].")
        child(probe, *parents)[last] = int(str(value)) if last in numbers else value
    return probe


def _change_source(containers: list[object], annotations: Document, arguments: Arguments) -> None:
    """`--source DIR` runs as the local image, from a snapshot; a later `--image`, `local` too, puts it aside."""
    images = [arguments.text("image"), *(scope.text("image") for _, scope in arguments.containers)]
    if not arguments.given("source"):
        if any(images):
            annotations.pop(_SOURCE, None)
        return
    if any(images):
        raise UsageError("argument --source: At most one of --image | --source can be specified.")
    annotations[_SOURCE] = _source_directory(arguments.text("source"))
    _container(containers, "")["image"] = LOCAL_IMAGE


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


def image_of(job: Document) -> str:
    """The image of the first container, or empty."""
    containers = list_at(dict_at(job, "spec", "template", "spec", "template", "spec"), "containers")
    return text_at(containers[0], "image") if containers else ""
