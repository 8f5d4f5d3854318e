"""Which calls change something, and how the audit log names them: service, method and resource.

Methods of our gRPC port are named as there; Cloud Storage's and the old form of Cloud Run's have their own tables.
Source: https://cloud.google.com/logging/docs/audit/understanding-audit-logs and the lists of audited operations of each
product. The XML API of Cloud Storage and the messages of Pub/Sub leave no entries here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import cast

from hakobune.core.triggers.audit import AuditedCall
from hakobune.servers.grpc.methods import METHODS
from hakobune.servers.http.messages import Request, Response, decode_segment

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_JSON_MAX_BYTES = 4_000_000
_FIELD = re.compile(r"\{[a-z_.]+=([^}]*)\}")
# Methods that change nothing though they are no GET.
_READS = re.compile(r"/(?:Get|List|Test|Validate|Access|Wait|Pull|Generate|Sign)[A-Za-z]*\Z")

# Where a package is served.
_HOSTS = {
    "google.cloud.workflows.executions": "workflowexecutions",
    "google.cloud.workflows": "workflows",
    "google.cloud.run": "run",
    "google.cloud.scheduler": "cloudscheduler",
    "google.cloud.eventarc.publishing": "eventarcpublishing",
    "google.cloud.eventarc": "eventarc",
    "google.cloud.secretmanager": "secretmanager",
    "google.pubsub": "pubsub",
    "google.iam.admin": "iam",
}
_STORAGE = (
    ("POST", "/storage/v1/b", "storage.buckets.create"),
    ("PUT", "/storage/v1/b/*", "storage.buckets.update"),
    ("PATCH", "/storage/v1/b/*", "storage.buckets.update"),
    ("DELETE", "/storage/v1/b/*", "storage.buckets.delete"),
    ("POST", "/upload/storage/v1/b/*/o", "storage.objects.create"),
    ("PUT", "/upload/storage/v1/b/*/o", "storage.objects.create"),
    ("PUT", "/storage/v1/b/*/o/*", "storage.objects.update"),
    ("PATCH", "/storage/v1/b/*/o/*", "storage.objects.update"),
    ("DELETE", "/storage/v1/b/*/o/*", "storage.objects.delete"),
    ("POST", "/storage/v1/b/*/o/*/compose", "storage.objects.create"),
    ("POST", "/storage/v1/b/*/o/*/copyTo/b/*/o/*", "storage.objects.create"),
    ("POST", "/storage/v1/b/*/o/*/rewriteTo/b/*/o/*", "storage.objects.create"),
)
_RUN_V1 = "/apis/run.googleapis.com/v1/namespaces/*/jobs"
_OLD_RUN = (
    ("POST", _RUN_V1, "google.cloud.run.v1.Jobs.CreateJob"),
    ("PUT", f"{_RUN_V1}/*", "google.cloud.run.v1.Jobs.ReplaceJob"),
    ("DELETE", f"{_RUN_V1}/*", "google.cloud.run.v1.Jobs.DeleteJob"),
    ("POST", f"{_RUN_V1}/*:run", "google.cloud.run.v1.Jobs.RunJob"),
)


def audited(request: Request, response: Response) -> AuditedCall | None:
    """How the audit log names a call; None if it changed nothing, or is none that leaves an entry."""
    if request.method not in _WRITES or not 200 <= response.status < 300 or request.is_xml:
        return None
    for verb, pattern, host, method in _table():
        if verb == request.method and pattern.fullmatch(request.path):
            tree = _json(response)
            resource = _storage_resource(request, tree) if host == "storage" else _resource(request, tree)
            if not resource:
                return None
            return AuditedCall(
                service=f"{host}.googleapis.com", method=method, resource=resource, principal=request.account
            )
    return None


@cache
def _table() -> tuple[tuple[str, re.Pattern[str], str, str], ...]:
    return tuple(_rows())


def _rows() -> Iterator[tuple[str, re.Pattern[str], str, str]]:
    for name, method in METHODS.items():
        host = next((host for package, host in _HOSTS.items() if name.startswith(f"/{package}.")), "")
        if host and method.verb in _WRITES and not _READS.search(name):
            yield method.verb, _regex(_FIELD.sub(r"\1", method.path)), host, name.strip("/").replace("/", ".")
    for verb, path, name in _STORAGE:
        yield verb, _regex(path), "storage", name
    for verb, path, name in _OLD_RUN:
        yield verb, _regex(path), "run", name


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile("/?" + re.escape(pattern.lstrip("/")).replace(r"\*", "[^/]+"))


def _json(response: Response) -> dict[str, object]:
    if len(response.content) > _JSON_MAX_BYTES:
        return {}
    try:
        tree = json.loads(response.content or b"{}")
    except ValueError:
        return {}
    return cast("dict[str, object]", tree) if isinstance(tree, dict) else {}


def _storage_resource(request: Request, tree: dict[str, object]) -> str:
    """`projects/_/buckets/B`, with `/objects/O` for an object. "": nothing was made yet."""
    inner = tree.get("resource")
    shown = cast("dict[str, object]", inner) if isinstance(inner, dict) else tree
    if shown.get("kind") == "storage#object":
        return f"projects/_/buckets/{shown['bucket']}/objects/{shown['name']}"
    if shown.get("kind") == "storage#bucket":
        return f"projects/_/buckets/{shown['name']}"
    if request.method != "DELETE":
        return ""
    segments = [decode_segment(segment) for segment in request.path.strip("/").split("/")]
    bucket = f"projects/_/buckets/{segments[3]}"
    return f"{bucket}/objects/{segments[5]}" if len(segments) > 5 else bucket


def _resource(request: Request, tree: dict[str, object]) -> str:
    """The full name of what was changed: what the answer names, else what the path does."""
    for place in (("metadata", "target"), ("response", "name"), ("metadata", "name"), ("name",)):
        text = _text_at(tree, place)
        if text and "/operations/" not in text:
            return text
    path = "/".join(decode_segment(segment) for segment in request.path.strip("/").split("/"))
    head, _, last = path.rpartition("/")
    name = f"{head}/{last.partition(':')[0]}"
    begin = name.find("projects/") if "projects/" in name else name.find("namespaces/")
    return name[begin:] if begin >= 0 else name


def _text_at(tree: object, place: tuple[str, ...]) -> str:
    for name in place:
        if not isinstance(tree, dict):
            return ""
        tree = cast("dict[str, object]", tree).get(name)
    return tree if isinstance(tree, str) else ""
