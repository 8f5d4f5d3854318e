"""Compiled definitions, by revision. A plan never changes, so it is kept while it is asked for.

Deploys, executions and questions about executions have threads of their own: none of them waits for the others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from hakobune.core.workflows.build import InvalidDefinition, check_source, compile_source, problem_text
from hakobune.core.workflows.limits import Strictness
from hakobune.core.workflows.model import Revision
from hakobune.core.workflows.plan import Plan, make_plan
from hakobune.core.workflows.problem_texts import source_lines
from hakobune.runtime.shared_work import SharedWork
from hakobune.runtime.threads import Threads

_KEPT = 64  # plans: a file of 128 KB becomes about 2 MB
_COMPILED_AT_ONCE = 2  # for each purpose: a file of 128 KB takes a second of a core


class Plans:
    """Plans of revisions, compiled at most once while they are in use. Compiling never holds the loop."""

    def __init__(self, strictness: Strictness, threads: Threads) -> None:
        self._strictness = strictness
        self._deploys = threads.apart(_COMPILED_AT_ONCE)
        self._drives = threads.apart(_COMPILED_AT_ONCE)
        self._questions = threads.apart(1)
        self._shared = SharedWork[Plan]()
        self._kept: OrderedDict[str, Plan] = OrderedDict()

    async def check(self, source: str) -> Sequence[str]:
        """What its author is to be warned of, before it is deployed. Raises InvalidDefinition with all problems."""
        return await self._deploys.run(_checked, source, self._strictness)

    async def plan(self, workflow_uid: str, revision: Revision, *, is_question: bool = False) -> Plan:
        """The plan of a deployed revision: to go on with an execution, or to answer a question about one. Raises
        InvalidDefinition if this version cannot read it any more."""
        key = f"{workflow_uid}/{revision.id}"
        found = self._kept.get(key)
        if found is None:
            threads, shared = (self._questions, f"{key}?") if is_question else (self._drives, key)
            found = await self._shared.get(shared, partial(_compile, threads, revision.source_contents))
            self._kept[key] = found
            self._kept.move_to_end(key)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found


def _checked(source: str, strictness: Strictness) -> Sequence[str]:
    program, problems = check_source(source, strictness=strictness)
    if program is None:
        raise InvalidDefinition(problems, source)
    make_plan(program)
    lines = source_lines(source)
    return [problem_text(problem, lines) for problem in problems]


async def _compile(threads: Threads, source: str) -> Plan:
    # It was accepted when it was deployed: a limit that came later must not stop what runs.
    return await threads.run(compile_source, source, strictness=Strictness.OFF)
