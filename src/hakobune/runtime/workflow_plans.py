"""Compiled definitions, by revision. A plan never changes, so it is kept while it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial

import anyio

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.model import Revision
from hakobune.core.workflows.plan import Plan
from hakobune.runtime.shared_work import SharedWork
from hakobune.runtime.threads import Threads

_KEPT = 64  # plans: a file of 128 KB becomes about 2 MB
_COMPILED_AT_ONCE = 2  # a file of 128 KB takes a second of a core


class Plans:
    """Plans of revisions, compiled at most once while they are in use. Compiling never holds the loop."""

    def __init__(self, strictness: Strictness, threads: Threads) -> None:
        self._strictness = strictness
        self.threads = threads
        self._compiling = anyio.Semaphore(_COMPILED_AT_ONCE)
        self._shared = SharedWork[Plan]()
        self._kept: OrderedDict[str, Plan] = OrderedDict()

    async def compile(self, source: str) -> Plan:
        """Raises InvalidDefinition with all problems."""
        return await self._compile(source, self._strictness)

    async def plan(self, workflow_uid: str, revision: Revision) -> Plan:
        """The plan of a deployed revision. Raises InvalidDefinition if this version cannot read it any more."""
        key = f"{workflow_uid}/{revision.id}"
        found = self._kept.get(key)
        if found is None:
            # It was accepted when it was deployed: a limit that came later must not stop what runs.
            found = await self._shared.get(key, partial(self._compile, revision.source_contents, Strictness.OFF))
            self._kept[key] = found
            self._kept.move_to_end(key)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found

    async def _compile(self, source: str, strictness: Strictness) -> Plan:
        async with self._compiling:
            return await self.threads.run(compile_source, source, strictness=strictness)
