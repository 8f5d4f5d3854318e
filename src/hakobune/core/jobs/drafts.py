"""What a caller sends: a job as declared, before the service adds names, numbers and times, and overrides of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hakobune.core.jobs.model import EnvVar, ExecutionTemplate


def _no_json() -> dict[str, object]:
    return {}


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """A job as its user declares it, checked and with defaults filled in."""

    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    client: str = ""
    client_version: str = ""
    launch_stage: str = ""
    template: ExecutionTemplate
    start_execution_token: str = ""
    run_execution_token: str = ""
    etag: str = ""  # of the job that the caller read, "" if it did not say
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerOverride:
    """Changes to one container for one execution. `args` is None when untouched."""

    name: str = ""
    args: tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Changes for one execution only."""

    containers: tuple[ContainerOverride, ...] = ()
    task_count: int | None = None
    timeout_s: float | None = None
