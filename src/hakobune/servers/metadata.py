"""The metadata server: project, region, and tokens of the account that a task runs as.

Sources: "Container runtime contract", metadata server (https://cloud.google.com/run/docs/container-contract); "About VM
metadata" (https://cloud.google.com/compute/docs/metadata/querying-metadata): directories end with a slash,
`recursive=true` gives a directory as JSON, `alt` chooses the form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from hakobune.core.errors import (
    FailedPrecondition,
    HakobuneError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unimplemented,
)
from hakobune.core.identity import limits
from hakobune.core.identity.accounts import CLOUD_PLATFORM
from hakobune.core.names import project_number
from hakobune.runtime.app import Runtime
from hakobune.runtime.attempts import lane_of
from hakobune.runtime.service_lanes import revision_of_lane
from hakobune.servers.front import error_response
from hakobune.servers.http.messages import (
    Request,
    Response,
    decode_segment,
    json_response,
    text_response,
)
from hakobune.servers.http.router import Router
from hakobune.servers.query import flag
from hakobune.store.api import ReadTx

_HEADERS = (
    ("Metadata-Flavor", "Google"),
    ("Server", "Metadata Server for VM"),
    ("X-XSS-Protection", "0"),
    ("X-Frame-Options", "SAMEORIGIN"),
)
_TEXT_TYPE = "application/text"
# What is made for each question, and so is in no tree.
_MADE = frozenset({"token", "identity"})
_FORMATS = ("standard", "full")

Tree = Mapping[str, "Tree | str | list[str]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workload:
    """An execution or a revision: what its programs learn of it. `name` is its last part."""

    project: str
    location: str
    account: str
    name: str


def _workload_of(tx: ReadTx, lane: str) -> _Workload | None:
    revision_uid = revision_of_lane(lane)
    if revision_uid is not None:
        revision = tx.services.revision_by_uid(revision_uid)
        if revision is None:
            return None
        owner, account = revision.name.resident, revision.template.service_account
        return _Workload(project=owner.project, location=owner.location, account=account, name=revision.name.revision)
    execution = tx.jobs.execution_by_uid(lane)
    if execution is None:
        return None
    name, account = execution.name, execution.template.service_account
    return _Workload(project=name.project, location=name.location, account=account, name=name.execution)


class Metadata:
    """Handlers of `/computeMetadata/v1/…`. What is asked through an attempt's own listener is answered for its job."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self, router: Router) -> None:
        """Register all paths."""
        router.add("GET", "/", self.root)
        router.add("GET", "/computeMetadata", self.root)
        router.add("GET", "/computeMetadata/v1", self.value)
        router.add("GET", "/computeMetadata/v1/{path*}", self.value)

    async def root(self, request: Request) -> Response:
        """Clients detect a metadata server by this header."""
        del request
        return _flavoured(text_response("computeMetadata/\n", content_type=_TEXT_TYPE))

    async def value(self, request: Request) -> Response:
        """One value, a directory, or a token; errors carry the header of the server, too."""
        try:
            return _flavoured(await self._value(request))
        except HakobuneError as error:
            return _flavoured(error_response(error))

    async def _value(self, request: Request) -> Response:
        if request.headers.get("metadata-flavor") != "Google":
            raise PermissionDenied("Missing required header: Metadata-Flavor: Google")
        if "x-forwarded-for" in request.headers:
            raise PermissionDenied("Requests that a proxy passes on (X-Forwarded-For) are refused.")
        if flag(request, "wait_for_change"):
            raise Unimplemented("wait_for_change: nothing changes here.")
        path = [decode_segment(part) for part in request.parameters.get("path", "").split("/") if part]
        workload = await self._workload(request)
        account = self._account(workload)
        if path[:2] == ["instance", "service-accounts"] and len(path) == 4 and path[3] in _MADE:
            if path[2] not in ("default", account):
                raise _missing(path)
            return await self._made(path[3], request, account, workload)
        return _shown(self._tree(request, workload, account), path, request)

    async def _workload(self, request: Request) -> _Workload | None:
        """Whose attempt calls; None: it is no attempt, or is gone."""
        if request.attempt_uid is None:
            return None
        lane = lane_of(request.attempt_uid)
        return await self._runtime.store.read(lambda tx: _workload_of(tx, lane))

    def _account(self, workload: _Workload | None) -> str:
        declared = "" if workload is None else workload.account
        return declared if "@" in declared else self._runtime.credentials.default_account

    def _place(self, workload: _Workload | None) -> tuple[str, str]:
        settings = self._runtime.settings
        if workload is None:
            return settings.project, settings.location
        return workload.project, workload.location

    def _instance_id(self, request: Request) -> str:
        who = request.attempt_uid or self._runtime.settings.directory.name
        return hashlib.sha256(who.encode()).hexdigest()

    def _tree(self, request: Request, workload: _Workload | None, account: str) -> Tree:
        """All that does not have to be made."""
        project, region = self._place(workload)
        number = project_number(project)
        of_account: Tree = {"aliases": ["default"], "email": account, "scopes": [CLOUD_PLATFORM]}
        return {
            "instance": {
                "id": self._instance_id(request),
                "region": f"projects/{number}/regions/{region}",
                "service-accounts": {"default": of_account, account: of_account},
                "zone": f"projects/{number}/zones/{region}-1",
            },
            "project": {"numeric-project-id": number, "project-id": project},
            "universe": {"universe-domain": "googleapis.com"},
        }

    async def _made(self, what: str, request: Request, account: str, workload: _Workload | None) -> Response:
        """A token of the account. Raises PermissionDenied (it is disabled), InvalidArgument."""
        fields = request.query_fields()
        try:
            if what == "token":
                return await self._access_token(fields, account)
            return await self._id_token(fields, request, account, workload)
        except FailedPrecondition as error:
            raise PermissionDenied(error.message) from error

    async def _id_token(
        self, fields: Mapping[str, str], request: Request, account: str, workload: _Workload | None
    ) -> Response:
        audience = fields.get("audience", "")
        if not 0 < len(audience) <= limits.AUDIENCE_MAX_CHARS:
            raise InvalidArgument("non-empty audience parameter required")
        if fields.get("format", "standard").lower() not in _FORMATS:
            raise InvalidArgument(f"format must be one of {', '.join(_FORMATS)}")
        is_full = fields.get("format", "").lower() == "full"
        extra = self._instance_claims(request, workload) if is_full else None
        text = await self._runtime.credentials.id_token(account, audience, extra)
        return text_response(text, content_type=_TEXT_TYPE)

    async def _access_token(self, fields: Mapping[str, str], account: str) -> Response:
        scopes = tuple(dict.fromkeys(fields.get("scopes", "").replace(",", " ").split())) or (CLOUD_PLATFORM,)
        if len(scopes) > limits.SCOPES_MAX:
            raise InvalidArgument(f"at most {limits.SCOPES_MAX} scopes can be asked for")
        issued = await self._runtime.credentials.kept_access_token(account, scopes)
        left_s = int(issued.expires_s - self._runtime.clock.now_s())
        return json_response({"access_token": issued.text, "expires_in": left_s, "token_type": "Bearer"})

    def _instance_claims(self, request: Request, workload: _Workload | None) -> Mapping[str, object]:
        project, region = self._place(workload)
        engine = {
            "instance_id": self._instance_id(request),
            "instance_name": "" if workload is None else workload.name,
            "project_id": project,
            "project_number": int(project_number(project)),
            "zone": f"{region}-1",
        }
        return {"google": {"compute_engine": engine}}


def _flavoured(response: Response) -> Response:
    response.headers += _HEADERS
    return response


def _missing(path: list[str]) -> NotFound:
    return NotFound(f"The metadata path {'/'.join(path)[:200]!r} does not exist here.")


def _shown(tree: Tree, path: list[str], request: Request) -> Response:
    """What stands at a path, in the form that the query asks for. Raises NotFound, InvalidArgument."""
    form = request.query_fields().get("alt", "")
    if form not in ("", "json", "text"):
        raise InvalidArgument("alt must be json or text")
    found: Tree | str | list[str] = tree
    for part in path:
        # `universe_domain` is how some clients spell it.
        part = part.replace("_", "-") if part == "universe_domain" else part
        if not isinstance(found, Mapping) or part not in found:
            raise _missing(path)
        found = found[part]
    if isinstance(found, Mapping):
        if flag(request, "recursive"):
            return (
                text_response(_flat(found), content_type=_TEXT_TYPE) if form == "text" else json_response(_json(found))
            )
        if form == "json":
            return json_response(_json(found))
        names = [name + "/" if isinstance(value, Mapping) else name for name, value in found.items()]
        names += sorted(_MADE) if "email" in found else []
        return text_response("".join(f"{name}\n" for name in sorted(names)), content_type=_TEXT_TYPE)
    if form == "json":
        return json_response(found)
    text = found if isinstance(found, str) else "".join(f"{item}\n" for item in found)
    return text_response(text, content_type=_TEXT_TYPE)


def _json(found: Tree) -> dict[str, object]:
    """A directory as an object; its names in camelCase, but for addresses."""
    return {
        name if "@" in name else _camel(name): _json(value) if isinstance(value, Mapping) else value
        for name, value in found.items()
    }


def _camel(name: str) -> str:
    head, *rest = name.split("-")
    return head + "".join(part.capitalize() for part in rest)


def _flat(found: Tree, prefix: str = "") -> str:
    """A directory as lines `path value`."""
    lines: list[str] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            lines.append(_flat(value, f"{prefix}{name}/"))
        else:
            shown = value if isinstance(value, str) else " ".join(value)
            lines.append(f"{prefix}{name} {shown}\n")
    return "".join(lines)
