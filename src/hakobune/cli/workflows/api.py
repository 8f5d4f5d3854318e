"""The Workflows and Workflow Executions APIs v1, as gcloud uses them (spec/workflows.md sections 8.1 and 8.3)."""

from __future__ import annotations

from hakobune.cli.document import Document, as_dict, list_at, text_at
from hakobune.cli.errors import ApiError
from hakobune.cli.run_api import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from hakobune.cli.session import Session
    from hakobune.cli.workflows.names import Name


class WorkflowsApi:
    """Workflows, executions and what belongs to them, by their full names."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, name: Name, **query: str) -> Document:
        """A workflow or an execution. Raises ApiError."""
        return self.read(str(name), query)

    def find(self, name: Name) -> Document | None:
        """A workflow, or None when there is none of that name."""
        try:
            return self.get(name)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def read(self, path: str, query: dict[str, str] | None = None, *, verb: str = "") -> Document:
        """What `GET /v1/PATH` answers, or `GET /v1/PATH:VERB`."""
        return self._session.call("GET", _target(path, query, verb=verb))

    def list(self, path: str, items: str, query: dict[str, str] | None = None, *, verb: str = "") -> Iterator[Document]:
        """All items of a collection, page by page, as they are asked for."""
        token = ""
        while True:
            page = self.read(path, {**(query or {}), **({"pageToken": token} if token else {})}, verb=verb)
            for item in list_at(page, items):
                yield as_dict(item)
            token = text_at(page, "nextPageToken")
            if not token:
                return

    def create(self, name: Name, workflow: Document) -> Document:
        """Make a workflow; answers an operation."""
        parent = f"projects/{name.project}/locations/{name.location}/workflows"
        return self._session.call("POST", _target(parent, {"workflowId": name.workflow}), workflow)

    def patch(self, name: Name, workflow: Document) -> Document:
        """Change the fields of `workflow`, which are all in the mask; answers an operation."""
        return self._session.call("PATCH", _target(str(name), {"updateMask": ",".join(sorted(workflow))}), workflow)

    def delete(self, name: Name) -> Document:
        """Delete a workflow; answers an operation."""
        return self._session.call("DELETE", _target(str(name)))

    def execute(self, name: Name, execution: Document) -> Document:
        """Start an execution."""
        return self._session.call("POST", _target(f"{name}/executions"), execution)

    def cancel(self, name: Name) -> Document:
        """Cancel an execution."""
        return self._session.call("POST", _target(str(name), verb="cancel"), {})


def _target(path: str, query: dict[str, str] | None = None, *, verb: str = "") -> str:
    target = "/v1/" + "/".join(quoted(part) for part in path.split("/"))
    if verb:
        target += f":{verb}"
    if query:
        target += "?" + "&".join(f"{quoted(key)}={quoted(value)}" for key, value in query.items())
    return target
