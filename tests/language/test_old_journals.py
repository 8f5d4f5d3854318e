"""Journals of every released version are replayed: same calls, same end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from old_journals import named, read_journals, told

from hakobune.core.workflows.build import compile_source
from hakobune.core.workflows.journal import VERSION, decode
from hakobune.core.workflows.limits import RunLimits
from hakobune.core.workflows.machine import resume

JOURNALS = read_journals()


@pytest.mark.parametrize("journal", JOURNALS.values(), ids=list(JOURNALS))
def test_given_a_journal_that_a_released_version_wrote_when_replayed_then_it_tells_the_same(
    journal: Mapping[str, Any],
) -> None:
    plan = compile_source(journal["source"])
    limits = RunLimits(**journal["limits"])
    events = [decode(row.encode()) for row in journal["rows"]]
    answered: set[str] = set()
    for count, event in enumerate(events, start=1):
        answered.add(getattr(event.event, "call", ""))
        machine = resume(plan, events[:count], limits)
        asked = {call: text for at, call, text in journal["calls"] if at <= count}
        waiting = {call: named(command.effect) for call, command in machine.waiting.items()}
        assert waiting.items() <= asked.items()
        if machine.outcome is None and not machine.callbacks:
            assert waiting.keys() == asked.keys() - answered
    assert told(machine.outcome) == journal["outcome"]
    assert machine.steps.internal + machine.steps.external == journal["steps"]


def test_given_the_folder_then_the_current_version_has_its_journals() -> None:
    assert sum(name.startswith(f"v{VERSION}/") for name in JOURNALS) >= 10
