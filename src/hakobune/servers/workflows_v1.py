"""Workflows API v1 and v1beta: workflows and their revisions (https://cloud.google.com/workflows/docs/reference/rest)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from hakobune.core import paging
from hakobune.core.errors import FieldViolation, InvalidArgument, NotFound
from hakobune.core.filters import Order, filter_from_text, orders_from_text, sort
from hakobune.core.filters_of_workflows import WORKFLOW_FIELDS, WORKFLOW_ORDERS
from hakobune.core.names import WorkflowName, check_workflow_id
from hakobune.core.workflows.model import Workflow
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.operations import operation_response
from hakobune.servers.parents import PAGE_BYTES, cut, location_of, page_of, project_of
from hakobune.servers.query import flag, only
from hakobune.servers.run_v2 import body_of
from hakobune.store.api import Page
from hakobune.wire.pages import list_to_json
from hakobune.wire.run_v2 import empty_request_from_json
from hakobune.wire.workflows_v1 import workflow_draft_from_json, workflow_patch_from_json, workflow_to_json

# Defaults and largest pages. Source: the references of `workflows.list` and `workflows.listRevisions`.
_PAGE, _PAGE_MAX = 500, 1_000
_REVISIONS_PAGE, _REVISIONS_PAGE_MAX = 20, 100
_BATCH = 100  # workflows read at a time

Matches = Callable[[Workflow], bool] | None


def workflow_name(request: Request) -> WorkflowName:
    """The workflow in the path. Raises InvalidArgument."""
    found = request.parameters
    return WorkflowName.make(found["project"], found["location"], found["workflow"])


class WorkflowsV1:
    """Handlers over the workflows room."""

    def __init__(self, runtime: Runtime) -> None:
        self._workflows = runtime.workflows

    def routes(self, router: Router) -> None:
        """Register all paths."""
        for version in ("v1", "v1beta"):
            base = f"/{version}/projects/{{project}}/locations/{{location}}/workflows"
            one = base + "/{workflow}"
            table: list[tuple[str, str, str, Handler]] = [
                ("POST", base, "workflowId validateOnly", self.create),
                ("GET", base, "pageSize pageToken filter orderBy", self.list_all),
                ("GET", one, "revisionId", self.get),
                ("PATCH", one, "updateMask", self.patch),
                ("DELETE", one, "", self.delete),
                ("GET", one + ":listRevisions", "pageSize pageToken", self.list_revisions),
            ]
            for method, pattern, query, handler in table:
                router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`POST …/workflows?workflowId=`. `validateOnly` is an extension: the definition is checked, nothing kept."""
        workflow_id = request.query_fields().get("workflowId", "")
        if not workflow_id:
            raise InvalidArgument(
                "Missing required query parameter 'workflowId'.",
                violations=[FieldViolation(field="workflow_id", description="required")],
            )
        project, location = request.parameters["project"], request.parameters["location"]
        name = WorkflowName.make(project, location, check_workflow_id(workflow_id), field="parent")
        draft = workflow_draft_from_json(await body_of(request), name)
        operation = await self._workflows.changes.create(name, draft, validate_only=flag(request, "validateOnly"))
        return operation_response(request, operation)

    async def get(self, request: Request) -> Response:
        """`GET …/workflows/W`, with its latest revision or the one of `revisionId`."""
        revision = request.query_fields().get("revisionId", "")
        return json_response(workflow_to_json(await self._workflows.questions.get(workflow_name(request), revision)))

    async def patch(self, request: Request) -> Response:
        """`PATCH …/workflows/W`: the fields that `updateMask` names, without it all of them."""
        name = workflow_name(request)
        mask = request.query_fields().get("updateMask")
        wanted = workflow_patch_from_json(await body_of(request), name, mask)
        return operation_response(request, await self._workflows.changes.patch(name, wanted.draft, wanted.fields))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/workflows/W`: its executions are cancelled and deleted, too."""
        empty_request_from_json(await body_of(request))
        return operation_response(request, await self._workflows.changes.delete(workflow_name(request)))

    async def list_revisions(self, request: Request) -> Response:
        """`GET …/workflows/W:listRevisions`, newest first."""
        name = workflow_name(request)
        kind = f"revisions/{name}"
        page = page_of(request, kind, default=_REVISIONS_PAGE, most=_REVISIONS_PAGE_MAX)
        found, token = cut(await self._workflows.questions.list_revisions(name, page), page, kind, _ordinal)
        return json_response(list_to_json("workflows", [workflow_to_json(workflow) for workflow in found], token))

    # -- lists ----------------------------------------------------------------------------------------------------

    async def list_all(self, request: Request) -> Response:
        """`GET …/workflows`, by id; with `filter` those that match, with `orderBy` in that order. `-` stands for all
        locations."""
        project, location = project_of(request), location_of(request)
        fields = request.query_fields()
        text, order = fields.get("filter", ""), fields.get("orderBy", "")
        wanted = filter_from_text(text, WORKFLOW_FIELDS)
        orders = orders_from_text(order, WORKFLOW_ORDERS)
        kind = f"workflows/{project}/{location}?{text}&{order}"
        page = page_of(request, kind, default=_PAGE, most=_PAGE_MAX)
        matches = wanted.matches if wanted is not None else None
        if orders:
            found, after = await self._ordered(project, location, matches, orders, page)
        else:
            found, after = await self._by_id(project, location, matches, page)
        token = paging.encode(kind, after) if after else ""
        return json_response(list_to_json("workflows", [workflow_to_json(workflow) for workflow in found], token))

    async def _by_id(
        self, project: str, location: str | None, matches: Matches, page: Page
    ) -> tuple[list[Workflow], str]:
        """A page, and after which workflow the next one begins."""
        found: list[Workflow] = []
        size = 0
        async for workflow in self._all(project, location, page.after):
            if matches is not None and not matches(workflow):
                continue
            if len(found) == page.limit - 1 or size > PAGE_BYTES:
                return found, _place(found[-1])
            found.append(workflow)
            size += len(workflow.revision.source_contents)
        return found, ""

    async def _ordered(
        self, project: str, location: str | None, matches: Matches, orders: Sequence[Order], page: Page
    ) -> tuple[list[Workflow], str]:
        """A page, and at which place of the order the next one begins. All that match are sorted without sources."""
        found = [
            replace(workflow, revision=replace(workflow.revision, source_contents=""))
            async for workflow in self._all(project, location)
            if matches is None or matches(workflow)
        ]
        sort(found, orders, WORKFLOW_FIELDS)
        whole: list[Workflow] = []
        size = 0
        for place, workflow in enumerate(found[int(page.after or 0) :], int(page.after or 0)):
            if len(whole) == page.limit - 1 or size > PAGE_BYTES:
                return whole, str(place)
            with suppress(NotFound):  # it was deleted since
                whole.append(await self._workflows.questions.get(workflow.name))
                size += len(whole[-1].revision.source_contents)
        return whole, ""

    async def _all(self, project: str, location: str | None, after: str = "") -> AsyncGenerator[Workflow]:
        while True:
            batch = await self._workflows.questions.list_workflows(project, location, Page(limit=_BATCH, after=after))
            for workflow in batch:
                yield workflow
            if len(batch) < _BATCH:
                return
            after = _place(batch[-1])


def _place(workflow: Workflow) -> str:
    return f"{workflow.name.workflow}/{workflow.name.location}"


def _ordinal(workflow: Workflow) -> str:
    return str(workflow.revision.ordinal)
