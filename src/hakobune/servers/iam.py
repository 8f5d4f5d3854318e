"""IAM policies of jobs and workflows: kept and given back, with etags. The auth mode says whether they count."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import cast

from hakobune.core.errors import Aborted, InvalidArgument, NotFound
from hakobune.core.names import JobName, WorkflowName
from hakobune.runtime.app import Runtime
from hakobune.runtime.jobs import missing
from hakobune.runtime.wheel import Turn
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.query import number, only
from hakobune.servers.run_v2 import body_of, job_name
from hakobune.servers.workflows_v1 import workflow_name
from hakobune.store.api import ReadTx, WriteTx
from hakobune.wire.iam_v1 import EMPTY_POLICY, PolicyRequest, permissions_from_json, policy_request_from_json

_VERSIONS = (0, 1, 3)

Resource = JobName | WorkflowName


class Iam:
    """The three IAM methods, of jobs under v1 and v2, of workflows under v1."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for base in ("/v1/{}/jobs/{{job}}", "/v2/{}/jobs/{{job}}", "/v1/{}/workflows/{{workflow}}"):
            resource = base.format("projects/{project}/locations/{location}")
            version_field = "options.requestedPolicyVersion optionsRequestedPolicyVersion"
            router.add("GET", resource + ":getIamPolicy", only(version_field, self.get))
            router.add("POST", resource + ":setIamPolicy", only("", self.set))
            router.add("POST", resource + ":testIamPermissions", only("", self.test))

    async def get(self, request: Request) -> Response:
        """The policy, empty at first."""
        name = _resource(request)
        if number(request, "options.requestedPolicyVersion") not in _VERSIONS:
            raise InvalidArgument("options.requestedPolicyVersion: must be 0, 1 or 3.")
        stored = await self._runtime.store.read(lambda tx: _stored(tx, name))
        return json_response(json.loads(stored) if stored else EMPTY_POLICY)

    async def set(self, request: Request) -> Response:
        """Replace the policy, unless it was changed since it was read."""
        name = _resource(request)
        wanted = policy_request_from_json(await body_of(request))
        return json_response(await self._runtime.wheel.turn(lambda turn: _replace(turn, name, wanted)))

    async def test(self, request: Request) -> Response:
        """Everyone may do everything here: the permissions come back as they were asked for."""
        name = _resource(request)
        await self._runtime.store.read(lambda tx: _stored(tx, name))
        permissions = permissions_from_json(await body_of(request))
        bad = [permission for permission in permissions if "*" in permission]
        if bad:
            raise InvalidArgument(f"Permission {bad[0][:100]!r} holds a wildcard.")
        return tested(permissions)


def tested(permissions: Sequence[str]) -> Response:
    """The answer to a test of permissions: all of them are held."""
    return json_response({"permissions": list(permissions)} if permissions else {})


def _resource(request: Request) -> Resource:
    return job_name(request) if "job" in request.parameters else workflow_name(request)


def _stored(tx: ReadTx | WriteTx, name: Resource) -> str | None:
    """The policy of a resource, None if it was never set. Raises NotFound for a resource that is not there."""
    if isinstance(name, JobName):
        if tx.jobs.find_job(name) is None:
            raise missing("JOB", name)
    elif tx.workflows.find_workflow(name) is None:
        raise NotFound(f"Workflow '{name}' does not exist.")
    return tx.policy(str(name))


def _replace(turn: Turn, name: Resource, wanted: PolicyRequest) -> dict[str, object]:
    stored = _stored(turn.tx, name)
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
