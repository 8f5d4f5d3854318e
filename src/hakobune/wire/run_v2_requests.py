"""Bodies of `:run` and `:cancel`."""

from __future__ import annotations

from dataclasses import dataclass, field

from hakobune.core.instants import duration_from_text
from hakobune.core.jobs.drafts import ContainerOverride, Overrides
from hakobune.wire.run_container_rules import check_arguments, check_env
from hakobune.wire.run_v2_schema import (
    CANCEL_EXECUTION_REQUEST,
    EMPTY_REQUEST,
    OVERRIDES,
    RERUN_EXECUTION_REQUEST,
    RUN_JOB_REQUEST,
    WAIT_OPERATION_REQUEST,
)
from hakobune.wire.run_v2_templates import env_from_tree
from hakobune.wire.schema import Json, Message, Reader, snake_path
from hakobune.wire.violations import Violations


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What `jobs.run` was asked."""

    validate_only: bool = False
    etag: str = ""
    overrides: Overrides = field(default_factory=Overrides)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """What `executions.cancel` was asked."""

    validate_only: bool = False
    etag: str = ""


def run_request_from_json(value: object, name: str = "") -> RunRequest:
    """The body of `:run`. `name` is the job in the URL: a body may repeat it, and name no other. Raises InvalidArgument
    with all that is wrong."""
    tree, found = _read(RUN_JOB_REQUEST, value, "", name)
    overrides = overrides_from_tree(tree.get("overrides", {}), "overrides", found)
    return RunRequest(validate_only=tree.get("validateOnly", False), etag=tree.get("etag", ""), overrides=overrides)


def overrides_from_json(value: object, *, path: str = "overrides") -> Overrides:
    """The overrides alone. Raises InvalidArgument with all that is wrong."""
    tree, found = _read(OVERRIDES, value, path)
    return overrides_from_tree(tree, path, found)


def cancel_request_from_json(value: object, name: str = "") -> CancelRequest:
    """The body of `:cancel`; `name` as above. Raises InvalidArgument."""
    tree, _ = _read(CANCEL_EXECUTION_REQUEST, value, "", name)
    return CancelRequest(validate_only=tree.get("validateOnly", False), etag=tree.get("etag", ""))


def rerun_request_from_json(value: object, name: str = "") -> None:
    """The body of `:rerun`, an extension: it has nothing to say; `name` as above. Raises InvalidArgument."""
    _read(RERUN_EXECUTION_REQUEST, value, "", name)


def empty_request_from_json(value: object) -> None:
    """The body of a call that has nothing to say (a DELETE). Raises InvalidArgument."""
    _read(EMPTY_REQUEST, value, "")


def wait_timeout_from_json(value: object, name: str = "") -> float | None:
    """The timeout in seconds of an operation's `:wait`, None if the caller left it open; `name` as above. Raises
    InvalidArgument."""
    tree, found = _read(WAIT_OPERATION_REQUEST, value, "", name)
    timeout_s = duration_from_text(tree["timeout"]) if "timeout" in tree else None
    if timeout_s is not None and timeout_s < 0:
        found.add("timeout", "must not be negative")
        found.check()
    return timeout_s


def _read(kind: Message, value: object, path: str, name: str = "") -> tuple[Json, Violations]:
    found = Violations(snake_path)
    tree = Reader(found=found).message(kind, value, path)
    named: str = tree.get("name", "")
    if name and named not in ("", name):
        found.add("name", f"{named[:200]!r} is not what the URL names ({name})")
    found.check()
    return tree, found


def overrides_from_tree(tree: Json, path: str, found: Violations) -> Overrides:
    """Overrides from canonical v2 JSON. Raises InvalidArgument. Counts of zero are unset. Ranges are checked when they
    are applied to a job. `delayExecution` is a permission to start late: we start at once."""
    containers: list[Json] = tree.get("containerOverrides", [])
    for number, container in enumerate(containers):
        where = f"{path}.containerOverrides[{number}]"
        if container.get("clearArgs") and container.get("args"):
            found.add(f"{where}.args", "must be empty when clearArgs is set")
        check_arguments(container.get("args", []), f"{where}.args", found)
        check_env(container.get("env", []), f"{where}.env", found)
    timeout: str | None = tree.get("timeout")
    found.check()
    return Overrides(
        containers=tuple(_container_override(container) for container in containers),
        task_count=tree.get("taskCount") or None,
        timeout_s=None if timeout is None else duration_from_text(timeout),
    )


def _container_override(tree: Json) -> ContainerOverride:
    args: tuple[str, ...] | None = tuple(tree.get("args", ())) or None
    return ContainerOverride(
        name=tree.get("name", ""),
        args=() if tree.get("clearArgs") else args,
        env=tuple(env_from_tree(item) for item in tree.get("env", [])),
    )
