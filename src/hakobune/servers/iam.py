"""IAM policies of jobs: kept and given back, with etags. Whether they are enforced is the auth mode's business."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import cast

from hakobune.core.errors import Aborted, InvalidArgument
from hakobune.core.names import JobName
from hakobune.runtime.app import Runtime
from hakobune.runtime.wheel import Turn
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.query import number, only
from hakobune.servers.run_v2 import body_of, job_name
from hakobune.wire.iam_v1 import EMPTY_POLICY, PolicyRequest, permissions_from_json, policy_request_from_json

_VERSIONS = (0, 1, 3)


class Iam:
    """The three IAM methods of jobs, under v1 and v2."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for version in ("v1", "v2"):
            job = f"/{version}/projects/{{project}}/locations/{{location}}/jobs/{{job}}"
            version_field = "options.requestedPolicyVersion optionsRequestedPolicyVersion"
            router.add("GET", job + ":getIamPolicy", only(version_field, self.get))
            router.add("POST", job + ":setIamPolicy", only("", self.set))
            router.add("POST", job + ":testIamPermissions", only("", self.test))

    async def get(self, request: Request) -> Response:
        """The policy, empty at first."""
        name = job_name(request)
        if number(request, "options.requestedPolicyVersion") not in _VERSIONS:
            raise InvalidArgument("options.requestedPolicyVersion: must be 0, 1 or 3.")
        await self._runtime.jobs.get(name)
        stored = await self._runtime.store.read(lambda tx: tx.policy(str(name)))
        return json_response(json.loads(stored) if stored else EMPTY_POLICY)

    async def set(self, request: Request) -> Response:
        """Replace the policy, unless it was changed since it was read."""
        name = job_name(request)
        wanted = policy_request_from_json(await body_of(request))
        await self._runtime.jobs.get(name)
        return json_response(await self._runtime.wheel.turn(lambda turn: _replace(turn, name, wanted)))

    async def test(self, request: Request) -> Response:
        """Everyone may do everything here: the permissions come back as they were asked for."""
        await self._runtime.jobs.get(job_name(request))
        permissions = permissions_from_json(await body_of(request))
        bad = [permission for permission in permissions if "*" in permission]
        if bad:
            raise InvalidArgument(f"Permission {bad[0][:100]!r} holds a wildcard.")
        return tested(permissions)


def tested(permissions: Sequence[str]) -> Response:
    """The answer to a test of permissions: all of them are held."""
    return json_response({"permissions": list(permissions)} if permissions else {})


def _replace(turn: Turn, name: JobName, wanted: PolicyRequest) -> dict[str, object]:
    stored = turn.tx.policy(str(name))
    old = cast("dict[str, object]", json.loads(stored)) if stored else dict(EMPTY_POLICY)
    if wanted.etag and wanted.etag != old.get("etag"):
        raise Aborted("The policy was changed since it was read (its etag differs): read it again.")
    bindings = old.get("bindings", []) if wanted.bindings is None else wanted.bindings
    audits = old.get("auditConfigs", []) if wanted.audit_configs is None else wanted.audit_configs
    policy: dict[str, object] = {"version": wanted.version}
    if bindings:
        policy["bindings"] = bindings
    if audits:
        policy["auditConfigs"] = audits
    digest = hashlib.sha256(f"{turn.tx.seq} {json.dumps(policy, sort_keys=True)}".encode()).digest()
    policy["etag"] = base64.b64encode(digest[:9]).decode()
    turn.tx.set_policy(str(name), json.dumps(policy))
    return policy
