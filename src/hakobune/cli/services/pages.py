"""The human pages of services, worker pools and revisions, in gcloud's words and layout (compared with gcloud 528)."""

from __future__ import annotations

from hakobune.cli.containers.pages import container_nodes, header, labels, laid_out, painted, volume_nodes, width
from hakobune.cli.document import Document, as_dict, dict_at, list_at, number_at, text_at
from hakobune.cli.jobs import view
from hakobune.cli.services.shares import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.containers.pages import Node
    from hakobune.cli.services.subject import Subject

_RUN = "run.googleapis.com/"
_KNATIVE = "autoscaling.knative.dev/"
_ENVIRONMENTS = {"gen1": "First Generation", "gen2": "Second Generation"}
_CPU = {"false": "CPU is always allocated", "true": "CPU is only allocated during request processing"}


def resident_page(subject: Subject, resource: Document) -> str:
    """The page of `run services describe` and `run worker-pools describe`."""
    lines = [header(subject.kind, resource)]
    shown = labels(resource)
    if shown:
        lines.append(shown)
    lines += ["", *shares_lines(subject, resource), ""]
    settings = _settings(resource)
    lines += [*laid_out(settings, width(settings)), ""]
    modifier = view.annotation(resource, "serving.knative.dev/lastModifier") or "?"
    changed = text_at(view.condition(resource, "Ready"), "lastTransitionTime") or "?"
    lines.append(f"Last updated on {changed} by {modifier}:")
    lines.append(f"  Revision {text_at(resource, 'status', 'latestCreatedRevisionName')}")
    template = dict_at(resource, "spec", "template")
    if labels(template):
        lines.append(f"  {labels(template)}")
    mode = view.annotation(resource, f"{_RUN}scalingMode")
    nodes = _spec_nodes(
        dict_at(template, "spec"),
        dict_at(template, "metadata", "annotations"),
        is_service=subject.kind == "Service",
        is_manual=mode == "manual",
    )
    lines += laid_out(nodes, width(nodes, 2), 2)
    return "\n".join([*lines, *_ready_message(resource)]) + "\n"


def shares_lines(subject: Subject, resource: Document) -> list[str]:
    """Where traffic or instances go, as `update-traffic` prints it, too."""
    shown = rows(subject, resource)
    longest = max((len(percent) for percent, _, _ in shown), default=0)
    inner: list[str] = []
    for percent, revision, tags in shown:
        inner.append(f"  {percent:<{longest}} {painted(revision, 'bold')}")
        inner += [f"  {'':<{longest}}   {tag}: {url}" for tag, url in tags]
    facts: list[Node] = []
    if subject.kind == "Service":
        facts.append(("URL:", text_at(resource, "status", "url")))
        ingress = view.annotation(resource, f"{_RUN}ingress")
        if ingress:
            facts.append(("Ingress:", ingress))
    title = "Traffic:" if subject.kind == "Service" else "Instance Split:"
    return [*laid_out(facts, width([*facts, (title, "")])), title, *inner]


def _settings(resource: Document) -> list[Node]:
    nodes: list[Node] = [("Scaling:", _scaling(resource))]
    description = view.annotation(resource, f"{_RUN}description")
    if description:
        nodes.append(("Description:", description))
    return nodes


def _scaling(resource: Document) -> str:
    scaled = view.annotation(resource, "hakobune.dev/scaled-instances")
    is_scaled = any(name.startswith("hakobune.dev/scaling-") for name in dict_at(resource, "metadata", "annotations"))
    if scaled or is_scaled:  # an extension
        return f"By backlog (Instances: {scaled or 'not measured yet'})"
    found = {
        name: view.annotation(resource, _RUN + name)
        for name in ("scalingMode", "manualInstanceCount", "minScale", "maxScale")
    }
    if found["scalingMode"] == "manual":
        return f"Manual (Instances: {found['manualInstanceCount']})"
    least, most = found["minScale"] or "0", found["maxScale"]
    return f"Auto (Min: {least}, Max: {most})" if most else f"Auto (Min: {least})"


def revision_page(revision: Document) -> str:
    """The page of `run revisions describe`."""
    lines = [header("Revision", revision)]
    shown = labels(revision)
    if shown:
        lines.append(shown)
    lines.append("")
    nodes = _spec_nodes(
        dict_at(revision, "spec"),
        dict_at(revision, "metadata", "annotations"),
        is_service=bool(text_at(revision, "status", "serviceName")),
    )
    lines += [*laid_out(nodes, width(nodes)), *_ready_message(revision)]
    replicas = text_at(revision, "status", "desiredReplicas")
    if replicas:
        lines.append(f"Current Min Instances: {replicas}")
    return "\n".join(lines) + "\n"


def _ready_message(resource: Document) -> list[str]:
    message = text_at(view.condition(resource, "Ready"), "message")
    if not message:
        return []
    symbol, colour = view.mark(resource)
    return [painted(f"{symbol} {message}", colour)]


def _spec_nodes(spec: Document, annotations: Document, *, is_service: bool, is_manual: bool = False) -> list[Node]:
    volumes = {text_at(volume, "name"): as_dict(volume) for volume in list_at(spec, "volumes")}
    containers = [as_dict(container) for container in list_at(spec, "containers")]
    nodes: list[Node] = [
        (f"Container {text_at(container, 'name')}".rstrip(), container_nodes(container, volumes))
        for container in sorted(containers, key=lambda found: text_at(found, "name"))
    ]
    facts = {"Service account:": text_at(spec, "serviceAccountName")}
    if is_service:
        facts["Concurrency:"] = text_at(spec, "containerConcurrency")
        if not is_manual:
            facts["Min instances:"] = text_at(annotations, f"{_KNATIVE}minScale")
            facts["Max instances:"] = text_at(annotations, f"{_KNATIVE}maxScale")
    facts["SQL connections:"] = text_at(annotations, f"{_RUN}cloudsql-instances")
    if is_service:
        ports = [text_at(port, "name") for container in containers for port in list_at(container, "ports")]
        facts |= {
            "Timeout:": f"{number_at(spec, 'timeoutSeconds')}s",
            "HTTP/2 Enabled:": "Enabled" if "h2c" in ports else "",
            "CPU Allocation:": _CPU.get(text_at(annotations, f"{_RUN}cpu-throttling"), ""),
            "Execution Environment:": _ENVIRONMENTS.get(text_at(annotations, f"{_RUN}execution-environment"), ""),
            "Session Affinity:": text_at(annotations, f"{_RUN}sessionAffinity"),
        }
    nodes += [(title, value) for title, value in facts.items() if value]
    shown: list[Node] = [(name, volume_nodes(item)) for name, item in volumes.items() if "secret" not in item]
    return [*nodes, ("Volumes:", shown)] if shown else nodes
