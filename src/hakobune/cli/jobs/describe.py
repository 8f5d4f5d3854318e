"""The human pages of `describe`, in gcloud's words and layout (spec/run.md 6.3; compared with gcloud 528)."""

from __future__ import annotations

from hakobune.cli.containers.pages import container_nodes, header, labels, laid_out, page, volume_nodes, width
from hakobune.cli.document import Document, as_dict, at, dict_at, list_at, number_at, text_at
from hakobune.cli.format.transforms_of_quantities import instant
from hakobune.cli.jobs import view

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.containers.pages import Node

_DURATION_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def job_page(job: Document) -> str:
    """The page of `run jobs describe`."""
    lines = [header("Job", job)]
    if "status" in job:
        lines += _job_history(job)
    lines.append("")
    shown = labels(job)
    if shown:
        lines += [shown, ""]
    template = dict_at(job, "spec", "template")
    nodes: list[Node] = []
    if at(template, "spec", "taskCount") is not None:
        nodes.append(("Tasks:", text_at(template, "spec", "taskCount")))
    nodes.append(("Parallelism:", text_at(template, "spec", "parallelism") or "No limit"))
    nodes += _extensions(template)
    nodes += _task_settings(dict_at(template, "spec", "template", "spec"), dict_at(template, "metadata", "annotations"))
    return page(lines, nodes, job)


def execution_page(execution: Document) -> str:
    """The page of `run jobs executions describe`."""
    lines = [header("Execution", execution), *_counts(execution), ""]
    address = text_at(execution, "status", "logUri")
    if address:
        lines += [f"Log URI: {address}", ""]
    spec = dict_at(execution, "spec")
    nodes: list[Node] = [("Tasks:", text_at(spec, "taskCount") or "1")]
    nodes.append(("Parallelism:", text_at(spec, "parallelism") or "No limit"))
    nodes += _extensions(execution)
    nodes += _task_settings(dict_at(spec, "template", "spec"), dict_at(execution, "metadata", "annotations"))
    return page(lines, nodes, execution)


def task_page(task: Document) -> str:
    """The page of `run jobs executions tasks describe`."""
    lines = [header("Task", task)]
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
    title_width = width([*facts, *nodes])
    lines += [*laid_out(facts, title_width), ""]
    return page(lines, nodes, task, title_width=title_width)


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
        (f"Container {text_at(container, 'name')}".rstrip(), container_nodes(container, volumes))
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
    shown = [(name, volume_nodes(volume)) for name, volume in volumes.items() if "secret" not in volume]
    if shown:
        nodes.append(("Volumes:", [(name, facts) for name, facts in shown]))
    return nodes


def duration_text(seconds: int) -> str:
    """`1h1m`, `2d`: parts that are zero are left out."""
    text = ""
    for size, unit in _DURATION_UNITS:
        if seconds // size:
            text += f"{seconds // size}{unit}"
            seconds %= size
    return text or "0s"
