"""Schemas: made, revised, rolled back, listed, removed; and messages that must fit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hakobune.core.errors import (
    AlreadyExists,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
)
from hakobune.core.pubsub import limits
from hakobune.core.pubsub.messages import decode_body, encode_body
from hakobune.core.pubsub.model import Encoding, NewMessage, Schema, SchemaSettings, SchemaType
from hakobune.core.pubsub.names import SchemaName
from hakobune.runtime.clock import Identifiers
from hakobune.runtime.pubsub_schema_languages import SchemaLanguages
from hakobune.runtime.threads import Threads
from hakobune.runtime.wheel import Turn, Wheel
from hakobune.store.api import Page, ReadTx
from hakobune.store.pubsub_api import PubsubRead

DELETED_SCHEMA = "_deleted-schema_"  # what a topic shows whose schema is gone


def schema_of(pubsub: PubsubRead, name: SchemaName, revision: str = "") -> Schema:
    """Raises NotFound."""
    found = pubsub.find_schema(name, revision)
    if found is None:
        raise NotFound(f"Schema does not exist: {name}{'@' + revision if revision else ''}.")
    return found


class Schemas:
    """The desk of schemas."""

    def __init__(self, wheel: Wheel, identifiers: Identifiers, threads: Threads) -> None:
        self._wheel = wheel
        self._identifiers = identifiers
        self._languages = SchemaLanguages(threads)

    # -- revisions ----------------------------------------------------------------------------------------------

    async def create(self, name: SchemaName, kind: SchemaType, definition: str) -> Schema:
        """Raises AlreadyExists, InvalidArgument (the definition), ResourceExhausted."""
        await self.validate(kind, definition)

        def unit(turn: Turn) -> Schema:
            if turn.tx.pubsub.count_schemas(name.project) >= limits.SCHEMAS:
                raise ResourceExhausted(f"A project has at most {limits.SCHEMAS} schemas.")
            if turn.tx.pubsub.find_schema(name) is not None:
                raise AlreadyExists(f"Schema already exists: {name}.")
            return self._add(turn, name, kind, definition)

        return await self._wheel.turn(unit)

    async def commit(self, name: SchemaName, kind: SchemaType, definition: str) -> Schema:
        """A further revision. Raises NotFound, ResourceExhausted, InvalidArgument (the definition, its language)."""
        await self.validate(kind, definition)

        def unit(turn: Turn) -> Schema:
            newest = schema_of(turn.tx.pubsub, name)
            if newest.type is not kind:
                raise _wrong("schema.type", "a revision has the language of its schema")
            return self._revise(turn, name, kind, definition)

        return await self._wheel.turn(unit)

    async def rollback(self, name: SchemaName, revision: str) -> Schema:
        """A new revision with the definition of an old one. Raises NotFound, ResourceExhausted."""

        def unit(turn: Turn) -> Schema:
            old = schema_of(turn.tx.pubsub, name, revision)
            return self._revise(turn, name, old.type, old.definition)

        return await self._wheel.turn(unit)

    def _revise(self, turn: Turn, name: SchemaName, kind: SchemaType, definition: str) -> Schema:
        revisions = turn.tx.pubsub.list_schema_revisions(name, Page(limit=limits.SCHEMA_REVISIONS))
        if len(revisions) >= limits.SCHEMA_REVISIONS:
            raise ResourceExhausted(f"A schema has at most {limits.SCHEMA_REVISIONS} revisions: delete one first.")
        return self._add(turn, name, kind, definition)

    def _add(self, turn: Turn, name: SchemaName, kind: SchemaType, definition: str) -> Schema:
        schema = Schema(
            name=name,
            type=kind,
            definition=definition,
            revision_id=self._identifiers.uid().replace("-", "")[:8],
            revision_create_s=turn.now_s,
        )
        turn.tx.pubsub.add_schema(schema)
        return schema

    async def get(self, name: SchemaName, revision: str = "") -> Schema:
        """A revision; "" is the newest. Raises NotFound."""
        return await self._wheel.store.read(lambda tx: schema_of(tx.pubsub, name, revision))

    async def list(self, project: str, page: Page) -> list[Schema]:
        """The newest revision of each, by id."""
        return await self._wheel.store.read(lambda tx: tx.pubsub.list_schemas(project, page))

    async def list_revisions(self, name: SchemaName, page: Page) -> Sequence[Schema]:
        """Newest first. Raises NotFound."""

        def unit(tx: ReadTx) -> Sequence[Schema]:
            schema_of(tx.pubsub, name)
            return tx.pubsub.list_schema_revisions(name, page)

        return await self._wheel.store.read(unit)

    async def delete_revision(self, name: SchemaName, revision: str) -> Schema:
        """The newest revision that is left. Raises NotFound, InvalidArgument (it is the last one)."""

        def unit(turn: Turn) -> Schema:
            schema_of(turn.tx.pubsub, name, revision)
            if len(turn.tx.pubsub.list_schema_revisions(name, Page(limit=2))) == 1:
                raise _wrong("name", "the last revision of a schema goes with the schema: delete that")
            turn.tx.pubsub.remove_schema_revision(name, revision)
            return schema_of(turn.tx.pubsub, name)

        return await self._wheel.turn(unit)

    async def delete(self, name: SchemaName) -> None:
        """Topics that use it accept no messages any more. Raises NotFound."""

        def unit(turn: Turn) -> None:
            pubsub = turn.tx.pubsub
            schema_of(pubsub, name)
            for user in pubsub.remove_schema(name):
                topic = pubsub.find_topic(user)
                if topic is not None and topic.schema_settings is not None:
                    settings = replace(topic.schema_settings, schema=DELETED_SCHEMA)
                    pubsub.replace_topic(replace(topic, schema_settings=settings))

        await self._wheel.turn(unit)

    # -- validation ---------------------------------------------------------------------------------------------

    async def validate(self, kind: SchemaType, definition: str) -> None:
        """Raises InvalidArgument: no definition in this language; Unimplemented: its library is not installed."""
        if len(definition.encode()) > limits.SCHEMA_BYTES:
            raise _wrong("schema.definition", f"has at most {limits.SCHEMA_BYTES} bytes")
        await self._languages.check_definition(kind, definition)

    async def validate_message(self, kind: SchemaType, definition: str, data: bytes, encoding: Encoding) -> None:
        """Raises InvalidArgument: the definition is none, or the message does not fit it."""
        await self.validate(kind, definition)
        if encoding is Encoding.UNSPECIFIED:
            raise _wrong("encoding", "must be JSON or BINARY")
        problem = await self._languages.problem(kind, definition, data, encoding)
        if problem:
            raise InvalidArgument(f"The message does not fit the schema: {problem}.")

    async def fitted(self, settings: SchemaSettings, messages: Sequence[NewMessage]) -> Sequence[NewMessage]:
        """The messages with attributes that name the revision they fit. Raises InvalidArgument: one fits none."""
        revisions = await self._allowed(settings)
        revised: dict[int, NewMessage] = {}
        for place, message in enumerate(messages):
            data, attributes = decode_body(message.body)
            revision = await self._fitting(revisions, settings.encoding, data, place)
            named = {
                "googclient_schemaencoding": settings.encoding.value,
                "googclient_schemaname": settings.schema,
                "googclient_schemarevisionid": revision.revision_id,
            }
            revised[place] = message._replace(body=encode_body(data, {**attributes, **named}))
        return tuple(revised.values())

    async def _allowed(self, settings: SchemaSettings) -> Sequence[Schema]:
        """The revisions that messages of a topic may fit, newest first."""
        if settings.schema == DELETED_SCHEMA:
            raise FailedPrecondition("The schema of the topic is deleted: no message can be checked.")
        name = SchemaName.parse(settings.schema)
        found = await self.list_revisions(name, Page(limit=limits.SCHEMA_REVISIONS))
        ids = [revision.revision_id for revision in found]
        newest = ids.index(settings.last_revision_id) if settings.last_revision_id in ids else 0
        oldest = ids.index(settings.first_revision_id) if settings.first_revision_id in ids else len(ids) - 1
        return found[newest : oldest + 1]

    async def _fitting(self, revisions: Sequence[Schema], encoding: Encoding, data: bytes, place: int) -> Schema:
        problem = "the topic allows no revision"
        for revision in revisions:
            wrong = await self._languages.problem(revision.type, revision.definition, data, encoding)
            if not wrong:
                return revision
            problem = wrong
        raise InvalidArgument(
            f"Invalid data in message: message {place} does not fit the schema of the topic: {problem}.",
            violations=[FieldViolation(field=f"messages[{place}].data", description=problem)],
        )


def _wrong(field: str, text: str) -> InvalidArgument:
    return InvalidArgument(f"{field}: {text}.", violations=[FieldViolation(field=field, description=text)])
