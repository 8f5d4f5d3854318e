"""What a program needs to be started, the same for jobs, services and worker pools: containers and their variables.

`other` maps hold fields that we accept, keep and give back but do not act on, as canonical v2 JSON (camelCase).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _no_json() -> dict[str, object]:
    return {}


def _no_texts() -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """`valueSource.secretKeyRef`: the version is a number or `latest`."""

    secret: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """A literal value, or a reference to a secret; never both."""

    name: str
    value: str = ""
    secret: SecretRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What to run. `limits` holds resource limits as the user wrote them, defaults filled in."""

    name: str = ""
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    working_dir: str = ""
    limits: Mapping[str, str] = field(default_factory=_no_texts)
    # The default memory limit is shown, but only a limit that the user wrote is enforced for processes.
    memory_set_by_user: bool = False
    other: Mapping[str, object] = field(default_factory=_no_json)


def given_environment(container: Container, *, home: str, runtime: Mapping[str, str]) -> dict[str, str]:
    """What a program finds, without the names that its kind reserves. `home` is a directory that its user may use,
    `runtime` holds the variables with which clients find this runtime; the container's win over both. Variables that
    name a secret are left out: each start gets the values of its own time."""
    env = {"PATH": DEFAULT_PATH, "HOME": home, **runtime}
    for variable in container.env:
        if variable.secret is None:
            env[variable.name] = variable.value
        else:
            env.pop(variable.name, None)
    return env
