"""Journals as released versions wrote them. `python old_journals.py` adds those of this version that are missing.

A file that is there is never written again: what a released version wrote must be replayed for ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from runner import CASES, Case, play, runnable_cases

from hakobune.core.workflows.effects import AwaitCallback, Effect, HttpRequest, Wait, WriteLog
from hakobune.core.workflows.journal import VERSION
from hakobune.core.workflows.machine import Cancelled, Failed, Outcome, Succeeded

JOURNALS: Final = CASES / "journals"
CHOSEN: Final = (
    "errors_payload/recursion",
    "events/before-the-wait",
    "events/moved-server",
    "events/round-trip",
    "experimental/map",
    "http/status-400",
    "math_hash/uuid",
    "memory_limits/duration",
    "mixtures/fixed-order",
    "mixtures/parallel-begins-anew-in-a-retry",
    "parallel/concurrency-limit",
    "parallel/twenty-at-once",
    "parallel/unhandled-iterations",
    "parallel/call-in-a-branch",
    "sys/log-kinds",
    "sys/sleep",
    "try_retry/cancellation-cannot-be-caught",
    "try_retry/policy-object",
    "try_retry/predicate-subworkflow",
)


def told(outcome: Outcome | None) -> dict[str, Any]:
    """An outcome as JSON."""
    match outcome:
        case Succeeded():
            return {"result": outcome.result}
        case Failed():
            return {"payload": outcome.error.payload, "context": outcome.error.context}
        case Cancelled():
            return {"cancelled": True}
        case None:
            return {}


def named(effect: Effect) -> str:
    """What of an effect must never change for a journal that is there: what is done, and until when."""
    match effect:
        case HttpRequest():
            return f"{effect.method} {effect.url} {(effect.body or b'').decode()}"
        case Wait():
            return f"wait until {effect.until_s!r}"
        case WriteLog():
            return f"log {effect.severity} {effect.text if effect.json is None else json.dumps(effect.json)}"
        case AwaitCallback():
            return f"callback {effect.callback} until {effect.until_s!r}"


def recorded(case: Case) -> dict[str, Any]:
    """A case with the journal of its run."""
    run = play(case)
    return {
        "case": case.id,
        "source": case.source,
        "limits": case.fields.get("limits", {}),
        "rows": [row.decode() for row in run.journal],
        "calls": [[at, command.call, named(command.effect)] for at, command in run.issued],
        "steps": run.steps.internal + run.steps.external,
        "outcome": told(run.outcome),
    }


def read_journals() -> dict[str, Mapping[str, Any]]:
    """All journals of all versions, by their place in the folder."""
    paths = sorted(JOURNALS.glob("v*/*.json"))
    return {str(path.relative_to(JOURNALS)): json.loads(path.read_text(encoding="utf-8")) for path in paths}


def main() -> None:
    """Write what is missing for the current version of the journal."""
    folder: Path = JOURNALS / f"v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    cases = {case.id: case for case in runnable_cases()}
    for name in CHOSEN:
        path = folder / f"{name.replace('/', '.')}.json"
        if not path.exists():
            path.write_text(json.dumps(recorded(cases[name]), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
