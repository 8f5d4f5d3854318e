"""The nouns of services and worker pools. Both are *residents*: a template, its revisions, and instances of those that
are kept running. What only services have (an address, traffic by requests, scaling by requests) is empty in pools.

`other` maps hold fields that we accept, keep and give back but do not act on, as canonical v2 JSON (camelCase).
Units: `*_s` seconds (instants: since the epoch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hakobune.core.containers import Container
from hakobune.core.services import limits
from hakobune.core.services.names import ResidentName, RevisionName


def _no_json() -> dict[str, object]:
    return {}


def _no_texts() -> dict[str, str]:
    return {}


class ProbeKind(StrEnum):
    """What a probe does."""

    HTTP = "httpGet"
    TCP = "tcpSocket"
    GRPC = "grpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Looks whether an instance is well. `port` 0: the container's. Source: API v2, message Probe."""

    kind: ProbeKind
    port: int = 0
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    grpc_service: str = ""
    initial_delay_s: float = 0.0
    timeout_s: float = 1.0
    period_s: float = 10.0
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One container of a template, with what jobs do not have. `port_name` is `http1` or `h2c`; the container that
    has a port (`port` not 0) takes the requests."""

    container: Container
    port: int = 0
    port_name: str = ""
    startup: Probe | None = None
    liveness: Probe | None = None
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What the instances of a revision run. `max_concurrency` 0: the default. `max_instances` 0: no bound of its own.
    `revision` is the id that the user wants for it, "" for a generated one."""

    revision: str = ""
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    members: tuple[Member, ...] = ()
    service_account: str = ""
    timeout_s: float = limits.TIMEOUT_DEFAULT_S  # of a request
    max_concurrency: int = 0
    min_instances: int = 0
    max_instances: int = 0
    execution_environment: str = ""
    session_affinity: bool = False
    health_check_disabled: bool = False
    volumes: tuple[Mapping[str, object], ...] = ()
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A part of the traffic of a service, or of the instances of a pool. `revision` "": the latest ready one."""

    revision: str = ""
    percent: int = 0
    tag: str = ""


class ScalingMode(StrEnum):
    """Who decides how many instances there are."""

    AUTOMATIC = "AUTOMATIC"
    MANUAL = "MANUAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Of the resident as a whole. `manual` None: not given (pools: one instance)."""

    min_instances: int = 0
    max_instances: int = 0
    manual: int | None = None
    mode: ScalingMode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashLoop:
    """Instances of a resident end by themselves again and again, and none of them lives. `detail` tells of the last
    end, `restart_s` is when the next instance begins."""

    since_s: float
    detail: str
    failures: int
    restart_s: float


class RevisionState(StrEnum):
    """How far a revision has come."""

    DEPLOYING = "deploying"  # its source is prepared, or its first instance has not shown itself yet
    READY = "ready"
    FAILED = "failed"
    RETIRED = "retired"  # it was ready; nothing leads to it now


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A template as it was deployed. It never changes but for its state. `reason` and `message` say why it failed."""

    name: RevisionName
    uid: str
    resident_uid: str
    generation: int = 1
    number: int  # the n-th of its resident
    etag: str
    create_time_s: float
    update_time_s: float
    creator: str = ""
    launch_stage: str = ""
    template: Template
    state: RevisionState = RevisionState.DEPLOYING
    state_time_s: float
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A service or a worker pool. `generation` rises with every change of what is declared; `observed_generation`
    follows once it is settled. `port` is the stored loopback port of a service, 0 for pools."""

    name: ResidentName
    uid: str
    generation: int = 1
    observed_generation: int = 0
    etag: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    create_time_s: float
    update_time_s: float
    creator: str = ""
    last_modifier: str = ""
    client: str = ""
    client_version: str = ""
    launch_stage: str = ""
    ingress: str = ""
    invoker_iam_disabled: bool = False
    default_uri_disabled: bool = False
    custom_audiences: tuple[str, ...] = ()
    template: Template
    shares: tuple[Share, ...] = ()  # as declared; empty: all to the latest ready revision
    scaling: Scaling = Scaling()
    auto_count: int | None = None  # workers that its autoscaler asks for (an extension of pools); None: it has none
    crash_loop: CrashLoop | None = None
    port: int = 0
    revisions_made: int = 0
    latest_created: str = ""  # revision ids
    latest_ready: str = ""
    is_reconciling: bool = True
    ready_reason: str = ""  # why it is not ready; "" and not reconciling: it is
    ready_message: str = ""
    settle_time_s: float | None = None  # when it last became ready, or failed to
    operation: str = ""  # id of the operation that is done when this settles
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentDraft:
    """What a caller declares. `etag` "": whatever it is now."""

    etag: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    client: str = ""
    client_version: str = ""
    launch_stage: str = ""
    ingress: str = ""
    invoker_iam_disabled: bool = False
    default_uri_disabled: bool = False
    custom_audiences: tuple[str, ...] = ()
    template: Template
    shares: tuple[Share, ...] = ()
    scaling: Scaling = Scaling()
    other: Mapping[str, object] = field(default_factory=_no_json)


class InstanceState(StrEnum):
    """How far an instance has come."""

    STARTING = "starting"  # until its startup probe (or its port) answers
    READY = "ready"
    DRAINING = "draining"  # gets nothing new; is stopped when nothing is in flight
    STOPPING = "stopping"  # was told to end
    RESTING = "resting"  # it ended by itself; the next one of its place begins at `restart_s`


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One running copy of a revision, and its place among the others. Its uid is that of its attempt with the engine:
    each start in a place has another one. `failures` counts ends of the place in a row, `detail` tells of the last."""

    uid: str
    resident_uid: str
    revision_uid: str
    index: int  # of the place
    port: int = 0  # where it listens; 0: it does not
    state: InstanceState = InstanceState.STARTING
    create_time_s: float
    ready_time_s: float | None = None
    failures: int = 0
    restart_s: float | None = None
    detail: str = ""
