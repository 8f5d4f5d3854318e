"""How requests of rooms leave the house: pushes of messages, runs of schedules, deliveries of events; and which of them
may carry a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol
from urllib.parse import urlsplit

from hakobune.core.workflows.effects import HttpRequest, HttpResponse, NoResponse
from hakobune.runtime.http_hosts import host_of, is_google, is_this_machine


class Sender(Protocol):
    """Sends one request to where its host is served: our own front door, a local service, or outside."""

    async def send(self, request: HttpRequest) -> HttpResponse | NoResponse:
        """The answer as it is (a redirect is one), or why there is none. The deadline is the caller's."""
        ...


class Tokens(Protocol):
    """Makes tokens. Raises HakobuneError."""

    async def id_token(self, account: str, audience: str) -> str:
        """For a receiver of this name."""
        ...

    async def access_token(self, account: str) -> str:
        """For our own APIs."""
        ...


class Publishes(Protocol):
    """Publishes messages."""

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str]) -> None:
        """Returns when the message is durable. Raises HakobuneError."""
        ...


class NoToken(Enum):
    """Why a URL gets no token."""

    NOT_HTTPS = auto()
    NOT_GOOGLE = auto()  # and it would be an access token


def token_refusal(url: str, allowed_hosts: tuple[str, ...], *, is_access: bool) -> NoToken | None:
    """Tokens go to https, to this machine, and to hosts that the settings name; over https, access tokens go to
    Google's APIs alone. Raises ValueError: the URL has no host that could be called."""
    host = host_of(url)
    if host in allowed_hosts or is_this_machine(host):
        return None
    if urlsplit(url).scheme != "https":
        return NoToken.NOT_HTTPS
    return NoToken.NOT_GOOGLE if is_access and not is_google(host) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """Sends requests, and makes their tokens. `allowed_hosts` get tokens over plain HTTP, too."""

    sender: Sender
    tokens: Tokens
    allowed_hosts: tuple[str, ...] = ()

    async def id_authorization(self, url: str, account: str, audience: str) -> tuple[str, str]:
        """The header with an ID token. Raises HakobuneError, ValueError: this URL may not see one."""
        self._check(url, is_access=False)
        return "Authorization", f"Bearer {await self.tokens.id_token(account, audience)}"

    async def access_authorization(self, url: str, account: str) -> tuple[str, str]:
        """The header with an access token. Raises HakobuneError, ValueError: this URL may not see one."""
        self._check(url, is_access=True)
        return "Authorization", f"Bearer {await self.tokens.access_token(account)}"

    def _check(self, url: str, *, is_access: bool) -> None:
        match token_refusal(url, self.allowed_hosts, is_access=is_access):
            case NoToken.NOT_HTTPS:
                raise ValueError("the URL is not https: it gets no token")
            case NoToken.NOT_GOOGLE:
                raise ValueError(
                    f"{host_of(url)} is no host of googleapis.com: it gets no OAuth token, use an OIDC token"
                )
            case None:
                return


def shown_url(url: str) -> str:
    """What a log may say of a URL: without the secrets that its account and its query may be."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
