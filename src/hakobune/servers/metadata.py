"""The metadata server: project, region, and tokens of the account that a task runs as.

Source: "Container runtime contract", metadata server section (https://cloud.google.com/run/docs/container-contract).
"""

from __future__ import annotations

import hashlib

from hakobune.core.errors import InvalidArgument, NotFound, PermissionDenied
from hakobune.core.jobs.model import Execution
from hakobune.core.names import project_number
from hakobune.runtime.app import Runtime
from hakobune.runtime.credentials import TOKEN_LIFE_S
from hakobune.servers.http.messages import (
    Request,
    Response,
    decode_segment,
    json_response,
    text_response,
)
from hakobune.servers.http.router import Router

_FLAVOR = ("Metadata-Flavor", "Google")


class Metadata:
    """Handlers of `/computeMetadata/v1/…`. What is asked through an attempt's own listener is answered for its job."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", "/", self.root)
        router.add("GET", "/computeMetadata/v1", self.value)
        router.add("GET", "/computeMetadata/v1/{path*}", self.value)

    async def root(self, request: Request) -> Response:
        """Clients detect a metadata server by this header."""
        del request
        response = text_response("hakobune\n")
        response.headers.append(_FLAVOR)
        return response

    async def value(self, request: Request) -> Response:
        """One value, or a token."""
        if request.headers.get("metadata-flavor") != "Google":
            raise PermissionDenied("Missing required header: Metadata-Flavor: Google")
        execution = await self._execution(request)
        path = [decode_segment(part) for part in request.parameters.get("path", "").rstrip("/").split("/")]
        response = await self._value(path, request, execution)
        response.headers.append(_FLAVOR)
        return response

    async def _execution(self, request: Request) -> Execution | None:
        if request.attempt_uid is None:
            return None
        uid = request.attempt_uid.rsplit(".", 2)[0]
        return await self._runtime.store.read(lambda tx: tx.jobs.execution_by_uid(uid))

    async def _value(self, path: list[str], request: Request, execution: Execution | None) -> Response:
        settings = self._runtime.settings
        project = settings.project if execution is None else execution.name.project
        region = settings.location if execution is None else execution.name.location
        account = self._account(execution)
        number = project_number(project)
        match path:
            case [""]:
                return text_response("instance/\nproject/\nuniverse/\n")
            case ["project", "project-id"]:
                return text_response(project)
            case ["project", "numeric-project-id"]:
                return text_response(number)
            case ["instance", "region"]:
                return text_response(f"projects/{number}/regions/{region}")
            case ["instance", "zone"]:
                return text_response(f"projects/{number}/zones/{region}-1")
            case ["instance", "id"]:
                who = request.attempt_uid or settings.directory.name
                return text_response(hashlib.sha256(who.encode()).hexdigest())
            case ["universe", "universe-domain" | "universe_domain"]:
                return text_response("googleapis.com")
            case ["instance", "service-accounts"]:
                return text_response(f"default/\n{account}/\n")
            case ["instance", "service-accounts", name, *rest] if name in ("default", account):
                return await self._account_value(rest, request, account)
            case _:
                raise NotFound(f"The metadata path {'/'.join(path)[:200]!r} does not exist here.")

    def _account(self, execution: Execution | None) -> str:
        declared = "" if execution is None else execution.template.service_account
        return declared if "@" in declared else self._runtime.credentials.default_account

    async def _account_value(self, rest: list[str], request: Request, account: str) -> Response:
        fields = request.query_fields()
        scopes = "https://www.googleapis.com/auth/cloud-platform"
        match rest:
            case [] if fields.get("recursive", "").lower() == "true":
                return json_response({"aliases": ["default"], "email": account, "scopes": [scopes]})
            case []:
                return text_response("aliases\nemail\nidentity\nscopes\ntoken\n")
            case ["email"]:
                return text_response(account)
            case ["aliases"]:
                return text_response("default\n")
            case ["scopes"]:
                return text_response(f"{scopes}\n")
            case ["token"]:
                token = await self._runtime.credentials.access_token(account)
                return json_response({"access_token": token, "expires_in": TOKEN_LIFE_S - 1, "token_type": "Bearer"})
            case ["identity"]:
                audience = fields.get("audience", "")
                if not audience:
                    raise InvalidArgument("non-empty audience parameter required")
                return text_response(await self._runtime.credentials.id_token(account, audience))
            case _:
                raise NotFound(f"The metadata of an account has no {'/'.join(rest)[:100]!r}.")
