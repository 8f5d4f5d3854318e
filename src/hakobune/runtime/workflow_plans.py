"""Compiled definitions, by revision. A plan never changes, so it is kept while it is asked for."""

from __future__ import annotations

from collections import OrderedDict

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.model import Revision
from hakobune.core.workflows.plan import Plan

_KEPT = 64  # plans: a file of 128 KB becomes about 2 MB


class Plans:
    """Plans of revisions, compiled at most once while they are in use."""

    def __init__(self, strictness: Strictness) -> None:
        self._strictness = strictness
        self._kept: OrderedDict[tuple[str, str], Plan] = OrderedDict()

    def compile(self, source: str) -> Plan:
        """Raises InvalidDefinition with all problems."""
        return compile_source(source, strictness=self._strictness)

    def plan(self, workflow_uid: str, revision: Revision) -> Plan:
        """The plan of a deployed revision. Raises InvalidDefinition if this version cannot read it any more."""
        key = (workflow_uid, revision.id)
        found = self._kept.get(key)
        if found is None:
            # It was accepted when it was deployed: a limit that came later must not stop what runs.
            found = compile_source(revision.source_contents, strictness=Strictness.OFF)
            self._kept[key] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found
