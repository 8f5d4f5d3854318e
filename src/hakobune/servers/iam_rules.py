"""Which permission a call needs, when policies are enforced: a table of calls. (docs/decisions/0020)

A call that is not in the table and changes something needs an editor of its project; one that only reads needs no more
than a good token. Cloud Storage has rules of its own: `storage_rules`. Calls over gRPC that do not come as REST ask the
guard themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hakobune.core.errors import NotFound
from hakobune.core.objects.names import RESERVED_BUCKETS
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, decode_segment
from hakobune.servers.http.router import MethodNotAllowed, Router
from hakobune.servers.iam_deputies import account_resource
from hakobune.servers.iam_kinds import KINDS
from hakobune.servers.run_v1_residents import KNATIVE, REGIONAL
from hakobune.servers.storage_rules import Need, json_needs, xml_needs
from hakobune.store.api import ReadTx

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_READING_VERBS = (":getIamPolicy", ":testIamPermissions", "/entries:list", ":batchGet")
_EDIT = "resourcemanager.projects.edit"  # ours: what owners and editors have, and no other role
_LOCATION = "projects/{project}/locations/{location}"

# method, path, permission, resource
_RULES: tuple[tuple[str, str, str, str], ...] = (
    # Of callers that are not on this machine: what the metadata server hands out is the owner's.
    ("GET", "/computeMetadata/v1/{path*}", "iam.serviceAccounts.getAccessToken", "projects/_/serviceAccounts/-"),
    ("POST", f"/v2/{_LOCATION}/jobs/{{job}}:run", "run.jobs.run", f"{_LOCATION}/jobs/{{job}}"),
    (
        "POST",
        "/apis/run.googleapis.com/v1/namespaces/{project}/jobs/{job}:run",
        "run.jobs.run",
        f"{_LOCATION}/jobs/{{job}}",
    ),
    *(
        (method, path, f"run.{noun}.{verb}", resource)
        for collection, noun in (("services", "services"), ("workerPools", "workerpools"))
        for method, path, verb, resource in (
            ("POST", f"/v2/{_LOCATION}/{collection}", "create", _LOCATION),
            *(
                (method, f"/v2/{_LOCATION}/{collection}/{{resident}}", verb, f"{_LOCATION}/{collection}/{{resident}}")
                for method, verb in (("PATCH", "update"), ("DELETE", "delete"))
            ),
        )
    ),
    *(
        (
            "DELETE",
            f"/v2/{_LOCATION}/{collection}/{{resident}}/revisions/{{revision}}",
            "run.revisions.delete",
            f"{_LOCATION}/{collection}/{{resident}}",
        )
        for collection in ("services", "workerPools")
    ),
    *(
        (method, f"{base}/{path}", f"run.{permission}", resource)
        for base in (KNATIVE, REGIONAL)
        for method, path, permission, resource in (
            ("POST", "services", "services.create", _LOCATION),
            ("PUT", "services/{resident}", "services.update", f"{_LOCATION}/services/{{resident}}"),
            ("DELETE", "services/{resident}", "services.delete", f"{_LOCATION}/services/{{resident}}"),
            ("DELETE", "revisions/{revision}", "revisions.delete", _LOCATION),
        )
    ),
    *(
        (
            method,
            f"/apis/run.googleapis.com/v1/namespaces/{{project}}/workerpools{path}",
            f"run.workerpools.{verb}",
            resource,
        )
        for method, path, verb, resource in (
            ("POST", "", "create", _LOCATION),
            ("PUT", "/{resident}", "update", f"{_LOCATION}/workerPools/{{resident}}"),
            ("DELETE", "/{resident}", "delete", f"{_LOCATION}/workerPools/{{resident}}"),
        )
    ),
    # Schedules have no policies of their own: a job of Cloud Run may bear the same name.
    *(
        (method, f"/v1/{_LOCATION}/jobs{path}", f"cloudscheduler.jobs.{verb}", _LOCATION)
        for method, path, verb in (
            ("POST", "", "create"),
            ("PATCH", "/{job}", "update"),
            ("DELETE", "/{job}", "delete"),
            ("POST", "/{job}:pause", "pause"),
            ("POST", "/{job}:resume", "enable"),
            ("POST", "/{job}:run", "run"),
        )
    ),
    ("POST", f"/v1/{_LOCATION}/triggers", "eventarc.triggers.create", _LOCATION),
    ("POST", f"/v1/{_LOCATION}/channels", "eventarc.channels.create", _LOCATION),
    *(
        (method, f"/v1/{_LOCATION}/{path}", f"eventarc.{permission}", f"{_LOCATION}/{resource}")
        for method, path, permission, resource in (
            ("PATCH", "triggers/{trigger}", "triggers.update", "triggers/{trigger}"),
            ("DELETE", "triggers/{trigger}", "triggers.delete", "triggers/{trigger}"),
            ("POST", "triggers/{trigger}/events/{event}:redeliver", "triggers.update", "triggers/{trigger}"),
            ("PATCH", "channels/{channel}", "channels.update", "channels/{channel}"),
            ("DELETE", "channels/{channel}", "channels.delete", "channels/{channel}"),
            ("POST", "channels/{channel}:publishEvents", "channels.publish", "channels/{channel}"),
        )
    ),
    (
        "POST",
        f"/v1/{_LOCATION}/workflows/{{workflow}}/executions",
        "workflows.executions.create",
        f"{_LOCATION}/workflows/{{workflow}}",
    ),
    (
        "POST",
        "/v1/projects/{project}/topics/{topic}:publish",
        "pubsub.topics.publish",
        "projects/{project}/topics/{topic}",
    ),
    *(
        (
            "POST",
            f"/v1/projects/{{project}}/subscriptions/{{subscription}}:{verb}",
            "pubsub.subscriptions.consume",
            "projects/{project}/subscriptions/{subscription}",
        )
        for verb in ("pull", "acknowledge", "modifyAckDeadline")
    ),
    *(
        (
            method,
            f"/v1/projects/{{project}}/secrets/{{secret}}{path}",
            permission,
            "projects/{project}/secrets/{secret}",
        )
        for method, path, permission in (
            ("GET", "/versions/{version}:access", "secretmanager.versions.access"),
            ("POST", ":addVersion", "secretmanager.versions.add"),
            ("POST", "/versions/{version}:enable", "secretmanager.versions.enable"),
            ("POST", "/versions/{version}:disable", "secretmanager.versions.disable"),
            ("POST", "/versions/{version}:destroy", "secretmanager.versions.destroy"),
        )
    ),
    *(
        (
            "POST",
            f"/v1/projects/{{project}}/serviceAccounts/{{account}}{path}",
            f"iam.{permission}",
            "projects/{project}/serviceAccounts/{account}",
        )
        for path, permission in (
            (":generateAccessToken", "serviceAccounts.getAccessToken"),
            (":generateIdToken", "serviceAccounts.getOpenIdToken"),
            (":signBlob", "serviceAccounts.signBlob"),
            (":signJwt", "serviceAccounts.signJwt"),
            ("/keys", "serviceAccountKeys.create"),
        )
    ),
)


class Rules:
    """Asks the guard before a handler is asked."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._guard = runtime.guard
        self._table = Router()
        for method, path, permission, resource in _RULES:
            self._table.add(method, path, partial(self._ask, permission, resource))
        for kind in KINDS:
            for path in kind.paths:
                self._table.add("POST", path + ":setIamPolicy", partial(self._ask, kind.setting, _resource(path)))

    async def check(self, request: Request, xml_bucket: str | None) -> None:
        """Whether the caller may do this. `xml_bucket`: not None for the XML API of Cloud Storage, whose bucket stands
        in front of the host or ("") in the path. Raises PermissionDenied."""
        if not self._guard.is_enforced:
            return
        if xml_bucket is None:
            xml_bucket = await self._bucket_in_path(request)
        if xml_bucket is not None:
            await self._meet(request.account, xml_needs(request, xml_bucket, self._runtime.settings.project))
            return
        needs = json_needs(request)
        if needs is not None:
            await self._meet(request.account, needs)
        else:
            await self._check_others(request)

    async def _bucket_in_path(self, request: Request) -> str | None:
        """ "" if a path on a name of ours is one of the XML API: it begins with a bucket that is there."""
        bucket = decode_segment(request.path.lstrip("/").partition("/")[0])
        if bucket.lower() in RESERVED_BUCKETS:
            return None
        return await self._runtime.store.read(lambda tx: None if tx.objects.find_bucket(bucket) is None else "")

    async def _meet(self, account: str, needs: Sequence[Need]) -> None:
        for need in needs:
            resource, project = f"projects/{need.project or '_'}", ""
            if need.bucket:
                resource = f"buckets/{need.bucket}"
                project = await self._runtime.store.read(partial(_project_of_bucket, need.bucket))
            await self._guard.check(account, need.permission, resource, project)

    async def _check_others(self, request: Request) -> None:
        try:
            await self._table(request)
        except (NotFound, MethodNotAllowed):
            is_read = request.method in _READS or (request.method == "POST" and request.path.endswith(_READING_VERBS))
            if not is_read:
                await self._guard.check(request.account, _EDIT, _project(request.path))

    async def _ask(self, permission: str, resource: str, request: Request) -> Response:
        found = {"location": request.region or self._runtime.settings.location, **request.parameters}
        name = resource.format_map(found)
        if "account" in found:
            name = await self._runtime.store.read(partial(account_resource, found["account"], ""))
        await self._guard.check(request.account, permission, name)
        return Response()


def _resource(path: str) -> str:
    """The name of the resource at a REST path: what stands behind the version."""
    return path.split("/", 2)[2]


def _project_of_bucket(bucket: str, tx: ReadTx) -> str:
    found = tx.objects.find_bucket(bucket)
    return "" if found is None else found.project


def _project(path: str) -> str:
    """`projects/P` of whatever lies at a path; a resource that nobody has a policy for if the path names none."""
    segments = path.split("/")
    for place, segment in enumerate(segments[:-1]):
        if segment in ("projects", "namespaces"):
            return f"projects/{segments[place + 1].partition(':')[0]}"
    return "projects/_"
