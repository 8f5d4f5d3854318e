"""The human pages of `describe`: headers, containers, volumes, and how they are laid out, in gcloud's words."""

from __future__ import annotations

import sys

from hakobune.cli import console
from hakobune.cli.document import Document, at, dict_at, list_at, number_at, text_at
from hakobune.cli.jobs import view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Node = tuple[str, "str | list[Node]"]

_LABEL_WIDTH_MAX = 20  # wider labels push their own value aside, not everybody's
_PROBES = {"httpGet": "HTTP", "tcpSocket": "TCP", "grpc": "GRPC"}
_SYSTEM_LABELS = ("cloud.googleapis.com/", "run.googleapis.com/", "serving.knative.dev/", "client.knative.dev/")


def page(lines: list[str], nodes: list[Node], resource: Document, *, title_width: int | None = None) -> str:
    """A page: its first lines, the settings, and what is wrong with the resource."""
    lines += laid_out(nodes, title_width or width(nodes))
    if "status" not in resource:
        lines.append(painted("Error getting status information", "red"))
    kind = text_at(resource, "kind")
    message = text_at(view.condition(resource, view.READY_CONDITION.get(kind, "Ready")), "message")
    if message:
        symbol, colour = view.mark(resource)
        lines.append(painted(f"{symbol} {message}", colour))
    return "\n".join(lines) + "\n"


def header(kind: str, resource: Document) -> str:
    """The first line: mark, kind, name and region."""
    symbol, colour = view.mark(resource)
    text = f"{kind} {view.name_of(resource)} in region {view.label(resource, view.REGION_LABEL)}"
    return f"{painted(symbol, colour)} {painted(text, 'bold')}"


def painted(text: str, colour: str) -> str:
    """A text in a colour, where colours are shown."""
    return console.paint(text, colour) if console.coloured(sys.stdout) else text


def labels(resource: Document) -> str:
    """The labels of the user, in one line."""
    found = dict_at(resource, "metadata", "labels")
    return " ".join(f"{key}:{found[key]}" for key in sorted(found) if not key.startswith(_SYSTEM_LABELS))


def container_nodes(container: Document, volumes: dict[str, Document]) -> list[Node]:
    """What a container runs, with what."""
    nodes: list[Node] = [("Image:", text_at(container, "image"))]
    for key, title in (("command", "Command:"), ("args", "Args:")):
        words = [str(word) for word in list_at(container, key)]
        if words:
            nodes.append((title, " ".join(words)))
    port = " ".join(text_at(item, "containerPort") for item in list_at(container, "ports"))
    if port:
        nodes.append(("Port:", port))
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
            mounts.append((path, [("name:", text_at(mount, "name")), *volume_nodes(volume)]))
    if mounts:
        nodes.append(("Volume Mounts:", mounts))
    if secrets:
        nodes.append(("Secrets:", sorted(secrets, key=lambda node: node[0])))
    for key, title in (("startupProbe", "Startup Probe:"), ("livenessProbe", "Liveness Probe:")):
        probe = dict_at(container, key)
        if probe:
            nodes.append((title, _probe_nodes(probe)))
    return nodes


def _probe_nodes(probe: Document) -> list[Node]:
    kind = next((name for name in _PROBES if name in probe), "tcpSocket")
    action = dict_at(probe, kind)
    facts = {
        "Path:": text_at(action, "path"),
        "Port:": text_at(action, "port") if kind != "httpGet" else "",  # as gcloud: not of this one
        "Initial delay:": f"{number_at(probe, 'initialDelaySeconds')}s",
        "Timeout:": f"{number_at(probe, 'timeoutSeconds')}s",
        "Failure threshold:": text_at(probe, "failureThreshold"),
    }
    shown: list[Node] = [(f"{_PROBES[kind]} every {number_at(probe, 'periodSeconds')}s", [])]
    return [*shown, *((title, value) for title, value in facts.items() if value)]


def volume_nodes(volume: Document) -> list[Node]:
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


def width(nodes: Sequence[Node], indent: int = 0) -> int:
    """How wide the column of titles is."""
    longest = 0
    for title, value in nodes:
        if not isinstance(value, str):
            longest = max(longest, width(value, indent + 2))
        else:
            longest = max(longest, min(indent + len(title), _LABEL_WIDTH_MAX))
    return longest


def laid_out(nodes: Sequence[Node], title_width: int, indent: int = 0) -> list[str]:
    """Titles and values, line by line."""
    lines: list[str] = []
    for title, value in nodes:
        head = " " * indent + title
        if not isinstance(value, str):
            lines += [head, *laid_out(value, title_width, indent + 2)]
        else:
            lines.append(f"{head:<{title_width}} {value}".rstrip())
    return lines
