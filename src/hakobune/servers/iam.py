"""IAM policies of all kinds of resources: kept and given back, with etags. Whether they count: `iam_rules`."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import partial
from typing import cast

from hakobune.core.errors import Aborted, InvalidArgument
from hakobune.runtime.app import Runtime
from hakobune.runtime.wheel import Turn
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Router
from hakobune.servers.iam_kinds import KINDS, Kind
from hakobune.servers.query import number, only
from hakobune.servers.run_v2 import body_of
from hakobune.store.api import ReadTx
from hakobune.wire.iam_v1 import (
    EMPTY_POLICY,
    PolicyRequest,
    permissions_from_json,
    policy_request_from_json,
    policy_version_from_json,
)

_VERSIONS = (0, 1, 3)
_VERSION_FIELD = "options.requestedPolicyVersion"


class Iam:
    """The three IAM methods of all kinds."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for kind in KINDS:
            for path in kind.paths:
                fields = f"{_VERSION_FIELD} optionsRequestedPolicyVersion"
                router.add("GET", path + ":getIamPolicy", only(fields, partial(self.get, kind)))
                router.add("POST", path + ":getIamPolicy", only(fields, partial(self.get, kind)))
                router.add("POST", path + ":setIamPolicy", only("", partial(self.set, kind)))
                router.add("POST", path + ":testIamPermissions", only("", partial(self.test, kind)))

    async def get(self, kind: Kind, request: Request) -> Response:
        """The policy, empty at first. Projects and service accounts are asked by POST, the others by GET."""
        version = number(request, _VERSION_FIELD)
        if request.method == "POST":
            version = policy_version_from_json(await body_of(request))
        if version not in _VERSIONS:
            raise InvalidArgument(f"{_VERSION_FIELD}: must be 0, 1 or 3.")

        def unit(tx: ReadTx) -> str | None:
            return tx.policy(kind.find(tx, request.parameters, now_s))

        now_s = self._runtime.clock.now_s()
        stored = await self._runtime.store.read(unit)
        return json_response(json.loads(stored) if stored else EMPTY_POLICY)

    async def set(self, kind: Kind, request: Request) -> Response:
        """Replace the policy, unless it was changed since it was read."""
        wanted = policy_request_from_json(await body_of(request))

        def unit(turn: Turn) -> dict[str, object]:
            return _replace(turn, kind.find(turn.tx, request.parameters, turn.now_s), wanted)

        return json_response(await self._runtime.wheel.turn(unit))

    async def test(self, kind: Kind, request: Request) -> Response:
        """Those of the permissions that the caller has."""
        now_s = self._runtime.clock.now_s()
        if kind.name is None:
            name = await self._runtime.store.read(lambda tx: kind.find(tx, request.parameters, now_s))
        else:
            name = kind.name(request.parameters)
        permissions = permissions_from_json(await body_of(request))
        bad = [permission for permission in permissions if "*" in permission]
        if bad:
            raise InvalidArgument(f"Permission {bad[0][:100]!r} holds a wildcard.")
        found = await self._runtime.guard.held(request.account, permissions, name)
        return json_response({"permissions": found} if found else {})


def _replace(turn: Turn, name: str, wanted: PolicyRequest) -> dict[str, object]:
    stored = turn.tx.policy(name)
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
    digest = hashlib.sha256(f"{turn.tx.seq} {json.dumps(policy, sort_keys=True)}".encode()).hexdigest()
    # An etag is bytes, and gcloud sends it back in the other alphabet: texts look the same in both.
    policy["etag"] = base64.b64encode(digest[:12].encode()).decode()
    turn.tx.set_policy(name, json.dumps(policy))
    return policy
