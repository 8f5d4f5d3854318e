"""Which permission a call needs, when policies are enforced: a table of calls. (docs/decisions/0020)

A call that is not in the table and changes something needs an editor of its project; one that only reads needs no more
than a good token. Calls over gRPC that do not come as REST ask the guard themselves.
"""

from __future__ import annotations

from functools import partial

from hakobune.core.errors import NotFound
from hakobune.core.identity.accounts import project_of_email
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response
from hakobune.servers.http.router import MethodNotAllowed, Router
from hakobune.servers.iam_kinds import KINDS
from hakobune.store.api import ReadTx

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_READING_VERBS = (":getIamPolicy", ":testIamPermissions", "/entries:list", ":batchGet")
_EDIT = "resourcemanager.projects.edit"  # ours: what owners and editors have, and no other role
_LOCATION = "projects/{project}/locations/{location}"
_BUCKET = "buckets/{bucket}"
_OBJECTS = "/storage/v1/b/{bucket}/o"

# method, path, permission, resource
_RULES: tuple[tuple[str, str, str, str], ...] = (
    ("POST", f"/v2/{_LOCATION}/jobs/{{job}}:run", "run.jobs.run", f"{_LOCATION}/jobs/{{job}}"),
    (
        "POST",
        "/apis/run.googleapis.com/v1/namespaces/{project}/jobs/{job}:run",
        "run.jobs.run",
        f"{_LOCATION}/jobs/{{job}}",
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
    ("GET", _OBJECTS, "storage.objects.list", _BUCKET),
    ("GET", _OBJECTS + "/{object}", "storage.objects.get", _BUCKET),
    ("GET", f"/download{_OBJECTS}/{{object}}", "storage.objects.get", _BUCKET),
    ("POST", f"/upload{_OBJECTS}", "storage.objects.create", _BUCKET),
    ("DELETE", _OBJECTS + "/{object}", "storage.objects.delete", _BUCKET),
    ("PATCH", _OBJECTS + "/{object}", "storage.objects.update", _BUCKET),
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
        if xml_bucket is not None:
            bucket = xml_bucket or request.path.lstrip("/").partition("/")[0]
            permission = "storage.objects.get" if request.method in _READS else "storage.objects.create"
            project = await self._runtime.store.read(partial(_project_of_bucket, bucket))
            await self._guard.check(request.account, permission, f"buckets/{bucket}", project)
            return
        try:
            await self._table(request)
        except (NotFound, MethodNotAllowed):
            if request.method not in _READS and not request.path.endswith(_READING_VERBS):
                await self._guard.check(request.account, _EDIT, _project(request.path))

    async def _ask(self, permission: str, resource: str, request: Request) -> Response:
        found = {"location": request.region or self._runtime.settings.location, **request.parameters}
        name, project = resource.format_map(found), ""
        if "bucket" in found:
            project = await self._runtime.store.read(partial(_project_of_bucket, found["bucket"]))
        elif "account" in found:
            name = await self._runtime.store.read(partial(_name_of_account, found["account"]))
        await self._guard.check(request.account, permission, name, project)
        return Response()


def _resource(path: str) -> str:
    """The name of the resource at a REST path: what stands behind the version."""
    return path.split("/", 2)[2]


def _project_of_bucket(bucket: str, tx: ReadTx) -> str:
    found = tx.objects.find_bucket(bucket)
    return "" if found is None else found.project


def _name_of_account(account: str, tx: ReadTx) -> str:
    """The full name of an account, created or not."""
    found = tx.identity.find_account(account)
    project = project_of_email(account) if found is None else found.project
    return f"projects/{project}/serviceAccounts/{account if found is None else found.email}"


def _project(path: str) -> str:
    """`projects/P` of whatever lies at a path; a resource that nobody has a policy for if the path names none."""
    segments = path.split("/")
    for place, segment in enumerate(segments[:-1]):
        if segment in ("projects", "namespaces"):
            return f"projects/{segments[place + 1].partition(':')[0]}"
    return "projects/_"
