"""Secrets and their versions: names, states, what is kept beside the value. The value itself is never in here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.names import check_project, project_number

LATEST = "latest"
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")  # reference of secrets.create, secretId
_ALIAS = re.compile(r"[A-Za-z](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")  # reference of Secret, versionAliases
_NUMBER_MAX_DIGITS = 18


class VersionState(StrEnum):
    """Whether a version can be read."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROYED = "DESTROYED"


def _bad(field_name: str, text: str, value: str) -> InvalidArgument:
    violation = FieldViolation(field=field_name, description=text)
    return InvalidArgument(f"{text}: {value[:120]!r}.", violations=[violation])


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SecretName:
    """`projects/P/secrets/S`."""

    project: str
    secret: str

    @classmethod
    def make(cls, project: str, secret: str, *, field_name: str = "name") -> Self:
        """Check both parts. Raises InvalidArgument."""
        check_project(project, field=field_name)
        if not _SECRET_ID.match(secret):
            text = "Secret ids have 1 to 255 letters, digits, dashes and underscores"
            raise _bad(field_name, text, secret)
        return cls(project=project, secret=secret)

    @classmethod
    def of_reference(cls, text: str, project: str) -> Self:
        """A secret as jobs of a project name it: `S`, or `projects/P/secrets/S`, where P may be a number. Raises
        InvalidArgument."""
        parts = text.split("/")
        if len(parts) == 4 and parts[0] == "projects" and parts[2] == "secrets":
            owner = project if parts[1] == project_number(project) else parts[1]
            return cls.make(owner, parts[3], field_name="secret")
        return cls.make(project, text, field_name="secret")

    def version(self, version: int | str) -> str:
        """The full name of a version."""
        return f"{self}/versions/{version}"

    def __str__(self) -> str:
        return f"projects/{self.project}/secrets/{self.secret}"


def check_version(text: str) -> str:
    """Return `text` if it can name a version: a number, an alias or `latest`. Raises InvalidArgument."""
    is_number = text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX_DIGITS
    if not is_number and not _ALIAS.match(text):
        raise _bad("name", "Not the number or the alias of a version", text)
    return text


def is_alias(text: str) -> bool:
    """Whether a user may give this name to a version."""
    return _ALIAS.match(text) is not None and text != LATEST


def _no_texts() -> dict[str, str]:
    return {}


def _no_json() -> dict[str, object]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret. `other` holds fields that are kept and given back without effect here, as canonical JSON."""

    name: SecretName
    create_s: float
    etag: str = ""
    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    aliases: Mapping[str, int] = field(default_factory=dict[str, int])
    expire_s: float | None = None
    replication: Mapping[str, object] = field(default_factory=_no_json)
    other: Mapping[str, object] = field(default_factory=_no_json)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersion:
    """One version. `has_checksum`: whoever added it gave a checksum, too."""

    secret: SecretName
    number: int
    state: VersionState = VersionState.ENABLED
    create_s: float = 0.0
    destroy_s: float | None = None
    etag: str = ""
    has_checksum: bool = False

    @property
    def name(self) -> str:
        """`projects/P/secrets/S/versions/N`."""
        return self.secret.version(self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretDraft:
    """A secret as its user declares it, checked. `ttl_s` counts from now on, in the place of `expire_s`."""

    labels: Mapping[str, str] = field(default_factory=_no_texts)
    annotations: Mapping[str, str] = field(default_factory=_no_texts)
    aliases: Mapping[str, int] = field(default_factory=dict[str, int])
    expire_s: float | None = None
    ttl_s: float | None = None
    replication: Mapping[str, object] = field(default_factory=_no_json)
    other: Mapping[str, object] = field(default_factory=_no_json)
    etag: str = ""
