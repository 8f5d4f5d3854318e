"""What the user chose for one runtime: flags of `hakobune up` and the file `hakobune.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hakobune.core.objects.content_places import ContentPlace
from hakobune.core.workflows.limits import BACKLOG, CONCURRENT_EXECUTIONS, Strictness
from hakobune.runtime.credentials_authority import GivenCertificate
from hakobune.store.api import Durability

DEFAULT_PORT = 8642
DEFAULT_GRPC_PORT = 8643
DEFAULT_PROJECT = "hakobune-local"
DEFAULT_LOCATION = "us-central1"
MAX_RUNNING_DEFAULT = 128  # attempts at once, of all executions
SERVICE_IDLE_DEFAULT_S = 60.0  # ours
JOURNAL_BYTES_MAX_DEFAULT = 268_435_456  # ours: 100 of the largest answers


class Auth(StrEnum):
    """Who may call."""

    NONE = "none"  # everyone on this machine; a token that is present must be good
    TOKEN = "token"  # a token of the local issuer  # noqa: S105 - the name of a mode, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSource:
    """What an image name stands for here: a source directory, and how to start it if the deploy does not say."""

    source: Path
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()


def _no_images() -> dict[str, ImageSource]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked."""

    directory: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    grpc_port: int = DEFAULT_GRPC_PORT
    tls_port: int | None = None  # HTTP and gRPC over TLS; None: on no port of their own
    certificate: GivenCertificate | None = None  # for TLS; None: certificates of the local authority
    project: str = DEFAULT_PROJECT
    location: str = DEFAULT_LOCATION
    auth: Auth = Auth.NONE
    is_iam_enforced: bool = False  # whether policies decide who may do what; only with Auth.TOKEN
    durability: Durability = Durability.POWER
    records_effects: bool = True  # what attempts change through our servers
    records_requests: bool = True  # to services: an entry of the log for each
    objects: ContentPlace | None = None  # where the contents of objects are; None: in the data directory
    images: Mapping[str, ImageSource] = field(default_factory=_no_images)
    max_running: int = MAX_RUNNING_DEFAULT
    limits: Strictness = Strictness.STRICT  # of workflows
    workflow_executions_max: int = CONCURRENT_EXECUTIONS  # active at once, in a location of a project
    workflow_backlog_max: int = BACKLOG
    workflow_journal_bytes_max: int = JOURNAL_BYTES_MAX_DEFAULT  # of one execution: what it was given and was answered
    service_idle_s: float = SERVICE_IDLE_DEFAULT_S  # an instance of a service without requests ends after this
    service_urls: Mapping[str, str] = field(default_factory=dict[str, str])  # NAME of NAME-….run.app → http://host:port
    google_token_command: tuple[str, ...] = ()  # prints an access token for Google's own APIs: those not served here
    http_allowed_hosts: tuple[str, ...] = ()  # hosts that workflows may call though they look like this machine's own

    @property
    def base_url(self) -> str:
        """Where links that we hand out begin."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def image_source(self, image: str) -> ImageSource | None:
        """What the longest mapped prefix of an image name stands for. A prefix ends where the name has `/`, `:` or
        `@`, or at its end."""
        best = ""
        for prefix in self.images:
            rest = image[len(prefix) :]
            if image.startswith(prefix) and (not rest or rest[0] in "/:@") and len(prefix) > len(best):
                best = prefix
        return self.images.get(best)
