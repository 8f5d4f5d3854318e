"""Who may call a service: the check of an ID token and of its audience, where the service asks for it.

A service asks for it unless everybody may invoke it by its policy (`allUsers` is a `roles/run.invoker`), or the check
is off (`invokerIamDisabled`). By default (`--auth=none`) a request without a token is served all the same; a token that
is there must be good. Source: https://cloud.google.com/run/docs/authenticating/service-to-service,
…/docs/configuring/custom-audiences. (docs/decisions/0020)
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import cast

from hakobune.core.errors import Unauthenticated
from hakobune.core.identity import roles
from hakobune.core.services.addresses import PROXY_PREFIX, address_of, labelled, place_of
from hakobune.core.services.model import Resident
from hakobune.core.services.names import ResidentName
from hakobune.runtime.credentials import Credentials
from hakobune.runtime.credentials_guard import Guard
from hakobune.runtime.settings import Auth
from hakobune.servers.hosts import is_loopback
from hakobune.servers.http.messages import Request

_PERMISSION = "run.routes.invoke"
_ANYONE = "a stranger"  # is a member of nothing but allUsers
_OWN = "x-serverless-authorization"  # leaves Authorization to the service's own use
_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"

Find = Callable[[str, str], ResidentName | None]  # (label, location or "") → service
Policy = Callable[[str], Awaitable[str | None]]  # of a resource, as it is stored


class Invokers:
    """Checks callers of services."""

    def __init__(
        self, policy: Policy, credentials: Credentials, guard: Guard, find: Find, *, auth: Auth, port: int
    ) -> None:
        self._policy = policy
        self._credentials = credentials
        self._guard = guard
        self._find = find
        self._auth = auth
        self._port = port

    async def check(self, request: Request, resident: Resident) -> dict[str, str | None]:
        """Headers that the service gets with other values: the token of a service with a policy, which was checked
        here, is worth nothing elsewhere.
        Raises Unauthenticated (no token, or no good one), PermissionDenied (the caller may not)."""
        header = _OWN if _OWN in request.headers else "authorization"
        token = _bearer(request.headers.get(header, ""))
        if not token and self._auth is Auth.NONE:
            return {}
        policy = await self._policy(str(resident.name))
        if resident.invoker_iam_disabled or _is_for_all(policy):
            return {}
        if not token:
            raise Unauthenticated("The service asks for an ID token: send Authorization: Bearer.")
        found = await self._credentials.known(token)
        if not self._is_audience(found.audience, resident):
            raise Unauthenticated(f"The token is meant for {found.audience[:200]!r}, and not for this service.")
        await self._guard.check(found.account, _PERMISSION, str(resident.name))
        if policy is None and self._auth is Auth.NONE:  # nobody has said who may call: it may look itself
            return {}
        return {header: f"Bearer {token.rpartition('.')[0]}.{_REMOVED}"}

    def _is_audience(self, audience: str, resident: Resident) -> bool:
        """Whether an audience names the service: one of its own, or a URL of it, with or without a path: who calls a
        URL without a word of the audience means that URL."""
        if audience in resident.custom_audiences:
            return True
        place = place_of(audience)
        if place is None:
            return False
        address = address_of(place.host)
        if address is not None:
            return self._find(address.label, address.location) == resident.name
        if not is_loopback(place.host):
            return False
        if place.port == resident.port and resident.port:
            return True
        if place.port == self._port and place.path.startswith(PROXY_PREFIX):
            label = place.path.removeprefix(PROXY_PREFIX).partition("/")[0]
            return self._find(labelled(label).label, "") == resident.name
        return False


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _is_for_all(stored: str | None) -> bool:
    """Whether everybody, known or not, has the permission by a policy."""
    policy = cast("dict[str, object]", json.loads(stored)) if stored else {}
    bindings = policy.get("bindings")
    if not isinstance(bindings, list):
        return False
    for_all = [
        cast("dict[str, object]", binding)
        for binding in cast("list[object]", bindings)
        if isinstance(binding, dict) and "allUsers" in _members(cast("dict[str, object]", binding))
    ]
    return bool(roles.held([{"bindings": for_all}], _ANYONE, [_PERMISSION]))


def _members(binding: dict[str, object]) -> list[object]:
    members = binding.get("members")
    return cast("list[object]", members) if isinstance(members, list) else []
