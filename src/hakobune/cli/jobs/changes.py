"""From the flags of `deploy | create | update` to a changed job. Fields that no flag names stay as they are."""

from __future__ import annotations

from hakobune.cli.containers.changes import change_labels, change_template, client_annotations
from hakobune.cli.document import Document, child, dict_at, list_at, text_at
from hakobune.cli.errors import UsageError
from hakobune.cli.jobs.deploy_flags import CONTAINER_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hakobune.cli.flags import Arguments

_EXTENSIONS = {
    "retry-backoff": "hakobune.dev/retry-backoff-seconds",
    "max-failed-tasks": "hakobune.dev/max-failed-tasks",
    "warm": "hakobune.dev/warm-modules",
}


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
    client = client_annotations(arguments)
    child(job, "metadata", "annotations").update(client)
    annotations.update(client)
    _change_counts(spec, task, arguments)
    change_labels((child(job, "metadata", "labels"), child(template, "metadata", "labels")), arguments)
    _change_extensions(annotations, arguments)
    change_template(task, annotations, arguments, CONTAINER_FLAGS, "job")
    for key, value in arguments.pairs("update-annotations").items():
        child(job, "metadata", "annotations")[key] = value


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


def image_of(job: Document) -> str:
    """The image of the first container, or empty."""
    containers = list_at(dict_at(job, "spec", "template", "spec", "template", "spec"), "containers")
    return text_at(containers[0], "image") if containers else ""
