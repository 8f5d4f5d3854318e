"""Writers of a simulation: each changes its own names one after the other, with and without preconditions, and knows
after every answer, and every lost one, what must be there."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import cast
from urllib.parse import quote, urlsplit

import anyio

from hakobune.testing.checkers import Violation, demand
from hakobune.testing.data_client import NOTHING_HAPPENED, CutBody, Reply, send, send_json, settle
from hakobune.testing.data_plans import KEPT, WriterPlan
from hakobune.testing.object_model import Deed, Known, Seen, Shelf
from hakobune.testing.scenario import pause
from hakobune.testing.world import World

OBJECTS = "/storage/v1/b/{}/o"
UPLOADS = "/upload/storage/v1/b/{}/o"
_NAMES = ("a", "b/c", "d")
_SIZES = (0, 7, 300, 4_000)
_PIECES_MAX = 6  # of a resumable upload, then the rest comes whole
_TRIES_MAX = 300  # more than a runtime that crashes all the time can spoil


class Writer:
    """One of them."""

    def __init__(self, world: World, plan: WriterPlan, *, is_versioned: bool) -> None:
        self._world = world
        self._plan = plan
        self._rng = random.Random(plan.stream)
        self._names = tuple(f"{plan.name}/{name}" for name in _NAMES)
        self._number = 0
        self.shelf = Shelf(is_versioned=is_versioned)

    async def run(self) -> None:
        """All of its steps."""
        steps = (
            self._put,
            self._put,
            self._put_in_pieces,
            self._put_in_vain,
            self._delete,
            self._copy,
            self._move,
            self._compose,
            self._patch,
            self._read,
        )
        await self._put()
        for _ in range(self._plan.steps):
            await anyio.sleep(self._rng.choice((0.0, 0.0, 0.3, 4.0)))
            await self._rng.choice(steps)()

    # -- changes ------------------------------------------------------------------------------------------------------

    async def _put(self) -> None:
        name = self._rng.choice(self._names)
        query, is_refused = self._condition(name)
        content = self._content(name)
        deed = Deed(what=f"put {name}{query}", appears=name, content=content, is_refused=is_refused)
        await self._do(
            deed, await send(self._world, "POST", media_path(KEPT, name) + query, content, content_headers(content))
        )

    async def _put_in_vain(self) -> None:
        """The sender leaves, or says another checksum."""
        name = self._rng.choice(self._names)
        content = self._content(name)
        body: bytes | CutBody = CutBody(content, len(content) // 2)
        headers = content_headers(content)
        if self._rng.random() < 0.5:
            body, headers = content, {**headers, "x-goog-hash": "crc32c=AAAAAQ=="}
        deed = Deed(what=f"put {name} in vain", appears=name, content=content)
        reply = await send(self._world, "POST", media_path(KEPT, name), body, headers)
        if reply is not None and reply.status not in NOTHING_HAPPENED:
            demand(reply.status == 400, f"{deed.what}: answered {reply.status}")
        demand(await self._took_place(deed) == 0, f"{deed.what}: it is there")

    async def _delete(self) -> None:
        name = self._live_name()
        if name:
            query, is_refused = self._condition(name)
            deed = Deed(what=f"delete {name}{query}", goes=name, is_refused=is_refused)
            await self._do(deed, await send(self._world, "DELETE", f"{_path(name)}?{query}"))

    async def _copy(self) -> None:
        source = self._live_name()
        if source:
            target = self._other(source)
            query, is_refused = self._condition(target)
            known = self.shelf.live[source]
            deed = Deed(
                what=f"copy {source} to {target}{query}",
                appears=target,
                content=known.content,
                mark=known.mark,
                is_refused=is_refused,
            )
            path = f"{_path(source)}/rewriteTo/b/{KEPT}/o/{quote(target, safe='')}?{query}"
            await self._do(deed, await send_json(self._world, "POST", path, {}))

    async def _move(self) -> None:
        source = self._live_name()
        if source:
            target = self._other(source)
            query, is_refused = self._condition(target)
            content = self.shelf.live[source].content
            deed = Deed(
                what=f"move {source} to {target}{query}",
                appears=target,
                content=content,
                goes=source,
                is_refused=is_refused,
            )
            path = f"{_path(source)}/moveTo/o/{quote(target, safe='')}?{query}"
            await self._do(deed, await send_json(self._world, "POST", path, {}))

    async def _compose(self) -> None:
        parts = self._rng.choices(sorted(self.shelf.live), k=2) if self.shelf.live else []
        if parts:
            target = self._rng.choice(self._names)
            query, is_refused = self._condition(target)
            content = b"".join(self.shelf.live[part].content for part in parts)
            deed = Deed(what=f"compose {target}{query}", appears=target, content=content, is_refused=is_refused)
            body = {"sourceObjects": [{"name": part} for part in parts]}
            await self._do(deed, await send_json(self._world, "POST", f"{_path(target)}/compose?{query}", body))

    async def _patch(self) -> None:
        name = self._live_name()
        if name:
            query, is_refused = self._condition(name)
            self._number += 1
            mark = f"mark-{self._number}"
            deed = Deed(what=f"patch {name}{query}", marked=name, mark=mark, is_refused=is_refused)
            path, body = f"{_path(name)}?{query}", {"metadata": {"mark": mark}}
            await self._do(deed, await send_json(self._world, "PATCH", path, body))

    # -- resumable uploads --------------------------------------------------------------------------------------------

    async def _put_in_pieces(self) -> None:
        """What was acknowledged stays, whatever happens; the end is one instant."""
        name = self._rng.choice(self._names)
        content = self._content(name) + b"."
        deed = Deed(what=f"put {name} in pieces", appears=name, content=content)
        reply = await settle(
            self._world, "POST", f"{UPLOADS.format(KEPT)}?uploadType=resumable&name={_quoted(name)}", {}
        )
        demand(reply.status == 200, f"{deed.what}: its beginning was answered {reply.status}")
        address = urlsplit(reply.headers["location"])
        path = f"{address.path}?{address.query}"
        if self._rng.random() < 0.15:
            await self._cancel(path, deed)
            return
        stored = 0
        for piece in range(_TRIES_MAX):
            sent_bytes = self._rng.randint(0, len(content) - stored) if piece < _PIECES_MAX else len(content)
            sent = await self._send_piece(path, content, stored, sent_bytes)
            if sent is not None and sent.status == 200:
                reply = sent
            else:
                reply = await settle(self._world, "PUT", path, headers={"content-range": "bytes */*"})
            if reply.status == 200:
                self.shelf.did(deed, _generation(reply))
                return
            stored = _stored(deed.what, reply, stored, len(content))
            await pause(piece)
        raise Violation(f"{deed.what}: whole, and never done")

    async def _send_piece(self, path: str, content: bytes, stored: int, sent_bytes: int) -> Reply | None:
        """The rest of the content, perhaps with some of what is stored already; its sender may leave before its end."""
        first = self._rng.choice((stored, stored, stored // 2))
        rest = content[first:]
        if not rest:
            return None
        headers = {
            "content-range": f"bytes {first}-{len(content) - 1}/{len(content)}",
            "content-length": str(len(rest)),
        }
        body = rest if sent_bytes >= len(rest) else CutBody(rest, sent_bytes)
        return await send(self._world, "PUT", path, body, headers)

    async def _cancel(self, path: str, deed: Deed) -> None:
        reply = await settle(self._world, "DELETE", path)
        demand(reply.status in {404, 499}, f"{deed.what}: its cancel was answered {reply.status}")  # 404: a second one
        reply = await settle(self._world, "PUT", path, headers={"content-range": "bytes */*"})
        demand(reply.status == 404, f"{deed.what}: cancelled, and answered {reply.status}")
        demand(await self._took_place(deed) == 0, f"{deed.what}: cancelled, and it is there")

    # -- what became of it --------------------------------------------------------------------------------------------

    async def _do(self, deed: Deed, reply: Reply | None) -> None:
        """Understand the answer to a deed. Raises Violation: it says what is not, or a precondition was ignored."""
        generation = 0
        if reply is None:
            generation = await self._took_place(deed)
            demand(not generation or not deed.is_refused, f"{deed.what}: a precondition was ignored")
        elif reply.status in NOTHING_HAPPENED:
            demand(await self._took_place(deed) == 0, f"{deed.what}: answered {reply.status}, and it took place")
        elif deed.is_refused:
            demand(reply.status == 412, f"{deed.what}: a precondition does not hold, and the answer is {reply.status}")
            demand(await self._took_place(deed) == 0, f"{deed.what}: refused, and it took place")
        else:
            demand(reply.status in {200, 204}, f"{deed.what}: answered {reply.status}: {reply.content[:200]!r}")
            generation = _generation(reply) if deed.appears else 1
        if generation:
            self.shelf.did(deed, generation)

    async def _took_place(self, deed: Deed) -> int:
        """The generation that appeared (1 if nothing appears); 0: it did not take place."""
        seen = {name: await self._look(name) for name in deed.names}
        if not self.shelf.has_happened(deed, seen):
            return 0
        found = seen.get(deed.appears)
        return 1 if found is None else found.generation

    async def _look(self, name: str) -> Seen | None:
        reply = await settle(self._world, "GET", _path(name))
        demand(reply.status in {200, 404}, f"get {name}: answered {reply.status}")
        return None if reply.status == 404 else seen_from_json(reply.json())

    async def _read(self) -> None:
        """What is read is what was written, whole."""
        name = self._rng.choice(self._names)
        known = self.shelf.live.get(name)
        generation = ""
        old = sorted(version for version in self.shelf.old if version[0] == name)
        if old and self._rng.random() < 0.5:
            known = self.shelf.old[self._rng.choice(old)]
            generation = f"&generation={known.generation}"
        reply = await settle(self._world, "GET", f"{_path(name)}?alt=media{generation}")
        check_content(f"read {name}{generation}", reply, known)

    # -- draws --------------------------------------------------------------------------------------------------------

    def _content(self, name: str) -> bytes:
        self._number += 1
        size_bytes = self._rng.choice(_SIZES)
        line = f"{name} {self._number} of {size_bytes}\n".encode()
        return line + random.Random(line).randbytes(size_bytes)

    def _live_name(self) -> str:
        return self._rng.choice(sorted(self.shelf.live)) if self.shelf.live else ""

    def _other(self, name: str) -> str:
        return self._rng.choice([other for other in self._names if other != name])

    def _condition(self, name: str) -> tuple[str, bool]:
        """(the query of a precondition about a name, whether it does not hold)."""
        known = self.shelf.live.get(name)
        now = 0 if known is None else known.generation
        match self._rng.choice(("none", "none", "match", "match", "wrong", "not")):
            case "match":
                return f"&ifGenerationMatch={now}", False
            case "wrong":
                return f"&ifGenerationMatch={0 if now else self.shelf.newest + 1}", True
            case "not" if now:
                return f"&ifGenerationNotMatch={now}", True
            case _:
                return "", False


def seen_from_json(found: Mapping[str, object]) -> Seen:
    """A version, from its resource."""
    metadata = cast("Mapping[str, str]", found.get("metadata", {}))
    return Seen(
        generation=int(str(found["generation"])),
        metageneration=int(str(found["metageneration"])),
        mark=metadata.get("mark", ""),
    )


def check_content(what: str, reply: Reply, known: Known | None) -> None:
    """Raises Violation if a download is not what is known."""
    if known is None:
        demand(reply.status == 404, f"{what}: nothing is there, and the answer is {reply.status}")
        return
    demand(reply.status == 200, f"{what}: answered {reply.status}")
    demand(reply.content == known.content, f"{what}: {len(reply.content)} bytes, not the {len(known.content)} written")


def _stored(what: str, reply: Reply, before: int, size_bytes: int) -> int:
    """How much of a resumable upload is stored, by a 308."""
    demand(reply.status == 308, f"{what}: its state was answered {reply.status}")
    told = reply.headers.get("range", "")
    stored = int(told.rpartition("-")[2]) + 1 if told else 0
    demand(before <= stored <= size_bytes, f"{what}: {stored} bytes are stored, {before} were acknowledged")
    return stored


def _generation(reply: Reply) -> int:
    found = reply.json()
    resource = cast("Mapping[str, object]", found.get("resource", found))
    return int(str(resource["generation"]))


def _path(name: str) -> str:
    return f"{OBJECTS.format(KEPT)}/{quote(name, safe='')}"


def _quoted(name: str) -> str:
    return quote(name, safe="")


def media_path(bucket: str, name: str) -> str:
    """Where a whole content goes."""
    return f"{UPLOADS.format(bucket)}?uploadType=media&name={_quoted(name)}"


def content_headers(content: bytes) -> dict[str, str]:
    """What is said of it."""
    return {"content-length": str(len(content)), "content-type": "text/plain"}
