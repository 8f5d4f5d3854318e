"""Execution and task templates: canonical v2 JSON to our types, and back. Checks are made before (run_rules.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from hakobune.core.containers import Container, EnvVar, SecretRef
from hakobune.core.instants import duration_from_text, duration_to_text
from hakobune.core.jobs import limits
from hakobune.core.jobs.model import ExecutionTemplate, Job, TaskTemplate
from hakobune.wire.run_labels import without_reserved
from hakobune.wire.schema import Json

# The service's answer to every job, whatever was asked for: jobs run in the second generation only.
_ENVIRONMENT = "EXECUTION_ENVIRONMENT_GEN2"
_CONTAINER_BASE_MAX_CHARS = limits.DNS_LABEL_MAX_CHARS - len(f"-{limits.CONTAINERS_MAX}")


def execution_template_from_tree(tree: Json, service_account: str) -> ExecutionTemplate:
    """Fill in the defaults of spec sections 3.3 and 3.4; `service_account` stands in where none is named."""
    rest = dict(tree)
    return ExecutionTemplate(
        labels=cast("dict[str, str]", rest.pop("labels", {})),
        annotations=cast("dict[str, str]", rest.pop("annotations", {})),
        parallelism=rest.pop("parallelism", 0),
        task_count=rest.pop("taskCount", 1),
        template=_task_template_from_tree(rest.pop("template", {}), service_account),
        other=rest,
    )


def _task_template_from_tree(tree: Json, service_account: str) -> TaskTemplate:
    rest = dict(tree)
    rest.pop("executionEnvironment", None)
    timeout: str | None = rest.pop("timeout", None)
    return TaskTemplate(
        containers=tuple(container_from_tree(item) for item in rest.pop("containers", [])),
        max_retries=rest.pop("maxRetries", limits.RETRIES_DEFAULT),
        timeout_s=limits.TIMEOUT_DEFAULT_S if timeout is None else duration_from_text(timeout),
        service_account=rest.pop("serviceAccount", service_account),
        execution_environment=_ENVIRONMENT,
        volumes=tuple(rest.pop("volumes", [])),
        other=rest,
    )


def name_containers(containers: list[Json], owner: str) -> None:
    """Give containers without a name the one that the service gives them: `thumbs-1` for the first of `thumbs`."""
    base = owner[:_CONTAINER_BASE_MAX_CHARS].rstrip("-")
    for number, container in enumerate(containers, 1):
        container.setdefault("name", f"{base}-{number}")


def container_from_tree(tree: Json) -> Container:
    """A container with its default limits."""
    rest = dict(tree)
    resources: Json = dict(rest.pop("resources", {}))
    given: dict[str, str] = resources.pop("limits", {})
    if resources:
        rest["resources"] = resources
    return Container(
        name=rest.pop("name", ""),
        image=rest.pop("image", ""),
        command=tuple(rest.pop("command", [])),
        args=tuple(rest.pop("args", [])),
        env=tuple(env_from_tree(item) for item in rest.pop("env", [])),
        working_dir=rest.pop("workingDir", ""),
        limits=with_default_limits(given),
        memory_set_by_user="memory" in given,
        other=rest,
    )


def with_default_limits(given: Mapping[str, str]) -> dict[str, str]:
    """CPU and memory, the defaults where nothing is given."""
    return {"cpu": limits.CPU_DEFAULT, "memory": limits.MEMORY_DEFAULT, **given}


def env_from_tree(tree: Json) -> EnvVar:
    """A variable: literal, or from a secret (its newest version where none is named)."""
    source: Json = tree.get("valueSource", {})
    reference: Json | None = source.get("secretKeyRef")
    if reference is None:
        return EnvVar(name=tree["name"], value=tree.get("value", ""))
    secret = SecretRef(secret=reference["secret"], version=reference.get("version", "latest"))
    return EnvVar(name=tree["name"], secret=secret)


def job_fields_to_tree(job: Job) -> Json:
    """What a job declares outside its template and its labels, as v2 prints it."""
    return {
        "client": job.client,
        "clientVersion": job.client_version,
        "launchStage": job.launch_stage or "GA",
        "startExecutionToken": job.start_execution_token,
        "runExecutionToken": job.run_execution_token,
        **job.other,
    }


def execution_template_to_tree(template: ExecutionTemplate) -> Json:
    """An execution template as v2 prints it."""
    tree: Json = {
        "labels": without_reserved(template.labels),
        "annotations": without_reserved(template.annotations),
        "parallelism": template.parallelism,
        "taskCount": template.task_count,
        "template": task_template_to_tree(template.template),
    }
    return {key: value for key, value in tree.items() if value} | dict(template.other)


def task_template_to_tree(template: TaskTemplate) -> Json:
    """A task template as v2 prints it; an execution's and a task's, too."""
    tree: Json = {"containers": [container_to_tree(container) for container in template.containers]}
    if template.volumes:
        tree["volumes"] = [dict(volume) for volume in template.volumes]
    tree["maxRetries"] = template.max_retries
    tree["timeout"] = duration_to_text(template.timeout_s)
    if template.service_account:
        tree["serviceAccount"] = template.service_account
    tree["executionEnvironment"] = template.execution_environment
    return tree | dict(template.other)


def container_to_tree(container: Container) -> Json:
    """A container as v2 prints it."""
    tree: Json = {
        "name": container.name,
        "image": container.image,
        "command": list(container.command),
        "args": list(container.args),
        "env": [env_to_tree(variable) for variable in container.env],
        "workingDir": container.working_dir,
    }
    tree = {key: value for key, value in tree.items() if value}
    rest = dict(container.other)
    resources = cast("Json", rest.pop("resources", {}))
    return {**tree, "resources": {"limits": dict(container.limits), **resources}, **rest}


def env_to_tree(variable: EnvVar) -> Json:
    """A variable as v2 prints it; a literal is printed even when it is empty."""
    if variable.secret is None:
        return {"name": variable.name, "value": variable.value}
    reference = {"secret": variable.secret.secret, "version": variable.secret.version}
    return {"name": variable.name, "valueSource": {"secretKeyRef": reference}}
