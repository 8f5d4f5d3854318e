"""The v1 (Knative-shaped) API of Cloud Run, as gcloud uses it (spec/run.md 5.1).

The region is in the host name (`us-central1-run.googleapis.com`), as it is for gcloud; without one a list goes over all
regions. Project ids and names are quoted into the path.
"""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.errors import ApiError, CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session

_RUN = "/apis/run.googleapis.com/v1/namespaces/"
_KNATIVE = "/apis/serving.knative.dev/v1/namespaces/"
_OF_KNATIVE = ("services", "revisions")
_DRY = {"dryRun": "all"}
_PAGE = 500  # items asked for at once; the server may answer fewer
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

TOO_MANY = (
    "Resource exhausted error. This may mean that too many executions are already running. Please wait until one"
    " completes before creating a new one."
)


class RunApi:
    """Jobs, services, worker pools and what is of them in one project, in one region or (`region=""`) in all."""

    def __init__(self, session: Session, region: str) -> None:
        self._session = session
        self.region = region
        self._host = f"{region}-run.googleapis.com" if region else "run.googleapis.com"

    def get(self, kind: str, name: str) -> Document:
        """One resource of `jobs`, `executions`, `services`, … Raises ApiError."""
        return self._call("GET", f"{kind}/{quoted(name)}")

    def find(self, kind: str, name: str) -> Document | None:
        """One resource, or None when there is none of that name."""
        try:
            return self.get(kind, name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: str, *, selector: str = "", limit: int | None = None) -> Iterator[Document]:
        """All resources of a kind that the label selector chooses, page by page, at most `limit`."""
        token = ""
        left = limit
        while True:
            query = {"limit": str(_PAGE if left is None else min(left, _PAGE))}
            if selector:
                query["labelSelector"] = selector
            if token:
                query["continue"] = token
            page = self._call("GET", kind, query=query)
            for item in list_at(page, "items"):
                yield as_dict(item)
                if left is not None:
                    left -= 1
                    if left <= 0:
                        return
            token = text_at(page, "metadata", "continue")
            if not token:
                return

    def create(self, kind: str, resource: Document, *, dry: bool = False) -> Document:
        """Make a resource, or with `dry` only check it. Raises CommandError when there is one of that name."""
        try:
            return self._call("POST", kind, resource, query=_DRY if dry else None)
        except ApiError as error:
            if error.code == 409:
                name = text_at(resource, "metadata", "name")
                raise CommandError(f"{text_at(resource, 'kind')} [{name}] already exists.") from error
            raise

    def replace(self, kind: str, resource: Document, *, dry: bool = False) -> Document:
        """Put a whole resource in place of the one of its name, or with `dry` only check it."""
        path = f"{kind}/{quoted(text_at(resource, 'metadata', 'name'))}"
        return self._call("PUT", path, resource, query=_DRY if dry else None)

    def run(self, job: str, overrides: Document, *, key: str = "") -> Document:
        """Start an execution; the same `key` names the same execution. Raises CommandError when there are too many."""
        body: Document = {"overrides": overrides} if overrides else {}
        headers = {"Idempotency-Key": key} if key else None
        try:
            return self._call("POST", f"jobs/{quoted(job)}:run", body, headers=headers)
        except ApiError as error:
            if error.code == 429:
                raise CommandError(TOO_MANY) from error
            raise

    def cancel(self, execution: str) -> Document:
        """Ask for the end of an execution."""
        return self._call("POST", f"executions/{quoted(execution)}:cancel", {})

    def delete(self, kind: str, name: str) -> None:
        """Delete a resource."""
        self._call("DELETE", f"{kind}/{quoted(name)}", query={"propagationPolicy": "Background"})

    def _call(
        self,
        method: str,
        path: str,
        body: Document | None = None,
        *,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Document:
        prefix = _KNATIVE if path.partition("/")[0] in _OF_KNATIVE else _RUN
        target = f"{prefix}{quoted(self._session.project)}/{path}"
        if query:
            target += "?" + "&".join(f"{quoted(key)}={quoted(value)}" for key, value in query.items())
        return self._session.call(method, target, body, host=self._host, headers=headers)


def quoted(text: str) -> str:
    """`text` as one segment of a path (RFC 3986); `urllib` would cost 15 ms to import."""
    return "".join(
        character if character in _UNRESERVED else "".join(f"%{byte:02X}" for byte in character.encode("utf-8"))
        for character in text
    )
