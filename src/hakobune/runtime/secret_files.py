"""Secrets that a program has, as variables and as files: which, and where it sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import cast

from hakobune.core.containers import Container, EnvVar, SecretRef
from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.identity.secrets import LATEST

_MODE = 0o444  # reference of SecretVolumeSource
_UMASK = 0o222  # the same: files of secrets are never writable
_ALIASES = "run.googleapis.com/secrets"  # an annotation: `alias:projects/P/secrets/S,…`
_NEVER = ("/dev", "/proc", "/sys")  # the machine's own


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """A version of a secret, as the file `place`/`path`."""

    secret: SecretRef
    place: str
    path: str
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What a program has of secrets: variables that name them, and files."""

    env: tuple[EnvVar, ...] = ()
    files: tuple[SecretFile, ...] = ()
    project: str = ""


NO_SECRETS = Secrets()


def declared_secrets(
    container: Container, volumes: Sequence[Mapping[str, object]], annotations: Mapping[str, str], project: str
) -> Secrets:
    """The secrets of a container. One of another project may have an alias (`alias:projects/P/secrets/S`)."""
    pairs = (part.strip().partition(":") for part in annotations.get(_ALIASES, "").split(","))
    aliases = {alias: name for alias, _, name in pairs if name}
    found: list[EnvVar] = []
    for variable in container.env:
        if variable.secret is not None:
            secret = replace(variable.secret, secret=aliases.get(variable.secret.secret, variable.secret.secret))
            found.append(replace(variable, secret=secret))
    return Secrets(env=tuple(found), files=secret_files(container, volumes, aliases), project=project)


def secret_files(
    container: Container, volumes: Sequence[Mapping[str, object]], aliases: Mapping[str, str] | None = None
) -> tuple[SecretFile, ...]:
    """What a container mounts of secret volumes."""
    sources = {_text(volume, "name"): _map(volume, "secret") for volume in volumes if "secret" in volume}
    found: list[SecretFile] = []
    for mount in _maps(container.other, "volumeMounts"):
        source = sources.get(_text(mount, "name"))
        if source is not None:
            place = str(PurePosixPath(_text(mount, "mountPath")))
            found.extend(_files(source, place, aliases or {}))
    return tuple(found)


def check_secret_mounts(container: Container, volumes: Sequence[Mapping[str, object]], field: str) -> None:
    """Raises InvalidArgument for places where nothing can be mounted."""
    for file in secret_files(container, volumes):
        place = PurePosixPath(file.place)
        own = next((name for name in _NEVER if place.is_relative_to(name)), None)
        if own is None and place != PurePosixPath("/") and ".." not in place.parts:
            continue
        text = f"secrets cannot be mounted at {file.place[:200]!r}: name a folder of its own, such as /secrets"
        where = f"{field}.containers[0].volumeMounts"
        raise InvalidArgument(f"{where}: {text}.", violations=[FieldViolation(field=where, description=text)])


def _files(source: Mapping[str, object], place: str, aliases: Mapping[str, str]) -> Iterator[SecretFile]:
    named = _text(source, "secret")
    secret = aliases.get(named, named)
    default = _mode(source, "defaultMode", _MODE)
    items = _maps(source, "items")
    if not items:
        name = named.rpartition("/")[2]
        yield SecretFile(secret=SecretRef(secret=secret, version=LATEST), place=place, path=name, mode=default)
    for item in items:
        yield SecretFile(
            secret=SecretRef(secret=secret, version=_text(item, "version") or LATEST),
            place=place,
            path=_text(item, "path"),
            mode=_mode(item, "mode", default),
        )


def _mode(source: Mapping[str, object], field: str, default: int) -> int:
    given = source.get(field)
    return given & ~_UMASK if isinstance(given, int) and given else default


def _text(source: Mapping[str, object], field: str) -> str:
    found = source.get(field)
    return found if isinstance(found, str) else ""


def _map(source: Mapping[str, object], field: str) -> Mapping[str, object]:
    found = source.get(field)
    return cast("Mapping[str, object]", found) if isinstance(found, Mapping) else {}


def _maps(source: Mapping[str, object], field: str) -> Sequence[Mapping[str, object]]:
    found = source.get(field)
    return cast("Sequence[Mapping[str, object]]", found) if isinstance(found, list | tuple) else ()
