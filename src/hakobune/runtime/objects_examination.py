"""Every object against its content file: what `doctor --fsck` does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import anyio

from hakobune.core.errors import HakobuneError, Unavailable
from hakobune.core.objects.checksums import crc32c_to_text
from hakobune.core.objects.model import ObjectVersion
from hakobune.runtime.objects_cleaning import strays_of
from hakobune.runtime.threads import Threads
from hakobune.store.api import Page, Store
from hakobune.store.blobs import Blobs
from hakobune.store.objects_api import StoredVersion

_AT_ONCE = 500
_REMEMBERED = 100_000  # contents: a copy of one of them is not read again
_PROBLEMS_MAX = 100  # that are told by name; all are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an examination found."""

    versions: int  # looked at
    size_bytes: int  # of content read
    damaged: int  # versions whose content is gone or differs
    strays: int  # content files that no row names
    problems: tuple[str, ...]  # for people; the first hundred


_NOTHING = Findings(versions=0, size_bytes=0, damaged=0, strays=0, problems=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an examination has come."""

    number: int
    versions: int
    size_bytes: int
    findings: Findings | None  # None: it is under way
    failure: str = ""  # why it ended early


class Examination:
    """Looks at all objects, one examination at a time: it may take long, so whoever wants one comes back to ask."""

    def __init__(self, store: Store, blobs: Blobs, threads: Threads) -> None:
        self._store = store
        self._blobs = blobs
        self._threads = threads
        self._progress = Progress(number=0, versions=0, size_bytes=0, findings=_NOTHING)
        self._wanted = anyio.Event()
        self._ended = anyio.Event()

    def begin(self) -> int:
        """The number of the examination that is under way, else of one that begins now."""
        if self._progress.findings is not None or self._progress.failure:
            number = self._progress.number + 1
            self._progress = Progress(number=number, versions=0, size_bytes=0, findings=None)
            self._ended = anyio.Event()
            self._wanted.set()
        return self._progress.number

    async def progress(self, wait_s: float) -> Progress:
        """Of the newest examination; waits for its end so long."""
        with anyio.move_on_after(wait_s):
            await self._ended.wait()
        return self._progress

    async def run(self) -> None:
        """Do what is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                findings = await self.examine()
                self._progress = replace(self._progress, findings=findings)
            except HakobuneError as error:
                self._progress = replace(self._progress, failure=error.message)
            self._ended.set()

    async def examine(self) -> Findings:
        """Read every content file once, compare size and CRC-32C, and count strays. It reads all bytes there are. What
        is deleted while it runs is no problem. Raises Unavailable: the store refuses."""
        versions = size_bytes = damaged = 0
        seen: dict[str, str] = {}  # content -> what is wrong with it: copies share one
        problems: list[str] = []
        async for version in self._versions():
            versions += 1
            if version.content not in seen:
                if len(seen) >= _REMEMBERED:
                    seen.clear()
                seen[version.content] = await self._problem(version)
                size_bytes += version.size_bytes
            self._progress = replace(self._progress, versions=versions, size_bytes=size_bytes)
            problem = seen[version.content]
            if problem:
                damaged += 1
                problems.append(f"{version.bucket}/{version.name}#{version.generation}: {problem}")
        strays = await self._strays()
        problems += [f"{stray}: no object names this content file" for stray in strays]
        return Findings(
            versions=versions,
            size_bytes=size_bytes,
            damaged=damaged,
            strays=len(strays),
            problems=tuple(problems[:_PROBLEMS_MAX]),
        )

    async def _versions(self) -> AsyncIterator[ObjectVersion]:
        page = Page(limit=_AT_ONCE)
        while found := await self._walk(page):
            for stored in found:
                yield stored.version
            page = Page(limit=_AT_ONCE, after=found[-1].cursor)

    async def _walk(self, page: Page) -> list[StoredVersion]:
        return await self._store.read(lambda tx: tx.objects.walk(page))

    async def _problem(self, version: ObjectVersion) -> str:
        """What is wrong with a version's content; "" if nothing is."""
        try:
            found = await self._threads.run(self._blobs.examine, version.content)
        except Unavailable as error:
            return f"its content file cannot be read: {error.message}"
        if found == (version.size_bytes, version.checksums.crc32c):
            return ""
        if found is None:
            is_known = await self._store.read(lambda tx: tx.objects.knows_content(version.content))
            return "its content file is gone" if is_known else ""
        size_bytes, crc32c = found
        if size_bytes != version.size_bytes:
            return f"its content file has {size_bytes} bytes instead of {version.size_bytes}"
        said, real = crc32c_to_text(version.checksums.crc32c), crc32c_to_text(crc32c)
        return f"its content file has the CRC-32C {real} instead of {said}"

    async def _strays(self) -> list[str]:
        found: list[str] = []
        for folder in await self._threads.run(self._blobs.folders):
            found += await strays_of(self._store, self._blobs, self._threads, folder)
        return found
