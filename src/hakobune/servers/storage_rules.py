"""Which permissions a request to Cloud Storage needs, when policies are enforced: every way to the bytes of an object,
of both APIs. What is not told apart needs whoever may change the bucket. (docs/decisions/0020)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from hakobune.servers.http.messages import Request, decode_segment
from hakobune.servers.storage_paths import Parts, Place, move_place, object_place, xml_path

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_GET = "storage.objects.get"
_LIST = "storage.objects.list"
_CREATE = "storage.objects.create"
_DELETE = "storage.objects.delete"
_UPDATE = "storage.objects.update"
_CHANGE_BUCKET = "storage.buckets.update"

_COPY_SOURCE = "x-goog-copy-source"
_BUCKET_METHODS = {"DELETE": "storage.buckets.delete"}
# In the order in which they win; what follows is the path below the bucket.
_PREFIXES = (
    "/storage/v1/download/b/",
    "/download/storage/v1/b/",
    "/resumable/upload/storage/v1/b/",
    "/upload/storage/v1/b/",
    "/hakobune/v1/b/",
    "/storage/v1/b/",
)
_BUCKETS = "/storage/v1/b"
_BATCHES = frozenset({"/batch", "/batch/storage/v1"})


@dataclass(frozen=True, slots=True)
class Need:
    """A permission on a bucket, or ("") on a project."""

    permission: str
    bucket: str = ""
    project: str = ""


def json_needs(request: Request) -> list[Need] | None:
    """What a call of the JSON API needs; None if it is no call of that API. Reads of buckets' own settings need no more
    than a good token, and the calls in a batch are looked at one by one. Raises InvalidArgument."""
    path = "/" + request.path.lstrip("/")
    if path in _BATCHES:
        return []
    if path == _BUCKETS:
        is_read = request.method in _READS
        return [] if is_read else [Need("storage.buckets.create", project=request.query_fields().get("project", ""))]
    prefix = next((prefix for prefix in _PREFIXES if path.startswith(prefix)), None)
    if prefix is None:
        return None
    segment, _, below = path.removeprefix(prefix).partition("/")
    return list(_below_bucket(request, prefix, decode_segment(segment), below))


def _below_bucket(request: Request, prefix: str, bucket: str, below: str) -> Iterator[Need]:
    method = "GET" if request.method in _READS else request.method
    kind, slash, rest = below.partition("/")
    if "upload" in prefix:
        yield Need(_CREATE, bucket)
    elif "download" in prefix:
        yield Need(_GET, bucket)
    elif kind == "o" and not slash:
        yield Need(_LIST if method == "GET" else _CREATE, bucket)
    elif kind == "o" and prefix == "/hakobune/v1/b/":
        yield from _moved(bucket, move_place(rest) or {})
    elif kind == "o":
        yield from _of_object(method, bucket, object_place(method, rest))
    elif kind == "iam" and method != "GET":
        yield Need("storage.buckets.setIamPolicy", bucket)
    elif method != "GET":
        yield Need(_CHANGE_BUCKET if below else _BUCKET_METHODS.get(method, _CHANGE_BUCKET), bucket)


def _of_object(method: str, bucket: str, found: tuple[Place, Parts] | None) -> Iterator[Need]:
    if method == "GET":
        yield Need(_GET, bucket)
        return
    place, parts = found or (Place.OBJECT, {})
    match place:
        case Place.REWRITE | Place.COPY:
            yield Need(_GET, bucket)
            yield Need(_CREATE, decode_segment(parts["to_bucket"]))
        case Place.MOVE:
            yield from _moved(bucket, parts)
        case Place.COMPOSE:
            yield Need(_GET, bucket)
            yield Need(_CREATE, bucket)
        case Place.RESTORE:
            yield Need(_CREATE, bucket)
        case Place.ACL | Place.POLICY | Place.OBJECT:
            yield Need(_DELETE if method == "DELETE" and place is Place.OBJECT else _UPDATE, bucket)


def _moved(bucket: str, parts: Mapping[str, str]) -> Iterator[Need]:
    yield Need(_GET, bucket)
    yield Need(_DELETE, bucket)
    yield Need(_CREATE, decode_segment(parts.get("to_bucket", "")) or bucket)


def xml_needs(request: Request, host_bucket: str, default_project: str) -> list[Need]:
    """What a request of the XML API needs. `host_bucket` stands in front of the host; "": in the path. Raises
    InvalidArgument."""
    segment, _, name = xml_path(request, host_bucket).partition("/")
    bucket = decode_segment(segment)
    is_read = request.method in _READS
    project = request.headers.get("x-goog-project-id") or default_project
    if not bucket:
        return [Need("storage.buckets.list", project=project)]
    if not name:
        return [_of_xml_bucket(request, bucket, project)]
    if request.method == "DELETE" and "uploadId" not in request.query_fields():
        return [Need(_DELETE, bucket)]
    needs = [Need(_GET if is_read else _CREATE, bucket)]
    if _COPY_SOURCE in request.headers:
        source = unquote(request.headers[_COPY_SOURCE].lstrip("/")).partition("/")[0]
        needs.append(Need(_GET, source))
    return needs


def _of_xml_bucket(request: Request, bucket: str, project: str) -> Need:
    match request.method:
        case "GET" if "location" not in request.query_fields():
            return Need(_LIST, bucket)
        case "GET" | "HEAD" | "OPTIONS":
            return Need("storage.buckets.get", bucket)
        case "PUT":
            return Need("storage.buckets.create", project=project)
        case "POST" if "delete" in request.query_fields():  # of many objects
            return Need(_DELETE, bucket)
        case "POST" if "delete" in request.query_fields():
            return Need(_DELETE, bucket)
        case _:
            return Need(_BUCKET_METHODS.get(request.method, _CREATE), bucket)
