"""Service accounts and their keys: names, numbers, what is kept of them.

An account needs no creation to be used: whoever is named in a job or asked for a token is somebody. What is created has
a display name, can be disabled and can have keys. (docs/decisions/0020)
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Self

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.names import check_project, project_number

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
WILDCARD = "-"

_ACCOUNT_ID = re.compile(r"[a-z](?:[a-z0-9-]{4,28}[a-z0-9])\Z")  # reference of serviceAccounts.create, accountId
_EMAIL = re.compile(r"[a-z0-9](?:[a-z0-9._+-]{0,126}[a-z0-9])?@[a-z0-9](?:[a-z0-9.-]{0,126}[a-z0-9])?\Z")
_SUFFIX = ".iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """An account that was created."""

    email: str
    project: str
    display_name: str = ""
    description: str = ""
    is_disabled: bool = False
    created_s: float = 0.0
    etag: str = ""

    @property
    def name(self) -> str:
        """`projects/P/serviceAccounts/EMAIL`."""
        return f"projects/{self.project}/serviceAccounts/{self.email}"

    @property
    def unique_id(self) -> str:
        """The number that tokens carry as `sub`."""
        return unique_id(self.email)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserKey:
    """The public half of a key that its user holds: the private one is not kept."""

    id: str
    email: str
    public_key: str  # PEM
    certificate: str  # PEM
    created_s: float
    is_disabled: bool = field(default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountName:
    """`projects/P/serviceAccounts/ACCOUNT`: an email or a unique id; P may be `-`."""

    project: str
    account: str

    @classmethod
    def make(cls, project: str, account: str) -> Self:
        """Check both parts. Raises InvalidArgument."""
        if project != WILDCARD:
            check_project(project, field="name")
        if not account.isdigit():
            check_email(account, field="name")
        return cls(project=project, account=account)

    def __str__(self) -> str:
        return f"projects/{self.project}/serviceAccounts/{self.account}"


def check_email(value: str, *, field: str) -> str:
    """Return `value` if it can be the address of an account. Raises InvalidArgument."""
    if not _EMAIL.match(value):
        text = "Not the address of an account"
        raise InvalidArgument(f"{text}: {value[:120]!r}.", violations=[FieldViolation(field=field, description=text)])
    return value


def check_account_id(value: str) -> str:
    """Return `value` if it can be the first part of an address. Raises InvalidArgument."""
    if not _ACCOUNT_ID.match(value):
        text = (
            "Service account ids have 6 to 30 characters, only lowercase letters, digits and dashes, begin with a "
            "letter and do not end with a dash"
        )
        violation = FieldViolation(field="account_id", description=text)
        raise InvalidArgument(f"{text}: {value[:120]!r}.", violations=[violation])
    return value


def email_of(project: str, account_id: str) -> str:
    """The address of an account of a project. A project of a domain (`example.com:app`) has the domain behind it."""
    domain, _, name = project.rpartition(":")
    return f"{account_id}@{name}.{domain}{_SUFFIX}" if domain else f"{account_id}@{project}{_SUFFIX}"


def project_of_email(email: str) -> str:
    """The project of an address, "" if it does not say."""
    host = email.partition("@")[2]
    if not host.endswith(_SUFFIX):
        return ""
    name, _, domain = host.removesuffix(_SUFFIX).partition(".")
    return f"{domain}:{name}" if domain else name


def unique_id(email: str) -> str:
    """A number of 21 digits for an address, always the same: nothing needs to be kept for it."""
    digest = int(hashlib.sha256(email.encode()).hexdigest(), 16)
    return f"1{digest % 10**20:020}"


def is_default(email: str, project: str) -> bool:
    """Whether it is one of the two accounts that every project has: that of workloads, and that of the command line."""
    return email in {
        f"{project_number(project)}-compute@developer.gserviceaccount.com",
        email_of(project, "developer"),
    }
