"""A client of the storage and messages APIs in a simulation: answers as they come over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import cast

from hakobune.servers.http.messages import Body, BodyCut, Response
from hakobune.testing.scenario import pause
from hakobune.testing.world import World

NOTHING_HAPPENED = frozenset({429, 503})  # what such an answer promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, object]:
        """The content, if it is an object of JSON."""
        return cast("dict[str, object]", json.loads(self.content or b"{}"))


class CutBody:
    """A body whose sender leaves before its end."""

    def __init__(self, content: bytes, sent_bytes: int) -> None:
        self._content = content[:sent_bytes]

    async def chunks(self) -> AsyncIterator[bytes]:
        """What came."""
        if self._content:
            yield self._content
        raise BodyCut("The sender has left.")


async def send(
    world: World, method: str, path: str, body: bytes | Body = b"", headers: Mapping[str, str] | None = None
) -> Reply | None:
    """One call. None: nobody knows what became of it."""
    response = await world.call(method, path, body, dict(headers or {}))
    return None if response is None else _received(response)


async def send_json(world: World, method: str, path: str, value: object) -> Reply | None:
    """As `send`, with a body of JSON."""
    return await send(world, method, path, json.dumps(value).encode(), {"content-type": "application/json"})


async def settle(
    world: World, method: str, path: str, value: object = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """Repeat a call that may be repeated until somebody answers. A `value` is its body, as JSON."""
    body = b"" if value is None else json.dumps(value).encode()
    tries = 0
    while True:
        reply = await send(world, method, path, body, headers)
        if reply is not None and reply.status not in NOTHING_HAPPENED:
            return reply
        await pause(tries)
        tries += 1


def _received(response: Response) -> Reply:
    try:
        content = response.content
        region = response.file
        if region is not None:
            content = os.pread(region.file.fileno(), region.size_bytes, region.offset)
    finally:
        response.close()
    headers = {name.lower(): value for name, value in response.headers}
    return Reply(status=response.status, headers=headers, content=content)
