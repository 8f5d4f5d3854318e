"""Carries out what workflows ask of the world: HTTP requests, log entries.

Google's hosts are our own front door, called in the house with no socket, and so are the addresses of the services that
are deployed here; any other `NAME-….run.app` is looked up in the setting `service_urls`. A request carries
`Idempotency-Key: <execution>/<call id>` unless its author set a key: the same after a crash.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import anyio

from hakobune.core.errors import HakobuneError
from hakobune.core.logs.entries import LogEntry, Severity, log_name
from hakobune.core.logs.workflows import USER_LOG, user_entry_id, workflow_labels, workflow_resource
from hakobune.core.workflows.effects import (
    Answer,
    Done,
    HttpRequest,
    HttpResponse,
    NoResponse,
    Token,
    TokenKind,
    Trouble,
    WriteLog,
)
from hakobune.core.workflows.events import Answered, Command
from hakobune.core.workflows.limits import REDIRECTS
from hakobune.core.workflows.model import WorkflowExecution
from hakobune.runtime.clock import Clock
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.google_token import GoogleToken
from hakobune.runtime.http_client import Transport, redirected
from hakobune.runtime.http_hosts import host_of, is_google, plain_url
from hakobune.runtime.outlet import NoToken, token_refusal
from hakobune.runtime.settings import Settings

_log = logging.getLogger("hakobune.workflows")

KEY_HEADER = "Idempotency-Key"

# APIs whose hosts are our own front door, also in their regional forms; what is missing there says so by name.
_SERVED = frozenset(
    {
        "run",
        "workflows",
        "workflowexecutions",
        "logging",
        "storage",
        "pubsub",
        "secretmanager",
        "cloudscheduler",
        "cloudtasks",
        "eventarc",
        "eventarcpublishing",
        "iam",
        "iamcredentials",
        "cloudresourcemanager",
        "serviceusage",
        "www",
    }
)

# The front door as the runtime sees it: a request (its URL says which host) from an account.
FrontDoorCall = Callable[[HttpRequest], Awaitable[HttpResponse | NoResponse]]
# Whether a URL is one of a service that is deployed here: then the front door answers it, too.
Serves = Callable[[str], bool]


class EntryWriter(Protocol):
    """Where log entries go."""

    async def write_entries(self, entries: Sequence[LogEntry]) -> None:
        """Keep entries. Raises HakobuneError."""
        ...


class WorkflowCalls:
    """Effects become answers here. Nothing is raised."""

    def __init__(
        self, settings: Settings, clock: Clock, credentials: Credentials, logs: EntryWriter, transport: Transport
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._credentials = credentials
        self._logs = logs
        self._transport = transport
        self.front_door: FrontDoorCall | None = None
        self.serves: Serves | None = None
        command = settings.google_token_command
        self._google_token = GoogleToken(command, clock) if command else None

    async def perform(self, execution: WorkflowExecution, command: Command) -> Answered:
        """Carry out an effect that is no wait."""
        effect = command.effect
        answer: Answer
        match effect:
            case HttpRequest():
                key = f"{execution.name}/{effect.key or command.call}"
                answer = await self._request(execution, _keyed(effect, key))
            case WriteLog():
                answer = await self._write_log(execution, command, effect)
            case _:
                raise AssertionError(f"a wait is not performed: {effect}")
        return Answered(call=command.call, answer=answer)

    # -- requests -----------------------------------------------------------------------------------------------

    async def _request(self, execution: WorkflowExecution, request: HttpRequest) -> HttpResponse | NoResponse:
        """One deadline for all of it: a token, the redirects, the body."""
        try:
            with anyio.fail_after(request.timeout_s):
                return await self._follow(execution, request)
        except TimeoutError:
            return NoResponse(trouble=Trouble.TIMEOUT, detail=f"no answer within {request.timeout_s:g} s")

    async def _follow(self, execution: WorkflowExecution, request: HttpRequest) -> HttpResponse | NoResponse:
        if request.token is not None:
            try:
                request = await self._with_token(execution, request, request.token)
            except HakobuneError as error:
                return NoResponse(trouble=Trouble.AUTH, detail=f"no token could be made: {error.message}")
            except ValueError as error:
                return NoResponse(trouble=Trouble.INVALID, detail=str(error))
        for redirects in range(REDIRECTS + 1):
            answer = await self._send(request, after_redirect=redirects > 0)
            following = redirected(request, answer) if isinstance(answer, HttpResponse) else None
            if following is None:
                return answer
            if isinstance(following, NoResponse):
                return following
            request = following
        # Inferred: as one that leads nowhere, and no broken connection: to try again would lead the same way.
        return NoResponse(trouble=Trouble.INVALID, detail=f"more than {REDIRECTS} redirects, the last to {request.url}")

    async def send(self, request: HttpRequest) -> HttpResponse | NoResponse:
        """One request of another room, as it is: redirects are answers, and the deadline is the caller's."""
        return await self._send(request)

    async def _send(self, request: HttpRequest, *, after_redirect: bool = False) -> HttpResponse | NoResponse:
        """One request to where its host is served: here, in the user's own services, or outside."""
        try:
            request = replace(request, url=plain_url(request.url))
            host = host_of(request.url)
        except ValueError as error:
            return NoResponse(trouble=Trouble.INVALID, detail=f"the request cannot be sent: {error}")
        if is_google(host):
            return await self._google(request, host)
        if self.front_door is not None and self.serves is not None and self.serves(request.url):
            return await self.front_door(request)
        if host.endswith(".run.app"):
            local = service_url(request.url, self._settings.service_urls)
            if local is None:
                name = host.partition(".")[0]
                return HttpResponse(code=404, headers=(("Content-Type", "text/plain"),), body=_no_service(name))
            request = replace(request, url=local)
        return await self._transport.send(request, after_redirect=after_redirect)

    async def _google(self, request: HttpRequest, host: str) -> HttpResponse | NoResponse:
        """One of Google's hosts: ours if we serve that API, else the real one if the user gave credentials."""
        if is_served(host):
            if self.front_door is None:
                return NoResponse(trouble=Trouble.SYSTEM, detail=f"{host} is not served here: no runtime is running")
            return await self.front_door(request)
        if self._google_token is None:
            detail = (
                f"{host} is not served by hakobune; to call the real one, set google_token_command in hakobune.yaml"
            )
            return NoResponse(trouble=Trouble.SYSTEM, detail=detail)
        if request.token is not None:
            try:
                token = await self._google_token.token()
            except HakobuneError as error:
                return NoResponse(trouble=Trouble.AUTH, detail=error.message)
            headers = tuple(item for item in request.headers if item[0].lower() != "authorization")
            request = replace(request, headers=(*headers, ("Authorization", f"Bearer {token}")))
        return await self._transport.send(request)

    async def _with_token(self, execution: WorkflowExecution, request: HttpRequest, token: Token) -> HttpRequest:
        check_token_host(token, request.url, self._settings.http_allowed_hosts)
        account = execution.service_account or self._credentials.default_account
        if token.kind is TokenKind.OIDC:
            text = await self._credentials.id_token(account, token.audience or request.url)
        else:
            text = await self._credentials.access_token(account)
        headers = tuple(item for item in request.headers if item[0].lower() != "authorization")
        return replace(request, headers=(*headers, ("Authorization", f"Bearer {text}")))

    # -- the log ------------------------------------------------------------------------------------------------

    async def _write_log(self, execution: WorkflowExecution, command: Command, effect: WriteLog) -> Answer:
        now_s = self._clock.now_s()
        entry = LogEntry(
            insert_id=user_entry_id(execution, command.call),
            log_name=log_name(execution.name.project, USER_LOG),
            timestamp_s=now_s,
            receive_s=now_s,
            severity=Severity(effect.severity),
            text_payload=effect.text,
            json_payload=effect.json,
            resource=workflow_resource(execution),
            labels=workflow_labels(execution),
        )
        try:
            await self._logs.write_entries([entry])
        except HakobuneError as error:
            _log.warning("a log entry of %s is lost: %s", execution.name, error.message)
            return NoResponse(trouble=Trouble.SYSTEM, detail=f"the entry could not be written: {error.message}")
        return Done()


def _keyed(request: HttpRequest, key: str) -> HttpRequest:
    if any(name.lower() == KEY_HEADER.lower() for name, _ in request.headers):
        return request
    return replace(request, headers=(*request.headers, (KEY_HEADER, key)))


def is_served(host: str) -> bool:
    """Whether our front door serves an API host: `run.googleapis.com`, `us-central1-run.googleapis.com`, …"""
    label = host.removesuffix(".googleapis.com").partition(".")[0]
    return label in _SERVED or label.rpartition("-")[2] in _SERVED


def service_url(url: str, services: Mapping[str, str]) -> str | None:
    """Where the service of a `.run.app` URL listens: the longest name that, followed by "-", begins the label.
    Raises ValueError."""
    parts = urlsplit(url)
    label = host_of(url).partition(".")[0]
    fitting = [name for name in services if label == name or label.startswith(f"{name}-")]
    if not fitting:
        return None
    base = urlsplit(services[max(fitting, key=len)])
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + parts.path, parts.query, ""))


def check_token_host(token: Token, url: str, allowed: tuple[str, ...]) -> None:
    """Raises ValueError: the URL may not see the token of its call."""
    refusal = token_refusal(url, allowed, is_access=token.kind is TokenKind.OAUTH2)
    if refusal is NoToken.NOT_HTTPS:
        raise ValueError(f"the URL is invalid for auth type {token.kind}: it is not https")
    if refusal is NoToken.NOT_GOOGLE:
        raise ValueError(
            f"the URL is invalid for auth type {token.kind}: {host_of(url)} is not a host of googleapis.com"
        )


def _no_service(name: str) -> bytes:
    return f"No local service for {name}: deploy it, or map it with service_urls in hakobune.yaml.\n".encode()
