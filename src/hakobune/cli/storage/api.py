"""The JSON API of Cloud Storage v1, as far as the commands need it (spec/storage_pubsub.md sections 3 to 15)."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.run_api import quoted
from hakobune.cli.storage.transport import HttpError, Transport
from hakobune.cli.storage.urls import CloudUrl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_ROOT = "/storage/v1"
PAGE = 1000  # objects asked for at once; the most that the API gives
_NOT_SERVED = frozenset({404, 405, 501})

Query = dict[str, str]


class Page:
    """One page of a list of objects: those under the prefix, and the folders that the delimiter makes."""

    __slots__ = ("objects", "prefixes")

    def __init__(self, objects: list[Document], prefixes: list[str]) -> None:
        self.objects = objects
        self.prefixes = prefixes


class StorageApi:
    """Buckets and objects of one project."""

    def __init__(self, session: Session) -> None:
        self.transport = Transport(session)
        self._project = session.project
        self._moves_between = True  # our own method is there, until it says no

    # -- buckets ----------------------------------------------------------------------------------------------------

    def buckets(self, prefix: str = "") -> Iterator[Document]:
        """The buckets of the project, page by page."""
        query = {"project": self._project, "projection": "full"} | ({"prefix": prefix} if prefix else {})
        for page in self._pages("/b", query):
            yield from (as_dict(item) for item in list_at(page, "items"))

    def bucket(self, name: str, *, is_full: bool = False) -> Document:
        """A bucket. Raises HttpError."""
        return self._call("GET", f"/b/{quoted(name)}", {"projection": "full" if is_full else "noAcl"})

    def create_bucket(self, bucket: Document, query: Query) -> Document:
        """Make a bucket. Raises HttpError."""
        return self._call("POST", "/b", {"project": self._project, **query}, bucket)

    def patch_bucket(self, name: str, change: Document, query: Query | None = None) -> Document:
        """Change a bucket. Raises HttpError."""
        return self._call("PATCH", f"/b/{quoted(name)}", {"projection": "full", **(query or {})}, change)

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket. Raises HttpError."""
        self._call("DELETE", f"/b/{quoted(name)}", {})

    def bucket_policy(self, name: str) -> Document:
        """The IAM policy of a bucket."""
        return self._call("GET", f"/b/{quoted(name)}/iam", {"optionsRequestedPolicyVersion": "3"})

    def set_bucket_policy(self, name: str, policy: Document) -> Document:
        """Replace the IAM policy of a bucket; its etag, if it has one, must be the current one."""
        return self._call("PUT", f"/b/{quoted(name)}/iam", {}, policy)

    def service_agent(self) -> str:
        """The account with which the store acts."""
        return text_at(self._call("GET", f"/projects/{quoted(self._project)}/serviceAccount", {}), "email_address")

    # -- notifications ----------------------------------------------------------------------------------------------

    def notifications(self, bucket: str) -> list[Document]:
        """The notification configurations of a bucket."""
        found = self._call("GET", f"/b/{quoted(bucket)}/notificationConfigs", {})
        return [as_dict(item) for item in list_at(found, "items")]

    def notification(self, bucket: str, number: str) -> Document:
        """One notification configuration. Raises HttpError."""
        return self._call("GET", f"/b/{quoted(bucket)}/notificationConfigs/{quoted(number)}", {})

    def create_notification(self, bucket: str, notification: Document) -> Document:
        """Tell a topic about the objects of a bucket. Raises HttpError."""
        return self._call("POST", f"/b/{quoted(bucket)}/notificationConfigs", {}, notification)

    def delete_notification(self, bucket: str, number: str) -> None:
        """No longer tell. Raises HttpError."""
        self._call("DELETE", f"/b/{quoted(bucket)}/notificationConfigs/{quoted(number)}", {})

    # -- objects ----------------------------------------------------------------------------------------------------

    def pages(
        self,
        bucket: str,
        prefix: str = "",
        *,
        is_flat: bool = True,
        with_versions: bool = False,
        is_soft_deleted: bool = False,
        page_size: int = PAGE,
    ) -> Iterator[Page]:
        """The objects whose names begin with `prefix`; not flat: without what lies in its folders. Raises HttpError."""
        query = {"projection": "full", "maxResults": str(page_size)}
        query |= {"prefix": prefix} if prefix else {}
        query |= {} if is_flat else {"delimiter": "/"}
        query |= {"versions": "true"} if with_versions else {}
        query |= {"softDeleted": "true"} if is_soft_deleted else {}
        for page in self._pages(f"/b/{quoted(bucket)}/o", query):
            objects = [as_dict(item) for item in list_at(page, "items")]
            yield Page(objects, [str(item) for item in list_at(page, "prefixes")])

    def get_object(self, url: CloudUrl, **query: str) -> Document:
        """The metadata of an object. Raises HttpError."""
        return self._call("GET", _object_path(url), {"projection": "full", **_generation(url), **query})

    def find_object(self, url: CloudUrl) -> Document | None:
        """The metadata of an object, or None where there is none."""
        try:
            return self.get_object(url)
        except HttpError as error:
            if error.code == 404 and not error.message.startswith("The specified bucket"):
                return None
            raise

    def patch_object(self, url: CloudUrl, change: Document, query: Query | None = None) -> Document:
        """Change the metadata of an object. Raises HttpError."""
        all_query = {"projection": "full", **_generation(url), **(query or {})}
        return self._call("PATCH", _object_path(url), all_query, change, is_repeatable=True)

    def delete_object(self, url: CloudUrl, query: Query | None = None) -> None:
        """Delete an object; gone is gone, also when the first answer was lost. Raises HttpError."""
        tries = 0

        def once() -> None:
            nonlocal tries
            tries += 1
            try:
                self.transport.send("DELETE", target(_object_path(url), {**_generation(url), **(query or {})})).close()
            except HttpError as error:
                if error.code != 404 or tries == 1:
                    raise

        self.transport.patiently(once)

    def restore_object(self, url: CloudUrl, query: Query) -> Document:
        """Bring a deleted generation back under a new one. Raises HttpError."""
        return self._call("POST", f"{_object_path(url)}/restore", {**_generation(url), **query})

    def rewrite(self, source: CloudUrl, to: CloudUrl, metadata: Document | None, query: Query) -> Document:
        """Copy in the store; answers the new object. Raises HttpError."""
        path = f"{_object_path(source)}/rewriteTo{_object_path(to)}"
        all_query = {"projection": "full", **query}
        if source.generation:
            all_query["sourceGeneration"] = source.generation
        while True:
            found = self._call("POST", path, all_query, metadata or {}, is_repeatable=True)
            if found.get("done") is True:
                return as_dict(found.get("resource"))
            all_query["rewriteToken"] = text_at(found, "rewriteToken")

    def move(self, source: CloudUrl, to: CloudUrl, query: Query) -> Document:
        """Rename in the store, in one instant, also between buckets. Raises HttpError."""
        if source.bucket == to.bucket:
            return self._call("POST", f"{_object_path(source)}/moveTo/o/{quoted(to.name)}", query)
        if self._moves_between:
            path = f"/hakobune/v1{_object_path(source)}/moveTo{_object_path(to)}"
            try:
                return self.transport.json("POST", path + _query_text(query))
            except HttpError as error:
                if error.code not in _NOT_SERVED or error.message.startswith(("The specified", "No such object")):
                    raise
                self._moves_between = False
        return self._copy_and_delete(source, to, query)

    def compose(self, to: CloudUrl, body: Document, query: Query) -> Document:
        """Join objects of a bucket. Raises HttpError."""
        return self._call("POST", f"{_object_path(to)}/compose", query, body)

    def _copy_and_delete(self, source: CloudUrl, to: CloudUrl, query: Query) -> Document:
        """Where no move is served: not one instant, but the source goes only in the generation that was copied."""
        generation = source.generation or text_at(self.get_object(source), "generation")
        pinned = CloudUrl(source.bucket, source.name, generation)
        made = self.rewrite(pinned, to, None, query)
        self.delete_object(source if source.generation else CloudUrl(source.bucket, source.name),
                           {"ifGenerationMatch": generation})  # fmt: skip
        return made

    def _pages(self, path: str, query: Query) -> Iterator[Document]:
        token = ""
        while True:
            page = self._call("GET", path, {**query, **({"pageToken": token} if token else {})})
            yield page
            token = text_at(page, "nextPageToken")
            if not token:
                return

    def _call(
        self, method: str, path: str, query: Query, body: object = None, *, is_repeatable: bool | None = None
    ) -> Document:
        return self.transport.json(method, target(path, query), body, is_repeatable=is_repeatable)


def target(path: str, query: Query, root: str = _ROOT) -> str:
    """A path with its query, for the metadata methods or below another root."""
    return root + path + _query_text(query)


def object_path(url: CloudUrl) -> str:
    """`/b/BUCKET/o/OBJECT`, each name one segment."""
    return _object_path(url)


def _object_path(url: CloudUrl) -> str:
    return f"/b/{quoted(url.bucket)}/o/{quoted(url.name)}"


def _query_text(query: Query) -> str:
    return "?" + "&".join(f"{quoted(key)}={quoted(value)}" for key, value in query.items()) if query else ""


def _generation(url: CloudUrl) -> Query:
    return {"generation": url.generation} if url.generation else {}
