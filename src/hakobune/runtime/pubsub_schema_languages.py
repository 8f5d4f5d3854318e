"""The languages of schemas: what is a definition, and which messages fit it.

The libraries come with `pip install hakobune[schemas]`: fastavro for Avro; protoc of grpcio-tools, and protobuf, for
Protocol Buffers (docs/decisions/0023). Without them schemas of the language are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from hakobune.core.errors import FieldViolation, InvalidArgument, Unimplemented
from hakobune.core.pubsub.model import Encoding, SchemaType
from hakobune.runtime.pubsub_avro import avro_checker
from hakobune.runtime.pubsub_protobuf import protobuf_checker
from hakobune.runtime.threads import Threads

_CHECKERS_KEPT = 256
_THREAD_BYTES = 65_536  # messages above this are checked in a worker thread: they take milliseconds


Checker = Callable[[bytes, Encoding], str]  # why a message does not fit; "" if it does

_LANGUAGES: dict[SchemaType, Callable[[str], Checker]] = {
    SchemaType.AVRO: avro_checker,
    SchemaType.PROTOCOL_BUFFER: protobuf_checker,
}


class SchemaLanguages:
    """Checks definitions and messages."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._read = lru_cache(maxsize=_CHECKERS_KEPT)(_checker)

    async def check_definition(self, kind: SchemaType, definition: str) -> None:
        """Raises InvalidArgument; Unimplemented: the library is not installed, or the definition asks for too much."""
        await self._threads.run(self._read, kind, definition)

    async def problem(self, kind: SchemaType, definition: str, data: bytes, encoding: Encoding) -> str:
        """Why a message does not fit; "" if it does. Raises as `check_definition`."""
        checker = await self._threads.run(self._read, kind, definition)
        if len(data) > _THREAD_BYTES:
            return await self._threads.run(checker, data, encoding)
        return checker(data, encoding)


def _checker(kind: SchemaType, definition: str) -> Checker:
    language = _LANGUAGES.get(kind)
    if language is None:
        text = "must be AVRO or PROTOCOL_BUFFER"
        raise InvalidArgument(
            f"schema.type: {text}.", violations=[FieldViolation(field="schema.type", description=text)]
        )
    try:
        return language(definition)
    except ImportError as error:
        raise Unimplemented(
            f"Pub/Sub schemas of type {kind} need a library that is not installed ({error.name}): "
            "pip install 'hakobune[schemas]'."
        ) from error
