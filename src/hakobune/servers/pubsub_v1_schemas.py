"""Pub/Sub API v1: schemas and their revisions."""

from __future__ import annotations

from hakobune.core.errors import FieldViolation, InvalidArgument
from hakobune.core.pubsub.model import Schema
from hakobune.core.pubsub.names import SchemaName
from hakobune.runtime.app import Runtime
from hakobune.servers.http.messages import Request, Response, json_response
from hakobune.servers.http.router import Handler, Router
from hakobune.servers.parents import cut, page_of, project_of
from hakobune.servers.pubsub_v1 import PAGE_FIELDS, PROJECT
from hakobune.servers.query import only
from hakobune.servers.run_v2 import body_of
from hakobune.wire.pages import list_to_json
from hakobune.wire.pubsub_v1 import (
    commit_from_json,
    rollback_from_json,
    schema_from_json,
    schema_name_and_revision,
    schema_to_json,
    trial_from_json,
    validation_from_json,
)
from hakobune.wire.run_v2 import empty_request_from_json

_VIEWS = {"": None, "SCHEMA_VIEW_UNSPECIFIED": None, "BASIC": False, "FULL": True}


def schema_name(request: Request) -> SchemaName:
    """The schema in the path. Raises InvalidArgument."""
    return SchemaName.make(request.parameters["project"], request.parameters["schema"])


class PubsubV1Schemas:
    """Handlers over the desk of schemas."""

    def __init__(self, runtime: Runtime) -> None:
        self._schemas = runtime.pubsub.schemas

    def routes(self, router: Router) -> None:
        """Register all paths."""
        base = PROJECT + "/schemas"
        one = base + "/{schema}"
        table: list[tuple[str, str, str, Handler]] = [
            ("POST", base, "schemaId", self.create),
            ("GET", base, PAGE_FIELDS + " view", self.list_all),
            ("POST", base + ":validate", "", self.validate),
            ("POST", base + ":validateMessage", "", self.validate_message),
            ("GET", one, "view", self.get),
            ("DELETE", one, "", self.delete),
            ("POST", one + ":commit", "", self.commit),
            ("POST", one + ":rollback", "", self.rollback),
            ("DELETE", one + ":deleteRevision", "revisionId", self.delete_revision),
            ("GET", one + ":listRevisions", PAGE_FIELDS + " view", self.list_revisions),
        ]
        for method, pattern, query, handler in table:
            router.add(method, pattern, only(query, handler))

    async def create(self, request: Request) -> Response:
        """`POST …/schemas?schemaId=`."""
        name = SchemaName.make(
            request.parameters["project"], request.query_fields().get("schemaId", ""), field="schema_id"
        )
        kind, definition = schema_from_json(await body_of(request), str(name))
        return json_response(schema_to_json(await self._schemas.create(name, kind, definition), is_full=True))

    async def get(self, request: Request) -> Response:
        """`GET …/schemas/S` or `…/schemas/S@REVISION`."""
        name, revision = schema_name_and_revision(request.parameters["schema"], request.parameters["project"])
        found = await self._schemas.get(name, revision)
        is_full = _is_full(request, default=True)
        return json_response(schema_to_json(found, is_full=is_full, shows_revision=bool(revision)))

    async def list_all(self, request: Request) -> Response:
        """`GET …/schemas`, by id."""
        project = project_of(request)
        kind = f"schemas/{project}"
        page = page_of(request, kind)
        is_full = _is_full(request, default=False)
        found, token = cut(await self._schemas.list(project, page), page, kind, _schema_id)
        return json_response(
            list_to_json("schemas", [schema_to_json(schema, is_full=is_full) for schema in found], token)
        )

    async def list_revisions(self, request: Request) -> Response:
        """`GET …/schemas/S:listRevisions`, newest first."""
        name = schema_name(request)
        kind = f"{name}/revisions"
        page = page_of(request, kind)
        is_full = _is_full(request, default=False)
        found, token = cut(await self._schemas.list_revisions(name, page), page, kind, _revision)
        trees = [schema_to_json(schema, is_full=is_full, shows_revision=True) for schema in found]
        return json_response(list_to_json("schemas", trees, token))

    async def commit(self, request: Request) -> Response:
        """`POST …/schemas/S:commit`."""
        name = schema_name(request)
        kind, definition = commit_from_json(await body_of(request), str(name))
        return json_response(schema_to_json(await self._schemas.commit(name, kind, definition), is_full=True))

    async def rollback(self, request: Request) -> Response:
        """`POST …/schemas/S:rollback`."""
        name = schema_name(request)
        revision = rollback_from_json(await body_of(request), str(name))
        return json_response(schema_to_json(await self._schemas.rollback(name, revision), is_full=True))

    async def delete_revision(self, request: Request) -> Response:
        """`DELETE …/schemas/S@REVISION:deleteRevision`; the old `?revisionId=` is understood, too."""
        empty_request_from_json(await body_of(request))
        name, revision = schema_name_and_revision(request.parameters["schema"], request.parameters["project"])
        revision = revision or request.query_fields().get("revisionId", "")
        if not revision:
            text = "must end in @REVISION"
            raise InvalidArgument(f"name: {text}.", violations=[FieldViolation(field="name", description=text)])
        return json_response(schema_to_json(await self._schemas.delete_revision(name, revision), is_full=True))

    async def delete(self, request: Request) -> Response:
        """`DELETE …/schemas/S`, with all revisions."""
        empty_request_from_json(await body_of(request))
        await self._schemas.delete(schema_name(request))
        return json_response({})

    async def validate(self, request: Request) -> Response:
        """`POST …/schemas:validate`."""
        project_of(request)
        kind, definition = validation_from_json(await body_of(request))
        await self._schemas.validate(kind, definition)
        return json_response({})

    async def validate_message(self, request: Request) -> Response:
        """`POST …/schemas:validateMessage`, against a stored schema or a definition."""
        project_of(request)
        trial = trial_from_json(await body_of(request))
        kind, definition = trial.type, trial.definition
        if trial.name:
            head, _, revision = trial.name.partition("@")
            found = await self._schemas.get(SchemaName.parse(head), revision)
            kind, definition = found.type, found.definition
        await self._schemas.validate_message(kind, definition, trial.message, trial.encoding)
        return json_response({})


def _is_full(request: Request, *, default: bool) -> bool:
    text = request.query_fields().get("view", "")
    if text not in _VIEWS:
        known = "must be BASIC or FULL"
        raise InvalidArgument(f"view: {known}.", violations=[FieldViolation(field="view", description=known)])
    chosen = _VIEWS[text]
    return default if chosen is None else chosen


def _schema_id(schema: Schema) -> str:
    return schema.name.id


def _revision(schema: Schema) -> str:
    return schema.revision_id
