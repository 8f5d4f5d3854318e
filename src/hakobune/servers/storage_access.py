"""Cloud Storage JSON API v1: IAM policies of buckets, and access lists. They are kept and given back; the auth mode of
the runtime says who may call.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from hakobune.core.objects.failures import ConditionNotMet, NotOffered, no_bucket
from hakobune.core.objects.model import Bucket, BucketSettings, ObjectMetadata
from hakobune.runtime.app import Runtime
from hakobune.runtime.wheel import Turn
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import MethodNotAllowed, Router
from hakobune.servers.storage_answers import answer, json_of, nothing, source_of
from hakobune.store.api import ReadTx, WriteTx
from hakobune.wire.storage_v1_access import (
    AclKind,
    default_policy,
    entries_of,
    entries_to_json,
    entry_from_json,
    entry_to_json,
    found_entry,
    policy_from_json,
    policy_to_json,
    stored_policy,
    tested_to_json,
    with_entries,
    with_entry,
    without_entity,
)
from hakobune.wire.storage_v1_reading import Json

_BUCKET = "/storage/v1/b/{bucket}"
_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")

Edit = Callable[[Sequence[Json]], list[Json]]


class StorageAccess:
    """Handlers over the objects room and the store's policies."""

    def __init__(self, runtime: Runtime) -> None:
        self._objects = runtime.objects
        self._store = runtime.store
        self._wheel = runtime.wheel
        self._guard = runtime.guard

    def routes(self, router: Router) -> None:
        """Register the paths of buckets; those of objects come through `StorageObjects`."""
        router.add("GET", _BUCKET + "/iam", self.policy)
        router.add("PUT", _BUCKET + "/iam", self.set_policy)
        router.add("GET", _BUCKET + "/iam/testPermissions", self.test_permissions)
        for kind in AclKind:
            for verb in _VERBS:
                router.add(verb, f"{_BUCKET}/{kind.value}", partial(self.bucket_acl, kind))
                router.add(verb, f"{_BUCKET}/{kind.value}/{{entity}}", partial(self.bucket_acl, kind))

    # -- policies -----------------------------------------------------------------------------------------------

    async def policy(self, request: Request) -> Response:
        """The policy of a bucket."""
        name = request.parameters["bucket"]
        found = await self._store.read(partial(_policy, name))
        return answer(request, policy_to_json(found, name))

    async def set_policy(self, request: Request) -> Response:
        """Replace the policy, unless it was changed since it was read."""
        name = request.parameters["bucket"]
        wanted = policy_from_json(await json_of(request))

        def unit(turn: Turn) -> Json:
            old = _policy(name, turn.tx)
            if wanted["etag"] and wanted["etag"] != old.get("etag"):
                raise ConditionNotMet("The policy was changed since it was read (its etag differs): read it again.")
            policy = {"version": wanted["version"], "bindings": wanted["bindings"]}
            digest = hashlib.sha256(f"{turn.tx.seq} {json.dumps(policy, sort_keys=True)}".encode()).hexdigest()
            # An etag is bytes, and gcloud sends it back in the other alphabet: texts look the same in both.
            policy["etag"] = base64.b64encode(digest[:12].encode()).decode()
            turn.tx.set_policy(_resource(name), json.dumps(policy))
            return policy

        return answer(request, policy_to_json(await self._wheel.turn(unit), name))

    async def test_permissions(self, request: Request) -> Response:
        """Which of these permissions the caller has."""
        bucket = await self._objects.buckets.get(request.parameters["bucket"])
        permissions = request.query_values("permissions")
        found = await self._guard.held(request.account, permissions, _resource(bucket.name), bucket.project)
        return answer(request, tested_to_json(found))

    async def object_policy(self, request: Request) -> Response:
        """Objects have no policies of their own here."""
        raise NotOffered(f"IAM policies of objects: not supported by this version of hakobune ({request.method}).")

    # -- access lists -------------------------------------------------------------------------------------------

    async def bucket_acl(self, kind: AclKind, request: Request) -> Response:
        """An access list of a bucket."""
        bucket = request.parameters["bucket"]
        resource = "objectAccessControl" if kind is AclKind.DEFAULT_OBJECT else "bucketAccessControl"
        place = {"bucket": bucket}

        async def changed(edit: Edit) -> list[Json]:
            def change(old: BucketSettings) -> BucketSettings:
                return replace(old, extra=with_entries(old.extra, kind, edit(entries_of(old.extra, kind))))

            return entries_of((await self._objects.buckets.change(bucket, change)).settings.extra, kind)

        async def read() -> list[Json]:
            return entries_of((await self._objects.buckets.get(bucket)).settings.extra, kind)

        return await _Acl(request, resource, place, read, changed).answer()

    async def object_acl(self, request: Request) -> Response:
        """The access list of an object."""
        source = source_of(request)
        place = {"bucket": source.bucket, "object": source.name}

        async def changed(edit: Edit) -> list[Json]:
            def change(old: ObjectMetadata) -> ObjectMetadata:
                entries = edit(entries_of(old.extra, AclKind.ACL))
                return replace(old, extra=with_entries(old.extra, AclKind.ACL, entries))

            return entries_of((await self._objects.changes.change(source, change)).metadata.extra, AclKind.ACL)

        async def read() -> list[Json]:
            return entries_of((await self._objects.questions.get(source)).metadata.extra, AclKind.ACL)

        return await _Acl(request, "objectAccessControl", place, read, changed).answer()


class _Acl:
    """One request to one access list, whosever it is."""

    def __init__(
        self,
        request: Request,
        resource: str,
        place: dict[str, str],
        read: Callable[[], Awaitable[list[Json]]],
        changed: Callable[[Edit], Awaitable[list[Json]]],
    ) -> None:
        self._request = request
        self._resource = resource
        self._place = place
        self._read = read
        self._changed = changed

    async def answer(self) -> Response:
        request = self._request
        entity = request.parameters.get("entity", "")
        match (request.method, bool(entity)):
            case ("GET" | "HEAD", False):
                return answer(request, entries_to_json(await self._read(), self._resource, self._place))
            case ("GET" | "HEAD", True):
                return self._entry(found_entry(await self._read(), entity))
            case ("POST", False) | ("PUT" | "PATCH", True):
                entry = entry_from_json(await json_of(request), entity)
                await self._changed(lambda entries: with_entry(entries, entry))
                return self._entry(entry)
            case ("DELETE", True):
                await self._changed(lambda entries: without_entity(entries, entity))
                return nothing()
            case _:
                raise MethodNotAllowed(f"{request.method} is not allowed on this access list.", "GET")

    def _entry(self, entry: Json) -> Response:
        return answer(self._request, entry_to_json(entry, self._resource, self._place))


def _resource(bucket: str) -> str:
    return f"buckets/{bucket}"


def _policy(name: str, tx: ReadTx | WriteTx) -> Json:
    found: Bucket | None = tx.objects.find_bucket(name)
    if found is None:
        raise no_bucket()
    stored = tx.policy(_resource(name))
    return default_policy(found) if stored is None else stored_policy(json.loads(stored))
