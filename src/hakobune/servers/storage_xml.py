"""Cloud Storage XML API: buckets, and the way to objects. By Host (`storage.googleapis.com`, `BUCKET.storage…`), or as
`/BUCKET/OBJECT` on any name of ours, if there is such a bucket or the request shows a signature.

Source: Cloud Storage documentation, "XML API overview" and "Request endpoints".
"""

from __future__ import annotations

from dataclasses import replace

from hakobune.core.errors import HakobuneError, NotFound
from hakobune.core.objects.failures import NothingFound, NotOffered
from hakobune.core.objects.model import BucketSettings, ListQuery
from hakobune.core.objects.names import RESERVED_BUCKETS, successor
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, decode_segment
from hakobune.servers.http.router import MethodNotAllowed, Router
from hakobune.servers.iam_rules import Rules
from hakobune.servers.query import count
from hakobune.servers.storage_answers import nothing, xml_answer, xml_error
from hakobune.servers.storage_paths import xml_path
from hakobune.servers.storage_signatures import Signatures
from hakobune.servers.storage_xml_objects import StorageXmlObjects
from hakobune.servers.storage_xml_uploads import StorageXmlUploads
from hakobune.wire.storage_v1_signatures import is_signed_query
from hakobune.wire.storage_v1_xml import buckets_to_xml, location_to_xml, objects_to_xml

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
# What may be asked of a bucket or an object beside its content, and is not offered.
_SUBRESOURCES = frozenset(
    {
        "acl", "billing", "compose", "cors", "defaultObjectAcl", "delete", "encryption", "encryptionConfig",
        "lifecycle", "logging", "object-lock", "policy", "publicAccessBlock", "storageClass", "tagging", "versioning",
        "versions", "website", "websiteConfig",
    }
)  # fmt: skip
_KEYS_MAX = 1_000


class StorageXml:
    """Handlers over the objects room. Their errors are XML."""

    def __init__(self, runtime: Runtime) -> None:
        self._buckets = runtime.objects.buckets
        self._questions = runtime.objects.questions
        self._project = runtime.settings.project
        self._signatures = Signatures(runtime)
        self._rules = Rules(runtime)
        self._objects = StorageXmlObjects(runtime)
        self._uploads = StorageXmlUploads(runtime)

    def routes(self, router: Router) -> None:
        """Register the paths, after all others."""
        for method in _METHODS:
            router.add(method, "/{bucket}", self.by_path)
            router.add(method, "/{bucket}/{rest*}", self.by_path)

    async def by_path(self, request: Request) -> Response:
        """A request to a name of ours. Raises NotFound, in the form of the other APIs, if this is no bucket."""
        first = request.path.lstrip("/").partition("/")[0]
        if decode_segment(first).lower() in RESERVED_BUCKETS:
            raise _no_page(request)
        if not is_signed_query(request.query_fields()) and not await self._is_bucket(decode_segment(first)):
            raise _no_page(request)
        return await self.by_host(request, "")

    async def _is_bucket(self, name: str) -> bool:
        try:
            await self._buckets.get(name)
        except NothingFound:
            return False
        return True

    async def by_host(self, request: Request, bucket: str) -> Response:
        """A request to Cloud Storage's own name, in front of which the bucket may stand."""
        try:
            return await self._answer(request, bucket)
        except HakobuneError as error:
            return xml_error(error)

    async def _answer(self, request: Request, bucket: str) -> Response:
        signer = await self._signatures.signer(request, request.path)
        if signer:
            request.account = signer
            await self._rules.check(request, bucket)  # a signature lends its account's rights, and no more
        name, _, rest = xml_path(request, bucket).partition("/")
        if not name:
            return await self._service(request)
        asked = _SUBRESOURCES & request.query_fields().keys()
        if request.method == "POST" and not rest:
            asked -= {"delete"}
        if asked:
            raise NotOffered(f"XML API: ?{min(asked)} is not supported by this version of hakobune.")
        parameters = {"bucket": decode_segment(name), "object": decode_segment(rest)}
        found = replace(request, parameters=parameters)
        return await (self._object(found) if rest else self._bucket(found))

    async def _object(self, request: Request) -> Response:
        query = request.query_fields()
        is_upload = "uploads" in query or "uploadId" in query
        match request.method:
            case "GET" | "HEAD":
                return await (self._uploads.list_parts(request) if is_upload else self._objects.get(request))
            case "PUT" if is_upload:
                return await self._uploads.put_part(request)
            case "PUT":
                return await self._objects.put(request)
            case "DELETE":
                return await (self._uploads.abort(request) if is_upload else self._objects.delete(request))
            case "POST" if "uploads" in query:
                return await self._uploads.initiate(request)
            case "POST" if "uploadId" in query:
                return await self._uploads.complete(request)
            case "POST" if "x-goog-resumable" in request.headers:
                return await self._objects.start_session(request)
            case _:
                raise MethodNotAllowed(f"{request.method} is not allowed on objects.", "DELETE, GET, HEAD, POST, PUT")

    # -- buckets ------------------------------------------------------------------------------------------------

    async def _service(self, request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(f"{request.method} is not allowed here: use GET.", "GET")
        project = request.headers.get("x-goog-project-id") or self._project
        page = await self._buckets.list(project)
        return xml_answer(buckets_to_xml(page.items))

    async def _bucket(self, request: Request) -> Response:
        name = request.parameters["bucket"]
        query = request.query_fields()
        match request.method:
            case "GET" if "location" in query:
                return xml_answer(location_to_xml(await self._buckets.get(name)))
            case "GET" if "uploads" in query:
                return await self._uploads.list_all(request)
            case "GET":
                return await self._list(request)
            case "HEAD":
                await self._buckets.get(name)
                return Response(headers=[("Content-Type", "application/xml; charset=UTF-8")])
            case "PUT":
                project = request.headers.get("x-goog-project-id") or self._project
                await self._buckets.create(project, name, BucketSettings())
                return Response()
            case "DELETE":
                await self._buckets.delete(name)
                return nothing()
            case "POST" if "delete" in query:
                return await self._objects.delete_many(request)
            case "POST":
                raise NotOffered("XML API: uploads of HTML forms are not supported by this version of hakobune.")
            case _:
                raise MethodNotAllowed(f"{request.method} is not allowed on buckets.", "DELETE, GET, HEAD, PUT")

    async def _list(self, request: Request) -> Response:
        """Version 1 goes on after a marker, version 2 with a token."""
        query = request.query_fields()
        is_v2 = query.get("list-type") == "2"
        after = query.get("start-after" if is_v2 else "marker", "")
        limit = count(query["max-keys"], "max-keys") if query.get("max-keys") else _KEYS_MAX
        wanted = ListQuery(
            prefix=query.get("prefix", ""),
            delimiter=query.get("delimiter", ""),
            start_offset=_next(after, query.get("delimiter", "")),
            max_results=min(limit, _KEYS_MAX),
            page_token=query.get("continuation-token", "") if is_v2 else "",
        )
        page = await self._questions.list(request.parameters["bucket"], wanted)
        is_encoded = query.get("encoding-type") == "url"
        content = objects_to_xml(
            request.parameters["bucket"], wanted, page, after=after, is_v2=is_v2, is_url_encoded=is_encoded
        )
        return xml_answer(content)


def _next(after: str, delimiter: str) -> str:
    """The least name that comes after `after`; after a common prefix, what it stands for is behind us, too."""
    if not after:
        return ""
    behind = successor(after) if delimiter and after.endswith(delimiter) else None
    return behind or f"{after}\x01"  # no name holds a NUL


def _no_page(request: Request) -> NotFound:
    return NotFound(f"The requested URL {request.path[:200]} was not found on this server.")
