"""What a workflow asks of the world, and what the world answers. Plain data; the journal keeps the answers.

A library function that waits is a *procedure*: a generator that yields effects, is sent their answers, and returns its
value or raises Failure. It is never stored: a resumed execution runs it again with the answers of the journal.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from hakobune.core.workflows.values import Value


class TokenKind(StrEnum):
    """Which token a request carries."""

    OIDC = "OIDC"
    OAUTH2 = "OAuth2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The credentials that a request asks for. `audience` for OIDC; `scopes` for OAuth2."""

    kind: TokenKind
    audience: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """Send a request and wait for the answer. The idempotency key is added by who sends it, from the call id, unless
    the headers have one. `body` None: no body. `service` names a connector's API ("run.v2"), "" for `http.*`. `key`
    stands for the call id in the idempotency key: all tries of one connector call share it, so a call that was taken
    before a crash, and then refused for a while, is not done twice."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout_s: float = 300.0
    token: Token | None = None
    ca_certificate: bytes | None = None
    service: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Do nothing until this instant (seconds since the epoch)."""

    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLog:
    """Write one entry to the user log: exactly one of `text` and `json`."""

    severity: str
    text: str | None = None
    json: dict[str, Value] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitCallback:
    """Wait for a request to a callback endpoint of this execution, until an instant."""

    callback: str
    until_s: float


Effect: TypeAlias = HttpRequest | Wait | WriteLog | AwaitCallback


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """Any answer with a status. Header names are in canonical case; repeated ones are joined with ", "."""

    code: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Trouble(StrEnum):
    """Why there is no answer."""

    CONNECTION_FAILED = "ConnectionFailedError"  # nothing was sent: a retry is safe
    CONNECTION = "ConnectionError"  # the connection broke before the whole answer came
    TIMEOUT = "TimeoutError"
    AUTH = "AuthError"  # no token could be made
    TOO_LARGE = "ResourceLimitError"  # the answer is larger than it may be
    INVALID = "ValueError"  # the request cannot be sent as it is (a host that is refused, a certificate that is none)
    SYSTEM = "SystemError"  # not supported here: the text says what is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class NoResponse:
    """A request without an answer. `code`: the status of one that is too large; the journal does not keep it."""

    trouble: Trouble
    detail: str
    code: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A wait is over, a log entry is written; for AwaitCallback: the time is over and nothing came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequest:
    """A request that reached a callback endpoint. `url` is path and query as they came."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_s: float


Answer: TypeAlias = HttpResponse | NoResponse | Done | CallbackRequest

Procedure: TypeAlias = Generator[Effect, Answer, Value]
