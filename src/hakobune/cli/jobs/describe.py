"""The human pages of `describe`, in gcloud's words and layout (spec/run.md 6.3; compared with gcloud 528)."""

from __future__ import annotations

import sys

from hakobune.cli import console
from hakobune.cli.document import Document, as_dict, at, dict_at, list_at, number_at, text_at
from hakobune.cli.format.transforms_of_quantities import instant
from hakobune.cli.jobs import view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Node = tuple[str, "str | list[Node]"]

_LABEL_WIDTH_MAX = 20  # wider labels push their own value aside, not everybody's
_SYSTEM_LABELS = ("cloud.googleapis.com/", "run.googleapis.com/", "serving.knative.dev/", "client.knative.dev/")
_DURATION_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def job_page(job: Document) -> str:
    """The page of `run jobs describe`."""
    lines = [_header("Job", job)]
    if "status" in job:
        lines += _job_history(job)
    lines.append("")
    labels = _labels(job)
    if labels:
        lines += [labels, ""]
    template = dict_at(job, "spec", "template")
    nodes: list[Node] = []
    if at(template, "spec", "taskCount") is not None:
        nodes.append(("Tasks:", text_at(template, "spec", "taskCount")))
    nodes.append(("Parallelism:", text_at(template, "spec", "parallelism") or "No limit"))
    nodes += _extensions(template)
    nodes += _task_settings(dict_at(template, "spec", "template", "spec"), dict_at(template, "metadata", "annotations"))
    return _page(lines, nodes, job)


def execution_page(execution: Document) -> str:
    """The page of `run jobs executions describe`."""
    lines = [_header("Execution", execution), *_counts(execution), ""]
    address = text_at(execution, "status", "logUri")
    if address:
        lines += [f"Log URI: {address}", ""]
    spec = dict_at(execution, "spec")
    nodes: list[Node] = [("Tasks:", text_at(spec, "taskCount") or "1")]
    nodes.append(("Parallelism:", text_at(spec, "parallelism") or "No limit"))
    nodes += _extensions(execution)
    nodes += _task_settings(dict_at(spec, "template", "spec"), dict_at(execution, "metadata", "annotations"))
    return _page(lines, nodes, execution)


def task_page(task: Document) -> str:
    """The page of `run jobs executions tasks describe`."""
    lines = [_header("Task", task)]
    facts: list[Node] = [("Running state:", view.label(task, view.STATE_LABEL))]
    result = dict_at(task, "status", "lastAttemptResult")
    if result:
        inner: list[Node] = []
        if at(result, "exitCode") is not None:
            inner.append(("Exit Code:", text_at(result, "exitCode")))
        if at(result, "termSignal") is not None:
            inner.append(("Signal:", text_at(result, "termSignal")))
        if text_at(result, "status", "message"):
            inner.append(("Message:", text_at(result, "status", "message")))
        if inner:
            facts.append(("Last Attempt Result:", inner))
    nodes = _task_settings(dict_at(task, "spec"), {})
    width = _width([*facts, *nodes])
    lines += [*_laid_out(facts, width), ""]
    return _page(lines, nodes, task, width=width)


def _page(lines: list[str], nodes: list[Node], resource: Document, *, width: int | None = None) -> str:
    lines += _laid_out(nodes, width or _width(nodes))
    if "status" not in resource:
        lines.append(_painted("Error getting status information", "red"))
    kind = text_at(resource, "kind")
    message = text_at(view.condition(resource, view.READY_CONDITION.get(kind, "Ready")), "message")
    if message:
        symbol, colour = view.mark(resource)
        lines.append(_painted(f"{symbol} {message}", colour))
    return "\n".join(lines) + "\n"


def _header(kind: str, resource: Document) -> str:
    symbol, colour = view.mark(resource)
    text = f"{kind} {view.name_of(resource)} in region {view.label(resource, view.REGION_LABEL)}"
    return f"{_painted(symbol, colour)} {_painted(text, 'bold')}"


def _painted(text: str, colour: str) -> str:
    return console.paint(text, colour) if console.coloured(sys.stdout) else text


def _job_history(job: Document) -> list[str]:
    lines: list[str] = []
    count = number_at(job, "status", "executionCount")
    lines.append(f"Executed {count} {_plural('time', count)}")
    latest = dict_at(job, "status", "latestCreatedExecution")
    if latest:
        lines.append(f"Last executed {text_at(latest, 'creationTimestamp')} with execution {text_at(latest, 'name')}")
    updated = view.label(job, view.UPDATED_LABEL) or text_at(job, "metadata", "creationTimestamp") or "?"
    author = view.annotation(job, "run.googleapis.com/lastModifier") or "?"
    lines.append(f"Last updated on {updated} by {author}")
    return lines


def _counts(execution: Document) -> list[str]:
    status = dict_at(execution, "status")
    finished = bool(text_at(status, "completionTime"))
    lines: list[str] = []
    if not finished:
        running = number_at(status, "runningCount")
        lines.append(f"{running} {_plural('task', running)} currently running")
    succeeded = number_at(status, "succeededCount")
    lines.append(f"{succeeded} {_plural('task', succeeded)} completed successfully")
    for key, text in (("failedCount", "failed to complete"), ("cancelledCount", "cancelled")):
        count = number_at(status, key)
        if count:
            lines.append(f"{count} {_plural('task', count)} {text}")
    if finished:
        begun = instant(text_at(execution, "metadata", "creationTimestamp"))
        ended = instant(text_at(status, "completionTime"))
        if begun is not None and ended is not None:
            lines.append(f"Elapsed time: {_elapsed(int(ended - begun))}")
    return lines


def _elapsed(seconds: int) -> str:
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours} {_plural('hour', hours)} and {minutes} {_plural('minute', minutes)}"
    if minutes:
        return f"{minutes} {_plural('minute', minutes)} and {rest} {_plural('second', rest)}"
    return f"{rest} {_plural('second', rest)}"


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _labels(resource: Document) -> str:
    found = dict_at(resource, "metadata", "labels")
    return " ".join(f"{key}:{found[key]}" for key in sorted(found) if not key.startswith(_SYSTEM_LABELS))


def _extensions(holder: Document) -> list[Node]:
    """What only this runtime knows: the annotations under `hakobune.dev/`."""
    found = dict_at(holder, "metadata", "annotations")
    titles = {
        "hakobune.dev/source": "Source:",
        "hakobune.dev/retry-backoff-seconds": "Retry backoff:",
        "hakobune.dev/max-failed-tasks": "Max Failed Tasks:",
        "hakobune.dev/warm-modules": "Warm modules:",
    }
    return [(titles[key], str(found[key])) for key in titles if key in found]


def _task_settings(spec: Document, annotations: Document) -> list[Node]:
    volumes = {text_at(volume, "name"): as_dict(volume) for volume in list_at(spec, "volumes")}
    containers = [as_dict(container) for container in list_at(spec, "containers")]
    nodes: list[Node] = [
        (f"Container {text_at(container, 'name')}".rstrip(), _container(container, volumes))
        for container in sorted(containers, key=lambda found: text_at(found, "name"))
    ]
    timeout = text_at(spec, "timeoutSeconds")
    if timeout:
        nodes.append(("Task Timeout:", duration_text(number_at(spec, "timeoutSeconds"))))
    if at(spec, "maxRetries") is not None:
        nodes.append(("Max Retries:", text_at(spec, "maxRetries")))
    if text_at(spec, "serviceAccountName"):
        nodes.append(("Service account:", text_at(spec, "serviceAccountName")))
    network: list[Node] = []
    for key, title in (("vpc-access-connector", "Connector:"), ("vpc-access-egress", "Egress:")):
        value = text_at(annotations, f"run.googleapis.com/{key}")
        if value:
            network.append((title, value))
    if network:
        nodes.append(("VPC access:", network))
    instances = text_at(annotations, "run.googleapis.com/cloudsql-instances")
    if instances:
        nodes.append(("SQL connections:", instances))
    shown = [(name, _volume(volume)) for name, volume in volumes.items() if "secret" not in volume]
    if shown:
        nodes.append(("Volumes:", [(name, facts) for name, facts in shown]))
    return nodes


def _container(container: Document, volumes: dict[str, Document]) -> list[Node]:
    nodes: list[Node] = [("Image:", text_at(container, "image"))]
    for key, title in (("command", "Command:"), ("args", "Args:")):
        words = [str(word) for word in list_at(container, key)]
        if words:
            nodes.append((title, " ".join(words)))
    for key, title in (("memory", "Memory:"), ("cpu", "CPU:"), ("nvidia.com/gpu", "GPU:")):
        value = text_at(container, "resources", "limits", key)
        if value:
            nodes.append((title, value))
    plain: list[Node] = []
    secrets: list[Node] = []
    for variable in list_at(container, "env"):
        name = text_at(variable, "name")
        reference = dict_at(variable, "valueFrom", "secretKeyRef")
        if reference:
            secrets.append((name, f"{text_at(reference, 'name')}:{text_at(reference, 'key')}"))
        else:
            plain.append((name, text_at(variable, "value")))
    if plain:
        nodes.append(("Env vars:", sorted(plain, key=lambda node: node[0])))
    mounts: list[Node] = []
    for mount in list_at(container, "volumeMounts"):
        path, volume = text_at(mount, "mountPath"), volumes.get(text_at(mount, "name"), {})
        secret = dict_at(volume, "secret")
        if secret:
            secrets.append((path, f"{text_at(secret, 'secretName')}:{text_at(secret, 'items', 0, 'key') or 'latest'}"))
        else:
            mounts.append((path, [("name:", text_at(mount, "name")), *_volume(volume)]))
    if mounts:
        nodes.append(("Volume Mounts:", mounts))
    if secrets:
        nodes.append(("Secrets:", sorted(secrets, key=lambda node: node[0])))
    return nodes


def _volume(volume: Document) -> list[Node]:
    """Type and settings of a volume, in the words of `--add-volume`."""
    if "emptyDir" in volume:
        kind = "in-memory" if text_at(volume, "emptyDir", "medium") == "Memory" else "ephemeral-disk"
        size = text_at(volume, "emptyDir", "sizeLimit")
        return [("type:", kind), *([("size-limit:", size)] if size else [])]
    if "nfs" in volume:
        nfs = dict_at(volume, "nfs")
        nodes: list[Node] = [("type:", "nfs"), ("location:", f"{text_at(nfs, 'server')}:{text_at(nfs, 'path')}")]
        return [*nodes, ("read-only:", "True")] if at(nfs, "readOnly") else nodes
    if text_at(volume, "csi", "driver").startswith("gcsfuse."):
        csi = dict_at(volume, "csi")
        nodes = [("type:", "cloud-storage"), ("bucket:", text_at(csi, "volumeAttributes", "bucketName"))]
        return [*nodes, ("read-only:", "True")] if at(csi, "readOnly") else nodes
    if "csi" in volume:
        return [("type:", text_at(volume, "csi", "driver").partition(".")[0])]
    return []


def duration_text(seconds: int) -> str:
    """`1h1m`, `2d`: parts that are zero are left out."""
    text = ""
    for size, unit in _DURATION_UNITS:
        if seconds // size:
            text += f"{seconds // size}{unit}"
            seconds %= size
    return text or "0s"


def _width(nodes: Sequence[Node], indent: int = 0) -> int:
    longest = 0
    for title, value in nodes:
        if not isinstance(value, str):
            longest = max(longest, _width(value, indent + 2))
        else:
            longest = max(longest, min(indent + len(title), _LABEL_WIDTH_MAX))
    return longest


def _laid_out(nodes: Sequence[Node], width: int, indent: int = 0) -> list[str]:
    lines: list[str] = []
    for title, value in nodes:
        head = " " * indent + title
        if not isinstance(value, str):
            lines += [head, *_laid_out(value, width, indent + 2)]
        else:
            lines.append(f"{head:<{width}} {value}".rstrip())
    return lines
